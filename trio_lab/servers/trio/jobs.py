"""`/jobs`: what need not be done before the reply is left for later. Only the Trio server has it."""

from __future__ import annotations

import json
from datetime import datetime
from time import time
from typing import Annotated, Any

import msgspec
from quart import Response, request

from ...http.answers import reply
from ...jobs.contract import NewJob
from ...jobs.functions import JobFunctions
from ...records.job import JobRecord
from .asgi import TrioApp
from .bodies import BadBody

_LONGEST_DELAY = 31_536_000  # seconds
_LARGEST = 65_536  # bytes of a job: what is larger belongs into a file, and the job says where it is


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    job: str
    args: dict[str, Any] = {}
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST_DELAY)] = 0.0
    at: float | Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] = 0


_asked = msgspec.json.Decoder(_Asked)


def add_jobs_routes(app: TrioApp) -> None:
    app.body_routes["/jobs"] = lambda query: _LARGEST

    @app.post("/jobs")
    async def _submit() -> Response:
        """Keeps a job that is to be done later: {"job": "hash", "args": {"rounds": 120000}}."""
        id = await app.lab.jobs.submit(_new_job(await request.body, app.lab.jobs.functions))
        return reply({"id": id}, 202, Location=f"/jobs/{id}")

    @app.route("/jobs/<id>", methods=["GET", "DELETE"])  # one rule, so that OPTIONS tells both
    async def _job(id: str) -> Response:
        """A job: its state, tries, and its result or error. DELETE cancels it."""
        if request.method == "DELETE":
            return _shown(await app.lab.jobs.cancel(id))
        return _shown(await (await app.lab.jobs.engine()).get(id))


def _new_job(body: bytes, functions: JobFunctions) -> NewJob:
    """Raises `BadBody` unless it is a job that a function can do."""
    try:
        asked = _asked.decode(body)
    except (ValueError, RecursionError) as error:
        raise BadBody(f'the body must be a job, as {{"job": "hash", "args": {{}}}}: {error}') from None
    if asked.job not in functions:
        raise BadBody(f"there is no job {asked.job[:40]!r}; there are {', '.join(functions)}")
    function = functions[asked.job]
    try:
        function.check(asked.args)
    except TypeError as error:
        raise BadBody(f"{asked.job}: {error}") from None
    at = asked.at.timestamp() if isinstance(asked.at, datetime) else asked.at
    if at is not None and (asked.delay_s or at > time() + _LONGEST_DELAY):
        raise BadBody("at must be within a year, and without delay_s")
    return NewJob(
        name=asked.job,
        args=asked.args,
        delay=asked.delay_s,
        at=at,
        priority=asked.priority,
        max_tries=function.max_tries,
    )


def _shown(found: JobRecord | None) -> Response:
    if found is None:
        return reply({"error": "there is no such job"}, 404)
    try:
        return reply(found.shown())
    except UnicodeEncodeError:  # half of a pair of surrogates: the name of a file may have it, and JSON can
        return Response(json.dumps(found.shown()), content_type="application/json")
