"""The route of a request as a template, ``/users/{id}``: never with the values of a path.

A framework chooses the route after the request has passed all middleware. So the template is read late: when a stall is
recorded, and when the request ends. Where it is found depends on the framework:

- FastAPI puts its route into the scope, Litestar the template itself.
- Starlette puts its router and the endpoint into the scope. The router's routes are searched for the endpoint, those of mounted
  apps too, so a template begins with the prefix of the mount. The result is remembered.
- Quart puts nothing there: see `frameworks`.

If no template is found, the label ends with `UNKNOWN`. So all labels come from the program's own routes; no client can add one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from .policy import Scope

UNKNOWN = "(unknown route)"
RULE = "trio_lab.rule"
"""The key under which the template is put into a scope for us."""

Template: TypeAlias = Callable[[Scope], "str | None"]
"""Returns the template of a request's route; None while there is none."""

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER = "(other)"
_REST = "/{path}"  # with which Starlette ends the path of a mount
_DEEPEST = 20  # mounts within each other
_MOST_SEARCHES = 100  # of one app: endpoints that belong to no router would cause one for each request

# A route or an endpoint, its template, and the paths that it matches: those of the mounts around it first, its own last.
_Found: TypeAlias = "tuple[object, str, tuple[re.Pattern[str] | None, ...]]"


class RequestLabel:
    """``GET /users/{id}``, or what is known of it when it is read.

    Call `settle` when the request ends. Tasks that the request has started may keep the label longer, and it must not keep the
    request's scope alive.
    """

    __slots__ = ("_scope", "_template", "_text")

    def __init__(self, scope: Scope, template: Template) -> None:
        self._scope: Scope | None = scope
        self._template = template
        self._text = ""

    def __str__(self) -> str:
        return self._text if self._scope is None else self._read(self._scope)

    def settle(self) -> str:
        """Read it for the last time."""
        if self._scope is not None:
            self._text, self._scope = self._read(self._scope), None
        return self._text

    def _read(self, scope: Scope) -> str:
        method = scope["method"]
        return f"{method if method in _METHODS else _OTHER} {self._template(scope) or UNKNOWN}"


class Routes:
    """Finds the templates of one app. Its `template` is a `Template`."""

    def __init__(self) -> None:
        self._known: dict[int, list[_Found]] = {}  # by the id of a route or an endpoint
        self._searches = 0

    def template(self, scope: Scope) -> str | None:
        for key in (RULE, "path_template"):
            if isinstance(told := scope.get(key), str):
                return told
        route = scope.get("route")
        if isinstance(route, str):
            return route
        for chosen in (route, scope.get("endpoint")):
            if chosen is not None and (found := self._find(chosen, scope)) is not None:
                return found
        alone = getattr(route, "path_format", None)
        return alone if isinstance(alone, str) else None

    def _find(self, chosen: object, scope: Scope) -> str | None:
        if (known := self._known.get(id(chosen))) is None:
            known = self._search(chosen, getattr(scope.get("router"), "routes", None))
        if len(known) == 1:
            [(one, template, _)] = known
            return template if one is chosen else None
        root = scope.get("root_path") or ""
        whole = scope["path"].removeprefix(scope.get("app_root_path", root))
        inner = scope["path"].removeprefix(root)  # without the prefixes of the mounts, which Starlette adds to the root
        mine = [(template, regexes) for one, template, regexes in known if one is chosen]
        exact = (template for template, regexes in mine if _match(whole, regexes))
        return next(exact, next((template for template, regexes in mine if _match(inner, regexes[-1:])), None))

    def _search(self, chosen: object, routes: Iterable[Any] | None) -> list[_Found]:
        if routes is None or self._searches >= _MOST_SEARCHES:
            return []
        self._searches += 1
        self._known.clear()
        self._learn(routes, "", ())
        return self._known.setdefault(id(chosen), [])

    def _learn(self, routes: Iterable[Any], prefix: str, mounts: tuple[re.Pattern[str] | None, ...]) -> None:
        for route in routes:
            template = prefix + getattr(route, "path_format", "")
            regexes = (*mounts, getattr(route, "path_regex", None))
            for one in (route, getattr(route, "endpoint", None) or getattr(route, "app", None)):
                if one is not None:
                    self._known.setdefault(id(one), []).append((one, template, regexes))
            inner = getattr(route, "routes", None)
            if inner and len(mounts) < _DEEPEST:
                self._learn(inner, template.removesuffix(_REST), regexes)


def _match(path: str, regexes: Iterable[re.Pattern[str] | None]) -> bool:
    """Whether the first matches the path, the next one what a mount leaves of it, and so on. None matches everything."""
    for regex in regexes:
        if regex is None:
            continue
        if (found := regex.match(path)) is None:
            return False
        path = f"/{found.groupdict().get('path', '')}"
    return True
