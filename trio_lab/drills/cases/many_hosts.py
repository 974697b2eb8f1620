"""A service of many hosts, on this one, while each of its parts is killed and started again under load.

A proxy, two servers, two job workers, a Valkey and a PostgreSQL server. What may fail is decided beforehand for each call
(`part_loss`). The control is the same proxy without health checks and without retries: while a server is away it is still sent
requests.
"""

from __future__ import annotations

import re

import trio

from ...records.figures import Figures, check
from ...stage.hosts import CONFIGURATION, Hosts, Part, open_hosts
from ...stage.stage import Stage
from ..aftermath import remembered
from ..model import Drill
from ..part_loss import Traffic, fate

_LEASE = 1.0  # seconds
_AWAY = 0.3  # seconds from the death of a part until it is asked whether it is back
_SETTLE = 1.0  # seconds from when a server is ready until the proxy has seen it: two of its checks
_RETURN = 2.0
_LONGEST = 5.0
_ENDING = 60.0  # seconds for the rest of the jobs
_PROTECTION = re.compile(r"^ *(option redispatch|retry-on|server .* backup).*\n| check port \S+", re.MULTILINE)


async def _lose_each_part(traffic: Traffic, hosts: Hosts) -> None:
    parts = {part.name: part for part in hosts.parts}
    for name in ("one", "two"):
        async with trio.open_nursery() as nursery:  # a worker dies while a server starts
            nursery.start_soon(_lose, traffic, parts[f"server {name}"])
            await trio.sleep(_AWAY)
            nursery.start_soon(_lose, traffic, parts[f"worker {name}"])
        await trio.sleep(_SETTLE)
    for name in ("jobs", "database", "proxy"):
        await _lose(traffic, parts[name])
        await trio.sleep(_AWAY)


async def _lose(traffic: Traffic, part: Part) -> None:
    await traffic.without(part, away=_AWAY)


async def _inject(stage: Stage) -> Figures:
    figures: dict[str, float | None] = {}
    async with remembered(figures):
        async with open_hosts(configuration=CONFIGURATION.read_text(), lease=_LEASE) as hosts:
            traffic = Traffic(hosts=hosts)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(traffic.flow)
                await trio.sleep(_AWAY)
                for _ in range(stage.count(10, quick=1)):
                    await _lose_each_part(traffic, hosts)
                await trio.sleep(_AWAY)
                nursery.cancel_scope.cancel()
            found = await fate(hosts.jobs, traffic.accepted, patience=_ENDING)
            stage.notes += hosts.faults()
    stage.notes += [f"failed without a reason: {call.need}: {call.said}" for call in traffic.innocent()[:5]]
    failed = traffic.failed()
    return {
        "calls": len(traffic.calls),
        "kills": len(traffic.outages),
        "innocent": len(traffic.innocent()),
        "cut_off": sum(call.outcome == "broken" for call in failed),
        "refused": sum(call.outcome == "refused" for call in failed),
        "jobs": len(traffic.accepted),
        "lost": found.lost,
        "extra_ends": found.extra_ends,
        "tried_again": found.tried_again,
        "back_s": traffic.slowest_return(),
        "longest_call_s": max(call.ended - call.begun for call in traffic.calls),
        **figures,
    }


def unprotected() -> str:
    """The proxy's configuration without what keeps requests from a server that is away."""
    return _PROTECTION.sub("", CONFIGURATION.read_text()).replace("retries 2", "retries 0")


async def _control(stage: Stage) -> Figures:
    async with open_hosts(configuration=unprotected(), lease=_LEASE) as hosts:
        traffic = Traffic(hosts=hosts)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(traffic.flow)
            await trio.sleep(_AWAY)
            await _lose(traffic, next(part for part in hosts.parts if part.kind == "server"))
            nursery.cancel_scope.cancel()
    return {"calls": len(traffic.calls), "kills": 1, "innocent": len(traffic.innocent())}


DRILL = Drill(
    name="many-hosts",
    number=32,
    gate=False,
    question="Each part of a service of many hosts dies once under load: which requests notice, and is a job lost?",
    figures=(
        *("calls", "kills", "innocent", "cut_off", "refused"),
        *("jobs", "lost", "extra_ends", "tried_again", "back_s", "longest_call_s"),
    ),
    checks=(
        check("requests that failed without a reason", "innocent", "<=", 0),
        check("accepted jobs that were lost", "lost", "<=", 0),
        check("ends that counted twice", "extra_ends", "<=", 0),
        check("served again, after a part was back", "back_s", "<=", _RETURN, "s"),
        check("longest request", "longest_call_s", "<=", _LONGEST, "s"),
    ),
    inject=_inject,
    control=_control,
    twin="a proxy without checks and retries",
)
