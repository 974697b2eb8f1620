"""Unit: the files that a load writes beside what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_lab.cli.load import load
from trio_lab.cli.load_options import Asked
from trio_lab.cli.written import Written
from trio_lab.errors import UsageError


async def test_a_load_that_may_not_run_leaves_an_earlier_file_alone(tmp_path: Path) -> None:
    (file := tmp_path / "series.csv").write_text("t,ok\n")
    with pytest.RaisesGroup(pytest.RaisesExc(UsageError, match="stress only what you own")):
        await load("http://192.0.2.1/", asked=Asked(duration=0.1), csv=file)
    assert file.read_text() == "t,ok\n"


def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"hdr .* cannot be written: No such file or directory"):
        Written(csv=tmp_path / "series.csv", hdr=tmp_path / "none" / "latency.hgrm")
    with pytest.raises(UsageError, match="exclude each other"):
        Written(csv=tmp_path / "one", hdr=tmp_path / "one")
