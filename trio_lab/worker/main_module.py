"""The program's main module in a worker.

It is found as multiprocessing's spawn method finds it: by its name when it was run with ``-m``, by its file otherwise;
and it runs under the name ``__mp_main__``, so that what it guards with ``if __name__ == "__main__"`` does not run here.
Unlike there, a directory's, a zip file's or a package's ``__main__`` counts too, and the module runs only when a job names
something in it: most jobs do not, and a main module often imports the whole program.

Standard library only: workers import it.
"""

from __future__ import annotations

import sys
from _thread import RLock
from contextlib import suppress
from io import open_code
from os.path import isfile
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from .importing import IMPORTING

NAMES = ("__main__", "__mp_main__")
"""Both lead to the same module, in the program and in its workers, so that its classes can travel in both directions."""


class Main(NamedTuple):
    """Where a program's main module comes from. Without a name and a file it cannot be had again: it was typed in."""

    file: str | None
    name: str | None
    """What it is called where it was found: ``package.module`` after ``-m``, ``__main__`` in a directory or zip file."""
    package: str | None
    """What its relative imports are relative to."""

    def load(self) -> tuple[CodeType | None, Any]:
        """What to run, and its spec if it has one. Neither inherits the ``from __future__`` of this module."""
        spec = self._spec()
        if spec is not None:
            return spec.loader.get_code(spec.name), spec
        return None if self.file is None else _compile(self.file), None

    def _spec(self) -> Any:
        if self.name is None and (self.file is None or isfile(self.file)):
            return None
        from importlib.machinery import PathFinder
        from importlib.util import find_spec

        folder, _, file = (self.file or "").rpartition("/")
        found = []
        with suppress(ImportError, ValueError):  # no such package; or something without a spec has this name here
            found = [None if self.name in (None, *NAMES) else find_spec(self.name)]
        # A program can write what it likes into its `__spec__`; a file in a zip file can only be had through one.
        found.append(PathFinder.find_spec(file.removesuffix(".py"), [folder]))
        return next((spec for spec in found if spec and spec.origin == self.file and spec.loader is not None), None)


def _compile(file: str) -> CodeType | None:
    if file.endswith(".pyc"):
        from importlib.machinery import SourcelessFileLoader

        return SourcelessFileLoader(NAMES[1], file).get_code(NAMES[1])
    with open_code(file) as source:
        code: CodeType = compile(source.read(), file, "exec", dont_inherit=True)
        return code


class ProgramsMain(ModuleType):
    """Stands in for ``__main__``, and runs when a job names something in it. If that fails it is tried again next time.

    A module's attributes are the program's names: ours are in slots, with names that it does not use.
    """

    __slots__ = ("__lock", "__state", "__where")

    def __init__(self, where: Main) -> None:
        super().__init__(NAMES[1])
        self.__where = where
        self.__state = "unseen"
        self.__lock = RLock()
        if where.file is not None:
            self.__file__ = where.file
        self.__package__ = where.package

    def where(self) -> Main:
        return self.__where

    def __repr__(self) -> str:
        """Stands in the error of a job that names what is not there."""
        if self.__where == Main(None, None, None):
            return (
                "<the main module of a program that was typed in (-c, standard input, interactive): workers cannot have "
                "it, so put the functions and classes of jobs into a module>"
            )
        return (
            f"<the main module {self.__where.name or self.__where.file!r} in a worker: what jobs use is defined at its "
            'top level, outside of `if __name__ == "__main__":`>'
        )

    def __getattr__(self, name: str) -> Any:
        # `__path__`, `__warningregistry__` and the like: Python asks all modules for them.
        if not (name.startswith("__") and name.endswith("__")):
            with self.__lock:
                if self.__state == "unseen":
                    self.__run()
            if name in self.__dict__:
                return self.__dict__[name]
        raise AttributeError(f"there is no {name!r} in {self!r}")

    def __run(self) -> None:
        self.__state = "runs"
        before = dict(self.__dict__)
        try:
            with IMPORTING.running(self.__where.name or self.__where.file):
                code, spec = self.__where.load()
                if code is not None:
                    self.__spec__, self.__loader__ = spec, getattr(spec, "loader", None)
                    exec(code, self.__dict__)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            self.__state = "unseen"
            raise
        self.__state = "has run"


def stand_in(where: Main) -> None:
    """Put the program's main module in the place of this process's own."""
    main = ProgramsMain(where)
    for name in NAMES:
        sys.modules[name] = main
