"""End to end: background jobs of a real server, worked at by the server itself or by a worker of its own."""

from __future__ import annotations

import fcntl
import http.client
import json
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running, running
from tests.waiting import until
from trio_lab.records.job import JobRecord
from trio_lab.servers.trio.jobs import _shown

TRIO_LAB = [sys.executable, "-m", "trio_lab"]


def ask(server: Running, method: str, path: str, body: Any = None) -> tuple[int, Any, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(*server.address, timeout=60)
    try:
        connection.request(method, path, body if isinstance(body, bytes) or body is None else json.dumps(body))
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read()), reply.headers
    finally:
        connection.close()


def succeeded(server: Running, where: str) -> Any:
    """The job when it has."""
    until(lambda: ask(server, "GET", where)[1]["state"] not in ("queued", "running"))
    found = ask(server, "GET", where)[1]
    assert found["state"] == "succeeded", found
    return found


def test_a_server_without_an_engine_works_at_its_jobs_itself() -> None:
    with running("--workers", "1") as server:
        assert "jobs" not in server.queues()
        status, body, headers = ask(server, "POST", "/jobs", {"job": "hash", "args": {"rounds": 10}})
        assert status == 202
        where = f"/jobs/{body['id']}"
        assert headers["Location"] == where
        found = succeeded(server, where)
        assert found["result"]["rounds"] == 10
        assert found["tries"] == 1
        assert server.queues()["worker_pool"]["completions"] == 1
        until(lambda: server.queues()["jobs"]["completions"])


def test_no_more_jobs_wait_than_may(jobs_url: str) -> None:
    with running("--jobs", jobs_url, "--max-jobs", "2") as server:
        found = [ask(server, "POST", "/jobs", {"job": "hash"}) for _ in range(3)]
        assert [status for status, *_ in found] == [202, 202, 503]
        assert int(found[2][2]["Retry-After"]) >= 1


def test_jobs_are_worked_at_by_another_process_and_looked_after_from_the_command_line(jobs_url: str) -> None:

    def jobs(*words: str) -> Any:
        done = subprocess.run(
            [*TRIO_LAB, "jobs", *words, "--jobs", jobs_url, "--json"], capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    with running("--jobs", jobs_url) as server:
        first, second, third = (
            ask(server, "POST", "/jobs", {"job": "wait", "args": {"seconds": 0.001}, **more})[1]["id"]
            for more in ({}, {"delay_s": 3600}, {"priority": 1})
        )
        assert server.queues()["jobs"]["max_waiting"] == 10_000
        assert [one["id"] for one in jobs("list")] == [third, second, first]
        assert jobs("show", second)["due_in_s"] > 3000
        missing = subprocess.run([*TRIO_LAB, "jobs", "show", "9", "--jobs", jobs_url], capture_output=True, timeout=60)
        assert (missing.returncode, missing.stderr) == (2, b"trio-lab: there is no job '9'\n")
        assert ask(server, "DELETE", f"/jobs/{second}")[1]["state"] == "cancelled"
        assert jobs("retry", second)["state"] == "queued"
        assert jobs("cancel", second)["state"] == "cancelled"
        worker = subprocess.Popen(
            [*TRIO_LAB, "jobs", "work", "--jobs", jobs_url, "--processes", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            for id in (first, third):
                succeeded(server, f"/jobs/{id}")
            assert len(jobs("list", "--state", "succeeded", "--name", "wait", "--limit", "5")) == 2
        finally:
            worker.terminate()
            said = worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert said[0].startswith(f"Working at {jobs_url}: hash, wait, fail.".encode())
    assert said[1] == b"2 jobs have succeeded, 0 tries have failed.\n"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "the body must be a job"),
        (b"[]", 400, "the body must be a job"),
        ({"args": {}}, 400, "missing required field `job`"),
        ({"job": "hash", "urgent": True}, 400, "unknown field `urgent`"),
        ({"job": "hash", "delay_s": -1}, 400, "the body must be a job"),
        ({"job": "hash", "at": "tomorrow"}, 400, "the body must be a job"),
        ({"job": "hash", "at": "2026-01-01T00:00:00"}, 400, "the body must be a job"),
        ({"job": "hash", "at": 1e12}, 400, "at must be within a year"),
        ({"job": "hash", "at": 0, "delay_s": 1}, 400, "without delay_s"),
        ({"job": "nonsense"}, 400, "there is no job 'nonsense'; there are hash, wait, fail"),
        ({"job": "hash", "args": {"x": 1}}, 400, "unexpected keyword argument 'x'"),
        (b"[" * 100_000, 413, "Request body too large"),
    ],
)
def test_what_is_no_job_is_refused(server: Running, body: Any, status: int, error: str) -> None:
    found, reply, _ = ask(server, "POST", "/jobs", body)
    assert (found, error in reply["error"]) == (status, True), reply


