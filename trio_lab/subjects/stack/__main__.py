"""``python -m trio_lab.subjects.stack RUNTIME LAYER``: see the package."""

from __future__ import annotations

import json
import os
import sys
import threading
from importlib import import_module

from .reply import listening


def main(runtime: str, layer: str) -> None:
    """Serve until standard input ends. Nothing is worth an orderly end here."""
    layers = import_module(f"{__package__}.on_{runtime}")
    with listening() as listener:
        ready = {"url": f"http://127.0.0.1:{listener.getsockname()[1]}/"}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        threading.Thread(target=_end_with_input, daemon=True).start()
        layers.run(layer, listener)


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
