"""Contract: the worker's interpreter is the program's, whatever options that was started with."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from .programs import OPEN, ROOT, environment, run

FACTS = """
import sys, warnings
def facts():
    unbuffered = sys.stdout.write_through
    return [list(sys.flags), __debug__, sys.warnoptions, sys._xoptions, sys.executable, sys.argv, sys.path,
            [(action, category.__name__) for action, _, category, *_ in warnings.filters], sys.get_int_max_str_digits(),
            sys.pycache_prefix, "sitecustomize" in sys.modules]
"""

# Two interpreters only: no pool, no Trio.
DIRECT = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
{FACTS}
import json, subprocess
from trio_lab.pools.program import environment, interpreter
theirs = "import sys, json; exec(sys.stdin.read()); print(json.dumps(facts()[:5] + facts()[7:]))"
command = [*interpreter(), "-c", theirs]
said = subprocess.run(command, env=environment(), input={FACTS!r}, capture_output=True, text=True, check=True).stdout
ours = json.loads(json.dumps(facts()[:5] + facts()[7:]))
assert json.loads(said) == ours, (command, said, ours)
"""

OPTIONS = [
    "",
    "-I",
    "-O",
    "-OO",
    "-E",
    "-s",
    "-S",
    "-B",
    "-P",
    "-u",
    "-b",
    "-bb",
    "-q",
    "-d",
    "-R",
    "-I -O -B",
    "-E -s -P -OO",
    "-X dev",
    "-X dev -W error",
    "-X dev -bb -W ignore::DeprecationWarning",
    "-X utf8",
    "-X utf8=0",
    "-X int_max_str_digits=5000",
    "-X pycache_prefix=/tmp/nowhere",
    "-X no_debug_ranges",
    "-X frozen_modules=off",
    "-X warn_default_encoding",
    "-X faulthandler",
    "-X tracemalloc=3",
    "-X ours=a=b -X mark -X empty=",
    "-W error",
    "-W error::UserWarning -W ignore -W error::UserWarning",
    "-W ignore:a.text:DeprecationWarning",
    "-I -X dev -X utf8 -O -W default",
]
SETTINGS: list[dict[str, str]] = [
    {"PYTHONOPTIMIZE": "2"},
    {"PYTHONWARNINGS": "error::UserWarning,ignore", "PYTHONDEVMODE": "1"},
    {"PYTHONHASHSEED": "0"},
    {"PYTHONHASHSEED": "7", "PYTHONSAFEPATH": "1"},
    {"PYTHONUTF8": "1", "PYTHONINTMAXSTRDIGITS": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"},
    {"LANG": "C"},
    {"LANG": "C", "LC_ALL": "C"},
    {"LANG": "C", "PYTHONUTF8": "0"},
    {"PYTHONINSPECT": "1"},
]


def cases() -> list[tuple[str, dict[str, str]]]:
    plain: list[tuple[str, dict[str, str]]] = [(options, {}) for options in OPTIONS]
    both = [(options, setting) for setting in SETTINGS for options in ("-W error::UserWarning", "-E -R")]
    return plain + both


@pytest.mark.parametrize(("options", "setting"), cases(), ids=lambda value: str(value) or "none")
def test_a_worker_has_the_options_of_the_program(options: str, setting: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "facts.py").write_text(DIRECT)
    env = {name: value for name, value in environment().items() if name not in ("LANG", "LC_ALL", "LC_CTYPE")}
    run(*options.split(), tmp_path / "facts.py", env=env | setting, stdin=-3)


PROGRAM = f"""
import sys
sys.path[:0] = [entry for entry in {[str(ROOT), *sys.path]!r} if entry not in sys.path]
import json, trio, trio_lab
{FACTS + OPEN}
if __name__ == "__main__":
    sys.argv.append("added")
    theirs, ours = json.loads(json.dumps([trio.run(pooled, facts), facts()]))
    assert theirs == ours, (theirs, ours)
    print("same")
"""


@pytest.mark.parametrize("options", ["", "-I -O -X mark", "-W error -bb -B"])
def test_a_job_sees_what_the_program_sees(options: str, tmp_path: Path) -> None:
    """The customization that lies on PYTHONPATH included, which ``-I`` and ``-E`` ignore."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "sitecustomize.py").write_text("")
    env = environment()
    env["PYTHONPATH"] = f"{tmp_path}:{env['PYTHONPATH']}"
    assert run(*options.split(), tmp_path / "program.py", "8", "--flag", env=env).stdout == "same\n"


def test_a_file_in_the_working_directory_shadows_no_module_of_a_worker(tmp_path: Path) -> None:
    for name in ("json", "pickle", "signal", "contextlib", "fcntl", "trio_lab", "resource"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "program.py").write_text(
        f"import os, trio, trio_lab\n{OPEN}\n"
        "if __name__ == '__main__':\n    print(trio.run(pooled, os.path.basename, 'a/b'))\n"
    )
    assert run(tmp_path / "below" / "program.py", cwd=tmp_path).stdout == "b\n"


def test_an_interpreter_without_a_path_starts_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from trio_lab.pools.program import interpreter

    monkeypatch.setattr(sys, "executable", None)
    with pytest.raises(OSError, match=r"sys\.executable is not set"):
        interpreter()


def test_facts_are_told_apart() -> None:
    """The comparison itself: another option is another value."""
    source = f"import json\n{FACTS}\nprint(json.dumps(facts()[:4]))"
    seen = {run(*options.split(), "-c", source).stdout for options in ("", "-O", "-W error", "-X mark", "-B")}
    assert len({json.dumps(json.loads(facts)) for facts in seen}) == 5
