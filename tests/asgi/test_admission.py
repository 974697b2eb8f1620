"""Contract: what the admission middleware promises, on Trio and on asyncio alike. Who is next is tested at the gate."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.admission.houses import HOUSES, AsyncioHouse, House, Story
from tests.admission.test_gate import is_balanced
from trio_lab.admission.deadline import DEADLINE, Deadline
from trio_lab.admission.limits.limit import Limit, Outcome, Sample
from trio_lab.admission.patience import Patiences
from trio_lab.asgi.admission import Admission
from trio_lab.asgi.policy import AdmissionPolicy
from trio_lab.measure.announced import announced
from trio_lab.records.queue import QueueStatistics

from .exchange import Exchange


@pytest.fixture(params=HOUSES, ids=lambda house: house.name)
def house(request: pytest.FixtureRequest) -> House:
    return request.param()  # type: ignore[no-any-return]


def plays(story: Story) -> Callable[[House], None]:
    """A test that plays the story on each event loop."""

    def test(house: House) -> None:
        house.run(story)

    return test


class Service:
    """An app behind an admission. It answers a request when the test says so, and keeps what it has received."""

    def __init__(self, house: House, **policy: Any) -> None:
        self._house = house
        self.inside: list[Exchange] = []
        self.served: list[str] = []
        self.received: list[dict[str, Any]] = []
        self.deadlines: list[Deadline | None] = []
        self._go: list[Callable[[], object]] = []
        self.admission = Admission(self._app, AdmissionPolicy(**({"limit": 1} | policy)))

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.served.append(scope["path"])
        self.deadlines.append(DEADLINE.get())
        if scope["path"] == "/bug":
            raise ZeroDivisionError
        if scope["path"].startswith("/read"):
            self.received.append(await receive())
        if scope["path"] == "/read-on":
            self.received.append(await receive())
        await self._house.until(self._go.append)
        await send({"type": "http.response.start", "status": 503 if scope["path"] == "/busy" else 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        if scope["path"].endswith("-after"):
            await receive()

    def start(self, path: str = "/", *, kind: str = "http", **headers: str) -> Exchange:
        exchange = Exchange(self._house, path, kind=kind, **headers)
        exchange.cancel = self._house.spawn(lambda: exchange.live(self.admission))
        return exchange

    async def call(self, path: str = "/", *, kind: str = "http", **headers: str) -> Exchange:
        exchange = self.start(path, kind=kind, **headers)
        await self._house.settle()
        return exchange

    async def answer(self) -> None:
        """The request that was let in first of those that are inside is answered."""
        self._go.pop(0)()
        await self._house.settle()

    @property
    def queue(self) -> QueueStatistics:
        found = self.admission.queues[0].statistics()
        assert is_balanced(found)
        return found


@plays
async def test_a_request_is_served_at_once_while_a_place_is_free(house: House) -> None:
    service = Service(house)
    first = await service.call()
    assert service.queue.in_service == 1
    await service.answer()
    assert (first.status, first.ended, service.queue.in_service, service.queue.completions) == (200, True, 0, 1)


@plays
async def test_a_request_waits_for_a_place_and_then_is_served(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/2")
    assert (service.served, service.queue.waiting) == (["/1"], 1)
    await service.answer()
    await service.answer()
    assert (service.served, second.status) == (["/1", "/2"], 200)


@plays
async def test_a_full_queue_refuses_at_once_with_503_and_a_time_to_come_again(house: House) -> None:
    service = Service(house, max_waiting=0)
    await service.call()
    refused = await service.call()
    assert (refused.status, refused.body) == (503, {"error": "admission is full", "queue": "admission"})
    assert int(refused.headers[b"retry-after"]) >= 1
    assert int(refused.headers[b"content-length"]) == len(refused.sent[1]["body"])
    assert service.queue.rejected == 1


@plays
async def test_a_place_comes_back_when_the_app_fails(house: House) -> None:
    service = Service(house)
    failed = await service.call("/bug")
    assert isinstance(failed.error, ZeroDivisionError)
    assert service.queue.in_service == 0


@plays
async def test_a_place_comes_back_when_the_request_is_cancelled(house: House) -> None:
    service = Service(house)
    first = await service.call("/1")
    await service.call("/2")
    first.cancel()
    await house.settle()
    assert (service.served, service.queue.in_service) == (["/1", "/2"], 1)


@plays
async def test_a_request_that_is_cancelled_while_it_waits_leaves_the_queue(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/2")
    second.cancel()
    await house.settle()
    assert (service.queue.waiting, service.queue.cancelled) == (0, 1)


@plays
async def test_a_place_given_to_a_request_in_the_pass_in_which_it_is_cancelled_goes_to_the_next(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/2")
    await service.call("/3")
    service._go.pop(0)()
    second.cancel()
    await house.settle()
    assert service.served[-1] == "/3"
    assert service.queue.in_service == 1


@plays
async def test_a_client_that_leaves_while_it_waits_is_dropped_without_an_answer(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/2")
    second.leave()
    await house.settle()
    assert (second.ended, second.sent, service.queue.waiting, service.queue.cancelled) == (True, [], 0, 1)
    await service.answer()
    assert service.served == ["/1"]


@plays
async def test_a_client_that_leaves_in_the_pass_in_which_it_gets_its_place_is_not_served(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/2")
    await service.call("/3")
    second.leave()
    service._go.pop(0)()
    await house.settle()
    assert service.served == ["/1", "/3"]


@plays
async def test_what_a_client_sends_while_it_waits_reaches_the_app(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/read-on")
    second.say(body=b"one", more_body=True)
    second.say(body=b"two", more_body=False)
    await house.settle()
    await service.answer()
    assert [message["body"] for message in service.received] == [b"one", b"two"]


@plays
async def test_what_a_client_sends_after_it_got_its_place_reaches_the_app(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/read")
    await service.answer()
    second.say(body=b"late")
    await house.settle()
    assert [message["body"] for message in service.received] == [b"late"]


@plays
async def test_a_large_body_is_left_with_the_server_while_its_request_waits(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/read-on")
    second.say(body=bytes(70_000), more_body=True)
    await house.settle()
    second.say(body=b"rest")
    await house.settle()
    assert len(second._messages) == 1
    await service.answer()
    assert [len(message["body"]) for message in service.received] == [70_000, 4]


@plays
async def test_a_body_in_tiny_pieces_is_left_with_the_server_too(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/2")
    for _ in range(1_000):  # each takes some hundred bytes
        second.say(body=b"a", more_body=True)
    await house.settle()
    assert 0 < len(second._messages) < 1_000


@plays
async def test_the_rest_of_a_body_does_not_hold_up_the_end_of_a_request_that_is_refused(house: House) -> None:
    service = Service(house, queue_timeout=2.0, max_waiting=1)
    await service.call("/1")
    waits, full = (service.start("/read", content_length="210000") for _ in range(2))
    for exchange in (waits, full):
        exchange.ends_when_received = True
        for left in (True, True, False):
            exchange.say(body=bytes(70_000), more_body=left)
    await house.settle()
    house.pass_time(2.0)
    await house.settle()
    for exchange in (waits, full):
        assert (exchange.status, exchange.ended, len(exchange._messages)) == (503, True, 0)


@plays
async def test_a_refusal_that_cannot_be_sent_fails_as_its_send(house: House) -> None:
    service = Service(house, max_waiting=0)
    await service.call("/1")
    for length in ({}, {"content_length": "10"}):
        refused = service.start("/2", **length)
        refused._send = fail  # type: ignore[method-assign]
        await house.settle()
        assert isinstance(refused.error, ZeroDivisionError)


async def fail(_: Any) -> None:
    raise ZeroDivisionError


@plays
async def test_a_wait_ends_with_the_queue_timeout(house: House) -> None:
    service = Service(house, queue_timeout=2.0)
    await service.call("/1")
    second = await service.call("/2")
    house.pass_time(2.0)
    await house.settle()
    assert (second.status, service.queue.timed_out) == (503, 1)
    assert second.body["error"] == "admission had no place in time"


@plays
async def test_a_wait_ends_with_the_deadline_of_the_request(house: House) -> None:
    service = Service(house)
    await service.call("/1")
    second = await service.call("/2", x_request_deadline="0.5")
    third = await service.call("/3", grpc_timeout="700m", x_request_deadline="9")
    house.pass_time(0.5)
    await house.settle()
    assert (second.status, third.status) == (503, None)
    house.pass_time(0.25)
    await house.settle()
    assert third.status == 503


@plays
async def test_the_app_finds_the_deadline_until_the_request_ends(house: House) -> None:
    service = Service(house)
    await service.call("/1", x_request_deadline="2s")
    await service.call("/health", x_request_deadline="soon")
    begun, none = service.deadlines
    assert begun is not None
    assert begun.at < math.inf
    await service.answer()
    assert begun.at == math.inf
    assert none is None


@plays
async def test_it_is_learned_from_a_client_that_leaves_while_it_is_served_but_not_from_one_that_was_answered(
    house: House,
) -> None:
    left: list[str] = []

    class Learner(Patiences):
        def left(self, entry: Any, now: float) -> None:
            left.append(entry.tenant)

    service = Service(house, tenant="x-api-key")
    service.admission._shared._learner = Learner()
    await service.call("/1")
    leaver = await service.call("/read", x_api_key="leaver")
    answered = await service.call("/read-after", x_api_key="answered")
    answered.say()
    await service.answer()
    leaver.leave()
    await house.settle()
    await service.answer()
    await service.answer()
    answered.leave()  # so a server tells of each answer
    await house.settle()
    assert left == ["leaver"]


def test_on_asyncio_no_receive_is_left_when_a_request_has_ended() -> None:
    async def story(house: House) -> None:
        service = Service(house)
        await service.call("/1")
        await service.call("/2")
        await service.answer()
        await service.answer()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    AsyncioHouse().run(story)


@plays
async def test_critical_requests_have_places_of_their_own(house: House) -> None:
    service = Service(house, critical_limit=1, max_connections=1)
    await service.call("/1")
    await service.call("/health")
    assert service.served == ["/1", "/health"]
    assert [queue.statistics().name for queue in service.admission.queues] == ["admission", "admission_critical"]
    assert service.admission.queues[1].statistics().in_service == 1


@plays
async def test_kinds_of_the_queue_are_the_classes(house: House) -> None:
    service = Service(house, limit=4, background=["/reports/*"])
    for path in ("/1", "/reports/1", "/reports/2"):
        await service.call(path)
    kinds = {
        kind: service.admission.queues[0].statistics(kind).arrivals for kind in service.admission.queues[0].kinds()
    }
    assert kinds == {"normal": 1, "background": 2}


@plays
async def test_the_longest_path_decides_about_the_class(house: House) -> None:
    service = Service(house, background=["/reports/*"], critical=["/reports/health/*"])
    await service.call("/1")
    await service.call("/reports/health/x")
    assert service.served == ["/1", "/reports/health/x"]


@plays
async def test_a_tenant_that_waits_comes_before_one_that_is_served(house: House) -> None:
    service = Service(house, tenant="x-api-key", limit=2)
    await service.call("/1", x_api_key="noisy")
    await service.call("/2", x_api_key="noisy")
    await service.call("/3", x_api_key="noisy")
    await service.call("/4", x_api_key="quiet")
    await service.answer()
    assert service.served[-1] == "/4"


@plays
async def test_in_the_dark_nothing_is_refused_and_refusals_are_counted(house: House) -> None:
    service = Service(house, dark=True, max_waiting=1)
    exchanges = [await service.call(f"/{n}") for n in range(4)]
    assert len(service.served) == 4
    assert service.queue.name == "admission_dark"
    assert (service.queue.in_service, service.queue.waiting, service.queue.rejected) == (1, 1, 2)
    for _ in exchanges:
        await service.answer()
    assert [exchange.status for exchange in exchanges] == [200] * 4
    assert service.queue.in_service == service.queue.waiting == 0


@plays
async def test_in_the_dark_a_place_that_was_held_wakes_nobody(house: House) -> None:
    service = Service(house, dark=True)
    with service.admission.held(Exchange(house).scope) as is_admitted:
        await service.call("/1")
        assert (is_admitted, service.served, service.queue.waiting) == (True, ["/1"], 1)
    assert (service.queue.waiting, service.queue.in_service) == (0, 1)
    await service.answer()
    assert (service.queue.in_service, service.queue.completions) == (0, 2)


@plays
async def test_a_function_of_the_policy_that_fails_leaves_nothing_held(house: House) -> None:
    def tenant(scope: Any) -> str:
        raise KeyError("x-api-key")

    service = Service(house, tenant=tenant, max_connections=1, limit=5)
    for _ in range(3):
        with pytest.raises(KeyError), service.admission.held(Exchange(house).scope):
            raise AssertionError("it was entered")
    assert service.admission._open == 0


@plays
async def test_in_the_dark_a_request_too_many_counts_once(house: House) -> None:
    service = Service(house, dark=True, max_connections=1, limit=5)
    for path in ("/1", "/2"):
        await service.call(path)
    assert service.served == ["/1", "/2"]
    assert (service.queue.arrivals, service.queue.rejected) == (2, 1)


@plays
async def test_websockets_pass_and_count_as_connections(house: House) -> None:
    service = Service(house, max_connections=2, limit=5)
    await service.call("/ws", kind="websocket")
    await service.call("/1")
    refused = await service.call("/2")
    socket = service.start("/ws", kind="websocket")
    socket.say("websocket.connect")
    await house.settle()
    assert service.served == ["/ws", "/1"]
    assert refused.body == {"error": "connections is full", "queue": "connections"}
    assert socket.sent[0]["type"] == "websocket.close"
    assert service.admission.queues[0].statistics("connections").rejected == 2


@plays
async def test_a_request_waits_only_as_long_as_the_objectives_allow(house: House) -> None:
    """A promise of 1 s, and a usual service of 0.6 s: after a wait of 0.4 s it is too late."""
    service = Service(house, slo="p50<100ms, p99<1s")
    await service.call("/1")
    house.pass_time(0.6)
    await service.answer()
    await service.call("/2")
    late = await service.call("/3")
    house.pass_time(0.45)
    await house.settle()
    assert (late.status, service.queue.timed_out) == (503, 1)


def block() -> None:
    """Keep the loop from all else, on purpose."""
    time.sleep(0.02)


@plays
async def test_the_limit_falls_while_the_loop_is_late(house: House) -> None:
    service = Service(house, limit=8, slo="loop_delay_p99<5ms")
    for n in range(8):
        await service.call(f"/{n}")
    block()
    house.pass_time(1.0)
    await service.call("/late")
    await service.answer()
    assert service.queue.capacity == 4
    await service.call("/", kind="lifespan")


@plays
async def test_a_limit_that_follows_the_loop_is_followed_though_nobody_leaves(house: House) -> None:
    service = Service(house, limit=4, slo="loop_delay_p99<5ms")
    await service.call("/1")  # from here on time stands still, so nobody looks at the real loop
    limit = service.admission._late
    assert limit is not None
    for _ in range(3):
        limit.on_delay(9.0)
    await service.call("/2")
    assert (service.served, service.queue.capacity, service.queue.waiting) == (["/1"], 1, 1)
    for _ in range(3):
        limit.on_delay(0.0)
    await service.call("/3")
    assert (sorted(service.served), service.queue.capacity) == (["/1", "/2", "/3"], 4)
    await service.call("/", kind="lifespan")


@plays
async def test_an_adaptive_limit_learns_from_answers_but_not_from_errors(house: House) -> None:
    class Heard(Limit):
        outcomes: list[Outcome] = []  # noqa: RUF012  # of the one that is made here

        def on_sample(self, sample: Sample) -> None:
            self.outcomes.append(sample.outcome)

    service = Service(house, limit=Heard(5))
    Heard.outcomes.clear()
    await service.call("/bug")
    await service.call("/busy")
    await service.answer()
    await service.call("/fine")
    await service.answer()
    assert Heard.outcomes == [Outcome.IGNORED, Outcome.DROPPED, Outcome.SUCCESS]


@plays
async def test_the_lifespan_passes(house: House) -> None:
    service = Service(house, max_connections=0)
    await service.call("/", kind="lifespan")
    assert service.served == ["/"]


@plays
async def test_the_doctor_finds_both_queues(house: House) -> None:
    admission = Service(house, name="mine").admission
    assert [queue for queue in announced() if queue in admission.queues] == list(admission.queues)


def test_a_middleware_serves_in_several_runs() -> None:
    houses = [HOUSES[0](), HOUSES[1](), HOUSES[0]()]
    service = Service(houses[0])

    async def story(house: House) -> None:
        service._house = house
        await service.call()
        await service.answer()

    for house in houses:
        house.run(story)
    assert service.queue.completions == 3
