"""Unit (pure): when clients that are refused are told to come again."""

from __future__ import annotations

import pytest

from trio_lab.admission.retry_after import retry_after


@pytest.mark.parametrize(("hint", "seconds"), [(0.1, [1, 2, 3]), (1.0, [1, 2, 3]), (1.5, [2, 3, 4, 5, 6])])
def test_refused_clients_are_told_different_times(hint: float, seconds: list[int]) -> None:
    draws = [n / 1000 for n in range(1000)]
    told = [retry_after(hint, lambda draw=draw: draw) for draw in draws]  # type: ignore[misc]
    assert sorted(set(told)) == seconds
    assert max(map(told.count, seconds)) - min(map(told.count, seconds)) <= 1
