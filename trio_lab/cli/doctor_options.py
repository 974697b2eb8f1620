"""What `trio-lab doctor` can be told about the examination: its flags, and the examiner that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from ..doctor.examine import Examiner
from ..doctor.ramp import Budget
from ..doctor.service import Service
from ..errors import UsageError

_LONGEST_PATH = 7000  # a URL has room for a little more


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    Raises:
        UsageError: an option makes no sense.
    """

    path: str = ""
    """What to ask for; by default the path of the URL."""

    port: int | None = None
    """Of the ports that the program listens on, the one to load; it need not be given if there is one."""

    beside: str = "/health"
    """A cheap path that is asked for beside it: if that waits as well, the loop is blocked."""

    target: float | None = None
    """Requests per second that the service has to bear."""

    quick: bool = False
    """Take half a minute."""

    i_own_this: bool = False
    """The target is yours although it is not on this machine."""

    def __post_init__(self) -> None:
        for name, value in (("path", self.path), ("beside", self.beside)):
            if value and not value.startswith("/"):
                raise UsageError(f"{name} must begin with a slash, got {value!r}")
            if not (value.isascii() and value.isprintable()) or " " in value or len(value) > _LONGEST_PATH:
                what = "printable ASCII characters, percent-encoded where it has others"
                raise UsageError(f"{name} must be {what}, at most {_LONGEST_PATH}, got {value[:80]!r}")
        if self.target is not None and not 0 < self.target < float("inf"):
            raise UsageError(f"target must be a number of requests per second over 0, got {self.target!r}")

    def examiner(self, service: Service, path: str, *, ours: bool, objectives: bool) -> Examiner:
        """With ``objectives`` it holds a load at the end, for the figures that these need."""
        return Examiner(
            service=service,
            ours=ours,
            path=self.path or path,
            probe=self.beside,
            budget=Budget.of(quick=self.quick),
            target=self.target,
            objectives=objectives,
            own_this=self.i_own_this,
        )


DoctorOptions = Annotated[Asked | None, Parameter(name="*")]
"""A parameter of a command that takes the fields of `Asked` as its flags; None when there were none."""
