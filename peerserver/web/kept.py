"""What the server keeps for a client between requests: bounded in number, bytes and age, the oldest go first.

Only the reactor's thread uses it. What is not decided here: what is kept (``continuations``, ``forks``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ("Kept",)

T = TypeVar("T")


class Kept(Generic[T]):
    """Values by key. ``now``: seconds; ``age``: seconds since the last use after which a value goes."""

    def __init__(self, now: Callable[[], float], count: int, size: int, age: float) -> None:
        self._now = now
        self._count = count
        self._size = size
        self._age = age
        self._entries: OrderedDict[str, tuple[T, int, float]] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: str, value: T, size: int) -> None:
        """Keeps a value of about ``size`` bytes; others, older ones first, go to make room."""
        self._entries[key] = (value, size, self._now())
        self.size += size
        self.expire()
        while len(self._entries) > self._count or (self.size > self._size and len(self._entries) > 1):
            self.drop(next(iter(self._entries)))

    def get(self, key: str) -> T | None:
        """The value, used now; None if it is gone."""
        self.expire()
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries[key] = (found[0], found[1], self._now())
        self._entries.move_to_end(key)
        return found[0]

    def drop(self, key: str) -> None:
        """Forgets a value."""
        found = self._entries.pop(key, None)
        if found is not None:
            self.size -= found[1]

    def expire(self) -> None:
        """Forgets what nobody used for too long."""
        limit = self._now() - self._age
        while self._entries:
            key, (_, _, used) = next(iter(self._entries.items()))
            if used >= limit:
                return
            self.drop(key)
