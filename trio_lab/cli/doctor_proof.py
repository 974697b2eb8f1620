"""``--prove`` and ``--try``: the fix of a finding is tried, if it is a setting."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..config import PREFIX
from ..diagnose.proof import BUDGET
from ..diagnose.trial_load import planned
from ..doctor.change import Change, change_of, is_the_labs, parsed, without_flags
from ..doctor.trial import Side, Trier
from ..errors import UsageError
from ..records.diagnosis import Diagnosis
from ..records.examination import Examination
from ..records.proof import Trial
from .doctor_progress import Progress
from .ending import ended_by_signal

_PATIENCE = 5.0  # seconds that a request may take, on top of ten times what one takes alone
_ANY_PORT = {f"{PREFIX}PORT": "0"}


def change_asked_for(tries: Sequence[str], command: Sequence[str]) -> Change | None:
    """What ``--try`` says; None if the diagnosis is to choose it.

    Raises:
        UsageError: it makes no sense, there is no program to start a second time, or nothing says what to change in it.
    """
    if not command:
        raise UsageError("--prove starts the program twice: give its command behind two hyphens")
    change = parsed(tries)
    if change is None and not is_the_labs(command):
        raise UsageError(
            "--prove does not know the settings of this program: add --try NAME=VALUE, a variable that it reads"
        )
    return change


def change_found(found: Diagnosis, path: str) -> Change | None:
    """The fix of the first finding that is a setting of the lab's own server."""
    changes = (change_of(finding.fix.setting, path) for finding in found.findings)
    return next((change for change in changes if change is not None), None)


async def tried(
    command: Sequence[str],
    change: Change | None,
    examination: Examination,
    found: Diagnosis,
    *,
    port: int | None,
    quiet: bool,
) -> Trial:
    """The trial of the change, or without one of what was found."""
    change = change or change_found(found, examination.path)
    if change is None or examination.stopped is not None:
        trial = planned(examination, found, change.variables if change else {}, None)
        why = "the examination ended early" if change else "no finding has a fix that is a setting of this program"
        return replace(trial, stopped=why)
    trial = planned(examination, found, change.variables, change.path)
    free = _ANY_PORT if is_the_labs(command) and port is None else {}
    trier = Trier(
        trial=trial,
        before=_side(command, free, examination.path),
        after=_side(command, {**free, **change.variables}, change.path or examination.path),
        beside=examination.beside,
        patience=_PATIENCE + 10 * (found.service_time or 0.0),
        port=port,
        stdout=sys.stderr.fileno() if quiet else None,
    )
    with Progress(BUDGET[trial.measure], quiet=quiet) as progress:
        trier.on_pair = progress.pair
        async with ended_by_signal():
            return await trier.run()


def _side(command: Sequence[str], variables: Mapping[str, str], path: str) -> Side:
    return Side(command=tuple(without_flags(command, variables)), variables=variables, path=path)
