"""The program's main module in a worker.

It is found as multiprocessing's spawn method finds it: by its name if the program was started with ``-m``, otherwise by its
file. It runs under the name ``__mp_main__``, so code below ``if __name__ == "__main__"`` does not run in a worker.

There are two differences from multiprocessing. The ``__main__`` of a directory, a zip file or a package is found too. And
the module runs only when a job names something in it: most jobs do not, and a main module often imports the whole program.

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
"""The names of the main module. In the program and in its workers both names lead to one module, so that the module's
classes can be pickled in either process and unpickled in the other."""


class Main(NamedTuple):
    """Where a program's main module comes from. All are None if it was typed in: then it cannot be loaded again."""

    file: str | None
    name: str | None
    """The name in its ``__spec__``: ``package.module`` after ``-m``, ``__main__`` in a directory or zip file."""
    package: str | None
    """What its relative imports are relative to."""

    def load(self) -> tuple[CodeType | None, Any]:
        """The code to run, and its spec if it has one. The code does not inherit this module's ``from __future__``."""
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
        with suppress(ImportError, ValueError):  # no such package; or a module of this name has no spec
            found = [None if self.name in (None, *NAMES) else find_spec(self.name)]
        # A program may have changed its `__spec__`, so the file decides. A file inside a zip file needs a spec to be read.
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
    """Stands in for ``__main__``. It runs the program's main module when a job first names something in it; if that fails,
    the next job tries again.

    The attributes of this module are the program's names, so our own have names like Python's, which programs do not use.
    """

    __slots__ = ("__lock__", "__state__", "__where__")

    def __init__(self, where: Main) -> None:
        super().__init__(NAMES[1])
        self.__where__ = where
        self.__state__ = "unseen"
        self.__lock__ = RLock()
        if where.file is not None:
            self.__file__ = where.file
        self.__package__ = where.package

    def __repr__(self) -> str:
        """Python shows this in the error for a name that the module does not have."""
        if self.__where__ == Main(None, None, None):
            return (
                "<the main module of a program that was typed in (-c, standard input, interactive): workers cannot have "
                "it, so put the functions and classes of jobs into a module>"
            )
        return (
            f"<the main module {self.__where__.name or self.__where__.file!r} in a worker: what jobs use is defined at its "
            'top level, outside of `if __name__ == "__main__":`>'
        )

    def __getattr__(self, name: str) -> Any:
        # Python asks all modules for `__path__`, `__warningregistry__` and the like: that is no reason to run.
        if not (name.startswith("__") and name.endswith("__")):
            with self.__lock__:
                if self.__state__ == "unseen":
                    self.__run__()
            if name in self.__dict__:
                return self.__dict__[name]
        raise AttributeError(f"there is no {name!r} in {self!r}")

    def __run__(self) -> None:
        self.__state__ = "runs"
        before = dict(self.__dict__)
        try:
            with IMPORTING.running(self.__where__.name or self.__where__.file):
                code, spec = self.__where__.load()
                if code is not None:
                    self.__spec__, self.__loader__ = spec, getattr(spec, "loader", None)
                    exec(code, self.__dict__)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            self.__state__ = "unseen"
            raise
        self.__state__ = "has run"


def stand_in(where: Main) -> None:
    """Put the program's main module in the place of this process's own."""
    main = ProgramsMain(where)
    for name in NAMES:
        sys.modules[name] = main
