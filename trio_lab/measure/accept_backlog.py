"""The first queue of all: connections that the kernel has accepted and the server has not.

On Linux the TCP_INFO of a listening socket tells its backlog: `tcpi_unacked` is what waits, `tcpi_sacked` the bound.
"""

from __future__ import annotations

import socket
import struct

from ..records.queue import QueueStatistics, Undivided

_LEADING_BYTES = 8  # one-byte fields at the head of struct tcp_info, then 32-bit ones
_UNACKED, _SACKED = 4, 5  # which of the 32-bit ones


class AcceptBacklog(Undivided):
    """The backlog of a listening socket; not observed when there is no socket, or it is closed, or elsewhere than on Linux."""

    def __init__(self, listener: socket.socket | None) -> None:
        self._listener = listener

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        depth, bound = (None, None) if self._listener is None else _read(self._listener)
        return QueueStatistics(name="accept_backlog", waiting=depth, max_waiting=bound, kinds=())


def _read(listener: socket.socket) -> tuple[int | None, int | None]:
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LEADING_BYTES + 4 * 8)
    except (OSError, AttributeError):
        return None, None
    values = struct.unpack_from("=8I", info, _LEADING_BYTES)
    return values[_UNACKED], values[_SACKED]
