"""`/`: the routes of the running server, for a person with a browser or curl who does not know them.

Nothing is listed twice: paths and methods are those that Quart routes by, the texts are the handlers' docstrings, and the
parameters are those that the handlers read (`contract.Numbers` and `contract.Choices`). Each key is a request that can be
sent as it stands, with the defaults. The server in JavaScript makes the same of its own table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from quart import Response

from .contract import STORMS, Number

if TYPE_CHECKING:
    from .app import LabApp

Parameters = Mapping[str, Number | tuple[str, ...]]


def overview(app: LabApp) -> Response:
    """One line for each route: people read this JSON."""
    body = {"runtime": app.lab.runtime, "profile": app.lab.config.profile, "routes": dict(_entries(app))}
    text = msgspec.json.format(msgspec.json.encode(body), indent=2)
    return Response(text + b"\n", content_type="application/json")


def _entries(app: LabApp) -> Iterator[tuple[str, str]]:
    storms = {"/tick-storm": {"mode": tuple(STORMS[app.lab.runtime])}}
    choices = {**app.choices, **storms}
    for rule in app.url_map.iter_rules():
        about = _first_line(app.view_functions[rule.endpoint])
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        for path in paths(rule.rule, app.numbers):
            parameters: Parameters = {**app.numbers.get(path, {}), **choices.get(path, {})}
            yield entry(f"{'/'.join(methods)} {path}", about, parameters)


def paths(rule: str, declared: Mapping[str, Any]) -> list[str]:
    """The rule itself, or the declared paths that match its variable part."""
    fixed, variable, _ = rule.partition("<")
    return [path for path in declared if path.startswith(fixed)] or [rule] if variable else [rule]


def entry(route: str, about: str, parameters: Parameters) -> tuple[str, str]:
    defaults = {name: one.default if isinstance(one, Number) else one[0] for name, one in parameters.items()}
    texts = [about, *(f"{name}: {_bounds(one)}." for name, one in parameters.items())]
    return f"{route}?{urlencode(defaults)}" if defaults else route, " ".join(texts)


def _bounds(one: Number | tuple[str, ...]) -> str:
    return f"{one.low} to {one.high}" if isinstance(one, Number) else " or ".join(one)


def _first_line(handler: Callable[..., Any]) -> str:
    return (handler.__doc__ or "").partition("\n")[0]
