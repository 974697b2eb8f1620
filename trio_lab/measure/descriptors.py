"""Room for many connections: the soft limit of open files, raised as far as the hard one lets it.

The soft limit is 1024 on most systems for the sake of old programs that call `select`, which ours do not with such a
descriptor. Raising it within the hard limit takes no privilege. Standard library only.
"""

from __future__ import annotations

import resource

MANY = (
    65_536  # more connections than a single loop serves; an unlimited hard limit is no reason for an unlimited soft one
)


def room_for(wanted: int) -> int:
    """Raise the soft limit to ``wanted`` descriptors, if it is lower and may be; returns the limit as it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted if soft == resource.RLIM_INFINITY else soft
    within = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if within > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (within, hard))
    return within
