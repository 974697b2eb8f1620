"""Unit (pure): what an admission is told, and what it tells clients that it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.admission.limits.late_loop import LateLoop
from trio_lab.admission.limits.neighbours import Neighbours
from trio_lab.asgi.admission import Admission
from trio_lab.asgi.policy import AdmissionPolicy
from trio_lab.asgi.refusals import refuse_websocket
from trio_lab.errors import QueueFull

SCOPE = {"path": "/a", "headers": [(b"x-key", b"k")], "client": ("10.0.0.1", 5)}


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"limit": 0}, "limit must be at least 1"),
        ({"limit": "auto"}, "limit must be"),
        ({"critical_limit": 0}, "critical_limit"),
        ({"max_waiting": -1}, "max_waiting"),
        ({"max_connections": 1.5}, "max_connections"),
        ({"queue_timeout": -1.0}, "queue_timeout"),
        ({"background": "/reports"}, "background must be a list"),
        ({"background": ["reports"]}, "must begin with a slash"),
        ({"discipline": "fair"}, "discipline"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_without_a_meaning_is_an_error_that_names_it(wrong: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        Admission(lambda *_: None, AdmissionPolicy(**wrong))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("tenant", "found"),
    [(None, ""), ("X-Key", "k"), ("x-other", ""), ("address", "10.0.0.1"), (lambda scope: scope["path"], "/a")],
)
def test_a_tenant_is_told_by_a_header_an_address_or_a_function(tenant: Any, found: str) -> None:
    assert AdmissionPolicy(tenant=tenant).tenant_of()(SCOPE) == found


def test_a_client_without_an_address_has_a_tenant_too() -> None:
    assert AdmissionPolicy(tenant="address").tenant_of()({"headers": [], "client": None}) == ""


def test_a_function_may_decide_about_the_class() -> None:
    policy = AdmissionPolicy(classify=lambda _: "background", critical=["/a"])
    assert policy.classifier()(SCOPE) == "background"


def test_the_limit_is_fixed_or_learned_and_follows_the_loop_if_that_is_an_objective() -> None:
    assert AdmissionPolicy(limit=7).gate_limit() == (7, None)
    assert isinstance(AdmissionPolicy().gate_limit()[1], Neighbours)
    late = AdmissionPolicy(limit=7, slo="loop_delay_p99<50ms").gate_limit()[1]
    assert isinstance(late, LateLoop)
    assert late.limit == 7


async def test_a_websocket_is_refused_with_503_where_the_server_can() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await refuse_websocket({"extensions": {"websocket.http.response": {}}}, send, QueueFull("connections"))
    assert [(message["type"], message.get("status")) for message in sent] == [
        ("websocket.http.response.start", 503),
        ("websocket.http.response.body", None),
    ]
