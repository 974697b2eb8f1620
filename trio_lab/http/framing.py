"""What h11 accepts in a request's head, and a server at a trust boundary must not.

Two parsers that read the same bytes differently can be played against each other (request smuggling), so whatever has
two readings is refused: a bare line feed, a folded line (RFC 9112, 2.2 and 5.2), more than one statement of the body's
length (6.1, 6.3), a transfer coding in HTTP/1.0 (6.1). h11 checks the rest. Pure: bytes in, a verdict out.
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
    head, end, _ = unread.partition(b"\r\n\r\n")
    if head.count(b"\n") != head.count(b"\r\n") or b"\r\n " in head or b"\r\n\t" in head:
        return True
    lowered = head.lower()
    lengths, codings = lowered.count(_LENGTH), lowered.count(_CODING)
    if not end or lengths + codings == 0:
        return False
    if lengths + codings > 1:
        return True
    if codings:
        return lowered.partition(b"\r\n")[0].endswith(b" http/1.0")
    return b"," in lowered.partition(_LENGTH)[2].partition(b"\r\n")[0]
