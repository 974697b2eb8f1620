"""The command `trio-lab doctor` on saved examinations, and on what it cannot examine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from trio_lab.cli import doctor_subject
from trio_lab.cli.doctor import doctor as command
from trio_lab.cli.doctor import exit_code
from trio_lab.cli.doctor_options import Asked
from trio_lab.diagnose.diagnosis import diagnose
from trio_lab.diagnose.proof import prove
from trio_lab.errors import UsageError
from trio_lab.records.codec import encode
from trio_lab.records.examination import Examination
from trio_lab.records.proof import Trial
from trio_lab.records.slo import FIGURES, Estimate, SloResult

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
    assert list(found) == [
        "healthy",
        "verdict",
        "first_full",
        "onset_load",
        "onset_interval",
        "saturation_load",
        "saturation_interval",
        "confidence",
        "blind_to",
        "findings",
    ]
    assert found["healthy"] is False
    assert found["first_full"] == "native_pool"
    assert found["saturation_load"] == pytest.approx(100, rel=0.01)
    (finding,) = found["findings"]
    assert list(finding) == ["id", "step", "because", "figures", "fix"]
    assert finding["fix"]["setting"] == {"of": "native_pool", "name": "capacity", "value": 8}
    assert found["blind_to"] == ["how full the accept backlog is"]


@pytest.mark.parametrize(("target", "code"), [(None, 1), (50.0, 0), (200.0, 1)])
async def test_a_saved_examination_is_asked_for_another_target(
    target: float | None, code: int, saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command(str(saved), asked=Asked(target=target)) == code
    assert f"Healthy up to {target or 150:g}/s: " in capsys.readouterr().out


def test_a_saved_examination_for_people(saved: Path) -> None:
    done = doctor(saved)
    first, *rest = done.stdout.splitlines()
    assert first.startswith("native_pool fills first, at 100/s")
    assert "Healthy up to 150/s: no." in rest
    assert any(line.startswith("native_pool_too_small (step 4 of 8)") for line in rest)
    assert "## When not to" in rest


def held(**figures: tuple[float, float | None]) -> Examination:
    """With what was measured under a held load: the interval of each figure."""
    found = tuple(
        Estimate(figure=name, unit=FIGURES[name].unit, measured=low, low=low, high=high)
        for name, (low, high) in figures.items()
    )
    return replace(WAITING.examination(), held=70.0, figures=found)


@pytest.mark.parametrize(
    ("examination", "slo", "code", "said"),
    [
        (held(p50=(40.0, 60.0)), "p50<100ms", 0, "p50 < 100ms 40 ms 95 %: 40 … 60 met"),
        (held(p50=(40.0, 60.0)), "p50<30ms", 1, "NOT MET"),
        (held(p50=(40.0, 60.0)), "p50<50ms", 2, "could not tell"),
        (held(p99=(40.0, None)), "p99<30ms", 1, "95 %: 40 … ∞ NOT MET"),
        (held(p50=(40.0, 60.0)), "p50<100ms,callback-order.x<1", 0, "not judged"),
        (held(p50=(40.0, 60.0)), "p50<100ms", 0, "The objectives were measured at 70/s."),
        (WAITING.examination(), "p50<100ms", 2, "not measured in this examination"),
        (WAITING.examination(target=50.0), "p50<100ms", 2, "not measured in this examination"),
        (replace(held(p50=(40.0, 60.0)), target=50.0), "p50<100ms", 2, "measured at 70/s, not at 50/s"),
        (replace(held(p50=(40.0, 60.0)), target=70.0), "p50<100ms", 0, "saturation load > 70/s 100 /s"),
        (WAITING.examination(target=150.0), "p50<100ms", 1, "saturation load > 150/s 100 /s"),
        (WAITING.examination(target=50.0), None, 0, "saturation load > 50/s 100 /s"),
    ],
)
async def test_objectives(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    examination: Examination,
    slo: str | None,
    code: int,
    said: str,
) -> None:
    file, xml = tmp_path / "seen.json", tmp_path / "junit.xml"
    file.write_bytes(encode(examination))
    assert await command(str(file), asked=Asked(target=examination.target), slo=slo, junit=xml) == code
    assert said in " ".join(capsys.readouterr().out.split())
    assert Xml.parse(xml).getroot().get("failures") == str(int(code == 1))


async def test_objectives_are_in_the_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "seen.json"
    file.write_bytes(encode(held(p50=(40.0, 60.0))))
    assert await command(str(file), slo="p50<30ms", json_=True) == 1
    assert json.loads(capsys.readouterr().out)["slo"]["met"] is False


TRIAL = Trial(
    variables={"THREADS": "8"}, measure="throughput", clients=16, piece=0.5, pairs=tuple([(100.0, 200.0)] * 8)
)


async def test_a_saved_trial_is_concluded_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "seen.json"
    file.write_bytes(encode(replace(WAITING.examination(), trial=TRIAL)))
    assert await command(str(file), json_=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found)[-1] == "proof"
    assert found["proof"]["outcome"] == "helps"
    assert found["proof"]["effect"] == 2.0
    assert found["proof"]["interval"][0] > 1.9
    await command(str(file))
    shown = capsys.readouterr().out.splitlines()
    assert shown[-2].startswith("THREADS=8 helps: throughput at saturation 2 ×")
    assert shown[-1] == "Medians, each by itself: 100/s without, 200/s with it."


@pytest.mark.parametrize(
    ("trial", "code"),
    [(TRIAL, 0), (replace(TRIAL, broke=True), 0), (replace(TRIAL, pairs=(), stopped="app.py ended"), 2)],
)
def test_the_exit_code_is_2_if_nothing_could_be_tried(trial: Trial, code: int) -> None:
    examination = WAITING.examination()
    assert exit_code(diagnose(examination), examination, None, prove(trial)) == code
    met = SloResult(met=False, objectives=())
    assert exit_code(diagnose(examination), examination, met, prove(trial)) == 1


@pytest.mark.parametrize(
    ("subject", "options", "said"),
    [
        ("http://127.0.0.1:1", {"prove": True}, "--prove starts the program twice"),
        ("sh", {"prove": True}, "add --try NAME=VALUE"),
        ("sh", {"try_": ("POOL",)}, "try must be like NAME=VALUE"),
        ("sh", {"junit": Path("x.xml")}, "--junit needs a verdict"),
        ("sh", {"out": Path("/no/such/folder/x")}, "out '/no/such/folder/x' cannot be written"),
        ("sh", {"slo": "p50<200"}, "the target has no unit"),
    ],
)
async def test_a_mistake_is_told_before_anything_is_started(subject: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        await command(subject, *(("-c", "exit 3") if subject == "sh" else ()), **options)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is neither a URL nor a program that can be started, and as a file it cannot be read: No such file"),
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
        (("--path", "/so many"), "path must be printable ASCII characters, percent-encoded where it has others"),
        (("--beside", "/gesünd"), "beside must be printable ASCII characters"),
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
        (WAITING.examination(target=100.0, rounds=1), 2),
        (replace(WAITING, limit=1000.0).examination(target=5000.0), 1),
        (replace(WAITING.examination(), stopped="it went away"), 2),
        (replace(WAITING.examination(target=50.0), stopped="it went away"), 2),
        (Examination(url="", probe="", budget=1.0), 2),
        (Examination(url="", probe="", budget=1.0, target=10.0), 2),
        (Sick(queues={"native_pool": Tank(share=1.0, slower=1.8)}).examination(), 2),
    ],
    ids=[
        "no target",
        "met",
        "not met",
        "too few rounds for an interval",
        "far from met",
        "ended early",
        "the same with a target that was met until then",
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
        (["--port", "65536", "--", "sh"], "port must be between 1 and 65535, not 65536"),
        (["http://127.0.0.1:1"], "nothing answers at 127.0.0.1:1: all attempts to connect to 127.0.0.1:1 failed"),
        (
            ["http://127.0.0.1", "--port", "1"],
            "port is one of those that a program to start listens on; a URL has its own",
        ),
        (["http://127.0.0.1:1", "--", "sh"], "a URL is all that is examined, not 'sh' as well"),
    ],
)
def test_a_program_that_cannot_be_examined_is_told_in_a_line(words: list[str], said: str) -> None:
    done = doctor(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"trio-lab: {said}\n")


@pytest.mark.parametrize("quiet", [False, True])
async def test_a_program_is_said_to_be_stopped_before_it_says_so_itself(
    quiet: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def examined(*_: object, **__: object) -> Examination:
        return WAITING.examination()

    monkeypatch.setattr(doctor_subject, "_examined", examined)
    program = "import socket, sys; server = socket.create_server(('127.0.0.1', 0)); server.accept()"
    ran = [sys.executable, "-S", "-c", program]
    await doctor_subject.seen("", ran, Asked(), objectives=False, quiet=quiet)
    first, *rest = capfd.readouterr().err.splitlines()
    assert ("is asked to stop" in first, "KeyboardInterrupt" in rest[-1]) == (not quiet, True)
