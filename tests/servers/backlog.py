"""Connections that a serving loop of this process has had no turn to accept."""

from __future__ import annotations

import socket
from typing import Any


def sent_at_once(address: Any, data: bytes) -> list[socket.socket]:
    """Thirty connections with ``data`` sent on each, made without giving way. No loop accepts so many in a few turns."""
    clients = [socket.create_connection(address) for _ in range(30)]
    for client in clients:
        client.sendall(data)
    return clients
