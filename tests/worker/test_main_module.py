"""Contract: a worker finds the program's main module again, however that was started, and classes travel both ways."""

from __future__ import annotations

import compileall
import zipapp
from pathlib import Path

import pytest

from .programs import OPEN, run

# A program that pickles a call, has it run by another interpreter as a worker would, and compares what comes back.
PROGRAM = """
import pickle, subprocess, sys
IMPORT
SCALE = int(sys.argv[1])

class Result:
    def __init__(self, value: "int") -> None:
        self.value = value

def double(result):
    return Result(2 * result.value * SCALE)

def __annotated(n: int):  # a name that begins like Python's own
    return n

def where(n):  # a name like one that the stand-in might have
    return n + 1

def annotation():
    return __annotated.__annotations__["n"]  # a string, if this were compiled with another file's `from __future__`

THEIRS = \"\"\"
import pickle, sys
from trio_lab.worker.main_module import Main, stand_in
sys.path[:], sys.argv[:], where, calls = pickle.load(sys.stdin.buffer)
stand_in(Main(*where))
import __main__, __mp_main__
assert __main__ is __mp_main__
results = [fn(*args) for fn, args in map(pickle.loads, calls)]
sys.stdout.buffer.write(pickle.dumps(results))
\"\"\"

def main():
    from trio_lab.pools.program import main_module
    jobs = [(where, (4,)), (double, (Result(3),)), (__annotated, (4,)), (annotation, ())]
    calls = [pickle.dumps(job) for job in jobs]
    hello = pickle.dumps((sys.path, sys.argv, tuple(main_module()), calls))
    done = subprocess.run([sys.executable, "-c", THEIRS], input=hello, stdout=-1, check=True)
    five, result, four, kind = pickle.loads(done.stdout)
    assert type(result) is Result
    assert (result.value, four, five, kind) == (6000, 4, 5, int), (result.value, four, five, kind)
    print("found", __name__)

if __name__ == "__main__":
    CHANGE
    main()
"""

RELATIVE = "from .sibling import sibling; from . import sibling as same; assert sibling() == 'here'"


def program(imported: str = "", change: str = "pass") -> str:
    return PROGRAM.replace("IMPORT", imported, 1).replace("CHANGE", change)


def lay_out(folder: Path, text: str, name: str) -> None:
    """A package ``package`` with this program in it, and a module to import."""
    package = folder / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "sibling.py").write_text("def sibling():\n    return 'here'\n")
    (package / name).write_text(text)


CHANGES = {
    "as it is": "pass",
    "none": "globals()['__spec__'] = None",
    "text": "globals()['__spec__'] = \"ModuleSpec(name='builtins', loader=<class 'BuiltinImporter'>)\"",
    "another module": "import json; globals()['__spec__'] = json.__spec__",
    "renamed": "__spec__ and setattr(__spec__, 'name', 'no.such.module')",
    "gone": "globals().pop('__spec__')",
    "elsewhere": "import os; os.chdir('/')",
}


FORMS = {
    "a script": CHANGES,
    "-m package.prog": CHANGES,
    "-m package": ["as it is", "renamed", "none"],
    "a folder": ["as it is", "none"],
    "a zip file": ["as it is", "renamed", "gone", "elsewhere"],
}


@pytest.mark.parametrize(("form", "how"), [(form, how) for form, changes in FORMS.items() for how in changes])
def test_a_job_of_the_main_module_is_found(form: str, how: str, tmp_path: Path) -> None:
    change = CHANGES[how]
    if form == "a script":
        (tmp_path / "prog.py").write_text(program(change=change))
        command = ["prog.py"]
    elif form.startswith("-m"):
        name = "prog.py" if "." in form else "__main__.py"
        lay_out(tmp_path, program(RELATIVE, change), name)
        command = form.split()
    else:
        lay_out(tmp_path / "app", "", "unused.py")
        (tmp_path / "app" / "__main__.py").write_text(program("from package.sibling import sibling", change))
        command = ["app"]
        if form == "a zip file":
            zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
            command = ["app.pyz"]
    assert run(*command, "1000", cwd=tmp_path).stdout == "found __main__\n"


def test_a_main_file_needs_no_suffix(tmp_path: Path) -> None:
    (tmp_path / "hypercorn").write_text(program())
    assert run("hypercorn", "1000", cwd=tmp_path).stdout == "found __main__\n"


def test_a_main_file_may_be_compiled_or_in_another_encoding(tmp_path: Path) -> None:
    source = tmp_path / "prog.py"
    source.write_bytes(b"# coding: latin-1\nWORD = '\xe9'; assert len(WORD) == 1\n" + program().encode())
    assert compileall.compile_file(str(source), legacy=True, quiet=2)
    for name in ("prog.py", "prog.pyc"):
        assert run(name, "1000", cwd=tmp_path).stdout == "found __main__\n"


def test_the_main_module_of_another_programs_future_keeps_its_own(tmp_path: Path) -> None:
    text = program("").replace("4, 5, int)", '4, 5, "int")')
    (tmp_path / "prog.py").write_text("from __future__ import annotations\n" + text)
    assert run("prog.py", "1000", cwd=tmp_path).stdout == "found __main__\n"


POOLED = f"""
import sys, trio, trio_lab
from dataclasses import dataclass
{OPEN}
@dataclass
class Trouble(Exception):
    value: int

def nothing():
    pass

def scale():
    return int(sys.argv[1])

def fail(value):
    raise Trouble(value)

def inner(depth):
    return trio.run(pooled, inner, depth - 1) if depth else scale()

if __name__ == "__main__":
    assert trio.run(pooled, scale) == 1000
    assert trio.run(pooled, inner, 1) == 1000
    try:
        trio.run(pooled, fail, 5)
    except Trouble as error:
        assert error.value == 5
        print("whole")
"""


def test_jobs_errors_and_pools_in_jobs_of_a_main_file(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(POOLED)
    assert run(tmp_path / "program.py", "1000").stdout == "whole\n"


SPAWNED = f"""
import multiprocessing, trio, trio_lab
{OPEN}
def double(n):
    return 2 * n

def child(method):
    assert trio.run(pooled, double, 21) == 42
    print(method, flush=True)

if __name__ == "__main__":
    for method in ("spawn", "fork", "forkserver"):
        process = multiprocessing.get_context(method).Process(target=child, args=(method,))
        process.start()
        process.join()
"""


def test_a_process_of_multiprocessing_may_open_a_pool(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SPAWNED)
    assert run(tmp_path / "program.py").stdout == "spawn\nfork\nforkserver\n"


TYPED = f"""
import trio, trio_lab
{OPEN}
def double(n): return 2 * n

trio.run(pooled, double, 21)
"""


@pytest.mark.parametrize(("command", "stdin"), [(("-c", TYPED), ""), (("-",), TYPED), (("-i", "-q"), TYPED)])
def test_a_program_that_was_typed_in_is_told_where_to_put_its_jobs(command: tuple[str, ...], stdin: str) -> None:
    done = run(*command, code=None, input=stdin)
    assert "put the functions and classes of jobs into a module" in done.stderr
    assert done.stderr.count("typed in") == 1 + done.stderr.count("In the worker")


def test_what_stands_under_the_guard_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        f"import trio, trio_lab\n{OPEN}\nif __name__ == '__main__':\n"
        "    def hidden(): pass\n    trio.run(pooled, hidden)\n"
    )
    said = run(tmp_path / "program.py", code=1).stderr
    assert "AttributeError: Can't get attribute 'hidden' on <the main module" in said
    assert 'at its top level, outside of `if __name__ == "__main__":`' in said
