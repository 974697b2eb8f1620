"""Unit and in this process: how serving ends, with gates instead of clocks, and a lab that breaks down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_lab.config import Config
from trio_lab.errors import LabLost, UsageError
from trio_lab.http import routes
from trio_lab.http.listening import listen
from trio_lab.servers.trio import asgi
from trio_lab.servers.trio.app import create_app
from trio_lab.servers.trio.asgi import TrioApp, TrioExchange
from trio_lab.servers.trio.serving import serve

from .breaking import breaking_down

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("host", ["a..b", "a" * 70])
def test_what_is_no_host_name_is_the_users_mistake(host: str) -> None:
    with pytest.raises(UsageError, match="not a valid host name"):
        listen(Config(host=host, port=0))


async def served(ask: Callable[[trio.SocketStream, TrioApp], Any], **options: Any) -> None:
    """Serve in this task while ``ask`` talks to the server; returns when the server has ended."""
    ready = trio.Event()
    found: list[Any] = []

    def on_ready(url: str, app: TrioApp) -> None:
        found[:] = int(url.rpartition(":")[2]), app
        ready.set()

    async def talk() -> None:
        await ready.wait()
        async with await trio.open_tcp_stream("127.0.0.1", found[0]) as stream:
            await ask(stream, found[1])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await serve(Config(port=0, **options), on_ready=on_ready)


async def test_the_end_does_not_wait_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, gate = threading.Event(), threading.Event()

    def endless(_: float) -> None:
        begun.set()
        gate.wait()

    monkeypatch.setattr(routes, "wait", endless)

    async def ask(stream: trio.SocketStream, app: TrioApp) -> None:
        await stream.send_all(b"GET /wait?ms=10000 HTTP/1.1\r\nHost: x\r\n\r\n")
        await trio.to_thread.run_sync(begun.wait)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await stream.receive_some())[:12] in (b"", b"HTTP/1.1 503")  # told so, if there is time

    try:
        await served(ask, grace=0.1)  # returns although the thread is still at it
        assert not gate.is_set()
    finally:
        gate.set()


async def test_the_end_does_not_wait_for_a_reply_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = trio.Event()

    async def never_sent(self: object, send: object, response: object) -> None:
        hangs.set()
        await trio.sleep_forever()

    monkeypatch.setattr(asgi.TrioASGIHTTPConnection, "_send_response", never_sent)
    monkeypatch.setattr(asgi, "_SEND_TIME", float("inf"))

    async def ask(stream: trio.SocketStream, app: TrioApp) -> None:
        await stream.send_all(b"GET /read HTTP/1.1\r\nHost: x\r\n\r\n")
        await hangs.wait()
        assert len(app.shields) == 1
        os.kill(os.getpid(), signal.SIGTERM)
        assert await stream.receive_some() == b""

    await served(ask, grace=0.1)


async def test_a_refusal_takes_the_rest_of_the_request_while_it_is_sent() -> None:
    """hypercorn queues ten pieces of a body for the app; then it waits, and the reader of the socket with it."""
    pieces, body = trio.open_memory_channel[dict[str, Any]](10)
    all_taken = trio.Event()
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        await all_taken.wait()  # a client that does not read its reply before it has sent everything
        sent.append(message)

    async def bring() -> None:
        for _ in range(30):
            await pieces.send({"type": "http.request", "body": b"a", "more_body": True})
        all_taken.set()

    headers = [(b"transfer-encoding", b"chunked"), (b"x-long", b"a" * 20_000)]
    scope = {"http_version": "1.1", "raw_path": b"/hash", "query_string": b"", "headers": headers}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bring)
        await TrioExchange(create_app(), scope)(body.receive, send)  # type: ignore[arg-type]
    assert [message.get("status") for message in sent] == [431, None]


async def test_a_closed_pool_is_a_503() -> None:
    app = create_app()

    @app.get("/closed")
    async def _closed() -> None:
        raise trio.ClosedResourceError

    reply = await app.test_client().get("/closed")
    assert reply.status_code == 503
    assert (await reply.get_json())["error"] == "The server is ending"


@pytest.mark.parametrize("when", ["at the start", "later"])
async def test_a_lab_that_breaks_down_is_the_end_of_its_server(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    ready = trio.Event()
    monkeypatch.setattr(asgi, "open_lab", breaking_down(ready if when == "later" else None))
    with pytest.raises(LabLost, match=r"ZeroDivisionError: a bug in a pool \(breaking\.py:\d+\)") as caught:
        await serve(Config(port=0, grace=3600.0), on_ready=lambda url, app: ready.set())
    assert "\n" not in str(caught.value)


_BROKEN = """
import trio
from tests.servers.trio.breaking import breaking_down
from trio_lab.server import app
from trio_lab.servers.trio import asgi
ready = trio.Event()
asgi.open_lab = breaking_down(ready if {later} else None)
ready.set()
"""


@pytest.mark.parametrize("later", [False, True])
def test_a_lab_that_breaks_down_is_one_line_and_exit_code_1(later: bool) -> None:
    script = _BROKEN.format(later=later) + "from trio_lab.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", script, "serve", "--port", "0"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("trio-lab: the lab broke down: ZeroDivisionError: a bug in a pool")
    assert done.stderr.count("\n") == 1


def test_a_lab_that_breaks_down_ends_hypercorns_own_command_too(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(_BROKEN.format(later=True))
    done = subprocess.run(
        [sys.executable, "-m", "hypercorn", "-k", "trio", "-b", "127.0.0.1:0", "broken:app"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "the lab broke down" in done.stderr  # that it ended is the point; hypercorn 0.18 forgets the exit code
