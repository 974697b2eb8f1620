"""The HTTP contract as a table: what is sent, and what the reply must be like, whatever the runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from trio_lab.http.contract import CHOICES, MAX_BODY, MAX_HEAD, MAX_TARGET, NOT_FOUND, NUMBERS, STORMS, lacking
from trio_lab.measure.ledger import PARTS
from trio_lab.servers.trio.db import NUMBERS as DATABASE_NUMBERS

from .health import POOL, SUMMARY, health
from .shapes import COUNT, NUMBER, TEXT, Each, Is, Shape, mentions
from .subjects import Subject

NOTHING = object()
"""The shape of a body that is not there."""

ERROR = {"error": TEXT}


@dataclass(frozen=True, slots=True)
class Row:
    """A request, and the reply to it. ``headers`` are those that matter; the type of every reply is JSON's."""

    target: str
    body: Shape = field(default_factory=lambda: ERROR)
    status: int = 200
    method: str = "GET"
    sent: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, Shape] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.target[:40]}"


@dataclass(frozen=True, slots=True)
class Said:
    """Bytes on a connection that the server then closes, after one reply with one of these statuses."""

    name: str
    said: bytes
    statuses: tuple[int, ...]
    body: Shape = field(default_factory=lambda: ERROR)

    def __str__(self) -> str:
        return self.name


# ---- The routes, as they are meant to be used.


def replies(subject: Subject) -> Iterator[Row]:
    yield from _hashes()
    yield from _waits()
    yield from _fibs()
    yield from _shared_pool()
    yield from _storms(subject)
    yield Row("/", {"runtime": subject.runtime, "profile": subject.profile, "routes": _overview(subject)})
    for target in ("/health", "/health?reset=0", "/health?reset=1", "http://example.org/health?reset=0"):
        yield Row(target, health(subject))
    if subject.watches:
        yield from _watched()
    if subject.has("/db"):
        yield from _queries()


def _queries() -> Iterator[Row]:
    for query, kind in (("ms=1", "fast"), ("ms=0&class=fast", "fast"), ("ms=1&class=slow", "slow")):
        yield Row(f"/db?{query}", {"route": "/db", "class": kind, "durationMs": NUMBER})


def _hashes() -> Iterator[Row]:
    # Digits may be percent-encoded, or begin with zeros; a parameter that no route knows is ignored.
    for query in (
        "rounds=10",
        "rounds=1",
        "rounds=%31%30",
        "rounds=010",
        "r%6Funds=10",
        "rounds=10&other=x",
        "rounds=10&",
    ):
        yield Row(f"/hash?{query}", {"route": "/hash", "mode": "async pbkdf2", "durationMs": NUMBER})
    yield Row("/sync-hash?rounds=10", {"route": "/sync-hash", "mode": "sync pbkdf2", "durationMs": NUMBER})
    durations = dict.fromkeys(("workerDurationMs", "totalDurationMs", "queueMs"), NUMBER)
    yield Row("/worker-hash?rounds=10", {"route": "/worker-hash", "mode": "worker process", "pool": POOL} | durations)


def _waits() -> Iterator[Row]:
    for query, pool in (("ms=1", "own"), ("ms=0", "own"), ("ms=1&pool=own", "own"), ("ms=1&pool=default", "default")):
        body = {"route": "/wait", "mode": "blocking wait", "pool": pool, "durationMs": NUMBER}
        yield Row(f"/wait?{query}", body)


def _fibs() -> Iterator[Row]:
    for query, n, where, value in (
        ("n=10&where=loop", 10, "loop", 55),
        ("n=10&where=thread", 10, "thread", 55),
        ("n=10&where=process", 10, "process", 55),
        ("n=20", 20, "process", 6765),
        ("n=0", 0, "process", 0),
        ("n=1", 1, "process", 1),
    ):
        body = {"route": "/fib", "n": n, "where": where, "value": value, "computeMs": NUMBER, "durationMs": NUMBER}
        yield Row(f"/fib?{query}", body)


def _shared_pool() -> Iterator[Row]:
    for target in ("/lookup", "/lookup?host=localhost"):
        body = {"route": "/lookup", "host": "localhost", "addresses": Each(TEXT), "durationMs": NUMBER}
        yield Row(target, body)
    yield Row("/read", {"route": "/read", "bytes": COUNT, "durationMs": NUMBER})


