"""What every runtime's server agrees on: how query values are checked, how large a request may be, which storms there are.

Whatever answers under one of the names in `STORMS` serves the same routes with the same JSON. The rules that can be
written down once are here, and the servers in Python use them; the one in JavaScript is held to them by tests.

Standard library only: this is about HTTP as it arrives, not about any server or event loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

# Bounds of the routes' parameters.
MAX_ROUNDS = 2_000_000
MAX_TICKS = 5_000_000
MAX_WAIT_MS = 10_000
MAX_FIB = 40  # a minute of pure Python

MAX_BODY = 1_000_000  # bytes; no route of the lab needs more
MAX_TARGET = 8_192  # bytes of path and query, as nginx and Apache have it
MAX_HEAD = 16_384  # bytes of all header lines

# Every mode of /tick-storm, and what it does to everybody else: "starves" (nobody else runs before the storm is over),
# "shares" (others run between any two ticks) or "crowds" (others run, but only after a whole lot of ticks). The first
# mode of a runtime is its default.
STORMS: dict[str, dict[str, str]] = {
    "trio": {
        "none": "starves",
        "if_cancelled": "starves",
        "shielded": "shares",
        "checkpoint": "shares",
        "run_sync_soon": "crowds",
        "batch": "crowds",
    },
    "asyncio": {
        "none": "starves",
        "queue_get": "starves",
        "done_future": "starves",
        "call_soon": "shares",
        "sleep0": "shares",
        "batch": "crowds",
    },
    "node": {
        "next_tick": "starves",
        "promise": "starves",
        "microtask": "starves",
        "set_immediate": "shares",
        "set_timeout": "shares",
    },
}
RUNTIMES = tuple(STORMS)

_RESETS = {b"": True, b"reset=1": True, b"reset=0": False}
_HOST = re.compile(rb"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*(:[0-9]{1,5})?")
_NOT_PLAIN = {b"content-length", b"transfer-encoding", b"expect"}


class Query(Protocol):
    """What we need of a request's arguments (werkzeug's MultiDict has it)."""

    def getlist(self, key: str) -> list[str]: ...


class BadQuery(ValueError):
    """A query value that cannot be accepted; the text is meant for the sender."""


def _single(query: Query, name: str) -> str | None:
    values = query.getlist(name)
    if len(values) > 1:
        raise BadQuery(f"{name} must be given once")
    return values[0] if values else None


def integer(query: Query, name: str, *, default: int, low: int, high: int) -> int:
    """The value of ``name``, or the default when it is absent.

    Python's own `int` is too kind for a public door: it takes signs, spaces, underscores and full-width digits, and its
    time grows with the square of the length.

    Raises:
        BadQuery: it is repeated, empty, not a plain decimal integer, or outside low…high.
    """
    text = _single(query, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise BadQuery(f"{name} must be a whole number from {low} to {high}")
    return int(text)


def choice(query: Query, name: str, *, default: str, of: tuple[str, ...]) -> str:
    """The value of ``name``, one of ``of``. Raises `BadQuery` otherwise."""
    text = _single(query, name)
    if text is None:
        return default
    if text not in of:
        raise BadQuery(f"{name} must be one of {', '.join(of)}")
    return text


def too_large(scope: Mapping[str, Any], max_body: int = MAX_BODY) -> tuple[int, str] | None:
    """The status and text that refuse a request (an ASGI scope) by its head alone, or None."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
        return 414, "Request target too long"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
        return 431, "Request header fields too large"
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > max_body:
            return 413, "Request body too large"
    return None


def not_understood(scope: dict[str, Any]) -> tuple[int, str] | None:
    """The status and text that refuse a version or a request target that we do not speak, or None.

    A target is a path, or a whole URL as a proxy gets it. Quart would parse the URL after it was unquoted, and fail on
    what is none; so the path is taken out of it here.
    """
    if scope["http_version"] not in ("1.0", "1.1"):
        return 505, "HTTP version not supported"
    target = scope["raw_path"].decode("ascii")
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return 400, "Request target not understood"
        if parts.scheme not in ("http", "https") or not parts.netloc or not parts.path:
            return 400, "Request target not understood"
        scope["path"] = unquote(parts.path)
    # Quart's router takes any number of slashes at the front for one.
    return (404, "Not found") if scope["path"].startswith("//") else None


def plain_health(scope: Mapping[str, Any]) -> bool | None:
    """Whether a request for `/health` asks for a reset; None when it is none, or not a plain one.

    Plain is a request that can be answered without routing it or reading on: whoever watches a server makes no other.
    """
    if scope["path"] != "/health" or scope["method"] not in ("GET", "HEAD"):
        return None
    hosts = 0
    for name, value in scope["headers"]:
        if name == b"host" and _HOST.fullmatch(value):
            hosts += 1
        elif name == b"host" or name in _NOT_PLAIN:
            return None
    return _RESETS.get(scope["query_string"]) if hosts == 1 else None
