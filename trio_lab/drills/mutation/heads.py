"""Mutations of the first line of a request and of its headers: `MUTATIONS` by name.

They are inputs on which servers and proxies are known to differ or to fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from .drafts import Draft, Mutation


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
    too_long = b"/" + b"a" * random.choice((255, 8_200, 70_000))
    draft.target = random.choice(
        (
            *_forms(draft.target, path),
            *_paths(draft.target, path, query),
            *_queries(path, query),
            *(path + b"\xff", path + "é".encode(), path + b" x", path + b"\tx", path + b"?\x7f", too_long),
            *(b"/block//json", b"/block/", b"/block/json/", b"/block/%2e%2e", b"/block/no", b"/block/json%00"),
            *(b"/fault/x", b"/static/../x"),
        )
    )


def _forms(target: bytes, path: bytes) -> Sequence[bytes]:
    """Targets that are whole URLs, or none at all."""
    return (
        *(b"http://x" + target, b"https://user:pass@x:99999" + target, b"HTTP://X" + target, b"http:" + path),
        *(b"http://[::1" + path, b"http://%5B" + path, b"ftp://x/", b"//x" + path, b"///" + path),
        *(b"*", b"x:80", b"", b"/"),
    )


def _paths(target: bytes, path: bytes, query: bytes) -> Sequence[bytes]:
    """Paths that some programs take for the same, and others do not."""
    return (
        *(
            path + b"/",
            b"/" + target,
            path + b"//",
            path + b"/..",
            b"/." + path,
            b"/x/.." + path,
            path[1:],
            b"\\" + path,
        ),
        *(path.upper(), path + b";a=b?" + query, path + b"%00", path + b"%2F", path.replace(b"/", b"%2F")),
        *(path + b"%", path + b"%zz"),
    )


def _queries(path: bytes, query: bytes) -> Sequence[bytes]:
    return (
        *(path + b"#" + query, path + b"?#", path + b"??" + query, path + b"?" + query * 3, path + b"?&&=&;" + query),
        *(path + b"?" + query + b"&x=%FF%FE", path + b"?%00=" + query, path + b"?" + b"a&" * 3_000),
        path + b"?" + b"&".join([query] * 9),
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


MUTATIONS: dict[str, Mutation] = {
    "method": _method,
    "target": _target,
    "version": _version,
    "hosts": _hosts,
    "framing": _framing,
    "connection": _connection,
    "offers": _offers,
    "header lines": _header_lines,
    "lines moved": _lines_moved,
}
