"""What watchers tell is held against what was done; and our watch names the rows, for real."""

from __future__ import annotations

import pytest
import trio

from trio_lab.bench.cases import watchers as case
from trio_lab.bench.found import PYTHON_PEERS
from trio_lab.bench.peers import watchers
from trio_lab.loop.stalls import GC, GIL, Stall
from trio_lab.stage.stage import Stage
from trio_lab.subjects.planted import Block

[LINE] = watchers.ROW_LINES["reader"]


@pytest.mark.parametrize(
    "trace",
    [
        f'  File "{watchers.__file__}", line {LINE}, in _wait\n',
        f"_wait ({watchers.__file__}:{LINE}) <- run (/usr/lib/python3/asyncio/events.py:80)",
    ],
)
def test_a_planted_line_is_found_wherever_a_trace_shows_it(trace: str) -> None:
    told = watchers._told(1.0, 0.5, "", watchers._in_text('  File "/app.py", line 3, in main\n' + trace))
    assert (told.filename, told.lineno) == (watchers.__file__, LINE)
    assert watchers._told(1.0, 0.5, "", [("/app.py", LINE)]).filename == ""


def stall(began: float, cause: str = "", line: int = 0) -> Stall:
    return Stall(duration=1.0, cause=cause, filename=watchers.__file__, lineno=line, began=began)


def test_a_callback_is_named_by_its_line_and_what_has_none_by_its_cause() -> None:
    done = [Block("reader", 1.0, 2.0), Block("reader", 3.0, 4.0), Block("hog", 5.0, 6.0), Block("collection", 7.0, 8.0)]
    told = [stall(1.0, line=LINE), stall(3.0, line=LINE + 1), stall(5.0, GIL), stall(7.0, GIL)]
    assert case._named(done, told) == {"reader": 50.0, "hog": 100.0, "collection": 0.0}
    assert case._named(done, [stall(7.0, GC)])["collection"] == 100.0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_ours_names_what_goes_through_no_call_soon(loop: str) -> None:
    with trio.fail_after(60):
        async with case._program("trio-lab", "protocol", loop, 0) as server:
            for row in ("transport", "reader"):
                done = await case.carry_out(server, 1, row)
            assert case._named(done, await case.told(server)) == {"transport": 100.0, "reader": 100.0}


async def test_a_peer_that_is_missing_is_said_and_the_rest_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    found = case._Found(score=case.scored([], [], "", {}, {}), quiet=0, rows=dict.fromkeys(case._ROWS, 100.0))

    async def seen(*_: object) -> case._Found:
        return found

    async def costs(*_: object) -> dict[str, list[tuple[float, float]]]:
        return {"none": [(1000.0, 100e-6)], "trio-lab": [(990.0, 102e-6)]}

    monkeypatch.setattr(case, "_seen", seen)
    monkeypatch.setattr(case, "_costs", costs)
    measured = await case._run(stage := Stage(quick=True))
    assert measured.ratios["asyncio: CPU time ÷ none"] == [pytest.approx(1.02)]
    assert measured.ratios["asyncio: rows named"] == [1.0]
    assert not any("uvloop" in name or "recall" in name for name in measured.ratios)
    assert [row[0] for row in stage.tables[0].rows] == ["none", "trio-lab"]


def test_every_watcher_is_a_peer_or_ours() -> None:
    assert {*watchers.WATCHERS} == {"none", "trio-lab", *PYTHON_PEERS, case._DEBUG}
