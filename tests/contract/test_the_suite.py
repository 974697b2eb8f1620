"""Unit and end to end: the suite sees what is wrong, says where, and forgets no route."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import trio_lab.servers
from tests.running import running
from trio_lab.servers.trio.app import create_app

from .checks import check_rows
from .shapes import COUNT, NUMBER, SHARE, TEXT, Both, Each, First, Is, complaints, mentions, or_not_observed
from .subjects import THREADS, WORKERS, Subject, skip_if_absent
from .table import replies

SERVERS = Path(trio_lab.servers.__file__).parent
RENAMED = ["durationMs is missing", "duration_ms is not in the contract"]

GOOD: list[tuple[Any, Any]] = [
    ({"a": 1, "b": [2.5]}, {"a": COUNT, "b": [NUMBER]}),
    ([], Each(COUNT)),
    (["a", 1, 2], First(["a"], COUNT)),
    (["a"], First(["a"], COUNT)),
    ("not observed", or_not_observed(SHARE)),
    (None, None),
    ("a b", Both(TEXT, mentions("b"))),
]
BAD: list[tuple[Any, Any, list[str]]] = [
    ({"a": 1}, {"a": 1, "b": COUNT}, ["b is missing"]),
    ({"a": 1, "b": 1}, {"a": 1}, ["b is not in the contract"]),
    ({"a": {"b": [1, -1]}}, {"a": {"b": Each(COUNT)}}, ["a.b[1] is -1, not a whole number, 0 or more"]),
    ({"a": True}, {"a": 1}, ["a is True, not 1"]),
    ({"a": 1.5}, {"a": COUNT}, ["a is 1.5, not a whole number, 0 or more"]),
    ({"a": float("nan")}, {"a": NUMBER}, ["a is nan, not a number, 0 or more"]),
    ([1], [1, 2], ["it is [1], not an array of 2"]),
    (["a"], First(["a", "b"], COUNT), ["it is ['a'], not an array of 2"]),
    ({}, First(["a"], COUNT), ["it is {}, not an array of 1"]),
    (["a", "b"], First(["a"], COUNT), ["[1] is 'b', not a whole number, 0 or more"]),
    ([1], {"a": 1}, ["it is [1], not an object"]),
    (2, Both(COUNT, Is("odd", lambda value: value % 2 == 1)), ["it is 2, not odd"]),
]


@pytest.mark.parametrize(("value", "shape"), GOOD)
def test_what_is_of_its_shape_has_no_complaint(value: Any, shape: Any) -> None:
    assert complaints(value, shape) == []


@pytest.mark.parametrize(("value", "shape", "expected"), BAD)
def test_a_complaint_says_where_and_what(value: Any, shape: Any, expected: list[str]) -> None:
    assert complaints(value, shape) == expected


_UNCHECKED = {
    "/block/<kind>",
    "/process-list",
    "/ingest",
    "/jobs",  # in test_every_server
    "/jobs/<id>",
    "/ledger",
    "/metrics",
    "/stalls",
}


def test_no_route_is_forgotten() -> None:
    routes = {rule.rule for rule in create_app().url_map.iter_rules() if not rule.rule.startswith("/static/")}
    assert {row.target.partition("?")[0] for row in replies(Subject("trio", "guarded"))} >= routes - _UNCHECKED
    assert routes > _UNCHECKED


def renamed_is_found(runtime: str, program: Sequence[str]) -> None:
    """All rows whose replies have the key are complained of, for this reason alone, and no other row is."""
    rows = list(replies(Subject(runtime, "guarded")))
    sizes = {"TRIO_LAB_PORT": "0", "TRIO_LAB_THREADS": str(THREADS), "TRIO_LAB_WORKERS": str(WORKERS)}
    with running(runtime=runtime, program=program, expect=0, **sizes) as server:
        found = check_rows(server, rows)
    expected = [f"{row}: {line}" for row in rows if "durationMs" in row.body for line in RENAMED]
    assert found == expected
    assert expected


def test_a_key_under_another_name_is_found_on_asyncio() -> None:
    renamed_is_found("asyncio", [sys.executable, str(Path(__file__).with_name("renamed_asyncio.py"))])


def test_a_key_under_another_name_is_found_on_node(tmp_path: Path) -> None:
    skip_if_absent("node")

    shutil.copytree(SERVERS / "node", tmp_path / "node")
    for file in tmp_path.rglob("*.mjs"):
        file.write_text(file.read_text().replace("durationMs", "duration_ms"))
    renamed_is_found("node", ["node", str(tmp_path / "node" / "main.mjs")])
