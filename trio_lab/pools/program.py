"""The program as its workers must find it again: its interpreter with all options, its arguments, path and main module.

A job must compute in a worker what it would compute in the program. So ``sys.flags``, ``__debug__``, ``sys.warnoptions``,
``sys._xoptions``, ``sys.executable``, ``sys.argv`` and ``sys.path`` are the same there. `subprocess` has the like for
multiprocessing, but leaves out what it does not know of ``-X``. What a program changes while it runs (warning filters,
the recursion limit, a context of `decimal`) stays with the program, and ``-i`` with its terminal.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

from ..worker.frames import Hello
from ..worker.importing import IMPORTING
from ..worker.main_module import NAMES, Main, ProgramsMain

_OPTIONS = {
    "debug": "d",
    "dont_write_bytecode": "B",
    "ignore_environment": "E",
    "isolated": "I",
    "no_site": "S",
    "no_user_site": "s",
    "optimize": "O",
    "quiet": "q",
    "safe_path": "P",
    "bytes_warning": "b",
    "verbose": "v",
}
"""Command-line options by the flags they set; a flag of 2 is the option given twice."""


def interpreter() -> list[str]:
    """The command of this program's interpreter, ready for ``-c`` or ``-m``.

    Standard output and error are unbuffered, in Python and in C: what a job printed must have left a worker that is killed.

    Raises:
        OSError: there is none; Python is part of another program.
    """
    if not sys.executable:
        raise OSError(errno.ENOENT, "sys.executable is not set")
    flags = [f"-{letter * value}" for name, letter in _OPTIONS.items() if (value := int(getattr(sys.flags, name)))]
    if sys.flags.hash_randomization and os.environ.get("PYTHONHASHSEED") == "0":
        flags.append("-R")
    # Those that come from the environment as well are counted once.
    warnings = [f"-W{option}" for option in sys.warnoptions]
    extra = [part for item in sys._xoptions.items() for part in ("-X", _written(*item))]
    return [sys.executable, *flags, *warnings, *extra, "-u"]


def _written(option: str, value: str | bool) -> str:
    return option if value is True else f"{option}={value}"


def environment() -> dict[str, str] | None:
    """The environment for an interpreter that must see what this one saw at its start; None for the present one.

    In the C locale Python sets LC_CTYPE for its children and turns UTF-8 mode on for itself. A child that found it set
    would not turn UTF-8 mode on.
    """
    if not sys.flags.utf8_mode or "utf8" in sys._xoptions or "LC_CTYPE" not in os.environ:
        return None
    if os.environ.get("PYTHONUTF8") and not sys.flags.ignore_environment:
        return None
    return {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}


def hello(nicer: int, memory: int | None) -> Hello:
    """What a worker is told first."""
    path = [str(entry) for entry in sys.path if isinstance(entry, str)]
    arguments = [str(argument) for argument in getattr(sys, "argv", ())]
    return Hello(path, arguments, main_module(), IMPORTING.depth + 1, nicer, memory)


def main_module() -> Main:
    """Where this process's main module comes from. From now on it has both names."""
    main: Any = sys.modules.get(NAMES[0])
    if main is None:
        return Main(None, None, None)
    sys.modules.setdefault(NAMES[1], main)
    if isinstance(main, ProgramsMain):  # this is a worker itself
        return main.where()
    spec = getattr(main, "__spec__", None)
    name, file = getattr(spec, "name", None), getattr(main, "__file__", None)
    package = getattr(main, "__package__", None)
    if not isinstance(name, str) or getattr(spec, "loader", None) is None:
        name = None
    file = os.path.abspath(file) if isinstance(file, str) else None
    if file is not None and not os.path.isfile(file) and not any(map(os.path.isfile, Path(file).parents)):
        file = None  # such as "<stdin>"; of what is in a zip file, the zip file is there
    return Main(file, name, package if isinstance(package, str) else None)
