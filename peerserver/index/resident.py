"""Which attributes of a source are in memory whole, and how they leave it again when the cache is full.

What was read of storage can be read again; so any store or content may be told to forget an attribute, at any time
and from any thread. Readers that hold its columns keep them until they are done.
What is not decided here: how much memory there is for it (``index.segment_cache``).
"""

from __future__ import annotations

import threading
from typing import Protocol
from weakref import WeakSet

from .segment_cache import ObjectCache

__all__ = ("Resident",)


class _Forgetful(Protocol):
    def forget(self, aid: int) -> None: ...


class Resident:
    """The stores and contents over one source."""

    def __init__(self, cache: ObjectCache) -> None:
        self._cache = cache
        self._watched: WeakSet[_Forgetful] = WeakSet()
        self._lock = threading.Lock()

    def watch(self, holder: _Forgetful) -> None:
        """From now on the holder is told what to forget."""
        with self._lock:
            self._watched.add(holder)

    def loaded(self, aid: int, size: int) -> None:
        """An attribute was read whole; others may have to go."""
        self._cache.put((id(self), aid), None, size, lambda: self._forget(aid))

    def used(self, aid: int) -> None:
        """A whole attribute was read from again."""
        self._cache.touch((id(self), aid))

    def _forget(self, aid: int) -> None:
        with self._lock:
            holders = list(self._watched)
        for holder in holders:
            holder.forget(aid)
