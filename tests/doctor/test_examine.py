"""A small server of our own is examined for some seconds: what it is, and that it has one place, is found."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import pytest
import trio

from trio_lab.cli.doctor import exit_code
from trio_lab.diagnose.diagnosis import diagnose
from trio_lab.diagnose.growth import offered_growth
from trio_lab.doctor import service as service_module
from trio_lab.doctor.examine import Examiner
from trio_lab.doctor.ramp import Budget, Plan
from trio_lab.doctor.service import RunningServer
from trio_lab.records.examination import Piece, Step
from trio_lab.records.health import Health

from .noting import Noting

_SERVICE = 0.02  # seconds
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Counter:
    """A server with one place, where each request takes 20 ms; whatever has another path is not found at once."""

    def __init__(self) -> None:
        self._place = trio.CapacityLimiter(1)

    async def __call__(self, stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            async for data in stream:
                found = data.startswith(b"GET /work ")
                if found:
                    async with self._place:
                        await trio.sleep(_SERVICE)
                await stream.send_all(_REPLY if found else _MISSING)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, Counter(), 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_a_black_box_with_one_place(url: str) -> None:
    told: list[Plan] = []
    budget = Budget(seconds=4.0, step=0.2, calm=0.3)
    examiner = Examiner(service=RunningServer(url), path="/work", budget=budget, on_step=told.append)
    examination = await examiner.run()
    assert [plan.part for plan in told] == [step.part for step in examination.steps]
    assert examination.stopped is None
    assert not any(step.sightings for step in examination.steps), "a server without /health is a black box"
    found = diagnose(examination)
    assert found.first_full is None
    assert found.service_time is not None
    assert found.service_time >= _SERVICE
    ladder = list(examination.of("ladder"))
    assert ladder[0].clients == 1
    assert all(step.probe is not None for step in examination.steps), "a reply of 404 tells of the loop as well"


async def test_a_service_that_goes_away_ends_it_and_is_not_called_healthy() -> None:
    goes = trio.CancelScope()

    async def serve(task_status: trio.TaskStatus[str]) -> None:
        with goes:
            async with trio.open_nursery() as serving:
                (listener,) = await serving.start(partial(trio.serve_tcp, Counter(), 0, host="127.0.0.1"))
                task_status.started(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")

    plans = iter(
        [
            Plan(part="ladder", clients=1, duration=0.2),
            Plan(part="calm", rate=10.0, duration=30.0),
            Plan(part="ramp", rate=30.0, nominal=1.0, duration=30.0),
        ]
    )

    def went(plan: Plan) -> None:
        if plan.part == "calm":
            goes.cancel()

    async with trio.open_nursery() as nursery:
        examiner = Examiner(
            service=RunningServer(await nursery.start(serve)),
            path="/work",
            budget=Budget.of(quick=True),
            target=5.0,
            choose=lambda steps, budget, elapsed: next(plans),
            on_step=went,
        )
        with trio.fail_after(100):
            examination = await examiner.run()
    assert examination.stopped == "the service accepts no connections any more"
    assert [step.part for step in examination.steps] == ["ladder", "calm"]
    assert (found := diagnose(examination)).healthy is None
    assert exit_code(found, examination) == 2


def test_all_of_a_load_that_ended_at_once_is_missing() -> None:
    step = Step(part="ramp", rate=40.0, nominal=1.0, duration=0.001, pieces=(Piece(at=0.0, ok=0, failed=1),))
    assert offered_growth(step) == 40.0


async def test_a_path_that_is_not_there_ends_it(url: str) -> None:
    examination = await Examiner(service=RunningServer(url), path="/none", budget=Budget.of(quick=True)).run()
    assert examination.stopped is not None
    assert "404" in examination.stopped
    assert [step.part for step in examination.steps] == ["rest", "ladder"]
    found = diagnose(examination)
    assert (found.first_full, found.healthy) == (None, None)
    assert "404" in found.verdict


@pytest.mark.parametrize("ours", [False, True])
async def test_a_program_that_was_started_may_be_loaded_at_any_address(ours: bool) -> None:
    loaders = Noting()
    service = RunningServer("http://127.0.0.1:9")
    examiner = Examiner(service=service, ours=ours, budget=Budget.of(quick=True), _loaders=loaders)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(examiner.run)
        await loaders.asked.wait()
        nursery.cancel_scope.cancel()
    assert [plan["own_this"] for plan in loaders.plans] == [ours]


class Answers:
    """A service that tells its health, or something else."""

    def __init__(self, *bodies: bytes) -> None:
        self._bodies = list(bodies)

    async def __call__(self, stream: trio.SocketStream) -> None:
        await stream.receive_some()
        body = self._bodies.pop(0)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@pytest.mark.parametrize("body", [b"<p>It works!</p>", b'{"runtime": "\xff"}', b"[" * 100_000])
async def test_what_is_no_health_is_not_asked_again(body: bytes) -> None:
    answers = Answers(body)
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, answers, 0, host="127.0.0.1"))
        service = RunningServer(f"http://127.0.0.1:{listener.socket.getsockname()[1]}/some/path?x=1")
        assert service.url.endswith(str(listener.socket.getsockname()[1]))
        assert await service.sample() is None
        assert await service.sample() is None
        nursery.cancel_scope.cancel()


async def test_stalls_come_with_the_health_where_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "_STALLS_PERIOD", 0.0)
    from trio_lab.records.codec import encode

    from ..diagnose.test_diagnosis import WAITING

    health = encode(WAITING.health(10.0, 0.0), Health)
    stall = {
        "file": "a.py",
        "line": 3,
        "function": "f",
        "cause": "python",
        "count": 1,
        "total_ms": 9.0,
        "longest_ms": 9.0,
    }
    answers = Answers(health, json.dumps({"table": [stall]}).encode(), health, b"{}", health)
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, answers, 0, host="127.0.0.1"))
        service = RunningServer(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
        found = [await service.sample() for _ in range(3)]
        nursery.cancel_scope.cancel()
    tables = [one.stalls for one in found if one is not None]
    assert tables[0] is not None
    assert tables[0][0].total == pytest.approx(0.009)
    assert tables[1:] == [None, None]
