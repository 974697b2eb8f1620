"""Unit: what mutmut gets is the same program; a survivor keeps its identity, and needs a reason."""

from __future__ import annotations

import pytest

from .outcomes import Survivor, _function
from .parts import PARTS
from .reasons import PAGE, differences, explained
from .source import MARK, prepared
from .workplace import ROOT

SOURCE = '''
from functools import cache


class Box:
    def __init__(self):
        self.held = [1, 2]

    @property
    @cache
    def size(self):
        """Of what is held."""
        return len(self.held)

    @staticmethod
    def limit():
        return 3

    def add(self, item):
        if self.size >= self.limit():
            raise OverflowError(
                "full"
            )
        self.held.append(item)
'''


def test_a_decorator_is_applied_below_its_function_and_a_cache_is_left_out() -> None:
    text = prepared(SOURCE)
    assert "return len(self.held)\n    size = property(size)\n" in text
    assert "    @staticmethod\n    def limit" in text
    place: dict = {}
    exec(text, place)
    assert place["Box"]().size == 2


def test_every_line_of_an_error_is_marked_and_its_condition_is_not() -> None:
    marked = [line.partition(MARK)[0].strip() for line in prepared(SOURCE).splitlines() if MARK in line]
    assert marked == ["raise OverflowError(", '"full"', ")"]


def test_a_method_and_a_function_are_named_as_one_writes_them() -> None:
    assert _function("trio_lab.admission.gate.xǁGateǁ_hand_out__mutmut_12") == "Gate._hand_out"
    assert _function("trio_lab.measure.percentile.x_percentile__mutmut_1") == "percentile"


def test_a_survivor_without_a_reason_and_a_reason_without_a_survivor_are_told() -> None:
    told, new = (Survivor(file="a.py", function="f", before="x = 1", after=after) for after in ("x = 2", "x = None"))
    page = f"### box\n\nIt is set again before it is read:\n\n{told}\n- `b.py` `g`: `y` → `z`\n"
    reasons = explained(page)["box"]
    assert differences(frozenset({told, new}), reasons) == ([str(new)], ["- `b.py` `g`: `y` → `z`"])


def test_a_reason_must_be_given() -> None:
    with pytest.raises(ValueError, match="no reason above"):
        explained("### box\n\n- `a.py` `f`: `x` → `y`\n")


def test_parts_name_modules_and_tests_that_exist() -> None:
    for part in PARTS.values():
        assert all(list((ROOT / "trio_lab").glob(pattern)) for pattern in part.modules)
        assert all((ROOT / "tests" / path).exists() for path in part.tests)
    assert set(explained(PAGE.read_text("utf-8"))) <= set(PARTS)
