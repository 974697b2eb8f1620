"""A service of many hosts under load while its parts are killed: which calls may fail, and which did without a reason.

A server that dies takes the requests with it that it was working at; of these the proxy may send those again that only read.
No other request may notice. The proxy, the database and the server of the jobs are there once only: while such a part is away,
calls that need it may be refused. Calls that do not need it may not notice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import trio

from ..jobs.opening import open_jobs
from ..load.client import fetch
from ..stage.hosts import Hosts, Kind, Part

Need = Literal["compute", "database", "jobs"]
Outcome = Literal["served", "refused", "broken"]

_PATHS: dict[Need, str] = {"compute": "/hash?rounds=1000", "database": "/db?ms=5", "jobs": "/jobs"}
_JOB = json.dumps({"job": "wait", "args": {"seconds": 0.05}}).encode()
_NEEDED: dict[Kind, tuple[Need, ...]] = {
    "proxy": ("compute", "database", "jobs"),
    "database": ("database",),
    "jobs": ("jobs",),
}
_CALLERS = 8
_PAUSE = 0.05  # seconds between two calls of a caller
_TIMEOUT = 10.0  # seconds for a call; far more than any should take


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Moments by Trio's clock. A call is *refused* if it got a 503 or no connection."""

    need: Need
    begun: float
    ended: float
    outcome: Outcome
    said: str = ""


@dataclass(slots=True, kw_only=True)
class Outage:
    """A part that was killed ``at`` a moment, and was ``dead`` a moment later: until then it may have taken calls. ``back``:
    when it answered again; for one that is there once only, ``served`` is the end of the first call after that which needs
    it and was served."""

    kind: Kind
    at: float
    dead: float = float("inf")
    back: float = float("inf")
    served: float = float("inf")

    def excuses(self, call: Call) -> bool:
        """Whether a call that was not served may be so because of this."""
        in_flight = call.begun <= self.dead and call.ended >= self.at
        if self.kind == "server":
            return in_flight and call.need == "jobs"  # the others only read
        away = call.begun <= self.served and call.ended >= self.at
        return call.need in _NEEDED.get(self.kind, ()) and (in_flight or (away and call.outcome == "refused"))


@dataclass(slots=True, kw_only=True, eq=False)
class Traffic:
    """What callers do and see. ``accepted`` are the ids of jobs that they were told."""

    hosts: Hosts
    calls: list[Call] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)

    async def flow(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            for number in range(_CALLERS):
                nursery.start_soon(self._call_for_ever, number)

    async def _call_for_ever(self, number: int) -> None:
        needs = list(_PATHS)
        while True:
            await self._call(needs[number % len(needs)])
            number += 1
            await trio.sleep(_PAUSE)

    async def _call(self, need: Need) -> None:
        begun, said = trio.current_time(), ""
        outcome: Outcome = "broken"
        body = _JOB if need == "jobs" else None
        try:
            reply = await fetch(self.hosts.url + _PATHS[need], body=body, timeout=_TIMEOUT)
            if reply.status in (200, 202):
                outcome = "served"
            elif reply.status == 503:
                outcome = "refused"
            said = f"{reply.status} {reply.body[:80]!r}"
            if reply.status == 202:
                self.accepted.append(json.loads(reply.body)["id"])
        except trio.TooSlowError:
            said = "no reply"
        except ConnectionError as error:
            said = str(error)
        except OSError as error:  # there was nothing to connect to
            outcome, said = "refused", str(error)
        ended = trio.current_time()
        self.calls.append(Call(need=need, begun=begun, ended=ended, outcome=outcome, said=said))
        if outcome == "served":
            for outage in self.outages:
                if outage.back <= begun and need in _NEEDED.get(outage.kind, ()):
                    outage.served = min(outage.served, ended)

    async def without(self, part: Part, *, away: float) -> None:
        """Kill a part, and return when it is back, after so many seconds at the earliest."""
        outage = Outage(kind=part.kind, at=trio.current_time())
        self.outages.append(outage)
        await part.kill()
        outage.dead = trio.current_time()
        await trio.sleep(away)
        await part.until_back()
        outage.back = trio.current_time()

    def failed(self) -> list[Call]:
        return [call for call in self.calls if call.outcome != "served"]

    def innocent(self) -> list[Call]:
        """Calls that were not served, and for which no outage is a reason."""
        return [call for call in self.failed() if not any(outage.excuses(call) for outage in self.outages)]

    def slowest_return(self) -> float:
        """Seconds from when a part that is there once answered again until a call that needs it was served."""
        return max((outage.served - outage.back for outage in self.outages if outage.kind in _NEEDED), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of the jobs. ``extra_ends``: ends that counted, less the jobs that have ended."""

    lost: int
    extra_ends: int
    tried_again: int


async def fate(url: str, accepted: Sequence[str], *, patience: float) -> Fate:
    """Waits up to ``patience`` seconds for the accepted jobs to end."""
    lost = 0
    async with open_jobs(url) as engine:
        with trio.move_on_after(patience):
            for id in accepted:
                await engine.ended(id)
        for id in accepted:
            job = await engine.get(id)
            lost += job is None or job.state != "succeeded"
        await engine.look()
        jobs = await engine.jobs(limit=1_000_000)
        ended = sum(job.state in ("succeeded", "failed", "dead") for job in jobs)
        return Fate(
            lost=lost,
            extra_ends=(engine.statistics().completions or 0) - ended,
            tried_again=sum(job.tries > 1 for job in jobs),
        )
