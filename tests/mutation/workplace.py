"""One part's folder in .mutants/: a copy of the program and of its tests, where mutmut works and keeps its results.

mutmut writes the outcome of each mutant as it goes, so a run that was interrupted goes on where it stopped. It keeps the
outcomes of functions that did not change; those that survived are tried again when a test has changed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from .parts import Part
from .source import MARK, prepared

ROOT = Path(__file__).parents[2]
_INTERRUPTED = 2


def folder(name: str) -> Path:
    return ROOT / ".mutants" / name


def run(name: str, part: Part) -> None:
    """Try each mutant of this part that has no outcome yet. Raises CalledProcessError if mutmut fails."""
    place = folder(name)
    _copy_program(place / "trio_lab")
    _copy(ROOT / "tests", place / "tests")
    _write(place / "pyproject.toml", _settings(part))
    _forget_what_may_have_changed(place, part)
    command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "1"]
    subprocess.run(command, cwd=place, check=True)


def metas(name: str, part: Part) -> dict[str, Path]:
    """Where mutmut keeps the outcomes, by module."""
    mutated = folder(name) / "mutants"
    modules = sorted(path for pattern in part.modules for path in (ROOT / "trio_lab").glob(pattern))
    places = {str(path.relative_to(ROOT)): mutated / f"{path.relative_to(ROOT)}.meta" for path in modules}
    return {module: meta for module, meta in places.items() if meta.exists()}


def _settings(part: Part) -> str:
    values = {
        "source_paths": ["trio_lab"],
        "only_mutate": [f"trio_lab/{pattern}" for pattern in part.modules],
        "do_not_mutate_patterns": [MARK],
        "pytest_add_cli_args_test_selection": [f"tests/{path}" for path in part.tests],
        "pytest_add_cli_args": [
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--hypothesis-profile=mutants",
            "--timeout=10",
        ],
        "process_isolation": "forkserver",  # a fork of a process that has run tests has threads that are not there
        "timeout_multiplier": 4.0,
        "timeout_constant": 5.0,  # a crowded machine must not count as a kill; `--timeout` ends most loops before
        "track_dependencies": False,
        "use_git_change_detection": False,
    }
    # JSON's booleans, strings, numbers and lists are TOML's.
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    return project + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n"


def _copy_program(place: Path) -> None:
    for path in (ROOT / "trio_lab").rglob("*"):
        copy = place / path.relative_to(ROOT / "trio_lab")
        if path.suffix == ".py":
            _write(copy, prepared(path.read_text("utf-8")))
        elif path.is_file() and path.suffix != ".pyc" and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _copy(source: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))


def _write(path: Path, text: str) -> None:
    """Only if it is another text: mutmut looks at the time of the last change."""
    if path.exists() and path.read_text("utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _forget_what_may_have_changed(place: Path, part: Part) -> None:
    """Survivors may die by a test that is new. A kill stands."""
    digest = hashlib.sha256()
    tests = [place / "tests" / path for path in part.tests]
    for path in sorted((place / "tests").rglob("*.py")):
        if not path.name.startswith("test_") or path in tests or any(folder in path.parents for folder in tests):
            digest.update(path.read_bytes())
    noted = place / "tests.sha256"
    changed = not noted.exists() or noted.read_text() != digest.hexdigest()
    forgotten = (_INTERRUPTED, 0, 33) if changed else (_INTERRUPTED,)
    for meta in (place / "mutants").rglob("*.meta"):
        data = json.loads(meta.read_text("utf-8"))
        outcomes = data["exit_code_by_key"]
        data["exit_code_by_key"] = {key: None if code in forgotten else code for key, code in outcomes.items()}
        meta.write_text(json.dumps(data, indent=4), "utf-8")
    if changed:
        (place / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    noted.write_text(digest.hexdigest())
