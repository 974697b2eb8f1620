"""End to end: what a guarded server refuses, and what becomes of work whose client has left, on every runtime."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from tests.running import Running
from tests.waiting import until

from .subjects import GUARDED, Subject, serving
from .watching import answer, ask, queue

HOLD = "/wait?ms=10000"  # longer than a test needs; the client that holds a thread with it leaves at the end


@pytest.fixture(scope="module", params=GUARDED, ids=str)
def guarded(request: pytest.FixtureRequest) -> Subject:
    found = request.param
    assert isinstance(found, Subject)
    return found


@pytest.fixture(scope="module")
def narrow(guarded: Subject) -> Iterator[Running]:
    """One thread, one worker, and one caller that may wait for each, for long."""
    with serving(guarded, "--max-queue", "1", "--queue-timeout", "600", threads=1) as server:
        yield server


@pytest.fixture(scope="module")
def hasty(guarded: Subject) -> Iterator[Running]:
    """One thread and one worker, with a short queue timeout and a short run timeout."""
    with serving(guarded, "--queue-timeout", "0.2", "--run-timeout", "0.25", threads=1) as server:
        yield server


@pytest.fixture(scope="module")
def busy(hasty: Running) -> Iterator[Running]:
    """The same, with its one thread in use."""
    with ask(hasty, HOLD):
        until(lambda: in_native_pool(hasty, "in_service") == 1)
        yield hasty


def test_with_a_queue_timeout_of_0_what_can_run_at_once_is_run(guarded: Subject) -> None:
    with serving(guarded, "--queue-timeout", "0", threads=1) as server:
        for path in ("/worker-hash?rounds=1", "/hash?rounds=1") * 5:
            assert server.request(path)[0] == 200, path


def in_native_pool(server: Running, count: str) -> int:
    return int(queue(server, "native_pool")[count])


def test_a_full_queue_refuses_at_once_and_a_client_that_leaves_makes_room(narrow: Running) -> None:
    holder = ask(narrow, HOLD)
    until(lambda: in_native_pool(narrow, "in_service") == 1)
    waiter = ask(narrow, "/wait?ms=1")
    until(lambda: in_native_pool(narrow, "waiting") == 1)

    status, headers, body = narrow.request("/hash?rounds=1")
    assert (status, body.keys(), body["queue"]) == (503, {"error", "queue"}, "native_pool")
    assert int(headers["Retry-After"]) >= 1
    assert in_native_pool(narrow, "rejected") == 1
    assert narrow.request("/worker-hash?rounds=1")[0] == 200  # one pool's overload is not another's

    waiter.close()
    until(lambda: in_native_pool(narrow, "waiting") == 0)
    assert in_native_pool(narrow, "cancelled") == 1
    assert in_native_pool(narrow, "in_service") == 1  # and it did not have to wait for the job before it

    holder.close()  # nothing stops a thread: it stays busy, and is counted apart
    until(lambda: narrow.get("/health?reset=0")["nativePool"]["abandoned"] == 1)
    assert in_native_pool(narrow, "in_service") == 1


def test_a_connection_goes_on_after_a_refusal(narrow: Running) -> None:
    with ask(narrow, HOLD), ask(narrow, HOLD):
        until(lambda: in_native_pool(narrow, "waiting") == 1)
        connection = http.client.HTTPConnection(*narrow.address, timeout=60)
        for path, status in (("/hash?rounds=1", 503), ("/wait?ms=1", 503), ("/worker-hash?rounds=1", 200)):
            connection.request("GET", path)
            reply = connection.getresponse()
            assert (reply.status, next(iter(json.loads(reply.read())))) == (
                status,
                "error" if status == 503 else "route",
            )
            assert connection.sock is not None  # else the reply would have ended the connection
        connection.close()
    until(lambda: in_native_pool(narrow, "waiting") == 0)


def said(headers: http.client.HTTPMessage) -> dict[str, str]:
    """What headers say of the refusal, and not of the moment or of the connection. When to come again is drawn at random."""
    told = {name.lower(): value for name, value in headers.items()}
    assert told.pop("retry-after") in {"1", "2", "3"}
    return {name: value for name, value in told.items() if name not in {"date", "connection", "keep-alive"}}


@pytest.mark.parametrize("unusual", [{"Expect": "100-continue"}, {"Content_Length": "0"}, {"X-Request-Deadline": "60"}])
def test_an_unusual_request_is_refused_in_the_same_words(narrow: Running, unusual: dict[str, str]) -> None:
    """Python servers refuse plain requests on their bare connection."""
    with ask(narrow, HOLD), ask(narrow, HOLD):
        until(lambda: in_native_pool(narrow, "waiting") == 1)
        replies = [narrow.exchange("/hash?rounds=1", **headers) for headers in ({}, unusual)]
        plain, other = ((status, said(headers), body) for status, headers, body in replies)
        assert plain == other
        assert narrow.exchange("/hash?rounds=1", "HEAD")[0] == 405
        assert narrow.exchange("/hash?rounds=0")[0] == 400
    until(lambda: in_native_pool(narrow, "waiting") == 0)


@pytest.mark.parametrize("guarded", [one for one in GUARDED if one.runtime != "node"], indirect=True, ids=str)
def test_a_client_that_leaves_ends_its_job_in_a_worker(narrow: Running) -> None:
    """Node's jobs run to their end."""
    with ask(narrow, "/fib?n=40"):  # a minute of Python
        until(lambda: queue(narrow, "worker_pool")["in_service"] == 1)
    until(lambda: queue(narrow, "worker_pool")["in_service"] == 0)
    assert narrow.get("/health?reset=0")["pool"]["restarts"] == 0


def test_a_full_worker_pool_refuses_and_says_so(narrow: Running) -> None:
    """Six at once, where one is served and one may wait."""
    asked = [ask(narrow, "/worker-hash?rounds=300000") for _ in range(6)]
    replies = [answer(connection) for connection in asked]
    for connection in asked:
        connection.close()
    assert {status for status, _ in replies} == {200, 503}
    assert {json.loads(body)["queue"] for status, body in replies if status == 503} == {"worker_pool"}


def test_a_caller_that_has_waited_long_enough_is_refused(busy: Running) -> None:
    status, headers, body = busy.request("/hash?rounds=1")
    assert (status, body["queue"]) == (503, "native_pool")
    assert int(headers["Retry-After"]) >= 1
    assert in_native_pool(busy, "timed_out") == 1


def test_a_job_that_runs_too_long_is_a_504_and_its_worker_is_replaced(busy: Running) -> None:
    status, _, body = busy.request("/worker-hash?rounds=2000000")  # in C: it cannot be interrupted, only killed
    assert (status, list(body)) == (504, ["error"])
    until(lambda: busy.exchange("/worker-hash?rounds=1")[0] == 200)
    assert busy.get("/health?reset=0")["pool"]["restarts"] == 1
    assert in_native_pool(busy, "in_service") == 1  # a worker's start does not wait for a thread of that pool
