"""`trio-lab simulate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import UsageError
from ..records.codec import encode
from ..simulate.answer import answer
from ..simulate.scenario_file import Changes, ScenarioFile
from ..simulate.sweep import Sweep
from .flags import Json, Out
from .times import mean_or_times


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The flags that replace what the file says, as they were given."""

    rate: float | None = None
    """Requests per second that come."""

    cores: int | None = None
    """The cores that the servers share, or the servers where the file has no cores."""

    servers: int | None = None
    """Requests that are served at once."""

    service: str = ""
    """Mean time of a request (5ms), other times (lognormal:5ms:0.5), or a file with measured ones."""

    patience: str = ""
    """How long callers wait: as for the service."""

    seed: int | None = None
    """Of the random numbers: the same seed gives the same run."""

    requests: Annotated[int | None, Parameter(alias="-n")] = None
    """End when so many have come and ended."""

    def changes(self) -> Changes:
        """Raises what `mean_or_times` raises."""
        return Changes(
            rate=self.rate,
            cores=self.cores,
            servers=self.servers,
            service=mean_or_times("service", self.service),
            patience=mean_or_times("patience", self.patience),
            seed=self.seed,
            requests=self.requests,
        )


async def simulate(
    file: Path,
    /,
    *,
    asked: Annotated[Asked | None, Parameter(name="*")] = None,
    sweep: str = "",
    check: Path | None = None,
    replications: int = 8,
    out: Out = None,
    json_: Json = False,
) -> int:
    """Rehearse a load in virtual time, at the gate that serves real requests.

    Parameters
    ----------
    file
        The scenario, as TOML; docs/simulate.md explains its keys. The options replace what it says.
    sweep
        Play it at several values of load, rate, clients, servers, service or patience, and find the knee:
        load=0.1:1.5:15.
    check
        The results.json of a run, or the JSON of a drill, whose figures it should predict; the file names them.
    replications
        Runs with other random numbers, for the intervals; 0 for none.
    out
        Folder for a page with charts.
    """
    if replications < 0:
        raise UsageError(f"replications must not be negative, but is {replications}")
    found = answer(
        ScenarioFile(path=file, changes=(asked or Asked()).changes()),
        sweep=Sweep.of(sweep) if sweep else None,
        check=check,
        replications=replications,
        charts=out is not None,
    )
    if out is not None:
        from ..report.simulated import save

        save(found, out, name=file.name)
    if json_:
        print(encode(found).decode())
    else:
        from .simulate_view import show

        show(found, file.name, page=out)
    return 0
