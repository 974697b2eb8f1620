"""Orders seen: a scene is played many times, and every order that came out is kept with its count.

An order that the runtime's documents or its design fix is *promised*, and must come out alone. Where nothing is
promised, one order seen many times would still prove nothing; so the set is shown, however small it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .answers import Demo, Orders, SeenOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One question about order. ``trial`` plays it once and gives what happened, as words, in the order it happened."""

    name: str
    promised: bool
    why: str
    trial: Callable[[], list[str]]


def observe(runtime: str, scenes: Sequence[Scene], trials: int) -> Orders:
    """Every scene, played ``trials`` times."""
    return Orders(runtime=runtime, demos=tuple(_observed(scene, trials) for scene in scenes))


def _observed(scene: Scene, trials: int) -> Demo:
    seen = Counter(tuple(scene.trial()) for _ in range(trials))
    orders = tuple(SeenOrder(order=order, count=count) for order, count in seen.most_common())
    return Demo(name=scene.name, promised=scene.promised, orders=orders, why=scene.why)


def lines(found: Orders) -> Iterable[str]:
    """The same for a person."""
    for demo in found.demos:
        yield f"{demo.name} ({'promised' if demo.promised else 'not promised'})"
        for seen in demo.orders:
            yield f"  {seen.count:>4}×  {' → '.join(seen.order)}"
        yield f"         {demo.why}"
        yield ""
