"""Orders seen: a scene is played many times, and every order that came out is kept with its count.

An order that the runtime's documents or its design fix is *promised*, and must come out alone. Where nothing is
promised, one order seen many times would still prove nothing; so the set is shown, however small it is.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from .answers import Demo, Orders, SeenOrder
from .telling import number, tell, tied

Order = list[str]
Scene = Callable[[Order], Coroutine[Any, Any, None]]
"""It notes what happens, as words, in the order in which it happens. Its docstring says why, and is shown."""


class Scenes:
    """The questions about order on one runtime. ``play`` runs a scene in a loop of its own."""

    def __init__(self, runtime: str, play: Callable[[Scene, Order], object]) -> None:
        self._runtime, self._play = runtime, play
        self._demos: list[Callable[[int], Demo]] = []

    def question(self, name: str, *, promised: bool) -> Callable[[Scene], Scene]:
        """The scene that it decorates answers one question."""

        def add(scene: Scene) -> Scene:
            why = " ".join((inspect.getdoc(scene) or "").split())

            def observed(trials: int) -> Demo:
                seen = Counter(tuple(self._once(scene)) for _ in range(trials))
                orders = tuple(SeenOrder(order=order, count=count) for order, count in seen.most_common())
                return Demo(name=name, promised=promised, orders=orders, why=why)

            self._demos.append(observed)
            return scene

        return add

    def _once(self, scene: Scene) -> Order:
        order: Order = []
        self._play(scene, order)
        return order

    def observe(self, trials: int) -> Orders:
        """Every scene, played ``trials`` times."""
        return Orders(runtime=self._runtime, demos=tuple(observed(trials) for observed in self._demos))

    def main(self, trials: int) -> None:
        """Answer as the command line asks; ``trials`` is the default."""
        tied()
        found = self.observe(number("--trials", trials))
        tell(found, _lines(found))


def _lines(found: Orders) -> Iterable[str]:
    """The same for a person."""
    for demo in found.demos:
        yield f"{demo.name} ({'promised' if demo.promised else 'not promised'})"
        for seen in demo.orders:
            yield f"  {seen.count:>4}×  {' → '.join(seen.order)}"
        yield f"         {demo.why}"
        yield ""
