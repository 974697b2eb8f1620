"""End to end: `--slo`, `--baseline` and `--junit` of `trio-lab load` against real servers, and of `trio-lab run`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from tests.load.scripted_server import reply, replying, serving
from tests.running import Running, running
from trio_lab.cli.gate import gate
from trio_lab.cli.load import load
from trio_lab.cli.load_options import Asked
from trio_lab.cli.run import run
from trio_lab.errors import UsageError
from trio_lab.records.slo import FIGURES
from trio_lab.records.slo_text import parse_toml

DOCS = Path(__file__).parents[2] / "docs"
CALM = ("-c", "2", "-d", "1")  # long enough for ten slices beside other tests


def trio_lab(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trio_lab", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.mark.parametrize(
    ("slo", "code", "said"),
    [
        ("errors<50%,p50<9s", 0, " met "),
        ("p50<0.001ms,p99_9<9s", 1, "NOT MET"),
        ("p99_9<9s,p50<9s", 2, "requests are too few, it takes at least 3,838"),
    ],
)
def test_the_exit_code_says_whether_it_was_met(server: Running, slo: str, code: int, said: str) -> None:
    done = trio_lab("load", server.url + "/health?reset=0", *CALM, "--slo", slo)
    assert done.returncode == code, done.stdout
    assert said in done.stdout


@pytest.mark.parametrize(
    ("slo", "code", "said"),
    [
        ("memory<100%,loop_delay_p99<9s", 0, "loop_delay_p99 < 9s"),
        ("served>50%", 2, "not judged"),
        ("callback-order.x<1,p50<9s", 0, "not judged"),
    ],
)
async def test_what_the_server_tells_is_judged_and_what_it_cannot_is_not(
    server: Running, capsys: pytest.CaptureFixture[str], slo: str, code: int, said: str
) -> None:
    assert await load(server.url + "/health?reset=0", asked=Asked(connections=2, duration=1.0), slo=slo) == code
    assert said in capsys.readouterr().out


async def test_a_server_of_somebody_else_cannot_be_looked_into(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(replying(reply())) as url:
        assert await load(url, asked=Asked(connections=2, duration=0.5), slo="pool<80%,p50<9s") == 2
    assert "what answers there is not trio_lab" in " ".join(capsys.readouterr().out.split())


def test_a_verdict_is_in_the_json_and_in_the_xml(server: Running, tmp_path: Path) -> None:
    file = tmp_path / "made" / "junit.xml"
    file.parent.mkdir()
    words = ("--slo", "p50<0.001ms,errors<50%,p99_9<9s", "--junit", str(file), "--json")
    done = trio_lab("load", server.url + "/health?reset=0", *CALM, *words)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["slo"]["met"] is False
    assert {one["figure"]: one["passed"] for one in found["slo"]["objectives"]} == {
        "p50": False,
        "errors": True,
        "p99_9": None,
    }
    assert found["machine_speed"] > 0
    cases = Xml.parse(file).getroot().findall("testsuite/testcase")
    assert [[part.tag for part in case] for case in cases] == [["failure"], ["system-out"], ["skipped"]]


async def test_a_load_is_compared_with_an_earlier_one(
    server: Running, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    url, file = server.url + "/health?reset=0", tmp_path / "before.json"
    await load(url, asked=Asked(connections=2, duration=2.0), slo="p50<9s", json_=True)
    saved = json.loads(capsys.readouterr().out)
    for one in saved["figures"]:
        one |= {key: one[key] and one[key] / 1e4 for key in ("measured", "low", "high")}

    async def against(**changed: object) -> tuple[int, dict[str, Any]]:
        file.write_text(json.dumps(saved | changed))
        code = await load(url, asked=Asked(connections=2, duration=2.0), baseline=file, json_=True)
        found = json.loads(capsys.readouterr().out)["slo"]["objectives"]
        return code, {one["figure"]: one for one in found}

    code, found = await against(machine_speed=None)  # as if it had been ten thousand times as fast
    assert (code, found["p50"]["passed"], found["goodput"]["passed"]) == (1, False, True)
    assert found["p50"]["measured"] > 100
    code, found = await against(machine_speed=1e6)
    assert (code, found["p50"]["passed"]) == (2, None)
    assert "the machine computed" in found["p50"]["note"]
    with pytest.raises(UsageError, match="is of another load: its connections is 3, not 2"):
        await against(connections=3)
    stage = saved["latency_ms"], saved["requests"]
    stages = [{"name": name, "latency_ms": stage[0], "requests": stage[1], "status": {}} for name in ("1s@5", "1s@9")]
    with pytest.raises(UsageError, match="its stages is 1s@5,1s@9, not None"):
        await against(stages=stages)


async def test_a_server_that_may_not_be_loaded_is_not_asked_for_its_health_either() -> None:
    with pytest.raises(UsageError, match="stress only what you own"):
        await load("http://192.0.2.1/", asked=Asked(duration=0.1), slo="pool<80%")


async def test_a_verdict_about_nothing_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--junit needs a verdict"):
        await load("http://127.0.0.1:1/", junit=tmp_path / "junit.xml")


@pytest.mark.parametrize(
    ("slo", "baseline", "junit", "said"),
    [
        ("p9<1s", None, None, "did you mean p99"),
        ("no.toml", None, None, "slo 'no.toml' cannot be read"),
        (None, "no.json", None, "baseline 'no.json' cannot be read"),
        (None, __file__, None, "is not JSON"),
        ("p50<1s", None, "/no/x.xml", "junit '/no/x.xml' cannot be"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(
    slo: str | None, baseline: str | None, junit: str | None, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        gate(slo, baseline and Path(baseline), junit and Path(junit))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("slo", "runtime", "said"),
    [
        ("callback-ordr.x<1", "trio", "unknown experiment 'callback-ordr'; did you mean callback-order"),
        ("blocked-loop.hash_mss<1", "trio", "blocked-loop has no figure 'hash_mss'; did you mean hash_ms"),
        ("p50<1s", "trio,asyncio", "for a run on one runtime"),
    ],
)
async def test_an_objective_about_no_experiment_is_told_before_any_runs(
    slo: str, runtime: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        await run("blocked-loop", slo=slo, runtime=runtime, out=tmp_path)


def test_a_run_is_judged_by_its_predictions(tmp_path: Path) -> None:
    words = ("run", "callback-order", "--quick", "--out", str(tmp_path), "--junit", str(tmp_path / "junit.xml"))
    done = trio_lab(*words, "--slo", "callback-order.promised_with_more_orders<0,p99<1s", "--json")
    assert done.returncode == 1
    found = {one["figure"]: one for one in json.loads(done.stdout)["slo"]["objectives"]}
    assert found["callback-order"]["passed"] is True
    assert found["p99"]["skipped"] is True
    assert Xml.parse(tmp_path / "junit.xml").getroot().get("tests") == "3"


@pytest.mark.parametrize("json_", [False, True])
@pytest.mark.parametrize("option", ["junit", "csv"])
async def test_the_verdict_is_told_although_a_file_cannot_be_written(
    json_: bool, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files: dict[str, Any] = {option: Path("/dev/full")}
    async with serving(replying(reply())) as url:
        with pytest.raises((UsageError, OSError), match="No space left"):
            await load(url, asked=Asked(requests=20, duration=1.0), slo="p50<9s", json_=json_, **files)
    assert ('"slo":' if json_ else "p50 < 9s") in capsys.readouterr().out


def test_the_page_has_the_example_and_every_figure() -> None:
    page = (DOCS / "slo.md").read_text(encoding="utf-8")
    example = (DOCS / "examples" / "slo.toml").read_text(encoding="utf-8")
    assert len(parse_toml(example)) == 7
    assert f"```toml\n{example}```" in page
    assert [name for name in FIGURES if f"`{name}`" not in page] == []
