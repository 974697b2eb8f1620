"""End to end: `trio-lab watch`, at a server and at a program; and how its rows are shown."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.running import Running, running
from trio_lab.cli.watch_view import in_a_line, rows, told
from trio_lab.records.live import LiveState, RecentStall
from trio_lab.records.watching import LoopRow, QueueRow, Watched

from .test_cli import nobody, one_line, started, trio_lab

__all__ = ["nobody"]  # a fixture

BLOCKS = str(Path(__file__).parent / "programs" / "blocks.py")
STALL = RecentStall(
    ago=1.2,
    duration=0.158,
    cause="python",
    filename="/srv/app/work.py",
    lineno=18,
    function="hash_password",
    task="handle",
    label="GET /sync-hash",
)


def row(name: str, **more: Any) -> QueueRow:
    unknown = dict.fromkeys(
        ("capacity", "in_service", "waiting", "max_waiting", "wait", "service", "trend", "growth", "lost")
    )
    return QueueRow(name=name, **unknown | {"first": False} | more)


def seen(**more: Any) -> Watched:
    pool = row(
        "native_pool",
        capacity=4,
        in_service=4,
        waiting=16,
        max_waiting=1000,
        wait=0.31,
        service=0.08,
        trend="rises",
        first=True,
    )
    whole = {
        "at": 12.0,
        "silent": 0.0,
        "runtime": "trio",
        "first_full": "native_pool",
        "queues": (row("accept_backlog"), pool),
        "loop": LoopRow(utilization=0.34, p50=0.001, p99=0.002, max=0.158, delay_p99=0.1, blind=None),
        "stalls": (STALL,),
    }
    return Watched(**whole | more)


def drawn(watched: Watched) -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    console.print(rows(watched))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_rows_have_depth_limit_wait_and_trend_and_mark_the_first() -> None:
    text = drawn(seen())
    [pool] = [line for line in text.splitlines() if line.startswith("native_pool")]
    assert pool.split() == [
        "native_pool",
        "4",
        "/",
        "4",
        "16",
        "/",
        "1000",
        "310",
        "ms",
        "80",
        "ms",
        "↑",
        "←",
        "fills",
        "first",
    ]
    assert text.index("accept_backlog") < text.index("native_pool  ")
    assert "158 ms (python): app/work.py:18 in hash_password, GET /sync-hash" in text
    assert text.startswith("loop 34% busy, pass p99 2 ms, longest 158 ms, native_pool fills first")


def test_a_line_has_what_matters() -> None:
    assert in_a_line(seen()) == (
        "12.0 s | loop 34% busy, pass p99 2 ms, longest 158 ms, native_pool fills first"
        " | native_pool 4 / 4, 16 wait 310 ms ↑ | 158 ms (python): app/work.py:18 in hash_password, GET /sync-hash"
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"silent": 3.2}, "no answer for 3.2 s, loop"),
        ({"first_full": "none", "queues": ()}, "no queue fills"),
        ({"first_full": None, "queues": (), "loop": None}, "nothing is seen yet"),
        ({"notes": ("no event loop has begun",)}, "no event loop has begun"),
        (
            {"state": LiveState(state="blocked", for_=4.0, cause="python", where="app.py:3 in f")},
            "blocked for 4.0 s, python, app.py:3 in f",
        ),
    ],
)
def test_what_is_not_as_usual_is_said(more: dict[str, Any], said: str) -> None:
    assert said in in_a_line(seen(**more))
    assert said in drawn(seen(**more))


def test_a_stall_without_a_line_says_so() -> None:
    assert told(RecentStall(ago=0.0, duration=0.3, cause="not running")) == "300 ms (not running): no line was seen"


def test_a_url_where_nothing_answers_is_one_line(nobody: str) -> None:
    assert one_line(trio_lab("watch", nobody)).startswith("trio-lab: nothing answers at http://127.0.0.1:")


class _Other(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_: Any) -> None:
        pass


def test_a_server_that_is_not_ours_is_one_line() -> None:
    with HTTPServer(("127.0.0.1", 0), _Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            assert "cannot be watched" in one_line(trio_lab("watch", f"http://127.0.0.1:{other.server_port}/"))
        finally:
            other.shutdown()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["watch", "no-such-program"], "neither a URL nor a program"),
        (["watch", "http://127.0.0.1:9/", "more"], "'more'"),
        (["watch", "http://127.0.0.1:9/", "--port", "3000"], "port is one of those that a program to start"),
        (["watch", "http://127.0.0.1:9/", "-d", "5x"], "5x"),
        (["watch", "http://127.0.0.1:9/", "-d", "nan"], "duration must be over 0"),
        (["watch", sys.executable, "-d", "-1"], "duration must be over 0"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], said: str) -> None:
    assert said in one_line(trio_lab(*words))


def lines_of(server: Running, *words: str, load: str) -> list[dict[str, Any]]:
    """What a watch says while the server is loaded."""
    with started(
        "trio_lab", "load", server.url + load, "-c", "12", "-d", "60", "--json", stdout=subprocess.DEVNULL
    ) as process:
        done = trio_lab("watch", server.url + "/any/path", "-d", "3.3", "--json")
        process.send_signal(signal.SIGTERM)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_full_pool_is_named_while_it_is_loaded() -> None:
    with running("--threads", "2", "--workers", "1") as server:
        lines = lines_of(server, load="/wait?ms=40")
    assert len(lines) >= 3
    last = lines[-1]
    assert last["first_full"] == "native_pool"
    [first] = [row for row in last["queues"] if row["first"]]
    assert (first["name"], first["capacity"], first["in_service"]) == ("native_pool", 2, 2)
    assert first["waiting"] > 5
    assert first["wait_ms"] > 40
    assert [row["name"] for row in last["queues"]][:2] == ["accept_backlog", "run_queue"]


def test_a_program_is_seen_inside_and_its_exit_code_is_ours() -> None:
    done = trio_lab("watch", "--json", "--", sys.executable, BLOCKS, "3", "7")
    assert done.returncode == 7
    assert "begun" in done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["runtime"] == "trio"
    assert {(stall["file"], stall["line"]) for stall in last["stalls"]} == {(BLOCKS, 15)}


def test_words_are_printed_beside_what_the_program_prints() -> None:
    done = trio_lab("watch", "--", sys.executable, BLOCKS, "1.4", "0")
    assert done.returncode == 0
    assert "begun\n" in done.stdout
    assert "loop " in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_and_gives_its_exit_code(number: int) -> None:
    program = "import time\ntry:\n    print('begun', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    exit(9)\n"
    words = ("watch", "--", sys.executable, "-c", program)
    with started("trio_lab", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while "begun" not in process.stdout.readline():
            pass
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (9, "")


def test_ctrl_c_at_a_server_is_a_clean_end() -> None:
    with running("--workers", "1") as server:
        with started(
            "trio_lab", "watch", server.url, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")
