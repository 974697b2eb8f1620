"""An engine of background jobs by its address: ``sqlite:///path`` (three slashes for a relative path, four for an absolute)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import UsageError
from .contract import Engine
from .sqlite import open_sqlite_jobs


def open_jobs(
    url: str, *, max_waiting: int | None = 10_000, must_exist: bool = False
) -> AbstractAsyncContextManager[Engine]:
    """The engine for the length of the block. A file is made if it is not there, unless it ``must_exist``.

    Raises:
        UsageError: no engine has such an address, or it cannot be opened.
    """
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.scheme == "sqlite" and not parts.netloc and path and not (parts.query or parts.fragment):
        if must_exist and not Path(path).exists():
            raise UsageError(f"there is no file {path}")
        return open_sqlite_jobs(Path(path), max_waiting=max_waiting)
    raise UsageError(f"jobs must be at sqlite:///path, not at {url[:80]!r}")
