"""For the tests of programs on Trio or asyncio: a plugin of pytest that finds what blocks their event loops, and what a test
needs to rehearse an overload in virtual time.

The plugin is imported in every run of pytest, so this module imports nothing else until a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..simulate.arrivals import Arrivals as Arrivals
    from ..simulate.times import Times as Times
    from .callers import Callers as Callers
    from .depth import Depth as Depth
    from .scheduling import repeatable_order as repeatable_order
    from .scheduling import run_in_virtual_time as run_in_virtual_time
    from .served import Service as Service
    from .served import Unnoticed as Unnoticed
    from .virtual_pool import VirtualOptions as VirtualOptions
    from .virtual_pool import VirtualPool as VirtualPool
    from .virtual_pool import open_virtual_pool as open_virtual_pool

_PUBLIC = {
    "..simulate.arrivals": ("Arrivals",),
    "..simulate.times": ("Times",),
    ".callers": ("Callers",),
    ".depth": ("Depth",),
    ".scheduling": ("repeatable_order", "run_in_virtual_time"),
    ".served": ("Service", "Unnoticed"),
    ".virtual_pool": ("VirtualOptions", "VirtualPool", "open_virtual_pool"),
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULE_OF[name], __name__), name)
    return value
