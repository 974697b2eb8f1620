"""Unit: what `/` is made of. What it replies is part of the contract (tests/contract/table.py)."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.drills.faults import add_routes as add_fault_routes
from trio_lab.http import ledgers
from trio_lab.http.app import LabApp
from trio_lab.http.contract import NUMBERS
from trio_lab.http.overview import entry, paths
from trio_lab.servers.asyncio.app import create_app as create_asyncio_app
from trio_lab.servers.trio import blockers, db, ingest
from trio_lab.servers.trio.app import create_app


@pytest.mark.parametrize("create", [create_app, create_asyncio_app])
def test_every_route_says_what_it_does(create: Any) -> None:
    app: LabApp = create()
    add_fault_routes(app, *[None] * 3)
    for rule in app.url_map.iter_rules():
        assert (app.view_functions[rule.endpoint].__doc__ or "").split("\n")[0].endswith("."), rule


def test_every_parameter_is_declared() -> None:
    app = create_app()
    assert app.numbers == {**NUMBERS, **blockers.NUMBERS, **ledgers.NUMBERS, **db.NUMBERS}
    assert app.choices.keys() >= {*blockers.CHOICES, *db.CHOICES, *ingest.CHOICES, "/wait"}


def test_a_route_with_a_variable_part_is_told_by_its_paths() -> None:
    assert paths("/block/<kind>", {"/a": {}, "/block/x": {}, "/block/y": {}}) == ["/block/x", "/block/y"]
    assert paths("/block/<kind>", {"/a": {}}) == ["/block/<kind>"]
    assert paths("/a", {"/a": {}, "/a/b": {}}) == ["/a"]


def test_an_entry_is_a_request_with_the_defaults() -> None:
    assert entry("GET /a", "Does it.", {}) == ("GET /a", "Does it.")
    parameters = {"n": NUMBERS["/fib"]["n"], "way": ("here", "there")}
    assert entry("GET /a", "Does it.", parameters) == (
        "GET /a?n=25&way=here",
        "Does it. n: 0 to 40. way: here or there.",
    )
