"""The figures of a service as metrics: in Prometheus' text format (`exposition`), and what is made for them (`alerts`,
`grafana`).

`METRICS` declares each metric once: its name, what it says, its labels, and how it is read from a `Seen`. All else is made from
that. The names follow prom-client and OpenTelemetry: base units in the name, ``_total`` for counters, the runtime in front of
what belongs to its loop. Labels come from bounded sets: names of queues and kinds of jobs, routes as templates, causes.

This package knows no event loop, and only `exposition` needs prometheus-client.
"""
