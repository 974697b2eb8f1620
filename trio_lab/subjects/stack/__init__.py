"""The HTTP stack, layer by layer: tiny servers that all give one fixed reply.

``python -m trio_lab.subjects.stack RUNTIME LAYER`` serves one of them on a free port, prints {"url"} and ends with its
standard input. Each layer is the one before it and one thing more, written as that thing is meant to be used:

=============  ========================================================================================
layer          what a request goes through
=============  ========================================================================================
``sockets``    the event loop and its sockets: read up to a blank line, send
``h11``        the same, with h11 as the parser of requests and the writer of replies
``hypercorn``  hypercorn's worker for this loop, as it comes, around an ASGI app of two sends
``quart``      the same, around Quart (on Trio: quart-trio) with one route
=============  ========================================================================================

What differs between two layers is then what the upper one costs. ``bare_node.mjs`` is node's own HTTP server with the same
reply: JavaScript's `http` is one layer.
"""

from __future__ import annotations

import sys
from pathlib import Path

RUNTIMES = ("trio", "asyncio")
LAYERS = ("sockets", "h11", "hypercorn", "quart")  # each with all before it

BARE_NODE = ("node", str(Path(__file__).with_name("bare_node.mjs")))


def command(runtime: str, layer: str) -> list[str]:
    """How a layer is started."""
    return [sys.executable, "-m", __name__, runtime, layer]
