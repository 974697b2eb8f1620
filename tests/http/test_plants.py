"""Unit: what the log says of routes that block the loop on purpose. That they are logged: test_stalls."""

from __future__ import annotations

import logging

import pytest

from trio_lab.http.plants import _ROUTES, stalls_explained
from trio_lab.loop.stalls import GC, NOT_RUNNING, PYTHON, Stall
from trio_lab.servers.trio.app import create_app

LOG = logging.getLogger("trio_lab.stalls")


@pytest.mark.parametrize(
    ("label", "cause", "explained"),
    [
        ("GET /sync-hash", PYTHON, True),
        ("GET /block/<kind>", PYTHON, True),
        ("GET /hash", PYTHON, False),
        (None, PYTHON, False),
        ("GET /sync-hash", GC, False),
        ("GET /sync-hash", NOT_RUNNING, False),
    ],
)
def test_only_what_a_route_is_for_is_on_purpose(
    caplog: pytest.LogCaptureFixture, label: str | None, cause: str, explained: bool
) -> None:
    stall = Stall(duration=0.092, cause=cause, filename="work.py", lineno=18, function="hash_password", label=label)
    with stalls_explained():
        LOG.warning("%s%s", stall, " (2 more since the last line)")
    (said,) = caplog.messages
    assert said.removeprefix("blocked on purpose: ") == f"{stall} (2 more since the last line)"
    assert said.startswith("blocked on purpose") is explained
    assert not LOG.filters


def test_the_routes_that_block_on_purpose_are_there() -> None:
    labels = {f"{method} {rule.rule}" for rule in create_app().url_map.iter_rules() for method in rule.methods or ()}
    assert labels >= _ROUTES
