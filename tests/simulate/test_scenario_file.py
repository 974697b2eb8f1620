"""Scenarios as TOML: what each key becomes, what a command line replaces, and what is said of a mistake."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

import pytest

from trio_lab.errors import UsageError
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.scenario import Fault, GateSettings, Scenario
from trio_lab.simulate.scenario_file import REQUESTS, Changes, ScenarioFile
from trio_lab.simulate.times import Times

WHOLE = """
seed = 7
seconds = 60
servers = 8
cores = 2
warm_up = 5

[arrivals]
kind = "bursts"
rate = 40
burst = 5

[service]
kind = "lognormal"
mean = 0.05
sigma = 0.4

[patience]
kind = "exponential"
mean = 1

[retries]
times = 2
pause = 0.1
backoff = 2

[gate]
max_waiting = 20
queue_timeout = 3
run_timeout = 9
discipline = "fifo"
limit = "vegas"

[[faults]]
kind = "flapping"
at = 10
seconds = 4
period = 0.5

[[callers]]
kind = "page"
tenant = "a"
priority = 3

[[callers]]
kind = "report"
[callers.arrivals]
kind = "closed"
clients = 3
think = 0.5
start = 1
[callers.service]
mean = 0.5
"""


def read(content: str, folder: Path, **changes: Any) -> Scenario:
    path = folder / "a.toml"
    path.write_text(content)
    return ScenarioFile(path=path, changes=Changes(**changes)).read()


def test_every_key_has_its_place(tmp_path: Path) -> None:
    found = read(WHOLE, tmp_path)
    assert (found.seed, found.seconds, found.requests, found.servers, found.cores) == (7, 60.0, None, 8, 2)
    assert found.warm_up == 5.0
    assert found.gate == GateSettings(
        max_waiting=20, queue_timeout=3.0, run_timeout=9.0, discipline="fifo", limit="vegas"
    )
    assert found.faults == (Fault(kind="flapping", at=10.0, seconds=4.0, period=0.5),)
    page, report = found.workloads
    assert page.arrivals == Arrivals(kind="bursts", rate=40.0, burst=5)
    assert (page.callers.kind, page.callers.tenant, page.callers.priority) == ("page", "a", 3)
    assert (page.callers.retries, page.callers.pause, page.callers.backoff) == (2, Times(mean=0.1), 2.0)
    assert page.callers.patience == report.callers.patience == Times(kind="exponential", mean=1.0)
    assert page.callers.service == Times(kind="lognormal", mean=0.05, sigma=0.4)
    assert report.callers.service == Times(kind="lognormal", mean=0.5, sigma=0.4)  # the rest is that of the file
    assert (report.arrivals, report.clients, report.start, report.end) == (None, 3, 1.0, inf)
    assert report.callers.think == Times(mean=0.5)


SHORT = """
servers = 4
[arrivals]
rate = 3
[service]
kind = "exponential"
mean = 1
"""


def test_little_is_enough(tmp_path: Path) -> None:
    found = read(SHORT, tmp_path)
    assert (found.requests, found.seconds, found.seed, found.gate) == (REQUESTS, None, 1, GateSettings())
    assert (found.load, found.workloads[0].callers.patience) == (0.75, None)


def test_options_replace_what_the_file_says(tmp_path: Path) -> None:
    found = read(SHORT, tmp_path, rate=8.0, cores=2, service=0.1, patience=2.0, seed=5, requests=9)
    assert (found.rate, found.servers, found.seed, found.requests) == (8.0, 2, 5, 9)
    assert found.workloads[0].callers.service == Times(kind="exponential", mean=0.1)
    assert found.workloads[0].callers.patience == Times(mean=2.0)
    assert read(WHOLE, tmp_path, cores=1, servers=3).able == 1
    measured = Times(kind="recorded", values=(1.0, 3.0))
    assert read(SHORT, tmp_path, service=measured).service == 2.0
    assert read(WHOLE, tmp_path, requests=9).seconds is None


def test_load_and_capacity_say_the_rest(tmp_path: Path) -> None:
    found = read(SHORT.replace("rate = 3", "load = 1.5").replace("mean = 1", "capacity = 80"), tmp_path)
    assert (found.service, found.rate) == (pytest.approx(0.05), pytest.approx(120.0))
    assert read(SHORT.replace("rate = 3", "load = 1.5"), tmp_path, service=0.5).rate == pytest.approx(12.0)


def test_traces_and_durations_come_from_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "moments.json").write_text(json.dumps([0, 1, 1.5]))
    (tmp_path / "times.json").write_text(json.dumps([0.5, 1.5]))
    trace = '[arrivals]\nkind = "trace"\nfile = "moments.json"\n[service]\nfile = "times.json"\n'
    found = read(trace, tmp_path)
    assert found.workloads[0].arrivals == Arrivals(kind="trace", moments=(0.0, 1.0, 1.5))
    assert found.workloads[0].callers.service == Times(kind="recorded", values=(0.5, 1.5))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rate = 3", "rat = 3", "arrivals.rate: is missing"),
        ("rate = 3", "rate = 3\nburts = 4", "arrivals.burts: is not known here; did you mean burst"),
        ("rate = 3", "rate = -1", "arrivals.rate: must be at least 0"),
        ("rate = 3", "rate = 0", "arrivals: rate must be over 0"),
        ("rate = 3", "rate = true", "arrivals.rate: must be a number"),
        ("rate = 3", "rate = nan", "arrivals.rate: must be a number"),
        ("rate = 3", f"rate = 1{'0' * 400}", "arrivals.rate: must be a number"),
        ("rate = 3", 'kind = "often"\nrate = 3', "arrivals: kind must be"),
        ("servers = 4", "servers = 1.5", "servers: must be a whole number"),
        ("servers = 4", "servers = 0", "servers: must be at least 1"),
        ("servers = 4", "seconds = 3\nrequests = 4", "say how long"),
        ("servers = 4", "gate = 3", "gate: must be a table"),
        ("servers = 4", "faults = 3", "faults: must be tables"),
        ("mean = 1", "", "service.mean: is missing"),
        ("mean = 1", 'mean = "1"', "service.mean: must be a number, not '1'"),
        ("mean = 1", 'capacity = "few_rps"', "service.capacity: is the figure 'few_rps' of a measured run"),
        ("mean = 1", 'file = "none.json"', "service.file: "),
        ("mean = 1", "values = [1, 'a']", "service.values: must be a list of numbers"),
        ("[service]", "[gate]\ndiscipline = 'x'\n[service]", "gate: discipline must be one of"),
        ("[service]", "[gate]\nby_tenant = 1\n[service]", "gate.by_tenant: must be true or false"),
        ("[service]", "[gate]\nqueue = 1\n[service]", "gate.queue: is not known here"),
        ("[service]", "[[faults]]\nat = 1\n[service]", "faults[0].seconds: is missing"),
        ("[service]", "[[callers]]\nkind = 1\n[service]", "callers[0].kind: must be text"),
        ("[service]", "[[callers]]\n[callers.patience]\nmean = 'x'\n[service]", "callers[0].patience.mean: must be"),
        ("servers = 4", "servers", "Expected '='"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(old: str, new: str, says: str, tmp_path: Path) -> None:
    assert old in SHORT
    with pytest.raises(UsageError) as raised:
        read(SHORT.replace(old, new), tmp_path)
    assert str(raised.value).startswith(f"{tmp_path / 'a.toml'}: ")
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("arrivals", ["rate = 3", 'kind = "trace"\nmoments = [0, 1, 2]'], ids=["open", "trace"])
@pytest.mark.parametrize("rate", [0.0, -1.0, inf])
def test_an_option_that_is_no_rate_is_one_line(arrivals: str, rate: float, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.toml: arrivals: rate must be over 0"):
        read(SHORT.replace("rate = 3", arrivals), tmp_path, rate=rate)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml cannot be read: No such file"):
        ScenarioFile(path=tmp_path / "none.toml").read()
