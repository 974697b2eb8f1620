"""Unit: how a signal ends a command."""

from __future__ import annotations

import os
import signal

import pytest
import trio

from trio_lab.cli.ending import Terminated, ended_by_signal


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_signal_ends_what_waits_and_not_what_is_being_done(number: int, kind: type[BaseException]) -> None:
    done = []

    async def command() -> None:
        async with ended_by_signal():
            os.kill(os.getpid(), number)
            done.append("saved")  # Python's own handler would raise before this line
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(command)
    assert caught.group_contains(kind)
    assert done == ["saved"]


def test_without_a_signal_nothing_is_ended() -> None:
    async def command() -> None:
        async with ended_by_signal():
            await trio.lowlevel.checkpoint()

    trio.run(command)
