"""Unit: a process that cannot be started leaves no descriptor open."""

from __future__ import annotations

import os
import resource
from types import SimpleNamespace
from typing import Any

import pytest

from trio_lab.servers.processes.child import Child


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4, 5])
def test_without_descriptors_it_is_told_and_none_is_left(spare: int) -> None:
    order: Any = SimpleNamespace(descriptors=())  # it is not sent
    free = [os.dup(0) for _ in range(spare + 1)]  # the lowest numbers that are free
    for one in free:
        os.close(one)
    before = os.listdir("/proc/self/fd")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Child.start(lambda channel, line: ["/bin/true"], order)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert os.listdir("/proc/self/fd") == before
