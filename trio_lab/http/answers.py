"""How both Python servers answer: JSON everywhere, errors and refusals included, with or without Quart in between.

What belongs to one event loop is not here: which errors there are, and how a handler has its work done.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..errors import Overloaded
from .contract import MAX_ROUNDS, integer

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")

if TYPE_CHECKING:
    _Mixed = Quart
else:
    _Mixed = object


class AnswersInJson(_Mixed):
    """Mixed into a Quart app, it answers in JSON whatever Quart would answer by itself."""

    async def handle_request(self, request: Any) -> Any:
        """A Host that is no name fails before the error handlers are in place."""
        try:
            return await super().handle_request(request)
        except HTTPException as error:
            return await _on_http_error(error)

    async def make_default_options_response(self, *_: Any) -> Response:
        """A body in JSON here too. (Quart 0.23 hands the context in, 0.22 does not.)"""
        allowed = _allowed(request.url_rule.methods if request.url_rule is not None else None)
        return reply({"allow": allowed}, Allow=", ".join(allowed))

    def answer_errors(self, statuses: Iterable[tuple[type[Exception], int]]) -> None:
        """``statuses`` says what the lab's own errors mean to a client; HTTP's and our bugs are answered as well."""
        self.before_request(_no_work_for_nothing)
        for error, status in statuses:
            self.register_error_handler(error, _on_error(status))
        self.register_error_handler(HTTPException, _on_http_error)
        self.register_error_handler(500, _on_bug)


def reply(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    return Response(msgspec.json.encode(body), status, headers, content_type="application/json")


def rounds() -> int:
    """How much a hash that was asked for is to cost."""
    return integer(request.args, "rounds", default=120_000, low=1, high=MAX_ROUNDS)


def ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def ms_since(begun: float) -> float:
    return ms(perf_counter() - begun)


async def answer(send: Any, body: dict[str, Any], status: int = 200, *, close: bool = False) -> None:
    """A whole reply in ASGI's own words. ``close`` ends the connection after it."""
    encoded = msgspec.json.encode(body)
    headers = [_JSON, (b"content-length", b"%d" % len(encoded)), *([_CLOSE] if close else [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": encoded, "more_body": False})


async def refuse(send: Any, status: int, text: str) -> None:
    """Answer without reading the rest, and close: what follows on the connection is not worth receiving."""
    await answer(send, {"error": text}, status, close=True)


async def ignore(receive: Any) -> None:
    """Take what hypercorn has for us: it waits for room where it puts a body, the end of the exchange included."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _no_work_for_nothing() -> None:
    rule = request.url_rule
    if request.method == "HEAD" and rule is not None and "HEAD" not in _allowed(rule.methods):
        raise MethodNotAllowed(valid_methods=rule.methods)


def _on_error(status: int) -> Any:
    async def handle(error: Exception) -> Response:
        body = {"error": str(error) or "The server is ending"}
        if isinstance(error, Overloaded):
            return reply(body | {"queue": error.queue}, status, **{"Retry-After": f"{error.retry_after:.0f}"})
        return reply(body, status)

    return handle


async def _on_http_error(error: HTTPException) -> Response:
    text = "Not found" if error.code == 404 else (error.name or "error")
    response = reply({"error": text}, error.code or 500)
    if error.code == 405:
        response.headers["Allow"] = ", ".join(_allowed(getattr(error, "valid_methods", None)))
    return response


async def _on_bug(_: Exception) -> Response:
    return reply({"error": "Internal server error"}, 500)


def _allowed(methods: Iterable[str] | None) -> list[str]:
    """HEAD would cost as much as GET wherever there is work, and has nothing to tell; so it is only for /health."""
    return sorted(set(methods or ()) - (set() if request.path == "/health" else {"HEAD"}))
