"""Pure: how long clients wait, and when a request that failed is sent again."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from trio_lab.errors import UsageError
from trio_lab.load.patience import Patience
from trio_lab.load.retry import Retries, Retry


def dice() -> random.Random:
    return random.Random(1)


def test_clients_of_several_kinds_take_turns() -> None:
    kinds = Patience(seconds=(0.3, 1.0, 3.0))
    assert [kinds.of(number, dice()) for number in range(4)] == [0.3, 1.0, 3.0, 0.3]
    assert kinds.varies
    assert not Patience(seconds=(1.0,)).varies


def test_an_exponential_patience_has_the_mean_that_was_asked_for() -> None:
    rolled, kind = dice(), Patience(seconds=(2.0,), exponential=True)
    drawn = [kind.of(0, rolled) for _ in range(4000)]
    assert fmean(drawn) == pytest.approx(2.0, rel=0.1)
    assert sum(one > 2.0 for one in drawn) / len(drawn) == pytest.approx(0.37, abs=0.05)
    assert min(drawn) > 0


def test_a_fixed_wait_is_always_the_same_until_there_are_no_tries_left() -> None:
    retries = Retries(Retry(most=2, first=0.05), dice())
    assert [retries.next_wait(tries) for tries in range(3)] == [0.05, 0.05, None]


def test_without_a_retry_nothing_is_sent_again() -> None:
    assert Retries(None, dice()).next_wait(0) is None


def test_a_growing_wait_doubles_its_bound_and_is_drawn_below_it() -> None:
    retry, rolled = Retry(most=99, first=0.1, last=0.5), dice()
    drawn = {tries: [retry.wait(tries, rolled) for _ in range(300)] for tries in (0, 1, 2, 3, 2000)}
    bounds = {0: 0.1, 1: 0.2, 2: 0.4, 3: 0.5, 2000: 0.5}
    for tries, bound in bounds.items():
        assert 0.9 * bound < max(drawn[tries]) <= bound
        assert fmean(drawn[tries]) == pytest.approx(bound / 2, rel=0.1)


def test_a_budget_allows_a_share_of_the_requests_after_the_first_ten() -> None:
    retries = Retries(Retry(most=1, budget=0.1), dice())
    allowed = 0
    for _ in range(1000):
        retries.begin()
        allowed += retries.next_wait(0) is not None
    assert allowed == pytest.approx(10 + 100, abs=2)
    assert retries.denied == 1000 - allowed


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"most": 0}, "retry"),
        ({"most": 1, "first": -1.0}, "backoff"),
        ({"most": 1, "last": 1.0}, "backoff"),
        ({"most": 1, "first": 2.0, "last": 1.0}, "backoff"),
        ({"most": 1, "first": float("nan")}, "backoff"),
        ({"most": 1, "budget": 0.0}, "retry_budget"),
    ],
)
def test_a_retry_names_what_is_wrong(fields: dict[str, float], name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name} must"):
        Retry(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [(), (0.0,), (1.0, -1.0), (float("nan"),), (4000.0,)])
def test_a_patience_names_what_is_wrong(seconds: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"^patience must be over 0"):
        Patience(seconds=seconds)


def test_an_exponential_patience_has_one_mean() -> None:
    with pytest.raises(UsageError, match="one mean"):
        Patience(seconds=(1.0, 2.0), exponential=True)
