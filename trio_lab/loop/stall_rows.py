"""The stalls of a watch as records: its table, each row with the task of its last stall, and the new ones since the last
look."""

from __future__ import annotations

from ..records.health import StallFigures
from .stalls import Stall, StallGroup
from .watch import Watch

_Key = tuple[str, int, str, str]


class StallRows:
    """One reader's view of a watch's stalls. For the loop's thread."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._told = 0
        self._last: dict[_Key, Stall] = {}

    def new(self) -> list[Stall]:
        """The stalls since the last call, the oldest first; of very many the last thousand."""
        new = self._watch.count - self._told
        self._told += new
        stalls = self._watch.stalls()[-new:] if new else []
        self._last |= {_key(stall): stall for stall in stalls}
        if len(self._last) > len(rows := self._watch.table()):  # lines that have no row of their own
            self._last = {key: self._last[key] for row in rows if (key := _key(row)) in self._last}
        return stalls

    def table(self) -> tuple[StallFigures, ...]:
        """All stalls by line and cause; their tasks as of the last call of `new`."""
        return tuple(map(self._figures, self._watch.table()))

    def _figures(self, row: StallGroup) -> StallFigures:
        last = self._last.get(_key(row))
        return StallFigures(
            filename=row.filename,
            lineno=row.lineno,
            function=row.function,
            cause=row.cause,
            count=row.count,
            total=row.total,
            longest=row.longest,
            samples=row.samples,
            share=row.share,
            awaits=row.awaits,
            by_coroutines={f"{number:x}": round(seconds, 4) for number, seconds in row.coroutines.items()},
            task=None if last is None else last.task_name or None,
        )


def _key(one: Stall | StallGroup) -> _Key:
    return one.filename, one.lineno, one.function, one.cause
