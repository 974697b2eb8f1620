"""The bare ASGI app of `twins.stack` on hypercorn as our server puts it right: ``python -m trio_lab.bench.peers.lighter_asgi``.

Beside the same app on hypercorn as it comes it tells what that is worth; beside our /health, what /health itself costs.
"""

from __future__ import annotations

from ...server.upstream import put_right
from ...twins.stack.__main__ import main

if __name__ == "__main__":
    put_right()
    main("trio", "hypercorn")
