"""The address of the lab's app: ``hypercorn -k trio trio_lab.server:app``."""

from .servers.trio import app, create_app

__all__ = ["app", "create_app"]
