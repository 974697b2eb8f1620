"""The label of a request in ledgers and stalls: its method and its route, without the query.

Labels come from a bounded set, so tables can be kept by label: requests for routes that do not exist share one label, and
a client cannot fill a table with them.
"""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

UNKNOWN = "(unknown)"
_OTHER = "(other)"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Labels:
    """The labels of an app's routes. Make it when all routes have been added."""

    def __init__(self, routes: Map) -> None:
        self._adapter = routes.bind("localhost")
        paths = [rule.rule for rule in routes.iter_rules() if not rule.arguments]
        self._known = {(method, path): f"{method} {path}" for method in _METHODS for path in paths}

    def of(self, scope: dict[str, Any]) -> str:
        """``GET /hash``, ``GET /jobs/<id>``, ``GET (unknown)``."""
        method, path = scope["method"], scope["path"]
        known = self._known.get((method, path))
        return known or f"{method if method in _METHODS else _OTHER} {self._rule(method, path)}"

    def _rule(self, method: str, path: str) -> str:
        try:
            rule, _ = self._adapter.match(path, method=method, return_rule=True)
        except HTTPException:  # no such route, or not with this method, or with a slash more
            return UNKNOWN
        return rule.rule
