"""The asyncio server with one key of its replies under another name, for the suite to find: a program of its own."""

from __future__ import annotations

from typing import Any

from quart import Response

from trio_lab.twins import asyncio_app, asyncio_serve

_reply = asyncio_app.reply


def _renamed(body: dict[str, Any], *rest: Any, **headers: str) -> Any:
    return _reply(
        {"duration_ms" if key == "durationMs" else key: value for key, value in body.items()}, *rest, **headers
    )


if __name__ == "__main__":
    asyncio_app.reply = _renamed
    asyncio_serve.main()
