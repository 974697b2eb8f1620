"""The lab as a Quart app: everything in JSON, errors and refusals included, whatever the event loop.

`LabApp` is a mixin: each server has a subclass of it and of its kind of Quart. The table `STATUSES` says what the
project's errors mean to a client; what belongs to one event loop is not here.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from hypercorn.utils import LifespanFailureError
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from ..admission.retry_after import refused_by, retry_after
from ..config import Config
from ..errors import BrokenWorkerError, LabLost, Overloaded, RunTimeout
from ..loop.working_on import WORKING_ON
from ..measure.ledger import LEDGER, QUEUE, Ledger, Ledgers
from ..options import from_env
from ..records.queue import Queue
from .admitted import Admits, Admitted
from .answers import reply
from .contract import BODY_TIMEOUT, MAX_BODY, NOT_FOUND, Choices, Numbers, lacking
from .lab import Lab
from .labels import Labels
from .listening import SHORTAGE
from .one_of import OneOf
from .pool_job import HELD, WAITED, Done, Held, JobOf, PoolJob, Waited, held_in
from .query import BadQuery
from .requests import Requests

if TYPE_CHECKING:
    _Mixed = Quart
else:
    _Mixed = object

STATUSES: dict[type[Exception], int] = {
    BadQuery: 400,
    BrokenWorkerError: 502,
    ConnectionError: 502,  # with the request's work on it
    Overloaded: 503,
    RunTimeout: 504,
}


class LabApp(_Mixed):
    """Opens its lab when serving starts and closes it when serving ends. ``queues`` are registered in the lab behind its
    own. Without a config it is read from the environment when serving starts."""

    runtime: ClassVar[str]
    closed_error: ClassVar[type[Exception]]
    """What a pool raises when it is closed while a request waits in it. It becomes a 503, as every refusal."""
    lab: Lab

    @staticmethod
    def now() -> float:
        """The time by the clock of the loop's pools, and so of ledgers."""
        raise NotImplementedError

    def __init__(
        self, config: Config | None = None, *, listener: socket.socket | None = None, queues: Iterable[Queue] = ()
    ) -> None:
        super().__init__("trio_lab", static_folder=None)
        self.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.config["BODY_TIMEOUT"] = BODY_TIMEOUT
        self.body_routes: dict[str, Callable[[bytes], int]] = {}
        """The paths whose handlers read a body, and by their query how many bytes it may have. A body for any other path is
        dropped as it comes."""
        self.jobs: dict[str, JobOf] = {}
        """The paths whose GET gives a job to a pool, and the job by the query."""
        self.ledgers = Ledgers()
        self.numbers: Numbers = {}
        self.choices: Choices = {}
        self.admission: Admits | None = None
        """What stands in front of it, if anything does."""
        self.listener = listener
        self.queues = tuple(queues)
        self.requests = Requests()
        self.beside: socket.socket | None = None
        """Where a process beside the server shows it live; it is opened when serving starts, if it was not before."""
        self.one_of: OneOf | None = None
        """What it was told as one of several processes of a service."""
        self.fault: BaseException | None = None
        self.stop: Any = self.event_class()
        """Tells the serving loop to accept no more connections."""
        self.hurry: Any = self.event_class()
        """Tells it that the grace period is over."""
        self._lab_config = config
        self.before_request(_no_head_for_work)
        for error, status in STATUSES.items():
            self.register_error_handler(error, _on_error(status))
        self.register_error_handler(self.closed_error, _on_closed)
        self.register_error_handler(OSError, _on_shortage)
        self.register_error_handler(HTTPException, self._on_http_error)
        self.register_error_handler(500, _on_bug)

    @cached_property
    def labels(self) -> Labels:
        """The labels of requests. Made at the first request, when all routes have been added."""
        return Labels(self.url_map)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As Quart's, and counts the request."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        held = held_in(scope)
        with self.requests.counted(send, begun=None if held is None else held.begun) as reply_to:
            try:
                await super().__call__(scope, receive, reply_to.send)
            finally:
                reply_to.label = self.labels.of(scope)

    def lab_config(self) -> Config:
        return self._lab_config or from_env()

    def declare(self, numbers: Numbers, choices: Choices) -> None:
        """Add the query parameters that handlers read, so that `/` can list them."""
        self.numbers, self.choices = {**self.numbers, **numbers}, {**self.choices, **choices}

    async def run_job(self) -> Done | None:
        """Run the job that the present request gives to a pool, or take its outcome if it was held meanwhile. None if its query
        asks for no job. Raises what `Lab.do` raises."""
        if (held := HELD.get()) is not None:
            return held.result()
        job = self.jobs[request.path](request.args)
        return None if job is None else await self.lab.do(job)

    async def run_held(self, path: str, job: PoolJob) -> Held:
        """Run the job of a request for ``path`` that no handler has seen yet. Raises `Overloaded` if it was refused."""
        waited = WAITED.get() or self.begin_wait(path)
        WAITED.set(None)
        ledger, begun = waited.ledger, waited.begun
        before, kept = WORKING_ON.set(ledger.route), LEDGER.set(ledger)
        held: Held | None = None
        status = None
        try:
            held = Held(done=await self.lab.do(job, since=begun), ledger=ledger, begun=begun)
        except Overloaded:
            status = STATUSES[Overloaded]
            raise
        except Exception as error:
            held = Held(error=error, ledger=ledger, begun=begun)
        finally:
            WORKING_ON.reset(before)
            LEDGER.reset(kept)
            if held is None:  # else the request is counted when it is answered
                self.requests.keep(ledger.route, status, perf_counter() - begun)
                self.ledgers.keep(ledger)
        return held

    def begin_wait(self, path: str, admitted: Admitted | None = None) -> Waited:
        """A request for ``path`` begins to wait for its pool; ``admitted`` is its place in the admission."""
        begun = perf_counter()
        return Waited(begun=begun, ledger=Ledger(f"GET {path}", now=self.now, made=begun), admitted=admitted)

    def lose_held(self, waited: Waited, refusal: Overloaded | None) -> None:
        """A request that waited without a task was refused, or its client has left."""
        ledger = waited.ledger
        ledger.add(QUEUE, -math.inf, self.now())
        status = None if refusal is None else STATUSES[Overloaded]
        self.requests.keep(ledger.route, status, perf_counter() - waited.begun)
        self.ledgers.keep(ledger)

    def turn_away(self, path: str, job: PoolJob) -> Overloaded:
        """Refuse the job of a request for ``path`` for which there is no room in its pool."""
        refusal = self.lab.refuse(job)
        self.lose_held(self.begin_wait(path), refusal)
        return refusal

    def end(self) -> None:
        """Stop serving; a second call ends the grace period."""
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()

    def lose(self, fault: BaseException) -> LifespanFailureError:
        """Keep the fault that ended the lab, and end at once: no request in flight can be served. Raise what is returned: at
        any other error of a lifespan hypercorn serves on, with a 500 for every request."""
        self.fault = fault
        self.stop.set()
        self.hurry.set()
        return LifespanFailureError("the lab", str(LabLost(fault)))

    async def handle_request(self, request: Any) -> Any:
        """A Host header that is not a host name fails before Quart looks for error handlers."""
        try:
            return await super().handle_request(request)
        except HTTPException as error:
            return await self._on_http_error(error)

    async def _on_http_error(self, error: HTTPException) -> Response:
        lacked = lacking(self.runtime, request.path) if error.code == 404 else None
        if lacked is not None:
            return reply({"error": lacked}, 501)
        text = NOT_FOUND if error.code == 404 else (error.name or "error")
        response = reply({"error": text}, error.code or 500)
        if error.code == 405:
            response.headers["Allow"] = ", ".join(_allowed(getattr(error, "valid_methods", None)))
        return response

    async def handle_http_exception(self, *given: Any) -> Any:
        """werkzeug redirects to a path that differs in slashes, in HTML and to the host that the client names. (Quart 0.23
        passes the context before the error.)"""
        if isinstance(given[-1], RequestRedirect):
            given = (*given[:-1], NotFound())
        return await super().handle_http_exception(*given)

    async def make_default_options_response(self, *_: Any) -> Response:
        """OPTIONS is answered in JSON too. (Quart 0.23 passes the context, 0.22 does not.)"""
        allowed = _allowed(request.url_rule.methods if request.url_rule is not None else None)
        return reply({"allow": allowed}, Allow=", ".join(allowed))


