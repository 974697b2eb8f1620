"""A long list in one go, in chunks, and in slices of time: what do others feel, and what does it cost?

Varied: where others are let in (never, after 500 or 1000 items, every 5 ms), and the weight of an item. Held fixed: the
total work, for heavy items are 50 times as heavy and 50 times fewer; one client; one server; a probe of /health.

Delays are told in lengths of the list in one go. A chunk of 500 light items is a hundredth of it, a slice is 5 ms, and a
request needs three or four passes: up to a quarter. A chunk of 500 heavy items is as long as 25 000 light ones, two fifths. The
cost is judged by CPU time and not by speed: other programs make a list slower, but not dearer. 1.4 leaves room for 120
checkpoints, and for the requests that are served in between and whose CPU time is counted here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ...records.chart import Role
from ...records.figures import Measures, check, measured, of_each
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_ITEMS = 60_000  # of some microseconds each
_WEIGHT = 50  # so many times heavier, and so many times fewer
_WAYS: dict[str, tuple[str, str, Role]] = {
    "none": ("in one go", f"mode=no_checkpoint&items={_ITEMS}", "bad"),
    "chunk_500": ("chunks of 500", f"mode=chunked&chunk=500&items={_ITEMS}", "good"),
    "chunk_1000": ("chunks of 1000", f"mode=chunked&chunk=1000&items={_ITEMS}", "good"),
    "sliced": ("slices of 5 ms", f"mode=time_sliced&items={_ITEMS}", "good"),
    "heavy_chunk_500": (
        "chunks of 500, heavy items",
        f"mode=chunked&chunk=500&items={_ITEMS // _WEIGHT}&weight={_WEIGHT}",
        "bad",
    ),
    "heavy_sliced": (
        "slices of 5 ms, heavy items",
        f"mode=time_sliced&items={_ITEMS // _WEIGHT}&weight={_WEIGHT}",
        "good",
    ),
}


def _speed(run: Loaded) -> float:
    """Lists per second of the time that they took: few fit into a phase, and one that is cut off would count much."""
    return 1 / run.load.latency.mean


def _cpu(run: Loaded) -> float:
    """CPU seconds of the server for a list."""
    return run.cpu / max(1, run.load.requests.ok)


def _cpu_of(way: str, found: Mapping[str, Loaded]) -> float:
    return _cpu(found[way]) / _cpu(found["none"])


def _in_lists(way: str, found: Mapping[str, Loaded]) -> float:
    """/health p99 ÷ the length of a list that is processed in one go."""
    return found[way].health.p99 / found["none"].load.latency.p50


_OF_EACH: Measures[Loaded] = {
    "{}_health_p99_ms": lambda run: run.health_p99_ms,
    "{}_lists_per_s": _speed,
    "{}_cpu_ms_per_list": lambda run: _cpu(run) * 1e3,
}
_FIGURES: Measures[Mapping[str, Loaded]] = {
    **of_each(_WAYS, _OF_EACH),
    "list_ms": lambda found: found["none"].load.latency.p50 * 1e3,
    **{f"{way}_in_lists": partial(_in_lists, way) for way in _WAYS},
    "chunk_500_cpu": partial(_cpu_of, "chunk_500"),
    "sliced_cpu": partial(_cpu_of, "sliced"),
}


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(3, quick=0.8)
    server = await stage.kept()
    found: dict[str, Loaded] = await stage.once(
        {
            way: partial(stage.loaded, server, f"/process-list?{query}", connections=1, duration=seconds, timeout=60.0)
            for way, (_, query, _) in _WAYS.items()
        }
    )
    return Collected(
        figures=measured(_FIGURES, found),
        charts=(
            charts.bars(
                "/health p99 beside each",
                ("the list is processed", "/health p99, ms"),
                [("p99", [(_WAYS[way][0], run.health_p99_ms) for way, run in found.items()], None)],
                log_y=True,
                rules=[charts.rule(50, "50 ms")],
                note=f"One client, the same work each time. Heavy items are {_WEIGHT} times as heavy, and as much fewer.",
            ),
            charts.bars(
                "Lists per second",
                ("the list is processed", "lists/s"),
                [("lists", [(_WAYS[way][0], _speed(run)) for way, run in found.items()], None)],
                note="While others are let in, their requests take some of the time too.",
            ),
            charts.health_over_time(
                [(_WAYS[way][0], found[way], _WAYS[way][2]) for way in ("none", "chunk_500", "sliced")]
            ),
        ),
        loads=[found["none"].step],
    )


def _finding(found: Reading) -> str:
    p99 = {way: found.said(f"{way}_health_p99_ms", "ms") for way in _WAYS}
    return f"""/health p99 was {p99["none"]} beside lists in one go of {found.said("list_ms", "ms")}, {p99["chunk_500"]} and
        {p99["chunk_1000"]} beside chunks of 500 and 1000, {p99["sliced"]} beside slices of 5 ms. With items {_WEIGHT} times as
        heavy it was {p99["heavy_chunk_500"]} beside chunks of 500 and {p99["heavy_sliced"]} beside slices. A list in chunks of
        500 cost {found.said("chunk_500_cpu", "×")} the CPU of one in one go, in slices {found.said("sliced_cpu", "×")}."""


EXPERIMENT = Experiment(
    name="chunking",
    title="A long list, cut in pieces",
    order=21,
    expected_s=18,
    question="What do others gain when a long list is processed in chunks or slices of time, and what does it cost?",
    prediction="""In one go, all other requests wait for the end of a list: /health p99 is at least half as long as
        one. Chunks of 500 bring it under a third, and cost no more than 1.4 times the CPU. But a count says nothing about
        the cost of an item: with heavy items the same chunks bring it over a third again, and slices of time do not.""",
    figures=_FIGURES,
    checks=(
        check("/health p99 ÷ one list, in one go", "none_in_lists", ">=", 0.5, "×"),
        check("/health p99 ÷ one list, chunks of 500", "chunk_500_in_lists", "<", 0.35, "×"),
        check("/health p99 ÷ one list, slices of 5 ms", "sliced_in_lists", "<", 0.35, "×"),
        check("/health p99 ÷ one list, chunks of 500, heavy items", "heavy_chunk_500_in_lists", ">", 0.35, "×"),
        check("/health p99 ÷ one list, slices of 5 ms, heavy items", "heavy_sliced_in_lists", "<", 0.35, "×"),
        check("CPU, chunks of 500 ÷ in one go", "chunk_500_cpu", "<=", 1.4, "×"),
    ),
    advice="""Cut long loops by time: `async for item in trio_lab.time_sliced(items)`. A chunk of so many items is as
        good only while all items cost about the same. Every task in such a loop takes its slice in every pass, so bound
        how many there are at once; and long computations belong in a worker process anyway.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
