"""A scenario as people write it: a TOML file. `docs/simulate.md` explains all keys.

The top of the file says how long and how many servers; ``[arrivals]``, ``[service]``, ``[patience]`` and ``[retries]`` describe
the callers, ``[gate]`` the policy, ``[[faults]]`` what goes wrong. Several kinds of callers are ``[[callers]]``, each with
tables of its own for what differs. ``[[check]]`` is for `checked`, which gives the values of measured figures: where a file is
checked, a ``capacity`` may be the name of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from ..errors import UsageError
from ..records.reading import one_line
from .arrivals import Arrivals
from .callers import Callers
from .document import Table, read_toml
from .recorded import recorded
from .scenario import Crash, Fault, GateSettings, Scenario, Workload
from .times import Times

T = TypeVar("T")
FigureOf = Callable[[str], float]
"""The value of a figure of a measured run, by its name. Raises `UsageError`."""

REQUESTS = 100_000  # if the file says neither requests nor seconds
_TABLES = ("arrivals", "service", "patience", "retries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a command line says instead of the file. ``cores`` replaces the file's cores, or its servers if it has none;
    ``service`` and ``patience`` are means in seconds, or other durations altogether."""

    rate: float | None = None
    cores: int | None = None
    servers: int | None = None
    service: float | Times | None = None
    patience: float | Times | None = None
    seed: int | None = None
    requests: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFile:
    """One file, and what to change of it. ``figure_of`` is there if figures of a measured run are."""

    path: Path
    changes: Changes = field(default_factory=Changes)
    figure_of: FigureOf | None = None

    def read(self, more: Mapping[str, Any] | None = None) -> Scenario:
        """The scenario; what is in ``more`` replaces keys at the top of the file.

        Raises:
            UsageError: the file makes no sense; the text is one line with the file and the key.
        """
        document = read_toml(self.path)
        document.pop("check", None)
        top = Table(self._changed({**document, **(more or {})}), one_line(self.path))
        scenario = self._scenario(top)
        top.done()
        rate = self.changes.rate
        return scenario if rate is None else _made(top, "arrivals", lambda: scenario.at_rate(rate))

    def _changed(self, document: dict[str, Any]) -> dict[str, Any]:
        changes = self.changes
        cores = "cores" if "cores" in document else "servers"
        counts = [
            ("servers", changes.servers),
            (cores, changes.cores),
            ("seed", changes.seed),
            ("requests", changes.requests),
        ]
        if changes.requests is not None:
            document.pop("seconds", None)
        return document | {key: value for key, value in counts if value is not None}

    def _scenario(self, top: Table) -> Scenario:
        shape = {name: top.count(name) for name in ("servers", "cores", "downstream")}
        shape["servers"] = shape["servers"] or 1
        able = min(filter(None, shape.values()))
        tables = {name: top.table(name) for name in _TABLES}
        seconds = top.number("seconds")
        requests = top.count("requests", REQUESTS if seconds is None else None)
        workloads = tuple(self._workload(one, tables, able) for one in top.tables("callers"))
        faults = [self._fault(table) for table in top.tables("faults")]
        whole: dict[str, Any] = {
            **shape,
            "workloads": workloads or (self._workload(top.table("callers"), tables, able),),
            "gate": self._gate(top.table("gate")),
            "faults": tuple(one for one in faults if isinstance(one, Fault)),
            "crashes": tuple(one for one in faults if isinstance(one, Crash)),
            "loop": top.number("loop", 0.0),
            "seconds": seconds,
            "requests": requests,
            "warm_up": top.number("warm_up", 0.0),
            "seed": top.count("seed", 1, low=0),
        }
        return _made(top, "", lambda: Scenario(**whole))

    def _workload(self, own: Table, common: Mapping[str, Table], able: int) -> Workload:
        """One kind of callers: its own tables, and the common ones for what they do not say."""
        tables = {name: own.table(name).over(table) for name, table in common.items()}
        arrivals, retries = tables["arrivals"], tables["retries"]
        service = self._service(tables["service"], able)
        patience, changed = tables["patience"], self.changes.patience
        callers: dict[str, Any] = {
            "service": service,
            "patience": self._times(patience, changed) if patience or changed is not None else None,
            "think": Times(mean=arrivals.number("think", 0.0) or 0.0),
            "retries": retries.count("times", 0, low=0),
            "pause": Times(mean=retries.number("pause", 0.001) or 0.0),
            "backoff": retries.number("backoff", 1.0),
            "kind": own.text("kind"),
            "tenant": own.text("tenant"),
            "priority": own.count("priority", 0, low=-1000),
        }
        made = _made(own, "", lambda: Callers(**callers))
        workload = self._coming(arrivals, made, able)
        for table in (own, *tables.values()):
            table.done()
        return workload

    def _coming(self, table: Table, callers: Callers, able: int) -> Workload:
        when: dict[str, Any] = {"start": table.number("start", 0.0), "end": table.number("end", inf)}
        clients, rate, load = table.count("clients"), table.number("rate"), table.number("load")
        burst, moments = table.count("burst", 10), table.numbers("moments")
        kind = table.text("kind", "poisson" if clients is None else "closed")
        if "file" in table:
            moments = self._recorded(table).values
        if kind == "closed":
            return _made(table, "", lambda: Workload(callers=callers, clients=clients or 1, **when))
        if load is not None:  # of what can be served
            rate = load * able / callers.service.expected if callers.service.expected else 0.0
        if rate is None and kind != "trace":
            raise table.wrong("rate", "is missing: say how many requests come in a second")
        how: dict[str, Any] = {"kind": kind, "rate": rate or 0.0, "burst": burst, "moments": moments}
        return _made(table, "", lambda: Workload(callers=callers, arrivals=Arrivals(**how), **when))

    def _service(self, table: Table, able: int) -> Times:
        """Durations, whose mean may be said by the ``capacity``: how many requests a second can be served."""
        capacity = self._capacity(table) if "capacity" in table else None
        if capacity is None and self.changes.service is None and not {"mean", "values", "file"} & set(table):
            raise table.wrong("mean", "is missing: say how long a request takes, in seconds")
        return self._times(table, self.changes.service or (able / capacity if capacity else None))

    def _capacity(self, table: Table) -> float | None:
        try:
            return table.number("capacity", low=1e-9)
        except UsageError:
            name = table.text("capacity")  # raises, too, if it is neither
        if self.figure_of is None:
            raise table.wrong("capacity", f"is the figure {name!r} of a measured run: say which, with --check")
        return self.figure_of(name)

    def _times(self, table: Table, changed: float | Times | None) -> Times:
        sigma, mean, values, kind = (
            table.number("sigma", 1.0),
            table.number("mean", 0.0),
            table.numbers("values"),
            table.text("kind", "recorded" if {"values", "file"} & set(table) else "constant"),
        )
        if "file" in table:
            found = self._recorded(table)
        elif isinstance(changed, Times):
            found = changed
        else:
            mean = (mean if changed is None else changed) if kind != "recorded" else 0.0
            found = _made(table, "", lambda: Times(kind=kind, mean=mean, sigma=sigma, values=values))  # type: ignore[arg-type]
        if isinstance(changed, Times):
            return changed
        return found if changed is None or not found.expected else found.scaled(changed / found.expected)

    def _recorded(self, table: Table) -> Times:
        path, figure = self.path.parent / table.text("file"), table.text("figure")
        return _made(table, "file", lambda: recorded(path, figure))

    def _gate(self, table: Table) -> GateSettings:
        settings: dict[str, Any] = {
            "max_waiting": table.count("max_waiting", low=0),
            "queue_timeout": table.number("queue_timeout"),
            "run_timeout": table.number("run_timeout"),
            "discipline": table.text("discipline", "patience"),
            "limit": table.text("limit", "fixed"),
            "by_tenant": table.flag("by_tenant"),
            "autoscale": table.flag("autoscale"),
        }
        table.done()
        return _made(table, "", lambda: GateSettings(**settings))

    def _fault(self, table: Table) -> Fault | Crash:
        values: dict[str, Any] = {"kind": table.text("kind", "slow"), "at": table.number("at", 0.0)}
        values |= {name: table.number(name, default) for name, default in (("slowness", 3.0), ("period", 1.0))}
        if (seconds := table.number("seconds")) is None:
            raise table.wrong("seconds", "is missing: say how long it lasts")
        table.done()
        if values["kind"] == "crash":
            return _made(table, "", lambda: Crash(at=values["at"], seconds=seconds))
        return _made(table, "", lambda: Fault(seconds=seconds, **values))


def _made(table: Table, key: str, make: Callable[[], T]) -> T:
    """What is made; if it makes no sense, an error with the place in the file. The text begins with the key."""
    try:
        return make()
    except (ValueError, TypeError, UsageError) as error:
        raise table.wrong(key, str(error)) from None
