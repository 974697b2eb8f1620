"""End to end: every layer of the stack gives the same reply, again and again, and ends with its input."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from trio_lab.subjects import stack
from trio_lab.subjects.stack.reply import BODY, REPLY

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def serving(*command: str) -> Iterator[socket.socket]:
    """A connection to the server, which has to end with exit code 0 when its input does."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = urlsplit(json.loads(process.stdout.readline())["url"])
        with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
            yield connection
        process.communicate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def received(connection: socket.socket, bodies: int = 1) -> bytes:
    data = b""
    while data.count(BODY) < bodies:
        piece = connection.recv(65_536)
        assert piece, "the connection was closed"
        data += piece
    return data


@pytest.mark.parametrize("layer", stack.LAYERS)
@pytest.mark.parametrize("runtime", stack.RUNTIMES)
def test_every_layer_gives_the_same_reply_and_keeps_the_connection(runtime: str, layer: str) -> None:
    with serving(sys.executable, "-m", stack.__name__, runtime, layer) as connection:
        for _ in range(3):
            connection.sendall(REQUEST)
            assert received(connection) == REPLY
        connection.sendall(REQUEST[:10])  # in pieces, and then two at once
        connection.sendall(REQUEST[10:] + REQUEST)
        assert received(connection, 2) == REPLY * 2


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on the PATH")
def test_nodes_reply_has_the_same_body() -> None:
    with serving("node", str(Path(stack.__file__).with_name("bare_node.mjs"))) as connection:
        for _ in range(2):
            connection.sendall(REQUEST)
            assert b"content-type: application/json" in received(connection)
