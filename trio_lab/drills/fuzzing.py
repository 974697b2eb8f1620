"""Sends the cases of `mutation` to a server, many at a time, and finds the ones that do harm.

A reply tells which case it belongs to. A traceback in the server's log and the end of its process do not, as several cases
are under way at once: they are sent in batches, and those of a batch after which there is harm are sent again to new
servers, half as many each time, until one is left.

``python -m trio_lab.drills.fuzzing SEED NUMBER [URL]`` prints a case and, with a URL, what is replied to it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import trio

from .logged import LoggedServer
from .mutation.cases import Case, case
from .raw import Heard, raw_client

DECLARED = frozenset({501, 502, 503, 504, 505})
"""The server errors that the contract knows: a transfer coding or a version that is not supported, and a pool's refusals."""

_BATCH = 200
_AT_ONCE = 32
_LISTEN = 1.0  # seconds: long for one that is answered; a request that is not whole is not answered at all
_BETWEEN_WRITES = 0.001
_SETTLE = 0.05  # seconds after a batch in which what it did gets into the log

_HEAD = re.compile(rb"HTTP/1\.\d (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_TRACEBACK = re.compile(rb"Traceback \(most recent call last\)|Exception Group")

OpenServer = Callable[[], AbstractAsyncContextManager[LoggedServer]]


def heads(data: bytes) -> list[tuple[int, bool]]:
    """The status of each reply, and whether its type is JSON. Interim replies, which have none, are left out."""
    found = [
        (int(status), b"content-type: application/json\r\n" in lines.lower()) for status, lines in _HEAD.findall(data)
    ]
    return [(status, is_json) for status, is_json in found if status >= 200]


@dataclass(slots=True, kw_only=True)
class Harm:
    """What the cases did. ``told`` are the ones that did harm, with what it was.

    ``dropped``: the connection was closed without a reply, though the client listened.
    """

    sent: int = 0
    replies: int = 0
    unanswered: int = 0
    dropped: int = 0
    exits: int = 0
    tracebacks: int = 0
    undeclared: int = 0
    not_json: int = 0
    told: list[str] = field(default_factory=list)

    def note(self, one: Case, heard: Heard | None) -> None:
        found = heads(heard.data if heard is not None else b"")
        self.sent += 1
        self.replies += len(found)
        self.unanswered += not found
        dropped = not found and heard is not None and heard.end != "open" and one.end == "listen"
        self.dropped += dropped
        wrong = [status for status, _ in found if status >= 500 and status not in DECLARED]
        self.undeclared += len(wrong)
        without = [status for status, is_json in found if not is_json]
        self.not_json += len(without)
        if wrong or without or dropped:
            self.told.append(f"replied {wrong or without or 'nothing'} to case {one}")


async def send(url: str, one: Case) -> Heard | None:
    """What comes back; None when the server does not accept the connection any more."""
    try:
        async with raw_client(url) as client:
            for write in one.writes:
                if not await client.send(write):
                    break
                await trio.sleep(_BETWEEN_WRITES if len(one.writes) > 1 else 0)
            match one.end:
                case "half-close":
                    client.half_close()
                case "close":
                    client.close()
                case "reset":
                    client.reset()
            return await client.hear(_LISTEN)
    except OSError:
        return None


async def attack(open_server: OpenServer, server: LoggedServer, numbers: Iterable[int], *, seed: int) -> Harm:
    """Send the cases of these numbers to ``server`` until all are sent or it has ended. ``open_server`` opens others of its
    kind, to find out which case did harm."""
    harm, cases = Harm(), [case(seed, number) for number in numbers]
    for begin in range(0, len(cases), _BATCH):
        batch = cases[begin : begin + _BATCH]
        await _send_all(server, batch, harm.note)
        before, harm.tracebacks = harm.tracebacks, tracebacks(server)
        harm.exits += server.ended()
        if harm.tracebacks > before or server.ended():
            harm.told.append(await _guilty(open_server, batch))
        if server.ended():
            break
    return harm


def tracebacks(server: LoggedServer) -> int:
    """How many the log has, exception groups included."""
    count = read = 0
    while printed := server.printed(since=read):
        read += len(printed)
        count += len(_TRACEBACK.findall(printed))
    return count


async def _send_all(
    server: LoggedServer, batch: Sequence[Case], note: Callable[[Case, Heard | None], None] = lambda *_: None
) -> None:
    waiting = iter(batch)

    async def client() -> None:
        for one in waiting:
            note(one, await send(server.url, one))

    async with trio.open_nursery() as nursery:
        for _ in range(_AT_ONCE):
            nursery.start_soon(client)
    await trio.sleep(_SETTLE)


async def _guilty(open_server: OpenServer, batch: Sequence[Case]) -> str:
    """The case of a batch that does harm when it is alone on a new server, found by halving."""
    left = batch
    while len(left) > 1:
        half = left[: len(left) // 2]
        left = half if await _harm_of(open_server, half) else left[len(half) :]
    if (done := await _harm_of(open_server, left)) is not None:
        return f"{done} after case {left[0]}"
    return f"cases {batch[0].number} to {batch[-1].number} did harm together, and none of them alone"


async def _harm_of(open_server: OpenServer, batch: Sequence[Case]) -> str | None:
    """What these cases do to a new server, in words."""
    async with open_server() as server:
        await _send_all(server, batch)
        if server.ended():
            server.child.killed = True  # its exit code is what we have found
            return "the server ended"
        printed = server.printed()
        return f"the log ends with {printed[-300:].decode(errors='replace')!r}" if _TRACEBACK.search(printed) else None


async def _show(seed: int, number: int, url: str | None) -> None:
    one = case(seed, number)
    sys.stdout.write(f"{one.mutations}, {one.end}\n")
    sys.stdout.writelines(f"{write!r}\n" for write in one.writes)
    if url is not None:
        sys.stdout.write(f"{await send(url, one)}\n")


if __name__ == "__main__":
    trio.run(_show, int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