def _storms(subject: Subject) -> Iterator[Row]:
    modes = list(STORMS[subject.runtime])
    for query, mode in [("", modes[0]), *((f"&mode={mode}", mode) for mode in modes)]:
        body = {"route": "/tick-storm", "scheduledTicks": 2_500, "mode": mode, "longestStepMs": NUMBER}
        yield Row(f"/tick-storm?count=2500{query}", body)
    yield Row(
        "/tick-storm?count=1", {"route": "/tick-storm", "scheduledTicks": 1, "mode": modes[0], "longestStepMs": NUMBER}
    )


def _watched() -> Iterator[Row]:
    """What a server says that watches its loop."""
    parts = dict.fromkeys(PARTS, SUMMARY)
    route = {"route": TEXT, "count": COUNT, "total_ms": SUMMARY, "parts": parts}
    for query in ("", "?reset=0", "?reset=1"):
        yield Row(f"/ledger{query}", {"routes": Each(route)})
    text_or_null = Is("a text or null", lambda value: value is None or TEXT.holds(value))
    row = dict.fromkeys(("file", "function", "cause"), Is("a text", lambda value: isinstance(value, str)))
    row |= {"line": COUNT, "label": text_or_null, "count": COUNT, "total_ms": NUMBER, "longest_ms": NUMBER}
    row |= {
        "samples": COUNT,
        "share": NUMBER,
        "awaits": Is("a share or null", lambda value: value is None or value <= 1),
    }
    last = dict.fromkeys(("duration_ms", "share"), NUMBER) | dict.fromkeys(
        ("file", "function", "task", "label"), text_or_null
    )
    last |= {"ago_ms": Is("a number", lambda value: isinstance(value, int | float)), "cause": TEXT, "samples": COUNT}
    last |= {"line": Is("a line or null", lambda value: value is None or value > 0)}
    last |= {"path": Each(TEXT), "top": Each({"task": TEXT, "ms": NUMBER})}
    yield Row("/stalls", {"budget_ms": 50.0, "blind": None, "count": COUNT, "table": Each(row), "last": Each(last)})


def _overview(subject: Subject) -> Is:
    """Every route of the contract as a request that can be sent, and a text that has its parameters and their bounds."""
    choices = {**CHOICES, "/tick-storm": {"mode": tuple(STORMS[subject.runtime])}}
    wanted = {}
    for path in ("/", "/health", *_WORK):
        numbers, words = NUMBERS.get(path, {}), choices.get(path, {})
        defaults = {name: number.default for name, number in numbers.items()} | {n: of[0] for n, of in words.items()}
        query = f"?{urlencode(defaults)}" if defaults else ""
        bounds = {f"{name}: {number.low} to {number.high}." for name, number in numbers.items()}
        wanted[f"GET {path}{query}"] = bounds | {f"{name}: {' or '.join(of)}." for name, of in words.items()}
    return Is(f"{wanted} and more", lambda found: all(text in found[key] for key in wanted for text in wanted[key]))


# ---- What is refused, and how.


def errors(subject: Subject) -> Iterator[Row]:
    """What is the sender's mistake."""
    others = {mode for modes in STORMS.values() for mode in modes} - set(STORMS[subject.runtime])
    for mode in ["fast", "", *sorted(others)]:
        yield Row(f"/tick-storm?mode={mode}", {"error": mentions("mode")}, 400)
    for query in ("reset=2", "reset=", "reset=1&reset=1", "reset=true"):
        for target in ("/health", "/ledger") if subject.watches else ("/health",):
            yield Row(f"{target}?{query}", {"error": mentions("reset")}, 400)
    for query in ("where=moon", "where=", "where=loop&where=loop", "where=Loop"):
        yield Row(f"/fib?n=1&{query}", {"error": mentions("where")}, 400)
    for query in ("host=example.org", "host="):
        yield Row(f"/lookup?{query}", {"error": mentions("host")}, 400)
    for query in ("pool=theirs", "pool="):
        yield Row(f"/wait?ms=0&{query}", {"error": mentions("pool")}, 400)
    if subject.has("/db"):
        for query in ("class=other", "class=", "class=fast&class=fast"):
            yield Row(f"/db?ms=0&{query}", {"error": mentions("class")}, 400)
    if subject.has("/jobs"):
        for method in ("GET", "DELETE"):
            for id in ("0", "999999", "none", "-1", "1e3", "%00", "9" * 50):
                yield Row(f"/jobs/{id}", {"error": "there is no such job"}, 404, method)
        yield Row("/jobs", {"error": mentions("must be a job")}, 400, "POST")
    for target in ("/nothing", "/hash/", "/Hash", "/hash/1", "//hash", "/../hash", "/hash%3Frounds=1", "/%00"):
        yield Row(target, {"error": NOT_FOUND}, 404)
    yield Row("/nothing", {"error": NOT_FOUND}, 404, "POST")
    for target in ("http://x/nothing", "http://x//hash"):
        yield Row(target, {"error": NOT_FOUND}, 404)


