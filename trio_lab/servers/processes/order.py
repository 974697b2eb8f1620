"""What the supervisor tells a process that it starts: one line of JSON on their channel, a pair of sockets.

It is not an argument of the process, because everyone can read those, and an option may have a password. After it the
supervisor sends words, each on a line: ``retire`` (end, the other processes go on) and commands as ``--control`` takes them.
The process answers with a line of JSON, ``{"ready": true}`` or ``{"error": …, "usage": …}``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ...config import Config

RETIRE = b"retire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Descriptors that the process inherits: the ``listener``, the service's shared ``memory`` with the process's ``region``
    in it, and ``answers``, where it is to write where its loop is (`live.place`); ``counts`` is where they count connections
    (`http.sharing`). ``jobs`` is the file of the service's own jobs."""

    config: Config
    number: int
    listener: int
    memory: int
    region: int
    regions: int
    answers: int
    counts: int
    jobs: str
    sys_path: tuple[str, ...]

    @property
    def descriptors(self) -> tuple[int, ...]:
        return self.listener, self.memory, self.answers, self.counts

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> Order:
        found: dict[str, Any] = json.loads(line)
        return cls(**{**found, "config": Config(**found["config"]), "sys_path": tuple(found["sys_path"])})
