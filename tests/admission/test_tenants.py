"""Unit (pure): who is next among tenants, and what is kept of them."""

from __future__ import annotations

from functools import partial

from trio_lab.admission.classes import TenantsPlace
from trio_lab.admission.disciplines import Fifo
from trio_lab.admission.tenants import ByTenant


def request(tenant: str) -> TenantsPlace:
    place = TenantsPlace("normal", 0, 0.0, None)
    place.tenant = tenant
    return place


class Row:
    """Requests that wait, by the names of their tenants."""

    def __init__(self, waiting: str) -> None:
        self.by_tenant: ByTenant[TenantsPlace] = ByTenant(partial(Fifo[TenantsPlace]))
        self.entries = [request(tenant) for tenant in waiting]
        for entry in self.entries:
            self.by_tenant.push(entry)

    def next(self) -> str:
        """The tenant of the next, which gets a place."""
        entry = self.by_tenant.pop(0.0, [])
        if entry is None:
            return "-"
        self.by_tenant.hold(entry.tenant)
        return entry.tenant

    def rest(self) -> str:
        return "".join(self.next() for _ in range(len(self.by_tenant)))


def test_tenants_take_turns_in_the_order_in_which_they_came() -> None:
    assert Row("aaabbc").rest() == "abcaba"


def test_a_tenant_with_fewer_places_comes_first() -> None:
    row = Row("aab")
    for tenant in "aab":
        row.by_tenant.hold(tenant)
    row.by_tenant.push(request("c"))
    assert row.rest() == "cbaa"


def test_a_tenant_that_gives_a_place_back_comes_earlier() -> None:
    row = Row("ab")
    row.by_tenant.hold("a")
    row.by_tenant.hold("a")
    row.by_tenant.hold("b")
    row.by_tenant.release("a")
    row.by_tenant.release("a")
    assert row.rest() == "ab"


def test_long_requests_do_not_bring_more_places() -> None:
    """Slow keeps its places; quick gives each back before the next is given. So quick gets all that come free."""
    row = Row("sq" * 10)
    row.by_tenant.hold("s")
    order = ""
    for _ in range(6):
        order += (tenant := row.next())
        row.by_tenant.release(tenant) if tenant == "q" else None
    assert order == "qqqqqq"


def test_a_request_that_is_removed_is_not_served() -> None:
    row = Row("aba")
    row.by_tenant.remove(row.entries[1])
    assert (row.rest(), len(row.by_tenant)) == ("aa", 0)


def test_tenants_that_neither_wait_nor_hold_a_place_are_forgotten() -> None:
    row = Row("".join(chr(0x4E00 + n) for n in range(1000)))
    served = row.rest()
    row.by_tenant.remove(row.entries[-1]) if len(row.by_tenant) else None
    for tenant in served:
        row.by_tenant.release(tenant)
    assert not any(vars(row.by_tenant)[name] for name in ("_queues", "_held", "_turns", "_waiting"))
