"""The lab's HTTP server: ``hypercorn -k trio trio_lab.servers.trio:app``, or `trio-lab serve`."""

from .app import create_app

app = create_app()

__all__ = ["app", "create_app"]
