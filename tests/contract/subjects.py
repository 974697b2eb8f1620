"""Who is held to the contract: every runtime that is present, under each profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.running import Running, running
from trio_lab.config import PROFILES
from trio_lab.http.contract import lacking
from trio_lab.http.runtimes import RUNTIMES, lack

THREADS = 4
WORKERS = 1


@dataclass(frozen=True, slots=True)
class Subject:
    runtime: str
    profile: str

    def __str__(self) -> str:
        return f"{self.runtime} {self.profile}"

    @property
    def watches(self) -> bool:
        """Whether its server watches its loop and keeps ledgers: Node's cannot."""
        return self.runtime != "node"

    def has(self, path: str) -> bool:
        """Whether its server has this route; the others say that they have not."""
        return lacking(self.runtime, path) is None


SUBJECTS = [Subject(runtime, profile) for runtime in RUNTIMES for profile in PROFILES]
GUARDED = [Subject(runtime, "guarded") for runtime in RUNTIMES]


def only(*, if_: Callable[[Subject], bool]) -> pytest.MarkDecorator:
    """Of a test that not every server can be held to; it has a parameter ``subject``."""
    return pytest.mark.parametrize("subject", [one for one in SUBJECTS if if_(one)], indirect=True, ids=str)


def skip_if_absent(runtime: str) -> None:
    if (reason := lack(runtime)) is not None:
        pytest.skip(f"node ≥ 20 is not on the PATH: {reason}" if runtime == "node" else f"{runtime}: {reason}")


@contextmanager
def serving(subject: Subject, *flags: str, threads: int = THREADS) -> Iterator[Running]:
    """A server of this runtime and profile, or a test that is skipped for want of it."""
    skip_if_absent(subject.runtime)
    sizes = ("--threads", str(threads), "--workers", str(WORKERS))
    with running("--profile", subject.profile, *sizes, *flags, runtime=subject.runtime) as server:
        yield server
