"""The `trio-lab` command. Only this package prints.

Results go to standard output, everything else (progress, warnings, errors) to standard error. Exit codes: 0; 1 when an
experiment could not be run, a server broke down or no request of a load succeeded; 2 with one line about what the
caller can correct; 130 after Ctrl-C and 143 after SIGTERM (a server ends with 0 after both: that is how it is stopped).

The commands need the extra `lab`. This module does not, so that it can say so.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

from ..errors import ChildLost, LabLost, ServiceLost, UsageError, first_of, in_a_line
from .ending import Terminated

_INSTALL = "the command needs more than the library: pip install 'trio-lab[lab]'"
_CODES: dict[type[BaseException], int] = {
    UsageError: 2,
    LabLost: 1,
    ServiceLost: 1,
    ChildLost: 2,
    Terminated: 143,
    KeyboardInterrupt: 130,
}


def main() -> NoReturn:
    """Run the command that the arguments name, and end the process with its exit code."""
    _open_what_is_closed()
    try:
        from .command import run

        code = run()
        sys.stdout.flush()  # while an error of it can still be told
    except ImportError as error:
        missing = error.__cause__ or error  # cyclopts wraps it
        if not isinstance(missing, ModuleNotFoundError) or str(missing.name).startswith("trio_lab"):
            raise
        _fail(f"{_INSTALL} ({missing.name} is not installed)", 2)
    except (OSError, UsageError, LabLost, ServiceLost, ChildLost, KeyboardInterrupt, BaseExceptionGroup) as error:
        _fail_with(error)
    sys.exit(code)


def _open_what_is_closed() -> None:
    """A standard stream that our caller has closed is /dev/null, else the next file that is opened takes its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")


def _fail_with(error: BaseException) -> NoReturn:
    """A nursery wraps whatever ends it; an error that the caller can correct is still one line."""
    group = error if isinstance(error, BaseExceptionGroup) else BaseExceptionGroup("", [error])
    if group.subgroup((BrokenPipeError, SystemExit)) is not None:  # Rich ends the program when its reader has gone
        _fail_silently()
    if (part := group.subgroup(_disk_is_full)) is not None:
        sys.stdout = None  # else the interpreter flushes it once more at its end
        _fail(f"the output cannot be written: {in_a_line(first_of(part))}", 1)
    for kind, code in _CODES.items():
        if (part := group.subgroup(kind)) is not None:
            _fail(str(first_of(part)) or "stopped", code)
    raise error


def _disk_is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _fail_silently() -> NoReturn:
    """The reader of our output has gone, so there is no one to report to."""
    sys.stderr.close()
    sys.exit(141)


def _fail(text: str, code: int) -> NoReturn:
    print(f"trio-lab: {text}", file=sys.stderr)
    sys.exit(code)
