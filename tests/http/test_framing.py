"""Unit (pure): heads with two readings, and the empty lines before a request."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.http.framing import is_ambiguous, without_empty_lines

LINE = b"POST / HTTP/1.1\r\nHost: x\r\n"
LENGTH, CODING = b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        LENGTH + LENGTH,
        LENGTH + b"content-LENGTH: 4\r\n",
        b"Content-Length: 3,3\r\n",
        CODING + LENGTH,
        LENGTH + CODING,
        CODING + CODING,
        b"X: a\r\n b\r\n",
        b"X: a\r\n\tb\r\n",
        b"X: a\n",
        b"\n",
        b"X: a\n\r\n",
    ],
)
def test_a_head_with_two_readings_is_refused(lines: bytes) -> None:
    assert is_ambiguous(LINE + lines + b"\r\n")


@pytest.mark.parametrize(
    "head",
    [
        LINE + b"\r\n",
        LINE + LENGTH + b"\r\n",
        LINE + CODING + b"\r\n",
        LINE + b"X: Content-Length: 3, 4\r\n" + LENGTH + b"\r\n",
        LINE + b"X-Content-Length: 3\r\n" + LENGTH + b"\r\n",
        LINE + b"X: a,b\r\n" + LENGTH + b"X: c,d\r\n\r\n",
        LINE + LENGTH + b"\r\na\nb\r\n c" + LENGTH,  # a body is not a head
        LINE.replace(b"1.1", b"1.0") + LENGTH + b"\r\n",
        b"",
        b"POST",
        LINE[:-1],
    ],
)
def test_an_honest_head_is_not(head: bytes) -> None:
    assert not is_ambiguous(head)


def test_a_transfer_coding_does_not_exist_in_http_1_0() -> None:
    assert is_ambiguous(LINE.replace(b"1.1", b"1.0") + CODING + b"\r\n")


def test_a_bare_line_feed_is_refused_before_the_head_ends() -> None:
    assert is_ambiguous(b"POST / HTTP/1.1\n")


@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", LINE])).map(b"".join))
def test_only_whole_empty_lines_are_skipped(unread: bytes) -> None:
    rest = without_empty_lines(unread)
    assert unread.endswith(rest)
    assert not rest.startswith(b"\r\n")
    assert unread[: len(unread) - len(rest)].replace(b"\r\n", b"") == b""


_PIECES = [
    LENGTH,
    CODING,
    b"X: a\r\n",
    b"Content-Length: 4\r\n",
    b"\r\n",
    b"\n",
    b" b\r\n",
    b"abc",
    b"3\r\nabc\r\n0\r\n\r\n",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=6).map(b"".join))
def test_what_is_let_through_says_at_most_once_how_long_its_body_is(lines: bytes) -> None:
    unread = LINE + lines + b"\r\n"
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(unread)
    try:
        request = connection.next_event()
    except h11.RemoteProtocolError:
        return
    if not is_ambiguous(unread) and isinstance(request, h11.Request):
        head = unread.partition(b"\r\n\r\n")[0].lower()
        names = [line.partition(b":")[0] for line in head.split(b"\r\n")]
        assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
        assert len(request.headers) == len(names) - 1  # no line was folded into another, or ended in another way
