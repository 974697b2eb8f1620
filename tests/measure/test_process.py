"""Unit: what /proc tells of a process while it changes."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest

from trio_lab.measure.process import children


def test_a_thread_that_ends_meanwhile_hides_no_children_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    listed = sorted(
        os.listdir("/proc/self/task"), key=lambda one: int(one) == os.getpid()
    )  # the main thread is the last
    over.set()
    thread.join()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        monkeypatch.setattr(os, "listdir", lambda _: listed)
        while os.path.exists(
            f"/proc/self/task/{thread.native_id}"
        ):  # it has left Python, and perhaps not yet the kernel
            pass
        assert child.pid in children(os.getpid())
