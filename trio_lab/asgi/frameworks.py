"""Prepares the app of a framework for labels and refusals, through extension points that the framework documents.

A framework turns errors of handlers into replies itself, so a middleware in front never sees them. Quart, Starlette and FastAPI
accept error handlers; ours give the reply that the middleware would give. A handler that the program has registered stays.

Quart keeps the rule of a request in its request object only. The app's `request_class` is replaced by a subclass of it, which
also puts the rule into the scope.

No framework is imported. An app is recognized by its attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from .inbox import Receive, Send
from .policy import Scope
from .refusals import REFUSALS, Refusal, refuse, reply_to
from .routes import RULE

_DEEPEST = 20  # middlewares in front of each other


def prepare(app: Any) -> None:
    """Prepare the framework's app that is behind ``app``, if there is one."""
    for one in _behind(app):
        if hasattr(one, "request_class") and hasattr(one, "register_error_handler"):
            _prepare_quart(one)
            return
        if hasattr(one, "exception_handlers") and hasattr(one, "add_exception_handler"):
            _prepare_starlette(one)
            return


def _behind(app: Any) -> Iterator[Any]:
    """The app and those that it wraps: the object of a bound method, the attribute ``app`` of a middleware."""
    for _ in range(_DEEPEST):
        yield app
        app = getattr(app, "__self__", None) or getattr(app, "app", None)
        if app is None:
            return


def _prepare_quart(app: Any) -> None:
    class RequestWithRule(app.request_class):  # type: ignore[misc]
        """A request that notes its rule in the scope."""

        _rule = None

        @property
        def url_rule(self) -> Any:
            return self._rule

        @url_rule.setter
        def url_rule(self, rule: Any) -> None:
            self._rule = rule
            if rule is not None:
                self.scope[RULE] = rule.rule

    app.request_class = RequestWithRule
    registered = app.error_handler_spec[None][None]
    for error in REFUSALS:
        if error not in registered:
            app.register_error_handler(error, _answer_quart)


async def _answer_quart(error: Refusal) -> tuple[dict[str, Any], int, dict[str, str]]:
    return reply_to(error)


def _prepare_starlette(app: Any) -> None:
    for error in REFUSALS:
        if error not in app.exception_handlers:
            app.add_exception_handler(error, _answer_starlette)


async def _answer_starlette(_: Any, error: Refusal) -> Any:
    """The response, which Starlette calls as an ASGI app."""
    return partial(_respond, error)


async def _respond(error: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise error  # the server closes the websocket, as without us
    await refuse(scope, receive, send, error)
