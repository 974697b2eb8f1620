"""Ten thousand requests that were good and are changed: see `mutation` for what is done to them.

Each part of a request is changed in the ways in which parsers are known to differ, several at a time; requests are pipelined,
split across writes, cut off, and their clients close, half-close or reset. What a server should reply to most of them is a
matter of taste, so only harm counts: an end of the process, a traceback or an exception group in its log, a status of 500 and
above that the contract does not know, a reply that is not in JSON, a connection that is closed without a reply though its
client listens. A request that is not whole is not answered, as long as the connection may be idle.

The cases follow from the seed and their number alone. A case that did harm is told, with its bytes and its number.

The control is a plain Quart app under hypercorn's own serving loop, which reads its numbers by `int`.
"""

from __future__ import annotations

from functools import partial

from ...records.figures import Figures, check
from ...stage.stage import Stage
from ..both import drill_of_both
from ..fuzzing import Harm, attack, tracebacks
from ..logged import trusting_server
from ..server import faulty_server

SEED = 19


def _figures(harm: Harm) -> dict[str, float | None]:
    return {
        "seed": SEED,
        "requests": harm.sent,
        "replies": harm.replies,
        "unanswered": harm.unanswered,
        "dropped": harm.dropped,
        "exits": harm.exits,
        "tracebacks": harm.tracebacks,
        "undeclared_5xx": harm.undeclared,
        "not_json": harm.not_json,
    }


async def _inject(stage: Stage) -> Figures:
    open_server = partial(faulty_server, runtime=stage.runtime)
    async with open_server() as server:
        harm = await attack(open_server, server, range(stage.count(10_000, quick=1_000)), seed=SEED)
        stage.notes += harm.told[:5]
        server.child.killed = server.ended()  # `exits` tells of it
        after = {} if harm.exits else await server.aftermath()
        harm.tracebacks = tracebacks(server)  # with those that came late
        return _figures(harm) | after


async def _control(stage: Stage) -> Figures:
    open_server = partial(trusting_server, stage.runtime)
    async with open_server() as server:
        return _figures(await attack(open_server, server, range(200), seed=SEED))


DRILL = drill_of_both(
    name="protocol-fuzz",
    number=19,
    gate=False,
    question="Ten thousand requests that are a little wrong: does any end the server, or raise in it?",
    figures=tuple(_figures(Harm())),
    checks=(
        check("ends of the server", "exits", "<=", 0),
        check("tracebacks and exception groups in its log", "tracebacks", "<=", 0),
        check("replies of 500 and above that are not declared", "undeclared_5xx", "<=", 0),
        check("replies that are not in JSON", "not_json", "<=", 0),
        check("clients that listened, and were closed without a reply", "dropped", "<=", 0),
    ),
    inject=_inject,
    control=_control,
    twin="Quart under hypercorn's own loop, parameters read by int",
)
