"""``python -m trio_lab.subjects.stack RUNTIME LAYER``: see the package."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module

from ..telling import end_with_input, say
from .reply import listening


def serve(run: Callable[[socket.socket], None]) -> None:
    """Run a server on a free port until standard input ends. An orderly end is worth nothing here."""
    with listening() as listener:
        say(url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        end_with_input()
        run(listener)


def main(runtime: str, layer: str) -> None:
    serve(partial(import_module(f"{__package__}.on_{runtime}").run, layer))


if __name__ == "__main__":
    main(*sys.argv[1:])
