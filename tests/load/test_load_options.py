"""What a load can be asked for, against real servers: the ledger adds up with every option."""

from __future__ import annotations

import ssl
import subprocess
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from ledger import assert_consistent
from scripted_server import read_request, reply, replying, serving

from trio_lab.errors import UsageError
from trio_lab.load.client import fetch
from trio_lab.load.generator import run_load
from trio_lab.load.plan import LoadPlan
from trio_lab.records.load import Part


class Recording:
    """A server that replies to all, with the status that a path asks for, and keeps the heads of its requests."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    async def script(self, stream: trio.abc.Stream) -> None:
        while head := await read_request(stream):
            self.heads.append(head)
            status = 404 if b"/missing" in head.split(b"\r\n")[0] else 200
            await stream.send_all(reply(b"" if head.startswith(b"HEAD") else b"ok", status=status))

    def paths(self) -> Counter[str]:
        return Counter(head.split(b" ")[1].decode() for head in self.heads)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key in one file; beside it the certificate alone (``.crt``)."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-days", "30"),
            *("-keyout", str(file), "-out", str(file.with_suffix(".crt"))),
        ],
        check=True,
        capture_output=True,
    )
    file.write_bytes(file.read_bytes() + file.with_suffix(".crt").read_bytes())
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


OPEN: Mapping[str, Any] = {"rate": 200.0, "duration": 0.1}
CLOSED: Mapping[str, Any] = {"requests": 20}
workloads = pytest.mark.parametrize("workload", [CLOSED, OPEN], ids=["closed", "open"])


@workloads
@pytest.mark.parametrize("size", [2, 100_000], ids=["short", "many records"])
async def test_tls(tls: ssl.SSLContext, workload: Mapping[str, Any], size: int) -> None:
    async with serving(replying(reply(b"x" * size)), tls=tls) as url:
        run = await run_load(LoadPlan(url=url, connections=3, insecure=True, **workload))
    assert_consistent(run)
    assert url.startswith("https://")
    assert run.result.requests.ok == run.result.requests.sent == 20
    assert run.result.generator.reconnects == 0


async def test_a_long_body_over_tls(tls: ssl.SSLContext) -> None:
    body, whole = b"b" * 3_000_000, []

    async def script(stream: trio.abc.Stream) -> None:
        received = bytearray()
        while data := await stream.receive_some(1 << 16):
            received += data
            if received.endswith(b"end"):
                whole.append(received.partition(b"\r\n\r\n")[2] == body + b"end")
                received.clear()
                await stream.send_all(reply())

    async with serving(script, tls=tls) as url:
        run = await run_load(LoadPlan(url=url, connections=2, insecure=True, requests=4, body=body + b"end"))
    assert_consistent(run)
    assert whole == [True] * run.result.requests.ok == [True] * 4


async def test_a_server_that_ends_tls_connections_is_connected_to_again(tls: ssl.SSLContext) -> None:
    async def once(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(reply())

    async with serving(once, tls=tls) as url:
        run = await run_load(LoadPlan(url=url, connections=2, insecure=True, requests=10))
    assert_consistent(run)
    assert run.result.requests.ok == 10
    assert run.result.generator.reconnects >= 8


async def test_a_certificate_that_is_not_trusted_ends_the_run_at_once(tls: ssl.SSLContext) -> None:
    async with serving(replying(reply()), tls=tls) as url:
        run = await run_load(LoadPlan(url=url, connections=2, duration=3600.0))
    assert_consistent(run)
    assert not run.reached
    assert run.result.error_kinds == {"TLS: certificate verify failed: self-signed certificate": 2}


async def test_a_certificate_that_is_trusted_is_enough(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    async with serving(replying(reply()), tls=tls) as url:
        run = await run_load(LoadPlan(url=url, connections=2, requests=5))
        assert (await fetch(url)).status == 200
        elsewhere = await run_load(LoadPlan(url=url.replace("127.0.0.1", "127.0.0.2"), connections=1, duration=0.1))
    assert run.result.requests.ok == 5
    assert not elsewhere.reached


async def test_https_to_a_server_without_tls_ends_the_run_at_once() -> None:
    async def puzzled(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(reply(status=400))

    async with serving(puzzled) as url:
        run = await run_load(LoadPlan(url=url.replace("http", "https"), insecure=True, duration=3600.0, timeout=60.0))
    assert_consistent(run)
    assert not run.reached
    [kind] = run.result.error_kinds
    assert kind.startswith("TLS: ")


@workloads
async def test_a_unix_socket(tmp_path: Path, workload: Mapping[str, Any]) -> None:
    server = Recording()
    async with serving(server.script, unix=tmp_path / "socket") as url:
        plan = LoadPlan(url=url + "path?q", connections=3, unix_socket=str(tmp_path / "socket"), **workload)
        run = await run_load(plan)
    assert_consistent(run)
    assert run.result.requests.ok == len(server.heads) == 20
    assert server.heads[0] == b"GET /path?q HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def test_a_unix_socket_that_is_not_there_ends_the_run_at_once(tmp_path: Path) -> None:
    run = await run_load(LoadPlan(url="http://any.example/", unix_socket=str(tmp_path / "none"), duration=3600.0))
    assert_consistent(run)
    assert not run.reached
    assert run.result.error_kinds.keys() == {"no such file or directory"}


async def test_headers_are_sent_and_replace_ours() -> None:
    server = Recording()
    headers = [("X-A", "1"), ("x-a", "zwei ä"), ("host", "other.example")]
    async with serving(server.script) as url:
        await run_load(LoadPlan(url=url, connections=1, requests=1, headers=headers))
    assert server.heads == ["GET / HTTP/1.1\r\nX-A: 1\r\nx-a: zwei ä\r\nhost: other.example\r\n\r\n".encode()]


@workloads
async def test_head_needs_no_body_and_keeps_its_connections(workload: Mapping[str, Any]) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        while (await read_request(stream)).startswith(b"HEAD"):
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")

    async with serving(script) as url:
        run = await run_load(LoadPlan(url=url, connections=3, method="HEAD", **workload))
    assert_consistent(run)
    assert (run.result.requests.ok, run.result.generator.reconnects) == (20, 0)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE"])
async def test_every_method_is_sent_as_it_is_called(method: str) -> None:
    server = Recording()
    async with serving(server.script) as url:
        await run_load(LoadPlan(url=url, connections=1, requests=1, method=method))
    [head] = server.heads
    assert head.startswith(f"{method} / ".encode())
    assert (b"Content-Length: 0" in head) == (method == "DELETE")


def by_name(parts: tuple[Part, ...] | None) -> dict[str, Part]:
    return {part.name: part for part in parts or ()}


@workloads
async def test_urls_are_asked_for_by_their_weights_and_counted_apart(workload: Mapping[str, Any]) -> None:
    server = Recording()
    async with serving(server.script) as url:
        others = [(url + "b?x=1", 3), (url + "missing", 1)]
        run = await run_load(LoadPlan(url=url + "a", others=others, connections=3, **workload))
    assert_consistent(run)
    assert server.paths() == {"/a": 4, "/b?x=1": 12, "/missing": 4}
    parts = by_name(run.result.urls)
    assert {name.rpartition("/")[2]: part.status for name, part in parts.items()} == {
        "a": {"200": 4},
        "b?x=1": {"200": 12},
        "missing": {"404": 4},
    }
    assert parts[url + "b?x=1"].latency.p50 > 0
    assert run.result.by_status.keys() == {"2xx", "404"}


@pytest.mark.parametrize("others", [(), ("b",)], ids=["one URL", "two URLs"])
async def test_stages_are_due_at_their_rates_and_counted_apart(others: tuple[str, ...]) -> None:
    server = Recording()
    stages = [(0.1, 100.0), (0.05, 0.0), (0.1, 300.0)]
    async with serving(server.script) as url:
        more = [(url + other, 1) for other in others]
        plan = LoadPlan(url=url, others=more, connections=5, stages=stages, keep_samples=True, interval=0.05)
        run = await run_load(plan)
    assert_consistent(run)
    assert {name: part.requests.sent for name, part in by_name(run.result.stages).items()} == {
        "0.1s@100": 10,
        "0.05s@0": 0,
        "0.1s@300": 30,
    }
    due = [*(n / 100 for n in range(10)), *(0.15 + n / 300 for n in range(30))]
    assert [begin for begin, _ in run.result.by_start()] == pytest.approx(due, abs=1e-5)
    assert run.result.offered == pytest.approx(160.0)
    assert run.result.duration == pytest.approx(0.25)


async def test_a_request_that_is_dropped_or_times_out_is_counted_for_its_url_and_its_stage() -> None:
    async def slow(stream: trio.abc.Stream) -> None:
        while await read_request(stream):
            await trio.sleep_forever()

    async with serving(slow) as url:
        plan = LoadPlan(
            url=url, others=[(url + "b", 1)], connections=1, stages=[(0.1, 1000.0), (0.1, 2000.0)], timeout=0.1
        )
        run = await run_load(plan)
    assert_consistent(run)
    for parts in (run.result.urls, run.result.stages):
        assert sum(part.requests.timed_out + part.requests.dropped for part in parts or ()) == 300
    assert run.result.requests.dropped > 0


@pytest.mark.parametrize("connections", [1, 3, 50])
@pytest.mark.parametrize("options", [{}, {"rate": 1000.0}, {"think": 0.001}], ids=str)
async def test_as_many_requests_are_sent_as_were_asked_for(connections: int, options: Mapping[str, Any]) -> None:
    server = Recording()
    async with serving(server.script) as url:
        run = await run_load(LoadPlan(url=url, connections=connections, requests=31, **options))
    assert_consistent(run)
    assert run.result.requests.sent == run.result.requests.ok == len(server.heads) == 31
    assert run.inside.ok == 31 or "rate" in options
    if "rate" in options:
        assert run.result.duration == pytest.approx(0.031)


async def test_requests_that_fail_count_as_sent() -> None:
    async def slamming(stream: trio.abc.Stream) -> None:
        await read_request(stream)

    async with serving(slamming) as url:
        run = await run_load(LoadPlan(url=url, connections=2, requests=5, method="POST"))
    assert_consistent(run)
    assert run.result.requests.errors == run.result.requests.sent == 5


async def test_the_duration_ends_a_run_that_has_requests_left() -> None:
    async with serving(replying(reply())) as url:
        run = await run_load(LoadPlan(url=url, connections=2, requests=3_000_000, duration=0.1))
    assert_consistent(run)
    assert run.result.duration == pytest.approx(0.1)


async def test_clients_think_between_a_reply_and_their_next_request() -> None:
    times: list[tuple[int, float]] = []

    async def script(stream: trio.abc.Stream) -> None:
        while await read_request(stream):
            times.append((id(stream), trio.current_time()))
            await stream.send_all(reply())

    async with serving(script) as url:
        run = await run_load(LoadPlan(url=url, connections=4, think=0.1, duration=0.35))
    assert_consistent(run)
    for one in {stream for stream, _ in times}:
        own = [when for stream, when in times if stream == one]
        assert all(later - earlier >= 0.099 for earlier, later in pairwise(own))
    assert 4 <= run.result.requests.ok <= 4 * 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"stages": [(1.0, 5.0)], "duration": 1.0}, "stages and duration exclude"),
        ({"stages": [(1.0, 5.0)], "rate": 1.0}, "stages and rate exclude"),
        ({"stages": [(1.0, 5.0)], "requests": 1}, "stages and requests exclude"),
        ({"stages": [(1.0, 0.0)]}, "stages must have a rate"),
        ({"stages": [(0.0, 5.0)]}, "the duration of a stage"),
        ({"stages": [(1.0, -5.0)]}, "the rate of a stage"),
        ({"stages": [(3000.0, 1.0)] * 2}, "the duration of all stages"),
        ({"stages": [(1.0, 1.0)] * 1001}, "stages must be at most"),
        ({"think": 1.0, "rate": 1.0}, "think is for a closed workload"),
        ({"think": 1.0, "stages": [(1.0, 5.0)]}, "think is for a closed workload"),
        ({"think": -1.0}, "think must be"),
        ({"requests": 0}, "requests must be"),
        ({"requests": 4000, "rate": 1.0}, "requests at this rate take longer"),
        ({"method": "HEAD", "body": b"x"}, "body and method HEAD exclude"),
        ({"method": "BREW"}, "method must be one of"),
        ({"headers": [("X A", "1")]}, "headers must be like"),
        ({"headers": [("", "1")]}, "headers must be like"),
        ({"headers": [("X", "1\r\nY: 2")]}, "headers must have no control"),
        ({"headers": [("content-Length", "1")]}, "headers must not have content-Length"),
        ({"others": [("http://127.0.0.1:1/b", 0)]}, "the weight of a URL"),
        ({"others": [("http://127.0.0.1:1/b", 1)] * 100}, "at most 100 URLs"),
        ({"others": [("http://127.0.0.1:2/", 1)]}, "all URLs must be of one server"),
        ({"others": [("https://127.0.0.1:1/", 1)]}, "all URLs must be of one server"),
        ({"insecure": True}, "insecure is for https"),
        ({"unix_socket": "/" + "x" * 200}, "unix_socket must be"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
async def test_what_cannot_be_is_refused_in_one_line(options: Mapping[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=f"^{says}") as caught:
        await run_load(LoadPlan(url="http://127.0.0.1:1/", **options))
    assert "\n" not in str(caught.value)
