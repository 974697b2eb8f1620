"""The documents keep their word: every command in them runs, every page and link is there, nothing is left out.

A ``sh`` block is a terminal session. A line that serves runs in the background until the block ends, and then has to end
with exit code 0 on SIGTERM; every other line has to exit with 0. Some things differ from a reader's session: servers
take a free port in place of 3000, loads and experiments are short, hashes that are loaded are small (of a crowd with a
second's patience a busy machine may serve nobody), and what `make` would do is only asked of it.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from trio_lab.cli.command import app
from trio_lab.experiments.catalog import EXPERIMENTS
from trio_lab.servers.trio.app import create_app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_ADDRESS = re.compile(r"unning on http://[^:\s]+:(\d+)")
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
_SIGNS = {"<=": "≤", ">=": "≥"}
_AT_ONCE = 2  # blocks: they mostly wait for children to start and for requests in flight
_LONGEST = 300  # seconds for one line; half a minute where nobody else is at work
# Multiplies the length of an experiment's phases. Two need more than the rest: the sizes of a pool are told apart by
# how many waits of 100 ms fit, and clients that wait one second leave only after it.
_DOSE, _DOSES = "0.15", {"native-pool-sizing": "0.2", "impatient-clients": "0.4"}


@dataclass(frozen=True, slots=True)
class Block:
    page: Path
    line: int
    commands: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        lines = (line.strip() for line in found[1].splitlines())
        commands = tuple(line for line in lines if line and not line.startswith("#"))
        yield Block(page, text.count("\n", 0, found.start()) + 1, commands)


def _first(blocks: list[Block]) -> Iterator[Block]:
    """All blocks except those whose every command is a run of the lab that another block has already."""
    seen: set[str] = set()
    for block in sorted(blocks, key=lambda block: -len(block.commands)):
        if not seen.issuperset(block.commands):
            yield block
        seen |= {command for command in block.commands if command.startswith("trio-lab run ")}


BLOCKS = [*_first([block for page in PAGES for block in _blocks(page)])]


@pytest.mark.parametrize(
    ("line", "serves"),
    [
        ("trio-lab serve", True),
        ("TRIO_LAB_THREADS=16 trio-lab serve --workers 2", True),
        ("hypercorn -k trio trio_lab.server:app", True),
        ("trio-lab serve --help", False),
        ("trio-lab load http://127.0.0.1:3000/hash", False),
        ("make lab", False),
    ],
)
def test_a_line_that_serves_is_told_from_others(line: str, serves: bool) -> None:
    assert _serves(shlex.split(line)) is serves


def _serves(words: list[str]) -> bool:
    program, *rest = [word for word in words if not _ASSIGNMENT.fullmatch(word)]
    return program == "hypercorn" or (program == "trio-lab" and rest[:1] == ["serve"] and "--help" not in rest)


class Session:
    """One block, line by line, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = "3000"
        self.servers: list[subprocess.Popen[str]] = []
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "TRIO_LAB_"))}
        self.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(self, commands: tuple[str, ...]) -> None:
        shutil.copytree(DOCS / "examples", self.folder / "docs" / "examples")
        try:
            for line in commands:
                self.line(line.replace(".venv/bin/", "").replace(":3000", f":{self.port}"))
            for server in self.servers:
                server.send_signal(signal.SIGTERM)
                assert server.wait(30) == 0, "a server did not end in order"
        finally:
            for server in self.servers:
                server.kill()
                server.communicate()

    def line(self, line: str) -> None:
        words = shlex.split(line, comments=True)
        if words[:2] == ["git", "clone"] or words[0] == "cd":
            return
        if _serves(words):
            self.serve(words)
        elif re.fullmatch(r"python docs/examples/\w+\.py", line):
            assert (self.folder / words[1]).exists()  # tests/test_install.py runs it
        elif words[0] == "make":
            self.finish(["make", "-n", *words[1:]], ROOT)
        else:
            short = re.sub(r"(?<= -d )\d+", "0.3", line)
            if words[:2] == ["trio-lab", "load"]:
                # Threads of a pool are nice: beside all the other tests a few seconds of hashing may take them minutes.
                short = re.sub(r"hash(\?rounds=\d+)?(?=[\"\s]|$)", "hash?rounds=100", short)
            # One round: what is tested is that the commands work. A run that goes on has the rounds of its plan.
            rounds = {} if "--resume" in words else {"TRIO_LAB_ROUNDS": "1"}
            self.finish(["sh", "-c", short], self.folder, TRIO_LAB_DOSE=_dose(words), **rounds)

    def finish(self, command: list[str], folder: Path, **environ: str) -> None:
        done = subprocess.run(
            command,
            cwd=folder,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        assert done.returncode == 0, f"{command[-1]} exited with {done.returncode}:\n{done.stdout}"

    def serve(self, words: list[str]) -> None:
        """Start a server on a port that is free, and wait until it names it."""
        asks = [word.replace(":3000", ":0") for word in words]
        words = asks if "hypercorn" in words else [*words, "--port", "0"]
        server = subprocess.Popen(
            ["env", *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.servers.append(server)
        assert server.stdout is not None
        for said in server.stdout:
            if (address := _ADDRESS.search(said)) is not None:
                self.port = address[1]
                return
        raise AssertionError(f"{shlex.join(words)} ended before it was ready")


def _dose(words: list[str]) -> str:
    return next((dose for name, dose in _DOSES.items() if name in words), _DOSE)


@pytest.fixture(scope="module")
def sessions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future]]:
    """Every block that was chosen, under way or waiting for its turn."""
    chosen = [item.callspec.params["block"] for item in request.session.items if "sessions" in item.fixturenames]
    with ThreadPoolExecutor(_AT_ONCE) as executor:
        yield {
            str(block): executor.submit(Session(tmp_path_factory.mktemp("block")).run, block.commands)
            for block in chosen
        }
        executor.shutdown(wait=False, cancel_futures=True)


@pytest.mark.timeout(900)  # it waits for its turn, too
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_commands_run(block: Block, sessions: dict[str, Future]) -> None:
    sessions[str(block)].result()


def test_every_experiment_has_its_page_and_every_page_its_experiment() -> None:
    assert {page.stem for page in (DOCS / "experiments").glob("*.md")} == {e.name for e in EXPERIMENTS}


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_an_experiments_page_states_its_bounds(experiment: object) -> None:
    page = (DOCS / "experiments" / f"{experiment.name}.md").read_text(encoding="utf-8")
    for check in experiment.checks:
        unit = check.unit if check.unit == "×" else f" {check.unit}".rstrip()
        assert f"{_SIGNS.get(check.relation, check.relation)} {check.bound:g}{unit} |" in page, check.claim


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_the_page_of_an_experiment_says_whether_it_runs_unless_it_is_named(experiment: object) -> None:
    page = (DOCS / "experiments" / f"{experiment.name}.md").read_text(encoding="utf-8")
    assert bool(re.search(r"ot part of `(trio-lab run|make lab)`", page)) is not experiment.lab


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "index.md"], ids=lambda page: page.name)
def test_verdicts_that_are_shown_are_about_the_checks_of_today(page: Path) -> None:
    rows = re.findall(r"^([\w-]+) +(?:confirmed|refuted|undecided) +(.*)\)", page.read_text("utf-8"), re.MULTILINE)
    assert rows
    for name, figure in rows:
        (experiment,) = (one for one in EXPERIMENTS if one.name == name)
        told = {
            (check.claim, f"{_SIGNS.get(check.relation, check.relation)} {check.bound:g}")
            for check in experiment.checks
        }
        assert any(figure.startswith(claim) and f"({bound}" in figure for claim, bound in told), figure


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        assert not target.startswith("http"), f"{target}: the documents stand on their own"
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        if anchor:
            assert anchor in _anchors(path), f"{target}#{anchor}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_readme() -> None:
    reached, unread = set(), [ROOT / "README.md"]
    while unread:
        page = unread.pop()
        reached.add(page)
        targets = {(page.parent / target).resolve() for target, _ in _LINK.findall(page.read_text(encoding="utf-8"))}
        unread += {target for target in targets if target.suffix == ".md"} - reached
    assert reached >= set(PAGES)
    shown = {(DOCS / target).resolve() for target, _ in _LINK.findall((DOCS / "index.md").read_text(encoding="utf-8"))}
    assert set(DOCS.rglob("*.md")) - {DOCS / "index.md"} <= shown


