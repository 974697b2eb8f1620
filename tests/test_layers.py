"""Unit: a module imports only from lower layers, and no modules import each other in a circle.

The table of layers is DESIGN's; a package that is not in it fails. Imports that only a type checker sees, and those
inside functions, count as well: two modules that need each other are one module, whichever way they get at each other.
"""

from __future__ import annotations

import ast
import graphlib
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "trio_lab"

LAYERS = {
    "cli": 7,
    "drills": 6,
    "bench": 6,
    "doctor": 5.9,
    "experiments": 6,
    "stage": 5.8,
    "servers": 5.5,
    "load": 5,
    "report": 5,
    "subjects": 5,
    "testing": 5,
    "asgi": 5,
    "live": 5,
    "http": 4.5,
    "diagnose": 4,
    "simulate": 4.1,
    "pools": 3,
    "database": 3.5,
    "jobs": 3.5,
    "backoff": 0,
    "admission": 2,
    "loop": 1.5,
    "measure": 1,
    "attach": 1.8,
    "slices": 1,
    "records": 0,
    "worker": 0,
    "blocks": 0,
    "catalog": 0,
    "options": 4,
    "config": 0,
    "cores": 0,
    "control_group": 0,
    "errors": 0,
    "preconditions": 0,
    "rarely": 0,
    "work": 0,
}
ENTRY = {"__init__", "__main__", "server"}  # the package's own doors and the command: they may name anything
CONFINED = {
    "quart": {"http", "servers", "subjects", "drills"},
    "quart_trio": {"http", "servers", "subjects"},
    "hypercorn": {"http", "servers", "subjects"},
    "cyclopts": {"cli", "options"},
    "psycopg": {"database"},
    "streaq": {"jobs"},
    "coredis": {"jobs"},
    "rich": {"cli"},
    "prometheus_client": {"live"},
    "opentelemetry": {"live"},
}
# The base install, and the packages it may use: pyproject's dependencies, and `outcome`, which Trio depends on.
BASE = {
    "asgi",
    "backoff",
    "catalog",
    "diagnose",
    "live",
    "blocks",
    "database",
    "jobs",
    "pools",
    "admission",
    "loop",
    "measure",
    "slices",
    "records",
    "worker",
    "config",
    "cores",
    "errors",
    "preconditions",
    "rarely",
    "simulate",
    "testing",
}
BASE_MAY_USE = {"trio", "trio_util", "msgspec", "outcome"}
# Of `live`, `database` and `jobs`, imported when they are asked for.
EXTRAS = {"prometheus_client", "opentelemetry", "psycopg", "streaq", "coredis", "anyio"}
PLUGIN = {"testing/plugin.py", "testing/fixtures.py"}  # pytest imports them
# Pure packages decide by their arguments alone. Only these modules of them know an event loop or a clock; that of `simulate`
# tells how fast it is.
PURE = {"diagnose", "admission", "pools", "simulate"}
ENFORCE = {
    "admission/on_trio.py",
    "admission/on_asyncio.py",
    "pools/alarm.py",
    "pools/attendant.py",
    "pools/autoscaler.py",
    "pools/connections.py",
    "pools/driver.py",
    "pools/output.py",
    "pools/native.py",
    "pools/process.py",
    "pools/workers.py",
    "simulate/answer.py",
}

MODULES = sorted(path for path in ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def package_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


@cache
def imports(path: Path) -> list[tuple[str, list[str]]]:
    """Every import of a file, anywhere in it: the full dotted name of the module, and the names taken from it."""
    parts = ("trio_lab", *path.relative_to(ROOT).with_suffix("").parts)
    here = parts[:-1]  # the package a relative import of level one starts from
    found: list[tuple[str, list[str]]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module or ""]))
            found.append((module, [alias.name for alias in node.names]))
    return found


def targets(path: Path) -> set[str]:
    """The same as full dotted names, with the module's name where a module is imported from a package."""
    found = set()
    for module, names in imports(path):
        inner = [f"{module}.{name}" for name in names]
        found |= {name for name in inner if file_of(name) is not None} or {module}
    return found


def file_of(module: str) -> Path | None:
    """The file of a module of ours; None for any other name."""
    top, *rest = module.split(".")
    base = ROOT.joinpath(*rest)
    candidates = [base / "__init__.py", base.parent / f"{base.name}.py"] if top == "trio_lab" and rest else []
    return next((path for path in candidates if path.exists()), None)


def circle_in(packages: set[str]) -> list[str]:
    """Modules of these packages of which each imports the next and the last the first; empty when there are none."""
    ours = {path for path in MODULES if package_of(path) in packages}
    graph = {path: ours.intersection(map(file_of, targets(path))) for path in ours}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [name_of(path) for path in reversed(error.args[1])]
    return []


def test_every_package_has_a_layer() -> None:
    assert {package_of(path) for path in MODULES} - ENTRY == set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    mine = package_of(path)
    if mine in ENTRY:
        return
    for name in targets(path):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if top == "trio_lab":
            if other not in ("", mine):
                assert LAYERS[other] < LAYERS[mine] or (LAYERS[other] == LAYERS[mine] == 0), f"{mine} imports {name}"
        elif top in CONFINED:
            assert mine in CONFINED[top], f"{top} belongs to {' and '.join(sorted(CONFINED[top]))}"
        elif LAYERS[mine] == 0:
            codec = mine == "records" and top == "msgspec"
            assert codec or top in sys.stdlib_module_names, f"{mine} may use the standard library only, not {top}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle_in(set(LAYERS)) == []


@pytest.mark.parametrize("path", [path for path in MODULES if package_of(path) in BASE], ids=name_of)
def test_the_base_install_has_what_its_modules_need(path: Path) -> None:
    foreign = {name.partition(".")[0] for name in targets(path)} - sys.stdlib_module_names - {"trio_lab"}
    assert foreign <= BASE_MAY_USE | EXTRAS | ({"pytest"} if name_of(path) in PLUGIN else set())


@pytest.mark.parametrize("path", [path for path in MODULES if package_of(path) in PURE], ids=name_of)
def test_what_decides_knows_no_event_loop_and_no_clock(path: Path) -> None:
    known = {name.partition(".")[0] for name in targets(path)} & {"trio", "asyncio", "anyio", "time", "outcome"}
    assert bool(known) == (name_of(path) in ENFORCE)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_holds_one_idea(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "common", "manager", "core", "misc"}
    assert len(path.read_text().splitlines()) <= 350
