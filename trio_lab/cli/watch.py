"""`trio-lab watch`."""

from __future__ import annotations

import math
import os
import shutil
import sys
from typing import Annotated

import trio
from cyclopts import Parameter

from ..diagnose.rows import watched
from ..errors import UsageError
from ..load.notation import seconds
from ..stage.attached import ProgramEnded, attached
from ..stage.supervised import Program
from ..stage.watching import ProgramSource, Source, Watching, source_at
from .ending import ended_by_signal
from .flags import PORT_OF_NOTHING, JsonFlag
from .watch_view import Lines, Screen, Shown


async def watch(
    subject: str,
    /,
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    port: int | None = None,
    duration: Annotated[str | None, Parameter(alias="-d")] = None,
    json_: JsonFlag = False,
) -> int:
    """Watch the queues of a service: how deep each is, how long its callers wait, and which one fills first.

    On a terminal the rows are redrawn four times a second. Elsewhere there is a line each second, with --json a JSON object.

    Ctrl-C ends it, with exit code 0, or with the program's own. Exit code 2: nothing answers at the URL.

    Parameters
    ----------
    subject
        The URL of a server of the lab, or of the side process of a program. Or a program to start, behind two hyphens:
        trio-lab watch -- python app.py. Nothing has to be changed in it; it is stopped at the end.
    port
        Of the ports that the program listens on, the one that requests come to; it need not be given if there is one.
    duration
        End after so long: 10, 5s or 2m. Without it the watch goes on until Ctrl-C, or until the program ends.
    json_
        Print a JSON object each second.
    """
    limit = math.inf if duration is None else seconds(duration)
    if not limit > 0:  # nan neither
        raise UsageError(f"duration must be over 0, not {duration}")
    shown: Lines | Screen = Lines(json_=json_) if json_ or not sys.stdout.isatty() else Screen()
    if subject.startswith(("http://", "https://")):
        if arguments:
            raise UsageError(f"a URL is all that is watched, not {arguments[0]!r} as well")
        if port is not None:
            raise UsageError(PORT_OF_NOTHING)
        return await _watch_url(subject, shown, limit)
    if shutil.which(subject) is None:
        raise UsageError(f"{subject!r} is neither a URL nor a program that can be started")
    return await _watch_program([subject, *arguments], port, shown, limit)


async def _watch_url(url: str, shown: Shown, limit: float) -> int:
    try:
        async with ended_by_signal():
            await _show(await source_at(url), shown, limit)
    except* KeyboardInterrupt:
        pass  # that is how it is ended
    return 0


async def _watch_program(command: list[str], port: int | None, shown: Shown, limit: float) -> int:
    program: Program | None = None
    try:
        async with ended_by_signal(), shown.outlet() as outlet:
            environment = None if outlet is None else {**os.environ, "PYTHONUNBUFFERED": "1"}  # a pipe is no terminal
            async with attached(
                command, port=port, wait=False, env=environment, stdout=outlet, stderr=outlet
            ) as service:
                program = service.program
                await _show(ProgramSource(service), shown, limit)
    except* (KeyboardInterrupt, ProgramEnded):
        pass
    shown.end(watched(()))  # it may have ended before it was watched
    code = None if program is None else program.code
    return 1 if code is None else code if code >= 0 else 128 - code  # as a shell tells a signal


async def _show(source: Source, shown: Shown, limit: float) -> None:
    watching = Watching(source)
    with shown, trio.move_on_after(limit):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watching.run)
            try:
                while True:
                    await trio.sleep(shown.every)
                    shown.show(watching.now())
            finally:
                shown.end(watching.now())
