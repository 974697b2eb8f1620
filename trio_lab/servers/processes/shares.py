"""The share that one of several processes has of what a config says of the whole service. Pure.

Threads, workers, connections and places to wait are shared out, so that as many jobs run at once and as many callers wait as
without processes. A process has at least one of each, except of places to wait when there are to be none. Everything else
holds for each process.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...config import Config

_SHARED_OUT = ("threads", "workers", "connections", "slow_connections", "max_queue", "default_threads")


def share(total: int, number: int, of: int) -> int:
    """What process ``number``, from 1, of so many gets: at least 1, unless there is nothing."""
    return max(min(total, 1), total // of + (number <= total % of))


def shares(config: Config, number: int) -> Config:
    """The config of one process."""
    sizes = {name: getattr(config, name) for name in _SHARED_OUT}
    own: dict[str, Any] = {
        name: share(size, number, config.processes) for name, size in sizes.items() if size is not None
    }
    return replace(config, processes=1, **own)


def together(config: Config) -> Config:
    """The config with the sizes that all shares have together. They are larger if there are more processes than that."""
    all_shares = [shares(config, number) for number in range(1, config.processes + 1)]
    return replace(
        config,
        threads=sum(one.threads for one in all_shares),
        workers=sum(one.workers for one in all_shares),
        connections=sum(one.connections for one in all_shares),
    )
