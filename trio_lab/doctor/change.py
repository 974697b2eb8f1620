"""What the second program of a trial has that the first has not: variables of its environment, or another path of the lab's own
server, where a route is a way of working.

A finding names its fix as a setting (`records.diagnosis.Setting`). Only for the lab's own server it is known which variable
or which route that is. For other programs ``--try`` says it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from ..config import PREFIX, Config
from ..errors import UsageError
from ..records.diagnosis import Setting

_CAPACITIES = {"native_pool": "THREADS", "worker_pool": "WORKERS", "default_limiter": "DEFAULT_THREADS"}
_ROUTES = {
    "offload": (
        (r"^/sync-hash\b", "/worker-hash"),
        (r"\bwhere=(loop|thread)\b", "where=process"),
        (r"\bfixed=0\b", "fixed=1"),
        (r"^/block/\w+$", r"\g<0>?fixed=1"),
    ),
    "separate": ((r"\bpool=default\b", "pool=own"),),
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SWITCHES = {
    option.name for option in fields(Config) if isinstance(option.default, bool)
}  # no word follows their flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``path`` is None if the same one is asked for."""

    variables: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None


def parsed(tries: Sequence[str]) -> Change | None:
    """The change that ``--try NAME=VALUE`` asks for; None without any.

    Raises:
        UsageError: one of them is no variable and its value.
    """
    variables: dict[str, str] = {}
    for one in tries:
        name, equals, value = one.partition("=")
        if not equals or not _NAME.fullmatch(name) or "\0" in value:
            raise UsageError(f"try must be like NAME=VALUE, an environment variable of the program, not {one!r}")
        if name in variables:
            raise UsageError(f"try has two values for {name}")
        variables[name] = value
    return Change(variables=variables) if variables else None


def is_the_labs(command: Sequence[str]) -> bool:
    """Whether a command starts the lab's own server, which reads its options from variables that we know."""
    words = [word.rpartition("/")[2] for word in command]
    return ("serve" in words and bool({"trio-lab", "trio_lab"} & set(words))) or any(
        word.startswith("trio_lab.server") for word in words
    )


def change_of(setting: Setting | None, path: str) -> Change | None:
    """The change of the lab's own server that makes a setting; None if it has none."""
    if setting is None:
        return None
    if setting.name == "capacity":
        option = _CAPACITIES.get(setting.of.partition(".")[0])
        return Change(variables={PREFIX + option: str(setting.value)}) if option else None
    for pattern, instead in _ROUTES[setting.name]:
        if (other := re.sub(pattern, instead, path)) != path:
            return Change(path=other)
    return None


def without_flags(command: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """The command without the flags of these variables, which would win over them, if it is ``trio-lab serve``."""
    if not is_the_labs(command) or "serve" not in command:
        return list(command)
    options = {name.removeprefix(PREFIX).lower() for name in variables}
    kept: list[str] = []
    words = iter(command)
    for word in words:
        flag, equals, _ = word.partition("=")
        option = flag[2:].replace("-", "_") if flag.startswith("--") else ""
        if option not in options:
            kept.append(word)
        elif not equals and option not in _SWITCHES:
            next(words, None)
    return kept
