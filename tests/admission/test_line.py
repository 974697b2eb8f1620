"""Property (pure): a line beside a plain list."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.admission.line import Line


@given(st.lists(st.integers(-3, 60), max_size=200), st.integers())
def test_a_line_is_a_list_from_which_anything_can_be_taken(steps: list[int], seed: int) -> None:
    """A negative step adds entries, another takes one out: from that place, or from the ends."""
    line, model, random = Line[int](), list[int](), Random(seed).random
    number = 0
    for step in steps:
        for _ in range(-step):
            line.add(number)
            model.append(number)
            number += 1
        if step >= 0 and model:
            gone = model.pop(min(step, len(model) - 1))
            line.remove(gone)
            with pytest.raises(KeyError):
                line.remove(gone)
        assert len(line) == len(model)
        assert list(line.oldest_few(3)) == model[:3]
        if model:
            assert (line.oldest(), line.youngest()) == (model[0], model[-1])
            assert line.any(random) in model
        assert len(line._entries) <= 2 * len(model) + 16 + 3


def test_each_is_as_likely_as_the_others() -> None:
    line, random = Line[int](), Random(1).random
    for number in range(10):
        line.add(number)
    for number in (0, 4, 5):  # holes at the beginning and inside
        line.remove(number)
    drawn = [line.any(random) for _ in range(7_000)]
    assert set(drawn) == {1, 2, 3, 6, 7, 8, 9}
    assert all(850 < drawn.count(number) < 1_150 for number in set(drawn))


def test_an_empty_line_has_no_oldest() -> None:
    line = Line[int]()
    line.add(1)
    line.remove(1)
    for of in (line.oldest, line.youngest):
        with pytest.raises(IndexError):
            of()