def too_much(_: Subject) -> Iterator[Row]:
    """What is larger than a server takes, and what it takes that is just not."""
    room = MAX_TARGET - len("/hash?rounds=1&x=")
    yield Row("/hash?rounds=1&x=" + "a" * (room - 1), {"route": "/hash", "mode": "async pbkdf2", "durationMs": NUMBER})
    yield Row("/hash?rounds=1&x=" + "a" * (room + 2), ERROR, 414)
    yield Row("/" + "a" * 60_000, ERROR, 414)
    for length in (MAX_HEAD + 1, 20_000, 120_000):
        yield Row("/health", ERROR, 431, sent={"X-Long": "a" * length})
    yield Row("/hash", ERROR, 413, "POST", sent={"Content-Length": str(MAX_BODY + 1)})
    yield Row("/hash?rounds=1", ERROR, 413, sent={"Content-Length": "99999999999999999999"})


def lacking_routes(subject: Subject) -> Iterator[Row]:
    """What only other runtimes have: the reply says which, whatever the method."""
    for target in (
        "/block/json",
        "/process-list",
        "/ingest",
        "/db?ms=1",
        "/jobs",
        "/jobs/1",
        "/ledger",
        "/stalls",
        "/metrics",
    ):
        said = lacking(subject.runtime, target.partition("?")[0])
        if said is not None:
            for method in ("GET", "POST", "DELETE", "OPTIONS"):
                yield Row(target, {"error": said}, 501, method)
            yield Row(target, NOTHING, 501, "HEAD")


def targets(subject: Subject) -> Iterator[Said]:
    """What stands where a path should, and is none; as bytes, for a client is told by its library not to send it."""
    no_block = 404 if subject.has("/block") else 501
    for method, target, status in (
        ("GET", "http:///health", 400),
        ("GET", "http://x", 400),
        ("GET", "ftp://x/health", 400),
        ("GET", "?reset=0", 400),
        ("GET", "health", 400),
        ("GET", "%2Fhealth", 400),
        ("GET", "http://[x/health", 400),
        ("GET", "http://%5Bx/nothing", 404),
        ("OPTIONS", "*", 400),
        ("CONNECT", "x:80", 400),
        # Nothing is redirected: neither to a path with fewer slashes, nor to the host that a client names.
        ("GET", "//x/health", 404),
        ("GET", "/health/", 404),
        ("GET", "/health//", 404),
        ("GET", "/./health", 404),
        ("GET", "/x/../health", 404),
        ("GET", "/%2fhealth", 404),
        ("GET", "/health%2F", 404),
        ("GET", "/block//json", no_block),
        ("GET", "/block%2fjson", 404),
        ("GET", "/block/../health", no_block),
        ("GET", "http://x/block//json", no_block),
        ("GET", "/static/%00", 404),
        ("GET", "/health;x", 404),
        ("GET", "/health#x", 404),
    ):
        request = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        yield Said(f"{method} {target}", request.encode(), (status,))


_NO_NUMBERS = (
    "",
    "-1",
    "+5",  # which is " 5"
    "%2B5",
    "%205",
    "5%20",
    "5%0A",
    "1_000",
    "1.0",
    "1e3",
    "1e9999",
    "0x10",
    "NaN",
    "inf",
    "null",
    "%EF%BC%91%EF%BC%92",  # full-width digits
    "%C2%B2",  # a superscript two, which is a digit to some
    "%00",
    "%FF",
    "%zz",
    "5;5",
    "9" * 5_000,
)


def numbers(subject: Subject) -> Iterator[Row]:
    """What is no number, or out of its bounds, or given twice: the reply names the parameter."""
    numbers = {**NUMBERS, **(DATABASE_NUMBERS if subject.has("/db") else {})}
    declared = [(route, name, number) for route, named in numbers.items() for name, number in named.items()]
    for route, name, number in declared:
        refused = {"error": mentions(name)}
        for value in (*_NO_NUMBERS, str(number.high + 1), *(str(n) for n in range(number.low))):
            yield Row(f"{route}?{name}={value}", refused, 400)
        for query in (f"{name}=1&{name}=1", f"{name}=1&{name}=", name):
            yield Row(f"{route}?{query}", refused, 400)


