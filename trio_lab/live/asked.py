"""What a side process is asked to do: its argument, in JSON, behind the descriptor of its lifeline.

It is read before the path of the program is known there, so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

SIDE_PROCESS = f"{__package__}.side_process"
"""The main module of a side process. The command of that process has its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Descriptors: a pipe of ``answers`` (`place`) for each region of the ``memory``. ``processes``: it is that of a service
    with several processes (`service`). ``names`` are host names by which the side process may be asked, ``lab`` is the address
    that its page may load."""

    memory: int
    answers: tuple[int, ...]
    listener: int
    processes: bool
    names: tuple[str, ...]
    lab: str | None
    sys_path: tuple[str, ...]

    def to_argument(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of_argument(cls, text: str) -> Asked:
        return cls(**json.loads(text))
