"""One function in a process of its own: ``python -m trio_lab.stage.alone MODULE:FUNCTION ARGUMENTS FILE``.

What dies, leaks or hangs in there harms only that process, and what is counted in there is not mixed with the lab's own
figures. What the function returns goes through a file, as JSON of the type that it is annotated with: what it prints may
be part of what is studied.

The process leads a group, and the whole group is killed at the end: a function may leave children behind. It ends by
`os._exit`: some pools of others cannot be closed any more once they have met a fault.

Imports are absolute: programs that start workers may run this file again in them, by its path.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, get_type_hints, overload

import trio

from trio_lab.records.codec import decode, encode
from trio_lab.stage.launch import last_words, lifeline
from trio_lab.worker.lifeline import tie_life

T = TypeVar("T")

_LIMIT = 300.0  # seconds


@overload
async def alone(call: Callable[[], Coroutine[Any, Any, T]], *, limit: float = ...) -> T: ...
@overload
async def alone(call: Callable[[], T], *, limit: float = ...) -> T: ...
async def alone(call: Callable[[], Any], *, limit: float = _LIMIT) -> Any:
    """What a call returns, made in a process of its own.

    ``call`` is a function of a module, async or not, or a `functools.partial` of one with arguments that JSON can hold.
    The function says what it returns.

    Raises:
        RuntimeError: the process ended without an answer.
        trio.TooSlowError: it took longer than ``limit`` seconds.
    """
    call = call if isinstance(call, partial) else partial(call)
    where = f"{call.func.__module__}:{call.func.__qualname__}"
    words = json.dumps([call.args, call.keywords])
    with tempfile.NamedTemporaryFile(prefix="trio-lab-") as answer, tempfile.TemporaryFile() as said:
        command = [sys.executable, "-m", "trio_lab.stage.alone", where, words, answer.name]
        with trio.fail_after(limit):
            code = await _run_group(command, said.fileno())
        if not (found := answer.read()):
            raise RuntimeError(f"{where} ended with exit code {code}: {last_words(said)}")
        return decode(_returned(call.func), found)


async def _run_group(command: list[str], output: int) -> int:
    """Run a process, and leave no process of its group behind."""
    with lifeline() as stdin:
        process = await trio.lowlevel.open_process(
            command, stdin=stdin, stdout=output, stderr=output, start_new_session=True
        )
        # The leader is not reaped before its group is gone, so the group's number cannot be another's yet.
        ended = os.pidfd_open(process.pid)
        try:
            await trio.lowlevel.wait_readable(ended)
        finally:
            trio.lowlevel.notify_closing(ended)
            os.close(ended)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with trio.CancelScope(shield=True):
                code = await process.wait()
    return code


def _returned(function: Callable[..., Any]) -> Any:
    return get_type_hints(function)["return"]


def main(where: str, words: str, answer: str) -> None:
    tie_life(0)
    module, _, name = where.partition(":")
    function = getattr(import_module(module), name)
    arguments, keywords = json.loads(words)
    call = partial(function, *arguments, **keywords)
    found = trio.run(call) if inspect.iscoroutinefunction(function) else call()
    Path(answer).write_bytes(encode(found, _returned(function)))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
