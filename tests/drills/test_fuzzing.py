"""The mutated requests (pure), what is counted of their replies, and how the case that did harm is found."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from trio_lab.drills.fuzzing import Harm, attack, heads
from trio_lab.drills.logged import LoggedServer
from trio_lab.drills.mutation.cases import MUTATIONS, Case, End, case
from trio_lab.drills.mutation.drafts import GOOD
from trio_lab.drills.raw import Heard
from trio_lab.stage.server import serving

ONE = case(1, 1)


def heard(data: bytes, end: Literal["closed", "reset", "open"] = "closed") -> Heard:
    return Heard(data=data, end=end, at=0.0)


JSON = b"Content-Type: application/json\r\n"


def test_a_case_follows_from_seed_and_number() -> None:
    assert [case(3, n) for n in range(200)] == [case(3, n) for n in range(200)]
    assert len({case(3, n).writes for n in range(200)} | {case(4, n).writes for n in range(200)}) > 350


def test_cases_are_of_every_kind() -> None:
    cases = [case(5, n) for n in range(2_000)]
    used = Counter(name for one in cases for name in one.mutations)
    assert used.keys() == {*MUTATIONS, "noise", "cut off"}
    assert min(used.values()) > 50
    assert {one.end for one in cases} == {"listen", "half-close", "close", "reset"}
    assert {len(one.writes) for one in cases} == set(range(1, 7))
    assert sum(not one.mutations for one in cases) > 50  # some requests are as they should be
    assert sum(b"".join(one.writes).count(b"HTTP/1.1\r\nHost") > 1 for one in cases) > 100  # and some are pipelined


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_a_draft_that_is_not_changed_is_a_request(number: int) -> None:
    first, _, rest = GOOD[number]().wire().partition(b"\r\n")
    method, target, version = first.split(b" ")
    assert method.isalpha()
    assert target.startswith(b"/")
    assert version.startswith(b"HTTP/1.")
    assert b"\r\n" in rest


def test_a_case_tells_how_to_make_it_again() -> None:
    assert str(ONE).startswith("1 (")
    long = Case(number=7, writes=(b"a" * 500, b"b" * 500), end="reset", mutations=("body",))
    assert str(long).startswith("7 (body; reset): aaaa")
    assert str(long).endswith("… (1001 bytes)")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"HTTP/1.1 200 \r\n" + JSON + b"\r\n{}", [(200, True)]),
        (b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\n" + JSON + b"\r\n{}", [(200, True)]),
        (b"HTTP/1.1 308 \r\nLocation: x\r\n\r\n<html>", [(308, False)]),
        (b"HTTP/1.1 400 \r\n" + JSON + b"\r\n{}HTTP/1.1 500 \r\n" + JSON + b"\r\n", [(400, True), (500, True)]),
        (b"HTTP/1.1 200 \r\nContent-Ty", []),
    ],
)
def test_replies_are_read(data: bytes, found: list[tuple[int, bool]]) -> None:
    assert heads(data) == found


@pytest.mark.parametrize(
    ("status", "lines", "undeclared", "not_json", "told"),
    [
        (200, JSON, 0, 0, 0),
        (400, JSON, 0, 0, 0),
        (503, JSON, 0, 0, 0),
        (500, JSON, 1, 0, 1),
        (599, b"", 1, 1, 1),
        (302, b"", 0, 1, 1),
    ],
)
def test_harm_is_counted(status: int, lines: bytes, undeclared: int, not_json: int, told: int) -> None:
    harm = Harm()
    harm.note(ONE, heard(b"HTTP/1.1 %d \r\n" % status + lines + b"\r\n"))
    assert (harm.replies, harm.undeclared, harm.not_json, len(harm.told)) == (1, undeclared, not_json, told)
    harm.note(ONE, heard(b"", "open"))
    harm.note(ONE, None)
    assert (harm.sent, harm.unanswered, harm.dropped) == (3, 2, 0)


@pytest.mark.parametrize(("end", "dropped"), [("listen", 1), ("half-close", 0), ("reset", 0)])
def test_a_client_that_listens_is_not_closed_without_a_reply(end: End, dropped: int) -> None:
    harm = Harm()
    hows: tuple[Literal["closed", "reset"], ...] = ("closed", "reset")
    for how in hows:
        harm.note(Case(number=1, writes=(b"x",), end=end, mutations=()), heard(b"", how))
    assert (harm.dropped, len(harm.told)) == (2 * dropped, 2 * dropped)


FRAGILE = """
import contextlib, json, socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"url": "http://127.0.0.1:%d" % listener.getsockname()[1]}), flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)), daemon=True).start()
while True:
    with listener.accept()[0] as connected, contextlib.suppress(OSError):
        if NEEDLE in connected.recv(65536):
            WHAT
        connected.sendall(b"HTTP/1.1 200 \\r\\nContent-Type: application/json\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
"""


@pytest.mark.parametrize(
    ("what", "words", "exits", "tracebacks"),
    [
        ("__import__('os')._exit(3)", "the server ended after case", 1, 0),
        ("sys.stderr.write('Traceback (most recent call last)\\n')", "the log ends with", 0, 1),
    ],
    ids=["it ends", "it raises"],
)
async def test_the_case_that_does_harm_is_found(what: str, words: str, exits: int, tracebacks: int) -> None:
    culprit = next(n for n in range(100) if case(2, n).end == "listen" and b"worker-hash" in case(2, n).writes[0])
    needle = case(2, culprit).writes[0]
    program = FRAGILE.replace("NEEDLE", repr(needle)).replace("WHAT", what)

    @asynccontextmanager
    async def fragile() -> AsyncIterator[LoggedServer]:
        with tempfile.TemporaryFile() as said:
            async with serving([sys.executable, "-c", program], stderr=said) as server:
                logged = LoggedServer(child=server.child, url=server.url, stderr=said)
                yield logged
                server.child.killed = logged.ended()

    async with fragile() as server:
        harm = await attack(fragile, server, range(culprit - 2, culprit + 2), seed=2)
    assert (harm.exits, harm.tracebacks) == (exits, tracebacks)
    assert f"case {culprit} " in harm.told[-1]
    assert harm.told[-1].startswith(words)
