"""How a job's failure is told to the pool. Standard library only: workers import it.

The pool raises the job's exception again, as what it was. Python's own pickling often cannot do that: it calls the class
with ``args``, which fails when ``__init__`` has required keywords or makes another text of its arguments, and sets
attributes with ``setattr``, which a frozen dataclass forbids. So an exception is made again here without its
``__init__``: from the ``args``, attributes and slots that it had. A class that defines ``__reduce__`` is asked first.

An exception that cannot be pickled, or would arrive as something else, is described in words instead. So is one that is no
`Exception`, such as SystemExit and KeyboardInterrupt: it is meant for the process in which it was raised.

The class of an exception is the user's code, and each of its methods may raise anything. The functions here do not raise.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import traceback
from collections.abc import Callable, Iterator
from types import CoroutineType, MemberDescriptorType
from typing import Any

from .frames import Failure, dump

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE; most built-in exceptions are static types, all other classes are heap types


def failure_of(error: BaseException) -> Failure:
    """Describe what a job has raised."""
    trace = traceback_of(error)
    BaseException.with_traceback(error, None)  # it keeps the job's local variables, which may fill the memory
    return Failure(_portable(error), told(error), trace)


def unsendable(fn: Any, result: Any, error: BaseException) -> Failure:
    """Describe a result that cannot be pickled: what the function returned, why it cannot be sent, what to return instead."""
    if type(result) is CoroutineType:
        result.close()  # or Python warns that it was never awaited
    why = reason(error)
    said = _first_that_works(
        lambda: (
            f"{getattr(fn, '__qualname__', type(fn).__qualname__)} returned a {type(result).__name__}, which cannot be sent"
            f" back ({why}): let it return {'list(...) of it' if isinstance(result, Iterator) else 'plain values'}"
        ),
        lambda: f"the result cannot be sent back ({why})",
    )
    return Failure(None, said, traceback_of(error))


def told(error: BaseException) -> str:
    """The exception's type and text, as the last line of a traceback has them; the text may have several lines."""
    name, text = _first_that_works(lambda: _name_of(type(error))), _text_of(error)
    return f"{name}: {text}" if text else name


def reason(error: BaseException) -> str:
    """Why something failed: the text of an exception, but the type as well of one that is no `Exception`."""
    return _text_of(error) if isinstance(error, Exception) else told(error)


def _name_of(kind: type) -> str:
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__main__", "__mp_main__") else f"{module}.{kind.__qualname__}"


def traceback_of(error: BaseException) -> str:
    """As Python prints it."""
    return _first_that_works(lambda: "".join(traceback.format_exception(error)).rstrip(), lambda: told(error))


def _text_of(error: BaseException) -> str:
    return _first_that_works(lambda: "".join([str(error)]), lambda: "<exception str() failed>")


def _first_that_works(*ways: Callable[[], str]) -> str:
    """The result of the first function that does not raise. It is made an exact `str`: the pool may not know a subclass."""
    for way in ways:
        try:
            return "".join(("", way()))
        except BaseException:
            continue
    return ""


def _portable(error: BaseException) -> bytes | None:
    """The pickled exception, or None when it would not arrive as what it is."""
    if not isinstance(error, Exception):
        return None
    for write in (_by_its_parts, dump, _by_its_parts_alone):
        try:
            body = write(error)
            if type(pickle.loads(body)) is type(error):
                return body
        except BaseException:  # whatever foreign methods raise
            continue
    return None


def _by_its_parts(error: Exception) -> bytes:
    return _Exceptions(asked_first=True).write(error)


def _by_its_parts_alone(error: Exception) -> bytes:
    return _Exceptions(asked_first=False).write(error)


class _Exceptions(pickle.Pickler):
    """Pickles exceptions by their parts, also those in groups. With ``asked_first`` a class's own ``__reduce__`` is used
    where there is one."""

    def __init__(self, *, asked_first: bool) -> None:
        self._file = io.BytesIO()
        super().__init__(self._file, pickle.HIGHEST_PROTOCOL)
        self._asked_first = asked_first

    def write(self, error: Exception) -> bytes:
        self.dump(error)
        return self._file.getvalue()

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if not (issubclass(kind, BaseException) and _is_heap(kind)):
            return NotImplemented
        if self._asked_first and _says_how(kind):
            return NotImplemented
        _, args, *state = _builtin_base(kind).__reduce__(value)
        attributes = dict(vars(value))
        members = {name: member for name, member in (state[0] if state else {}).items() if name not in attributes}
        members |= _slots(kind, value)
        return remake, (kind, args), (attributes, members), None, None, restore


def remake(kind: type[BaseException], args: tuple[object, ...]) -> BaseException:
    """Make an exception of this class without calling the ``__init__`` of the class."""
    base = _builtin_base(kind)
    error: BaseException = base.__new__(kind, *args)
    base.__init__(error, *args)
    return error


def restore(error: BaseException, state: tuple[dict[str, object], dict[str, object]]) -> None:
    """Set the attributes and slots of an exception without calling its ``__setattr__``, which may refuse."""
    attributes, members = state
    vars(error).update(attributes)
    for name, value in members.items():
        object.__setattr__(error, name, value)


def _is_heap(kind: type) -> bool:
    return bool(kind.__flags__ & _HEAP_TYPE)


def _builtin_base(kind: type[BaseException]) -> Any:
    return next(base for base in kind.__mro__ if not _is_heap(base))


def _says_how(kind: type) -> bool:
    """Whether a class, or one of its base classes, defines how it is pickled."""
    return kind in copyreg.dispatch_table or any(
        method in vars(base) for base in kind.__mro__ if _is_heap(base) for method in ("__reduce__", "__reduce_ex__")
    )


def _slots(kind: type, value: object) -> dict[str, object]:
    return dict(_slots_set(kind, value))


def _slots_set(kind: type, value: object) -> Iterator[tuple[str, object]]:
    for base in kind.__mro__:
        for name, member in vars(base).items():
            if _is_heap(base) and isinstance(member, MemberDescriptorType):
                try:
                    yield name, member.__get__(value)
                except AttributeError:  # not set
                    continue
