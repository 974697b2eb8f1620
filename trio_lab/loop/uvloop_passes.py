"""Every pass of a uvloop loop, measured exactly with libuv's own clock of the time that it waits.

uvloop has no selector and no hooks in Python. But the symbols of the libuv inside it can be called: a *prepare* handle is
called once a pass, right before the loop polls, and libuv adds up the time that it waited in polls. From one prepare to the
next the loop first waits, then runs callbacks; what is not waited is the pass. So a pass is known when it has ended, and
while it lasts another thread can tell a loop that waits from one that works: the counter of a loop that waits grows.

libuv forgets what it had waited when a signal interrupts the poll. So a pass did not begin before the last moment at which
the watchdog saw the loop waiting.

Not seen: the steps of a pass, see `uvloop_steps`. If a symbol is missing, `blind` says so.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from time import perf_counter
from typing import Any

from .eyes import Passes
from .shadow import Shadow

_PREPARE = 9  # enum uv_handle_type
_IDLE_TIME = 1  # enum uv_loop_option
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_HOOK = ctypes.CFUNCTYPE(None)  # the same, for a function that does not look at the handle


class _Libuv:
    """The functions of libuv, called without releasing the GIL: each takes less than a microsecond.

    Raises:
        AttributeError, OSError: this uvloop does not export them.
    """

    def __init__(self) -> None:
        loop: Any = import_module("uvloop.loop")
        symbols = ctypes.PyDLL(loop.__file__)
        self.pointer_of: Callable[[Any], Any] = loop.libuv_get_loop_t_ptr
        self.handle_size = _function(symbols.uv_handle_size, ctypes.c_size_t, ctypes.c_int)
        self.configure = _function(symbols.uv_loop_configure, ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
        # These two are called in each pass, with a reference to the loop. To check its type would be a quarter of the call.
        self.idle_ns = _function(symbols.uv_metrics_idle_time, ctypes.c_uint64)
        self.timeout_ms = _function(symbols.uv_backend_timeout, ctypes.c_int)
        self.prepare = _function(symbols.uv_prepare_init, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        self.start = _function(symbols.uv_prepare_start, ctypes.c_int, ctypes.c_void_p, _HOOK)
        self.unref = _function(symbols.uv_unref, None, ctypes.c_void_p)
        self.close = _function(symbols.uv_close, None, ctypes.c_void_p, _CALLBACK)


def _function(symbol: Any, result: Any, *arguments: Any) -> Any:
    symbol.restype, symbol.argtypes = result, arguments or None
    return symbol


@lru_cache(1)
def _libuv() -> _Libuv:
    return _Libuv()


_closing: dict[
    int, tuple[Any, ...]
] = {}  # by address: a handle's memory is libuv's until it says that it has closed it


@_CALLBACK  # type: ignore[untyped-decorator]
def _closed(handle: int) -> None:
    _closing.pop(handle, None)


class _Close:
    """In place of a loop's ``close``: takes the monitors out first, because libuv does not close a loop that has a handle."""

    def __init__(self, loop: Any) -> None:
        self._close = Shadow(loop, "close")
        self._monitors: list[UvloopPassMonitor] = []
        self._close.put(self)

    @staticmethod
    def of(loop: Any) -> _Close:
        """The one that is there already, or a new one."""
        found = vars(loop).get("close")
        return found if isinstance(found, _Close) else _Close(loop)

    def __call__(self) -> None:
        for monitor in [*self._monitors]:
            monitor.remove()
        self._close.hidden()

    def add(self, monitor: UvloopPassMonitor) -> None:
        self._monitors.append(monitor)

    def discard(self, monitor: UvloopPassMonitor) -> None:
        self._monitors.remove(monitor)
        if not self._monitors:
            self._close.take_away()


