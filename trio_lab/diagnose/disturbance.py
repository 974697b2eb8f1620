"""How much a round was disturbed, and which rounds a verdict rests on.

What others took of the machine decides, never the figures. A round that was much disturbed never counts: the neighbour
could have confirmed or refuted anything. One that was disturbed a little counts only when there are too few quiet ones, for
on many machines no round is ever quiet.

A clock that drifts does not disturb a round. Some machines change speed by a third within seconds, with nobody else there,
and that what is compared takes turns in a changing order covers it: no side of a comparison has the fast moments.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..records.conditions import Conditions, Disturbance
from .interval import LEAST

# From which share on a median moves by more than rounds differ anyway, and from which on a round says more of the
# neighbour than of the server.
_SOME, _MUCH = 0.05, 0.25


def disturbance(conditions: Conditions) -> Disturbance:
    """How much this round was disturbed, by the largest share."""
    share = max(conditions.others or 0.0, conditions.stolen or 0.0, conditions.throttled or 0.0)
    if share > _MUCH:
        return "much"
    return "some" if share > _SOME else "none"


def counted(rounds: Sequence[Disturbance], *, least: int = LEAST) -> list[bool]:
    """Which rounds count: the quiet ones, and those with some disturbance if fewer than ``least`` were quiet."""
    enough = rounds.count("none") >= least
    return [one == "none" or (one == "some" and not enough) for one in rounds]
