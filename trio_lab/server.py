"""The address of the lab's app on Trio: ``hypercorn -k trio trio_lab.server:app``.

There hypercorn makes its own connections, so clients get its connection behaviour. `trio-lab serve` serves the same app
with the connections of `servers.trio.connection`.
"""

from .servers.trio.app import create_app

app = create_app()

__all__ = ["app", "create_app"]
