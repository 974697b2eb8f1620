"""What a worker must know of its program: the interpreter and its options, the arguments, the path, the main module.

A job must compute in a worker what it would compute in the program. So ``sys.flags``, ``__debug__``, ``sys.warnoptions``,
``sys._xoptions``, ``sys.executable``, ``sys.argv`` and ``sys.path`` are the same there. The standard library has a function
for this too, which `multiprocessing` uses, but it passes on only some options of ``-X``.

What a program changes while it runs is not passed on: warning filters, the recursion limit, the context of `decimal`. Nor
is ``-i``, since a worker has no terminal.
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
"""Command-line options by the flags that they set. A flag of 2 means that the option was given twice."""


def interpreter() -> list[str]:
    """The command that starts this program's interpreter; ``-c`` or ``-m`` can follow.

    Standard output and error are unbuffered, in Python and in C, so that nothing is lost when a worker is killed.

    Raises:
        OSError: there is no interpreter to start, because Python is embedded in another program.
    """
    if not sys.executable:
        raise OSError(errno.ENOENT, "sys.executable is not set")
    flags = [f"-{letter * value}" for name, letter in _OPTIONS.items() if (value := int(getattr(sys.flags, name)))]
    if sys.flags.hash_randomization and os.environ.get("PYTHONHASHSEED") == "0":
        flags.append("-R")
    # Python drops duplicates, so those that the environment sets too do no harm.
    warnings = [f"-W{option}" for option in sys.warnoptions]
    extra = [part for item in sys._xoptions.items() for part in ("-X", _written(*item))]
    return [sys.executable, *flags, *warnings, *extra, "-u"]


def boot(module: str) -> str:
    """Code for ``-c`` that calls ``main`` of a module of ours.

    The child must run this very package, whatever other version its Python would find; and nothing that lies in the working
    directory, which Python puts first unless told otherwise, may shadow a module of the standard library.
    """
    return (
        "import sys; sys.flags.safe_path or sys.path.pop(0); "
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r}); import trio_lab; del sys.path[0]; "
        f"from {module} import main; main()"
    )


def _written(option: str, value: str | bool) -> str:
    return option if value is True else f"{option}={value}"


def environment() -> dict[str, str] | None:
    """The environment for an interpreter that must start as this one did; None: the present environment will do.

    In the C locale Python turns UTF-8 mode on, and sets LC_CTYPE. A child that found LC_CTYPE set would not turn UTF-8 mode
    on.
    """
    if not sys.flags.utf8_mode or "utf8" in sys._xoptions or "LC_CTYPE" not in os.environ:
        return None
    if os.environ.get("PYTHONUTF8") and not sys.flags.ignore_environment:
        return None
    return {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}


def hello(nicer: int, memory: int | None) -> Hello:
    """The first message to a worker."""
    path = [str(entry) for entry in sys.path if isinstance(entry, str)]
    arguments = [str(argument) for argument in getattr(sys, "argv", ())]
    return Hello(path, arguments, main_module(), IMPORTING.depth + 1, nicer, memory)


def main_module() -> Main:
    """Where this process's main module comes from. Registers the module under its second name."""
    main: Any = sys.modules.get(NAMES[0])
    if main is None:
        return Main(None, None, None)
    sys.modules.setdefault(NAMES[1], main)
    if isinstance(main, ProgramsMain):  # this is a worker itself
        return main.__where__
    spec = getattr(main, "__spec__", None)
    name, file = getattr(spec, "name", None), getattr(main, "__file__", None)
    package = getattr(main, "__package__", None)
    if not isinstance(name, str) or getattr(spec, "loader", None) is None:
        name = None
    file = os.path.abspath(file) if isinstance(file, str) else None
    if file is not None and not os.path.isfile(file) and not any(map(os.path.isfile, Path(file).parents)):
        file = None  # such as "<stdin>"; of what is in a zip file, the zip file is there
    return Main(file, name, package if isinstance(package, str) else None)
