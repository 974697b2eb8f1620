"""The door of a server: it accepts connections, and keeps those that have sent nothing yet.

Such a connection is only a socket in an `EpollSet`: no task, no protocol. When its first bytes come it is given to ``begin``,
which starts its task, unless ``refuse`` has answered them at once. It comes back to the door if its request was refused without
a protocol (see `bare`), and is closed when its idle time is over. If the set has no room for it, its task begins at once,
without bytes, and waits for them itself.

Both event loops share the door. They watch the descriptor of the set, and provide ``later(seconds, call)``. The accepting
loops of Trio and asyncio are not used because of what they do when there are no descriptors: asyncio's logs as many tracebacks
at once as the backlog is long, and tries again after it was closed; Trio's logs a traceback ten times a second.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from math import inf
from time import monotonic

from .epoll_set import EpollSet
from .listening import FIRST_BYTES, LOST, Shortage, waiting
from .sharing import Shared

_AT_ONCE = 100  # connections that are accepted before anything else is done
_MAX_RECV = 65_536
_LOOKS = 50  # times in one idle time, at most, that we look for connections to close


class Door:
    """Accepts connections until the end of its block, and then those that are in the backlog, unless it is ``shared`` with
    processes that go on. ``begun`` says how many connections there are beside those at the door, ``may_rest`` whether the next
    `EpollSet.look` comes late."""

    def __init__(
        self,
        listener: socket.socket,
        sockets: EpollSet,
        *,
        idle_time: float,
        refuse: Callable[[socket.socket, bytes], bool],
        begin: Callable[[socket.socket, bytes], object],
        later: Callable[[float, Callable[[], None]], object],
        shortage: Shortage,
        shared: Shared | None = None,
        begun: Callable[[], int] = lambda: 0,
        may_rest: Callable[[], bool] = lambda: False,
    ) -> None:
        self._listener = listener
        self._sockets = sockets
        self._idle_time = idle_time
        self._refuse = refuse
        self._begin = begin
        self._later = later
        self._shortage = shortage
        self._shared, self._begun, self._may_rest = shared, begun, may_rest
        self._silent: dict[socket.socket, float] = {}  # when each is to be closed, the next first
        self._new: dict[socket.socket, float] = {}  # those of them that have sent nothing yet: when each came
        self._is_open = True
        self._is_over = False
        listener.setblocking(False)
        self._listen()
        self._end_idle()

    def _listen(self) -> None:
        if not self._is_open or self._listener.fileno() in self._sockets:
            return
        if not self._sockets.add(self._listener.fileno(), select.EPOLLIN, self._accept):
            self._later(self._shortage.PAUSE, self._listen)

    def _accept(self, _: int) -> None:
        if self._shared is not None:
            self._count(self._shared)
            if self._shared.has_more:
                self._sockets.remove(self._listener.fileno())
                self._later(self._shared.GIVES_WAY, self._go_on)
                return
        self._take()

    def _go_on(self) -> None:
        """It has given way; a connection that is still there nobody else wants."""
        if self._is_open:
            self._listen()
            self._take()

    def _count(self, shared: Shared) -> None:
        shared.has(len(self._silent) + self._begun())

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in LOST:
                    return
                self._shortage.note(error)
                self._sockets.remove(self._listener.fileno())
                self._later(self._shortage.PAUSE, self._listen)
                return
            self._welcome(accepted)
            if self._shared is not None and not self._takes_more(self._shared):
                return

    def _takes_more(self, shared: Shared) -> bool:
        """Whether a process accepts another connection before it does anything else. If each accepted all it can, the one that
        wakes first would take a whole burst of connections, and keep them. But while many requests wait here, the next look
        is a rest away, and the backlog would fill."""
        self._count(shared)
        return self._may_rest() and not shared.has_more

    def _welcome(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        self.let_in(accepted)
        if accepted in self._silent:
            self._new[accepted] = monotonic()

    def let_in(self, connected: socket.socket) -> None:
        """Begin with the first bytes of a connection, or wait for them."""
        data = _read(connected)
        refused = bool(data) and self._refuse(connected, data or b"")
        if data and not refused:
            self._begin(connected, data)
        elif (data is None or refused) and not self._is_over:
            self._await_first_bytes(connected)
        else:
            connected.close()

    def _await_first_bytes(self, connected: socket.socket) -> None:
        if self._sockets.add(connected.fileno(), select.EPOLLIN, partial(self._hear, connected)):
            self._silent[connected] = monotonic() + self._idle_time
        else:
            self._begin(connected, b"")

    def _hear(self, connected: socket.socket, _: int) -> None:
        data = _read(connected)
        if data is None:
            return
        self._new.pop(connected, None)
        if data and self._refuse(connected, data):
            del self._silent[connected]
            self._silent[connected] = monotonic() + self._idle_time  # as the last one
            return
        self._forget(connected)
        if data:
            self._begin(connected, data)
        else:
            connected.close()

    def _forget(self, connected: socket.socket) -> None:
        del self._silent[connected]
        self._new.pop(connected, None)
        self._sockets.remove(connected.fileno())

    def _end_idle(self) -> None:
        """Close those whose idle time is over, and look again when that of the next may be."""
        now = monotonic()
        self._close_silent(until=now)
        if self._is_open and self._shared is not None:
            self._count(self._shared)
        if self._is_open:
            left = next(iter(self._silent.values()), inf) - now
            self._later(min(max(left, self._idle_time / _LOOKS), self._idle_time), self._end_idle)

    def _close_silent(self, *, until: float) -> None:
        for connected, _ in list(takewhile(lambda item: item[1] <= until, self._silent.items())):
            self._forget(connected)
            connected.close()

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_open = False
        self._sockets.remove(self._listener.fileno())
        if self._shared is not None:
            self._shared.leave()
        if self._shared is None or not self._shared.others_go_on:
            for accepted in waiting(self._listener):
                self._welcome(accepted)
        self._listener.close()

    def expects_first_bytes(self) -> bool:
        """Whether a client that has just connected may yet send its request, so that the door should not be closed."""
        return next(reversed(self._new.values()), -inf) + FIRST_BYTES > monotonic()

    def close(self) -> None:
        """Close the connections that have sent nothing. Those that come back later are closed at once."""
        self._sockets.look()
        self._is_over = True
        self._close_silent(until=inf)


def _read(connected: socket.socket) -> bytes | None:
    """The next bytes: None if there are none yet, empty if the client has ended or reset the connection."""
    try:
        return connected.recv(_MAX_RECV)
    except BlockingIOError:
        return None
    except OSError:
        return b""
