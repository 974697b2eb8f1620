"""The bare ASGI app of `subjects.stack` on hypercorn as our server has it: ``python -m trio_lab.bench.peers.lighter_asgi``.

Beside the same app on hypercorn as it comes it tells what that is worth; beside our /health, what /health itself costs.
"""

from __future__ import annotations

from ...servers.trio.upstream import put_right
from ...subjects.stack.__main__ import main

if __name__ == "__main__":
    put_right()
    main("trio", "hypercorn")
