"""End to end: `trio-lab simulate` and `trio-lab plan` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import RESULTS, one_line, trio_lab
from trio_lab.cli.times import mean_or_times
from trio_lab.errors import UsageError
from trio_lab.simulate.theory import mean_wait
from trio_lab.simulate.times import Times

QUEUE = """
seed = 3
requests = 10_000
servers = 4
[arrivals]
kind = "poisson"
rate = 60
[service]
kind = "exponential"
mean = 0.05
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "queue.toml"
    path.write_text(QUEUE)
    return str(path)


def test_a_queue_waits_as_theory_says(file: str) -> None:
    found = json.loads(trio_lab("simulate", file, "--json").stdout)
    assert found["wait_s"]["mean"] == pytest.approx(mean_wait(4, 60.0, 0.05), rel=0.3)
    assert 0 <= found["wait_s"]["p50"] < found["wait_s"]["p99"]
    assert found["goodput"] == pytest.approx(60.0, rel=0.05)
    assert found["utilization"] == pytest.approx(0.75, rel=0.05)
    assert found["requests_per_wall_s"] > 0
    assert found["theory"]["low"] <= 0 <= found["theory"]["high"]
    assert "sweep" not in found
    assert "checks" not in found


def test_options_replace_and_the_table_says_what_came(file: str, tmp_path: Path) -> None:
    page = tmp_path / "page"
    words = ["--rate", "30", "--cores", "2", "--service", "40ms", "--patience", "exponential:1s", "--seed", "9"]
    said = trio_lab("simulate", file, *words, "-n", "4000", "--sweep", "rate=10:90:5", "--out", str(page))
    assert said.returncode == 0, said.stderr
    assert "2 servers, load 0.6 of what can be served, seed 9" in said.stdout
    assert "4,000 came" in said.stdout
    assert "Goodput stops rising at rate" in said.stdout
    drawn = (page / "index.html").read_text()
    assert all(name in drawn for name in ("Wait", "Goodput", "Shed", "Utilization", "queue.toml"))
    assert json.loads((page / "simulated.json").read_text())["came"] == 4_000


def test_a_measured_run_is_predicted_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    check = '[[check]]\nexperiment = "native-pool-saturation"\nresponse_p99 = "hash_p99_ms"\n'
    path.write_text(QUEUE.replace("requests = 10_000", "requests = 500") + check)
    found = json.loads(trio_lab("simulate", str(path), "--check", str(RESULTS), "--json").stdout)
    (one,) = found["checks"]
    assert one["error"] == pytest.approx(one["predicted"] / one["measured"] - 1, abs=1e-3)
    said = trio_lab("simulate", str(path), "--check", str(RESULTS)).stdout
    assert "native-pool-saturation.hash_p99_ms" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.toml"], "none.toml cannot be read: No such file"),
        (["FILE", "--sweep", "x=1:2"], "sweep: 'x' is not known"),
        (["FILE", "--patience", "0"], "patience '0': it must be over 0"),
        (["FILE", "--replications", "-1"], "replications must not be negative"),
        (["FILE", "--check", "FILE"], "is not JSON"),
        (["FILE", "--rate", "0"], "arrivals: rate must be over 0"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, file: str) -> None:
    assert says in one_line(trio_lab("simulate", *(file if word == "FILE" else word for word in words)))


def test_a_plan_says_hosts_bounds_and_assumptions() -> None:
    words = ["plan", "--rate", "500", "--p99", "200ms", "--service", "5ms", "--cores-per-host", "2"]
    found = json.loads(trio_lab(*words, "--json").stdout)
    assert found["cores"] == 2 * found["hosts"] >= 3
    assert found["p99_s"] <= 0.2
    assert [bound["name"] for bound in found["bounds"]] == ["places", "queue_capacity", "queue_timeout"]
    assert {one["dispatch"] for one in found["dispatches"]} == {"random", "round-robin", "two-choices", "least-loaded"}
    assert len(found["assumptions"]) > 4


def test_a_plan_that_cannot_be_is_one_line() -> None:
    assert "cannot be kept" in one_line(trio_lab("plan", "--rate", "9", "--p99", "1ms", "--service", "5ms"))


def test_durations_are_written_in_several_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("a.json", "2nd.json"):
        (tmp_path / file).write_text("[1, 2]")
    assert mean_or_times("service", "") is None
    assert mean_or_times("service", "5ms") == 0.005
    assert mean_or_times("service", ".5") == 0.5
    assert mean_or_times("service", "constant:5ms") == Times(mean=0.005)
    assert mean_or_times("service", "lognormal:5ms:0.5") == Times(kind="lognormal", mean=0.005, sigma=0.5)
    for path in (str(tmp_path / "a.json"), "./a.json", "2nd.json"):
        assert mean_or_times("service", path) == Times(kind="recorded", values=(1.0, 2.0))
    for text, says in {
        "exponential": "'' is not a duration",
        "lognormal:x": "'x' is not",
        "often": "'often' is not a duration like .*, and no file",
        "0": "it must be over 0",
    }.items():
        with pytest.raises(UsageError, match=says):
            mean_or_times("service", text)
