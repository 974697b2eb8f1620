"""A load result whose every part has something in it."""

from __future__ import annotations

from trio_lab.records.load import Counts, Generator, Latencies, LoadResult, Row
from trio_lab.records.summary import Summary

SUMMARY = Summary(count=2, mean=0.02, p50=0.01, p90=0.03, p99=0.03, p99_9=0.03, max=0.03)
RESULT = LoadResult(
    url="http://127.0.0.1:3000/",
    mode="open",
    connections=4,
    duration=1.5,
    requests=Counts(sent=3, completed=2, ok=2, timed_out=1),
    throughput=1.33,
    goodput=1.33,
    latency=Latencies.of(SUMMARY),
    status={"200": 2},
    offered=2.0,
    service=Latencies.of(SUMMARY),
    shed=Latencies(),
    error_kinds={},
    series=(Row(start=0.0, ok=2, shed=0, timed_out=1, errors=0, p50=0.01, max=0.03),),
    generator=Generator(cpu_share=0.1, late_p99=None, bottleneck=None, reconnects=1, abandoned=0),
    samples=((0.25, 0.03), (0.4, 0.01)),
)