def test_a_job_is_scheduled_at_a_moment(server: Running) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for at in (later.isoformat(), later.astimezone(timezone(timedelta(hours=-5))).isoformat(), later.timestamp()):
        id = ask(server, "POST", "/jobs", {"job": "wait", "at": at})[1]["id"]
        assert 3500 < ask(server, "GET", f"/jobs/{id}")[1]["due_in_s"] <= 3600


async def test_a_result_that_is_no_unicode_is_shown() -> None:
    """As the names of files may be that a function of somebody's own returns."""
    found = JobRecord(
        id="1", job="list", args={}, state="succeeded", tries=1, max_tries=1, age=1.0, result=["é \udcff"]
    )
    shown = _shown(found)
    assert json.loads(await shown.get_data())["result"] == ["é \udcff"]
    assert shown.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_such_job(server: Running, method: str) -> None:
    assert ask(server, method, "/jobs/999")[:2] == (404, {"error": "there is no such job"})


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["list"], "--jobs"),
        (["list", "--jobs", "redis//x"], "jobs must be at sqlite:///path or redis://host:port/0, not at 'redis//x'"),
        (["list", "--jobs", "redis://me:secret@127.0.0.1:1/0"], "jobs cannot be reached: ConnectionError"),
        (["list", "--jobs", "redis:///0"], "jobs must be at sqlite:///path or redis://host:port/0, not at"),
        (["list", "--jobs", "redis://host/name"], "jobs must be at sqlite:///path or redis://host:port/0, not at"),
        (["work", "--jobs", "redis://127.0.0.1:port/0"], "jobs cannot be at this address"),
        (["work", "--jobs", "sqlite:///no/such/folder/file"], "cannot open no/such/folder/file"),
        (["show", "1", "--jobs", "sqlite:///jobs.sqlite"], "there is no file jobs.sqlite"),
        (["list", "--limit", "9" * 30, "--jobs", "sqlite:///jobs.sqlite"], "limit must be from 1 to 1000000"),
        (["work", "--grace", "-1", "--jobs", "sqlite:///jobs.sqlite"], "grace must be from 0 to 86400 seconds, not -1"),
        (["work", "--concurrency", "0", "--jobs", "sqlite:///jobs.sqlite"], "concurrency must be at least 1"),
        (["list", "--state", "lost", "--jobs", "sqlite:///jobs.sqlite"], "state must be one of queued, running"),
        (
            ["work", "--functions", "no:thing", "--jobs", "sqlite:///jobs.sqlite"],
            "functions 'no:thing' cannot be found",
        ),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(words: list[str], error: str, tmp_path: Path) -> None:
    done = subprocess.run([*TRIO_LAB, "jobs", *words], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert error in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_engine_that_cannot_be_opened_ends_the_server_at_its_start() -> None:
    done = subprocess.run(
        [*TRIO_LAB, "serve", "--port", "0", "--jobs", "sqlite:///no/such/folder/file"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "trio-lab: cannot open no/such/folder/file: No such file or directory\n"


def test_a_server_of_jobs_that_is_away_costs_a_503_and_nothing_else(own_valkey: Any) -> None:
    with running("--jobs", f"{own_valkey.connection_url}/3") as server:
        assert ask(server, "POST", "/jobs", {"job": "wait"})[0] == 202
        own_valkey.terminate()
        for method, where, body in (("POST", "/jobs", {"job": "wait"}), ("GET", "/jobs/1", None)):
            status, reply, headers = ask(server, method, where, body)
            assert status == 503
            assert headers["Retry-After"]
            assert reply["error"].startswith("jobs cannot be reached: ConnectionError")
        assert server.get("/health")
        own_valkey.start()
        until(lambda: ask(server, "GET", "/jobs/1")[0] != 503)
        assert ask(server, "POST", "/jobs", {"job": "wait"})[1] == {"id": "2"}


def test_a_damaged_file_does_not_end_the_server(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with running("--jobs", f"sqlite:///{path}") as server:
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("DROP TABLE tally")
        assert ask(server, "POST", "/jobs", {"job": "wait"})[0] in (500, 503)
        time.sleep(0.6)  # longer than it waits between two looks at the counts
        assert server.get("/health")


def test_a_lock_that_another_process_keeps_holds_no_request_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with running("--jobs", f"sqlite:///{path}", "--queue-timeout", "0.1") as server:
        with open(f"{path}-lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for method, where, body in (("POST", "/jobs", {"job": "wait"}), ("DELETE", "/jobs/1", None)):
                assert ask(server, method, where, body)[0] == 503
        assert ask(server, "DELETE", "/jobs/1")[0] == 404
