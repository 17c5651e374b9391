"""Storage in this process's memory: what ``datomic:mem://`` and most tests use."""

from __future__ import annotations

from typing import final

import attrs
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from .interfaces import IStorage, Record

__all__ = ("MemoryStorage",)


@final
@implementer(IStorage)
@attrs.define
class MemoryStorage:
    """Values and records in two dictionaries; nothing outlives the process."""

    max_value: int = 1 << 30
    _values: dict[str, bytes] = attrs.field(factory=dict)
    _records: dict[str, Record] = attrs.field(factory=dict)

    def get(self, key: str) -> Deferred[bytes | None]:
        return succeed(self._values.get(key))

    def put(self, key: str, value: bytes) -> Deferred[None]:
        self._values[key] = bytes(value)
        return succeed(None)

    def delete(self, key: str) -> Deferred[None]:
        self._values.pop(key, None)
        return succeed(None)

    def read(self, name: str) -> Deferred[Record | None]:
        return succeed(self._records.get(name))

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        found = self._records.get(name)
        if (found.revision if found else 0) != revision:
            return succeed(False)
        self._records[name] = Record(revision + 1, bytes(value))
        return succeed(True)

    def delete_record(self, name: str) -> Deferred[None]:
        self._records.pop(name, None)
        return succeed(None)

    def close(self) -> Deferred[None]:
        return succeed(None)
