"""Unit: which requests are plain, and that every one of them is read alike by what sees it later."""

from __future__ import annotations

import h11
import pytest

from trio_lab.http.framing import is_ambiguous
from trio_lab.http.plain import plain_request
from trio_lab.http.query import BadQuery
from trio_lab.http.routes import JOBS

HEAD = b"GET /hash?rounds=5 HTTP/1.1\r\nHost: x:80\r\nAccept: */*\r\n\r\n"
LINE = b"Accept: */*"


def test_a_plain_request_is_read() -> None:
    request = plain_request(HEAD + b"GET /next")
    assert request is not None
    assert (request.path, request.query.getlist("rounds"), request.closes) == ("/hash", ["5"], False)
    assert request.size == len(HEAD)
    assert request.query.getlist("other") == []


def test_its_scope_is_known_before_there_is_a_protocol() -> None:
    request = plain_request(HEAD.replace(LINE, b"X-Request-Deadline:\t250ms "))
    assert request is not None
    scope = request.scope(("192.0.2.1", 5))
    assert (scope["method"], scope["path"], scope["query_string"]) == ("GET", "/hash", b"rounds=5")
    assert scope["headers"] == ((b"host", b"x:80"), (b"x-request-deadline", b"250ms"))
    assert scope["client"] == ("192.0.2.1", 5)


@pytest.mark.parametrize(
    ("line", "closes"), [(b"Connection: close", True), (b"connection:\tKeep-Alive ", False), (b"X-Empty:", False)]
)
def test_the_client_may_say_whether_it_goes_on(line: bytes, closes: bool) -> None:
    request = plain_request(HEAD.replace(LINE, line))
    assert request is not None
    assert request.closes is closes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:-1],
        b"\r\n" + HEAD,
        HEAD.replace(b"GET", b"HEAD"),
        HEAD.replace(b"GET", b"get"),
        HEAD.replace(b"1.1", b"1.0"),
        HEAD.replace(b"/hash", b"http://x/hash"),
        HEAD.replace(b"/hash", b"/h%61sh"),
        HEAD.replace(b"/hash", b"//hash"),
        HEAD.replace(b"=5", b"=%35"),
        HEAD.replace(b"=5", b"=+5"),
        HEAD.replace(b"Host: x:80", b"Host: x/y"),
        HEAD.replace(b"Host: x:80\r\n", b""),
        HEAD.replace(b"Host", b"Host : x\r\nHost"),
        HEAD.replace(LINE, b"Host: y"),
        HEAD.replace(LINE, b"Content-Length: 0"),
        HEAD.replace(LINE, b"Transfer-Encoding: chunked"),
        HEAD.replace(LINE, b"EXPECT: 100-continue"),
        HEAD.replace(LINE, b"Connection: Upgrade, HTTP2-Settings"),
        HEAD.replace(LINE, b"Connection: close\r\nConnection: keep-alive"),
        HEAD.replace(LINE, b"X: \xe4"),
        HEAD.replace(LINE, b"X: a\r\n b"),
        HEAD.replace(LINE, b"X: a\nY: b"),
        HEAD.replace(LINE, b"X: " + b"a" * 4_096),
    ],
)
def test_what_is_out_of_the_ordinary_is_not_plain(data: bytes) -> None:
    assert plain_request(data) is None


def test_what_is_plain_is_read_alike_by_the_protocol() -> None:
    """Heads in which one byte is another, twice there, or missing."""
    plain = 0
    for at in range(len(HEAD)):
        for byte in (b"", HEAD[at : at + 1] * 2, b" ", b"\t", b"\r", b"\n", b":", b"%", b"\0", b"a", b"/", b"?", b"&"):
            data = HEAD[:at] + byte + HEAD[at + 1 :]
            if (request := plain_request(data)) is None:
                continue
            plain += 1
            connection = h11.Connection(h11.SERVER)
            connection.receive_data(data)
            event = connection.next_event()
            assert isinstance(event, h11.Request), data
            path, _, query = event.target.decode().partition("?")
            assert (event.method, path, query) == (b"GET", request.path, request.query_string.decode())
            assert list(event.headers) == list(request.headers)
            assert all(f"{name}={value}" in query for name, (value, *_) in request.query.items() if value)
            assert not is_ambiguous(data)
            assert connection.next_event() == h11.EndOfMessage()
            assert connection.trailing_data[0] == data[request.size :]
    assert plain > 100


@pytest.mark.parametrize("target", [b"/hash?rounds=0", b"/hash?rounds=5&rounds=6", b"/wait?pool=none", b"/fib?n="])
def test_a_query_that_is_not_understood_has_no_job(target: bytes) -> None:
    request = plain_request(HEAD.replace(b"/hash?rounds=5", target))
    assert request is not None
    with pytest.raises(BadQuery):
        JOBS[request.path](request.query)


def test_a_hostile_head_is_read_in_linear_time() -> None:
    """The patterns must not go back and forth; at the worst this would take minutes."""
    for value in (b" " * 4_000, b"a" + b" " * 3_900 + b"b", b"close" + b"\t" * 3_900 + b"x"):
        for name in (b"Connection", b"Host", b"X"):
            for end in (b"\r\n\r\n", b"\n"):
                for _ in range(50):
                    plain_request(HEAD.replace(LINE + b"\r\n\r\n", name + b":" + value + end))
