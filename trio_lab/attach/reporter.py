"""One event loop that reports to the doctor: a connection to its Unix socket, and a thread that waits for questions there.

The doctor sends a line for each question, and gets a line of JSON for each. The question is ``figures``, after which a new
window begins, or ``stalls``, which leaves it as it is. The figures are read in the loop, as a handler of `/health` would do
it, so nothing that the loop changes is read meanwhile; the thread only carries them. A loop that is blocked answers late, and
the doctor learns that too. A second kind of call, `look`, is made in the loop about twice a second.

When the loop ends for good, it sends what it has seen since the last question, without waiting long: the program comes first.
"""

from __future__ import annotations

import json
import platform
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any

from .. import __version__

_CONNECT_TIME = 1.0  # seconds
_LAST_WORDS = 0.2  # seconds that the end of a loop may wait for the doctor
_CHECK = 0.5  # seconds between two looks
_ANSWER_TIME = 10.0  # seconds for the doctor to read an answer: it has other programs beside it, too

Figures = dict[str, Any]
FIGURES = b"figures"


class Reporter:
    """``soon`` has a function called in the loop, from any thread, and raises when the loop has ended.

    ``read``, ``look`` and ``close`` are called in the loop. The first reads the figures, with a new window if its argument is
    true, and returns a function that does the rest of the work in the thread. The second takes care of the watch, the third
    ends it. ``closed`` says, in any thread, that the loop will not turn any more, if it ended without `loop_ended`.
    """

    def __init__(
        self,
        *,
        soon: Callable[[Callable[[], None]], object],
        read: Callable[[bool], Callable[[], Figures]],
        look: Callable[[], None],
        close: Callable[[], None],
        closed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._soon, self._read, self._look, self._close, self._closed = soon, read, look, close, closed
        self._answers: SimpleQueue[Callable[[], Figures] | None] = SimpleQueue()
        self._heard = b""
        self._over = self._ending = False
        self._looked = 0.0
        self._will_look = False
        self._thread = threading.Thread(target=self._serve, name="trio_lab doctor", daemon=True)

    def start(self, path: str, **about: str) -> None:
        """Connect, and say which loop this is.

        Raises:
            OSError: the doctor is not there.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_CONNECT_TIME)
        try:
            self._socket.connect(path)
            self._say(about | {"python": platform.python_version(), "trio_lab": __version__, "thread": _thread_name()})
            self._socket.settimeout(_CHECK)
            self._thread.start()
        except BaseException:
            self._socket.close()
            raise

    def _say(self, words: Figures) -> None:
        self._socket.sendall(json.dumps(words).encode() + b"\n")

    def _serve(self) -> None:
        """The thread. It ends with the connection, or with the loop."""
        with suppress(Exception):  # the connection is broken, or the loop has ended
            while True:
                try:
                    question = self._question()
                except TimeoutError:
                    if self._closed():
                        break
                    if not self._will_look:  # a loop that stands still, or does not run now, would get ever more to do
                        self._will_look = True
                        self._soon(self._take_care)
                    continue
                if not question:
                    break
                self._soon(partial(self._answer, question == FIGURES))
                if (answer := self._answered()) is None:
                    return
                self._socket.settimeout(_ANSWER_TIME)
                self._say(self._made(answer))
                self._socket.settimeout(_CHECK)
        if not self._ending:  # the doctor has gone, or the loop was closed
            try:
                self._soon(self._end)
            except Exception:
                self._end()

    def _answered(self) -> Callable[[], Figures] | None:
        """What reads the answer, None when the loop has ended with its last words.

        Raises:
            Empty: the loop was closed before it answered.
        """
        while True:
            try:
                return self._answers.get(timeout=_CHECK)
            except Empty:
                if self._closed():
                    raise

    def _question(self) -> bytes:
        """The next line; empty when the doctor has gone."""
        while b"\n" not in self._heard:
            if not (data := self._socket.recv(256)):
                return b""
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def _made(self, answer: Callable[[], Figures]) -> Figures:
        try:
            return answer()
        except Exception as fault:
            return _fault(fault)

    # In the loop. An exception in there would end the program's run.

    def _answer(self, reset: bool) -> None:
        if perf_counter() - self._looked >= _CHECK:
            self._take_care()
        try:
            self._answers.put(self._read(reset))
        except Exception as fault:
            self._answers.put(partial(_fault, fault))

    def _take_care(self) -> None:
        self._looked, self._will_look = perf_counter(), False
        with suppress(Exception):
            if not self._over:
                self._look()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            with suppress(Exception):
                self._close()
            self._socket.close()

    def loop_ended(self) -> None:
        """Send what there is to say, and close."""
        if self._over:
            return
        self._ending = True
        with suppress(Exception):
            last = self._read(True)()
            self._answers.put(None)
            self._socket.shutdown(socket.SHUT_RD)  # the thread wakes, and ends
            self._thread.join(_LAST_WORDS)
            if not self._thread.is_alive():
                self._socket.settimeout(_LAST_WORDS)
                self._say(last)
        self._end()

    def forked(self) -> None:
        """In a forked process: drop its copy of the connection, so that the doctor learns when the real one is gone."""
        self._over = True
        self._socket.close()


def _thread_name() -> str:
    return threading.current_thread().name


def _fault(fault: Exception) -> Figures:
    return {"fault": f"{type(fault).__name__}: {fault}"}
