"""Requests that were good and are changed. Pure: `case` makes the same one from the same seed and number, in any process.

A case begins with one or more good requests. A few mutations change the parts that a request has: method, target, version,
header lines, body, framing. What comes of it may be changed once more as bytes; then it is cut into several writes, and the
client may leave at any point of it. The mutations are those that servers and proxies are known to differ on or to fall
over, and none of them is told what a server should reply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

End = Literal["listen", "half-close", "close", "reset"]
_ENDS: tuple[End, ...] = ("listen", "half-close", "close", "reset")
_MOST_WRITES = 6


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is sent, in so many writes, and how the client ends. ``mutations`` says how it was made."""

    number: int
    writes: tuple[bytes, ...]
    end: End
    mutations: tuple[str, ...]

    def __str__(self) -> str:
        sent = b"|".join(self.writes)
        shown = repr(sent[:600])[2:-1] + f"… ({len(sent)} bytes)" * (len(sent) > 600)
        return f"{self.number} ({', '.join(self.mutations)}; {self.end}): {shown}"


def case(seed: int, number: int) -> Case:
    random = Random(f"{seed}:{number}")
    used: list[str] = []
    requests = []
    for _ in range(random.choices((1, 2, 3), (8, 2, 1))[0]):
        draft = random.choice(_GOOD)()
        for name in random.choices(tuple(MUTATIONS), k=random.choice((0, 1, 1, 1, 2, 3))):
            MUTATIONS[name](random, draft)
            used.append(name)
        requests.append(draft.wire())
    sent = b"".join(requests)
    if random.random() < 0.15:
        used.append("noise")
        sent = _noise(random, sent)
    end: End = random.choices(_ENDS, (12, 2, 1, 1))[0]
    if random.random() < 0.15:
        used.append("cut off")
        sent = sent[: random.randrange(len(sent) + 1)]
    return Case(number=number, writes=_split(random, sent), end=end, mutations=tuple(used))


def _split(random: Random, sent: bytes) -> tuple[bytes, ...]:
    if random.random() < 0.6:
        return (sent,)
    places = sorted(random.randrange(len(sent) + 1) for _ in range(random.randint(1, _MOST_WRITES - 1)))
    return tuple(sent[a:b] for a, b in zip([0, *places], [*places, len(sent)], strict=True))


