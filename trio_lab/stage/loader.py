"""A load generator that waits to be told: ``python -m trio_lab.stage.loader``, a line of JSON for each run.

Starting a process takes longer than a short phase lasts, so one of these serves all phases of an experiment. A line holds
the fields of a `LoadPlan`; ``body`` is the path of a file. The answer is a line with the ``result``, or why there is none: the
plan is ``unusable``, or an ``error``.
The first line of all says that it is ``ready``. When its standard input ends, it ends too, in the middle of a run as well.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import trio

from ..errors import UsageError, in_a_line
from ..load.generator import run_load
from ..load.patience import Patience
from ..load.plan import LoadPlan
from ..load.retry import Retry
from ..records.codec import to_plain
from ..subjects.telling import say


async def serve() -> None:
    """Answer line by line, until standard input ends."""
    say(ready=True)
    async with trio.open_nursery() as runs:
        async for line in _lines(trio.lowlevel.FdStream(os.dup(0))):
            runs.start_soon(_answer, json.loads(line))
        runs.cancel_scope.cancel()


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncIterator[bytes]:
    heard = b""
    async for data in stream:
        *lines, heard = (heard + data).split(b"\n")
        for line in lines:
            yield line


async def _answer(fields: dict[str, Any]) -> None:
    try:
        if "body" in fields:
            fields["body"] = await trio.Path(fields["body"]).read_bytes()
        for name, kind in (("leave_after", Patience), ("retry", Retry)):
            if isinstance(fields.get(name), dict):
                fields[name] = kind(**fields[name])
        answer: dict[str, Any] = {"result": to_plain((await run_load(LoadPlan(**fields))).result)}
    except UsageError as error:
        answer = {"unusable": str(error)}
    except Exception as error:  # whatever it was, the lab has to say it
        answer = {"error": in_a_line(error)}
    say(**answer)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all that share a terminal; who started us ends us
    trio.run(serve)
