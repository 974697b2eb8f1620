"""An asyncio loop that reports to the doctor, with a watch over it that does not log.

The reporter lives until the loop is closed, over several runs of it. A loop that has ended after a moment is not reported:
programs run coroutines one by one with loops of their own. Loops that are never closed keep their reporters, so there are only
so many.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from ..loop.asyncio_eyes import AsyncioEyes
from ..loop.shadow import Shadow
from .doctor import Doctor
from .figures import LoopFigures, no_threads
from .notes import FAILED
from .quiet_watch import QuietWatch
from .reporter import Reporter

_MOMENT = 0.1  # seconds
_MOST = 64  # loops: each has two threads and some descriptors

Watched = dict[asyncio.AbstractEventLoop, LoopFigures]


def report_loop(doctor: Doctor, watched: Watched) -> None:
    """Report the loop that runs in this thread, if it still does in a moment. Meanwhile it is among the ``watched``."""
    loop = asyncio.get_running_loop()
    loop.call_later(_MOMENT, _open, doctor, loop, watched)


def _open(doctor: Doctor, loop: asyncio.AbstractEventLoop, watched: Watched) -> None:
    if len(watched) >= _MOST:
        doctor.note(FAILED, f"{_MOST} event loops are watched and not closed, so no other one is watched")
        return
    undo = ExitStack()
    try:
        watch = QuietWatch(AsyncioEyes(loop), budget=doctor.budget, steps="auto")
        undo.callback(watch.close)
        watch.open()
        figures = LoopFigures("asyncio", watch, threads=no_threads)
        undo.callback(figures.close)
        watched[loop] = figures
        undo.callback(watched.pop, loop, None)
        reporter = Reporter(
            soon=loop.call_soon_threadsafe,
            read=figures.read,
            look=watch.look,
            close=undo.close,
            closed=loop.is_closed,
        )
        kind = loop.__class__
        closing = Shadow(loop, "close")
        undo.callback(closing.take_away)

        def close() -> None:
            if not loop.is_running():  # else it is refused
                reporter.loop_ended()
            closing.hidden()

        closing.put(close)
        reporter.start(doctor.socket, loop="asyncio", version=f"{kind.__module__}.{kind.__qualname__}")
    except Exception as fault:  # whatever it is, the program must go on as if there were no doctor; see `hook`
        undo.close()
        doctor.note_failure(fault)
    else:
        doctor.reported(reporter)
