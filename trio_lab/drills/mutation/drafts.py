"""Good requests in parts, so that their parts can be changed. None of them costs a server more than a few milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True, kw_only=True)
class Draft:
    """A request in parts, to be changed. Header lines are whole lines, so that a line may be no header at all."""

    method: bytes = b"GET"
    target: bytes = b"/health?reset=0"
    version: bytes = b"HTTP/1.1"
    lines: list[bytes] = field(default_factory=lambda: [b"Host: x"])
    body: bytes = b""
    newline: bytes = b"\r\n"

    def wire(self) -> bytes:
        first = b" ".join((self.method, self.target, self.version))
        return self.newline.join([first, *self.lines, b"", b""]) + self.body


Mutation = Callable[[Random, Draft], None]

_CLOSE = b"Connection: close"
_TARGETS = (
    b"/health?reset=0",
    b"/health",
    b"/hash?rounds=1",
    b"/sync-hash?rounds=1",
    b"/worker-hash?rounds=1",
    b"/tick-storm?count=1",
    b"/wait?ms=0",
    b"/wait?ms=0&pool=default",
    b"/fib?n=1&where=loop",
    b"/fib?n=1&where=thread",
    b"/fib?n=1",
    b"/lookup",
    b"/read",
    b"/block/json?size=1",
    b"/block/regex?size=1&fixed=1",
    b"/process-list?items=1",
    b"/ledger?reset=0",
    b"/stalls",
    b"/nothing",
)


def _good_targets() -> list[Callable[[], Draft]]:
    def good(target: bytes) -> Callable[[], Draft]:
        return lambda: Draft(target=target, lines=[b"Host: x", _CLOSE])

    return [good(target) for target in _TARGETS]


def _posted(target: bytes, body: bytes) -> Callable[[], Draft]:
    lines = [b"Host: x", b"Content-Type: application/x-ndjson", b"Content-Length: %d" % len(body), _CLOSE]
    return lambda: Draft(method=b"POST", target=target, lines=[*lines], body=body)


def _in_chunks(method: bytes, target: bytes, *pieces: bytes) -> Callable[[], Draft]:
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    lines = [b"Host: x", b"Transfer-Encoding: chunked", _CLOSE]
    return lambda: Draft(method=method, target=target, lines=[*lines], body=body)


RECORDS = b'{"id":1,"name":"a"}\n{"id":2,"tags":["x","y"]}\n'
GOOD: tuple[Callable[[], Draft], ...] = (
    *_good_targets(),
    *[_posted(b"/ingest", RECORDS), _posted(b"/ingest?mode=stream", RECORDS * 40)] * 2,
    *[
        _in_chunks(b"POST", b"/ingest", RECORDS),
        _in_chunks(b"POST", b"/ingest?mode=stream", RECORDS[:9], RECORDS[9:]),
    ]
    * 2,
    _in_chunks(b"GET", b"/wait?ms=0", b"abc"),
    _posted(b"/hash?rounds=1", b"a=b"),
    lambda: Draft(method=b"HEAD", lines=[b"Host: x", _CLOSE]),
    lambda: Draft(method=b"OPTIONS", target=b"/hash", lines=[b"Host: x", _CLOSE]),
    lambda: Draft(version=b"HTTP/1.0", lines=[]),
)
