"""What queueing theory says of a queue with Poisson arrivals, to check the simulation by.

``offered`` is the load in servers: arrivals a second × mean service time. Theory needs it to be less than ``servers``. All
waits are in seconds, of every request, those that did not wait included.
"""

from __future__ import annotations

from math import exp, lgamma, log, sqrt

_NEGLIGIBLE = 1e-12


def _require_less(offered: float, servers: int) -> None:
    if not 0 <= offered < servers:
        raise ValueError(f"the offered load must be from 0 to less than {servers} servers, not {offered:g}")


def erlang_c(servers: int, offered: float) -> float:
    """The chance that an arrival has to wait, with exponential service times (A. K. Erlang, 1917).

    Computed from Erlang B by its recursion, which needs no factorials and so no large numbers.
    """
    _require_less(offered, servers)
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def mean_wait(servers: int, rate: float, service: float) -> float:
    """The mean wait in an M/M/k queue: ``rate`` arrivals a second, ``service`` the mean service time."""
    return erlang_c(servers, rate * service) * service / (servers - rate * service)


def mean_wait_of_one(rate: float, service: float, variation: float) -> float:
    """The mean wait at one server with service times of any distribution (Pollaczek 1930, Khinchine 1932).

    ``variation`` is the standard deviation of the service times ÷ their mean.
    """
    _require_less(rate * service, 1)
    return rate * service**2 * (1 + variation**2) / 2 / (1 - rate * service)


def mean_constant_wait(servers: int, rate: float, service: float) -> float:
    """The mean wait in an M/D/k queue, whose service times are all the same (C. D. Crommelin, 1932).

    In each term requests of so many service times in a row are compared with what the servers can do meanwhile.
    """
    if servers == 1:
        return mean_wait_of_one(rate, service, 0.0)
    offered = rate * service
    _require_less(offered, servers)
    total, term, times = 0.0, 1.0, 0
    while offered and term > _NEGLIGIBLE * (total + _NEGLIGIBLE):
        times += 1
        least, beyond = _poisson_tails(times * servers, times * offered)
        term = least - servers / offered * beyond
        total += term
    return total * service


def _poisson_tails(number: int, mean: float) -> tuple[float, float]:
    """The chances that a Poisson number is at least ``number``, and at least one more."""
    first = chance = exp(number * log(mean) - mean - lgamma(number + 1))
    total, n = 0.0, number
    while chance > _NEGLIGIBLE * total:
        total += chance
        n += 1
        chance *= mean / n
    return total, total - first


def mean_beyond(servers: int, offered: float) -> float:
    """In an infinite-server queue (M/G/∞), how many requests are beyond so many on average: their number is a Poisson one."""
    _require_less(offered, servers)
    return _beyond(servers, offered)


def mean_beyond_twice(servers: int, offered: float, staying: float) -> float:
    """The mean of a product: the requests of an infinite-server queue that are beyond so many at one moment, times those that
    are at another. ``staying`` of the offered load is there at both.

    Those that stay are a Poisson number. Given that number, the others at the two moments are independent of each other.
    """
    _require_less(offered, servers)
    most = int(staying + 12 * sqrt(staying) + 20)  # beyond it the chances are negligible
    chances = (exp(number * log(staying) - staying - lgamma(number + 1)) for number in range(most))
    return sum(chance * _beyond(servers - number, offered - staying) ** 2 for number, chance in enumerate(chances))


def _beyond(number: int, mean: float) -> float:
    """How much a Poisson number is beyond another number on average."""
    if number <= 0:
        return mean - number
    least, beyond = _poisson_tails(number, mean)
    return mean * least - number * beyond


def settling(servers: int, rate: float, service: float) -> float:
    """About how long an M/M/k queue remembers how it began, in seconds (its relaxation time)."""
    offered = rate * service / servers
    _require_less(offered, 1)
    return service / servers / (1 - sqrt(offered)) ** 2 + service
