"""Unit and property (pure): a gate for classes and tenants. Whatever happens in whatever order, its promises hold."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.admission.test_gate import is_balanced
from trio_lab.admission.class_gate import ClassGate
from trio_lab.admission.classes import Share, TenantsPlace
from trio_lab.admission.gate import ADMITTED, REFUSED, WAITING, Decision
from trio_lab.errors import Closed, Overloaded, QueueFull, QueueTimeout

SHARES = {"normal": Share(share=0.9), "background": Share(share=0.1, most=0.5)}


def gate(**options: Any) -> ClassGate:
    return ClassGate("test", **({"capacity": 1, "shares": SHARES, "discipline": "fifo"} | options))


class TestClasses:
    def test_background_may_hold_its_part_of_the_places_only(self) -> None:
        g = gate(capacity=4)
        states = [g.arrive(0.0, "background").state for _ in range(3)]
        assert states == [ADMITTED, ADMITTED, WAITING]
        assert g.arrive(0.0, "normal").state is ADMITTED

    def test_every_class_may_hold_one_place(self) -> None:
        assert gate(capacity=1).arrive(0.0, "background").state is ADMITTED

    def test_a_class_gets_its_share_of_the_admissions_while_others_wait(self) -> None:
        g = gate()
        place = g.arrive(0.0, "normal")
        for kind in ["normal"] * 100 + ["background"] * 100:
            g.arrive(0.0, kind)
        order = []
        for _ in range(60):
            [(place, _)] = g.leave(place, 0.0)
            order.append(place.kind)
        assert Counter(order) == {"normal": 53, "background": 7}  # its first comes at once: it has had none

    def test_a_class_without_a_share_is_served_when_no_other_waits(self) -> None:
        g = gate(shares={"normal": Share(share=1), "spare": Share(share=0)})
        places = [g.arrive(0.0, kind) for kind in ("spare", "spare", "normal", "normal")]
        order = []
        for _ in places[1:]:
            [(place, _)] = g.leave(next(place for place in places if place.state is ADMITTED), 0.0)
            order.append(place.kind)
        assert order == ["normal", "normal", "spare"]

    def test_each_class_has_a_room_of_its_own(self) -> None:
        g = gate(max_waiting=1)
        for kind in ("normal", "background", "normal"):
            g.arrive(0.0, kind)
        with pytest.raises(QueueFull):
            g.arrive(0.0, "background")
        assert (g.statistics().waiting, g.statistics().peak_waiting) == (2, 2)

    @pytest.mark.parametrize(
        "kinds",
        [
            ("normal", "background", "background"),  # background holds all that it may
            ("normal", "normal", "normal", "background"),  # no place is free
        ],
    )
    def test_where_none_may_wait_there_is_room_while_every_class_is_served(self, kinds: tuple[str, ...]) -> None:
        g = gate(capacity=4, max_waiting=0)
        for kind in kinds:
            assert g.has_room
            g.arrive(0.0, kind)
        assert not g.has_room

    def test_an_unknown_class_is_an_error_that_names_those_there_are(self) -> None:
        with pytest.raises(ValueError, match="test has no class 'gold'; its classes are normal, background"):
            gate().arrive(0.0, "gold")

    def test_orders_that_go_by_kinds_are_refused(self) -> None:
        with pytest.raises(ValueError, match="'fair'"):
            gate(discipline="fair")

    @pytest.mark.parametrize(
        "share", [{"share": -1}, {"share": math.inf}, {"share": 1, "most": 0}, {"share": 1, "most": 2}]
    )
    def test_shares_without_a_meaning_are_refused(self, share: Any) -> None:
        with pytest.raises(ValueError, match=r"share|most"):
            Share(**share)


class TestTenants:
    def test_the_tenant_that_has_held_the_fewest_places_is_next(self) -> None:
        g = gate(capacity=2, by_tenant=True)
        noisy = [g.arrive(0.0, "normal", tenant="noisy") for _ in range(5)]
        quiet = g.arrive(0.0, "normal", tenant="quiet")
        assert g.leave(noisy[0], 1.0) == [(quiet, None)]

    def test_one_tenant_cannot_fill_the_room(self) -> None:
        g = gate(max_waiting=10, by_tenant=True)
        g.arrive(0.0, "normal", tenant="noisy")
        for _ in range(8):
            g.arrive(0.0, "normal", tenant="noisy")
        with pytest.raises(QueueFull):
            g.arrive(0.0, "normal", tenant="noisy")
        assert g.arrive(0.0, "normal", tenant="quiet").state is WAITING

    def test_a_request_that_may_not_wait_is_refused_at_once(self) -> None:
        g = gate()
        g.arrive(0.0, "normal")
        with pytest.raises(QueueTimeout):
            g.arrive(0.0, "normal", queue_timeout=0.0)
        assert g.statistics().timed_out == 1


class Machine(RuleBasedStateMachine):
    """Everything that can happen at a gate, in any order."""

    @initialize(
        capacity=st.integers(0, 5),
        max_waiting=st.sampled_from([None, 0, 3, 8]),
        discipline=st.sampled_from(["fifo", "lifo", "codel", "patience"]),
        by_tenant=st.booleans(),
    )
    def open(self, **options: Any) -> None:
        self.now = 0.0
        self.gate = gate(**options)
        self.capacity = options["capacity"]
        self.waiting: list[TenantsPlace] = []
        self.out: list[TenantsPlace] = []

    @rule(
        kind=st.sampled_from(sorted(SHARES)), tenant=st.sampled_from("abc"), wait=st.sampled_from([None, 0.0, 1.0, 3.0])
    )
    def arrive(self, kind: str, tenant: str, wait: float | None) -> None:
        before = self.able()
        try:
            place = self.gate.arrive(self.now, kind, 0, wait, tenant)
        except Overloaded:
            assert kind not in before
            return
        assert (place.state is ADMITTED) == (kind in before)
        if place.state is ADMITTED:
            self.out.append(place)
        else:
            self.waiting.append(place)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        place = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.heed(self.gate.leave(place, self.now))

    @precondition(lambda self: self.out or self.waiting)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(self.out + self.waiting))
        (self.out if place in self.out else self.waiting).remove(place)
        self.heed(self.gate.abandon(place, self.now))

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0]), expire=st.booleans())
    def pass_time(self, seconds: float, expire: bool) -> None:
        self.now += seconds
        if expire:
            self.heed(self.gate.expire(self.now))
            assert all(place.deadline > self.now for place in self.waiting)

    @rule(capacity=st.integers(0, 5))
    def resize(self, capacity: int) -> None:
        self.capacity = capacity
        self.heed(self.gate.resize(capacity, self.now))

    def heed(self, decisions: Any) -> None:
        decision: Decision
        for decision in decisions:
            place, refusal = decision
            assert isinstance(place, TenantsPlace)
            self.waiting.remove(place)
            if refusal is None:
                assert place.deadline > self.now
                self.out.append(place)
            else:
                assert place.state is REFUSED

    def able(self) -> set[str]:
        """The classes that may hold one more place now."""
        held = Counter(place.kind for place in self.out)
        if len(self.out) >= self.capacity:
            return set()
        return {kind for kind, share in SHARES.items() if held[kind] < max(1, math.floor(share.most * self.capacity))}

    @invariant()
    def promises(self) -> None:
        found = self.gate.statistics(self.now)
        assert is_balanced(found)
        assert (found.in_service, found.waiting) == (len(self.out), len(self.waiting))
        assert not self.able() & {place.kind for place in self.waiting}, "one waits while it could be served"

    def teardown(self) -> None:
        if hasattr(self, "gate"):
            assert {place for place, _ in self.gate.close()} == set(self.waiting)
            for place in self.out:
                assert not self.gate.leave(place, self.now)
            with pytest.raises(Closed):
                self.gate.arrive(self.now, "normal")
            tenants = [found.tenants for found in self.gate._room._classes.values() if found.tenants is not None]
            assert all(one._tenants.keys() == one._idle.keys() for one in tenants), "one is taken to be active"


def test_promises_hold_after_any_sequence_of_events() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=30, stateful_step_count=25))


@settings(max_examples=40)
@given(
    shares=st.lists(st.integers(1, 9), min_size=2, max_size=3),
    arrivals=st.lists(st.integers(0, 3), max_size=60),
    capacity=st.integers(1, 4),
)
def test_a_class_that_waits_is_passed_over_no_more_often_than_its_share_allows(
    shares: list[int], arrivals: list[int], capacity: int
) -> None:
    """Every class always has a request waiting; others come in any order besides. So a class waits from its last admission
    to its next."""
    kinds = {str(n): Share(share=share) for n, share in enumerate(shares)}
    g = gate(capacity=capacity, shares=kinds)
    out = [g.arrive(0.0, "0") for _ in range(capacity)]
    for kind in kinds:
        g.arrive(0.0, kind)
        g.arrive(0.0, kind)
    passed: Counter[str] = Counter()
    for extra in [*arrivals, *([0] * 2 * sum(shares))]:
        g.arrive(0.0, str(extra % len(shares)))
        [(place, _)] = g.leave(out.pop(0), 0.0)
        assert isinstance(place, TenantsPlace)
        out.append(place)
        g.arrive(0.0, place.kind)
        for kind, share in kinds.items():
            passed[kind] = 0 if kind == place.kind else passed[kind] + 1
            others = (sum(shares) - share.share) / share.share
            assert passed[kind] <= math.ceil(others) + len(shares)
