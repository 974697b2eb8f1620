"""Two tenants of one service, and one of them asks for twenty times its share.

A service behind `trio_lab.asgi.admission`: eight requests at once, 200 to 600 ms each, so 20 a second on any machine, and 10
for each of two tenants. The quiet one asks for 5 a second, which is half of its share. Varied: whether a second tenant asks for
200 a second beside it, and whether the admission knows the tenants by a header. Held fixed: the quiet tenant's requests.

A place is free every 50 ms on average. The quiet tenant is next in turn when one is, so its p99 may grow by about that, an
eighth of the service; the bound leaves as much again for the CPU that 200 requests a second take. Where all are treated alike
it waits with the others, for several times the service.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ...records.figures import Measures, check, measured
from ...records.load import LoadResult
from ...stage.server import serving
from ...stage.stage import Stage
from ...stage.together import both
from .. import charts, tenants
from ..model import Collected, Experiment
from ..reading import Reading

_SHARE = tenants.CAPACITY / 2
_QUIET, _NOISY = 0.5, 20.0  # loads, in units of a tenant's share
_PATIENCE = 1.0  # of the noisy tenant's clients
_CONNECTIONS = 600
_COMMAND = [sys.executable, "-m", tenants.__name__]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the quiet tenant saw: ``alone``; ``beside`` the other; and where the admission does not know them (``alike``)."""

    alone: LoadResult
    beside: LoadResult
    alike: LoadResult


_FIGURES: Measures[_Found] = {
    "alone_p99_ms": lambda found: found.alone.latency.p99 * 1e3,
    "beside_p99_ms": lambda found: found.beside.latency.p99 * 1e3,
    "alike_p99_ms": lambda found: found.alike.latency.p99 * 1e3,
    "beside_p99": lambda found: found.beside.latency.p99 / found.alone.latency.p99,
    "alike_p99": lambda found: found.alike.latency.p99 / found.alone.latency.p99,
    "beside_lost": lambda found: found.beside.requests.sent - found.beside.requests.ok,
}


async def _quiet(stage: Stage, *words: str, noisy: bool) -> LoadResult:
    """What the quiet tenant sees of a new service."""
    seconds = max(2.0, stage.seconds(20, quick=6))
    async with serving([*_COMMAND, *words]) as server:
        asked = partial(
            stage.load,
            server.url,
            connections=_CONNECTIONS,
            duration=seconds,
            rate=_QUIET * _SHARE,
            headers=_named("quiet"),
        )
        if not noisy:
            return await asked()
        others = partial(
            stage.load,
            server.url,
            connections=_CONNECTIONS,
            duration=seconds,
            rate=_NOISY * _SHARE,
            leave_after=_PATIENCE,
            headers=_named("noisy"),
        )
        found, _ = await both(asked, others)
        return found


def _named(tenant: str) -> Sequence[tuple[str, str]]:
    return [(tenants.TENANT, tenant)]


async def _collect(stage: Stage) -> Collected:
    turns = {
        "alone": partial(_quiet, stage, tenants.TENANT, noisy=False),
        "beside": partial(_quiet, stage, tenants.TENANT, noisy=True),
        "alike": partial(_quiet, stage, noisy=True),
    }
    found = _Found(**await stage.once(turns))
    shown = [("alone", found.alone), ("beside", found.beside), ("beside, all alike", found.alike)]
    return Collected(
        figures=measured(_FIGURES, found),
        charts=(
            charts.bars(
                "What the quiet tenant waits",
                ("the other tenant", "p99, ms"),
                [("p99", [(name, run.latency.p99 * 1e3) for name, run in shown], None)],
                note=f"The other asks for {_NOISY:g} × its share; the service takes {tenants.SERVICE * 1e3:g} ms.",
            ),
        ),
    )


def _finding(found: Reading) -> str:
    return f"""The quiet tenant's p99 was {found.said("alone_p99_ms", "ms")} by itself. Beside the noisy one it
        {found.change("beside_p99")}, and where the admission treated both alike it {found.change("alike_p99")}."""


EXPERIMENT = Experiment(
    name="noisy-tenant",
    title="A noisy tenant",
    order=33,
    expected_s=145,
    question="One tenant asks for twenty times its share: what does another one feel?",
    prediction="""The admission gives a free place to the tenant that has held the fewest lately, so the quiet one waits for
        one place at most and hardly notices. Without knowing the tenants it makes the quiet one wait with the crowd.""",
    figures=_FIGURES,
    checks=(
        check("p99 of the quiet tenant, beside ÷ alone", "beside_p99", "<=", 1.3, "×"),
        check("the same where all are treated alike", "alike_p99", ">=", 2, "×"),
    ),
    advice="""Tell the admission whose a request is (`tenant="X-API-Key"`, or the address): order alone protects nobody from a
        caller that sends more than all others.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