@pytest.mark.parametrize(
    ("command", "page"),
    [
        ("serve", "serving.md"),
        ("load", "load.md"),
        ("run", "index.md"),
        ("compare", "index.md"),
        ("doctor", "doctor.md"),
        ("simulate", "simulate.md"),
        ("plan", "plan.md"),
        ("watch", "watch.md"),
        ("metrics", "metrics.md"),
        ("drill", "drills.md"),
        ("bench", "bench.md"),
        ("jobs work", "jobs.md"),
        ("jobs list", "jobs.md"),
    ],
)
def test_every_option_is_explained(command: str, page: str) -> None:
    said = Console(file=io.StringIO(), width=120)
    app.help_print(command.split(), console=said)
    options = set(re.findall(r"│[ *]+(--[a-z][a-z-]+)", said.file.getvalue()))  # type: ignore[attr-defined]
    assert len(options) > 1
    text = (DOCS / page).read_text(encoding="utf-8")
    assert {option for option in options if f"`{option}" not in text} == set()


def test_every_route_is_explained() -> None:
    rules = [rule for rule in create_app().url_map.iter_rules() if not rule.rule.startswith("/static")]
    assert len(rules) > 10
    text = (DOCS / "serving.md").read_text(encoding="utf-8")
    assert {
        rule.rule for rule in rules if not any(f"`{method} {rule.rule}`" in text for method in rule.methods)
    } == set()
