"""Which awaits let others run, and which let a cancel in: what each runtime's program finds is what is known of it."""

from __future__ import annotations

import sys

import pytest

from trio_lab.http.contract import STORMS
from trio_lab.subjects.answers import Matrix

from .programs import EVERY_RUNTIME, answer

NEITHER, SCHEDULES, BOTH = (False, False), (True, False), (True, True)
"""(others run, a cancel ends it)"""

# A cancel that comes while Python 3.11's wait_for takes up what is done is lost there; later ones never suspend at all.
WAIT_FOR = SCHEDULES if sys.version_info < (3, 12) else NEITHER

KNOWN = {
    "trio": {
        "none": NEITHER,
        "if_cancelled": NEITHER,
        "shielded": SCHEDULES,
        "checkpoint": BOTH,
        "run_sync_soon": BOTH,
        "batch": BOTH,
        "sleep(0)": BOTH,
        "Event.wait, set": BOTH,
        "receive from a channel with an item": BOTH,
        "acquire of a free Lock": BOTH,
        "to_thread.run_sync": BOTH,
    },
    "asyncio": {
        "none": NEITHER,
        "queue_get": NEITHER,
        "done_future": NEITHER,
        "call_soon": BOTH,
        "sleep0": BOTH,
        "batch": BOTH,
        "acquire of a free Lock": NEITHER,
        "Event.wait, set": NEITHER,
        "timeout around a done future": NEITHER,
        "wait_for of a done future": WAIT_FOR,
    },
    "node": {
        "next_tick": NEITHER,
        "promise": NEITHER,
        "microtask": NEITHER,
        "set_immediate": BOTH,
        "set_timeout": BOTH,
        "await null": NEITHER,
        "await of a resolved promise of fs": NEITHER,
        "await of a new promise of fs": BOTH,
    },
}


@pytest.mark.parametrize("runtime", EVERY_RUNTIME)
def test_what_lets_others_run_and_what_lets_a_cancel_in(runtime: str) -> None:
    rows = answer(Matrix, runtime, "--ms", "120").rows
    assert {row.what: (row.schedules, row.cancelled) for row in rows} == KNOWN[runtime]
    for row in rows:
        assert row.beats >= 3 if row.schedules else row.beats == 0, row


@pytest.mark.parametrize("runtime", EVERY_RUNTIME)
def test_what_starves_is_what_the_contract_says(runtime: str) -> None:
    assert set(STORMS[runtime]) <= set(KNOWN[runtime])
    for mode, effect in STORMS[runtime].items():
        assert (effect == "starves") is not KNOWN[runtime][mode][0], mode
