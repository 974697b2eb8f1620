"""The same large body read as a whole and piece by piece: memory, and the latency of other requests.

Varied: how the handler reads the body. Held fixed: a body of 100 000 records (6.3 MB), the parser, two clients that send
it again and again, a probe of /health. Each mode has a server of its own: what one mode leaves free would hide what the
other needs. Memory is the kernel's own account (VmHWM) less what was resident before, so no peak is missed.

Parsing 100 000 records in one step takes some tenths of a second; slices of 2 ms for two clients make passes a tenth as long,
and 3× leaves room for other steps. A body and its records, against a few pieces: more than 2×. The speed of reading has no
bound: which mode is faster depends on the garbage collector.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ...measure.process import peak_resident_bytes, resident_bytes
from ...records.chart import Role
from ...records.figures import Measures, check, measured, of_each
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_MODES: dict[str, Role] = {"buffer": "bad", "stream": "good"}
_CLIENTS = 2
_RECORDS = 100_000
_RECORD = b'{"id":123456,"name":"somebody","amount":12.5,"tags":["a","b"]}\n'
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Found:
    """``rise``: how far the server's resident memory rose at its highest, in megabytes."""

    run: Loaded
    rise: float

    @property
    def records_per_s(self) -> float:
        return _CLIENTS * _RECORDS / self.run.load.latency.mean


_OF_EACH: Measures[_Found] = {
    "{}_health_p99_ms": lambda found: found.run.health_p99_ms,
    "{}_memory_rise_mb": lambda found: found.rise,
    "{}_records_per_s": lambda found: found.records_per_s,
}
_FIGURES: Measures[Mapping[str, _Found]] = {
    **of_each(_MODES, _OF_EACH),
    "health_p99_ratio": lambda found: found["buffer"].run.health.p99 / found["stream"].run.health.p99,
    "memory_ratio": lambda found: found["buffer"].rise / found["stream"].rise,
}


async def _mode(stage: Stage, mode: str, body: Path) -> _Found:
    async with stage.server() as server:
        before = resident_bytes(server.pid)
        run = await stage.loaded(
            server,
            f"/ingest?mode={mode}",
            body=body,
            connections=_CLIENTS,
            duration=stage.seconds(4, quick=1.5),
            timeout=60.0,
        )
        peak = peak_resident_bytes(server.pid)
    rise = math.nan if peak is None or before is None else (peak - before) / _MEGABYTE
    return _Found(run, rise)


async def _collect(stage: Stage) -> Collected:
    with TemporaryDirectory() as folder:
        body = Path(folder) / "records.ndjson"
        body.write_bytes(_RECORD * _RECORDS)
        found = await stage.once({mode: partial(_mode, stage, mode, body) for mode in _MODES})
    return Collected(
        figures=measured(_FIGURES, found),
        charts=(
            charts.health_over_time(
                [(mode, found[mode].run, role) for mode, role in _MODES.items()],
                note=f"{_CLIENTS} clients send {len(_RECORD) * _RECORDS / _MEGABYTE:.0f} MB again and again.",
            ),
            charts.bars(
                "Memory that the server needed",
                ("mode", "rise of the resident memory, MB"),
                [(mode, [(mode, found[mode].rise)], role) for mode, role in _MODES.items()],
                note=f"At its highest, {_CLIENTS} bodies at once. Figures of the kernel (VmHWM), from outside.",
            ),
            charts.percentiles("Latency of /health", [(m, found[m].run.health, role) for m, role in _MODES.items()]),
        ),
        loads=[found["buffer"].run.step],
    )


def _finding(found: Reading) -> str:
    return " ".join(
        f"""{mode}: {found.said(f"{mode}_memory_rise_mb", "MB")} of memory besides what was in use before; /health p99 was
        {found.said(f"{mode}_health_p99_ms", "ms")}, {found.said(f"{mode}_records_per_s", "records/s")} were read."""
        for mode in _MODES
    )


EXPERIMENT = Experiment(
    name="streaming",
    title="Streams instead of buffers",
    order=22,
    expected_s=14,
    question="What does it cost, in memory and for other requests, to read a large body as a whole?",
    prediction="""Read as a whole, a body of 6 MB and all its records are in memory at once, and while it is parsed no
        other request is served. Read piece by piece, the same bodies need less than half of the memory, and /health p99
        is at most a third.""",
    figures=_FIGURES,
    checks=(
        check("/health p99, buffer ÷ stream", "health_p99_ratio", ">=", 3, "×"),
        check("memory, buffer ÷ stream", "memory_ratio", ">", 2, "×"),
    ),
    advice="""Read large bodies as they arrive, in a format that can be divided (one record a line), and parse in
        slices. Make sure that data you have no room for stays with the sender: a framework that takes a body off the
        socket before you ask for it holds it in memory whatever you do.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
