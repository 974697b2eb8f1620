from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running import Running, running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as server:
        yield server
