"""What the reply of a request says about the load, for a limit that adapts."""

from __future__ import annotations

from ..admission.limits.limit import Outcome
from .inbox import Message, Send

_OVERLOADED = {429, 503, 504}


class Replying:
    """Notes the status of a reply on its way. A request without one says nothing: it failed, or its client has left."""

    __slots__ = ("_send", "outcome")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.outcome = Outcome.IGNORED

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.outcome = Outcome.DROPPED if message["status"] in _OVERLOADED else Outcome.SUCCESS
        await self._send(message)