_WORK = ("/hash", "/sync-hash", "/worker-hash", "/wait", "/tick-storm", "/fib", "/lookup", "/read")


def methods(subject: Subject) -> Iterator[Row]:
    """HEAD would cost as much as GET wherever there is work, so it is for /health alone."""
    others = {"/db": ["GET", "OPTIONS"], "/jobs": ["OPTIONS", "POST"], "/jobs/1": ["DELETE", "GET", "OPTIONS"]}
    for route, allowed in [
        ("/health", ["GET", "HEAD", "OPTIONS"]),
        *((route, allowed) for route, allowed in others.items() if subject.has(route)),
        *((route, ["GET", "OPTIONS"]) for route in ("/", *_WORK)),
    ]:
        allow = {"Allow": ", ".join(allowed)}
        yield Row(route, {"allow": allowed}, 200, "OPTIONS", headers=allow)
        for method in sorted({"POST", "PUT", "PATCH", "DELETE", "TRACE"} - {*allowed}):
            yield Row(route, ERROR, 405, method, headers=allow)
        if route != "/health":
            yield Row(route, NOTHING, 405, "HEAD", headers=allow)
    yield Row("/health?reset=0", NOTHING, 200, "HEAD", headers={"Content-Length": mentions("")})
    yield Row("/nothing", NOTHING, 404, "HEAD")
    yield Row("/nothing", ERROR, 404, "OPTIONS")
    for method in ("head", "Head", "get", "GeT", "BREW", "PROPFIND", "A" * 1000):  # methods are case-sensitive
        yield Row("/health", ERROR, 501, method, headers={"Connection": "close"})


# ---- What is sent as bytes, and may not even be a request.

_HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n"
_WAIT = b"GET /wait?ms=0 HTTP/1.1\r\nHost: x\r\n"
_BAD_CHUNK = b" /wait?ms=1000 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
_TOO_LONG = b"GET /hash?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
_OFFERS = (
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
)
_RESTS = {
    "an empty line": b"\r\n",
    "a request": _HEALTH + b"\r\n",
    "rubbish": b"\0\xff rubbish",
    "a megabyte": b"a" * 1_000_000,
}
_LENGTH, _CODING = b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"
_TWO_READINGS = {
    "a length and a coding": _LENGTH + _CODING,
    "a coding and a length": _CODING + _LENGTH,
    "two codings": _CODING + _CODING,
    "a coding twice": b"Transfer-Encoding: chunked, chunked\r\n",
    "the same length twice": _LENGTH + _LENGTH,
    "a list of lengths": b"Content-Length: 3, 3\r\n",
    "a folded line": b"X: a\r\n b\r\n",
    "a line folded with a tab": b"X: a\r\n\tb\r\n",
    "a line feed alone": b"X: a\nY: b\r\n",
    "a carriage return alone": b"X: a\rY: b\r\n",
    "a space before the colon": b"X : a\r\n",
    "no colon": b"X\r\n",
    "no name": b": a\r\n",
    "a NUL": b"X: a\0b\r\n",
}


def said(subject: Subject) -> Iterator[Said]:
    """What a server takes, though not every client would send it."""
    ours = health(subject)
    yield Said("connection: close", _HEALTH + b"Connection: close\r\n\r\n", (200,), ours)
    yield Said("the protocol before this one", b"GET /health HTTP/1.0\r\nHost: x\r\n\r\n", (200,), ours)
    waited = {"route": "/wait", "mode": "blocking wait", "pool": "own", "durationMs": NUMBER}
    for offer in _OFFERS:  # a server may ignore an offer to upgrade
        head = _WAIT + b"Connection: close, Upgrade, HTTP2-Settings\r\n"
        yield Said(f"an offer to speak {offer.split()[1].decode()}", head + offer + b"\r\n", (200,), waited)
    for name, rest in _RESTS.items():  # what follows the last request is not read as one
        yield Said(f"{name} after connection: close", _WAIT + b"Connection: close\r\n\r\n" + rest, (200,), waited)
        yield Said(f"{name} after HTTP/1.0", _WAIT.replace(b"1.1", b"1.0") + b"\r\n" + rest, (200,), waited)
    yield Said("empty lines before it", b"\r\n\r\n" + _WAIT + b"Connection: close\r\n\r\n", (200,), waited)
    for expected in (b"200-maybe", b"100-continue, 200-maybe"):  # what is not understood may be ignored
        yield Said(
            f"to expect {expected.decode()}",
            _WAIT + b"Connection: close\r\nExpect: %s\r\n\r\n" % expected,
            (200,),
            waited,
        )
    body = _WAIT + b"Connection: close\r\n%s\r\n\r\n%s"
    chunks = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    for name, header, sent in (  # a body that no route reads is no mistake
        ("a body", b"Content-Length: 3", b"abc"),
        ("a body in a chunk", b"Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n"),
        ("a large body in chunks", b"Transfer-Encoding: chunked", chunks * 20 + b"0\r\n\r\n"),
    ):
        yield Said(name, body % (header, sent), (200,), waited)


