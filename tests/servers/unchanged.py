"""A program of its own: serves a lab, and prints what of its dependencies is not what it was before trio_lab was imported.

``python -m tests.servers.unchanged RUNTIME``. Every class, function and constant of every module of `DEPENDENCIES` is
compared by identity, attribute by attribute.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any

DEPENDENCIES = ("hypercorn", "h11", "quart", "quart_trio")

SAID = (
    b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /hash?rounds=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /worker-hash?rounds=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"POST /hash HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
)

Snapshot = dict[tuple[str, str], Any]
_ABSENT = object()


def snapshot() -> Snapshot:
    """Every attribute of every module and class of the dependencies, as far as they are loaded."""
    found: Snapshot = {}
    for module in list(sys.modules.values()):
        if is_dependency(getattr(module, "__name__", "")):
            for owner in (module, *classes(module)):
                for name, value in vars(owner).items():
                    found[f"{module.__name__}.{getattr(owner, '__qualname__', '')}", name] = value
    return found


def classes(module: ModuleType) -> Iterator[type]:
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield value


def is_dependency(name: str) -> bool:
    return name.partition(".")[0] in DEPENDENCIES


def load_all() -> None:
    """Import every module that can be: one that is loaded later would look like a change."""
    for name in DEPENDENCIES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                with suppress(ImportError):  # what it needs is not installed
                    importlib.import_module(module.name)


def changes(before: Snapshot) -> list[str]:
    after = snapshot()
    keys = before.keys() | after.keys()
    return sorted(".".join(key) for key in keys if before.get(key, _ABSENT) is not after.get(key, _ABSENT))


def serve(runtime: str) -> None:
    from trio_lab.config import Config

    config = Config(port=0, workers=1)
    if runtime == "trio":
        import trio

        from trio_lab.servers.trio.serving import serve as on_trio

        trio.run(partial(on_trio, config, on_ready=lambda url, _: talk_and_end(url)))
    else:
        from trio_lab.servers.asyncio.serving import serve as on_asyncio

        asyncio.run(on_asyncio(config, on_ready=lambda url, _: talk_and_end(url)))


def talk_and_end(url: str) -> None:
    """Say everything to the server, from a thread, and then end it."""

    def talk() -> None:
        for said in SAID:
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30) as connection:
                connection.sendall(said)
                assert connection.recv(65_536).startswith(b"HTTP/1.1 ")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=talk).start()


def compare(act: Callable[[], None]) -> None:
    load_all()
    before = snapshot()
    act()
    print(len(before))
    for change in changes(before):
        print(change)


if __name__ == "__main__":
    compare(partial(serve, sys.argv[1]))
