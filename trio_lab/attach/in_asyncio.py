"""An asyncio loop that reports to the doctor, with a watch over it that does not log.

The reporter lives as long as the loop object, over several runs of it. A loop that has ended after a moment is not reported:
programs run coroutines one by one with loops of their own.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from ..loop.asyncio_eyes import AsyncioEyes
from ..loop.eyes import Passes
from .doctor import Doctor
from .figures import LoopFigures, no_threads
from .quiet_watch import QuietWatch
from .reporter import Reporter

_MOMENT = 0.1  # seconds


Watched = dict[asyncio.AbstractEventLoop, Passes]


def report_loop(doctor: Doctor, watched: Watched) -> None:
    """Report the loop that runs in this thread, if it still does in a moment. Meanwhile it is among the ``watched``."""
    loop = asyncio.get_running_loop()
    loop.call_later(_MOMENT, _open, doctor, loop, watched)


def _open(doctor: Doctor, loop: asyncio.AbstractEventLoop, watched: Watched) -> None:
    undo = ExitStack()
    try:
        watch = QuietWatch(AsyncioEyes(loop), budget=doctor.budget, steps="auto")
        undo.callback(watch.close)
        watch.open()
        watched[loop] = watch.passes
        undo.callback(watched.pop, loop, None)
        figures = LoopFigures("asyncio", watch, threads=no_threads)
        undo.callback(figures.close)
        reporter = Reporter(
            soon=loop.call_soon_threadsafe,
            read=figures.read,
            look=watch.look,
            close=undo.close,
            closed=loop.is_closed,
        )
        kind = loop.__class__
        reporter.start(doctor.socket, loop="asyncio", version=f"{kind.__module__}.{kind.__qualname__}")
    except Exception as fault:  # whatever it is, the program must go on as if there were no doctor; see `hook`
        undo.close()
        doctor.note_failure(fault)
    else:
        doctor.reported(reporter)
