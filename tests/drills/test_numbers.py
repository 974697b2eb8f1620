"""The values that numeric parameters are attacked with (pure), and a server that does not refuse them."""

from __future__ import annotations

from itertools import islice

import pytest

from trio_lab.drills import faults
from trio_lab.drills.cases.bad_numbers import OF, Count, attack
from trio_lab.drills.logged import trusting_server
from trio_lab.drills.numbers import NAMED, Asked, bad_numbers
from trio_lab.http.contract import NUMBERS, Number, Numbers
from trio_lab.servers.asyncio.app import create_app as on_asyncio
from trio_lab.servers.trio.app import create_app as on_trio

ONE: Numbers = {"/a": {"n": Number(default=5, low=1, high=50)}}
FROM_ZERO: Numbers = {"/a": {"n": Number(default=5, low=0, high=50)}}


def test_the_same_seed_gives_the_same_values() -> None:
    one, again, other = (list(bad_numbers(ONE, made=60, seed=seed)) for seed in (1, 1, 2))
    assert one == again != other


def test_every_parameter_gets_every_named_value_and_its_share_of_the_others() -> None:
    numbers: Numbers = {"/a": {"n": ONE["/a"]["n"], "m": ONE["/a"]["n"]}, "/b": ONE["/a"]}
    asked = [one.target for one in bad_numbers(numbers, made=30, seed=1)]
    assert len(asked) == 3 * len(NAMED) + 30
    for route, name in (("/a", "n"), ("/a", "m"), ("/b", "n")):
        assert f"{route}?{name}=-1" in asked
        assert sum(one.startswith(f"{route}?{name}") for one in asked[3 * len(NAMED) :]) == 10


def test_only_a_zero_may_be_right_after_all() -> None:
    assert [one for one in bad_numbers(FROM_ZERO, made=500, seed=1) if one.right] == [Asked("/a?n=0", True)]
    assert not any(one.right for one in bad_numbers(ONE, made=500, seed=1))


def test_the_values_are_of_many_kinds() -> None:
    made = [one.target.partition("n=")[2] for one in islice(bad_numbers(ONE, made=600, seed=1), len(NAMED), None)]
    for least, most in ((0, 10), (10, 4_300), (4_300, 8_192), (8_192, 70_000)):
        assert any(least <= len(value) < most for value in made), least
    for kind in ("%00", "%EF%BB%BF", "e%2B", "0x", "+", "&n=", "%zz"):
        assert any(kind in value for value in made), kind


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_every_parameter_that_routes_declare_is_attacked(runtime: str) -> None:
    app = {"trio": on_trio, "asyncio": on_asyncio}[runtime]()
    assert {**app.numbers, **faults.NUMBERS} == OF[runtime]


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_every_parameter_is_one_of_a_route_that_is_served(runtime: str) -> None:
    app = {"trio": on_trio, "asyncio": on_asyncio}[runtime]()
    served = app.url_map.bind("x")
    for route in OF[runtime]:
        assert route.startswith("/fault/") or served.test(route), route


@pytest.mark.parametrize(
    ("asked", "reply", "wrong", "server_errors"),
    [
        (Asked("/a?n=x", False), (400, b'{"error": "n"}'), 0, 0),
        (Asked("/a?n=0", True), (200, b"{}"), 0, 0),
        (Asked("/a?n=x", False), (200, b"{}"), 1, 0),
        (Asked("/a?n=0", True), (400, b'{"error": "n"}'), 1, 0),
        (Asked("/a?n=x", False), (500, b'{"error": "n"}'), 1, 1),
        (Asked("/a?n=x", False), (400, b"<html>"), 1, 0),
        (Asked("/a?n=x", False), (414, b"[]"), 1, 0),
        (Asked("/a?n=x", False), None, 1, 0),
    ],
)
def test_what_becomes_of_a_value_is_judged(
    asked: Asked, reply: tuple[int, bytes] | None, wrong: int, server_errors: int
) -> None:
    count = Count()
    count.note(asked, reply, 0.002)
    found = count.figures()
    assert (found["not_refused"], found["server_errors"]) == (wrong, server_errors)
    assert found["slowest_ms"] == (0 if asked.right else 2)


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
async def test_a_service_that_trusts_its_clients_breaks_what_the_drill_checks(runtime: str) -> None:
    async with trusting_server(runtime) as server:
        found = (await attack(server, {"/fib": NUMBERS["/fib"]}, made=0)).figures()
    assert found["values"] == len(NAMED)
    assert (found["server_errors"] or 0) > 5
    assert (found["not_refused"] or 0) > (found["server_errors"] or 0)