def unwanted(_: Subject) -> Iterator[Said]:
    """Bodies that their clients keep until they are asked for, and that nobody asks for: the final status comes alone."""
    for method, target, length, status in (
        (b"POST", b"/nothing", 5, 404),
        (b"POST", b"/hash", 5, 405),
        (b"POST", b"/hash", MAX_BODY + 1, 413),
        (b"POST", b"/ingest", 300_000_000, 413),
        (b"post", b"/ingest", 5, 501),
        (b"GET", b"/hash?rounds=x", 5, 400),
        (b"GET", b"/wait?ms=0", 5, 200),
    ):
        head = b"%s %s HTTP/1.%%d\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (
            method,
            target,
            length,
        )
        for minor in (0, 1):
            shape = ERROR if status != 200 else {"route": TEXT, "mode": TEXT, "pool": TEXT, "durationMs": NUMBER}
            yield Said(f"{method.decode()} {target.decode()} 1.{minor}", head % minor, (status,), shape)


def malformed(_: Subject) -> Iterator[Said]:
    """Bytes that are not a valid request, or a request in a protocol that is not served."""
    yield Said("two hosts", _HEALTH + b"Host: y\r\n\r\n", (400,))
    yield Said("two lengths", _HEALTH + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", (400,))
    yield Said("a bad length", _HEALTH + b"Content-Length: -1\r\n\r\n", (400,))
    yield Said("no host", b"GET /health HTTP/1.1\r\n\r\n", (400,))
    yield Said("garbage", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", (400,))
    yield Said("a very old version", b"GET /health\r\n\r\n", (400,))
    yield Said("a version to come", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505,))
    for coding in (b"gzip", b"gzip, chunked", b"identity", b"xchunked", b""):
        yield Said(f"the coding {coding!r}", _HEALTH + b"Transfer-Encoding: %s\r\n\r\n" % coding, (501,))
    for name, lines in _TWO_READINGS.items():
        yield Said(name, _HEALTH + lines + b"\r\n3\r\nabc\r\n0\r\n\r\n", (400, 501))
    yield Said("a coding in HTTP/1.0", _HEALTH.replace(b"1.1", b"1.0") + _CODING + b"\r\n", (400,))
    yield Said("bare line feeds", (_HEALTH + b"\r\n").replace(b"\r", b""), (400,))
    for method in (b"", b"G@T", b"G T", b"\xc3\xa9"):
        yield Said(f"the method {method!r}", _HEALTH.replace(b"GET", method) + b"\r\n", (400,))
    yield Said("a bad chunk", b"POST" + _BAD_CHUNK, (400, 405))
    yield Said("a bad chunk after a head", b"HEAD" + _BAD_CHUNK, (400, 405), NOTHING)
    yield Said("a bad chunk for work that has begun", b"GET" + _BAD_CHUNK, (400,))
    yield Said("a head without end", _HEALTH + b"x: " + b"a" * 262_144, (431,))
    yield Said("a request after one that is refused", _TOO_LONG + _HEALTH + b"\r\n", (414,))
    for host in (b"a..b", b"a" * 70, b"\xff\xfe", b"a:b:c@/?"):
        request = b"GET /nothing HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host
        yield Said(f"the host {host[:9]!r}", request, (400, 404))


TABLE: dict[str, Callable[[Subject], Iterator[Row | Said]]] = {
    "replies": replies,
    "errors": errors,
    "lacking_routes": lacking_routes,
    "too_much": too_much,
    "targets": targets,
    "numbers": numbers,
    "methods": methods,
    "said": said,
    "unwanted": unwanted,
    "malformed": malformed,
}
