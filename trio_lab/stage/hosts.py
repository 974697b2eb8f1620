"""A service of many hosts on this one: a proxy, two servers, two job workers, and the servers of jobs and database behind them.

Each part is a process of its own that can be killed, and is started again, as a service manager on its host would do. The
proxy's configuration is `haproxy.cfg` beside this file, the one that docs/many-hosts.md gives to users.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Literal, TypeVar

import trio

from ..blocks import block
from ..config import without_config
from ..load.client import fetch
from . import postgres, valkey
from .kept import Kept
from .launch import TRIO_LAB, last_words
from .until import wait_until

T = TypeVar("T")
Kind = Literal["proxy", "server", "worker", "jobs", "database"]

CONFIGURATION = Path(__file__).with_name("haproxy.cfg")
_SBIN = "/usr/sbin"  # where Debian has it; not everybody's PATH does
_START = 60.0  # seconds
_LOOK = 0.05
_LOG = 1 << 24  # bytes of what the parts print that are searched


def missing() -> str:
    """What is not on this machine and has to be; empty if nothing is."""
    here = {
        "HAProxy": haproxy(),
        "PostgreSQL": postgres.programs(),
        "psycopg": find_spec("psycopg"),
        "Valkey": valkey.program(),
        "streaq": find_spec("streaq"),
    }
    return ", ".join(name for name, found in here.items() if found is None)


def haproxy() -> str | None:
    return shutil.which("haproxy", path=os.pathsep.join([os.environ.get("PATH", ""), _SBIN]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """``kill`` returns when it is dead; it is then started again. ``answers``: whether it does."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    kill: Callable[[], Awaitable[object]]
    answers: Callable[[], Awaitable[bool]]

    async def until_back(self) -> None:
        """Raises `trio.TooSlowError` if it does not come back."""
        await wait_until(self.answers, limit=_START, period=_LOOK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """``url`` is the proxy's, ``jobs`` where the background jobs are, and ``log`` has what all parts have printed."""

    url: str
    jobs: str
    log: IO[bytes]
    parts: tuple[Part, ...]

    def faults(self) -> list[str]:
        """Lines in which a part says that it had to end because of a fault of its own."""
        said = os.pread(self.log.fileno(), _LOG, 0).decode(errors="replace")
        return [line for line in said.splitlines() if "broke down" in line]


@block
async def open_hosts(*, configuration: str, lease: float) -> AsyncIterator[Hosts]:
    """All parts for the length of the block, once all of them answer. ``lease`` in seconds is the workers'.

    Raises:
        RuntimeError: something is not installed, or does not start.
    """
    if lack := missing():
        raise RuntimeError(f"not installed: {lack}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trio-lab-hosts-")))
        log = stack.enter_context(tempfile.TemporaryFile())
        (folder / "haproxy.cfg").write_text(configuration)
        database = await trio.to_thread.run_sync(stack.enter_context, postgres.prepared(_there(postgres.programs())))
        async with trio.open_nursery() as nursery:
            hosts = _Making(folder=folder, log=log, database=database, lease=lease, nursery=nursery).hosts()
            try:
                with trio.fail_after(_START):
                    for part in hosts.parts:
                        await part.until_back()
                    await wait_until(partial(_is_ok, f"{hosts.url}/health?reset=0"), limit=_START, period=_LOOK)
            except trio.TooSlowError:
                raise RuntimeError(f"not all parts start: {last_words(log)}") from None
            yield hosts
            nursery.cancel_scope.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    folder: Path
    log: IO[bytes]
    database: postgres.PostgresServer
    lease: float
    nursery: trio.Nursery

    def hosts(self) -> Hosts:
        proxy, broker, *ports = free_ports(6)
        jobs = f"redis://127.0.0.1:{broker}/0"
        servers = {"one": ports[:2], "two": ports[2:]}
        parts = [
            self._kept("jobs", "jobs", valkey.command(_there(valkey.program()), self.folder, broker), _accepts(broker)),
            self._kept(
                "database",
                "database",
                self.database.command,
                partial(trio.to_thread.run_sync, self.database.answers),
                user=self.database.user,
                killed_by=signal.SIGQUIT,  # its processes end at once
            ),
        ]
        for name, (port, live) in servers.items():
            command = _server(port, live, jobs, self.database.url)
            parts.append(self._kept(f"server {name}", "server", command, _ready(live)))
        work = [*TRIO_LAB, "jobs", "work", "--jobs", jobs, "--lease", str(self.lease)]
        parts += [self._kept(f"worker {name}", "worker", [*work, "--concurrency", "4"], _yes) for name in servers]
        told = {"LAB_PROXY": f"127.0.0.1:{proxy}"}
        for number, (port, live) in enumerate(servers.values(), 1):
            told |= {f"LAB_SERVER_{number}": f"127.0.0.1:{port}", f"LAB_LIVE_{number}": str(live)}
        command = [_there(haproxy()), "-db", "-f", str(self.folder / "haproxy.cfg")]
        parts.append(self._kept("proxy", "proxy", command, _accepts(proxy), told))
        return Hosts(url=f"http://127.0.0.1:{proxy}", jobs=jobs, log=self.log, parts=tuple(parts))

    def _kept(
        self,
        name: str,
        kind: Kind,
        command: Sequence[str],
        answers: Callable[[], Awaitable[bool]],
        env: dict[str, str] | None = None,
        *,
        user: str | None = None,
        killed_by: int = signal.SIGKILL,
    ) -> Part:
        kept = Kept(command, env=without_config(os.environ) | (env or {}), log=self.log, user=user)
        self.nursery.start_soon(kept.keep)
        return Part(
            name=name,
            kind=kind,
            command=tuple(command),
            kill=partial(kept.kill, killed_by),
            answers=answers,
        )


def _server(port: int, live: int, jobs: str, database: str) -> list[str]:
    where = ("--port", str(port), "--live", "--live-port", str(live), "--jobs", jobs, "--database", database)
    return [*TRIO_LAB, "serve", *where, "--keep-alive", "60", "--queue-timeout", "2", "--workers", "1"]


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _there(found: T | None) -> T:
    assert found is not None  # `missing` has looked
    return found


async def _yes() -> bool:
    return True


async def _is_ok(url: str) -> bool:
    with suppress(OSError, trio.TooSlowError):
        return (await fetch(url, timeout=1.0)).status == 200
    return False


def _ready(live: int) -> Callable[[], Awaitable[bool]]:
    return partial(_is_ok, f"http://127.0.0.1:{live}/ready")


def _accepts(port: int) -> Callable[[], Awaitable[bool]]:
    async def accepts() -> bool:
        with suppress(OSError):
            await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
            return True
        return False

    return accepts
