"""End to end: `/health` without Quart, and that a client cannot tell the difference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import Running


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


def test_a_body_that_is_not_used_is_read_all_the_same(server: Running) -> None:
    asked = b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    replies = server.raw(asked + b"GET /read HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert replies.count(b"HTTP/1.1 200") == 2
