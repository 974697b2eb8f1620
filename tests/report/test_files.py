"""Results on disk."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trio_lab.errors import UsageError
from trio_lab.records.reading import read_results
from trio_lab.report.disk import write_whole
from trio_lab.report.files import load, save


def test_page_made_again_from_the_file_is_the_same(sample: dict[str, Any], tmp_path: Path) -> None:
    sample["experiments"] = sample["experiments"][:1]
    page = save(read_results(sample), tmp_path / "new" / "folder")
    again = save(load(page.parent), tmp_path / "again")
    assert page.name == "index.html"
    assert again.read_bytes() == page.read_bytes()
    assert load(again.parent) == load(page.parent) == read_results(sample)


def test_nothing_else_is_left_behind(light: dict[str, Any], tmp_path: Path) -> None:
    save(read_results(light), tmp_path)
    save(read_results(light), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "results.json"]


def test_results_are_kept_when_the_page_cannot_be_drawn(light: dict[str, Any], tmp_path: Path) -> None:
    series = {"name": "a", "points": [[0, 1e308], [1, -1e308]]}
    chart = {"title": "Too large", "kind": "line", "x": {"title": "x"}, "y": {"title": "y"}, "series": [series]}
    light["experiments"][0]["evidence"]["charts"] = [chart]
    results = read_results(light)
    with pytest.raises(UsageError, match="cannot be drawn"):
        save(results, tmp_path)
    assert load(tmp_path) == results


def test_value_that_json_does_not_know_is_refused(light: dict[str, Any], tmp_path: Path) -> None:
    results = replace(read_results(light), environment={"odd": object()})
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        save(results, tmp_path)


def test_folder_that_cannot_be_written_is_refused(light: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        save(read_results(light), tmp_path / "file" / "report")


def test_page_that_cannot_be_replaced_leaves_no_temporary_file(light: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    with pytest.raises(UsageError, match=r"index\.html cannot be written"):
        save(read_results(light), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "results.json"]


def test_an_interrupt_while_a_file_is_written_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "page").write_bytes(b"before")
    monkeypatch.setattr(os, "chmod", interrupted)  # as Ctrl-C does, when the new file is written and not in its place
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "page", b"after")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("page", b"before")]


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        write_whole(pipe, b"whole")
        assert (reader.read(), pipe.is_fifo()) == (b"whole", True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b'{"schema": 1, "experi', "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"schema": 1' + b"0" * 5000 + b"}", "is not JSON"),
        (b"[]", "is not a results file"),
        (b'{"hello": 1}', "is not a results file"),
        (b'{"schema": 7, "experiments": []}', "this version reads schema 1"),
        (b'{"schema": "1", "experiments": []}', "this version reads schema 1"),
        (b'{"schema": 1, "experiments": {}}', "cannot be read"),
        (b'{"schema": 1, "experiments": [null]}', "cannot be read"),
    ],
)
def test_broken_file_is_refused_in_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UsageError, match=reason) as refusal:
        load(tmp_path)
    assert "\n" not in str(refusal.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no results\.json in"):
        load(tmp_path)
    (tmp_path / "results.json").mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load(tmp_path)
