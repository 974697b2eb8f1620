"""What queueing theory says of a queue with Poisson arrivals, to check the simulation by.

``offered`` is the load in servers: arrivals a second × mean service time. Theory needs it to be less than ``servers``.
"""

from __future__ import annotations


def erlang_c(servers: int, offered: float) -> float:
    """The chance that an arrival has to wait, with exponential service times (A. K. Erlang, 1917).

    Computed from Erlang B by its recursion, which needs no factorials and so no large numbers.
    """
    if not 0 <= offered < servers:
        raise ValueError(f"the offered load must be from 0 to less than {servers} servers, not {offered:g}")
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def mean_wait(servers: int, rate: float, service: float) -> float:
    """The mean wait in an M/M/k queue, in seconds: ``rate`` arrivals a second, ``service`` the mean service time."""
    return erlang_c(servers, rate * service) * service / (servers - rate * service)
