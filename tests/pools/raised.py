"""Exceptions that are hard to send, by name: what a job raises, and what is known of it. Workers import this module."""

from __future__ import annotations

import copyreg
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True)
class Frozen(Exception):
    code: int
    text: str = "frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSlots(Exception):
    code: int


@dataclass(slots=True)
class Slots(Exception):
    code: int


class PrivateSlot(Exception):
    __slots__ = ("__code", "never_set")

    def __init__(self, code: int) -> None:
        self.__code = code

    @property
    def code(self) -> int:
        return self.__code


class NeedsKeyword(Exception):
    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class MakesText(Exception):
    """``args`` are not what ``__init__`` was called with, and a second call would make another text."""

    def __init__(self, code: int, *, unit: str = "s") -> None:
        super().__init__(f"[{code} {unit}]")
        self.code = code


class NeedsNew(Exception):
    def __new__(cls, *, code: int) -> NeedsNew:
        return super().__new__(cls, code)

    def __init__(self, *, code: int) -> None:
        self.code = code


class ClosedToAttributes(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class Moody(Exception):
    """Every method that one may call in passing ends the program."""

    def __str__(self) -> str:
        raise SystemExit("str")

    def __repr__(self) -> str:
        raise KeyboardInterrupt

    def __eq__(self, other: object) -> bool:
        raise SystemExit("eq")

    __hash__ = Exception.__hash__

    def __setattr__(self, name: str, value: object) -> None:
        raise SystemExit("setattr")


class BadReduce(Exception):
    def __reduce__(self) -> NoReturn:
        raise SystemExit("reduce")


class OtherReduce(Exception):
    """Says that it is a number."""

    def __reduce__(self) -> Any:
        return int, (7,)


class OwnReduce(Exception):
    def __init__(self, left: int, right: int) -> None:
        super().__init__(left + right)
        self.code = left - right

    def __reduce__(self) -> Any:
        return OwnReduce, (9, 2)


class Registered(Exception):
    code = 7


copyreg.pickle(Registered, lambda _: (Registered, ("by copyreg",)))  # type: ignore[arg-type]


class BadSetstate(Exception):
    def __setstate__(self, state: object) -> NoReturn:
        raise KeyboardInterrupt


class OwnGroup(ExceptionGroup[Exception]):
    def __new__(cls, errors: list[Exception], *, code: int) -> OwnGroup:
        self = super().__new__(cls, "own", errors)
        self.code = code
        return self

    def __init__(self, errors: list[Exception], *, code: int) -> None:
        pass


class OfTheSystem(OSError):
    def __init__(self, *, code: int) -> None:
        super().__init__(code, "no luck", "/a/file")
        self.code = code


class NotAnException(BaseException):
    pass


class OnlyInTheWorker(Exception):
    """Cannot be read where `refuses_to_be_read` is true."""

    def __init__(self) -> None:
        super().__init__("text\nof two lines")

    def __reduce__(self) -> Any:
        return read_here, ("ended",)


refuses_to_be_read = False


def read_here(_: str) -> OnlyInTheWorker:
    if refuses_to_be_read:
        raise SystemExit("read")
    return OnlyInTheWorker()


def _with_notes(error: Exception, notes: Any) -> Exception:
    error.__dict__["__notes__"] = notes
    return error


def _cyclic() -> Exception:
    error = NeedsKeyword(code=7)
    error.itself = error  # type: ignore[attr-defined]
    return error


def _nested(depth: int) -> Exception:
    error: Exception = NeedsKeyword(code=7)
    for _ in range(depth):
        error = ExceptionGroup("deeper", [error])
    return error


def _json() -> Exception:
    try:
        json.loads("{")
    except ValueError as error:
        return error
    raise AssertionError


# Each arrives as what it is, with these attributes.
ARRIVE: dict[str, tuple[Callable[[], Exception], dict[str, Any]]] = {
    "frozen dataclass": (lambda: Frozen(7), {"code": 7, "text": "frozen", "args": (7,)}),
    "frozen dataclass by keyword": (lambda: Frozen(code=7, text="t"), {"code": 7, "text": "t", "args": ()}),
    "frozen dataclass with slots": (lambda: FrozenSlots(code=7), {"code": 7}),
    "frozen with slots and a note": (lambda: _with_notes(FrozenSlots(code=7), ["a note"]), {"code": 7}),
    "slots": (lambda: Slots(7), {"code": 7}),
    "private slot": (lambda: PrivateSlot(7), {"code": 7}),
    "required keyword": (lambda: NeedsKeyword(code=7), {"code": 7, "args": ("code 7",)}),
    "text made by __init__": (lambda: MakesText(7), {"code": 7, "args": ("[7 s]",)}),
    "required keyword of __new__": (lambda: NeedsNew(code=7), {"code": 7, "args": (7,)}),
    "__setattr__ raises": (lambda: ClosedToAttributes("x"), {"args": ("x",)}),
    "all methods raise": (lambda: Moody("x"), {"args": ("x",)}),
    "__reduce__ raises": (lambda: BadReduce("x"), {"args": ("x",)}),
    "__reduce__ makes another thing": (lambda: OtherReduce("x"), {"args": ("x",)}),
    "__reduce__ of its own": (lambda: OwnReduce(1, 2), {"args": (11,), "code": 7}),
    "registered with copyreg": (lambda: Registered("x"), {"args": ("by copyreg",), "code": 7}),
    "__setstate__ raises": (lambda: _with_notes(BadSetstate("x"), ["a note"]), {"args": ("x",)}),
    "notes are a tuple": (lambda: _with_notes(ValueError("x"), ("a", "b")), {"__notes__": ("a", "b")}),
    "notes are a number": (lambda: _with_notes(ValueError("x"), 7), {"__notes__": 7}),
    "notes are no strings": (lambda: _with_notes(ValueError("x"), [7]), {"args": ("x",)}),
    "several lines": (lambda: ValueError("one\ntwo\n\nfour"), {"args": ("one\ntwo\n\nfour",)}),
    "empty": (ValueError, {"args": ()}),
    "surrogates": (lambda: ValueError("\ud800\udfff"), {"args": ("\ud800\udfff",)}),
    "group": (lambda: ExceptionGroup("g", [ValueError("x"), KeyError("y")]), {"message": "g"}),
    "group in groups": (lambda: _nested(20), {"message": "deeper"}),
    "group of its own": (lambda: OwnGroup([NeedsKeyword(code=1)], code=7), {"code": 7, "message": "own"}),
    "of the system": (lambda: OfTheSystem(code=2), {"errno": 2, "filename": "/a/file", "code": 2}),
    "import": (lambda: ModuleNotFoundError("x", name="n", path="/p"), {"name": "n", "path": "/p"}),
    "unicode": (lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), {"object": b"\xff", "reason": "bad"}),
    "syntax": (lambda: SyntaxError("bad", ("file.py", 3, 1, "x y", 3, 2)), {"lineno": 3, "filename": "file.py"}),
    "command": (lambda: subprocess.CalledProcessError(7, "cmd", b"o"), {"returncode": 7, "output": b"o"}),
    "json": (_json, {"pos": 1, "doc": "{"}),
    "stop of an async iteration": (lambda: StopAsyncIteration("x"), {"args": ("x",)}),
    "recursion": (lambda: RecursionError("x"), {"args": ("x",)}),
    "refers to itself": (_cyclic, {"code": 7}),
}
# Each arrives as a JobError with these words.
TOLD: dict[str, tuple[Callable[[], BaseException], str]] = {
    "exit": (lambda: SystemExit(3), "SystemExit: 3"),
    "interrupt": (KeyboardInterrupt, "KeyboardInterrupt"),
    "generator exit": (GeneratorExit, "GeneratorExit"),
    "of no Exception": (lambda: NotAnException("x\ny"), "tests.pools.raised.NotAnException: x\ny"),
    "group with an interrupt": (
        lambda: BaseExceptionGroup("g", [KeyboardInterrupt(), ValueError("x")]),
        "BaseExceptionGroup: g (2 sub-exceptions)",
    ),
    "unpicklable argument": (lambda: ValueError(lambda: 1), "ValueError: <function"),
    "group of an unpicklable one": (
        lambda: ExceptionGroup("g", [ValueError(lambda: 1)]),
        "ExceptionGroup: g (1 sub-exception)",
    ),
    "note": (lambda: _with_notes(ValueError("x", print, lambda: 1), ["the note"]), "ValueError: ('x', <built-in"),
    "local class": (lambda: type("Local", (Exception,), {})("one\ntwo"), "tests.pools.raised.Local: one\ntwo"),
    "local class without a text": (
        lambda: type("Local", (Moody,), {})("x"),
        "tests.pools.raised.Local: <exception str",
    ),
    "local class of a syntax error": (
        lambda: type("L", (SyntaxError,), {})("bad", ("f.py", 3, 1, "x y")),
        "raised.L: bad (f.py, line 3)",
    ),
    "iteration": (lambda: StopIteration("x"), "StopIteration: x"),
}


def raise_by_name(name: str) -> NoReturn:
    table: Any = ARRIVE if name in ARRIVE else TOLD
    raise table[name][0]()


class EvilArgument:
    """Raises when it is read: in the worker as an argument, in the pool as a result."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        return _raise, (self.error,)


def _raise(error: type[BaseException]) -> NoReturn:
    raise error


def raise_it(error: BaseException) -> NoReturn:
    raise error


def return_evil(error: type[BaseException]) -> EvilArgument:
    return EvilArgument(error)


TRAVEL: tuple[type[BaseException], ...] = (RecursionError, MemoryError, ValueError)
DO_NOT_TRAVEL: tuple[type[BaseException], ...] = (
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    NotAnException,
    StopIteration,
)
EVIL = (*TRAVEL, *DO_NOT_TRAVEL)
