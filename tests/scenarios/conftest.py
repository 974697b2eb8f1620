"""Scenarios of overload in virtual time. Where two things fall on one moment their order repeats, so that figures are exact.

They change with what the default discipline decides. After a change of it, look whether the story still holds, then at the
figures.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trio_lab.testing import repeatable_order


@pytest.fixture(autouse=True)
def _order() -> Iterator[None]:
    with repeatable_order():
        yield
