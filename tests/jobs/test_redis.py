"""Integration: what is peculiar to jobs on a server. It is a real Valkey, which is stopped and started again."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, ClassVar, cast
from urllib.parse import quote

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.waiting import wait_until

from .looking import record

pytest.importorskip("streaq", reason="the extra redis is not installed")

from trio_lab.errors import Unreachable, UsageError
from trio_lab.jobs.broker import Session
from trio_lab.jobs.contract import Claimed, Engine, NewJob
from trio_lab.jobs.functions import JobFunctions
from trio_lab.jobs.opening import open_jobs, shown
from trio_lab.jobs.work import open_job_worker

JOB = NewJob(name="job", args={"x": 1})
# The client leaves streams in memory open when it cannot connect.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <function MemoryObject"),
]


@pytest.fixture
async def jobs(redis_url: str) -> AsyncIterator[Engine]:
    async with open_jobs(redis_url) as opened:
        yield opened


def functions() -> JobFunctions:
    found = JobFunctions()

    @found.register()
    async def job(x: int) -> int:
        return x

    return found


async def claim(jobs: Engine, lease: float = 30.0) -> Claimed:
    (found,) = await jobs.claim(1, worker="me", lease=lease)
    return found


async def submitted(jobs: Engine) -> str:
    while True:
        try:
            return await jobs.submit(JOB)
        except Unreachable:
            await trio.sleep(0.01)


async def test_jobs_and_workers_outlive_the_server(own_valkey: Any) -> None:
    async with open_jobs(own_valkey.connection_url) as jobs:
        kept = await jobs.submit(NewJob(name="job", args={"x": 2}, delay=0.1))
        async with open_job_worker(jobs, functions()) as worker:
            await wait_all_tasks_blocked(0.01)  # it waits for jobs
            own_valkey.terminate()
            with pytest.raises(Unreachable, match="jobs cannot be reached: ConnectionError"):
                await jobs.get(kept)
            await trio.to_thread.run_sync(own_valkey.start)
            for id in (await submitted(jobs), kept):
                found = await jobs.ended(id)
                assert found is not None
                assert found.state == "succeeded"
        assert worker.succeeded == 2


async def test_what_a_job_returned_is_told_when_the_server_is_back(own_valkey: Any) -> None:
    known, go = JobFunctions(), trio.Event()

    @known.register()
    async def job(x: int) -> int:
        await go.wait()
        return x

    async with open_jobs(own_valkey.connection_url) as jobs, open_job_worker(jobs, known) as worker:
        id = await jobs.submit(JOB)
        await wait_until(lambda: worker.running)
        own_valkey.terminate()
        go.set()
        await trio.to_thread.run_sync(own_valkey.start)
        await wait_until(lambda: not worker.running)
        found = await record(jobs, id)
    assert (found.state, found.result, found.tries, worker.fenced) == ("succeeded", 1, 1, 0)


async def test_a_server_that_lost_its_memory_is_prepared_again(redis_url: str, valkey: Any) -> None:
    async with open_jobs(redis_url) as jobs:
        await jobs.submit(JOB)
        with valkey.client() as client:
            client.execute_command("FUNCTION", "FLUSH")
            client.flushdb()
        assert await submitted(jobs) == "1"
        assert (await claim(jobs)).id == "1"


async def test_an_engine_may_be_closed_while_there_is_no_server(own_valkey: Any) -> None:
    async with open_jobs(own_valkey.connection_url) as jobs, open_job_worker(jobs, functions()):
        own_valkey.terminate()
        with pytest.raises(Unreachable):
            await jobs.look()
    with pytest.raises(trio.ClosedResourceError):
        await jobs.get("1")


@pytest.mark.parametrize("where", ["has_entry", "step"])
async def test_an_error_that_the_client_should_not_raise_is_one_of_the_server(
    jobs: Engine, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async def fail(*arguments: object) -> None:
        monkeypatch.undo()
        raise AssertionError("this answer was not expected")

    monkeypatch.setattr(Session, where, fail)
    if where == "step":
        with pytest.raises(Unreachable, match="AssertionError: this answer"):
            await jobs.get("1")
    await jobs.wait(60.0 if where == "has_entry" else 0.0)
    await claim_later(jobs, await submitted(jobs))


async def test_a_client_that_breaks_in_the_first_session_ends_nothing_else(jobs: Engine) -> None:
    async def fail() -> None:
        raise AssertionError("the client is broken")

    session = cast(Any, jobs)._broker._session
    session._nursery.start_soon(fail)
    await wait_all_tasks_blocked()
    await claim_later(jobs, await submitted(jobs))


async def claim_later(jobs: Engine, id: str) -> Claimed:
    while not (found := await jobs.claim(1, worker="me", lease=30.0)):
        with trio.fail_after(30):
            await jobs.wait(600.0)
    assert found[0].id == id
    return found[0]


async def test_callers_that_leave_cost_the_others_nothing(jobs: Engine) -> None:
    """The client's pool would lose a connection each time, and have none after 64."""
    async with trio.open_nursery() as nursery:
        for _ in range(200):
            nursery.start_soon(jobs.wait, 60.0)
            nursery.start_soon(partial(jobs.claim, 1, worker="me", lease=30.0))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    for _ in range(100):
        with trio.CancelScope() as scope:
            scope.cancel()
            await jobs.get("1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(jobs.wait, 60.0)
        await wait_all_tasks_blocked()
        await jobs.submit(JOB)
    await claim(jobs)


async def test_a_worker_that_is_stopped_while_it_claims_has_its_jobs(
    jobs: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody would have them until their leases run out."""
    real, found = Session.step, list[Claimed]()

    async def step(session: Session, name: str, *arguments: object) -> Any:
        if name == "begin":
            scope.cancel()
        return await real(session, name, *arguments)

    id = await jobs.submit(JOB)
    monkeypatch.setattr(Session, "step", step)
    with trio.CancelScope() as scope:
        found += await jobs.claim(1, worker="me", lease=30.0)
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert [job.id for job in found] == [id]


async def test_a_server_that_hides_how_it_keeps_jobs_is_used(redis_url: str, valkey: Any) -> None:
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "lab", "on", ">secret", "~*", "&*", "+@all", "-info")
        try:
            async with open_jobs(redis_url.replace("://", "://lab:secret@")) as jobs:
                await jobs.submit(JOB)
        finally:
            client.execute_command("ACL", "DELUSER", "lab")


async def test_entries_that_are_none_of_ours_are_dropped(jobs: Engine, valkey: Any) -> None:
    with valkey.client() as client:
        for entry in ({"task_id": "999"}, {"nonsense": "1"}, {"task_id": "\x00"}):
            client.xadd("streaq:trio_lab:queues:0", entry)
        assert await jobs.claim(9, worker="me", lease=30.0) == []
        assert client.xlen("streaq:trio_lab:queues:0") == 0


async def test_a_job_whose_reader_was_lost_before_it_began_is_read_again(
    jobs: Engine, valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await jobs.submit(JOB)
    with valkey.client() as client:
        client.xreadgroup("workers", "worker", {"streaq:trio_lab:queues:0": ">"})
    assert await jobs.claim(1, worker="me", lease=30.0) == []
    monkeypatch.setattr("trio_lab.jobs.redis._UNBEGUN", 0)
    assert (await claim(jobs)).id == id
    assert (await jobs.claim(1, worker="me", lease=30.0)) == []


async def test_a_priority_beyond_the_levels_counts_as_the_nearest(jobs: Engine) -> None:
    ids = [await jobs.submit(NewJob(name="job", args={}, priority=priority)) for priority in (-900, 5, 900)]
    found = await jobs.claim(9, worker="me", lease=30.0)
    assert [job.id for job in found] == [ids[1], ids[2], ids[0]]


async def test_what_succeeded_or_was_cancelled_is_kept_for_a_day(jobs: Engine, valkey: Any) -> None:
    done, cancelled, failed = [await jobs.submit(JOB) for _ in range(3)]
    await jobs.cancel(cancelled)
    for job in await jobs.claim(2, worker="me", lease=30.0):
        await (jobs.finish(job, 1) if job.id == done else jobs.fail(job, "no", again_in=None))
    with valkey.client() as client:
        left = [client.ttl(f"streaq:trio_lab:job:{id}") for id in (done, cancelled, failed)]
        assert 86_000 < min(left[:2]) <= max(left[:2]) <= 86_400
        assert left[2] == -1
        await jobs.retry(cancelled)
        assert client.ttl(f"streaq:trio_lab:job:{cancelled}") == -1
        client.delete(f"streaq:trio_lab:job:{done}")
    assert await jobs.get(done) is None
    assert [one.id for one in await jobs.jobs()] == [failed, cancelled]


async def test_more_jobs_are_listed_than_are_looked_at_in_one_step(jobs: Engine, valkey: Any) -> None:
    id = await jobs.submit(NewJob(name="rare", args={}))
    with valkey.client() as client:
        client.set("streaq:trio_lab:jobs:last", 2500)
    assert [one.id for one in await jobs.jobs(name="rare")] == [id]


@pytest.mark.parametrize(("setting", "value"), [("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")])
async def test_a_server_that_may_lose_jobs_is_warned_of_once(
    redis_url: str, valkey: Any, caplog: pytest.LogCaptureFixture, setting: str, value: str
) -> None:
    with valkey.client() as client:
        before = client.config_get(setting)[setting]
        client.config_set(setting, value)
        try:
            async with open_jobs(redis_url), open_jobs(redis_url, must_exist=True):
                pass
        finally:
            client.config_set(setting, before)
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert f"({setting} " in record.getMessage()


async def test_a_full_memory_refuses_and_does_not_end_the_session(own_valkey: Any) -> None:
    async with open_jobs(own_valkey.connection_url) as jobs:
        id = await jobs.submit(JOB)
        with own_valkey.client() as client:
            client.config_set("maxmemory", "1")
        with pytest.raises(Unreachable, match="OOM"):
            await jobs.submit(JOB)
        found = await jobs.get(id)
        assert found is not None


async def test_jobs_of_another_version_are_left_alone(redis_url: str, valkey: Any) -> None:
    with valkey.client() as client:
        client.set("streaq:trio_lab:jobs:format", "999")
    with pytest.raises(UsageError, match="jobs of another version"):
        async with open_jobs(redis_url):
            raise AssertionError


async def test_a_server_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_lab.jobs.broker._PATIENCE", 0.1)
    async with trio.open_nursery() as nursery:
        silent, *_ = await nursery.start(partial(trio.serve_tcp, _say_nothing, 0, host="127.0.0.1"))
        port = silent.socket.getsockname()[1]
        with pytest.raises(UsageError, match="jobs cannot be reached: no answer within"):
            async with open_jobs(f"redis://127.0.0.1:{port}"):
                raise AssertionError
        nursery.cancel_scope.cancel()


async def test_who_opens_may_leave_while_the_server_does_not_answer() -> None:
    async with trio.open_nursery() as nursery:
        silent, *_ = await nursery.start(partial(trio.serve_tcp, _say_nothing, 0, host="127.0.0.1"))
        with trio.move_on_after(0.02) as scope:
            async with open_jobs(f"redis://127.0.0.1:{silent.socket.getsockname()[1]}"):
                raise AssertionError
        assert scope.cancelled_caught
        nursery.cancel_scope.cancel()


async def _say_nothing(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def test_a_server_of_another_kind_is_one_line() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"+nothing\r\n" * 9)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        other, *_ = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        with pytest.raises(UsageError, match="jobs cannot be reached: "):
            async with open_jobs(f"redis://127.0.0.1:{other.socket.getsockname()[1]}"):
                raise AssertionError
        nursery.cancel_scope.cancel()


async def test_the_jobs_behind_many_cancelled_ones_are_claimed_at_once(jobs: Engine) -> None:
    for _ in range(20):
        await jobs.cancel(await jobs.submit(JOB))
    id = await jobs.submit(JOB)
    assert (await claim(jobs)).id == id


async def test_a_claim_does_not_read_for_ever(jobs: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """More cancelled jobs than can be dropped in the time of a call."""
    monkeypatch.setattr("trio_lab.jobs.redis._ROUNDS", 3)
    for _ in range(5):
        await jobs.cancel(await jobs.submit(JOB))
    id = await jobs.submit(JOB)
    assert await jobs.claim(1, worker="me", lease=30.0) == []
    await claim_later(jobs, id)


async def test_a_job_that_cannot_be_read_keeps_no_others_from_being_done(jobs: Engine, valkey: Any) -> None:
    ids = [await jobs.submit(JOB) for _ in range(3)]
    with valkey.client() as client:
        for id, args in zip(ids, ("no JSON", "[" * 100_000), strict=False):
            client.hset(f"streaq:trio_lab:job:{id}", "args", args)
    found = await jobs.claim(9, worker="me", lease=30.0)
    assert [(job.id, job.args) for job in found] == [(ids[0], None), (ids[1], None), (ids[2], {"x": 1})]
    assert len(await jobs.jobs()) == 3


async def test_a_password_may_have_any_characters(redis_url: str, valkey: Any) -> None:
    with valkey.client() as client:
        client.config_set("requirepass", "a@b/ü")
        try:
            with pytest.raises(UsageError, match=r"jobs cannot be reached: Auth"):
                async with open_jobs(redis_url):
                    raise AssertionError
            async with open_jobs(redis_url.replace("://", f"://:{quote('a@b/ü', safe='')}@")) as jobs:
                await jobs.submit(JOB)
        finally:
            client.config_set("requirepass", "")


async def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("trio_lab.jobs.redis", "trio_lab.jobs.broker"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "streaq", None)
    monkeypatch.setattr(sys, "meta_path", [_Imports(), *sys.meta_path])
    with pytest.raises(UsageError, match=r"pip install 'trio-lab\[redis\]'"):
        async with open_jobs("redis://127.0.0.1/0"):
            raise AssertionError
    assert _Imports.threads["trio_lab.jobs.redis"] is not threading.main_thread(), "it takes long"


class _Imports:
    """Sees which thread imports a module first."""

    threads: ClassVar[dict[str, threading.Thread]] = {}

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        self.threads.setdefault(name, threading.current_thread())


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("redis://me:se@cret@host:1/0", "redis://…@host:1/0"),
        ("redis://:se/cr#et@host:1/0", "redis://…@host:1/0"),
        ("redis://host:1/0", "redis://host:1/0"),
        ("sqlite:///a@b", "sqlite:///a@b"),
    ],
)
def test_no_password_is_printed(url: str, printed: str) -> None:
    assert shown(url) == printed


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("redis://:secret@[::1/0", r"jobs cannot be at 'redis://…@.*: Invalid IPv6"),
        ("redis://me:secret?@host/0", r"jobs must be at .*, not at 'redis://…@host/0'"),
        ("redis://me:secret#@host/0", r"jobs must be at .*, not at 'redis://…@host/0'"),
    ],
)
async def test_an_address_that_is_none_is_one_line_without_its_password(url: str, error: str) -> None:
    with pytest.raises(UsageError, match=error) as raised:
        async with open_jobs(url):
            raise AssertionError
    assert "secret" not in str(raised.value)
