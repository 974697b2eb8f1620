"""Unit: what a request is called."""

from __future__ import annotations

import pytest

from trio_lab.drills.faults_trio import add_fault_routes
from trio_lab.servers.trio.app import create_app


@pytest.mark.parametrize(
    ("method", "path", "label"),
    [
        ("GET", "/hash", "GET /hash"),
        ("POST", "/hash", "POST /hash"),
        ("GET", "/fault/exit", "GET /fault/<name>"),
        ("POST", "/fault/exit", "POST (unknown)"),
        ("GET", "/fault/a/b", "GET (unknown)"),
        ("GET", "/hash/", "GET (unknown)"),
        ("GET", "/" + "x" * 5000, "GET (unknown)"),
        ("BREW", "/hash", "(other) (unknown)"),
        ("BREW", "/no", "(other) (unknown)"),
    ],
)
def test_a_request_is_called_by_method_and_route(method: str, path: str, label: str) -> None:
    app = create_app()
    add_fault_routes(app)
    assert app.labels.of({"method": method, "path": path}) == label
