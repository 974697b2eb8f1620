"""The command `trio-lab doctor` on saved examinations, and on what it cannot examine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from trio_lab.cli.doctor import exit_code
from trio_lab.diagnose.diagnosis import diagnose
from trio_lab.records.codec import encode
from trio_lab.records.examination import Examination

from ..diagnose.services import Sick, Tank
from ..diagnose.test_diagnosis import WAITING


def doctor(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trio_lab", "doctor", *map(str, words)], capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("doctor") / "seen.json"
    file.write_bytes(encode(WAITING.examination(target=150.0)))
    return file


def test_a_saved_examination_as_json(saved: Path) -> None:
    done = doctor(saved, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1, "it has to bear 150 a second, and bears 100"
    assert found["healthy"] is False
    assert found["first_full"] == "native_pool"
    assert found["saturation_load"] == pytest.approx(100, rel=0.01)
    (finding,) = found["findings"]
    assert set(finding) >= {"id", "step", "because", "figures", "fix"}
    assert found["blind_to"] == ["how full the accept backlog is"]


def test_a_saved_examination_for_people(saved: Path) -> None:
    done = doctor(saved)
    first, *rest = done.stdout.splitlines()
    assert first.startswith("native_pool fills first, at 100/s")
    assert "Healthy up to 150/s: no." in rest
    assert any(line.startswith("native_pool_too_small (step 4 of 8)") for line in rest)
    assert "## When not to" in rest


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is neither a URL nor a file that can be read"),
        (b"no json", "this is not a saved examination"),
        (b"[1, 2]", "its schema is not"),
        (b'{"schema": "trio-lab-examination-1"}', "the examination cannot be read"),
    ],
)
def test_what_is_no_examination(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "seen.json"
    if content is not None:
        file.write_bytes(content)
    done = doctor(file)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--i-own-this"),
        (("--path", "work"), "path must begin with a slash"),
        (("--target", "0"), "target must be a number of requests per second over 0"),
    ],
)
def test_what_is_not_examined(words: tuple[str, ...], said: str) -> None:
    done = doctor("http://192.0.2.1/", "--quick", *words)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("examination", "code"),
    [
        (WAITING.examination(), 0),
        (WAITING.examination(target=50.0), 0),
        (WAITING.examination(target=150.0), 1),
        (WAITING.examination(target=100.0, rounds=1), 0),
        (replace(WAITING, limit=1000.0).examination(target=5000.0), 1),
        (Examination(url="", probe="", budget=1.0), 2),
        (Examination(url="", probe="", budget=1.0, target=10.0), 2),
        (Sick(queues={"native_pool": Tank(share=1.0, slower=1.8)}).examination(), 2),
    ],
    ids=[
        "no target",
        "met",
        "not met",
        "just met",
        "far from met",
        "nothing seen",
        "the same with a target",
        "no rule",
    ],
)
def test_exit_codes(examination: Examination, code: int) -> None:
    assert exit_code(diagnose(examination), examination) == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--", "sh", "-c", "exit 3"], "sh -c exit 3 ended before it listened (exit code 3)"),
        (
            ["--quick", "--", "no-such-program", "--port", "1"],
            "no-such-program could not be started: No such file or directory",
        ),
        (["http://127.0.0.1:1", "--", "sh"], "a URL is all that is examined, not 'sh' as well"),
    ],
)
def test_a_program_that_cannot_be_examined_is_told_in_a_line(words: list[str], said: str) -> None:
    done = doctor(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"trio-lab: {said}\n")
