"""`--live` of both Python servers: a process beside the server that shows it, also while its loop is blocked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing

from ..blocks import block
from ..config import Config
from ..http.app import LabApp
from ..http.lab import Lab
from ..http.listening import listen_beside, url_of
from ..live.figures import Telling
from ..live.memory import Memory
from ..live.open_live import open_live, written


@block
async def shown_live(app: LabApp, lab: Lab, config: Config) -> AsyncIterator[None]:
    """For the length of the block, if the config wants it. One of several processes only writes: their supervisor has them
    shown.

    Raises:
        UsageError: the address cannot be bound.
    """
    listener = app.beside or listen_beside(config)
    if listener is None and app.one_of is None:
        yield
        return
    telling = Telling(
        health=lambda: lab.health(reset=False),
        totals=lambda health: lab.totals(health, app.requests),
        durations=app.requests.durations,
        workers=lab.worker_states,
    )
    service = f"the lab on {lab.runtime}"
    if (one := app.one_of) is not None:
        with closing(Memory(one.memory, one.region)) as memory:
            async with written(lab.watch, memory, telling, answered=one.answers, service=service):
                yield
        return
    assert listener is not None
    opened = open_live(
        lab.watch,
        listener=listener,
        names=(config.host,),
        service=service,
        telling=telling,
        lab=None if app.listener is None else url_of(config, app.listener),
    )
    with listener:
        async with opened:
            yield
