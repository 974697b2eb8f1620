"""`Config` from flags and from the environment, by one parser: cyclopts reads the fields, their types and help texts.

`Variables` gives an option that has no flag the value of its variable, ``TRIO_LAB_`` and its name in capitals. The
command `trio-lab serve` uses it beside its flags; `from_env` uses it alone, for servers that another command starts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated

from cyclopts import App, ArgumentCollection, CycloptsError, Parameter, Token, UnusedCliTokensError

from .config import NOT_IN_ENVIRONMENT, PREFIX, Config
from .errors import UsageError

ConfigOptions = Annotated[Config | None, Parameter(name="*")]
"""A parameter of a command that takes the fields of `Config` as its flags; None when there were none."""

_VARIABLES = {option.name: PREFIX + option.name.upper() for option in fields(Config)}


@dataclass(frozen=True, slots=True)
class Variables:
    """Reads ``environ`` for the fields of `Config`. An empty variable counts as one that is not set."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        for argument in arguments:
            name = argument.field_info.name
            variable = _VARIABLES.get(name, "")
            if not argument.tokens and name not in NOT_IN_ENVIRONMENT and self.environ.get(variable):
                argument.append(Token(keyword=variable, value=self.environ[variable], source="env"))


def from_env(environ: Mapping[str, str] | None = None) -> Config:
    """Defaults, and what the environment says (by default that of this process).

    Raises:
        UsageError: a variable is no such value; the text is one line and names it.
    """
    app = App(config=Variables(os.environ if environ is None else environ), result_action="return_value")
    app.default(_config)
    try:
        found: Config = app([], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise UsageError(in_one_line(error)) from None
    return found


def in_one_line(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"Unexpected argument: {error.unused_tokens[0]}"
    return " ".join(str(error).split())


def _config(*, config: ConfigOptions = None) -> Config:
    return config or Config()
