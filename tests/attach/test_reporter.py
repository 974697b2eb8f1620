"""Unit: what the thread of a reporter asks of its loop while the doctor asks for nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from socket import AF_UNIX, socket
from threading import Event

import pytest

from trio_lab.attach import reporter
from trio_lab.attach.reporter import Reporter


class Scripted(Reporter):
    """For a while nothing comes; the loop does what the ``script`` says at each check. Then the doctor has gone."""

    def __init__(self, *script: Callable[[Scripted], None]) -> None:
        self.looks, self.is_closed, self.is_over = 0, False, False
        self.scheduled: list[Callable[[], None]] = []
        super().__init__(
            soon=self._schedule,
            read=lambda _: dict,
            look=self._looked_at,
            close=self._ended,
            closed=lambda: self.is_closed,
        )
        self._socket = socket()
        self._script = iter(script)

    def _schedule(self, call: Callable[[], None]) -> None:
        if self.is_closed:
            raise RuntimeError
        self.scheduled.append(call)

    def _looked_at(self) -> None:
        self.looks += 1

    def _ended(self) -> None:
        self.is_over = True

    def _question(self) -> bytes:
        if (does := next(self._script, None)) is None:
            return b""
        does(self)
        raise TimeoutError

    def turn(self) -> None:
        while self.scheduled:
            self.scheduled.pop(0)()

    def stand_still(self) -> None:
        pass

    def close_loop(self) -> None:
        self.scheduled.clear()
        self.is_closed = True


def test_a_loop_that_is_closed_before_it_answers_ends_the_reporter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "_CHECK", 0.01)
    asked, is_closed, is_over = Event(), Event(), Event()
    with socket(AF_UNIX) as doctor:
        doctor.bind(str(tmp_path / "doctor"))
        doctor.listen()
        one = Reporter(
            soon=lambda call: asked.set(),  # it is never called
            read=lambda _: dict,
            look=lambda: None,
            close=is_over.set,
            closed=is_closed.is_set,
        )
        one.start(str(tmp_path / "doctor"), loop="none")
        with doctor.accept()[0] as asking:
            asking.sendall(b"figures\n")
            assert asked.wait(30)
            one._soon = refuse
            is_closed.set()
            one._thread.join(30)
            assert not one._thread.is_alive()
            assert is_over.is_set()
            assert asking.makefile("rb").readlines()[1:] == [], "the connection has ended without an answer"


def refuse(call: Callable[[], None]) -> None:
    raise RuntimeError


def test_a_long_answer_has_more_time_than_there_is_between_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "_CHECK", 1e-6)
    with socket(AF_UNIX) as doctor:
        doctor.bind(str(tmp_path / "doctor"))
        doctor.listen()
        one = Reporter(
            soon=lambda call: call(),
            read=lambda _: lambda: {"stalls": "x" * 1_000_000},  # more than the kernel holds for who does not read yet
            look=lambda: None,
            close=lambda: None,
        )
        one.start(str(tmp_path / "doctor"), loop="none")
        with doctor.accept()[0] as asking, asking.makefile("rwb") as lines:
            assert b"none" in lines.readline()
            lines.write(b"figures\n")
            lines.flush()
            assert len(lines.readline()) > 1_000_000
        one._thread.join()


def test_a_loop_that_stands_still_is_looked_after_once_when_it_goes_on() -> None:
    looked_after = Scripted(*[Scripted.stand_still] * 4, Scripted.turn, *[Scripted.stand_still] * 2)
    looked_after._serve()
    assert looked_after.looks == 1
    assert len(looked_after.scheduled) == 2  # another look, and the end
    looked_after.turn()
    assert (looked_after.looks, looked_after.is_over) == (2, True)


def test_a_loop_that_is_closed_with_a_look_before_it_is_let_go() -> None:
    looked_after = Scripted(Scripted.stand_still, Scripted.close_loop, Scripted.turn, Scripted.turn)
    looked_after._serve()
    assert (looked_after.looks, looked_after.is_over) == (0, True)
    assert next(looked_after._script) is Scripted.turn  # it did not wait until the doctor was gone
