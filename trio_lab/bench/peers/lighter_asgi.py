"""The bare ASGI app of `subjects.stack` on our connections: ``python -m trio_lab.bench.peers.lighter_asgi``.

Compared with the same app on unmodified hypercorn it tells what our connections save; compared with our /health, what
/health itself costs.
"""

from __future__ import annotations

import socket
from functools import partial

import trio

from ...http.connections import LiveConnections
from ...servers.trio.accepting import serve_app
from ...subjects.stack import asgi
from ...subjects.stack.__main__ import serve


def _run(listener: socket.socket) -> None:
    settings = asgi.settings(listener)
    trio.run(partial(serve_app, asgi.app, settings, listener, live=LiveConnections(), stop=trio.Event()))


if __name__ == "__main__":
    serve(_run)
