"""Requests as a fuzzer sends them: good ones, changed a little in some places."""

from __future__ import annotations

from hypothesis import strategies as st

_HOST = b"Host: x\r\n"
GOOD = (
    b"GET /health?reset=0 HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"HEAD /health HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n",
    b"OPTIONS /hash HTTP/1.0\r\n" + _HOST + b"\r\n",
    b"GET /lookup?host=localhost HTTP/1.1\r\n" + _HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"GET http://x/read HTTP/1.1\r\n" + _HOST + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"POST /ingest HTTP/1.1\r\n" + _HOST + b'Content-Length: 8\r\n\r\n{"a": 1}',
    b"POST /ingest?mode=stream HTTP/1.1\r\n" + _HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n",
    b"POST /ingest HTTP/1.1\r\n" + _HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
)
_NASTY = (
    *(bytes([n]) for n in (0, 9, 10, 11, 13, 27, 32, 34, 37, 47, 58, 127, 128, 195, 255)),
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"//",
    b"/../",
    b"%00",
    b"%2f",
    b"%ff",
    b"%zz",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"9" * 40,
    b"-1",
    b"HTTP/1.1",
    b"Content-Length: 3\r\n",
    b"Content-Length: 99999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    _HOST,
    b"Host: a..b\r\n",
    b"a" * 9_000,
    b"a" * 20_000,
    *GOOD[:1],
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One or two good requests, in which some bytes were removed, inserted, or written in the other case."""
    data = b"".join(draw(st.lists(st.sampled_from(GOOD), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        middle = data[at : at + length]
        new = draw(st.sampled_from(_NASTY) | st.binary(max_size=4) | st.just(b"") | st.just(middle.swapcase()))
        data = data[:at] + new + data[at + length :]
    return data
