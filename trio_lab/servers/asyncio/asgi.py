"""The app between hypercorn and Quart on asyncio: the lab's lifetime, and refusals by a request's head alone."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import Any

from quart import Quart
from quart.asgi import ASGIHTTPConnection, ASGILifespan

from ...asgi.unread import reply_unread
from ...errors import Closed
from ...http.answers import refuse
from ...http.app import LabApp
from ...http.exchange import Exchange
from ..admission import admit
from ..beside import shown_live
from .lab import AsyncioLab, open_lab


class AsyncioExchange(Exchange, ASGIHTTPConnection):
    """One request. (Quart cancels its handler when the client leaves.)"""

    async def refuse(self, receive: Any, send: Any, status: int, text: str) -> None:
        await reply_unread(self.scope, receive, partial(refuse, send, status, text))


class AsyncioLifespan(ASGILifespan):
    """Opens the lab around the app's own lifespan, in one task, which closes it too."""

    app: AsyncioApp

    async def __call__(self, receive: Any, send: Any) -> None:
        app, last_words = self.app, []

        async def send_but_the_last(message: Any) -> None:
            # hypercorn's own loop cancels the lifespan at this message, and the pools' end would be cut short.
            if message["type"] == "lifespan.shutdown.complete":
                last_words.append(message)
            else:
                await send(message)

        try:
            config = app.lab_config()
            in_front = admit(app, config)
            async with (
                open_lab(config, listener=app.listener, in_front=in_front, queues=app.queues) as app.lab,
                shown_live(app, app.lab, config),
            ):
                await super().__call__(receive, send_but_the_last)
            for message in last_words:
                await send(message)
        except* Exception as fault:
            raise app.lose(fault) from fault


class AsyncioApp(LabApp, Quart):
    """The lab's app on asyncio."""

    asgi_http_class = AsyncioExchange
    asgi_lifespan_class = AsyncioLifespan
    runtime = AsyncioLab.runtime
    closed_error = Closed
    now = staticmethod(monotonic)  # which `loop.time` is, too
    lab: AsyncioLab
