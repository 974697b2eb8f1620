"""Contract: a program without the guard gets one error that names it, and starts no chain of processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trio_lab.errors import JobError
from trio_lab.worker.importing import Importing

from .programs import OPEN, environment, run

# Each process of a program says that it is there.
HEAD = f"""
import os, sys, trio, trio_lab
open(os.path.join(os.environ["STARTED"], str(os.getpid())), "w").close()
{OPEN}
def double(n):
    return 2 * n
"""
START = "print(trio.run(pooled, double, 21))\n"
IN_NURSERY = """
async def main():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pooled, double, 21)
trio.run(main)
"""
SWALLOWED = """
try:
    print(trio.run(pooled, double, 21))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
IN_A_JOB = """
def job():
    import service
print(trio.run(pooled, job))
"""
GUARDED = f'if __name__ == "__main__":\n    {START}'

PROGRAMS = {
    "the main file": {"program.py": HEAD + START},
    "in a nursery": {"program.py": HEAD + IN_NURSERY},
    "caught, and an exit": {"program.py": HEAD + SWALLOWED},
    "a module that the main file imports": {"service.py": HEAD + START, "program.py": "import service\n"},
    "a main file that imports such a module": {
        "service.py": HEAD + START,
        "program.py": HEAD.replace("import", "import service,", 1) + GUARDED,
    },
    "a package's main module": {"__main__.py": HEAD + START, "__init__.py": ""},
    "a job's class": {
        "service.py": HEAD + "class Point: pass\ndef double(n): pass\ntrio.run(pooled, double, Point())\n",
        "program.py": "import service\n",
    },
}


def started(folder: Path, **files: str) -> tuple[str, int]:
    """What a program wrote to standard error, and how many processes it had."""
    (folder / "started").mkdir()
    (folder / "app").mkdir()
    for name, text in files.items():
        (folder / "app" / name).write_text(text)
    env = environment(STARTED=str(folder / "started"), PYTHONPATH=f"{folder / 'app'}:{environment()['PYTHONPATH']}")
    command = ["-m", "app"] if "__main__.py" in files else [str(folder / "app" / "program.py")]
    done = run(*command, env=env, cwd=folder, code=1)
    assert "42" not in done.stdout
    return done.stderr, len(os.listdir(folder / "started"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_pool_that_is_opened_at_import_is_one_error_that_names_the_guard(name: str, tmp_path: Path) -> None:
    said, processes = started(tmp_path, **PROGRAMS[name])
    assert processes == 2
    assert 'if __name__ == "__main__":' in said
    outcome = said.strip().rpartition("JobError: ")[2].partition("\n")[0]
    assert outcome.startswith("open_worker_pool was called while a worker imported what its job needs")


def test_a_job_that_imports_such_a_module_ends_the_chain_too(tmp_path: Path) -> None:
    service = HEAD + START
    program = HEAD + IN_A_JOB.replace("print", 'if __name__ == "__main__": print')
    said, processes = started(tmp_path, **{"service.py": service, "program.py": program})
    assert processes == 3
    assert "JobError: open_worker_pool was called while a worker imported" in said


def test_an_unguarded_exit_and_error_say_where_they_come_from(tmp_path: Path) -> None:
    exits = f"import trio, trio_lab, sys\n{OPEN}\ndef double(n): return n\n"
    (tmp_path / "program.py").write_text(
        exits + "if __name__ == '__main__': trio.run(pooled, double, 1)\nsys.exit(3)\n"
    )
    said = run(tmp_path / "program.py", code=1).stderr
    assert "program.py ended with SystemExit(3) when a worker ran it" in said
    (tmp_path / "program.py").write_text(
        exits + "if __name__ == '__main__':\n    trio.run(pooled, double, 1)\nelse:\n    open('/nowhere/at/all')\n"
    )
    said = run(tmp_path / "program.py", code=1).stderr
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'" in said
    assert f"This was raised when a worker ran {tmp_path / 'program.py'}" in said


def test_a_main_module_that_failed_is_run_again_for_the_next_job(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import os, trio, trio_lab\n"
        "GATE = os.environ['GATE']\n"
        "if __name__ != '__main__' and not os.path.exists(GATE):\n    open(GATE, 'w').close(); raise LookupError('first')\n"
        "def double(n): return 2 * n\n"
        "async def main():\n"
        "    async with trio_lab.open_worker_pool(size=1) as pool:\n"
        "        try:\n            await pool.run(double, 21)\n"
        "        except LookupError as error:\n            print(error, await pool.run(double, 21))\n"
        "if __name__ == '__main__': trio.run(main)\n"
    )
    assert run(tmp_path / "program.py", env=environment(GATE=str(tmp_path / "gate"))).stdout == "first 42\n"


def test_a_main_file_is_not_blamed_for_a_pool_that_was_refused_before() -> None:
    importing = Importing()
    importing.depth = 4
    with pytest.raises(JobError, match="in a worker of a worker"):
        importing.check_pool("open")
    with pytest.raises(LookupError, match="its own"), importing.running("program.py"):
        raise LookupError("its own")


def test_pools_may_be_opened_by_jobs_but_not_without_end() -> None:
    importing = Importing()
    for importing.depth in range(4):
        importing.check_pool("open")
    importing.depth = 4
    with pytest.raises(JobError, match="in a worker of a worker, 4 pools deep"):
        importing.check_pool("open")
