"""End to end, property: no bytes make a server end, log a fault, or answer with a status that is not declared."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings

from tests.running import Running

from .mutations import requests
from .subjects import GUARDED, Subject, serving

DECLARED = {b"100", b"200", b"400", b"404", b"405", b"413", b"414", b"431", b"501", b"503", b"505"}


def replies_to(server: Running, said: bytes) -> list[bytes]:
    """What comes back until the server's end: it has the client's."""
    received = b""
    with socket.create_connection(server.address, timeout=30) as connection:
        with suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 ") or not received
    return received.split(b"HTTP/1.1 ")[1:]


@pytest.mark.parametrize("subject", GUARDED, ids=str)
def test_no_request_does_harm(subject: Subject, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(subject) as server:

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(requests())
        def check(said: bytes) -> None:
            replies = replies_to(server, said)
            assert replies or not said.strip(b"\r\n"), "closed without a reply"
            assert {reply[:3] for reply in replies} <= DECLARED
            for reply in replies:
                head, _, body = reply.partition(b"\r\n\r\n")
                if body:
                    assert json.loads(body)
                    assert b"content-type: application/json" in head.lower()

        check()
        assert server.get("/health")
    logged = [line for line in capfd.readouterr().err.splitlines() if " ms (" not in line]
    assert logged == []
