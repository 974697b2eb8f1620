"""Unit: when a benchmark is met, missed or open, and what is said of peers that are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from trio_lab.bench import cases, found
from trio_lab.bench.catalog import BENCHMARKS, select
from trio_lab.bench.found import Peer, npm, package
from trio_lab.bench.model import Benchmark, Measured, is_met
from trio_lab.errors import UsageError
from trio_lab.records.benchmark import Goal


async def _never(stage: object) -> Measured:
    raise AssertionError("not run here")


GOALS = {"piscina": Goal(relation=">=", bound=2.0), "node": Goal(relation="<=", bound=0.5)}


def benchmark(peers: tuple[Peer, ...] = ()) -> Benchmark:
    return Benchmark(name="a", order=1, question="Is it?", peers=peers, ratios=tuple(GOALS), goals=GOALS, run=_never)


def goals(ratios: dict[str, list[float]]) -> dict[str, Goal]:
    return benchmark().judged(Measured(ratios=ratios).spreads)


@pytest.mark.parametrize(
    ("ratios", "met"),
    [
        ({"piscina": [2.0, 2.1, 1.0], "node": [0.5]}, True),
        ({"piscina": [1.9, 1.9, 9.0], "node": [0.5]}, False),
        ({"piscina": [3.0], "node": [0.6]}, False),
        ({"piscina": [3.0]}, None),  # nothing is said of a peer that was not there
        ({"node": [0.6]}, None),
        ({}, None),
        ({"piscina": [], "node": [0.1]}, None),
    ],
)
def test_the_median_decides_and_a_missing_peer_leaves_it_open(ratios: dict[str, list[float]], met: bool | None) -> None:
    assert is_met(goals(ratios)) is met


def test_every_goal_says_for_itself_whether_it_is_met() -> None:
    assert goals({"node": [0.1]}) == {
        "piscina": Goal(relation=">=", bound=2.0, met=None),
        "node": Goal(relation="<=", bound=0.5, met=True),
    }


def test_a_median_just_under_its_goal_does_not_meet_it_by_rounding() -> None:
    (spread,) = Measured(ratios={"piscina": [1.99999]}).spreads.values()
    assert spread.rounded().median == 2.0
    assert goals({"piscina": [1.99999]})["piscina"].met is False


def test_a_ratio_of_six_rounds_has_an_interval_and_one_of_five_has_none() -> None:
    rounds = [1.2, 1.0, 1.1, 1.5, 1.3, 1.4]
    assert Measured(ratios={"six": rounds, "five": rounds[1:]}).intervals == {"six": (1.0, 1.5)}


def test_a_goal_for_a_ratio_that_is_not_declared_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="not declared: piscina"):
        replace(benchmark(), ratios=("node",))


def test_a_missing_package_is_said_to_be_missing() -> None:
    versions, missing = benchmark(peers=(package("trio"), package("no-such-package"))).look()
    assert list(versions) == ["trio"]
    assert missing == ["no-such-package: not installed"]


def test_a_node_peer_is_looked_for_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "PEERS", tmp_path)
    assert npm("piscina").look() == (None, "piscina: not installed")


def test_programs_that_are_not_on_the_path_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found.NODE.look() == (None, "node: not installed")
    assert found.WRK.look() == (None, "wrk: not installed")


@pytest.mark.parametrize(
    ("said", "version", "lack"), [("v18.1.0", None, "node: older than 20"), ("v22.3.1", "22.3.1", "")]
)
def test_an_old_node_is_not_used(
    said: str, version: str | None, lack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found.NODE.look() == (version, lack)


def test_npm_is_asked_for_when_it_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="npm is not on the path"):
        found.install_peers()


def test_the_catalogue_finds_all_and_no_two_alike() -> None:
    files = Path(cases.__path__[0]).glob("[!_]*.py")
    assert sorted(benchmark.name for benchmark in BENCHMARKS) == sorted(file.stem.replace("_", "-") for file in files)
    orders = [benchmark.order for benchmark in BENCHMARKS]
    assert orders == sorted(set(orders))
    assert all(benchmark.question.endswith("?") and benchmark.goals for benchmark in BENCHMARKS)


def test_select_keeps_the_order_of_the_catalogue() -> None:
    assert [benchmark.name for benchmark in select(("growth", "dispatch"))] == ["dispatch", "growth"]
    assert select(()) == BENCHMARKS


def test_an_unknown_name_is_the_callers_to_put_right() -> None:
    with pytest.raises(UsageError, match="no-such-thing"):
        select(("no-such-thing",))
