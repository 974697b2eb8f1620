"""The commands of `trio-lab` and the modules they are in.

A command's module is imported when the command is called. Servers and load generators are started by the hundred, and
importing the other commands took two thirds of their start.
"""

from __future__ import annotations

import sys
from typing import Any

from cyclopts import App, CycloptsError, Parameter

from .. import __version__
from ..errors import UsageError
from ..options import Variables, in_one_line

_NAMES = "[OPTIONS] [NAMES...]"
_COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "serve": ("serve:serve", {"config": Variables()}),
    "load": ("load:load", {"usage": "Usage: trio-lab load [OPTIONS] URL..."}),
    "doctor": ("doctor:doctor", {}),
    "simulate": ("simulate:simulate", {"usage": "Usage: trio-lab simulate [OPTIONS] FILE"}),
    "plan": ("plan:plan", {}),
    "watch": ("watch:watch", {}),
    "metrics": ("metrics:metrics", {"usage": "Usage: trio-lab metrics [OPTIONS] [WHAT]"}),
    "drill": ("drill:drill", {"usage": f"Usage: trio-lab drill {_NAMES}"}),
    "bench": ("bench:bench", {"usage": f"Usage: trio-lab bench {_NAMES}"}),
    "jobs": ("jobs:app", {}),
    "list": ("listing:list_", {"usage": "Usage: trio-lab list [OPTIONS]"}),
    "run": ("run:run", {"usage": f"Usage: trio-lab run {_NAMES}"}),
    "compare": ("run:compare", {"usage": f"Usage: trio-lab compare {_NAMES}"}),
    "report": ("report:report", {"usage": "Usage: trio-lab report [OPTIONS] [FOLDER]"}),
    "env": ("env:env", {}),
    "completion": ("completion:completion", {}),
}


def _shown(default: object) -> str | None:
    return None if default is False or default in (None, "", ()) else str(default)


app = App(
    name="trio-lab",
    help="Find the queue that fills first in an async service, and put it right.",
    version=__version__,
    backend="trio",
    result_action="return_value",
    default_parameter=Parameter(negative_bool=(), show_default=_shown),
)
for _name, (_where, _options) in _COMMANDS.items():
    app.command(f"{__package__}.{_where}", name=_name, **_options)


def run() -> int:
    """Run the command that the process's arguments name; returns its exit code.

    Raises:
        UsageError: the arguments, or a variable of the environment, make no sense.
    """
    if _COMMANDS.keys().isdisjoint(sys.argv[1:]):
        app.resolved_commands()  # the overview has a line about each
    try:
        code = app(print_error=False, exit_on_error=False)
    except CycloptsError as error:
        raise UsageError(f"{in_one_line(error)} (see --help)") from None
    return code if isinstance(code, int) else 0
