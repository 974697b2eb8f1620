"""Unit: what the side process says of whether the service takes requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trio_lab.live.server import _ready
from trio_lab.records.live import LiveState


@pytest.mark.parametrize(
    ("state", "refusing", "because"),
    [
        ({"state": "passing"}, None, None),
        ({"state": "passing"}, "native_pool", "native_pool refuses callers"),
        ({"state": "blocked", "cause": "c call"}, None, "blocked: c call"),
        ({"state": "blocked"}, "native_pool", "blocked"),  # the cause is still looked for
    ],
)
def test_a_service_that_is_not_ready_says_why_if_that_is_known(
    state: dict[str, Any], refusing: str | None, because: str | None
) -> None:
    reply = _ready(LiveState(for_=2.0, **state), refusing)
    assert json.loads(reply.body) == {"ready": because is None, "because": because}
    assert reply.status == (200 if because is None else 503)
