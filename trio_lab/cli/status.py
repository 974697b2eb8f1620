"""The last line of a terminal, which changes while something runs. Anywhere else there is none."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import RenderableType
from rich.status import Status

from .console import errors


class StatusLine:
    """A context for as long as it runs. ``content`` is what the line shows; with ``quiet`` there is none at all."""

    def __init__(self, content: RenderableType = "", *, quiet: bool = False) -> None:
        self._status = Status(content, console=errors) if errors.is_terminal and not quiet else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
