"""Unit: limits that have no meaning are refused where they are given, by their names."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

import trio_lab
from trio_lab.pools.limits import PoolLimits
from trio_lab.pools.restart import RestartPolicy

from .fake import House


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"size": 0}, "size must be at least 1, not 0"),
        ({"size": 2.0}, "size must be a whole number"),
        ({"min_size": 0}, "min_size must be at least 1"),
        ({"min_size": 3, "size": 2}, "min_size must be at most the size, 2, not 3"),
        ({"max_queue": -1}, "max_queue must be at least 0"),
        ({"max_queue": True}, "max_queue must be a whole number"),
        ({"queue_timeout": -0.1}, "queue_timeout .*not -0.1"),
        ({"queue_timeout": math.nan}, "queue_timeout .*not nan"),
        ({"queue_timeout": math.inf}, "queue_timeout .*not inf"),
        ({"run_timeout": 0}, "run_timeout .*over 0.*not 0"),
        ({"run_timeout": math.nan}, "run_timeout .*not nan"),
        ({"run_timeout": "5"}, "run_timeout must be a number of seconds"),
        ({"idle_timeout": 0.0}, "idle_timeout .*over 0"),
        ({"memory": 0}, "memory must be at least 1"),
        ({"recycle_memory": -5}, "recycle_memory must be at least 1"),
        ({"max_jobs": 0}, "max_jobs must be at least 1"),
        ({"max_age": 0}, "max_age .*over 0"),
        ({"ahead": 0}, "ahead must be between 1 and 8, not 0"),
        ({"ahead": 9}, "ahead must be between 1 and 8, not 9"),
        ({"ahead": math.nan}, "ahead must be a whole number"),
        ({"on_cancel": "pray"}, 'on_cancel must be "abandon" or "stop"'),
        ({"grace": math.nan}, "grace .*not nan"),
    ],
)
def test_a_limit_without_meaning_is_named(limits: dict[str, Any], says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        trio_lab.open_worker_pool(**limits)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_queue": 0, "queue_timeout": 0, "max_jobs": 1, "max_age": 0.5, "ahead": 8, "min_size": 1, "size": 1},
        {"max_queue": None, "queue_timeout": None, "run_timeout": None, "memory": None, "max_age": None},
        {"ahead": 1, "on_cancel": "stop", "queue_timeout": 0.1, "run_timeout": 0.1, "idle_timeout": 0.1},
        {"on_cancel": "abandon", "restart": RestartPolicy(max_restarts=1, max_seconds=86_400)},
        {"restart": RestartPolicy(max_seconds=0.1)},
    ],
)
def test_the_bounds_themselves_are_allowed(limits: dict[str, Any]) -> None:
    assert PoolLimits(**limits).size >= 1


@pytest.mark.parametrize(
    "policy", [{"max_restarts": 0}, {"max_seconds": 0.0}, {"max_seconds": math.nan}, {"max_seconds": 86_401}]
)
def test_a_restart_policy_without_meaning_is_named(policy: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(policy))} (must|is)"):
        RestartPolicy(**policy)


@pytest.mark.parametrize(
    "limits", [{"queue_timeout": math.nan}, {"queue_timeout": -1.0}, {"run_timeout": 0.0}, {"run_timeout": math.inf}]
)
def test_limits_of_a_call_are_checked_before_it_counts(limits: dict[str, Any]) -> None:
    house = House(size=1)
    assert house.submit("a", **limits) == "ValueError"
    assert house.dispatcher.tallies.total().arrivals == 0


def test_an_unknown_keyword_is_named() -> None:
    with pytest.raises(TypeError, match="sizee"):
        trio_lab.open_worker_pool(sizee=2)  # type: ignore[call-arg]


def test_it_says_that_it_needs_trio() -> None:
    async def main() -> None:
        async with trio_lab.open_worker_pool(size=1):
            pass

    with pytest.raises(RuntimeError, match="open_worker_pool needs a Trio loop; this runs under asyncio"):
        asyncio.run(main())
