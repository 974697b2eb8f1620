"""A lab server with a queue of its own, registered in one place: ``python -m tests.servers.own_queue RUNTIME``."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial

from trio_lab.config import Config
from trio_lab.records.queue import QueueStatistics


class Tickets:
    """A queue in which one more caller waits whenever it is looked at, and that tells two kinds of jobs apart."""

    def __init__(self) -> None:
        self._looks = 0

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        name = f"tickets.{kind}" if kind else "tickets"
        self._looks += kind is None
        return QueueStatistics(name=name, capacity=1, in_service=1, waiting=self._looks, max_waiting=100)

    def kinds(self) -> list[str]:
        return ["adults", "children"]


def tell(url: str) -> None:
    print(json.dumps({"url": url}), flush=True)


def main(runtime: str) -> None:
    config = Config(port=0, workers=1)
    if runtime == "trio":
        import trio

        from trio_lab.servers.trio.serving import serve as on_trio

        trio.run(partial(on_trio, config, on_ready=lambda url, _: tell(url), control=True, queues=[Tickets()]))
    else:
        from trio_lab.servers.asyncio.serving import serve as on_asyncio

        asyncio.run(on_asyncio(config, on_ready=lambda url, _: tell(url), control=True, queues=[Tickets()]))


if __name__ == "__main__":
    main(sys.argv[1])
