"""The admission in front of the app, as far as requests that are held need it: see `asgi.admission.Admission`."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol


class Admitted(Protocol):
    """A block with a place of the admission, if there is one.

    `lift` ends what holds for the current task alone, and keeps the place: another task may enter the block again, and has the
    same place and the same deadline in it.
    """

    def __enter__(self) -> bool: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def lift(self) -> None: ...


class Admits(Protocol):
    """What gives these places."""

    def held(self, scope: dict[str, Any], /) -> Admitted: ...
