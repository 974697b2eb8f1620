"""Plain requests: GET requests whose whole head has come, and asks for nothing unusual.

The job of a plain request may be run before h11, `framing` and `head` see it. So each of them must accept every request that is
plain here, and read it in the same way. The opposite need not hold: what is not plain takes the usual way, and is refused there
if it must be. Not plain are requests with a body, ``Expect``, an offer to upgrade or a deadline, HTTP/1.0, and heads that come
in two pieces, are over 4 KB, or contain bytes that are not printable ASCII.

Pure: takes bytes, and reads no more of them than the first head.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs

from .head import HOST

_MOST = 4_096  # bytes of a head
_END = b"\r\n\r\n"
_HEAD = re.compile(rb"GET (/[a-z-]++)(?:\?([\w.=&-]*+))? HTTP/1\.1\r\n((?:[A-Za-z0-9-]++:[\t\x20-\x7e]*+\r\n)++)\r\n")
_NOT_PLAIN = tuple(
    b"\n%b:" % name
    for name in (b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"x-request-deadline", b"grpc-timeout")
)
_CONNECTION, _HOST = re.compile(rb"\nconnection:([^\r]*+)"), re.compile(rb"\nhost:([^\r]*+)")
_ONCE_MORE: tuple[list[bytes], ...] = ([], [b"keep-alive"])


class PlainQuery(dict[str, list[str]]):
    """The values of a query without any escapes, by name."""

    def getlist(self, key: str) -> list[str]:
        return self.get(key, [])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRequest:
    """A GET of ``path``. Its head has ``size`` bytes; with ``closes`` its client wants no further reply."""

    path: str
    query: PlainQuery
    closes: bool
    size: int


def plain_request(data: bytes) -> PlainRequest | None:
    """The request at the beginning of ``data``, if it is plain."""
    end = data.find(_END, 0, _MOST)
    return None if end < 0 else _read(data[: end + len(_END)])


@lru_cache(maxsize=256)  # clients repeat their heads to the byte, and parsing one costs a third of a refusal
def _read(head: bytes) -> PlainRequest | None:
    found = _HEAD.fullmatch(head)
    if found is None:
        return None
    path, query, lines = found.groups()
    lowered = b"\n" + lines.lower()
    if any(name in lowered for name in _NOT_PLAIN):
        return None
    hosts, connection = _values(_HOST, lowered), _values(_CONNECTION, lowered)
    closes = connection == [b"close"]
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]) or not (closes or connection in _ONCE_MORE):
        return None
    values = PlainQuery(parse_qs((query or b"").decode(), keep_blank_values=True))
    return PlainRequest(path=path.decode(), query=values, closes=closes, size=len(head))


def _values(line: re.Pattern[bytes], lines: bytes) -> list[bytes]:
    return [value.strip(b"\t ") for value in line.findall(lines)]