async def _no_head_for_work() -> None:
    rule = request.url_rule
    if request.method == "HEAD" and rule is not None and "HEAD" not in _allowed(rule.methods):
        raise MethodNotAllowed(valid_methods=rule.methods)


def _on_error(status: int) -> Callable[[Exception], Awaitable[Response]]:
    async def handle(error: Exception) -> Response:
        if isinstance(error, Overloaded):
            body, headers = refused_by(error)
            return reply(body, status, **headers)
        return reply({"error": str(error) or HTTPStatus(status).phrase}, status)

    return handle


async def _on_closed(_: Exception) -> Response:
    return reply({"error": "The server is ending"}, 503)


async def _on_shortage(error: Exception) -> Response:
    """What a handler needs is not to be had just now: a descriptor, or memory in the kernel. Anything else is a bug."""
    if not isinstance(error, OSError) or error.errno not in SHORTAGE:
        raise error
    return reply({"error": error.strerror}, 503, **{"Retry-After": str(retry_after())})


async def _on_bug(_: Exception) -> Response:
    return reply({"error": "Internal server error"}, 500)


def _allowed(methods: Iterable[str] | None) -> list[str]:
    """HEAD is allowed for /health only: elsewhere it would cost as much work as GET, and tell nothing."""
    return sorted(set(methods or ()) - (set() if request.path == "/health" else {"HEAD"}))
