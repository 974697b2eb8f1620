"""Unit: listening sockets of processes, found in /proc."""

from __future__ import annotations

import os
import socket

import pytest

from trio_lab.stage.listening import Listener, holders_of, listeners


@pytest.mark.parametrize(
    ("family", "host", "authority"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1:{}"),
        (socket.AF_INET, "0.0.0.0", "127.0.0.1:{}"),
        (socket.AF_INET6, "::1", "[::1]:{}"),
        (socket.AF_INET6, "::", "[::1]:{}"),
    ],
)
def test_a_listening_socket_is_found_with_an_address_to_connect_to(
    family: socket.AddressFamily, host: str, authority: str
) -> None:
    with socket.create_server((host, 0), family=family) as listening:
        port = listening.getsockname()[1]
        found = {one.port: one for one in listeners([os.getpid()])}
        assert found[port].pids == (os.getpid(),)
        assert found[port].authority == authority.format(port)
        with socket.create_connection((found[port].authority.rpartition(":")[0].strip("[]"), port)):
            pass
    assert port not in {one.port for one in listeners([os.getpid()])}


def test_sockets_that_do_not_listen_and_processes_that_are_gone_are_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with socket.create_connection(listening.getsockname()) as client:
            found = {one.port for one in listeners([2**22 + 1, os.getpid()])}
            assert listening.getsockname()[1] in found
            assert holders_of(listening.getsockname()[1]) == [os.getpid()]
            assert not found & {bound.getsockname()[1], client.getsockname()[1]}


def test_an_address_that_is_mapped_from_version_4_is_reached_by_it() -> None:
    assert Listener(host="10.1.2.3", port=80, pids=(1,)).authority == "10.1.2.3:80"
