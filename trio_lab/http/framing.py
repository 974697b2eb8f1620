"""Ambiguous heads, which h11 accepts and a server that is open to any client must not.

If a proxy and a server read the same bytes differently, a client can smuggle a request past the proxy. So a head that can
be read in two ways is refused: one with a bare line feed or a folded line (RFC 9112, 2.2 and 5.2), one that states the
length of its body more than once (6.1, 6.3), one in HTTP/1.0 with a transfer coding (6.1). h11 checks the rest. Pure: it
takes bytes and returns a verdict.
"""

from __future__ import annotations

import re

_EMPTY_LINES = re.compile(rb"(\r\n)+")
_LENGTH, _CODING = b"\r\ncontent-length:", b"\r\ntransfer-encoding:"


def without_empty_lines(unread: bytes) -> bytes:
    """What follows the empty lines that a client may send before a request (RFC 9112, 2.2)."""
    found = _EMPTY_LINES.match(unread)
    return unread[found.end() :] if found else unread


def is_ambiguous(unread: bytes) -> bool:
    """Whether the head at the beginning of ``unread`` must be refused. It may still be incomplete; what follows its end is
    not looked at."""
    end = unread.find(b"\r\n\r\n")
    head = unread if end < 0 else unread[:end]
    if head.count(b"\n") != head.count(b"\r\n") or b"\r\n " in head or b"\r\n\t" in head:
        return True
    lowered = head.lower()
    lengths, codings = lowered.count(_LENGTH), lowered.count(_CODING)
    if end < 0 or lengths + codings == 0:
        return False
    if lengths + codings > 1:
        return True
    if codings:
        return lowered.partition(b"\r\n")[0].endswith(b" http/1.0")
    return b"," in lowered.partition(_LENGTH)[2].partition(b"\r\n")[0]
