"""End to end: one benchmark for real, at depths that do not take long, and the command."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from trio_lab.bench import runner
from trio_lab.bench.cases import dispatch, growth
from trio_lab.bench.found import package
from trio_lab.bench.model import Benchmark, Measured
from trio_lab.bench.runner import run_benchmarks
from trio_lab.records.codec import to_plain
from trio_lab.records.spread import Spread

KEYS = {"name", "ratios", "goals", "met", "figures", "missing", "versions", "busy_machine", "failed", "environment"}


async def test_growth_brings_ratios_for_every_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    depths = (10, 50, 2_000)
    monkeypatch.setattr(growth, "DEPTHS", depths)
    ratios = (*(growth._name(kind, depth) for kind in growth._KINDS for depth in depths), growth._MONITOR)
    shallow = replace(growth.BENCHMARK, ratios=ratios, goals={})
    monkeypatch.setattr(runner, "select", lambda names: (shallow,))
    monkeypatch.setattr(growth, "_TURNS", 100)
    monkeypatch.setattr(growth, "_HOUR", {True: 2, False: 2})
    said: list[str] = []
    found = await run_benchmarks(("growth",), quick=True, say=said.append)
    [result] = to_plain(found)["benchmarks"]
    assert result.keys() >= KEYS
    assert result["failed"] is None
    assert result["ratios"].keys() >= {"50 waiting", "2000 waiting", "bare: 2000 waiting"}
    for spread in result["ratios"].values():
        assert 0 < spread["min"] <= spread["median"] <= spread["max"]
    assert result["figures"]["10 waiting, µs"] > 0
    assert result["figures"]["monitor, passes"] == 2 * 3600
    assert result["missing"] == []
    assert "growth" in said[0]


async def test_dispatch_without_peers_says_so_and_judges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lone = replace(dispatch.BENCHMARK, peers=(package("no-such-pool"),))
    ran = []

    async def alone(call: Any) -> float:
        ran.append(call.args[0])
        return 1000.0

    monkeypatch.setattr(dispatch, "alone", alone)
    monkeypatch.setattr(runner, "select", lambda names: (lone,))
    [result] = (await run_benchmarks((), quick=True, say=lambda _: None)).benchmarks
    assert set(ran) == {"trio_lab"}
    assert result.missing == ("no-such-pool: not installed",)
    assert result.met is None
    assert result.ratios == {}
    assert result.failed is None
    assert result.figures["ours, jobs/s"] == 1000


async def test_one_that_fails_costs_only_its_own_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(stage: object) -> Measured:
        raise ExceptionGroup("in a nursery", [RuntimeError("no\nluck")])

    async def work(stage: object) -> Measured:
        return Measured(ratios={"peer": [1.0]})

    async def surprise(stage: object) -> Measured:
        return Measured(ratios={"peer": [1.0], "another": [1.0]})

    some = tuple(
        Benchmark(name=run.__name__, order=1, question="?", peers=(), ratios=("peer",), goals={}, run=run)
        for run in (fail, work, surprise)
    )
    monkeypatch.setattr(runner, "select", lambda names: some)
    failed, worked, surprised = (await run_benchmarks((), quick=True, say=lambda _: None)).benchmarks
    assert failed.failed == "RuntimeError: no luck"
    assert failed.ratios == surprised.ratios == {}
    assert surprised.failed == "ValueError: not declared: another"
    assert worked.ratios == {"peer": Spread(median=1.0, min=1.0, max=1.0)}


@pytest.mark.parametrize(
    ("words", "said"), [(["no-such-thing"], "no-such-thing"), (["--dose", "0"], "dose must be between")]
)
def test_what_cannot_be_run_ends_with_2_and_one_line(words: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trio_lab", "bench", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
