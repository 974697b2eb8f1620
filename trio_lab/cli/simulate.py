"""`trio-lab simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import UsageError
from ..records.codec import encode
from ..simulate.answer import answer
from ..simulate.scenario_file import Changes, ScenarioFile
from ..simulate.sweep import Sweep
from .times import mean_or_times


async def simulate(
    file: Path,
    /,
    *,
    rate: float | None = None,
    cores: int | None = None,
    servers: int | None = None,
    service: str = "",
    patience: str = "",
    seed: int | None = None,
    requests: Annotated[int | None, Parameter(alias="-n")] = None,
    sweep: str = "",
    check: Path | None = None,
    replications: int = 8,
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Rehearse a load in virtual time, at the gate that serves real requests.

    Parameters
    ----------
    file
        The scenario, as TOML; docs/simulate.md explains its keys. The options replace what it says.
    rate
        Requests per second that come.
    cores
        The cores that the servers share, or the servers where the file has no cores.
    servers
        Requests that are served at once.
    service
        Mean time of a request (5ms), other times (lognormal:5ms:0.5), or a file with measured ones.
    patience
        How long callers wait: as for the service.
    seed
        Of the random numbers: the same seed gives the same run.
    requests
        End when so many have come and ended.
    sweep
        Play it at several values of load, rate, clients, servers, service or patience, and find the knee:
        load=0.1:1.5:15.
    check
        The results.json of a run whose figures it should predict; the file names them.
    replications
        Runs with other random numbers, for the intervals; 0 for none.
    out
        Folder for a page with charts.
    json_
        Print one JSON object.
    """
    if replications < 0:
        raise UsageError(f"replications must not be negative, but is {replications}")
    changes = Changes(
        rate=rate,
        cores=cores,
        servers=servers,
        service=mean_or_times("service", service),
        patience=mean_or_times("patience", patience),
        seed=seed,
        requests=requests,
    )
    found = answer(
        ScenarioFile(path=file, changes=changes),
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
