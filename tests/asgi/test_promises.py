"""Unit: what an admission takes from an SLO file."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_lab.asgi.promises import Promises, promises
from trio_lab.errors import UsageError


@pytest.mark.parametrize(
    ("slo", "found"),
    [
        (None, Promises()),
        ("ok>99%", Promises()),
        ("p50<20ms, p99<0.2s, loop_delay_p99<50ms", Promises(loop_delay=0.05, response=0.2)),
        ("defaults", Promises(loop_delay=0.05)),
    ],
)
def test_it_takes_the_loop_delay_and_the_longest_latency(slo: str | None, found: Promises) -> None:
    assert promises(slo) == found


def test_it_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "slo.toml"
    path.write_text('max = "< 1s"\n')
    assert promises(str(path)) == Promises(response=1.0)


def test_a_mistake_in_it_is_an_error() -> None:
    with pytest.raises(UsageError):
        promises("p99<soon")
