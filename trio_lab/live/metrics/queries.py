"""The figures of objectives as PromQL, so that one SLO file is judged in Prometheus as well.

Requests for health and metrics are left out, as they would hide the others. A figure that only clients see is read from what
the server saw: latency without the time before the app is called, "timed out" as clients that left before their reply.
"""

from __future__ import annotations

from ...records.slo import Objective
from ...records.totals import MONITORED
from .metric import RUNTIME
from .of_requests import ERROR, LEFT, OK, OUTCOME, ROUTE, SHED

WINDOW = "5m"
_LONG_AGO = "1h"

_USERS = f'{ROUTE}!~"{"|".join((*MONITORED, "/stalls", "/ledger"))}"'
_REQUESTS = "http_server_requests_total"
_LATENCY = "http_server_request_duration_seconds_bucket"
_PLACES = 'queue!~"run_queue|accept_backlog"'

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "max": 1.0}


def latency(quantile: float, by: str = "") -> str:
    """A quantile of the requests' durations, in seconds."""
    return f"histogram_quantile({quantile:g}, sum by (le{by}) (rate({_LATENCY}{{{_USERS}}}[{WINDOW}])))"


def ended(outcome: str = "") -> str:
    """Requests a second, of one outcome or of all."""
    only = f', {OUTCOME}="{outcome}"' if outcome else ""
    return f"sum(rate({_REQUESTS}{{{_USERS}{only}}}[{WINDOW}]))"


def loop_delay(quantile: float) -> str:
    """A quantile of how late the loop comes to what is due, in seconds."""
    return f"histogram_quantile({quantile:g}, sum by (le) (rate({RUNTIME}_eventloop_delay_seconds_bucket[{WINDOW}])))"


_SHARES = {"ok": OK, "shed": SHED, "timed_out": LEFT, "errors": ERROR, "served": OK}
_OTHERS = {
    "throughput": ended(),
    "goodput": ended(OK),
    "loop_delay_p99": f"{loop_delay(0.99)} * 1000",
    "pool": f"100 * max(avg_over_time(trio_lab_queue_in_service{{{_PLACES}}}[{WINDOW}])"
    f" / avg_over_time(trio_lab_queue_capacity{{{_PLACES}}}[{WINDOW}]))",
    "memory": "100 * max(trio_lab_memory_bytes / trio_lab_memory_limit_bytes)",
    "descriptors": f"100 * max(avg_over_time(process_open_fds[{WINDOW}])"
    f" / avg_over_time(process_open_fds[{WINDOW}] offset {_LONG_AGO}) - 1)",
}


def query(figure: str, runtime: str) -> str | None:
    """The figure in its own unit; None for the figures of experiments."""
    if figure in QUANTILES:
        return f"{latency(QUANTILES[figure])} * 1000"
    if figure in _SHARES:
        return f"100 * {ended(_SHARES[figure])} / {ended()}"
    found = _OTHERS.get(figure)
    return None if found is None else found.replace(RUNTIME, runtime)


_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def missed(objective: Objective, runtime: str) -> str | None:
    """What is true while the objective is not met."""
    found = query(objective.figure, runtime)
    return None if found is None else f"{found} {_OPPOSITE[objective.relation]} {objective.bound:g}"
