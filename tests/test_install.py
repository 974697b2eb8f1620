"""The base install: what it gives, and that it needs no more than pyproject's dependencies.

It is tried in a virtual environment that has these packages alone, as links to those that are installed here.
"""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable
from functools import cache
from importlib import import_module, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import trio_lab
from trio_lab import errors

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
WITH_MORE = ("under_", "labelled_", "test_")  # examples that need a server or pytest; the tests in tests/docs run them
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements_of(requirements: list[str]) -> list[Requirement]:
    """These, and those of the distributions that they need, with their extras."""
    found: dict[tuple[str, ...], Requirement] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), *sorted(wanted.extras), str(wanted.specifier))
        if key in found:
            continue
        found[key] = wanted
        for needed in map(Requirement, metadata.requires(wanted.name) or []):
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return [*found.values()]


def closure(requirements: list[str]) -> set[str]:
    """The distributions that these need, and those that they need themselves."""
    return {canonicalize_name(wanted.name) for wanted in requirements_of(requirements)}


@pytest.fixture(scope="module")
def base_and(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Makes an environment with the base install and ``others``, and returns its interpreter."""

    @cache
    def make(*others: str) -> str:
        folder = tmp_path_factory.mktemp("base")
        venv.create(folder, symlinks=True)
        [site] = folder.glob("lib/python*/site-packages")
        (site / "trio_lab").symlink_to(ROOT / "trio_lab")
        for name in closure([*PROJECT["dependencies"], *others]):
            distribution = metadata.distribution(name)
            for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
                (site / top).symlink_to(distribution.locate_file(top))
        return str(folder / "bin" / "python")

    return make


@pytest.fixture(scope="module")
def python(base_and: Callable[..., str]) -> str:
    """The interpreter of an environment with the base install alone."""
    return base_and()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")


@pytest.mark.parametrize(
    "path",
    [one for one in EXAMPLES if not one.name.startswith(WITH_MORE)],
    ids=lambda path: path.name,
)
def test_examples_run_in_the_base_install(python: str, path: Path) -> None:
    done = run(python, str(path))
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_project_rehearses_an_overload_with_the_base_install_and_pytest_trio(base_and: Callable[..., str]) -> None:
    python = base_and("pytest-trio")
    example = ROOT / "docs" / "examples" / "test_overload.py"
    done = run(python, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", "-W", "error", str(example))
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_every_public_name_is_there_in_the_base_install(python: str) -> None:
    done = run(python, "-c", "import trio_lab; print([getattr(trio_lab, name) for name in dir(trio_lab)])")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["serve", "load", "run"])
@pytest.mark.parametrize("others", [[], ["cyclopts"]], ids=["base", "cyclopts is there"])
def test_the_command_says_what_to_install(base_and: Callable[..., str], command: str, others: list[str]) -> None:
    done = run(base_and(*others), "-m", "trio_lab", command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "pip install 'trio-lab[lab]'" in done.stderr


def test_a_watch_costs_the_import_of_trio_and_little_more(python: str) -> None:
    program = "import sys, trio; had = {*sys.modules}; import trio_lab; trio_lab.observe; print(*{*sys.modules} - had)"
    modules = set(run(python, "-c", program).stdout.split())
    assert "trio_lab.loop.observe" in modules
    loaded = {name for name in modules if not name.startswith("trio_lab")}
    assert {name.partition(".")[0] for name in loaded if "sysconfigdata" not in name} <= sys.stdlib_module_names
    assert len(loaded) < 10, loaded


def test_the_public_names_are_listed_and_known_to_type_checkers() -> None:
    stub = ast.parse((ROOT / "trio_lab" / "__init__.pyi").read_text())
    typed = {
        (node.module, alias.name) for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == {(module, name) for module, names in trio_lab._PUBLIC.items() for name in names}
    assert set(dir(trio_lab)) == {name for _, name in typed} | {"__version__"}
    for module, name in typed:
        assert getattr(trio_lab, name) is getattr(import_module(f"trio_lab.{module}"), name)


def test_the_errors_of_the_pools_and_of_the_gate_are_public() -> None:
    of_the_lab = {"ChildLost", "LabLost", "ServiceLost", "UsageError", "Closed"}
    defined = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    assert defined - of_the_lab <= set(dir(trio_lab))


def test_there_is_one_version() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert metadata.version("trio-lab") == trio_lab.__version__


def test_the_constraints_pin_all_that_the_checks_need_to_what_it_may_be() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = [pin for pin in map(Requirement, lines) if pin.marker is None or pin.marker.evaluate()]
    versions = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}
    for wanted in requirements_of(["trio-lab[dev]"]):
        if wanted.name != "trio-lab":
            assert wanted.specifier.contains(versions[canonicalize_name(wanted.name)]), wanted


def test_type_checkers_of_other_projects_find_the_package() -> None:
    """They look along plain paths, as `PathFinder` does, and follow no import hook of an editable install."""
    program = "from importlib.machinery import PathFinder; print(PathFinder.find_spec('trio_lab').origin)"
    found = Path(run(sys.executable, "-I", "-c", program).stdout.strip()).parent
    assert found == ROOT / "trio_lab"
    assert (found / "py.typed").exists()
