"""Calls that block a loop, each beside its cure: `/block/<kind>` and `/process-list`.

With ``fixed=0`` the handler makes the call itself, which is easily written. With ``fixed=1`` it gets the same result in a
way that lets other requests be served:

=====  ===================================  ===========================================================================
kind   the blocker                          the cure
=====  ===================================  ===========================================================================
json   one large `json.loads`               a worker process, which sends back the result and not the parsed document
hash   a slow hash                          the native pool: hashing releases the GIL
regex  backtracking over user input         a bound on the input: a text that is too long to be valid is not matched
sort   one large `sorted`                   runs are sorted one by one, and merged in slices of time
read   one large `read`                     pieces, each read in a thread of the native pool; memory for one piece
=====  ===================================  ===========================================================================
"""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import trio
from quart import Response, request

from ...http.answers import ms, ms_since, reply
from ...http.contract import MAX_ROUNDS, Choices, Number, Numbers
from ...http.query import BadQuery, choice, integer
from ...slices import chunked, time_sliced
from ...work import hash_password
from .asgi import TrioApp
from .blocking import MEGABYTE, count_records, document, large_file, matches, transform, user_input, values
from .lab import TrioLab
from .longest_step import LongestStep

_LONGEST_INPUT = 16  # letters: valid input is never longer, and any pattern is done with so few in no time
_MERGE_SLICE = 0.001  # seconds: of several clients at once, each takes its slice in every pass
_PIECE = MEGABYTE
_MOST_WORK = 1_000_000  # items times weight: some seconds


def _hash_here(rounds: int) -> int:
    hash_password(rounds)
    return rounds


def _sort_here(count: int) -> float:
    ordered = sorted(value for run in values(count) for value in run)
    return ordered[count // 2]


def _read_here(megabytes: int) -> int:
    with large_file(megabytes) as file:
        return len(file.read())


async def _parse_in_worker(lab: TrioLab, records: int) -> int:
    return await lab.report_pool.run(count_records, document(records), kind="parse")


async def _hash_in_thread(lab: TrioLab, rounds: int) -> int:
    await lab.native_pool.run(hash_password, rounds, kind="hash", abandon_on_cancel=True)
    return rounds


async def _match_what_may_be_valid(_: TrioLab, length: int) -> bool:
    await trio.lowlevel.checkpoint()
    text = user_input(length)
    return len(text) <= _LONGEST_INPUT and matches(text)


async def _merge_sorted_runs(_: TrioLab, count: int) -> float:
    runs = [sorted(run) async for run in time_sliced(values(count), _MERGE_SLICE)]
    ordered = [value async for value in time_sliced(heapq.merge(*runs), _MERGE_SLICE)]
    return ordered[count // 2]


async def _read_in_pieces(lab: TrioLab, megabytes: int) -> int:
    in_thread = partial(lab.native_pool.run, kind="read")
    total, piece = 0, bytearray(_PIECE)
    with await in_thread(large_file, megabytes) as file:
        while size := await in_thread(file.readinto, piece):  # type: ignore[attr-defined]
            total += size
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blocker:
    """``size`` is the default, ``most`` the bound; both ways give the same result."""

    size: int
    most: int
    blocking: Callable[[int], Any]
    cured: Callable[[TrioLab, int], Awaitable[Any]]
    cure: str


_BLOCKERS = {
    "json": _Blocker(
        size=25_000,  # records
        most=200_000,
        blocking=lambda records: count_records(document(records)),
        cured=_parse_in_worker,
        cure="worker process",
    ),
    "hash": _Blocker(
        size=120_000,  # rounds
        most=MAX_ROUNDS,
        blocking=_hash_here,
        cured=_hash_in_thread,
        cure="native pool",
    ),
    "regex": _Blocker(
        size=20,  # letters; each one more doubles the time
        most=24,
        blocking=lambda length: matches(user_input(length)),
        cured=_match_what_may_be_valid,
        cure="bounded input",
    ),
    "sort": _Blocker(
        size=100_000,  # values
        most=1_000_000,
        blocking=_sort_here,
        cured=_merge_sorted_runs,
        cure="sorted runs, merged in slices",
    ),
    "read": _Blocker(
        size=48,  # megabytes
        most=256,
        blocking=_read_here,
        cured=_read_in_pieces,
        cure="pieces in the native pool",
    ),
}


_LIST = {
    "items": Number(default=50_000, low=1, high=_MOST_WORK),
    "chunk": Number(default=500, low=1, high=_MOST_WORK),
    "weight": Number(default=1, low=1, high=1_000),
}
NUMBERS: Numbers = {
    f"/block/{kind}": {
        "size": Number(default=blocker.size, low=1, high=blocker.most),
        "fixed": Number(default=0, low=0, high=1),
    }
    for kind, blocker in _BLOCKERS.items()
} | {"/process-list": _LIST}


CHOICES: Choices = {"/process-list": {"mode": ("no_checkpoint", "chunked", "time_sliced")}}


def add_blocker_routes(app: TrioApp) -> None:
    app.declare(NUMBERS, CHOICES)

    @app.get("/block/<kind>")
    async def _block(kind: str) -> Response:
        """A call that blocks the loop, or with fixed=1 its cure."""
        if kind not in _BLOCKERS:
            raise BadQuery(f"kind must be one of {', '.join(_BLOCKERS)}")
        blocker, begun = _BLOCKERS[kind], perf_counter()
        numbers = NUMBERS[f"/block/{kind}"]
        size, fixed = integer(request.args, "size", numbers), bool(integer(request.args, "fixed", numbers))
        with app.lab.pool_work(), LongestStep() as step:
            result = await blocker.cured(app.lab, size) if fixed else blocker.blocking(size)
        about = {"kind": kind, "size": size, "cure": blocker.cure if fixed else None, "result": result}
        return reply({"route": "/block", **about, **_times(step, begun)})

    @app.get("/process-list")
    async def _process_list() -> Response:
        """A long list of small computations, at once or in pieces. items times weight may be 1000000."""
        mode, begun = choice(request.args, "mode", CHOICES["/process-list"]), perf_counter()
        items, chunk, weight = _list()
        with LongestStep() as step:
            total = await _process(mode, range(items), chunk, weight)
        about = {"mode": mode, "items": items, "chunk": chunk, "weight": weight, "total": total}
        return reply({"route": "/process-list", **about, **_times(step, begun)})


def _list() -> tuple[int, int, int]:
    """The number of items, the items per chunk, and the weight of an item."""
    items, chunk, weight = (integer(request.args, name, _LIST) for name in ("items", "chunk", "weight"))
    if items * weight > _MOST_WORK:
        raise BadQuery(f"items times weight must be at most {_MOST_WORK}")
    return items, chunk, weight


async def _process(mode: str, numbers: range, chunk: int, weight: int) -> int:
    if mode == "no_checkpoint":
        return sum(transform(number, weight) for number in numbers)  # no other task runs meanwhile, on purpose
    total = 0
    async for number in chunked(numbers, chunk) if mode == "chunked" else time_sliced(numbers):
        total += transform(number, weight)
    return total


def _times(step: LongestStep, begun: float) -> dict[str, float]:
    return {"longestStepMs": ms(step.seconds), "durationMs": ms_since(begun)}
