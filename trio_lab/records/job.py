"""One record for a background job, whatever engine keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from .codec import S, to_plain

JobState = Literal["queued", "running", "succeeded", "failed", "dead", "cancelled"]
JOB_STATES: tuple[JobState, ...] = get_args(JobState)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job at one moment. It is *queued* also while it waits for its time, or for its next try after one that failed.

    A job has *failed* when no other try can help, and is *dead* when its last allowed try has failed: both are kept until
    they are retried by hand. ``due_in`` is None for a job that may begin at once, ``progress`` for one that tells none.
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = ("progress", "due_in", "error")

    id: str
    job: str
    args: dict[str, Any]
    state: JobState
    tries: int
    max_tries: int
    age: Annotated[float, S]
    progress: float | None = None
    due_in: Annotated[float | None, S] = None
    result: Any = None
    error: str | None = None

    def shown(self) -> dict[str, Any]:
        """As JSON. The result is there once the job has succeeded, be it null, and not before."""
        plain = to_plain(self)
        if self.state != "succeeded":
            del plain["result"]
        return plain
