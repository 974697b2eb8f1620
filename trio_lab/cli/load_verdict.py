"""Whether any request of a load succeeded. If none did, one line says so, as soon as that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..load.results import LoadRun, Progress


class Watch:
    """Receives the progress of a run. After the first interval with replies it says if none of them succeeded."""

    def __init__(self, then: Callable[[Progress], None] | None) -> None:
        self._then = then
        self._said = False

    def __call__(self, progress: Progress) -> None:
        if progress.counts.completed and not self._said:
            self._said = True
            if not _succeeded(progress.status):
                from .console import say  # it knows of the bar that may be there; loading it takes a while

                say(f"trio-lab: no request has succeeded so far: {_replies(progress.status)}")
        if self._then is not None:
            self._then(progress)


def problem(run: LoadRun) -> str:
    """One sentence when no request of the run succeeded, else nothing."""
    result, counts = run.result, run.result.requests
    kinds = ", ".join(f"{kind}: {number:,}" for kind, number in result.error_kinds.items())
    if not run.reached:
        hint = " (--insecure accepts any certificate)" if "certificate" in kinds else ""
        why = kinds or "no reply to the attempts to connect"
        return (
            f"no request was answered: no connection could be made ({why}){hint}; stopped after {result.duration:.1f} s"
        )
    if not counts.completed:
        errors = f"{counts.errors:,} errors" + (f" ({kinds})" if kinds else "")
        return f"no request was answered: {counts.sent:,} sent, {errors}, {counts.timed_out:,} timed out"
    return "" if _succeeded(result.status) else f"no request succeeded: {_replies(result.status)}"


def _succeeded(status: Mapping[str, int]) -> bool:
    return any(number for code, number in status.items() if code.startswith("2"))


def _replies(status: Mapping[str, int]) -> str:
    total = sum(status.values())
    if len(status) == 1:
        return f"all {total:,} replies have status {next(iter(status))}"
    each = ", ".join(f"{code}: {number:,}" for code, number in status.items())
    return f"none of {total:,} replies has a status of 2xx ({each})"
