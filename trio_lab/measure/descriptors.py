"""Room for many connections: raise the soft limit of open files as far as the hard limit allows.

The soft limit is 1024 on most systems for the sake of old programs that use `select`, which cannot handle more. Raising it
up to the hard limit needs no privilege. Standard library only.
"""

from __future__ import annotations

import resource

MANY = 65_536  # more connections than one loop serves; with an unlimited hard limit this is still a bound


def room_for(wanted: int) -> int:
    """Raise the soft limit to ``wanted`` descriptors if it is lower, as far as allowed; returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted if soft == resource.RLIM_INFINITY else soft
    within = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if within > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (within, hard))
    return within
