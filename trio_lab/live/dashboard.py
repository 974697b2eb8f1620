"""The page for people: three files, and what only a lab's page can do, which is to start a load against the lab.

The policy of the page allows its own script and style, and connections to where it comes from. A load is started by a POST that
bears a token from the page and comes from the same origin: no other page can send it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from dataclasses import dataclass, field
from importlib.resources import files

from ..worker.lifeline import close, open_pipe
from .http import Reply, Request, text

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_PATHS = {"/": "page.html", "/style.css": "style.css", "/page.js": "page.js"}
_CLIENTS, _SECONDS = 20, 15

_LOAD = (
    "import sys; from trio_lab.worker.lifeline import tie_life; tie_life(int(sys.argv.pop(1))); "
    "from trio_lab.cli import main; main()"
)

LOADS = {
    "/hash": "hashes in threads",
    "/sync-hash": "hashes on the loop, which block it",
    "/worker-hash": "hashes in worker processes",
    "/wait?ms=200&pool=default": "waits in the default threads",
    "/health": "no work at all",
}
"""What the page may load, and what it says of it."""


@dataclass(slots=True)
class Page:
    """The page's files, and the load that it has started. ``lab`` is the address of the lab, None for other services."""

    lab: str | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _load: asyncio.subprocess.Process | None = None
    _lifeline: int | None = None
    _starting: bool = False

    def answer(self, path: str) -> Reply | None:
        """A file of the page; None if there is none at this path."""
        if path == "/loads":
            return self._loads()
        if (name := _PATHS.get(path)) is None:
            return None
        body = files(__package__).joinpath(name).read_bytes()
        kind = f"{_KINDS[name.rpartition('.')[2]]}; charset=utf-8"
        return Reply(
            body=body, kind=kind, headers={"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
        )

    def _loads(self) -> Reply:
        """What may be loaded, and the token for it. Other origins cannot read the reply."""
        said = {"token": self.token, "loads": LOADS, "clients": _CLIENTS, "seconds": _SECONDS} if self.lab else {}
        return Reply(body=json.dumps(said).encode())

    async def start_load(self, request: Request) -> Reply:
        """Start one of the `LOADS`, unless one runs."""
        if self.lab is None:
            return text("This is not a lab", 404)
        host = request.headers.get("host", "")
        if request.headers.get("origin") != f"http://{host}" or not self._knows(request.headers.get("x-token", "")):
            return text("Loads are started from the page", 403)
        if (path := request.body.decode("latin-1")) not in LOADS:
            return text("There is no such load", 400)
        if self._starting or (self._load is not None and self._load.returncode is None):
            return text("A load is running", 409)
        self._starting = True
        try:
            await self._start(path)
        except OSError as error:
            return text(f"The load could not be started: {error.strerror}", 503)
        finally:
            self._starting = False
        return text("It runs")

    async def _start(self, path: str) -> None:
        """As a process that ends with this one."""
        if self._lifeline is not None:
            close(self._lifeline)  # of a load that has ended
            self._lifeline = None
        line, self._lifeline = open_pipe()
        command = (f"{self.lab}{path}", "-c", str(_CLIENTS), "-d", str(_SECONDS))
        try:
            self._load = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _LOAD, str(line), "load", *command),
                pass_fds=(line,),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        finally:
            close(line)

    def _knows(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self.token.encode())
