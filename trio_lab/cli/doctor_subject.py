"""What `trio-lab doctor` is called on: a server that runs, a program to start, or a saved examination. Each gives an
`Examination`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import trio

from ..doctor.examine import Examiner
from ..doctor.service import RunningServer
from ..errors import UsageError
from ..load.target import Target, resolve
from ..records.examination import Examination, Program
from ..records.reading import read_examination
from ..stage.attached import attached
from .console import say
from .doctor_options import Asked
from .doctor_progress import Progress
from .ending import ended_by_signal
from .flags import PORT_OF_NOTHING

_FIRST = 1.0  # seconds for the first connection


def command_of(subject: str, arguments: Sequence[str]) -> list[str]:
    """The command of a program to start; empty if the subject is a URL or a file.

    Raises:
        UsageError: a URL has arguments.
    """
    if _is_url(subject):
        if arguments:
            raise UsageError(f"a URL is all that is examined, not {arguments[0]!r} as well")
        return []
    return [subject, *arguments] if arguments or shutil.which(subject) else []


def _is_url(subject: str) -> bool:
    return subject.startswith(("http://", "https://"))


async def seen(subject: str, command: list[str], asked: Asked, *, objectives: bool, quiet: bool) -> Examination:
    """The examination of the program with this ``command``, or without one of the subject. ``objectives``: figures for them
    are needed. ``quiet``: no progress is shown, and a program that prints does so on standard error.

    Raises:
        UsageError: the subject cannot be examined.
    """
    if command:
        return await _started(command, asked, objectives=objectives, quiet=quiet)
    if asked.port is not None:
        raise UsageError(PORT_OF_NOTHING)
    if _is_url(subject):
        return await _running(subject, asked, objectives=objectives, quiet=quiet)
    return _saved(Path(subject), asked.target)


async def _running(url: str, asked: Asked, *, objectives: bool, quiet: bool) -> Examination:
    target = Target.parse(url)
    await resolve(target, asked.i_own_this)
    with trio.move_on_after(_FIRST):  # a service that is full may take longer, and is worth examining
        try:
            await (await trio.open_tcp_stream(target.host, target.port)).aclose()
        except OSError as error:
            raise UsageError(f"nothing answers at {target.authority}: {error.strerror or error}") from None
    parts = urlsplit(url)
    whole = parts.path + (f"?{parts.query}" if parts.query else "")
    examiner = asked.examiner(RunningServer(url), whole or "/", ours=False, objectives=objectives)
    async with ended_by_signal():
        return await _examined(examiner, quiet=quiet)


async def _started(command: list[str], asked: Asked, *, objectives: bool, quiet: bool) -> Examination:
    stdout = sys.stderr.fileno() if quiet else None
    async with ended_by_signal(), attached(command, port=asked.port, stdout=stdout) as service:
        found = await _examined(asked.examiner(service, "/", ours=True, objectives=objectives), quiet=quiet)
        blind = service.blind_to
        if not quiet:  # many a program prints a traceback then
            say(f"{' '.join(command)} is asked to stop, as by Ctrl-C")
    ended = service.program
    program = Program(command=tuple(command), exit_code=ended.code, killed=ended.killed)
    return replace(found, blind=blind, program=program)


async def _examined(examiner: Examiner, *, quiet: bool) -> Examination:
    with Progress(examiner.budget.seconds, quiet=quiet) as progress:
        examiner.on_step = progress.step
        return await examiner.run()


def _saved(file: Path, target: float | None) -> Examination:
    """With another target, if one is asked for: what was seen says of any load whether the service bears it."""
    try:
        data = file.read_bytes()
    except OSError as error:
        what = f"{str(file)!r} is neither a URL nor a program that can be started"
        raise UsageError(f"{what}, and as a file it cannot be read: {error.strerror}") from None
    examination = read_examination(data)
    return examination if target is None else replace(examination, target=target)
