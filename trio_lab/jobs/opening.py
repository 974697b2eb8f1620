"""An engine of background jobs by its address: ``sqlite:///path`` (three slashes for a relative path, four for an absolute) or
``redis://host:port/database``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import trio

from ..blocks import block
from ..errors import UsageError
from ..preconditions import require_loop
from .contract import Engine
from .sqlite import open_sqlite_jobs


@block
async def open_jobs(url: str, *, max_waiting: int | None = 10_000, must_exist: bool = False) -> AsyncIterator[Engine]:
    """The engine for the length of the block. With ``must_exist``, for those who only look after jobs, no file is made, and no
    warning given of a server that may lose jobs.

    Raises:
        UsageError: no engine has such an address, or it cannot be opened.
    """
    require_loop("open_jobs", "Trio")
    if url.startswith("redis"):
        with suppress(ImportError):  # see below
            await trio.to_thread.run_sync(import_module, f"{__package__}.redis")  # it takes a good 0.3 s
    async with _engine(url, max_waiting=max_waiting, must_exist=must_exist) as engine:
        yield engine


def _engine(url: str, *, max_waiting: int | None, must_exist: bool) -> AbstractAsyncContextManager[Engine]:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"jobs cannot be at {shown(url)[:80]!r}: {error}") from None
    path = unquote(parts.path).removeprefix("/")
    if parts.scheme == "sqlite" and not parts.netloc and path and not (parts.query or parts.fragment):
        if must_exist and not Path(path).exists():
            raise UsageError(f"there is no file {path}")
        return open_sqlite_jobs(Path(path), max_waiting=max_waiting)
    password_is_cut = "@" in parts.query or parts.fragment  # at a ? or # that was not quoted
    if (
        parts.scheme in ("redis", "rediss")
        and parts.hostname
        and (path.isdecimal() or not path)
        and not password_is_cut
    ):
        try:
            from .redis import open_redis_jobs
        except ImportError:
            raise UsageError("jobs at redis:// need more: pip install 'trio-lab[redis]'") from None
        return open_redis_jobs(url, max_waiting=max_waiting, warn=not must_exist)
    raise UsageError(f"jobs must be at sqlite:///path or redis://host:port/0, not at {shown(url)[:80]!r}")


def shown(url: str) -> str:
    """The address without the password, to be printed."""
    scheme, _, rest = url.partition("://")
    _, at, host = rest.rpartition("@")  # urlsplit may find another one, if the password has a slash that was not quoted
    return f"{scheme}://…@{host}" if at and scheme != "sqlite" else url
