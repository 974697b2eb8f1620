"""A method of one object, hidden by a function of ours, and shown again as it was found.

An attribute of an object hides a method of its class, so no class is changed. What other code had put there before comes back.
What it has put around our function since stays where it is, and so does our function within it.
"""

from __future__ import annotations

from typing import Any


class Shadow:
    """``hidden`` is what the ``owner`` had under this name. Nothing is put there yet."""

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name
        self.hidden: Any = getattr(owner, name)
        self._had = name in vars(owner)
        self._ours: Any = None

    @property
    def there(self) -> bool:
        """Whether it is ours that is called."""
        return self._ours is not None and vars(self._owner).get(self._name) is self._ours

    def put(self, function: Any) -> None:
        self._ours = function
        setattr(self._owner, self._name, function)

    def take_away(self) -> None:
        if not self.there:
            return
        if self._had:
            setattr(self._owner, self._name, self.hidden)
        else:
            delattr(self._owner, self._name)
