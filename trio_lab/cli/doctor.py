"""`trio-lab doctor`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import trio
from cyclopts import Parameter

from ..diagnose.diagnosis import diagnose
from ..diagnose.proof import prove as concluded
from ..doctor.examine import Examiner
from ..doctor.ramp import Budget
from ..doctor.service import RunningServer, Service
from ..errors import UsageError
from ..load.target import Target, resolve
from ..records.codec import encode
from ..records.diagnosis import Diagnosis
from ..records.examination import Examination, Program
from ..records.proof import Proof
from ..records.reading import read_examination
from ..records.slo import SloResult
from ..stage.attached import attached
from .doctor_gate import asked_of, doctor_gate
from .doctor_json import in_json
from .doctor_progress import Progress
from .doctor_proof import change_asked_for, tried
from .ending import ended_by_signal
from .gate import CODES, Gate, check_file

HEALTHY, ILL, UNKNOWN = 0, 1, 2
_FIRST = 1.0  # seconds for the first connection


async def doctor(
    subject: str,
    /,
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    path: str = "",
    port: int | None = None,
    beside: str = "/health",
    target: float | None = None,
    quick: bool = False,
    prove: bool = False,
    try_: Annotated[tuple[str, ...], Parameter(name="--try", negative=())] = (),
    slo: str | None = None,
    junit: Path | None = None,
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    i_own_this: bool = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Find the queue that fills first in a service, why, and what to do about it.

    The service is loaded until it has too much, for about a minute. Stress only what you own.

    Exit code 0: healthy up to the target, or there was none to miss. 1: not healthy. 2: that could not be told, or what was
    to be proved could not be tried. With --slo also: 1 an objective is not met, 2 it could not be told.

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
    prove
        Start the program again, with the fix and without, and measure in turn whether it helps: for about a minute more.
    try_
        NAME=VALUE: the fix to prove, as an environment variable of the program; once for each variable. Without it the fix
        of the finding is tried, if it is a setting of the lab's own server.
    slo
        What must hold at the target, or at 70 % of the saturation load: a file (slo.toml), or a line such as
        p99<200ms,ok>99%; "defaults" are the usual targets.
    junit
        File for the verdict as JUnit XML.
    out
        File to save all that was seen to.
    i_own_this
        The target is yours although it is not on this machine.
    json_
        Print one JSON object.
    """
    asked = Asked(
        path=path, port=port, beside=beside, target=target, quick=quick, own_this=i_own_this, quiet=json_, slo=bool(slo)
    )
    gate, command = doctor_gate(slo, junit, target), _command(subject, arguments)
    change = change_asked_for(try_, command) if prove or try_ else None
    if out is not None:
        check_file("out", out)
    examination = await _seen(subject, command, asked)
    found = diagnose(examination)
    _save(out, examination)
    verdict = _tell(found, examination, gate, quiet=json_)
    try:
        if prove or try_:
            trial = await tried(command, change, examination, found, port=port, quiet=json_)
            examination = replace(examination, trial=trial)
            _save(out, examination)
    finally:  # a trial that is interrupted does not lose the diagnosis
        proof = None if examination.trial is None else concluded(examination.trial)
        _end(found, proof, verdict, json_=json_)
    return exit_code(found, examination, verdict, proof)


def exit_code(
    found: Diagnosis, examination: Examination, verdict: SloResult | None = None, proof: Proof | None = None
) -> int:
    """The exit code of the command."""
    if verdict is not None:
        code = CODES[verdict.met]
    elif examination.target is None:
        code = HEALTHY if found.findings else UNKNOWN
    else:
        code = CODES[found.healthy]
    return UNKNOWN if code == HEALTHY and proof is not None and proof.outcome == "not tried" else code


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options ask of an examination. ``slo``: figures for objectives are wanted; ``quiet``: no progress is shown.

    Raises:
        UsageError: an option makes no sense.
    """

    path: str
    port: int | None
    beside: str
    target: float | None
    quick: bool
    own_this: bool
    quiet: bool
    slo: bool

    def __post_init__(self) -> None:
        for name, value in (("path", self.path), ("beside", self.beside)):
            if value and not value.startswith("/"):
                raise UsageError(f"{name} must begin with a slash, got {value!r}")
        if self.target is not None and not 0 < self.target < float("inf"):
            raise UsageError(f"target must be a number of requests per second over 0, got {self.target!r}")

    def examiner(self, service: Service, path: str, *, ours: bool) -> Examiner:
        return Examiner(
            service=service,
            ours=ours,
            local=not self.own_this,
            path=self.path or path,
            probe=self.beside,
            budget=Budget.of(quick=self.quick),
            target=self.target,
            objectives=self.slo,
            options={"own_this": self.own_this},
        )


def _command(subject: str, arguments: Sequence[str]) -> list[str]:
    """The command of a program to start; empty if the subject is a URL or a file."""
    if _is_url(subject):
        if arguments:
            raise UsageError(f"a URL is all that is examined, not {arguments[0]!r} as well")
        return []
    return [subject, *arguments] if arguments or shutil.which(subject) else []


def _is_url(subject: str) -> bool:
    return subject.startswith(("http://", "https://"))


async def _seen(subject: str, command: list[str], asked: Asked) -> Examination:
    if command:
        return await _started(command, asked)
    return await _examined(subject, asked) if _is_url(subject) else _saved(Path(subject))


async def _examined(url: str, asked: Asked) -> Examination:
    target = Target.parse(url)
    await resolve(target, asked.own_this)
    with trio.move_on_after(_FIRST):  # a service that is full may take longer, and is worth examining
        try:
            await (await trio.open_tcp_stream(target.host, target.port)).aclose()
        except OSError as error:
            raise UsageError(f"nothing answers at {target.authority}: {error.strerror or error}") from None
    parts = urlsplit(url)
    whole = parts.path + (f"?{parts.query}" if parts.query else "")
    async with ended_by_signal():
        return await _run(asked.examiner(RunningServer(url), whole or "/", ours=False), quiet=asked.quiet)


async def _started(command: list[str], asked: Asked) -> Examination:
    """The program prints where we print; but with JSON there, it prints on standard error."""
    stdout = sys.stderr.fileno() if asked.quiet else None
    async with ended_by_signal(), attached(command, port=asked.port, stdout=stdout) as service:
        found = await _run(asked.examiner(service, "/", ours=True), quiet=asked.quiet)
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
        what = f"{str(file)!r} is neither a URL nor a program that can be started"
        raise UsageError(f"{what}, and as a file it cannot be read: {error.strerror}") from None
    return read_examination(data)


def _save(file: Path | None, examination: Examination) -> None:
    if file is None:
        return
    from ..report.disk import write_whole

    try:
        write_whole(file, encode(examination))
    except UsageError as error:  # what was measured is still told
        print(f"trio-lab: {error}", file=sys.stderr)


def _tell(found: Diagnosis, examination: Examination, gate: Gate | None, *, quiet: bool) -> SloResult | None:
    """Print the diagnosis, and the verdict on it if there is one, unless ``quiet``."""
    if not quiet:
        from .doctor_view import show

        show(found, examination)
    if gate is None:
        return None
    seconds = sum(step.duration for step in examination.steps)
    return gate.end(asked_of(gate, examination, found), suite="trio-lab doctor", seconds=seconds, quiet=quiet)


def _end(found: Diagnosis, proof: Proof | None, verdict: SloResult | None, *, json_: bool) -> None:
    """Print what came of the trial, or all of it as JSON."""
    if json_:
        print(in_json(found, proof, verdict))
    elif proof is not None:
        from .doctor_view import show_proof

        show_proof(proof)