def _noise(random: Random, sent: bytes) -> bytes:
    """A few bytes changed, inserted, doubled or left out."""
    noisy = bytearray(sent)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(noisy) + 1)
        match random.randrange(4):
            case 0:
                noisy[at : at + 1] = random.randbytes(1)
            case 1:
                noisy[at:at] = random.choice(
                    (b"\0", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\xff", b"%", random.randbytes(9))
                )
            case 2:
                del noisy[at : at + random.randint(1, 9)]
            case 3:
                noisy[at:at] = noisy[at : at + random.randint(1, 40)]
    return bytes(noisy)


# ---- Good requests. None of them costs a server more than a few milliseconds.

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


_RECORDS = b'{"id":1,"name":"a"}\n{"id":2,"tags":["x","y"]}\n'
_GOOD: tuple[Callable[[], Draft], ...] = (
    *_good_targets(),
    *[_posted(b"/ingest", _RECORDS), _posted(b"/ingest?mode=stream", _RECORDS * 40)] * 2,
    *[
        _in_chunks(b"POST", b"/ingest", _RECORDS),
        _in_chunks(b"POST", b"/ingest?mode=stream", _RECORDS[:9], _RECORDS[9:]),
    ]
    * 2,
    _in_chunks(b"GET", b"/wait?ms=0", b"abc"),
    _posted(b"/hash?rounds=1", b"a=b"),
    lambda: Draft(method=b"HEAD", lines=[b"Host: x", _CLOSE]),
    lambda: Draft(method=b"OPTIONS", target=b"/hash", lines=[b"Host: x", _CLOSE]),
    lambda: Draft(version=b"HTTP/1.0", lines=[]),
)

# ---- Mutations of a request's parts.


def _method(random: Random, draft: Draft) -> None:
    method = draft.method
    draft.method = random.choice(
        (
            *(b"HEAD", b"OPTIONS", b"POST", b"PUT", b"DELETE", b"TRACE", b"CONNECT", b"PATCH", b"PRI", b"BREW"),
            *(
                method.lower(),
                method.title(),
                method[:-1],
                method + method,
                method + b"\t",
                b" " + method,
                b"-",
                b"!#$%&'*+.^_`|~",
            ),
            *(
                b"",
                b"G\xc3\x89T",
                b"GET\0",
                b"A" * random.choice((40, 300, 20_000)),
                b"*",
                b"GET,POST",
                b"GET /x HTTP/1.1\r\nGET",
            ),
        )
    )


def _target(random: Random, draft: Draft) -> None:
    path, _, query = draft.target.partition(b"?")
    draft.target = random.choice(
        (
            *(
                b"http://x" + draft.target,
                b"https://user:pass@x:99999" + draft.target,
                b"HTTP://X" + draft.target,
                b"http:" + path,
            ),
            *(
                b"http://[::1" + path,
                b"http://%5B" + path,
                b"ftp://x/",
                b"//x" + path,
                b"///" + path,
                b"*",
                b"x:80",
                b"",
                b"/",
            ),
            *(
                path + b"/",
                b"/" + draft.target,
                path + b"//",
                path + b"/..",
                b"/." + path,
                b"/x/.." + path,
                path[1:],
                b"\\" + path,
            ),
            *(
                path.upper(),
                path + b";a=b?" + query,
                path + b"%00",
                path + b"%2F",
                path.replace(b"/", b"%2F"),
                path + b"%",
                path + b"%zz",
            ),
            *(
                path + b"#" + query,
                path + b"?#",
                path + b"??" + query,
                path + b"?" + query * 3,
                path + b"?&&=&;" + query,
            ),
            *(
                path + b"?" + query + b"&x=%FF%FE",
                path + b"?%00=" + query,
                path + b"?" + b"a&" * 3_000,
                path + b"?" + b"&".join([query] * 9),
            ),
            *(
                path + b"\xff",
                path + "é".encode(),
                path + b" x",
                path + b"\tx",
                path + b"?\x7f",
                b"/" + b"a" * random.choice((255, 8_200, 70_000)),
            ),
            *(
                b"/block//json",
                b"/block/",
                b"/block/json/",
                b"/block/%2e%2e",
                b"/block/no",
                b"/block/json%00",
                b"/fault/x",
                b"/static/../x",
            ),
        )
    )


def _version(random: Random, draft: Draft) -> None:
    versions = (
        b"HTTP/1.0",
        b"HTTP/2.0",
        b"HTTP/0.9",
        b"HTTP/1.2",
        b"HTTP/1.10",
        b"HTTP/11",
        b"http/1.1",
        b"HTTP/1.1 ",
        b"HTTP/",
    )
    draft.version = random.choice(
        (*versions, b"", b"HTTP/1.1\0", b"HTTQ/1.1", b"ICY", b"HTTP/3", b"HTTP/1.1x", b"HTTP/-1.1")
    )


def _hosts(random: Random, draft: Draft) -> None:
    draft.lines = [line for line in draft.lines if not line.startswith(b"Host")]
    hosts = (
        b"",
        b"x:0",
        b"x:99999",
        b"[::1]",
        b"[::1",
        b"a..b",
        b"a" * 300,
        b"\xff\xfe",
        b"x y",
        b"x,y",
        b"a@b",
        b"x/y",
        b"xn--",
        b"-",
        b"x:y:z",
        b"%00",
        b"..",
    )
    for _ in range(random.choice((0, 1, 1, 2))):
        draft.lines.insert(random.randrange(len(draft.lines) + 1), b"Host: " + random.choice(hosts))


def _framing(random: Random, draft: Draft) -> None:
    """Lengths and transfer codings that contradict the body, or each other."""
    lengths = (
        b"0",
        b"1",
        b"5",
        b"+5",
        b"-1",
        b"5, 5",
        b"5,6",
        b"0x5",
        b"5 5",
        b" 5 ",
        b"",
        b"9" * 30,
        b"1000001",
        b"5.0",
        b"\xef\xbc\x95",
        b"5\t",
        b"0005",
    )
    codings = (
        b"chunked",
        b"Chunked",
        b"gzip",
        b"gzip, chunked",
        b"chunked, gzip",
        b"chunked, chunked",
        b"identity",
        b"xchunked",
        b"",
        b"chunked;x=y",
        b",chunked",
        b"\x0bchunked",
    )
    for _ in range(random.randint(1, 3)):
        kept = [line for line in draft.lines if random.random() < 0.7 or line.startswith(b"Host")]
        length, coding = b"Content-Length: " + random.choice(lengths), b"Transfer-Encoding: " + random.choice(codings)
        draft.lines = [*kept, *random.choice(((length,), (coding,), (length, coding), (coding, length), ()))]


def _connection(random: Random, draft: Draft) -> None:
    said = (
        b"close",
        b"keep-alive",
        b"Keep-Alive, close",
        b"upgrade",
        b"close, upgrade",
        b"",
        b"CLOSE",
        b"host",
        b"content-length",
        b"x" * 300,
        b"\xff",
    )
    draft.lines = [line for line in draft.lines if not line.startswith(b"Connection") or random.random() < 0.3]
    draft.lines += [b"Connection: " + random.choice(said) for _ in range(random.randint(1, 2))]


def _offers(random: Random, draft: Draft) -> None:
    """What a server is asked to do besides: continue, upgrade, send a part, compress."""
    draft.lines += random.sample(
        (
            *(
                b"Expect: 100-continue",
                b"Expect: 200-ok",
                b"Expect:",
                b"Expect: 100-Continue",
                b"Expect: 100-continue, x",
            ),
            *(b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA", b"Connection: Upgrade, HTTP2-Settings"),
            *(b"Upgrade: websocket", b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Version: 13", b"Upgrade: \xff, a/b"),
            *(b"Range: bytes=0-", b"Range: bytes=9-1,-,x", b"Accept-Encoding: gzip;q=x", b"TE: trailers, deflate;q=9"),
            *(b"If-None-Match: *", b"If-Modified-Since: yesterday", b"Accept: \xff", b"Accept: */*;q=NaN", b"Date: \0"),
            *(
                b"Content-Type: multipart/form-data",
                b"Content-Type: application/json; charset=nope",
                b"Content-Encoding: gzip",
            ),
            *(
                b"Cookie: a=b; c",
                b'Cookie: a="\\777\\',
                b"Authorization: Basic =",
                b"Authorization: \xe9",
                b'Forwarded: for="',
                b"X-Forwarded-For: ,",
            ),
            *(
                b"X-Forwarded-Host: a b",
                b"X-HTTP-Method-Override: PUT",
                b"Origin: null",
                b"Access-Control-Request-Method: \0",
            ),
        ),
        random.randint(1, 4),
    )


def _header_lines(random: Random, draft: Draft) -> None:
    """Lines that are no headers, or that parsers take apart in different ways."""
    at = random.randrange(len(draft.lines) + 1)
    draft.lines[at:at] = random.choice(
        (
            (b"X",),
            (b": x",),
            (b"X :y",),
            (b"X: a", b" folded", b"\tand again"),
            (b" leading: space",),
            (b"X\0: y",),
            (b"X: a\0b",),
            (b"X: \r y",),
            (b"\xc3\xa9: y",),
            (b"X: " + bytes(range(128, 256)),),
            (b"X: " + b"a" * random.choice((8_000, 17_000, 70_000)),),
            tuple(b"X-%d: y" % n for n in range(random.choice((90, 1_200)))),
            (b"(): y",),
            (b"GET / HTTP/1.1",),
            (b"",),
            (b"Host: y",),
        )
    )


def _lines_moved(random: Random, draft: Draft) -> None:
    """The same lines in another order, doubled or left out."""
    lines = [line for line in draft.lines for _ in range(random.choice((0, 1, 1, 1, 2)))]
    random.shuffle(lines)
    draft.lines = [
        random.choice((line, line.lower(), line.upper(), line.replace(b": ", b":"), line + b"  ")) for line in lines
    ]


def _body(random: Random, draft: Draft) -> None:
    body = draft.body
    half = len(body) // 2
    draft.body = random.choice(
        (
            *(b"", body[:half], body[half:], body + body, body + b"\r\n", b"\r\n" + body, random.randbytes(len(body))),
            *(
                body.replace(b"a", b"\xff"),
                body.replace(b'"', b""),
                body.replace(b"{", b"[" * 3_000),
                body.replace(b"\n", b"\r\n"),
            ),
            *(
                b"\xff\xfe" + body,
                b"null\n",
                b"1e999\n",
                b'"\\ud800"\n',
                b'{"a":' * 2_000,
                b"{}" * 20,
                b"\n" * 500,
                b"\0" * len(body),
            ),
            *(b"a" * 70_000, b'{"a":"\xed\xa0\x80"}\n', b'{"a":1}\x1e{}'),
        )
    )


def _chunks(random: Random, draft: Draft) -> None:
    """Chunked framing, with faults of its own."""
    draft.lines = [line for line in draft.lines if not line.lower().startswith((b"content-length", b"transfer"))]
    draft.lines.append(b"Transfer-Encoding: chunked")
    draft.body = random.choice(
        (
            *(
                b"0\r\n\r\n",
                b"0\r\n",
                b"",
                b"5\r\nhello\r\n",
                b"5\r\nhello\r\n0\r\n",
                b"5\r\nhel\r\n0\r\n\r\n",
                b"5\r\nhelloworld\r\n0\r\n\r\n",
            ),
            *(
                b"-1\r\n\r\n",
                b"zz\r\n",
                b"5;a=b;c\r\nhello\r\n0;x\r\n\r\n",
                b"5 \r\nhello\r\n0\r\n\r\n",
                b"0x5\r\nhello\r\n0\r\n\r\n",
                b"\r\n\r\n",
            ),
            *(
                b"5\nhello\n0\n\n",
                b"5\rhello\r0\r\r",
                b"00000000000000000005\r\nhello\r\n0\r\n\r\n",
                b"F" * 30 + b"\r\n",
                b"5" + b";" * 20_000 + b"\r\n",
            ),
            *(
                b"0\r\nX: y\r\n\r\n",
                b"0\r\nContent-Length: 5\r\n\r\n",
                b"0\r\n" + b"X: y\r\n" * 2_000 + b"\r\n",
                b"0\r\n: \0\r\n\r\n",
                b"0\r\n\r\nGET",
            ),
            *(b"13\r\n" + _RECORDS[:19] + b"\r\n0\r\n\r\n", b"1\r\n\xff\r\n" * 300 + b"0\r\n\r\n"),
        )
    )


def _newlines(random: Random, draft: Draft) -> None:
    draft.newline = random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ", b"\0\r\n", b"\x0b", b"\x85"))


def _around(random: Random, draft: Draft) -> None:
    """Bytes before the request, or after it."""
    stray = random.choice(
        (
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b"\0",
            b" ",
            b"\x16\x03\x01\x02\0\x01\0",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"x",
            b"\r\n" * 300,
        )
    )
    if random.random() < 0.5:
        draft.body += stray
    else:
        draft.method = stray + draft.method


MUTATIONS: dict[str, Callable[[Random, Draft], None]] = {
    "method": _method,
    "target": _target,
    "version": _version,
    "hosts": _hosts,
    "framing": _framing,
    "connection": _connection,
    "offers": _offers,
    "header lines": _header_lines,
    "lines moved": _lines_moved,
    "body": _body,
    "chunks": _chunks,
    "newlines": _newlines,
    "around": _around,
}
