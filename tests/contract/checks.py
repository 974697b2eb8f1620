"""A server against rows of the contract's table. Every check returns complaints, and none when all is well."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.running import Running

from .shapes import complaints
from .table import NOTHING, Row, Said

_JSON = "application/json"
_END_OF_HEAD = b"\r\n\r\n"


def check_rows(server: Running, rows: Iterable[Row | Said]) -> list[str]:
    """All complaints about these rows, each with the row it is about."""
    found = []
    for row in rows:
        lines = check_row(server, row) if isinstance(row, Row) else check_said(server, row)
        found += [f"{row}: {line}" for line in lines]
    return found


def check_row(server: Running, row: Row) -> list[str]:
    """What is wrong with the reply to one request."""
    try:
        status, headers, body = server.exchange(row.target, row.method, **row.sent)
    except (OSError, http.client.HTTPException) as error:
        return [f"no reply: {error!r}"]
    found = [] if status == row.status else [f"status is {status}, not {row.status}"]
    found += _check_headers(dict(headers.items()), {"Content-Type": _JSON, **row.headers})
    return found + _check_body(body, row.body)


def check_said(server: Running, row: Said) -> list[str]:
    """What is wrong with what comes back until the server closes, when these bytes are sent."""
    try:
        received = server.raw(row.said)
    except OSError as error:
        return [f"no reply: {error!r}"]
    head, _, body = received.partition(_END_OF_HEAD)
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 "):
        return [f"no reply: {received[:80]!r}"]
    found = [] if int(first[9:12]) in row.statuses else [f"status is {first[9:12]}, not one of {row.statuses}"]
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    found += _check_headers(headers, {"Content-Type": _JSON})
    if received.count(b"HTTP/1.1 ") > 1:
        return [*found, "there is more than one reply"]
    return found + _check_body(body, row.body)


def _check_headers(received: Mapping[str, str], expected: Mapping[str, Any]) -> list[str]:
    found = {name.lower(): value for name, value in received.items()}
    return [line for name, shape in expected.items() for line in complaints(found.get(name.lower()), shape, name)]


def _check_body(body: bytes, shape: Any) -> list[str]:
    if shape is NOTHING:
        return [f"a body that should not be: {body[:80]!r}"] if body else []
    try:
        value = json.loads(body)
    except ValueError:
        return [f"the body is no JSON: {body[:80]!r}"]
    return complaints(value, shape)
