"""The code in the documents runs: whole programs are files in docs/examples (tests/test_install.py runs those), parts of
one are on the pages as they are in the file, and what such a program prints is what the page says it prints."""

from __future__ import annotations

import ast
import inspect
import json
import re
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from tests.running import Running

from .test_commands import DOCS, PAGES, ROOT

EXAMPLES = DOCS / "examples"
PROGRAMS = {path: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


BLOCKS = [(page, block) for page in PAGES for block in fenced(page, "python")]


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=lambda value: value.name if isinstance(value, Path) else "")
def test_code_is_that_of_an_example_or_runs_by_itself(page: Path, block: str) -> None:
    if not any(block.rstrip() in program for program in PROGRAMS.values()):
        code = compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        program = types.FunctionType(code, {"__name__": "block"})
        if code.co_flags & inspect.CO_COROUTINE:
            trio.run(program)
        else:
            program()


def test_every_example_is_on_a_page() -> None:
    said = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [path.name for path in PROGRAMS if f"examples/{path.name})" not in said] == []


def patched(program: str, diff: str) -> str:
    """The program after a diff whose parts are separated by `...`, and have no line numbers."""
    for part in diff.split(" ...\n"):
        lines = part.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
        assert program.count(before) == 1, before
        program = program.replace(before, after)
    return program


def masked(line: str) -> str:
    """A line of the log without what differs from run to run."""
    for pattern, told in ((r"^\d+ ms", "90 ms"), (r"(?:\S*/)?(\w+\.py)", r"…/\1"), (r" \(\d+ more since.*", "")):
        line = re.sub(pattern, told, line)
    return line


def test_three_lines_attach_the_watch_and_it_prints_the_line(tmp_path: Path) -> None:
    readme = ROOT / "README.md"
    (diff,) = fenced(readme, "diff")
    assert sum(line[0] in "+-" for line in diff.splitlines()) == 3
    told = next(line for line in readme.read_text().splitlines() if re.match(r"\d+ ms \(", line))
    (tmp_path / "service.py").write_text(patched(PROGRAMS[EXAMPLES / "service.py"], diff))
    said: list[str] = []
    while masked(told) not in said:  # a busy machine may have stopped the program meanwhile, which has another line
        done = subprocess.run(
            [sys.executable, str(tmp_path / "service.py")], capture_output=True, text=True, check=True
        )
        said = [masked(line) for line in done.stderr.splitlines()]
        assert all(re.match(r"90 ms \(.*service.py:11 in sign", line) for line in said), said


@contextmanager
def under_hypercorn(log: Path) -> Iterator[Running]:
    command = [sys.executable, "-m", "hypercorn", "-k", "trio", "-b", "127.0.0.1:0", "under_hypercorn:app"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=EXAMPLES, stdout=out, stderr=out)
    try:
        while (address := re.search(r"Running on (http://\S+)", log.read_text())) is None:
            assert process.poll() is None, log.read_text()
        yield Running(process, address[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_an_app_under_hypercorns_command_is_watched_and_refuses(tmp_path: Path) -> None:
    log = tmp_path / "log"
    told = next(line for line in (DOCS / "observe.md").read_text().splitlines() if "under_hypercorn.py:" in line)
    with under_hypercorn(log) as server:
        while masked(told) not in map(masked, log.read_text().splitlines()):
            assert server.exchange("/sign")[0] == 200
        replies = []
        with ThreadPoolExecutor(6) as clients:
            while not any(status == 503 for status, _, _ in replies):
                replies = list(clients.map(server.exchange, ["/sign-in-thread"] * 6))
        for status, headers, body in replies:
            if status == 503:
                assert headers["Retry-After"] in ("1", "2", "3")
                assert json.loads(body)["error"] in ("native_pool is full", "native_pool had no place in time")
            else:
                assert (status, len(body)) == (200, 64)
