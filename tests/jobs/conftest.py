from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from trio_lab.jobs.contract import Engine
from trio_lab.jobs.opening import open_jobs


@pytest.fixture
async def jobs(jobs_url: str) -> AsyncIterator[Engine]:
    """Each of the engines."""
    async with open_jobs(jobs_url) as opened:
        yield opened
