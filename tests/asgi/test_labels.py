"""Contract: what `label_requests` promises for any ASGI app, on Trio and on asyncio alike."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.admission.houses import HOUSES, House
from trio_lab import WORKING_ON, observe
from trio_lab.admission.on_asyncio import Bulkhead
from trio_lab.asgi import Admission, AdmissionPolicy, label_requests
from trio_lab.errors import Overloaded, QueueFull, RunTimeout, Shed
from trio_lab.measure.ledger import LEDGER, booked

from .exchange import Exchange
from .test_admission import plays

App = Callable[[Any, Any, Any], Awaitable[None]]
_MOST_CALLS = 80  # of functions, for a request with two messages: about ten microseconds


@pytest.fixture(params=HOUSES, ids=lambda house: house.name)
def house(request: pytest.FixtureRequest) -> House:
    return request.param()  # type: ignore[no-any-return]


async def ask(house: House, app: Any, path: str = "/", *, kind: str = "http", method: str = "GET") -> Exchange:
    exchange = Exchange(house, path, kind=kind)
    exchange.scope["method"] = method
    exchange.cancel = house.spawn(lambda: exchange.live(app))
    await house.settle()
    return exchange


def raising(error: Exception, *, begun: bool = False) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    return app


def routes(labelled: Any) -> dict[str, int]:
    return {route.route: route.total.count for route in labelled.ledgers.read(reset=False)}


@plays
async def test_a_label_is_what_is_known_when_it_is_read(house: House) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(str(WORKING_ON.get()))
        scope["route"] = "/users/{id}"
        seen.append(str(WORKING_ON.get()))

    labelled = label_requests(app)
    await ask(house, labelled, "/users/7")
    await ask(house, labelled, "/users/8", method="DELETE")
    await ask(house, labelled, "/users/9", method="BREW")
    assert seen[:2] == ["GET (unknown route)", "GET /users/{id}"]
    assert routes(labelled) == dict.fromkeys(("GET /users/{id}", "DELETE /users/{id}", "(other) /users/{id}"), 1)
    assert (WORKING_ON.get(), LEDGER.get()) == (None, None)


@plays
async def test_a_program_can_say_where_its_template_is(house: House) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["mine"] = ["/a/{b}"]

    labelled = label_requests(app, template=lambda scope: scope["mine"][0] if "mine" in scope else None)
    await ask(house, labelled, "/a/7")
    assert routes(labelled) == {"GET /a/{b}": 1}


@plays
async def test_a_refusal_is_answered_and_each_client_is_told_another_time(house: House) -> None:
    times = set()
    for _ in range(100):
        found = await ask(house, label_requests(raising(QueueFull("database"))))
        assert (found.status, found.body) == (503, {"error": "database is full", "queue": "database"})
        times.add(found.headers[b"retry-after"])
    assert times == {b"1", b"2", b"3"}
    found = await ask(house, label_requests(raising(ExceptionGroup("", [ExceptionGroup("", [Shed("a")])]))))
    assert (found.status, found.error) == (503, None)
    found = await ask(house, label_requests(raising(RunTimeout("it ran too long"))))
    assert (found.status, found.body) == (504, {"error": "it ran too long"})
    assert b"retry-after" not in found.headers


@plays
async def test_other_errors_and_refusals_of_a_reply_that_has_begun_come_out(house: House) -> None:
    for error in (ZeroDivisionError(), ExceptionGroup("", [Overloaded("a"), Overloaded("b")])):
        found = await ask(house, label_requests(raising(error)))
        assert (found.sent, found.error) == ([], error)
    found = await ask(house, label_requests(raising(Overloaded("a"), begun=True)))
    assert (len(found.sent), type(found.error)) == (1, Overloaded)


@plays
async def test_a_cancelled_request_is_counted_and_not_answered(house: House) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await house.forever()

    labelled = label_requests(app)
    found = await ask(house, labelled)
    assert routes(labelled) == {}
    found.cancel()
    await house.settle()
    assert (found.ended, found.sent, routes(labelled)) == (True, [], {"GET (unknown route)": 1})


@plays
async def test_lifespan_and_websockets_pass_through_untouched(house: House) -> None:
    seen: list[Any] = []

    async def app(*given: Any) -> None:
        seen.append(given)
        assert WORKING_ON.get() is None
        raise QueueFull("database")

    labelled = label_requests(app)
    for kind in ("lifespan", "websocket"):
        found = await ask(house, labelled, kind=kind)
        assert [type(one) for one in (found.error,)] == [QueueFull]
        assert seen.pop() == (found.scope, found._receive, found._send)
    assert routes(labelled) == {}


@plays
async def test_the_wait_for_an_admission_is_the_queues_part(house: House) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        parts.append(dict(LEDGER.get().parts))  # type: ignore[union-attr]
        await house.until(go.append)

    parts: list[dict[str, float]] = []
    go: list[Callable[[], object]] = []
    labelled = label_requests(Admission(app, AdmissionPolicy(limit=1)))
    await ask(house, labelled)
    await ask(house, labelled)
    house.pass_time(3)
    go.pop()()
    await house.settle()
    assert parts[0] == {}
    if house.name == "Trio":  # on asyncio a ledger goes by the real clock
        assert parts[1] == pytest.approx({"queue": 3})


class Scope(dict[str, Any]):
    """One that can be referred to weakly."""


def test_a_request_is_not_kept_by_what_outlives_it() -> None:
    kept: list[contextvars.Context] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = "/a/{b}"
        kept.append(contextvars.copy_context())

    scope = Scope(type="http", method="GET", path="/a/7")
    asyncio.run(label_requests(app)(scope, None, None))  # type: ignore[arg-type]
    found = weakref.ref(scope)
    del scope
    gc.collect()
    assert found() is None
    assert str(kept[0][WORKING_ON]) == "GET /a/{b}"


def test_on_asyncio_a_ledger_tells_the_wait_for_a_bulkhead_from_what_is_booked() -> None:
    database = Bulkhead("database", capacity=1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with database.place():
            with booked("run"):
                await asyncio.sleep(0.05)

    async def main() -> None:
        requests = (labelled({"type": "http", "method": "GET", "path": "/"}, None, None) for _ in range(2))  # type: ignore[arg-type]
        await asyncio.gather(*requests)

    labelled = label_requests(app)
    asyncio.run(main())
    [route] = labelled.ledgers.read(reset=False)
    waits = database.statistics().wait
    assert waits is not None
    parts = {name: part for name, part in route.parts.items() if part is not None}
    assert parts["queue"].max == pytest.approx(waits.max, rel=0.01)
    assert parts["queue"].max >= 0.04
    assert parts["run"].mean >= 0.049
    assert route.parts["loop"] is None
    assert sum(part.mean for part in parts.values()) == pytest.approx(route.total.mean, rel=0.01)


def test_with_a_watch_a_ledger_tells_the_loop_from_what_is_awaited() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)
        ends = time.thread_time() + 0.03
        while time.thread_time() < ends:
            pass

    async def main() -> None:
        async with observe() as labelled.watch:
            await labelled({"type": "http", "method": "GET", "path": "/"}, None, None)  # type: ignore[arg-type]

    labelled = label_requests(app)
    asyncio.run(main())
    [route] = labelled.ledgers.read(reset=False)
    loop, other = route.parts["loop"], route.parts["other"]
    assert loop is not None
    assert other is not None
    assert other.mean >= 0.04
    assert loop.mean >= 0.029
    assert loop.mean + other.mean == pytest.approx(route.total.mean, rel=0.01)


def calls(app: Any) -> int:
    """Functions that are called for one request."""

    async def send(message: Any) -> None:
        pass

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    counted = 0
    request = app({"type": "http", "method": "GET", "path": "/a/7", "route": "/a/{b}"}, None, send)
    loop = asyncio.new_event_loop()
    asyncio._set_running_loop(loop)
    sys.setprofile(count)
    try:
        request.send(None)
    except StopIteration:
        pass
    finally:
        sys.setprofile(None)
        asyncio._set_running_loop(None)
        loop.close()
    return counted


def test_labels_and_ledgers_cost_few_calls() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    labelled = label_requests(app)
    calls(labelled)  # the first makes the histograms of its route
    assert 10 < calls(labelled) - calls(app) <= _MOST_CALLS
