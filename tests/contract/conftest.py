from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running import Running

from .subjects import SUBJECTS, Subject, serving


@pytest.fixture(scope="module", params=SUBJECTS, ids=str)
def subject(request: pytest.FixtureRequest) -> Subject:
    found = request.param
    assert isinstance(found, Subject)
    return found


@pytest.fixture(scope="module")
def server(subject: Subject) -> Iterator[Running]:
    """One for all tests of a module."""
    with serving(subject) as server:
        yield server
