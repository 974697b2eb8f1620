"""What a lab server is told: one frozen record, from flags or from the environment, validated once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .cores import default_workers
from .errors import UsageError

PROFILES = ("guarded", "naive")
_SWITCH = {"1": True, "true": True, "0": False, "false": False}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything a lab server can be told. Times are in seconds.

    ``profile="naive"`` is the control of the experiments: the same server with no bound on any queue and no
    timeout, which does the work of clients that left to its end, as the sources' servers do.

    Raises:
        UsageError: a value is out of range; the text names it.
    """

    host: str = "127.0.0.1"
    port: int = 3000
    # 4 and 1024 are libuv's default and bound, so that figures compare with Node's.
    threads: int = 4
    workers: int = field(default_factory=default_workers)
    profile: str = "guarded"
    # Long enough that a burst waits instead of failing; the queue timeout is what really bounds the wait.
    max_queue: int = 200
    # A caller that waits longer has likely gone: better an honest refusal than an answer nobody reads.
    queue_timeout: float = 2.0
    run_timeout: float = 30.0
    # Reports in a worker pool of their own, apart from hashes: each of the two then has so many ``workers``.
    separate_pools: bool = False
    # Begin with one worker in each pool, and go up to ``workers`` by the rule in `pools.scaling`.
    autoscale: bool = False
    # Size of Trio's own default thread limiter, which file I/O and name look-ups share; None leaves it as Trio has it.
    default_threads: int | None = None
    # How long requests in flight may go on after SIGTERM.
    grace: float = 3.0
    # How long a connection may be kept open without a request; hypercorn's and Node's own default.
    keep_alive: float = 5.0
    # What a pass of the run loop may take before it is a stall, with its line in /stalls.
    stall_budget: float = 0.05
    # Routes that run jobs which crash, hang or eat memory, for drills.
    faults: bool = False

    def __post_init__(self) -> None:
        _within("port", self.port, 0, 65535)
        _within("threads", self.threads, 1, 1024)
        _within("workers", self.workers, 1, 256)
        _within("max_queue", self.max_queue, 0, 1_000_000)
        if self.default_threads is not None:
            _within("default_threads", self.default_threads, 1, 1024)
        for name in ("queue_timeout", "run_timeout", "grace"):
            _within(name, getattr(self, name), 0.0, 86_400.0)
        _within("keep_alive", self.keep_alive, 0.1, 86_400.0)
        _within("stall_budget", self.stall_budget, 0.001, 86_400.0)
        if self.profile not in PROFILES:
            raise UsageError(f"profile must be one of {', '.join(PROFILES)}, not {self.profile!r}")
        if self.faults and self.host not in _LOOPBACK:
            raise UsageError(f"faults are for this machine alone: host must be one of {', '.join(_LOOPBACK)}")

    @property
    def guarded(self) -> bool:
        return self.profile == "guarded"

    @classmethod
    def from_env(cls, environ: Mapping[str, str], **given: Any) -> Config:
        """Defaults, then ``TRIO_LAB_<FIELD>`` from the environment, then what is ``given`` and not None."""
        values: dict[str, Any] = {}
        for option in fields(cls):
            if option.name == "faults":
                continue  # nobody gets them by an environment variable left behind
            variable = f"TRIO_LAB_{option.name.upper()}"
            if environ.get(variable, "") != "":
                values[option.name] = _parse(variable, environ[variable], str(option.type))
        values.update({name: value for name, value in given.items() if value is not None})
        return cls(**values)

    def to_env(self) -> dict[str, str]:
        """The same as environment variables, for a server that is another program: `from_env` reads them back.

        Without ``faults``, which nobody gets that way, and without what is None.
        """
        values = {option.name: getattr(self, option.name) for option in fields(self) if option.name != "faults"}
        return {f"TRIO_LAB_{name.upper()}": _text(value) for name, value in values.items() if value is not None}


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _parse(variable: str, text: str, kind: str) -> Any:
    if kind == "bool":
        if text not in _SWITCH:
            raise UsageError(f"{variable} must be 1 or 0, not {text[:40]!r}")
        return _SWITCH[text]
    try:
        return {"int": int, "float": float, "str": str}[kind.removesuffix(" | None")](text)
    except ValueError:
        raise UsageError(f"{variable} must be a number, not {text[:40]!r}") from None


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise UsageError(f"{name} must be between {low:g} and {high:g}, not {value:g}")
