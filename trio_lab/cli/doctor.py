"""`trio-lab doctor`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..diagnose.diagnosis import diagnose
from ..diagnose.proof import prove as concluded
from ..errors import UsageError
from ..records.codec import encode
from ..records.diagnosis import Diagnosis
from ..records.examination import Examination
from ..records.proof import Proof
from ..records.slo import SloResult
from .doctor_gate import asked_of, doctor_gate
from .doctor_json import in_json
from .doctor_options import Asked, DoctorOptions
from .doctor_proof import change_asked_for, tried
from .doctor_subject import command_of, seen
from .flags import Json, Junit, Out
from .gate import CODES, Gate, check_file

_HEALTHY, _UNKNOWN = 0, 2


async def doctor(
    subject: str,
    /,
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    asked: DoctorOptions = None,
    prove: bool = False,
    try_: Annotated[tuple[str, ...], Parameter(name="--try", negative=())] = (),
    slo: str | None = None,
    junit: Junit = None,
    out: Out = None,
    json_: Json = False,
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
    prove
        Start the program again, with the fix and without, and measure in turn whether it helps: for about a minute more.
    try_
        NAME=VALUE: the fix to prove, as an environment variable of the program; once for each variable. Without it the fix
        of the finding is tried, if it is a setting of the lab's own server.
    slo
        What must hold at the target, or at 70 % of the saturation load: a file (slo.toml), or a line such as
        p99<200ms,ok>99%; "defaults" are the usual targets.
    out
        File to save all that was seen to.
    """
    asked = asked or Asked()
    gate, command = doctor_gate(slo, junit, asked.target), command_of(subject, arguments)
    change = change_asked_for(try_, command) if prove or try_ else None
    if out is not None:
        check_file("out", out)
    examination = await seen(subject, command, asked, objectives=bool(slo), quiet=json_)
    found = diagnose(examination)
    _save(out, examination)
    verdict = _tell(found, examination, gate, quiet=json_)
    try:
        if prove or try_:
            trial = await tried(command, change, examination, found, port=asked.port, quiet=json_)
            examination = replace(examination, trial=trial)
            _save(out, examination)
    finally:  # a trial that is interrupted does not lose the diagnosis
        proof = None if examination.trial is None else concluded(examination.trial)
        _end(found, proof, verdict, json_=json_)
        if gate is not None and verdict is not None:
            gate.write(verdict, suite="trio-lab doctor", seconds=sum(step.duration for step in examination.steps))
    return exit_code(found, examination, verdict, proof)


def exit_code(
    found: Diagnosis, examination: Examination, verdict: SloResult | None = None, proof: Proof | None = None
) -> int:
    """The exit code of the command."""
    if verdict is not None:
        code = CODES[verdict.met]
    elif examination.stopped is not None:
        code = _UNKNOWN
    elif examination.target is None:
        code = _HEALTHY if found.findings else _UNKNOWN
    else:
        code = CODES[found.healthy]
    return _UNKNOWN if code == _HEALTHY and proof is not None and proof.outcome == "not tried" else code


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
    return None if gate is None else gate.judge(asked_of(gate, examination, found), quiet=quiet)


def _end(found: Diagnosis, proof: Proof | None, verdict: SloResult | None, *, json_: bool) -> None:
    """Print what came of the trial, or all of it as JSON."""
    if json_:
        print(in_json(found, proof, verdict))
    elif proof is not None:
        from .doctor_view import show_proof

        show_proof(proof)
