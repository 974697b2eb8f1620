"""An app with a pool of one place, whose requests are held when it is taken; it stands where the lab's app stands."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from trio_lab.admission.bulkhead import BaseBulkhead
from trio_lab.admission.deadline import DEADLINE, Deadline
from trio_lab.admission.reserved import AskedPlace
from trio_lab.asgi.admission import Admission
from trio_lab.asgi.policy import AdmissionPolicy
from trio_lab.errors import Overloaded
from trio_lab.http.admitted import Admitted
from trio_lab.http.app import LabApp
from trio_lab.http.connections import Settings
from trio_lab.http.holding import Holding
from trio_lab.http.lab import Asked, Told
from trio_lab.http.pool_job import Done, PoolJob, Waited, held_in
from trio_lab.http.requests import Requests
from trio_lab.loop.working_on import WORKING_ON
from trio_lab.measure.ledger import Ledgers

WORK = b"GET /work HTTP/1.1\r\nHost: x\r\n%s\r\n"
ASKED = WORK % b""


class OnePlace:
    """Its jobs take no time: once they have the place, they are done."""

    def __init__(
        self,
        bulkhead: BaseBulkhead,
        policy: AdmissionPolicy | None = None,
        *,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        self.bulkhead = bulkhead
        self.now = now
        self.requests = Requests()
        self.admission = None if policy is None else Admission(self, policy)
        self.lab = self
        self.jobs = {"/work": lambda _: PoolJob(fn=len, args=(), kind="work")}
        self.seen: list[bool] = []
        """Of each request that has come to the app, whether it was held."""
        self.ledgers = Ledgers()
        self.labels: list[object] = []
        """Of each job that was given to the pool, the label of its request."""
        self.deadlines: list[Deadline | None] = []
        """And its deadline."""

    def is_full(self) -> bool:
        return self.bulkhead.in_service >= self.bulkhead.capacity

    def would_wait(self, _: PoolJob) -> bool:
        return self.is_full()

    def has_room(self, _: PoolJob) -> bool:
        return self.bulkhead.has_room

    def refuse(self, job: PoolJob) -> Overloaded:
        return self.bulkhead.turn_away(job.kind)

    def most_waiting(self) -> int:
        return self.bulkhead.waiting

    def ask(self, job: PoolJob, told: Told) -> Asked:
        place = self.bulkhead.ask(told, kind=job.kind)
        return AskedPlace(place, give_up=self.bulkhead.give_up)

    def expire(self) -> None:
        self.bulkhead.expire()

    def begin_wait(self, path: str, admitted: Admitted | None = None) -> Waited:
        return LabApp.begin_wait(self, path, admitted)  # type: ignore[arg-type]

    def lose_held(self, waited: Waited, refusal: Overloaded | None) -> None:
        LabApp.lose_held(self, waited, refusal)  # type: ignore[arg-type]

    def turn_away(self, path: str, job: PoolJob) -> Overloaded:
        return LabApp.turn_away(self, path, job)  # type: ignore[arg-type]

    async def do(self, job: PoolJob, *, since: float | None = None) -> Done:
        self.labels.append(WORKING_ON.get())
        self.deadlines.append(DEADLINE.get())
        self.bulkhead.leave(await self.bulkhead.enter(kind=job.kind))
        return Done(value="done", took=0.0)

    async def run_held(self, path: str, job: PoolJob) -> Any:
        return await LabApp.run_held(self, path, job)  # type: ignore[arg-type]  # it needs no more than these

    def holding(self, settings: Settings) -> Holding:
        return Holding(self, settings)  # type: ignore[arg-type]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for stage in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{stage}"
                await send({"type": f"lifespan.{stage}.complete"})
            return
        held = held_in(scope)
        self.seen.append(held is not None)
        body = b"not held" if held is None else held.result().value.encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
