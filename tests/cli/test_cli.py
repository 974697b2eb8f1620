"""End to end: the command as a user runs it, in a process of its own."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running, running, until_gone
from trio_lab.cli import command, console
from trio_lab.cli import env as env_command
from trio_lab.cli.run import _interrupted
from trio_lab.diagnose.interval import LEAST
from trio_lab.errors import UsageError
from trio_lab.measure.process import children
from trio_lab.records.codec import encode
from trio_lab.records.examination import Examination
from trio_lab.records.result import Plan, Results

RESULTS = Path(__file__).parents[1] / "report" / "sample_results.json"


def trio_lab(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trio_lab", *words], capture_output=True, text=True, timeout=60, check=False, **options
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The single line on standard error of a command that ended with 2 and printed nothing else."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def server():
    with running() as server:
        yield server


@pytest.mark.parametrize(
    "words", [["--help"], ["serve", "--help"], ["load", "--help"], ["run", "--help"], ["report", "--help"]]
)
def test_help_explains(words: list[str]) -> None:
    done = trio_lab(*words)
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_version() -> None:
    assert trio_lab("--version").stdout.strip() == "0.1.0"


def test_list_has_all_experiments_with_their_questions() -> None:
    found = json.loads(trio_lab("list", "--json").stdout)["experiments"]
    assert {entry["name"] for entry in found} >= {
        "native-pool-saturation",
        "native-pool-sizing",
        "blocked-loop",
        "starvation",
        "worker-offload",
        "impatient-clients",
    }
    assert all(entry["question"].endswith("?") for entry in found)
    assert "blocked-loop" in trio_lab("list").stdout


def test_env_says_what_it_runs_on() -> None:
    found = json.loads(trio_lab("env", "--json").stdout)
    assert found["python"].startswith("3.")
    assert found["cores_usable"] >= 1
    assert found["packages"]["trio"]
    assert "python" in trio_lab("env").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "no-such-thing"], "no-such-thing"),
        (["run", "--live-port", "70000"], "live_port must be between 0 and 65535"),
        (["run", "no-such-experiment", "--live-port", "0"], "give --live"),
        (["report", "/nonexistent"], "no results.json"),
        (["serve", "--threads", "0"], "threads"),
        (["serve", "--threads", "many"], "threads"),
        (["serve", "--workers", "9999"], "workers"),
        (["serve", "--profile", "reckless"], "profile"),
        (["serve", "--grace", "nan"], "grace"),
        (["serve", "--live-port", "0"], "--live"),
        (["serve", "--host", "192.0.2.1", "--port", "0"], "192.0.2.1"),
        (["serve", "--host", "a..b", "--port", "0"], "a..b"),
        (["serve", "--host", "a" * 70, "--port", "0"], "not a valid host name"),
        (["load", "http://127.0.0.1:1/", "--interval", "1e-9"], "interval"),
        (["load", "http://192.0.2.1/"], "own"),
        (["load", "ftp://127.0.0.1/"], "http"),
        (["load", "nonsense"], "nonsense"),
        (["load", "http://127.0.0.1:1/", "-c", "0"], "connections"),
        (["load", "http://127.0.0.1:1/", "-d", "1e9999"], "duration"),
        (["load", "http://127.0.0.1:1/", "-R", "nan"], "rate"),
        (["load", "http://127.0.0.1:1/", "-d", "-1"], "duration"),
        (["load", "http://127.0.0.1:1/", "-d", "5x"], "5x"),
        (["load", "http://127.0.0.1:1/", "-H", "nonsense"], "name: value"),
        (["load", "http://127.0.0.1:1/", "--stages", "10s50"], "10s@50"),
        (["load", "http://127.0.0.1:1/", "-b", "x", "-D", "/dev/null"], "exclude"),
        (["load", "http://127.0.0.1:1/", "--patience", "log:1"], "patience"),
        (["load", "http://127.0.0.1:1/", "--csv", "/no/such/folder/x"], "cannot be written"),
        (["load"], "url"),
        (["list", "extra"], "unexpected argument: extra"),
        (["fly"], "fly"),
        (["load", "http://127.0.0.1:1/", "--no-such-flag"], "no-such-flag"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_users_mistake_is_one_line_and_exit_code_2(words: list[str], said: str) -> None:
    assert said in one_line(trio_lab(*words)).lower()


def test_a_bad_variable_is_named() -> None:
    assert "TRIO_LAB_THREADS" in one_line(trio_lab("serve", env=os.environ | {"TRIO_LAB_THREADS": "lots"}))


def test_a_port_in_use_is_one_line(server: Running, tmp_path: Path) -> None:
    port = str(server.address[1])
    assert "in use" in one_line(trio_lab("serve", "--port", port))
    assert "in use" in one_line(trio_lab("run", "--out", str(tmp_path), "--live", "--live-port", port))


@pytest.mark.parametrize("given", ["<&-", "</dev/null"])
def test_control_without_a_pipe_is_one_line(given: str) -> None:
    command = f"exec {sys.executable} -m trio_lab serve --port 0 --control {given}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert "--control" in one_line(done)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_error(closed: str) -> None:
    command = f"exec {sys.executable} -m trio_lab list {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("blocked-loop" in done.stdout) == (" >&-" not in f" {closed}")


def test_an_unwritable_folder_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in one_line(
        trio_lab("run", "blocked-loop", "--quick", "--out", str(tmp_path / "file" / "x"))
    )


def test_load_prints_one_json_object(server: Running) -> None:
    done = trio_lab("load", server.url + "/hash?rounds=1", "-c", "2", "-d", "0.3", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found.keys() >= {
        *(
            "url",
            "mode",
            "connections",
            "duration_s",
            "requests",
            "throughput_rps",
            "goodput_rps",
            "latency_ms",
            "status",
        )
    }
    assert found["requests"].keys() == {"sent", "completed", "ok", "shed", "timed_out", "errors", "dropped"}
    assert found["latency_ms"].keys() == {"mean", "p50", "p90", "p99", "p99_9", "max"}
    assert found["mode"] == "closed"
    assert found["status"] == {"200": found["requests"]["ok"]}


def test_load_prints_a_table(server: Running) -> None:
    done = trio_lab("load", server.url + "/health", "-R", "50", "-d", "300ms")
    assert done.returncode == 0
    assert "200: 15" in done.stdout
    assert "open workload at 50/s" in done.stdout


def test_a_load_takes_what_other_generators_take(server: Running, tmp_path: Path) -> None:
    urls = (server.url + "/health", server.url + "/echo@3")
    files = ("--csv", str(tmp_path / "series.csv"), "--hdr", str(tmp_path / "latency.hgrm"))
    done = trio_lab(
        "load", *urls, "-c", "2", "-n", "8", "-m", "post", "-H", "X-A: 1", "-H", "X-B: 2", "-b", "x", *files
    )
    assert done.returncode == 1, done.stderr  # /health takes no POST, and there is no /echo
    assert "/health and 1 more — 2 connections" in done.stdout
    assert re.search(r"/echo +6 +0 +0 +0 +6", done.stdout)
    assert (tmp_path / "series.csv").read_text().startswith("t,ok,shed,timed_out,errors,p50_ms,max_ms\n")
    assert "#[Mean" in (tmp_path / "latency.hgrm").read_text()


def test_stages_are_printed_apart(server: Running) -> None:
    done = trio_lab("load", server.url + "/health", "--stages", "100ms@50,100ms@100", "-j")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert [(stage["name"], stage["requests"]["sent"]) for stage in found["stages"]] == [
        ("0.1s@50", 5),
        ("0.1s@100", 10),
    ]
    assert found["offered_rps"] == 75.0


def test_replies_of_which_none_is_2xx_are_said_at_once_and_exit_code_1(server: Running) -> None:
    done = trio_lab("load", server.url + "/nothing", "-R", "50", "-d", "0.3s", "--interval", "100ms")
    assert done.returncode == 1
    early, late = (line for line in done.stderr.splitlines() if "no request" in line)
    assert early.startswith("trio-lab: no request has succeeded so far: ")
    assert late == "trio-lab: no request succeeded: all 15 replies have status 404"
    assert re.search(r"404 replies +p50 \d", done.stdout)
    assert "p50 –" in next(line for line in done.stdout.splitlines() if line.startswith("latency"))


def test_load_warns_that_requests_without_a_reply_are_lower_bounds(server: Running) -> None:
    words = ("-c", "1", "-R", "50", "-d", "0.2", "--timeout", "0.2")
    done = trio_lab("load", server.url + "/wait?ms=2000", *words, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["latency_ms"]["p50"] >= 199
    assert "trio-lab: warning: 10 of 10 requests had no reply" in done.stderr


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


def test_load_of_a_dead_server_is_one_line_and_exit_code_1(nobody: str) -> None:
    done = trio_lab("load", nobody, "-c", "1", "-d", "0.3", "--json")
    found = json.loads(done.stdout)
    assert found["requests"]["errors"] > 0
    assert found["requests"]["ok"] == 0
    assert done.returncode == 1
    assert "no request was answered" in done.stderr
    assert "connection refused" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_server_that_cannot_be_reached_is_one_line(nobody: str) -> None:
    done = trio_lab("load", nobody, "-d", "1h")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "trio-lab: no request was answered: no connection could be made (connection refused: 10); stopped after 0.0 s\n"
    )


def test_a_latency_that_nobody_had_is_not_zero(nobody: str, server: Running) -> None:
    found = json.loads(trio_lab("load", nobody, "-c", "1", "-d", "0.3", "--json").stdout)
    for name in ("latency_ms", "service_ms", "shed_ms"):
        assert set(found[name].values()) == {None}
    assert found["series"][0]["p50_ms"] is None
    latency = next(
        line
        for line in trio_lab("load", server.url + "/nothing", "-c", "1", "-d", "0.1").stdout.splitlines()
        if "latency" in line
    )
    assert "p50 –" in latency
    assert "0.00" not in latency


def test_a_url_is_not_read_as_markup(server: Running) -> None:
    done = trio_lab("load", server.url + "/nothing?a=[bold]b[/]", "-c", "1", "-d", "0.1")
    assert "?a=[bold]b[/]" in done.stdout


def test_what_a_command_says_is_not_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("RuntimeError: [red]no such thing[/]")
    assert "[red]no such thing[/]" in capsys.readouterr().err


def test_an_environment_is_not_read_as_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(env_command, "environment", lambda: {"platform": "[/]Linux [bold]6"})
    monkeypatch.setattr(env_command, "missing", lambda: ["[/]all"])
    env_command.env()
    said = capsys.readouterr().out
    assert "[/]Linux [bold]6" in said
    assert "[/]all" in said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_load_with_what_it_has(server: Running, number: int, code: int) -> None:
    arrived = server.queues()["native_pool"]["arrivals"]
    words = ("load", server.url + "/hash?rounds=1", "-d", "600", "--json")
    with started("trio_lab", *words, stdout=subprocess.PIPE, text=True) as process:
        while server.queues()["native_pool"]["arrivals"] < arrived + 300:
            pass  # the load is running
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == code
    assert json.loads(out)["requests"]["ok"] > 0


@contextmanager
def started(module: str, *words: str, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """One of our programs, which does not outlive the block: what a failed test left would fail all after it."""
    process = subprocess.Popen([sys.executable, "-m", module, *words], **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def descendants(pid: int) -> list[int]:
    return [below for child in children(pid) for below in (child, *descendants(child))]


def test_a_load_ends_with_its_lifeline(server: Running) -> None:
    arrived = server.queues()["native_pool"]["arrivals"]
    words = ("load", server.url + "/hash?rounds=1", "-d", "600", "--lifeline")
    with started("trio_lab", *words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        while server.queues()["native_pool"]["arrivals"] < arrived + 300:
            pass
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == -signal.SIGKILL


def test_bare_processes_end_with_the_one_that_started_them() -> None:
    words = ("trio_lab.subjects.bare:jobs_per_s", '[["processes", 2, 600], {}]', os.devnull)
    with started("trio_lab.stage.alone", *words, stdin=subprocess.PIPE) as process:
        while len(below := descendants(process.pid)) < 3:  # and multiprocessing's resource tracker
            pass
    until_gone(below)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_that_is_ended_leaves_nothing_behind(tmp_path: Path, number: int, code: int) -> None:
    def loads(pids: list[int]) -> bool:
        try:
            return any(b"trio_lab.stage.loader" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
        except OSError:
            return False

    words = ("run", "native-pool-saturation", "--quick", "--out", str(tmp_path), "--live", "--live-port", "0")
    with started("trio_lab", *words, stderr=subprocess.PIPE, text=True) as process:
        while not loads(below := descendants(process.pid)):
            assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode == code
    until_gone(below)
    assert said.startswith("See it live: http://127.0.0.1:")
    if number != signal.SIGKILL:
        assert said.endswith("trio-lab: stopped\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_keeps_what_is_done_and_goes_on_later(tmp_path: Path, number: int) -> None:
    words = ("run", "callback-order", "lag-detector", "--quick", "--out", str(tmp_path))
    with started("trio_lab", *words, stderr=subprocess.PIPE, text=True) as process:
        while "[2/2]" not in (line := process.stderr.readline()):
            assert line, "it ended before its second experiment"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert "callback-order" in (tmp_path / "index.html").read_text()
    kept = json.loads((tmp_path / "results.json").read_text())
    assert [one["name"] for one in kept["experiments"]] == ["callback-order"]
    assert kept["plan"]["experiments"] == ["callback-order", "lag-detector"]
    if number != signal.SIGKILL:
        assert f"go on with: trio-lab run --resume {tmp_path}" in said.replace("\n", " ")
    with started("trio_lab", "run", "--resume", str(tmp_path), stderr=subprocess.PIPE, text=True) as process:
        asked = [process.stderr.readline(), process.stderr.readline()]
    assert asked[0].startswith("1 of 2 experiments")
    assert asked[1].startswith("[1/1] lag-detector")


def test_a_run_goes_on_as_it_was_planned(tmp_path: Path) -> None:
    assert "no experiment or option" in one_line(trio_lab("run", "--resume", str(tmp_path), "--quick"))
    assert "there is no results.json" in one_line(trio_lab("run", "--resume", str(tmp_path)))
    (tmp_path / "results.json").write_bytes(RESULTS.read_bytes())
    assert "no plan" in trio_lab("run", "--resume", str(tmp_path)).stderr


@pytest.mark.parametrize(
    ("rounds", "dose", "refused"),
    [(LEAST, 1.0, False), (8, 0.5, False), (8, 1.0, False), (LEAST, 2.0, True), (7, 0.5, True)],
)
def test_a_run_that_goes_on_may_be_told_the_rounds_and_the_dose_that_it_has(
    rounds: int, dose: float, refused: bool, tmp_path: Path
) -> None:
    """`TRIO_LAB_ROUNDS` and `TRIO_LAB_DOSE` may still be set."""
    plan = Plan(experiments=("callback-order",), runtimes=("trio",), rounds=8)
    run = Results(created="", quick=True, dose=0.5, plan=plan, duration=0.0, environment={}, experiments=())
    (tmp_path / "results.json").write_bytes(encode(run))
    if refused:
        with pytest.raises(UsageError, match="as it was planned"):
            _interrupted(tmp_path, rounds=rounds, dose=dose)
    else:
        assert _interrupted(tmp_path, rounds=rounds, dose=dose).plan == plan


@pytest.mark.parametrize("kind", ["run", "drill", "bench"])
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(kind: str) -> None:
    meant = {"run": "native-pool-sizing", "drill": "worker-kill", "bench": "dispatch"}[kind]
    assert f"did you mean {meant}" in one_line(trio_lab(kind, f"{meant[:-1]}x"))


# The cheapest call of every command that prints JSON. `compare` prints what `run` does, by the same code.
PRINT_JSON = {
    "list": "list",
    "env": "env",
    "drill": "drill",
    "bench": "bench",
    "report": "report NEW",
    "simulate": "simulate NEW/queue.toml",
    "plan": "plan --rate 10 --p99 1 --service 5ms",
    "watch": "watch true",
    "doctor": "doctor NEW/examination.json",
    "load": "load http://127.0.0.1:9/ -c 1 -d 0.1",
    "run": "run callback-order --quick --rounds 1 --dose 0.05 --out NEW",
    "serve": "serve --port 0 --workers 1",
    "serve, asyncio": "serve --port 0 --workers 1 --runtime asyncio",
    "serve, node": "serve --port 0 --workers 1 --runtime node",
}


def test_every_command_that_prints_json_is_here() -> None:
    able = set()
    for name, (where, _) in command._COMMANDS.items():
        module, function = where.split(":")
        if "json_" in inspect.signature(getattr(import_module(f"trio_lab.cli.{module}"), function)).parameters:
            able.add(name)
    assert able - {"compare"} == {call.split()[0] for call in PRINT_JSON.values()}


@pytest.mark.parametrize("call", [*(f"{call} --json" for call in PRINT_JSON.values()), "list", "--help"])
def test_a_full_disk_is_one_line(call: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(RESULTS.read_bytes())
    (tmp_path / "queue.toml").write_text("requests = 9\n[arrivals]\nrate = 1\n[service]\nmean = 1\n")
    (tmp_path / "examination.json").write_bytes(encode(Examination(url="", probe="", budget=1.0)))
    words = [word.replace("NEW", str(tmp_path)) for word in call.split()]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "trio_lab", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    *progress, last = done.stderr.splitlines()
    assert re.fullmatch(r"trio-lab: the output cannot be written: .*no space left on device.*", last, re.IGNORECASE)
    assert progress == [] or words[0] in ("run", "load")


def test_the_lists_say_what_there_is() -> None:
    lab = json.loads(trio_lab("list", "--json").stdout)["experiments"]
    assert {one["name"] for one in lab if one["lab"]} >= {"native-pool-saturation", "blocked-loop"}
    assert all(one["seconds"] > 0 for one in lab)
    for kind in ("drill", "bench"):
        assert trio_lab(kind).returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete(shell: str) -> None:
    said = trio_lab("completion", shell).stdout
    assert "compare" in said
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=said, text=True, check=False).returncode == 0


def test_help_names_the_experiments_argument_and_shows_no_false_defaults() -> None:
    said = trio_lab("run", "--help").stdout
    assert "[NAMES...]" in said
    assert "[ARGS...]" not in said
    assert "False" not in said
    assert "1.0" in said


def test_help_of_serve_says_where_options_do_not_apply() -> None:
    said = " ".join(trio_lab("serve", "--help").stdout.split())
    assert "The naive profile ignores --max-queue, --discipline, --queue-timeout and --run-timeout" in said
    assert "except --runtime, --faults, --control and --json" in said


def test_the_report_is_made_again_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(RESULTS.read_bytes())
    done = trio_lab("report", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "blocked-loop" in done.stdout
    assert "refuted" in done.stdout
    assert (tmp_path / "index.html").stat().st_size > 10_000


@pytest.mark.parametrize("command", ["list", "list --json", "env --json"])
def test_a_closed_pipe_is_nothing_to_tell(command: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m trio_lab {command} | head -n 0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", "")
