"""Admission for a whole server: an ASGI app in front of another, on Trio or asyncio.

    from trio_lab.asgi import Admission

    app = Admission(app)

It bounds how many requests the app serves at once. Others wait for a place, and are refused with a 503 when too many wait
or when they have waited too long. Critical requests (health, metrics) have places of their own; background requests come
second; no tenant gets more than its share while others wait. The gates decide (`trio_lab.admission`) and know no event loop;
this package acts.

A place is held until the app returns, whatever the reason: an answer, an error, a client that has left, a cancellation.
Websockets and the lifespan take no place; websockets count as connections.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from ..admission.class_gate import ClassGate
from ..admission.deadline import DEADLINE, Deadline
from ..admission.gate import ADMITTED, Decision, Gate, Place
from ..admission.limits.late_loop import LateLoop
from ..admission.limits.limit import Outcome
from ..errors import Overloaded, QueueFull
from ..measure.announced import announce
from ..measure.ledger import LEDGER, QUEUE
from ..preconditions import running_loop
from ..records.queue import QueueStatistics
from .deadlines import parsers
from .inbox import Receive, Send
from .loop_delay import LoopDelay
from .policy import CRITICAL, AdmissionPolicy, Scope
from .promises import promises
from .refusals import refuse, refuse_websocket
from .replying import Replying

App: TypeAlias = Callable[..., Awaitable[Any]]  # of a scope, receive and send; each framework has types of its own

CONNECTIONS = "connections"
"""The kind under which the queue counts requests and websockets that were refused because too many were open."""


class Admission:
    """The middleware in front of ``app``. Its ``queues`` are two: one of normal and background requests, whose kinds are
    these, and one of critical requests. The doctor finds them by itself; a lab registers them."""

    def __init__(self, app: App, policy: AdmissionPolicy | None = None) -> None:
        self.app = app
        self.policy = policy = AdmissionPolicy() if policy is None else policy
        name = f"{policy.name}_dark" if policy.dark else policy.name
        capacity, limit = policy.gate_limit()
        self._late = limit if isinstance(limit, LateLoop) else None
        self._loop_delay: LoopDelay | None = None
        self._response = promises(policy.slo).response
        self._shared = ClassGate(
            name,
            capacity=capacity,
            limit=limit,
            shares=policy.shares,
            max_waiting=policy.max_waiting,
            queue_timeout=policy.queue_timeout,
            discipline="fifo" if policy.dark else policy.discipline,  # in the dark nobody waits, so nothing is learned
            by_tenant=policy.tenant is not None,
        )
        self._critical = Gate(
            f"{name}_critical",
            capacity=policy.critical_limit,
            max_waiting=policy.max_waiting,
            queue_timeout=policy.queue_timeout,
            discipline="fifo",
        )
        self._classify = policy.classifier()
        self._tenant_of = policy.tenant_of()
        self._deadlines = parsers(policy.deadlines)
        self._waits: Any = None  # those of the loop that runs now
        self._open = 0
        """Requests and websockets that have begun and not ended."""
        self.queues = (GateQueue(self._shared, self._now), GateQueue(self._critical, self._now))
        for queue in self.queues:
            announce(queue)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            try:
                await self.app(scope, receive, send)
            finally:
                self._close()
            return
        self._open += 1
        try:
            if kind == "http":
                await self._serve(scope, receive, send)
            elif self._has_room() or self.policy.dark:
                await self.app(scope, receive, send)
            else:
                await receive()  # websocket.connect
                await refuse_websocket(scope, send, QueueFull(CONNECTIONS))
        finally:
            self._open -= 1

    @property
    def _is_crowded(self) -> bool:
        """Whether more connections are open than may be."""
        most = self.policy.max_connections
        return most is not None and self._open > most

    def _has_room(self) -> bool:
        """Whether one more connection may be open; counted if not."""
        if not self._is_crowded:
            return True
        self._shared.turn_away(CONNECTIONS)
        return False

    def held(self, scope: Scope) -> _Held:
        """For a server that begins the work of a request before there is an exchange: a place for the length of the block, in
        which the deadline of the request bounds what works for it. False if no place is free: then the request has to come
        as all others do, and waits. Leave the block with a `ConnectionError` if its client has left."""
        return _Held(self, scope)

    def _enter_held(self, scope: Scope) -> tuple[Place | None, Deadline | None]:
        now = self._waits_now().now()
        self._look(now)
        self._open += 1
        place: Place | None = None
        try:
            place = None if self._is_crowded else self._try_enter(scope, now)
            return place, None if place is None or self.policy.dark else self._deadline_of(scope, now)
        except BaseException:  # of a policy's own function
            self._leave_held(place, left=True)
            raise

    def _try_enter(self, scope: Scope, now: float) -> Place | None:
        kind = self._classify(scope)
        if kind == CRITICAL:
            return self._critical.try_enter(now, kind)
        return self._shared.try_enter(now, kind, 0, self._tenant_of(scope))

    def _leave_held(self, place: Place | None, *, left: bool) -> None:
        self._open -= 1
        if place is None:
            return
        now, gate = self._waits.now(), place.gate
        self._tell(gate.abandon(place, now) if left else gate.leave(place, now, Outcome.IGNORED))

    def _look(self, now: float) -> None:
        """Let the limit follow the loop's delay."""
        if self._loop_delay is not None:
            self._loop_delay.look(now)
            self._tell(self._shared.follow_limit(now))

    def _tell(self, decisions: Sequence[Decision]) -> None:
        if decisions and not self.policy.dark:  # in the dark nobody waits, whatever the gate says
            self._waits.tell(decisions)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        waits = self._waits_now()
        now = waits.now()
        self._look(now)
        deadline = self._deadline_of(scope, now)
        try:
            place = self._ask(scope, deadline, now)
        except Overloaded as refusal:
            if self.policy.dark:
                await self.app(scope, receive, send)
            else:
                await refuse(scope, receive, send, refusal)
            return
        if self.policy.dark:
            await self._serve_in_the_dark(place, scope, receive, send)
        elif place.state is ADMITTED:
            await self._serve_admitted(place, deadline, scope, receive, send)
        else:
            await self._wait_and_serve(place, deadline, scope, receive, send)

    def _ask(self, scope: Scope, deadline: Deadline | None, now: float) -> Place:
        """A place, given or waited for. Raises `Overloaded`."""
        wait = self.policy.queue_timeout
        if deadline is not None:
            wait = deadline.at - now if wait is None else min(wait, deadline.at - now)
        kind = self._classify(scope)
        if kind == CRITICAL:
            return self._critical.arrive(now, kind, 0, wait)
        if not self._has_room():
            raise QueueFull(CONNECTIONS)
        if self._response is not None:
            left = max(0.0, self._response - self._shared.usual_service(kind))
            wait = left if wait is None else min(wait, left)
        return self._shared.arrive(now, kind, 0, wait, self._tenant_of(scope))

    def _deadline_of(self, scope: Scope, now: float) -> Deadline | None:
        parse = self._deadlines
        found = [parse[name](value) for name, value in scope["headers"] if name in parse]
        seconds = min((seconds for seconds in found if seconds is not None), default=None) if found else None
        return None if seconds is None else Deadline(now + seconds)

    async def _wait_and_serve(
        self, place: Place, deadline: Deadline | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        waits = self._waits
        inbox = waits.inbox(receive)
        try:
            refusal = await waits.wait(place, inbox)
            if (ledger := LEDGER.get()) is not None:
                ledger.add(QUEUE, place.arrived, place.entered if place.state is ADMITTED else waits.now())
            if inbox.left:
                return
            if refusal is None:
                inbox.on_left = lambda: place.gate.caller_left(place, waits.now())
                await self._serve_admitted(place, deadline, scope, inbox.receive, inbox.sender(send))
            else:
                await refuse(scope, inbox.receive, send, refusal)
        finally:
            inbox.close()

    async def _serve_admitted(
        self, place: Place, deadline: Deadline | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        token = None if deadline is None else DEADLINE.set(deadline)
        replying = Replying(send)
        try:
            await self.app(scope, receive, replying.send)
        finally:
            if token is not None and deadline is not None:
                DEADLINE.reset(token)
                deadline.lift()
            self._tell(place.gate.leave(place, self._waits.now(), replying.outcome))

    async def _serve_in_the_dark(self, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it at once. The gate decides about its place all the same, so that it counts; nothing acts on that."""
        gate = place.gate
        try:
            await self.app(scope, receive, send)
        finally:
            now = self._waits.now()
            gate.expire(now)
            if place.state is ADMITTED:
                gate.leave(place, now)
            else:
                gate.abandon(place, now)

    def _waits_now(self) -> Any:
        """What lets requests wait in the loop that calls. A middleware may serve in several runs, one after the other."""
        waits = self._waits
        if waits is None or not waits.is_current():
            gates = (self._shared, self._critical)
            if running_loop() == "Trio":
                from .on_trio import TrioWaits  # a program on asyncio starts without Trio

                waits = self._waits = TrioWaits()
            else:
                from .on_asyncio import AsyncioWaits

                waits = self._waits = AsyncioWaits(*gates)
            if self._late is not None:
                self._loop_delay = LoopDelay(self._late)
            for gate in gates:
                gate.restart(waits.now())
        return waits

    def _close(self) -> None:
        if self._loop_delay is not None:
            self._loop_delay.close()
            self._loop_delay = None

    def _now(self) -> float | None:
        return self._waits.now() if self._waits is not None and self._waits.is_current() else None


class _Held:
    """The block of `Admission.held`. (No generator: every request under overload has one of these.)"""

    __slots__ = ("_admission", "_deadline", "_place", "_scope", "_token")

    def __init__(self, admission: Admission, scope: Scope) -> None:
        self._admission = admission
        self._scope = scope
        self._place: Place | None = None

    def __enter__(self) -> bool:
        if self._place is None:
            self._place, self._deadline = self._admission._enter_held(self._scope)
        self._token = None if self._deadline is None else DEADLINE.set(self._deadline)
        return self._place is not None

    def lift(self) -> None:
        """From here on the deadline bounds nothing, and the place is held. The block may be entered again, in another task."""
        if self._token is not None:
            DEADLINE.reset(self._token)
            self._token = None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.lift()
        self._admission._leave_held(self._place, left=kind is not None and issubclass(kind, ConnectionError))


class GateQueue:
    """A gate as a queue for `/health` and the doctor."""

    def __init__(self, gate: Gate, now: Callable[[], float | None]) -> None:
        self._gate = gate
        self._now = now

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        return self._gate.statistics(self._now(), kind)

    def kinds(self) -> list[str]:
        return self._gate.kinds()
