"""Unit: the accept backlog of a port, as the kernel tells it to anyone."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from trio_lab.measure.accept_backlog import AcceptBacklog
from trio_lab.measure.socket_diag import ListeningSocket


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_what_waits_and_its_bound_are_what_the_socket_itself_says(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family, backlog=7) as listening, ExitStack() as clients:
        seen = ListeningSocket(listening.getsockname()[1])
        assert seen.statistics() == AcceptBacklog(listening).statistics()
        for _ in range(3):
            clients.enter_context(socket.create_connection(listening.getsockname()[:2]))
        found = seen.statistics()
        assert (found.waiting, found.max_waiting) == (3, 7)
        assert found == AcceptBacklog(listening).statistics()
    assert seen.statistics().waiting is None  # nobody listens any more
