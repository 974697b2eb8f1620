"""How a call is put into bytes: the function by its name, once, and its arguments each time.

Pickling a function writes its module and its name, and looks both up to see that they lead to this very function: three
times the cost of pickling two small arguments. So what was written for a function of a module is kept. Each time it is
seen that the module still has this function under that name; everything else (methods, classes, partials, lambdas,
functions inside others, functions that were replaced) is pickled as a whole, and refused as pickle refuses it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pickle import HIGHEST_PROTOCOL, dumps
from types import FunctionType
from typing import Any

from .frames import Pieces, is_large

_KEPT = 256  # functions; a program calls some tens, and what makes functions without end must not fill the memory


class Calls:
    """Writes calls. What it keeps holds on to the functions, ``_KEPT`` at most."""

    def __init__(self) -> None:
        self._written: dict[FunctionType, bytes] = {}

    def write(self, fn: Callable[..., Any], args: tuple[object, ...]) -> tuple[bytes | Pieces, int]:
        """The call, and how many bytes of it are the function; 0 when it is one pickle of both.

        Raises whatever pickling raises.
        """
        for arg in args:
            if is_large(arg):
                return Pieces().add((fn, args)), 0
        if type(fn) is not FunctionType:
            return dumps((fn, args), HIGHEST_PROTOCOL), 0
        function = self._written.get(fn)
        if function is None or fn.__globals__.get(fn.__name__) is not fn:
            if not _is_of_a_module(fn):
                return dumps((fn, args), HIGHEST_PROTOCOL), 0
            if len(self._written) >= _KEPT:
                self._written.clear()
            function = self._written[fn] = dumps(fn, HIGHEST_PROTOCOL)
        return (function + dumps(args, HIGHEST_PROTOCOL) if args else function), len(function)


def _is_of_a_module(fn: FunctionType) -> bool:
    """Whether this function is what its module has under its name."""
    module = sys.modules.get(fn.__module__)
    return (
        module is not None
        and fn.__globals__ is vars(module)
        and fn.__qualname__ == fn.__name__
        and fn.__globals__.get(fn.__name__) is fn
    )
