"""How a call is put into bytes: the function by its name, once, and its arguments each time.

Pickling a function writes its module and its name, and looks both up to see that they lead to this very function: three
times the cost of pickling two small arguments. So what was written for a function of a module is kept. Each time it is
seen that the module still has this function under that name; everything else (methods, classes, partials, functions
that were replaced) is pickled as a whole. What cannot be pickled is refused in the caller's terms.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pickle import HIGHEST_PROTOCOL, dumps
from types import FunctionType, MethodType
from typing import Any

from ..worker.failures import reason
from ..worker.frames import Pieces, is_large
from .functions import check_function, name_of

_KEPT = 256  # functions; a program calls some tens, and what makes functions without end must not fill the memory
_RUN = "WorkerPool.run"


class Calls:
    """Writes calls. What it keeps holds on to the functions, ``_KEPT`` at most."""

    def __init__(self) -> None:
        self._written: dict[FunctionType, bytes] = {}

    def write(self, fn: Callable[..., Any], args: tuple[object, ...]) -> tuple[bytes | Pieces, int]:
        """The call, and how many bytes of it are the function; 0 when it is one pickle of both.

        Raises:
            TypeError: a worker cannot run this function, or it or an argument cannot be pickled.
        """
        function = self._written.get(fn) if type(fn) is FunctionType else None
        if function is None or fn.__globals__.get(fn.__name__) is not fn:
            check_function(fn, _RUN)
            function = self._write_function(fn)
        try:
            for arg in args:
                if is_large(arg):
                    return Pieces().add((fn, args)), 0
            if function is None:
                return dumps((fn, args), HIGHEST_PROTOCOL), 0
            return (function + dumps(args, HIGHEST_PROTOCOL) if args else function), len(function)
        except BaseException as error:  # an argument's own methods may raise anything
            raise TypeError(why_not_sent(fn, args, error)) from error

    def _write_function(self, fn: Callable[..., Any]) -> bytes | None:
        if not (type(fn) is FunctionType and _is_of_a_module(fn)):
            return None
        if len(self._written) >= _KEPT:
            self._written.clear()
        function = self._written[fn] = dumps(fn, HIGHEST_PROTOCOL)
        return function


def _is_of_a_module(fn: FunctionType) -> bool:
    """Whether this function is what its module has under its name."""
    module = sys.modules.get(fn.__module__)
    return (
        module is not None
        and fn.__globals__ is vars(module)
        and fn.__qualname__ == fn.__name__
        and fn.__globals__.get(fn.__name__) is fn
    )


def why_not_sent(fn: Callable[..., Any], args: tuple[object, ...], error: BaseException) -> str:
    """Which part of a call cannot be pickled, and what to do instead."""
    name = name_of(fn)
    if _fails(fn) is None:
        for n, arg in enumerate(args, 1):
            if (failure := _fails(arg)) is not None:
                return (
                    f"{_RUN} cannot send argument {n} of {name}, a {type(arg).__name__}, to a worker: {reason(failure)}"
                )
        return f"{_RUN} cannot send the arguments of {name} to a worker: {reason(error)}"
    if "<" in name:  # <lambda>, or made in <locals>
        return (
            f"{_RUN} cannot send {name} to a worker, which finds functions by their module and name: "
            "define it with def at the top level of a module"
        )
    if isinstance(fn, MethodType):
        owner, why = type(fn.__self__).__name__, reason(_fails(fn.__self__) or error)
        return (
            f"{_RUN} cannot send {name} to a worker, since its {owner} cannot be pickled ({why}): "
            "use a function of a module, and pass it the values it needs"
        )
    return f"{_RUN} cannot send {name} to a worker: {reason(error)}"


def _fails(value: object) -> BaseException | None:
    """Why a value cannot be pickled, None when it can."""
    try:
        dumps(value, HIGHEST_PROTOCOL)
    except BaseException as error:
        return error
    return None
