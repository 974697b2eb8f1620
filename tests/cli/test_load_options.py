"""Unit: the flags of a load become its plan."""

from __future__ import annotations

import pytest

from trio_lab.cli.load_options import Asked
from trio_lab.errors import UsageError
from trio_lab.load.patience import Patience
from trio_lab.load.plan import LoadPlan
from trio_lab.load.retry import Retry

URL = "http://127.0.0.1:1/"


def test_without_flags_there_is_no_patience_and_no_retry() -> None:
    assert Asked().plan([URL]) == LoadPlan(url=URL, others=[], headers=[], content_type="")


def test_patience_and_retries_are_read() -> None:
    plan = Asked(patience="0.3,1", retry=2, backoff="50ms-2s", retry_budget=0.1).plan([URL])
    assert plan.leave_after == Patience(seconds=(0.3, 1.0))
    assert plan.retry == Retry(most=2, first=0.05, last=2.0, budget=0.1)


@pytest.mark.parametrize("asked", [Asked(backoff="1s"), Asked(retry_budget=0.1)])
def test_what_is_about_retries_needs_one(asked: Asked) -> None:
    with pytest.raises(UsageError, match="need --retry"):
        asked.plan([URL])
