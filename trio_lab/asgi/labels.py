"""Labels, ledgers and answers to overload for the requests of any ASGI app, in two lines:

    from trio_lab.asgi import label_requests

    app = label_requests(app)

Each request has a label: its method and the template of its route. A watch reports the label with the stalls that the request
causes. Each request also has a ledger (`measure.ledger`), in which the queues and pools of this project book the time that it
spends there. Ledgers are added up by label. A request that one of those queues refused is answered with 503, one whose job ran
too long with 504.

Neither labels nor ledgers have anything of a request but its method and its template: no value of its path, no query. The
lifespan and websockets pass through untouched, and so do cancellation and errors that are no refusals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..loop.working_on import WORKING_ON
from ..measure.ledger import LEDGER, OTHER, SEND, Ledger, Ledgers, clock
from .admission import App
from .frameworks import prepare
from .inbox import Message, Receive, Send
from .policy import Scope
from .refusals import refusal_in, refuse
from .routes import RequestLabel, Routes, Template

if TYPE_CHECKING:
    from ..loop.watch import Watch


def label_requests(app: App, *, template: Template | None = None) -> LabelledApp:
    """The same app with labels. Put it in front of everything else, an `Admission` too.

    ``template`` returns the template of a request's route from the scope, for frameworks of which `routes` knows nothing. It
    is called when the request has ended, and when it has caused a stall.
    """
    return LabelledApp(app, Routes().template if template is None else template)


class LabelledApp:
    """An app whose requests have labels. Make one with `label_requests`."""

    def __init__(self, app: App, template: Template) -> None:
        self.app = app
        self.ledgers = Ledgers()
        """Where the time of requests went, by label: ``ledgers.read(reset=False)``."""
        self.watch: Watch | None = None
        """Set it to the watch of the loop. Ledgers then divide the time that nobody booked into ``loop`` and ``other``."""
        self._template = template
        prepare(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        label, ledger = RequestLabel(scope, self._template), self._ledger()
        sending = _Sending(send, ledger)
        working_on, kept = WORKING_ON.set(label), LEDGER.set(ledger)
        try:
            await self.app(scope, receive, sending.send)
        except Exception as error:
            if sending.begun or (refusal := refusal_in(error)) is None:
                raise
            await refuse(scope, receive, sending.send, refusal)
        finally:
            WORKING_ON.reset(working_on)
            LEDGER.reset(kept)
            ledger.route = label.settle()
            self.ledgers.keep(ledger)

    def _ledger(self) -> Ledger:
        if self.watch is None:
            return Ledger("", now=clock(), rest=OTHER, around=LEDGER.get())
        return Ledger("", now=clock(), asleep=self.watch.passes.waited_so_far, around=LEDGER.get())


class _Sending:
    """Passes the messages of a reply on to the server, and books how long that takes."""

    __slots__ = ("_ledger", "_send", "begun")

    def __init__(self, send: Send, ledger: Ledger) -> None:
        self._send = send
        self._ledger = ledger
        self.begun = False

    async def send(self, message: Message) -> None:
        self.begun = True
        ledger = self._ledger
        handed_over = ledger.now()
        try:
            await self._send(message)
        finally:
            ledger.add(SEND, handed_over, ledger.now())
