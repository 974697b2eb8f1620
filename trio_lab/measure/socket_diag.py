"""The accept backlog of any program on this machine, seen from outside, as `ss -ltn` sees it: by Linux's socket diagnosis.

A request over netlink (`sock_diag(7)`) lists the listening sockets alone. /proc/net/tcp has the same figures, among the
thousands of connections of a load, and without the bound.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from ..records.queue import QueueStatistics, Undivided

_NETLINK, _SOCK_DIAG, _BY_FAMILY = 16, 4, 20  # AF_NETLINK, NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY
_REQUEST_AND_DUMP = 0x301
_ERROR, _DONE = 2, 3
_LISTENING = 1 << 10  # among the states of TCP
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ANY_SOCKET = bytes(40) + b"\xff" * 8  # an inet_diag_sockid without an address
_PORT_AT = 4  # in inet_diag_msg, in network order; rqueue and wqueue stand behind the address and a timer
_QUEUES_AT = 56


class ListeningSocket(Undivided):
    """The accept backlog of the sockets that listen on a port; not observed where the system does not tell."""

    def __init__(self, port: int) -> None:
        self._port = port

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        found = [
            (waiting, bound)
            for family in (socket.AF_INET, socket.AF_INET6)
            for port, waiting, bound in _listening(family)
            if port == self._port
        ]
        waiting, bound = map(sum, zip(*found, strict=True)) if found else (None, None)
        return QueueStatistics(name="accept_backlog", waiting=waiting, max_waiting=bound, kinds=())


def _listening(family: int) -> list[tuple[int, int, int]]:
    """Port, connections that wait, and their bound, of each listening socket; none if the system does not tell."""
    asked = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, _LISTENING) + _ANY_SOCKET
    try:
        with socket.socket(_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.settimeout(1.0)
            kernel.send(_HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST_AND_DUMP, 1, 0) + asked)
            return list(_answers(kernel))
    except (OSError, struct.error):
        return []


def _answers(kernel: socket.socket) -> Iterator[tuple[int, int, int]]:
    while data := kernel.recv(1 << 16):
        while data:
            length, kind, *_ = _HEADER.unpack_from(data)
            if kind in (_DONE, _ERROR):
                return
            message = data[_HEADER.size : length]
            yield struct.unpack_from("!H", message, _PORT_AT)[0], *struct.unpack_from("=II", message, _QUEUES_AT)
            data = data[(length + 3) & ~3 :]  # messages are aligned to four bytes
