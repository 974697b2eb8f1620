"""How the beginning of an event loop is noticed, in a process that has asked for it.

**Trio.** A run takes instruments from the code that starts it; Trio offers no way to add one to every run. `trio.run` and
`trio.lowlevel.start_guest_run` both prepare a run with the function `setup_runner` of `trio._core._run`. It is replaced by a
function that calls it, and then adds an instrument to the new run. The two public functions are not wrapped, because then every
traceback of a program that dies of an error would show a frame of ours. (Only the error of a run that cannot be set up does,
such as a run within a run.) The default value of their parameter ``instruments`` is not changed, because some programs pass
their own, and pytest-trio always does.

**asyncio.** Every loop, when it begins to run and when it stops, says so to `_set_running_loop`, which asyncio offers to other
loops for this purpose. asyncio looks it up in `asyncio.events` each time, uvloop in `asyncio` when it is imported.

No class is changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def at_trio_runs(begins: Callable[[], None]) -> None:
    """Have ``begins`` called in each run of Trio that is set up from now on, before its first step. It must not raise."""
    import trio

    module: Any = sys.modules["trio._core._run"]
    protected = trio.lowlevel.enable_ki_protection(begins)  # a Ctrl-C meanwhile is for the run, which has not begun yet
    module.setup_runner = _and_then(module.setup_runner, protected)


def _and_then(set_up: Callable[P, T], tell: Callable[[], None]) -> Callable[P, T]:
    @wraps(set_up)
    def set_up_and_tell(*args: P.args, **keywords: P.kwargs) -> T:
        runner = set_up(*args, **keywords)
        tell()
        return runner

    return set_up_and_tell


def at_asyncio_loops(begins: Callable[[Any], None], stops: Callable[[Any], None]) -> None:
    """Have them called, in the loop's thread and with the loop, each time that one begins to run or stops. They must not
    raise. asyncio may have been imported in part only."""
    from asyncio import events

    module: Any = events
    set_running_loop = module._set_running_loop

    @wraps(set_running_loop)
    def set_and_tell(loop: Any) -> None:
        before = module._get_running_loop()
        set_running_loop(loop)
        if before is not None and before is not loop:
            stops(before)
        if loop is not None and loop is not before:
            begins(loop)

    module._set_running_loop = set_and_tell
    package: Any = sys.modules["asyncio"]
    if hasattr(package, "_set_running_loop"):
        package._set_running_loop = set_and_tell
