"""Unit: looks that are kept, and a service that does not answer; end to end: the answers of a side process."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.diagnose.test_rows import FULL, IDLE, health
from trio_lab.diagnose.rows import KEPT, WINDOW
from trio_lab.records.codec import encode
from trio_lab.records.live import LiveFigures, LiveState, LiveView, RecentStall
from trio_lab.stage import watching as watching_module
from trio_lab.stage.watching import PERIOD, Look, ServerSource, SideSource, Watching, source_at

STALL = RecentStall(ago=1.0, duration=0.1, cause="python")


class Scripted:
    """A source that says what it is told to; an exception is raised."""

    def __init__(self) -> None:
        self.says: Look | BaseException = Look(health=health(FULL))
        self.hangs = trio.Event()
        self.hangs.set()

    async def look(self) -> Look:
        await self.hangs.wait()
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says


@pytest.fixture
def source() -> Scripted:
    return Scripted()


@pytest.fixture
async def watching(source: Scripted, nursery: trio.Nursery) -> Watching:
    found = Watching(source, trio.current_time)
    nursery.start_soon(found.run)
    return found


async def test_it_looks_four_times_a_second(autojump_clock: Clock, watching: Watching, source: Scripted) -> None:
    await trio.sleep(WINDOW + PERIOD / 2)
    assert watching.now().first_full == "native_pool"
    assert watching.now().silent == 0
    source.says = Look(health=health(IDLE))
    await trio.sleep(WINDOW)
    assert watching.now().first_full == "none"


async def test_looks_are_forgotten_in_time(autojump_clock: Clock, watching: Watching) -> None:
    await trio.sleep(2 * KEPT)
    assert len(watching._seen) == pytest.approx(KEPT / PERIOD, abs=2)


async def test_a_service_that_does_not_answer_waits_for_its_loop(
    autojump_clock: Clock, watching: Watching, source: Scripted
) -> None:
    source.says = Look(health=health(IDLE), stalls=(STALL,))
    await trio.sleep(1.1)
    source.hangs = trio.Event()
    await trio.sleep(5.0)
    found = watching.now()
    assert (found.first_full, found.silent) == ("run_queue", pytest.approx(5.1))
    assert found.stalls[0].ago == pytest.approx(6.1)
    source.hangs.set()
    await trio.sleep(0.1)
    assert watching.now().silent == 0


async def test_a_service_that_cannot_be_asked_is_said_to_be_so(
    autojump_clock: Clock, watching: Watching, source: Scripted
) -> None:
    await trio.sleep(1.0)
    source.says = ConnectionRefusedError("refused")
    await trio.sleep(3.0)
    found = watching.now()
    assert found.notes == ("ConnectionRefusedError: refused",)
    assert found.first_full != "run_queue"
    source.says = Look(health=health(FULL))
    await trio.sleep(1.0)
    assert (watching.now().notes, watching.now().silent) == ((), 0)


async def test_figures_that_grow_old_are_one_look(autojump_clock: Clock, watching: Watching, source: Scripted) -> None:
    for age in range(12):
        source.says = Look(
            health=health(IDLE), age=age * PERIOD, state=LiveState(state="blocked", for_=1.0, held_up_by="loop")
        )
        await trio.sleep(PERIOD)
    found = watching.now()
    assert len(watching._seen) == 1
    assert found.silent == pytest.approx(11 * PERIOD, abs=PERIOD)
    assert found.first_full == "run_queue"


def view(age: float) -> LiveView:
    figures = LiveFigures(
        service="app",
        pid=1,
        loop_thread=1,
        uptime=10.0,
        budget=0.02,
        blocked_after=0.5,
        health=health(FULL),
        recent=health(FULL).loop,
        stalls=1,
        last_stalls=(STALL,) * 9,
    )
    return LiveView(state=LiveState(state="passing", for_=3.0), age=age, figures=figures)


async def serve_beside(stream: trio.SocketStream) -> None:
    """What a side process answers to one request."""
    asked = bytes(await stream.receive_some(4096))
    says = {b"/live": LiveState(state="passing", for_=3.0), b"/view": view(0.2)}
    body = encode(says[asked.split()[1]])
    await stream.send_all(b"HTTP/1.1 200 \r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def test_a_side_process_is_known_by_its_answers(nursery: trio.Nursery) -> None:
    listeners = await nursery.start(partial(trio.serve_tcp, serve_beside, 0, host="127.0.0.1"))
    source = await source_at(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/whatever")
    assert isinstance(source, SideSource)
    found = await source.look()
    assert (found.age, len(found.stalls), found.state) == (0.2, 5, LiveState(state="passing", for_=3.0))
    assert found.health is not None


@pytest.mark.parametrize(("status", "told"), [(503, 1), (404, 0)])
async def test_a_server_that_refuses_to_tell_its_stalls_once_is_asked_again(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, status: int, told: int
) -> None:
    monkeypatch.setattr(watching_module, "_STALLS_PERIOD", 0.0)
    row = b'{"ago_ms":1,"duration_ms":1,"cause":"c","file":"","line":0,"function":"","task":"","label":null}'
    replies = iter([(status, b"{}"), (200, b'{"last":[%b]}' % row)])

    async def serve(stream: trio.SocketStream) -> None:
        of_stalls = b"/stalls" in bytes(await stream.receive_some(4096))
        code, body = next(replies) if of_stalls else (200, encode(health(IDLE)))
        await stream.send_all(b"HTTP/1.1 %d \r\nContent-Length: %d\r\n\r\n%b" % (code, len(body), body))

    listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
    source = ServerSource(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}")
    assert (await source.look()).stalls == ()
    assert len((await source.look()).stalls) == told


@pytest.mark.parametrize(
    ("held_up_by", "first"), [(None, "none"), ("loop", "run_queue"), ("native_pool", "native_pool")]
)
async def test_what_a_side_process_has_concluded_is_marked(
    autojump_clock: Clock, watching: Watching, source: Scripted, held_up_by: str | None, first: str
) -> None:
    source.says = Look(health=health(FULL), state=LiveState(state="passing", for_=1.0, held_up_by=held_up_by))
    await trio.sleep(3.0)
    assert watching.now().first_full == first
