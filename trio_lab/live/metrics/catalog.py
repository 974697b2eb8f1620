"""All metrics."""

from __future__ import annotations

from . import of_loop, of_process, of_queues, of_requests
from .metric import Metric

METRICS: tuple[Metric, ...] = (*of_requests.METRICS, *of_loop.METRICS, *of_queues.METRICS, *of_process.METRICS)
