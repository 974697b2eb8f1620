from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import reply

from trio_lab.load.replies import BadReply, HeadReader, ReplyReader

CHUNKED = b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + reply(b"later", status=404)
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply()


@pytest.mark.parametrize(
    ("data", "status", "keep_alive"),
    [
        (reply(), 200, True),
        (reply(b""), 200, True),
        (CHUNKED, 201, True),
        (CONTINUED, 404, True),
        (EARLY_HINTS, 200, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, True),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, True),
        (reply(extra=b"Connection: close\r\n"), 200, False),
        (reply(version=b"1.0"), 200, False),
        (reply(version=b"1.0", extra=b"Connection: keep-alive\r\n"), 200, True),
        (reply() + b"unasked", 200, False),
        (reply() + reply(), 200, False),
    ],
)
def test_reply_and_whether_the_connection_may_be_kept(data: bytes, status: int, keep_alive: bool) -> None:
    reader = ReplyReader()
    assert reader.feed(data) == status
    assert reader.keep_alive is keep_alive
    assert not reader.midway


@given(
    data=st.sampled_from([reply(b"x" * 40), CHUNKED, CONTINUED, EARLY_HINTS]),
    cuts=st.lists(st.integers(0, 120), max_size=10),
)
def test_pieces_do_not_matter(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges) if a < b]
    reader = ReplyReader()
    found = [reader.feed(piece) for piece in pieces]
    assert not any(found[:-1])
    assert found[-1] == ReplyReader().feed(data)


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_reply_may_last_until_the_end_of_the_stream(before: bytes) -> None:
    reader = ReplyReader()
    assert reader.feed(before + b"HTTP/1.1 200 OK\r\n\r\nsome") == 0
    assert reader.feed(b" more") == 0
    assert reader.end() == 200
    assert not reader.keep_alive


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "closed without a reply"),
        (b"HTTP/1.1 20", "closed within a reply"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "closed within a reply"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "closed within a reply"),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "closed within a reply"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "closed within a reply"),
    ],
)
def test_stream_that_ends_early(data: bytes, kind: str) -> None:
    reader = ReplyReader()
    if data:
        assert reader.feed(data) == 0
    with pytest.raises(BadReply, match=kind):
        reader.end()


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x00",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_rubbish_is_malformed(data: bytes) -> None:
    with pytest.raises(BadReply, match="malformed reply"):
        ReplyReader().feed(data)


def test_replies_follow_each_other_on_one_connection() -> None:
    reader = ReplyReader()
    for status in (200, 503, 404, 200):
        assert reader.feed(reply(status=status)[:20]) == 0
        assert reader.midway
        assert reader.feed(reply(status=status)[20:]) == status


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status", "keep_alive"),
    [
        (LONG, 200, True),
        (b"HTTP/1.1 200 OK\r\n\r\n", 200, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, True),
        (b"HTTP/1.1 404 X\r\nConnection: Close\r\n\r\n", 404, False),
        (b"HTTP/1.0 200 OK\r\n\r\n", 200, False),
        (b"HTTP/1.0 200 OK\r\nconnection: foo, Keep-Alive\r\n\r\n", 200, True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + LONG, 200, True),
        (LONG + b"a body after all", 200, False),
    ],
)
@given(cuts=st.lists(st.integers(0, 120), max_size=5))
def test_a_reply_to_head_ends_with_its_head(data: bytes, status: int, keep_alive: bool, cuts: list[int]) -> None:
    end = data.rindex(b"\r\n\r\n") + 4
    edges = [0, *sorted(min(cut, end - 1) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges) if a < b]
    reader = HeadReader()
    *before, last = [reader.feed(piece) for piece in pieces]
    assert (any(before), last) == (False, status)
    assert (reader.keep_alive, reader.midway) == (keep_alive, False)


@pytest.mark.parametrize("data", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000])
def test_rubbish_instead_of_a_head_is_malformed(data: bytes) -> None:
    with pytest.raises(BadReply, match="malformed reply"):
        HeadReader().feed(data)


def test_a_head_that_ends_early_is_no_reply() -> None:
    reader = HeadReader()
    with pytest.raises(BadReply, match="closed without a reply"):
        reader.end()
    reader.feed(LONG[:20])
    with pytest.raises(BadReply, match="closed within a reply"):
        reader.end()
