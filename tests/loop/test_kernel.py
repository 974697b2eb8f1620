"""Unit: calls to the kernel that keep the GIL."""

from __future__ import annotations

import os
import select
import threading
import time
from pathlib import Path

from trio_lab.loop.kernel import Timer, read_at_begin


def test_the_begin_of_a_file_is_read_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a begin and more")
    file = os.open(tmp_path / "file", os.O_RDONLY)
    assert [read_at_begin(file, size) for size in (7, 7, 100)] == [b"a begin", b"a begin", b"a begin and more"]
    os.close(file)
    assert read_at_begin(file, 7) == b""


def test_a_timer_ends_when_it_was_set_to_last_and_can_be_closed_twice() -> None:
    timer, began = Timer(), time.perf_counter()
    timer.set(0.01)
    timer.set(0.05)
    waiting = threading.Thread(target=timer.wait)
    waiting.start()
    waiting.join()
    assert time.perf_counter() - began >= 0.05
    timer.set(0.0)
    timer.wait()
    timer.close()
    timer.close()


def test_a_selector_sees_a_timer_end_until_it_is_set_again() -> None:
    timer = Timer()
    with select.epoll() as epoll:
        epoll.register(timer, select.EPOLLIN)
        timer.set(0.0)
        ended = [(timer.fileno(), select.EPOLLIN)]
        assert (epoll.poll(30), epoll.poll(30)) == (ended, ended)
        timer.set(3600.0)
        assert epoll.poll(0) == []
    timer.close()
