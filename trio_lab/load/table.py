"""A run as CSV, for spreadsheets and plots. The names of the columns and their units are those of the JSON."""

from __future__ import annotations

import csv
import io

from trio_lab.records.codec import to_plain
from trio_lab.records.load import LoadResult


def as_csv(result: LoadResult) -> str:
    """A row for each interval of the series; with samples, a row for each of them instead."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    plain = to_plain(result)
    if "samples" in plain:
        rows.writerow(["t", "latency_ms"])
        rows.writerows(plain["samples"])
    else:
        rows.writerow(plain["series"][0])
        rows.writerows(row.values() for row in plain["series"])
    return text.getvalue()
