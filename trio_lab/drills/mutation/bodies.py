"""Mutations of the body of a request, of its chunks, its line ends, and what stands around it: `MUTATIONS` by name."""

from __future__ import annotations

from random import Random

from .drafts import RECORDS, Draft, Mutation


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
            *(b"13\r\n" + RECORDS[:19] + b"\r\n0\r\n\r\n", b"1\r\n\xff\r\n" * 300 + b"0\r\n\r\n"),
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


MUTATIONS: dict[str, Mutation] = {
    "body": _body,
    "chunks": _chunks,
    "newlines": _newlines,
    "around": _around,
}
