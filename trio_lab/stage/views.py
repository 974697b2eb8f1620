"""The inside views of a program: the event loops in its processes that have connected to our socket and answer questions.

Whoever may write into the private folder can connect, which is our own user. What a view says is still only read as records.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec
import trio

from ..attach.notes import DOCTOR, SOCKET, STARTUP
from ..blocks import block
from ..loop.stalls import Stall
from ..records.codec import from_plain
from ..records.health import Health

_LONGEST_FOLDER = 80  # a socket's path has room for 107 bytes
_LONGEST_LINE = 10_000_000
_KEPT_STALLS = 10_000
_SO_PEERCRED = struct.Struct("3i")  # pid, uid, gid


class ViewLost(Exception):
    """You get it when the loop that you asked has ended, or its process has."""


class View:
    """One event loop. ``about`` is what it says of itself: its kind, versions, the name of its thread."""

    def __init__(self, stream: trio.SocketStream, pid: int, about: dict[str, str]) -> None:
        self._stream = stream
        self.pid, self.about = pid, about
        self.lost = trio.Event()
        self.stalls: list[Stall] = []
        self.health: Health | None = None
        """The last figures."""
        self.fault: str | None = None
        """What went wrong inside when it was last asked."""
        self._sending = trio.Lock()
        self._asked = self._heard = 0
        self._news = trio.Event()

    def __repr__(self) -> str:
        return f"<View of {self.about.get('loop')} in process {self.pid}{', lost' if self.lost.is_set() else ''}>"

    async def ask(self, question: Literal["figures", "stalls"] = "figures") -> Health:
        """What the loop says now. After "figures" a new window begins, after "stalls" the present one goes on.

        Raises:
            ViewLost: there is no loop any more, or it cannot read its figures.
        """
        async with self._sending:
            try:
                await self._stream.send_all(question.encode() + b"\n")
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.lost.set()
            self._asked += 1
            number = self._asked
        while self._heard < number and not self.lost.is_set():
            await self._news.wait()
        if self.lost.is_set() or self.fault is not None or self.health is None:
            raise ViewLost(f"{self!r}: {self.fault or 'it has ended'}")
        return self.health

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def listen(self, lines: AsyncIterator[bytes]) -> None:
        try:
            async for line in lines:
                self._hear(line)
                self._heard += 1
                self._tell()
        finally:
            self.lost.set()
            self._tell()

    def _hear(self, line: bytes) -> None:
        try:
            words = json.loads(line)
            self.fault = words.get("fault")
            if self.fault is None:
                self.health = from_plain(Health, words["health"])
                now = time.perf_counter()
                new = msgspec.convert(words["stalls"], list[Stall])
                self.stalls += [replace(stall, began=now + stall.began) for stall in new]
                del self.stalls[:-_KEPT_STALLS]
        except (ValueError, KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
            self.fault = f"it says what we do not understand ({error}); does it have another version of trio_lab?"


class Views:
    """All that have connected, in the order of time, the lost ones included."""

    def __init__(self, folder: Path, budget: float) -> None:
        self._folder, self._budget = folder, budget
        self._notes: dict[int, tuple[str, str]] = {}
        self.all: list[View] = []
        self.changed = trio.Event()
        """Set, and replaced, when one connects or is lost."""

    def environment(self, base: dict[str, str]) -> dict[str, str]:
        """The environment for a program that is to connect."""
        path = os.pathsep.join(filter(None, [STARTUP, base.get("PYTHONPATH", "")]))
        return base | {"PYTHONPATH": path, DOCTOR: f"{self._budget!r}:{self._folder / SOCKET}"}

    def notes(self) -> dict[int, tuple[str, str]]:
        """How far the hook came, by process: the kind of its last note, and the text."""
        with suppress(FileNotFoundError):  # the block is over
            for file in self._folder.iterdir():
                if file.name.isdigit() and (lines := file.read_text(errors="replace").splitlines()):
                    kind, _, text = lines[-1].partition(": ")
                    self._notes[int(file.name)] = kind, text
        return self._notes

    def _change(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def serve(self, connection: trio.SocketStream) -> None:
        credentials = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _SO_PEERCRED.size)
        pid, _, _ = _SO_PEERCRED.unpack(credentials)
        lines = _lines(connection)
        with suppress(trio.BrokenResourceError):
            async for first in lines:
                about = _about(first)
                view = View(connection, pid, about)
                self.all.append(view)
                self._change()
                await view.listen(lines)
                self._change()


def _about(line: bytes) -> dict[str, str]:
    with suppress(ValueError, AttributeError):
        return {str(key): str(value) for key, value in json.loads(line).items()}
    return {}


async def _lines(stream: trio.SocketStream) -> AsyncIterator[bytes]:
    heard = bytearray()
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in stream:
            heard += data
            while (end := heard.find(b"\n")) >= 0:
                line = bytes(heard[:end])
                del heard[: end + 1]
                yield line
            if len(heard) > _LONGEST_LINE:
                return


@block
async def open_views(*, budget: float) -> AsyncIterator[Views]:
    """Listen for views, for the length of the block. ``budget``: seconds that a pass may take before it is a stall."""
    short = None if len(tempfile.gettempdir()) < _LONGEST_FOLDER else "/tmp"
    with tempfile.TemporaryDirectory(prefix="trio-lab-", dir=short, ignore_cleanup_errors=True) as folder:  # mode 0700
        views = Views(Path(folder), budget)
        listening = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with listening:
            await listening.bind(str(Path(folder) / SOCKET))
            listening.listen(100)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, views.serve, [trio.SocketListener(listening)])
                yield views
                nursery.cancel_scope.cancel()
