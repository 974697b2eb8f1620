"""Unit (pure): which requests are answered without Quart."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.http.head import plain_health

HOST = (b"host", b"127.0.0.1:3000")


def scope(**given: Any) -> dict[str, Any]:
    return {"method": "GET", "path": "/health", "query_string": b"", "headers": [HOST]} | given


@pytest.mark.parametrize(
    ("request_", "reset"),
    [
        (scope(), True),
        (scope(method="HEAD"), True),
        (scope(query_string=b"reset=1"), True),
        (scope(query_string=b"reset=0"), False),
        (scope(headers=[HOST, (b"accept", b"*/*"), (b"connection", b"close")]), True),
        (scope(headers=[(b"host", b"example.org")]), True),
        # Everything else takes the long way, right or wrong.
        (scope(path="/health/"), None),
        (scope(path="/hash"), None),
        (scope(method="POST"), None),
        (scope(method="OPTIONS"), None),
        (scope(query_string=b"reset=2"), None),
        (scope(query_string=b"reset=0&reset=0"), None),
        (scope(query_string=b"reset=%30"), None),
        (scope(headers=[]), None),
        (scope(headers=[HOST, HOST]), None),
        (scope(headers=[(b"host", b"a..b")]), None),
        (scope(headers=[(b"host", b"a" * 70)]), None),
        (scope(headers=[(b"host", b"a:b:c@/?")]), None),
        (scope(headers=[HOST, (b"content-length", b"3")]), None),
        (scope(headers=[HOST, (b"transfer-encoding", b"chunked")]), None),
    ],
)
def test_only_what_is_plain_is_answered_directly(request_: dict[str, Any], reset: bool | None) -> None:
    assert plain_health(request_) is reset
