"""trio_lab: find the queue that fills first in an async service, and put it right.

Importing this package loads nothing else: worker children import it too, and they must start fast and without Trio.
The public names below are loaded when first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .admission.on_trio import Bulkhead as Bulkhead
    from .loop.observe import observe as observe
    from .loop.passes import open_pass_monitor as open_pass_monitor
    from .pools.native import open_native_pool as open_native_pool
    from .pools.workers import open_worker_pool as open_worker_pool
    from .slices import chunked as chunked
    from .slices import time_sliced as time_sliced

__version__ = "0.1.0"

_PUBLIC = {
    "Bulkhead": "admission.on_trio",
    "chunked": "slices",
    "observe": "loop.observe",
    "open_native_pool": "pools.native",
    "open_pass_monitor": "loop.passes",
    "open_worker_pool": "pools.workers",
    "time_sliced": "slices",
}

__all__ = [
    "Bulkhead",
    "__version__",
    "chunked",
    "observe",
    "open_native_pool",
    "open_pass_monitor",
    "open_worker_pool",
    "time_sliced",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
