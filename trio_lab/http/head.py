"""What can be decided about a request by its head alone, before Quart sees it: refusals, and the plain `/health`.

``scope`` is an ASGI scope throughout. Nothing here reads or sends; the caller acts on the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from .contract import MAX_HEAD, MAX_TARGET, METHODS, NOT_FOUND

_RESETS = {b"": True, b"reset=1": True, b"reset=0": False}
HOST = re.compile(rb"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*(:[0-9]{1,5})?")
_NOT_PLAIN = {b"content-length", b"transfer-encoding", b"expect"}


def too_long(scope: Mapping[str, Any]) -> tuple[int, str] | None:
    """The status and text of a refusal; None when the sizes of the head's parts are within bounds."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
        return 414, "Request target too long"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
        return 431, "Request header fields too large"
    return None


def too_large(scope: Mapping[str, Any], max_body: int) -> tuple[int, str] | None:
    """The refusal of a body that is larger than ``max_body`` by its Content-Length."""
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > max_body:
            return 413, "Request body too large"
    return None


def not_understood(scope: dict[str, Any]) -> tuple[int, str] | None:
    """The refusal of an HTTP version, a method or a request target that is not supported; None when all are.

    A target is a path, or a whole URL as in a request to a proxy. Quart would parse such a URL after unquoting it, and
    fail on one that is malformed; so its path is put into the scope here.
    """
    if scope["http_version"] not in ("1.0", "1.1"):
        return 505, "HTTP version not supported"
    if scope["method"] not in METHODS:
        return 501, "Method not implemented"
    target = scope["raw_path"].decode("ascii")
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return 400, "Request target not understood"
        if parts.scheme not in ("http", "https") or not parts.netloc or not parts.path:
            return 400, "Request target not understood"
        scope["path"] = unquote(parts.path)
    # An encoded slash is not a separator (RFC 3986, 2.2). Quart's router treats any number of leading slashes as one.
    encoded = "%2f" in target.partition("?")[0].lower()
    return (404, NOT_FOUND) if encoded or scope["path"].startswith("//") else None


def plain_health(scope: Mapping[str, Any]) -> bool | None:
    """Whether a plain request for `/health` asks for a reset; None for every other request.

    Plain means that it can be answered without routing it and without reading on. Monitors send no other kind.
    """
    if scope["path"] != "/health" or scope["method"] not in ("GET", "HEAD"):
        return None
    hosts = 0
    for name, value in scope["headers"]:
        if name == b"host" and HOST.fullmatch(value):
            hosts += 1
        elif name == b"host" or name in _NOT_PLAIN:
            return None
    return _RESETS.get(scope["query_string"]) if hosts == 1 else None
