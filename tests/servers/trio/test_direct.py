"""What goes around Quart, and that the client cannot tell."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import Running
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


def shape(value: Any) -> Any:
    """The same with a type in place of every figure."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return value if isinstance(value, str) else type(value)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_both_ways_answer_alike(server: Running, method: str) -> None:
    direct = server.request("/health?reset=0", method)
    long_way = server.request("/health?reset=%30", method)
    assert direct[0] == long_way[0] == 200
    assert [name for name, _ in direct[1].items()] == [name for name, _ in long_way[1].items()]
    assert shape(direct[2]) == shape(long_way[2])


def test_a_body_that_nobody_wants_is_read_all_the_same(server: Running) -> None:
    asked = b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    replies = server.raw(asked + b"GET /read HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert replies.count(b"HTTP/1.1 200") == 2
