"""The `trio-lab` command. Only this package prints.

Results go to standard output, everything else (progress, warnings, errors) to standard error. Exit codes: 0, 1 when an
experiment could not be run, a server broke down or a load was not answered at all, 2 with one line for what the caller
can put right, 130 after Ctrl-C and 143 after SIGTERM (a server ends with 0 after both: that is how it is ended).
"""

from __future__ import annotations

import sys
from typing import NoReturn

from cyclopts import App, CycloptsError, Parameter

from .. import __version__
from ..errors import LabLost, UsageError, first_of
from .ending import Terminated

_NAMES = "[OPTIONS] [NAMES...]"
# Where each command is: loaded when it is called. Servers and load generators are started by the hundred, and what the
# other commands import was two thirds of their start.
_COMMANDS = {
    "serve": ("serve:serve", None),
    "load": ("load:load", None),
    "drill": ("drill:drill", None),
    "bench": ("bench:bench", None),
    "list": ("lab:list_", "[OPTIONS]"),
    "run": ("lab:run", _NAMES),
    "compare": ("lab:compare", _NAMES),
    "report": ("lab:report", None),
    "env": ("lab:env", None),
}

app = App(
    name="trio-lab",
    help="Find the queue that fills first in an async service, and put it right.",
    version=__version__,
    backend="trio",
    result_action="return_value",
    default_parameter=Parameter(show_default=lambda value: None if value is False else str(value)),
)
for _name, (_where, _takes) in _COMMANDS.items():
    app.command(
        f"{__name__}.{_where}", name=_name, usage=None if _takes is None else f"Usage: trio-lab {_name} {_takes}"
    )


def main() -> NoReturn:
    try:
        if _COMMANDS.keys().isdisjoint(sys.argv[1:]):
            app.resolved_commands()  # what follows is the overview, which has a line of each
        code = app(print_error=False, exit_on_error=False)
    except CycloptsError as error:
        _fail(" ".join(str(error).split()) + " (see --help)", 2)
    except UsageError as error:
        _fail(str(error), 2)
    except LabLost as error:
        _fail(str(error), 1)
    except Terminated:
        _fail("stopped", 143)
    except KeyboardInterrupt:
        _fail("stopped", 130)
    except BrokenPipeError:
        _fail_silently()
    except BaseExceptionGroup as group:
        _fail_with(group)
    sys.exit(code if isinstance(code, int) else 0)


def _fail_with(group: BaseExceptionGroup[BaseException]) -> NoReturn:
    """A nursery wraps whatever ends it; what the caller can put right still ends in one line."""
    if group.subgroup((BrokenPipeError, SystemExit)) is not None:  # Rich ends the program when its reader has gone
        _fail_silently()
    for kind, code in ((UsageError, 2), (Terminated, 143), (KeyboardInterrupt, 130)):
        if (part := group.subgroup(kind)) is not None:
            _fail(str(first_of(part)) or "stopped", code)
    raise group


def _fail_silently() -> NoReturn:
    """The reader of our output has gone; nothing more can be told."""
    sys.stderr.close()
    sys.exit(141)


def _fail(text: str, code: int) -> NoReturn:
    print(f"trio-lab: {text}", file=sys.stderr)
    sys.exit(code)
