"""What the side process answers, path by path, and the events that it sends to those who watch."""

from __future__ import annotations

import asyncio

from ..errors import UsageError
from ..records.codec import encode
from ..records.live import LiveState
from . import dashboard
from .events import Events
from .http import Reply, Request, text
from .metrics.exposition import exposition
from .metrics.metric import Seen
from .reading import Reading

LOOK = 0.1  # seconds between two looks at the service
_AT_LEAST = 1.0  # seconds between two events


class Answers:
    """Answers from one reading. ``look`` runs for the length of the process."""

    def __init__(self, reading: Reading, page: dashboard.Page) -> None:
        self._reading, self._page = reading, page
        self._events, self._number = Events(), 0
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0

    async def look(self) -> None:
        """Read what the service writes, ask it where it is while it is silent, and make an event of what has changed."""
        loop = asyncio.get_running_loop()
        while True:
            self._reading.read_figures()
            if self._reading.wants_place:
                await loop.run_in_executor(None, self._reading.ask_place)
            self._tell(loop.time())
            await asyncio.sleep(LOOK)

    def _tell(self, now: float) -> None:
        """An event once a second, and at once if the state has changed or the service has come back."""
        state = self._reading.state()
        said = (state.state, state.cause, state.where, state.held_up_by)
        if said == self._told and now - self._told_at < _AT_LEAST:
            return
        self._told, self._told_at = said, now
        self._number += 1
        self._events.send(b"id: %d\ndata: %b\n\n" % (self._number, encode(self._reading.view())))

    async def answer(self, request: Request) -> Reply:
        if request.method == "POST" and request.path == "/load":
            return await self._page.start_load(request)
        if request.method not in ("GET", "HEAD"):
            return text("Only GET is answered here", 405)
        self._reading.read_figures()
        match request.path:
            case "/live":
                state = self._reading.state()
                return Reply(body=encode(state), status=state.status)
            case "/ready":
                return self._ready(self._reading.state())
            case "/metrics":
                return self._metrics(request.headers.get("accept", ""))
            case "/view":
                return Reply(body=encode(self._reading.view()))
            case "/history":
                return Reply(body=encode(self._reading.history()))
            case "/events":
                return Reply(kind="text/event-stream", pieces=self._events.read())
            case path if (found := self._page.answer(path)) is not None:
                return found
        return text("There are /live, /ready, /metrics, /view, /history, /events and /", 404)

    def _ready(self, state: LiveState) -> Reply:
        if state.state != "passing":
            return Reply(body=encode({"ready": False, "because": f"{state.state}: {state.cause}"}, dict), status=503)
        if (name := self._reading.refusing()) is not None:
            return Reply(body=encode({"ready": False, "because": f"{name} refuses callers"}, dict), status=503)
        return Reply(body=encode({"ready": True, "because": None}, dict))

    def _metrics(self, accept: str) -> Reply:
        figures = self._reading.figures
        if figures is None:
            return text("The service has not told any figures yet", 503)
        try:
            body, kind = exposition(lambda: Seen(health=figures.health, totals=figures.totals), accept)
        except UsageError as error:
            return text(str(error), 501)
        return Reply(body=body, kind=kind)
