"""What the side process answers, path by path, and the events that it sends to those who watch.

Of a service with several processes ``?process=2`` asks for one. Without it `/live` tells of the one in the worst state,
`/ready` whether one of them takes requests, and the others of the first. `/metrics` tells of all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from ..errors import UsageError
from ..records.codec import encode
from ..records.live import LiveState, LiveView
from . import dashboard
from .events import Events
from .http import Reply, Request, text
from .metrics.exposition import exposition
from .readings import Readings, ready

LOOK = 0.1  # seconds between two looks at the service
_AT_LEAST = 0.8  # seconds between two events: so there is one in each second, although a look may come late
_NOTHING = "The service has not told any figures yet"


class _Views:
    """The events about one process: one a second, and at once if the state has changed or the service has come back."""

    def __init__(self) -> None:
        self._events, self._number = Events(), 0
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0

    def tell(self, view: LiveView, now: float) -> None:
        state = view.state
        said = (state.state, state.cause, state.where, state.held_up_by, view.processes)
        if said == self._told and now - self._told_at < _AT_LEAST:
            return
        self._told, self._told_at = said, now
        self._number += 1
        self._events.send(b"id: %d\ndata: %b\n\n" % (self._number, encode(view)))

    def read(self) -> AsyncIterator[bytes]:
        return self._events.read()


class Answers:
    """Answers from what is read of a service. ``look`` runs for the length of the process."""

    def __init__(self, readings: Readings, page: dashboard.Page) -> None:
        self._readings, self._page = readings, page
        self._events: dict[int, _Views] = {}
        readings.look()

    async def look(self) -> None:
        """Read what the service writes, ask it where it is while it is silent, and make an event of what has changed."""
        loop = asyncio.get_running_loop()
        while True:
            self._readings.look()
            processes = self._readings.processes()  # once, for each of them is asked for its state
            for number, reading in self._readings.serving.items():
                if reading.wants_place:
                    await loop.run_in_executor(None, reading.ask_place)
                self._events_of(number).tell(replace(reading.view(), processes=processes), loop.time())
            await asyncio.sleep(LOOK)

    def _events_of(self, number: int) -> _Views:
        return self._events.setdefault(number, _Views())

    async def answer(self, request: Request) -> Reply:
        if request.method == "POST" and request.path == "/load":
            return await self._page.start_load(request)
        if request.method not in ("GET", "HEAD"):
            return text("Only GET is answered here", 405)
        if (found := self._page.answer(request.path)) is not None:
            return found
        self._readings.look()
        if request.path == "/metrics":
            return self._metrics(request.headers.get("accept", ""))
        asked = request.query.get("process")
        if asked is not None and not (asked.isdecimal() and asked.isascii() and len(asked) < 5):
            return text("process must be a number", 400)
        return self._answer_of(request.path, None if asked is None else int(asked))

    def _answer_of(self, path: str, number: int | None) -> Reply:
        readings = self._readings
        reading = readings.of(number)
        if path == "/live" and number is None:
            reading = readings.worst()
        elif path == "/ready" and number is None:
            reading = readings.takes_requests() or readings.worst()
        if path not in ("/live", "/ready", "/view", "/history", "/events"):
            return text("There are /live, /ready, /metrics, /view, /history, /events and /", 404)
        if reading is None:
            return text(_NOTHING if number is None else "There is no such process", 503 if number is None else 404)
        match path:
            case "/live":
                state = reading.state()
                return Reply(body=encode(state), status=state.status)
            case "/ready":
                return _ready(reading.state(), reading.refusing())
            case "/view":
                return Reply(body=encode(replace(reading.view(), processes=readings.processes())))
            case "/history":
                return Reply(body=encode(reading.history()))
        number = next(number for number, one in readings.serving.items() if one is reading)
        return Reply(kind="text/event-stream", pieces=self._events_of(number).read())

    def _metrics(self, accept: str) -> Reply:
        told = self._readings.combined()
        if told is None:
            return text(_NOTHING, 503)
        try:
            body, kind = exposition(lambda: told, accept)
        except UsageError as error:
            return text(str(error), 501)
        return Reply(body=body, kind=kind)


def _ready(state: LiveState, refusing: str | None) -> Reply:
    because = None
    if state.state != "passing":
        because = state.state if state.cause is None else f"{state.state}: {state.cause}"
    elif refusing is not None:
        because = f"{refusing} refuses callers"
    is_ready = ready(state, refusing)
    return Reply(body=encode({"ready": is_ready, "because": because}, dict), status=200 if is_ready else 503)