class UvloopPassMonitor(Passes):
    """Busy time of each pass of ``loop``, and time waited for I/O. Install and remove it in the loop's thread."""

    tells_begins = False

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._loop: Any = loop
        self._handle: Any = None
        self._idle = 0  # nanoseconds that libuv had waited at the last prepare
        self._milliseconds = 0  # libuv's timeout of the current poll
        self._seen_waiting = -math.inf
        self._paused = False
        self._missing: str | None = None
        self.last_began = -math.inf
        """When the last pass that has ended began; noted only where ``on_pass`` is set, or it was long."""

    def install(self) -> None:
        try:
            uv = self._uv = _libuv()
        except (AttributeError, OSError) as fault:
            self._missing = f"this uvloop does not show what its passes could be timed by ({fault})"
            return
        get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
        get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        self._pointer = ctypes.byref(ctypes.c_char.from_address(get_pointer(uv.pointer_of(self._loop), None)))
        uv.configure(self._pointer, _IDLE_TIME)
        self._handle = ctypes.create_string_buffer(uv.handle_size(_PREPARE))
        self._end_pass = self._hook(uv)
        self._on_prepare = _HOOK(self._end_pass)
        uv.prepare(self._pointer, self._handle)
        uv.start(self._handle, self._on_prepare)
        uv.unref(self._handle)
        self._close = _Close.of(self._loop)
        self._close.add(self)
        self.begin()

    def remove(self) -> None:
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        self._close.discard(self)
        if not self._loop.is_closed():
            _closing[ctypes.addressof(handle)] = (handle, self._on_prepare)
            self._uv.close(handle, _closed)

    def _hook(self, uv: _Libuv) -> Callable[[], None]:
        """What is called before each poll. Of its microsecond the two calls of libuv are half and entering Python is an eighth.

        So all is written out in one function, which takes nothing, because ctypes would have to make the argument. A loop under
        load hardly waits, and so what is only for a poll that did is skipped for one that did not.
        """
        clock, pending, idle_ns, timeout_ms, pointer = (
            self._clock,
            self._pending,
            uv.idle_ns,
            uv.timeout_ms,
            self._pointer,
        )

        def end_pass() -> None:
            now, idle = clock(), idle_ns(pointer)
            began = poll_began = self._poll_began
            if idle != self._idle:
                began += (idle - self._idle) / 1e9  # as `_began`
            if began < self._seen_waiting:
                began = self._seen_waiting
            busy = now - began
            pending.append(busy)
            self._poll_began, self._idle = now, idle
            if began != poll_began:
                self._waited(poll_began, began)
            if busy > self._limit:
                began = self.last_began = self._uncut(began)
                if now - began > self._budget:
                    self.on_long(began, now)
            if self.on_pass is not None:
                self.last_began = began
                self.on_pass()
            self._milliseconds = timeout_ms(pointer)
            if now >= self.renew_at:
                self._renew(now)

        return end_pass

    def _waited(self, began: float, ended: float) -> None:
        """A poll that waited is over."""
        slept = ended - began
        self.free_polls += 1
        self.waited += slept
        if slept > self._budget:
            # 0 is told as well while descriptors wait to be registered, although the poll then waits.
            timeout = self._milliseconds / 1e3 if self._milliseconds > 0 else math.inf
            if slept - timeout > self._budget:
                self.on_overslept(began + timeout, ended)

    def _began(self, idle: int) -> float:
        """When the pass began after the poll at whose end libuv had waited ``idle``."""
        return max(self._poll_began + (idle - self._idle) / 1e9, self._seen_waiting)

    def pause(self) -> None:
        if self._handle is not None and not self._paused:
            self._end_pass()
        self._paused = True

    def begin(self) -> None:
        self._paused = False
        self._poll_began = self._clock()
        self._uncut(self._poll_began)
        if self._handle is not None:
            self._idle = self._uv.idle_ns(self._pointer)
        if self._poll_began >= self.renew_at:
            self._renew(self._poll_began)

    def cut(self) -> None:
        if self._handle is not None:
            idle, now = self._uv.idle_ns(self._pointer), self._clock()
            poll_began, began = self._poll_began, self._began(idle)
            self.busy.record(now - began)
            self._poll_began, self._idle = now, idle
            if began != poll_began:
                self._waited(poll_began, began)
            self._cut(began)

    def pass_began(self) -> float | None:
        one = self._idle_unless_removed()
        if one is None or self._paused:
            return None
        if self._idle_unless_removed() != one:
            self._seen_waiting = self._clock()
            return None
        cut = self._cut_began
        return self._began(one) if cut is None else cut

    def _idle_unless_removed(self) -> int | None:
        """For another thread: to ask a loop that is closed is a crash. Between the check and the call, which keeps the GIL, the
        interpreter does not switch threads."""
        return None if self._handle is None else self._uv.idle_ns(self._pointer)

    def waited_so_far(self) -> float:
        """``waited`` gets what the poll before a pass has waited only when the pass has ended."""
        if self._handle is None:
            return self.waited
        return self.waited + self._began(self._uv.idle_ns(self._pointer)) - self._poll_began

    def busy_now(self) -> float:
        one = None if self.pass_began() is None else self._idle_unless_removed()
        return 0.0 if one is None else self._clock() - self._began(one)

    @property
    def blind(self) -> str | None:
        if self._handle is None:
            return self._missing or "the pass monitor is not in this loop"
        return None


def is_uvloop(loop: asyncio.AbstractEventLoop) -> bool:
    return any(kind.__module__.partition(".")[0] == "uvloop" for kind in type(loop).__mro__)
