"""One request to an ASGI app, without a server: the client's side of it is in the hands of the test."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.admission.houses import House


class Exchange:
    """A request on its way through an app, in a task of its own."""

    def __init__(self, house: House, path: str = "/", *, kind: str = "http", **headers: str) -> None:
        self._house = house
        self.scope: dict[str, Any] = {
            "type": kind,
            "path": path,
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50_000),
        }
        self.sent: list[dict[str, Any]] = []
        self.ended = False
        self.error: Exception | None = None
        self.cancel: Callable[[], object]
        self._messages: deque[dict[str, Any]] = deque()
        self._wake: list[Callable[[], object]] = []
        self.ends_when_received = False
        """As under hypercorn, which cannot end the exchange before the app has received the body."""
        self._taken: list[Callable[[], object]] = []

    async def live(self, app: Any) -> None:
        try:
            await app(self.scope, self._receive, self._send)
        except Exception as error:
            self.error = error
        finally:
            self.ended = True

    def say(self, kind: str = "http.request", **parts: Any) -> None:
        """The client sends a message."""
        self._messages.append({"type": kind, **parts})
        while self._wake:
            self._wake.pop()()

    def leave(self) -> None:
        self.say("http.disconnect")

    async def _receive(self) -> dict[str, Any]:
        while not self._messages:
            await self._house.until(self._wake.append)
        while self._taken:
            self._taken.pop()()
        return self._messages.popleft()

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        while self.ends_when_received and self._messages:
            await self._house.until(self._taken.append)

    @property
    def status(self) -> int | None:
        return self.sent[0].get("status") if self.sent else None

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> Any:
        return json.loads(self.sent[1]["body"])
