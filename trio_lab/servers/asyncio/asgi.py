"""Where the asyncio app meets hypercorn: the lab's lifetime, and refusals by a request's head alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypercorn.utils import LifespanFailureError
from quart.asgi import ASGIHTTPConnection, ASGILifespan

from ...errors import LabLost
from ...http.answers import answer, ignore, refuse
from ...http.contract import not_understood, plain_health, too_large
from ...options import from_env
from ...records.codec import to_plain
from .lab import open_lab

if TYPE_CHECKING:
    from .app import AsyncioApp


class LabHTTPConnection(ASGIHTTPConnection):
    """One request. (Quart cancels its handler when the client leaves.)"""

    app: AsyncioApp

    async def __call__(self, receive: Any, send: Any) -> None:
        refusal = too_large(self.scope) or not_understood(self.scope)  # type: ignore[arg-type]
        if refusal is None:
            reset = plain_health(self.scope)
            if reset is None:
                await super().__call__(receive, send)
            else:
                # Without Quart, as the Trio server does it: a probe's question is to cost no more than its answer.
                await answer(send, to_plain(self.app.lab.health(reset=reset)))
            return
        async with asyncio.TaskGroup() as group:
            ignoring = group.create_task(ignore(receive))
            await refuse(send, *refusal)
            ignoring.cancel()


class LabLifespan(ASGILifespan):
    """Opens the lab around the app's own lifespan, in one task: what it opens it closes."""

    app: AsyncioApp

    async def __call__(self, receive: Any, send: Any) -> None:
        last_words = []

        async def send_but_the_last(message: Any) -> None:
            # hypercorn cancels the lifespan as soon as it hears these, and the pools' end would be cut short.
            if message["type"] == "lifespan.shutdown.complete":
                last_words.append(message)
            else:
                await send(message)

        try:
            config = self.app.lab_config or from_env()
            async with open_lab(config, listener=self.app.listener) as lab:
                self.app.lab = lab
                await super().__call__(receive, send_but_the_last)
            for message in last_words:
                await send(message)
        except* Exception as fault:
            # hypercorn serves on without a lifespan, every request a 500, unless it is told so in its own words.
            self.app.fault = fault
            self.app.ended.set()
            raise LifespanFailureError("the lab", str(LabLost(fault))) from fault
