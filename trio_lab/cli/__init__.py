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
from ..errors import LabLost, UsageError
from .bench import bench
from .drill import drill
from .ending import Terminated
from .lab import lab_commands
from .load import load
from .serve import serve

app = App(
    name="trio-lab",
    help="Find the queue that fills first in an async service, and put it right.",
    version=__version__,
    backend="trio",
    result_action="return_value",
    default_parameter=Parameter(show_default=lambda value: None if value is False else str(value)),
)
app.command(serve)
app.command(load)
app.command(drill)
app.command(bench)
lab_commands(app)


def main() -> NoReturn:
    try:
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
        sys.stderr.close()  # the reader of our output has gone; nothing more can be told
        sys.exit(141)
    except BaseExceptionGroup as group:
        _fail_with(group)
    sys.exit(code if isinstance(code, int) else 0)


def _fail_with(group: BaseExceptionGroup[BaseException]) -> NoReturn:
    """A nursery wraps whatever ends it; what the caller can put right still ends in one line."""
    for kind, code in ((UsageError, 2), (Terminated, 143), (KeyboardInterrupt, 130)):
        if (part := group.subgroup(kind)) is not None:
            _fail(str(_first(part)) or "stopped", code)
    raise group


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _fail(text: str, code: int) -> NoReturn:
    print(f"trio-lab: {text}", file=sys.stderr)
    sys.exit(code)
