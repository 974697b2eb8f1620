"""Unit (pure): the order in which URLs take turns, and that the parts of a run add up to the whole."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.load.parts import Parts, in_turn
from trio_lab.load.tally import Tally

weights = st.lists(st.integers(1, 50), min_size=1, max_size=6)


@given(weights, st.integers(1, 3))
def test_in_a_whole_turn_each_comes_as_often_as_its_weight(shares: list[int], turns: int) -> None:
    came = Counter(islice(in_turn(shares), turns * sum(shares)))
    assert came == {index: turns * share for index, share in enumerate(shares)}


@given(weights, st.integers(0, 200))
def test_none_is_ever_ahead_of_its_share_by_a_whole_request(shares: list[int], number: int) -> None:
    came = Counter(islice(in_turn(shares), number))
    for index, share in enumerate(shares):
        assert came[index] < number * share / sum(shares) + 1


def test_a_common_divisor_makes_no_bursts() -> None:
    assert [*islice(in_turn([100, 300]), 8)] == [*islice(in_turn([1, 3]), 8)] == [1, 0, 1, 1] * 2


class TestParts:
    def parts(self) -> tuple[Tally, Parts]:
        whole = Tally(start=100.0, end=104.0, interval=1.0, keep_samples=False)
        steps = [(1.0, 5.0), (3.0, 10.0)]
        return whole, Parts(requests=[b"a", b"b"], weights=[1, 2], steps=steps, whole=whole)

    def test_a_request_is_counted_for_its_url_and_its_stage(self) -> None:
        whole, parts = self.parts()
        for intended in (100.0, 100.999, 101.0):
            kind = parts.next(intended)
            kind.send()
            kind.reply(200 if kind.request == b"b" else 404, intended, intended, intended + 0.5)
        first, second = parts.of_urls(["a", "b"]) or ()
        before, after = parts.of_stages(["1s@5", "3s@10"]) or ()
        assert (first.status, second.status) == ({"404": 1}, {"200": 2})
        assert (before.requests.sent, after.requests.sent) == (2, 1)
        assert whole.counts().completed == 3
        assert second.latency.max == pytest.approx(0.5)

    def test_every_end_is_counted_in_the_part_and_in_the_whole(self) -> None:
        whole, parts = self.parts()
        kind = parts.next(100.0)
        for _ in range(4):
            kind.send()
        kind.error("reset", 101.0)
        kind.time_out(100.0, 100.0, 102.0)
        kind.drop(100.0, 102.0)
        kind.take_back(100.0, math.inf, 102.0)
        kind.reply(503, 100.0, 100.0, 101.0)
        [part] = [part for part in parts.of_urls(["a", "b"]) or () if part.requests.sent]
        assert part.requests == whole.counts()
        assert (part.requests.sent, part.requests.shed, part.requests.timed_out, part.requests.dropped) == (3, 1, 1, 1)

    def test_one_url_and_one_rate_are_no_parts(self) -> None:
        whole = Tally(start=0.0, end=1.0, interval=1.0, keep_samples=False)
        parts = Parts(requests=[b"a"], weights=[1], steps=[(1.0, 5.0)], whole=whole)
        assert (parts.of_urls(["a"]), parts.of_stages(["x"])) == (None, None)
