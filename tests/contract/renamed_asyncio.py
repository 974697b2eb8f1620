"""The asyncio server with one key of its replies under another name, for the suite to find: a program of its own."""

from __future__ import annotations

from typing import Any

from quart import Response

from trio_lab.http import routes
from trio_lab.servers.asyncio import serving

_reply = routes.reply


def _renamed(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    names = {"durationMs": "duration_ms"}
    return _reply({names.get(key, key): value for key, value in body.items()}, status, **headers)


if __name__ == "__main__":
    routes.reply = _renamed
    serving.main()
