"""A server that may have 128 descriptors open, and 500 clients that connect and stay.

The limit is there when the server starts, so its workers must come up with few descriptors too. Then every descriptor is
taken, a client that was connected before goes on sending requests, and a worker is killed: its replacement cannot be started
either, as a process needs pipes. The server can only wait until clients leave, so the cost of waiting is measured: CPU time of
the server's process, and lines in its log. The log has two conditions to report, that connections cannot be accepted and that
workers cannot be started; each may appear once in five seconds.

When the clients have left, a new one must be answered within 2 s. The pool may take 10 s to be whole: its restart policy allows
five starts in ten seconds, and those that failed for want of descriptors have used them up (`worker-init-crash` has the
same bound).

Idle connections are kept for a minute: with the stock keep-alive the shortage would end by itself. The control is a plain
Quart app under hypercorn's own serving loop, whose event loop logs a traceback at each attempt to accept.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, suppress

import trio

from ...load.client import fetch
from ...measure.process import cpu_seconds, open_descriptors
from ...records.figures import Figures, check
from ...stage.launch import kill
from ...stage.stage import Stage
from ...stage.until import until
from ..both import drill_of_both
from ..logged import LineTimes, LoggedServer, trusting_server
from ..raw import RawClient, raw_client, request
from ..server import faulty_server

_LIMIT = 128  # descriptors
_CONNECTS = 500
_PAUSE = 0.25  # seconds between two requests of the client that was connected before
_WINDOW = 5.0  # seconds in which one line in the log is allowed
_PATIENCE = 5.0
_RECOVERY = 12.0  # seconds until it counts as never


async def _answered(client: RawClient) -> bool:
    """Whether a client that has been connected for long gets its reply."""
    await client.send(request("GET", "/health?reset=0"))
    reply = await client.reply(_PATIENCE)
    return reply is not None and reply[0] == 200


async def _short(server: LoggedServer, seconds: float, *, crowd: AsyncExitStack) -> dict[str, float | None]:
    """Take every descriptor of the server, and watch it wait. The clients leave when ``crowd`` is closed."""
    early = await crowd.enter_async_context(raw_client(server.url))
    await _answered(early)
    for _ in range(_CONNECTS):
        await crowd.enter_async_context(raw_client(server.url))
    await until(lambda: (open_descriptors(server.pid) or 0) >= _LIMIT, limit=5)
    for pid in server.workers()[:1]:
        kill(pid)
    lines, used, begun = LineTimes(server), cpu_seconds(server.pid) or 0.0, time.monotonic()
    asked, refused = 0, 0
    while time.monotonic() < begun + seconds:
        asked += 1
        refused += not await _answered(early)
        await trio.sleep(_PAUSE)
        lines.look()
    took = time.monotonic() - begun
    return {
        "descriptors": open_descriptors(server.pid),
        "cpu_percent": 100 * ((cpu_seconds(server.pid) or 0.0) - used) / took,
        "same_line_in_5_s": lines.most_repeated(_WINDOW),
        "log_lines": lines.count,
        "asked_meanwhile": asked,
        "refused_meanwhile": refused,
    }


async def _recovery(server: LoggedServer) -> float:
    """Seconds until a new client is answered."""

    async def answers() -> bool:
        try:
            return (await fetch(server.url + "/health?reset=0", timeout=1.0)).status == 200
        except (OSError, trio.TooSlowError):
            return False

    return await until(answers, limit=_RECOVERY) or _RECOVERY


async def _inject(stage: Stage) -> Figures:
    seconds = stage.seconds(20, quick=8)
    async with faulty_server("--keep-alive", "60", runtime=stage.runtime, descriptors=_LIMIT) as server:
        ready = (await server.health()).queue("worker_pool").capacity
        workers = server.workers()
        async with AsyncExitStack() as crowd:
            figures = await _short(server, seconds, crowd=crowd)
        begun = time.monotonic()
        figures["recovered_s"] = await _recovery(server)
        with suppress(trio.TooSlowError):  # the aftermath counts the workers that are missing
            await server.until_whole(set(workers[:1]))
        whole = time.monotonic() - begun
        return figures | {"not_ready": server.size - (ready or 0), "whole_s": whole} | await server.aftermath()


async def _control(stage: Stage) -> Figures:
    async with trusting_server(stage.runtime, descriptors=_LIMIT) as server:
        async with AsyncExitStack() as crowd:
            figures = await _short(server, stage.seconds(8, quick=6), crowd=crowd)
        return figures | {"recovered_s": await _recovery(server)}


DRILL = drill_of_both(
    name="fd-exhaustion",
    number=17,
    gate=False,
    question="128 descriptors, 500 clients, and a worker killed meanwhile: does the server wait without noise?",
    figures=(
        "not_ready",
        "descriptors",
        "cpu_percent",
        "same_line_in_5_s",
        "log_lines",
        "asked_meanwhile",
        "refused_meanwhile",
        "recovered_s",
        "whole_s",
    ),
    checks=(
        check("workers that did not start under the limit", "not_ready", "<=", 0),
        check("descriptors in use", "descriptors", ">=", _LIMIT),
        check("CPU time of the server", "cpu_percent", "<=", 20, "%"),
        check("times that its log says the same in any 5 s", "same_line_in_5_s", "<=", 1),
        check("requests of a connected client without a reply", "refused_meanwhile", "<=", 0),
        check("answers a new client after", "recovered_s", "<=", 2, "s"),
        check("all workers ready after", "whole_s", "<=", 10, "s"),
    ),
    inject=_inject,
    control=_control,
    twin="Quart under hypercorn's own loop",
)
