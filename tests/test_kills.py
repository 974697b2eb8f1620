"""Unit: what `tests/kills.py` notices of a run that was killed. That nothing is lost: it itself, and tests/cli."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kills import Ended, finished, lost

RESULTS = Path(__file__).parent / "report" / "sample_results.json"  # it holds blocked-loop, among others
SAID = (
    "[1/3] blocked-loop: What do other requests feel? (about 12 s)",
    "      1 round: /health p99 6.31×",
    "      refuted: /health was late.",
    "[2/3] callback-order: In which order? (about 6 s)",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results.json").write_bytes(RESULTS.read_bytes())
    (tmp_path / "index.html").write_text("<html>blocked-loop</html>\n")
    return tmp_path


def test_an_experiment_is_finished_when_its_outcome_was_said() -> None:
    assert finished(SAID) == ["blocked-loop"]
    assert finished(SAID[:2]) == []


def test_a_run_that_kept_everything_has_no_complaints(folder: Path) -> None:
    assert lost(Ended(code=130, said=SAID), folder) == []


def test_a_run_that_was_killed_before_anything_was_finished_has_nothing_to_keep(tmp_path: Path) -> None:
    assert lost(Ended(code=130, said=SAID[:2]), tmp_path) == []


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("results.json", "{}", "results.json"),
        ("results.json", '{"experi', "not JSON"),
        ("index.html", "<html>blocked-loop", "cut off"),
        ("index.html", "<html>another</html>", "blocked-loop is not kept"),
    ],
)
def test_what_is_lost_is_noticed(folder: Path, file: str, content: str, complaint: str) -> None:
    (folder / file).write_text(content)
    assert complaint in "; ".join(lost(Ended(code=-9, said=SAID), folder))


def test_a_page_or_results_that_are_not_there_are_noticed(folder: Path) -> None:
    (folder / "index.html").unlink()
    assert lost(Ended(code=-9, said=SAID), folder)
    (folder / "results.json").unlink()
    assert lost(Ended(code=-9, said=SAID), folder)


def test_processes_that_are_left_are_noticed(folder: Path) -> None:
    assert lost(Ended(code=-9, said=SAID, left=(1, 2)), folder) == ["2 processes are left"]
