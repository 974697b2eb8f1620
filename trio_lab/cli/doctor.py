"""`trio-lab doctor`."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from ..diagnose.diagnosis import diagnose
from ..doctor.examine import Examiner
from ..doctor.ramp import Budget
from ..doctor.service import RunningServer
from ..errors import UsageError
from ..load.target import Target, resolve
from ..records.codec import encode
from ..records.diagnosis import Diagnosis
from ..records.examination import Examination, Program
from ..records.reading import read_examination
from ..stage.attached import attached
from .doctor_progress import Progress
from .ending import ended_by_signal

HEALTHY, ILL, UNKNOWN = 0, 1, 2


async def doctor(
    subject: str,
    /,
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    path: str = "",
    port: int | None = None,
    beside: str = "/health",
    target: float | None = None,
    quick: bool = False,
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    i_own_this: bool = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Find the queue that fills first in a service, why, and what to do about it.

    The service is loaded until it has too much, for about a minute. Stress only what you own.

    Exit code 0: healthy up to the target, or there was none to miss. 1: not healthy. 2: that could not be told.

    Parameters
    ----------
    subject
        The URL of a server that runs, or a file that --out has written. Or a program to start, behind two hyphens:
        trio-lab doctor -- python app.py. Nothing has to be changed in it to be looked into; it is stopped at the end.
    path
        What to ask for; by default the path of the URL.
    port
        Of the ports that the program listens on, the one to load; it need not be given if there is one.
    beside
        A cheap path that is asked for beside it: if that waits as well, the loop is blocked.
    target
        Requests per second that the service has to bear.
    quick
        Take half a minute.
    out
        File to save all that was seen to.
    i_own_this
        The target is yours although it is not on this machine.
    json_
        Print one JSON object.
    """
    _check(path=path, beside=beside, target=target)
    if subject.startswith(("http://", "https://")):
        if arguments:
            raise UsageError(f"a URL is all that is examined, not {arguments[0]!r} as well")
        examination = await _examined(subject, path, beside, target, quick, i_own_this, quiet=json_)
    elif arguments or shutil.which(subject):
        command = [subject, *arguments]
        examination = await _started(command, port, path, beside, target, quick, quiet=json_)
    else:
        examination = _saved(Path(subject))
    if out is not None:
        _save(out, examination)
    found = diagnose(examination)
    if json_:
        print(encode(found).decode())
    else:
        from .doctor_view import show

        show(found, examination)
    return exit_code(found, examination)


def exit_code(found: Diagnosis, examination: Examination) -> int:
    """The exit code of the command."""
    if examination.target is None:
        return HEALTHY if found.findings else UNKNOWN
    return UNKNOWN if found.healthy is None else HEALTHY if found.healthy else ILL


def _check(*, path: str, beside: str, target: float | None) -> None:
    for name, value in (("path", path), ("beside", beside)):
        if value and not value.startswith("/"):
            raise UsageError(f"{name} must begin with a slash, got {value!r}")
    if target is not None and not 0 < target < float("inf"):
        raise UsageError(f"target must be a number of requests per second over 0, got {target!r}")


async def _examined(
    url: str, path: str, beside: str, target: float | None, quick: bool, own_this: bool, *, quiet: bool
) -> Examination:
    await resolve(Target.parse(url), own_this)
    parts = urlsplit(url)
    whole = parts.path + (f"?{parts.query}" if parts.query else "")
    examiner = Examiner(
        service=RunningServer(url),
        local=not own_this,
        path=path or whole or "/",
        probe=beside,
        budget=Budget.of(quick=quick),
        target=target,
        options={"own_this": own_this},
    )
    async with ended_by_signal():
        return await _run(examiner, quiet=quiet)


async def _started(
    command: list[str],
    port: int | None,
    path: str,
    beside: str,
    target: float | None,
    quick: bool,
    *,
    quiet: bool,
) -> Examination:
    """The program prints where we print; but with JSON there, it prints on standard error."""
    stdout = sys.stderr.fileno() if quiet else None
    async with ended_by_signal(), attached(command, port=port, stdout=stdout) as service:
        examiner = Examiner(
            service=service, ours=True, path=path or "/", probe=beside, budget=Budget.of(quick=quick), target=target
        )
        found = await _run(examiner, quiet=quiet)
        blind = service.blind_to
    ended = service.program
    program = Program(command=tuple(command), exit_code=ended.code, killed=ended.killed)
    return replace(found, blind=blind, program=program)


async def _run(examiner: Examiner, *, quiet: bool) -> Examination:
    with Progress(examiner.budget.seconds, quiet=quiet) as progress:
        examiner.on_step = progress.step
        return await examiner.run()


def _saved(file: Path) -> Examination:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{str(file)!r} is neither a URL nor a file that can be read: {error.strerror}") from None
    return read_examination(data)


def _save(file: Path, examination: Examination) -> None:
    try:
        file.write_bytes(encode(examination))
    except OSError as error:
        print(f"trio-lab: {str(file)!r} cannot be written: {error.strerror}", file=sys.stderr)
