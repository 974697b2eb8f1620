"""What a plan's bounds do: each a fifth smaller and a fifth larger, at the load of the plan and when more comes than that.

At the load of the plan the bounds of the queue hardly matter, as queues are short: they decide what an overload does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from ..records.codec import In, Ratio
from .cluster import Hosts, Served, serve
from .outcome import Duration

CHANGE = 0.2
OVERLOAD = 1.5
"""Times the load of the plan."""

_FEW = 5  # hosts: what a bound does to one, it does to all
_LEAST, _MOST = 6_000, 30_000  # requests
_WARM_UP = 0.5  # of them: in an overload the queues have to fill first
_OVER = 1.02  # the load from which on they do


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The bound has this ``value``: the p99 of what is served and the share that is refused, at the load of the plan and at
    `OVERLOAD` times it."""

    value: Annotated[float, In(digits=6)]
    p99: Annotated[float, Duration]
    refused: Ratio
    overload_p99: Annotated[float, Duration]
    overload_refused: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One bound, of each host or of all. ``less`` and ``more`` are with a fifth less and more of it."""

    name: str
    unit: str
    says: str
    planned: Effect
    less: Effect
    more: Effect


_Change = Callable[[Hosts, float], tuple[Hosts, float, float]]
"""The hosts and a factor: the hosts with the bound multiplied by it, its value, and the load that one host then gets."""


def _places(hosts: Hosts, factor: float) -> tuple[Hosts, float, float]:
    return hosts, hosts.hosts * hosts.servers * factor, 1 / factor


def _queue_capacity(hosts: Hosts, factor: float) -> tuple[Hosts, float, float]:
    value = max(0, round((hosts.bounds.max_waiting or 0) * factor))
    return replace(hosts, bounds=replace(hosts.bounds, max_waiting=value)), value, 1.0


def _queue_timeout(hosts: Hosts, factor: float) -> tuple[Hosts, float, float]:
    value = (hosts.bounds.queue_timeout or 0.0) * factor
    return replace(hosts, bounds=replace(hosts.bounds, queue_timeout=value)), value, 1.0


_BOUNDS: tuple[tuple[str, str, str, _Change], ...] = (
    ("places", "", "places in the pools of all hosts, one for each core", _places),
    ("queue_capacity", "", "callers that may wait for the pool of one host", _queue_capacity),
    ("queue_timeout", "s", "how long a caller may wait for a place", _queue_timeout),
)


def sensitivities(hosts: Hosts, rate: float) -> tuple[Bound, ...]:
    """The three bounds of a plan for so many requests a second."""
    each = rate / hosts.hosts
    planned = _effects(hosts, each)
    return tuple(
        Bound(
            name=name,
            unit=unit,
            says=says,
            planned=replace(planned, value=change(hosts, 1.0)[1]),
            less=_changed(hosts, each, change, 1 - CHANGE),
            more=_changed(hosts, each, change, 1 + CHANGE),
        )
        for name, unit, says, change in _BOUNDS
    )


def _changed(hosts: Hosts, each: float, change: _Change, factor: float) -> Effect:
    changed, value, load = change(hosts, factor)
    return replace(_effects(changed, each * load), value=value)


def _effects(hosts: Hosts, each: float) -> Effect:
    """With so many requests a second for each host."""
    few = replace(hosts, hosts=min(hosts.hosts, _FEW))
    normal, much = (_serve(few, each * few.hosts * load) for load in (1.0, OVERLOAD))
    return Effect(
        value=0.0,
        p99=normal.response.p99,
        refused=normal.refused,
        overload_p99=much.response.p99,
        overload_refused=much.refused,
    )


def _serve(hosts: Hosts, rate: float) -> Served:
    """With as many requests as it takes to fill the queues, and as many again to see what comes of it."""
    load, room = rate * hosts.service.expected / (hosts.hosts * hosts.servers), hosts.bounds.max_waiting or 0
    fill = hosts.hosts * room / (1 - 1 / load) if load > _OVER else 0.0
    return serve(hosts, rate, round(min(max(_LEAST, fill / _WARM_UP), _MOST)), warm_up=_WARM_UP)
