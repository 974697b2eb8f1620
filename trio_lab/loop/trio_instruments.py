"""Instruments that Trio calls quickly: those of the watch, which are called in each pass and each step.

Before each hook Trio asks an object of the run whether an instrument is installed for it. This object is written in Python; to
call one hook, it copies a list, looks the method up and passes the arguments on. That costs more than the hooks of the watch
themselves. So while one of them is installed, `QuickInstruments` stands in its place: a dict, which answers without a call of
Python, and which calls a hook directly if no other instrument has it. All else is handed on to Trio's object, which stays
complete: other code's instruments are called as before. One that raises is removed and logged, whoever called it.

Where the object is has no public name. If it is not found there, Trio's own is used, and only the cost is different.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import trio

_log = logging.getLogger("trio.abc.Instrument")  # where Trio says it of other instruments
_NOTHING = object()


class QuickInstrument(trio.abc.Instrument):
    """An instrument of the watch. ``hooks`` names the methods that are hooks, each of which takes one argument."""

    hooks: tuple[str, ...]

    def __dir__(self) -> tuple[str, ...]:
        """Trio asks for it, to find the hooks. To answer as usual would give the object a dict, with which each of its
        attributes is slower: all together a quarter of what the hooks cost."""
        return self.hooks

    def put_in(self) -> None:
        """Add it to the current run."""
        trio.lowlevel.add_instrument(self)
        run = _run()
        found = getattr(run, "instruments", None)
        if isinstance(found, Mapping) and not isinstance(found, QuickInstruments):
            run.instruments = QuickInstruments(found)

    def take_out(self) -> None:
        """Remove it, if Trio has not done that. The last one leaves the run as it was."""
        with suppress(KeyError):
            trio.lowlevel.remove_instrument(self)
        run = _run()
        found = getattr(run, "instruments", None)
        if isinstance(found, QuickInstruments) and not found.quick:
            run.instruments = found.replaced


def _run() -> Any:
    """What Trio keeps of the run of this thread, private."""
    return getattr(getattr(trio._core._run, "GLOBAL_RUN_CONTEXT", None), "runner", None)


def is_guest() -> bool:
    """Whether another loop runs the current run, as far as Trio knows yet: it is told after the set-up."""
    return bool(getattr(_run(), "is_guest", False))


class QuickInstruments(dict[str, dict[trio.abc.Instrument, None]]):
    """For each hook on which something is installed: the instruments, as Trio's own object has them."""

    __slots__ = ("_alone", "_owners", "quick", "replaced")

    def __init__(self, replaced: Any) -> None:
        self.replaced = replaced
        self._read()

    def _read(self) -> None:
        self.clear()
        self.quick = False
        self._owners: dict[str, QuickInstrument] = {}  # of the hooks that no other instrument has
        self._alone: dict[str, Any] = {}  # their methods
        for hook, ones in getattr(self.replaced, "data", self.replaced).items():  # it is a `UserDict`, and slow
            self[hook] = ones
            for one in ones:
                if isinstance(one, QuickInstrument):
                    self.quick = True
                    if len(ones) == 1 and hook in one.hooks:
                        self._owners[hook], self._alone[hook] = one, getattr(one, hook)

    def add_instrument(self, instrument: trio.abc.Instrument) -> None:
        self.replaced.add_instrument(instrument)
        self._read()

    def remove_instrument(self, instrument: trio.abc.Instrument) -> None:
        try:
            self.replaced.remove_instrument(instrument)
        finally:
            self._read()

    def call(self, hook: str, argument: Any = _NOTHING) -> None:
        alone = self._alone.get(hook)
        if alone is not None:
            try:
                alone(argument)
            except BaseException:  # as Trio does: what runs here is the loop
                instrument = self._owners[hook]
                self.remove_instrument(instrument)
                _log.exception("%r of %r has failed. The instrument is removed.", hook, instrument)
        elif hook in self.replaced:  # else what was there has raised, and was removed
            self.replaced.call(hook, *(() if argument is _NOTHING else (argument,)))
