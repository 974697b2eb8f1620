"""Unit: a module imports only from lower layers. The table is DESIGN's, and a package that is not in it fails."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "trio_lab"

LAYERS = {
    "cli": 7,
    "drills": 6,
    "bench": 6,
    "experiments": 6,
    "stage": 5.8,
    "servers": 5.5,
    "load": 5,
    "report": 5,
    "subjects": 5,
    "http": 4.5,
    "diagnose": 4,
    "pools": 3,
    "admission": 2,
    "loop": 1.5,
    "measure": 1,
    "slices": 1,
    "records": 0,
    "worker": 0,
    "config": 0,
    "cores": 0,
    "errors": 0,
    "work": 0,
}
ENTRY = {"__init__", "__main__", "server"}  # the package's own doors and the command: they may name anything
STANDARD_ONLY = {name for name, layer in LAYERS.items() if layer == 0}
CONFINED = {
    "quart": {"http", "servers", "subjects", "drills"},
    "quart_trio": {"http", "servers", "subjects"},
    "hypercorn": {"http", "servers", "subjects"},
    "cyclopts": {"cli"},
    "rich": {"cli"},
    "altair": {"report"},
}

MODULES = sorted(path for path in ROOT.rglob("*.py"))


def package_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> list[str]:
    """Every module that a file imports, anywhere in it, as a full dotted name."""
    parts = ("trio_lab", *path.relative_to(ROOT).with_suffix("").parts)
    here = parts[:-1]  # the package a relative import of level one starts from
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            name = ".".join(filter(None, [base, node.module or ""]))
            found += [name] if node.module else [f"{name}.{alias.name}" for alias in node.names]
    return found


def test_every_package_has_a_layer() -> None:
    assert {package_of(path) for path in MODULES} - ENTRY == set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    mine = package_of(path)
    if mine in ENTRY:
        return
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "trio_lab":
            other = rest.partition(".")[0]
            if other in ("", "__version__") or other == mine:
                continue
            assert LAYERS[other] < LAYERS[mine] or (LAYERS[other] == LAYERS[mine] == 0), f"{mine} imports {name}"
        elif top in CONFINED:
            assert mine in CONFINED[top], f"{top} belongs to {' and '.join(sorted(CONFINED[top]))}"
        elif mine in STANDARD_ONLY:
            import sys

            codec = mine == "records" and top == "msgspec"
            assert codec or top in sys.stdlib_module_names, f"{mine} may use the standard library only, not {top}"


def test_pure_judgement_knows_no_trio() -> None:
    for path in MODULES:
        if package_of(path) == "diagnose":
            assert not any(name.partition(".")[0] in ("trio", "time") for name in imports(path)), path


def test_no_module_is_a_drawer() -> None:
    for path in MODULES:
        assert path.stem not in {"utils", "util", "helpers", "common", "manager", "core", "misc"}
        assert len(path.read_text().splitlines()) <= 400, f"{path} holds more than one idea"
