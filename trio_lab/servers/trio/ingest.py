"""`POST /ingest`: many records in one body, read as a whole or piece by piece.

The body has one JSON object per line (NDJSON). An array would do for reading it as a whole, but only lines can be
separated without parsing what is in them.

``buffer`` is the usual way: wait for the whole body, parse it in one call. The body and all its records are in memory at
once, and while the call runs no other request is served. ``stream`` parses the lines of each piece as it arrives, in slices
of time, and keeps only the last line, which may be incomplete.
"""

from __future__ import annotations

import os
from time import perf_counter
from typing import Any

import msgspec
from quart import Response, request

from ...http.answers import ms, ms_since, reply
from ...http.contract import Choices
from ...http.query import choice
from ...measure.process import resident_bytes
from ...slices import time_sliced
from .asgi import TrioApp
from .bodies import MAX_BUFFERED, MAX_STREAMED, BadBody, LabBody
from .longest_step import LongestStep

_ROOM = 1 << 18  # bytes of a streamed body that may be in memory unread
_LONGEST_LINE = 1 << 16
_SLICE = 0.002  # seconds: of several clients at once, each takes its slice in every pass

_NOT_JSON = (ValueError, RecursionError)  # msgspec's own error is a ValueError, and so is that of invalid UTF-8
_records = msgspec.json.Decoder(dict[str, Any])


CHOICES: Choices = {"/ingest": {"mode": ("buffer", "stream")}}


def add_ingest_route(app: TrioApp) -> None:
    app.declare({}, CHOICES)
    app.body_routes["/ingest"] = lambda query: MAX_STREAMED if b"mode=stream" in query.split(b"&") else MAX_BUFFERED

    @app.post("/ingest")
    async def _ingest() -> Response:
        """Reads JSON objects, one in a line, from the body: all of it at once, or piece by piece as it arrives."""
        mode, begun = choice(request.args, "mode", CHOICES["/ingest"]), perf_counter()
        body: LabBody = request.body  # type: ignore[assignment]  # the app's request class has it
        memory = _Memory()
        with LongestStep() as step:
            count = await (_buffered if mode == "buffer" else _streamed)(body, memory)
        figures = {"records": count, "heldBytes": body.most_held, "peakMemoryBytes": memory.rise}
        times = {"longestStepMs": ms(step.seconds), "durationMs": ms_since(begun)}
        return reply({"route": "/ingest", "mode": mode, **figures, **times})

    @app.errorhandler(BadBody)
    async def _on_bad_body(error: BadBody) -> Response:
        return reply({"error": str(error)}, error.status, Connection="close")  # the rest of it is not worth receiving


class _Memory:
    """How far the resident memory of the process rises, sampled now and then. What other requests use counts too, and
    memory that an earlier request has freed is used again without a rise."""

    def __init__(self) -> None:
        self._before = resident_bytes(os.getpid())
        self._most = self._before

    def look(self) -> None:
        now = resident_bytes(os.getpid())
        if now is not None and self._most is not None:
            self._most = max(self._most, now)

    @property
    def rise(self) -> int | None:
        return None if self._most is None or self._before is None else self._most - self._before


async def _buffered(body: LabBody, memory: _Memory) -> int:
    text = await body
    try:
        records = _records.decode_lines(text)
    except _NOT_JSON:
        raise BadBody("the body must be one JSON object a line") from None
    memory.look()
    return len(records)


async def _streamed(body: LabBody, memory: _Memory) -> int:
    count, rest = 0, b""
    with body.streamed(_ROOM) as pieces:
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            async for line in time_sliced(lines, _SLICE):
                count += _record(line)
            _check_length(rest)
            memory.look()
        return count + _record(rest)


def _record(line: bytes) -> int:
    """The number of records in a line: one, or none when it is blank."""
    _check_length(line)
    if not line.strip():
        return 0
    try:
        _records.decode(line)
    except _NOT_JSON:
        raise BadBody("the body must be one JSON object a line") from None
    return 1


def _check_length(line: bytes) -> None:
    """It is chance whether a line comes at once or in pieces, so both are refused."""
    if len(line) > _LONGEST_LINE:
        raise BadBody(f"a record may have {_LONGEST_LINE} bytes", status=413)
