"""Unit (pure): who is next among tenants, and what is kept of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_lab.admission.classes import TenantsPlace
from trio_lab.admission.disciplines import Fifo
from trio_lab.admission.tenants import ByTenant


def request(tenant: str, now: float = 0.0) -> TenantsPlace:
    place = TenantsPlace("normal", 0, now, None)
    place.tenant = tenant
    return place


class Row:
    """Requests that wait, by the names of their tenants. Time stands still unless a test moves it."""

    def __init__(self, waiting: str) -> None:
        self.now = 0.0
        self.by_tenant: ByTenant[TenantsPlace] = ByTenant(Fifo[TenantsPlace])
        self.entries = [request(tenant) for tenant in waiting]
        for entry in self.entries:
            self.by_tenant.push(entry)

    def hold(self, tenants: str, seconds: float = 0.0) -> None:
        """Each of them gets a place, and the places are held for so long before anything else happens."""
        for tenant in tenants:
            self.by_tenant.hold(tenant, self.now)
        self.now += seconds

    def release(self, tenants: str) -> None:
        for tenant in tenants:
            self.by_tenant.release(tenant, self.now)

    def next(self) -> str:
        """The tenant of the next, which gets a place and gives it back after a moment."""
        entry = self.by_tenant.pop(self.now, [])
        if entry is None:
            return "-"
        self.hold(entry.tenant, 0.01)
        self.release(entry.tenant)
        return entry.tenant

    def rest(self) -> str:
        return "".join(self.next() for _ in range(len(self.by_tenant)))


def test_tenants_take_turns_in_the_order_in_which_they_came() -> None:
    assert Row("aaabbc").rest() == "abcaba"


def test_a_tenant_that_has_held_fewer_places_comes_first() -> None:
    row = Row("aabc")
    row.hold("aab", 1.0)
    assert row.rest() == "cbaa"


def test_what_a_tenant_has_held_counts_after_it_was_given_back() -> None:
    row = Row("aabb")
    row.hold("a", 1.0)
    row.release("a")
    assert row.rest() == "bbaa"


def test_a_long_hold_counts_more_than_many_short_ones() -> None:
    row = Row("sq" * 10)
    row.hold("s", 1.0)
    row.release("s")
    assert row.rest()[:10] == "q" * 10


def test_what_was_held_long_ago_does_not_count() -> None:
    row = Row("ab")
    row.hold("a", 1.0)
    row.release("a")
    row.now += 1000.0
    row.hold("b", 0.1)
    row.release("b")
    assert row.rest() == "ab"


def test_a_tenant_that_gets_nothing_is_served_in_the_end() -> None:
    """The others never stop, and had nothing before. After some seconds the use of the first is the least."""
    row = Row("abc")
    row.hold("a", 5.0)
    row.release("a")
    others = 0
    while row.next() != "a":
        others += 1
        row.by_tenant.push(request("bc"[others % 2], row.now))
        row.by_tenant.push(request("bc"[others % 2], row.now))
    assert 100 < others < 2000


def test_a_request_that_is_removed_is_not_served() -> None:
    row = Row("aba")
    row.by_tenant.remove(row.entries[1])
    assert (row.rest(), len(row.by_tenant)) == ("aa", 0)
    for gone in row.entries[:2]:
        with pytest.raises(KeyError):
            row.by_tenant.remove(gone)


def test_idle_tenants_are_forgotten() -> None:
    row = Row("".join(chr(0x4E00 + n) for n in range(1000)))
    row.rest()
    assert len(row.by_tenant._tenants) == len(row.by_tenant._idle)
    row.now += 20.0
    row.hold("a")
    row.release("a")
    assert [*row.by_tenant._tenants] == ["a"]


def test_what_is_kept_is_bounded_however_many_come() -> None:
    row = Row("")
    for n in range(10_100):
        row.by_tenant.hold(str(n), 0.0)
        row.by_tenant.release(str(n), 0.0)
    assert len(row.by_tenant._tenants) == 10_000


def test_what_does_not_count_any_more_is_removed_from_the_ranks() -> None:
    row = Row("ab")
    for _ in range(1000):
        row.hold("b", 0.01)
        row.release("b")
    assert sum(map(len, row.by_tenant._ranks.values())) < 100
    assert row.rest() == "ab"


def test_another_clock_may_be_taken() -> None:
    row = Row("aabb")
    row.hold("a", 1.0)
    row.release("a")
    row.now = 1e9
    row.next()
    row.now = 0.0
    assert sorted(row.rest()) == ["a", "a", "b"]


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["hold", "release", "push", "next"]), st.floats(0, 500))
    )
)
def test_the_one_with_the_least_use_is_next(events: list[tuple[str, str, float]]) -> None:
    """A model integrates each tenant's places by themselves."""
    row, held, use = Row(""), dict.fromkeys("abcd", 0), dict.fromkeys("abcd", 0.0)
    waiting: list[str] = []
    for tenant, what, seconds in events:
        row.now += seconds
        for each in use:
            use[each] = held[each] + (use[each] - held[each]) * math.exp(-seconds / 2.0)
        if what == "push":
            row.by_tenant.push(request(tenant, row.now))
            waiting.append(tenant)
        elif what == "next" and waiting:
            entry = row.by_tenant.pop(row.now, [])
            assert entry is not None
            assert use[entry.tenant] <= min(use[each] for each in waiting) + 1e-9
            waiting.remove(entry.tenant)
        elif what == "hold":
            row.by_tenant.hold(tenant, row.now)
            held[tenant] += 1
        elif what == "release" and held[tenant]:
            row.by_tenant.release(tenant, row.now)
            held[tenant] -= 1
    assert len(row.by_tenant) == len(waiting)
