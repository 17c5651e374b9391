"""The object cache: segments as they were read, within a bound of bytes; and what whole attributes take of it.

What was used longest ago goes first. Safe from any thread.
What is not decided here: where segments come from (``index.durable``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ("ObjectCache",)


class ObjectCache:
    """Objects with their sizes, at most ``max_bytes`` together. One object larger than that is kept alone.

    ``hits`` and ``misses`` count the calls of :meth:`get`."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int, Callable[[], None] | None]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """The object, or None."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any, size: int, gone: Callable[[], None] | None = None) -> None:
        """Keeps an object; others may have to go, and then what they gave as ``gone`` is called."""
        evicted = []
        with self._lock:
            old = self._entries.pop(key, None)
            if old is not None:
                self.bytes -= old[1]
            self._entries[key] = (value, size, gone)
            self.bytes += size
            while self.bytes > self.max_bytes and len(self._entries) > 1:
                _, (_, freed, tell) = self._entries.popitem(last=False)
                self.bytes -= freed
                evicted.append(tell)
        for tell in evicted:
            if tell is not None:
                tell()

    def touch(self, key: Hashable) -> None:
        """Says that an object was used, where it is not asked for through :meth:`get`."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)

    def drop(self, key: Hashable) -> None:
        """Forgets an object."""
        with self._lock:
            found = self._entries.pop(key, None)
            if found is not None:
                self.bytes -= found[1]
