"""Words of one transaction: dictionary codes for values that the database has never seen.

A transaction that fails must leave no trace, so new values get the codes that they *will* have, and
only :meth:`Words.commit` puts them into the dictionary. There is one writer per dictionary; ``with``
works on a fork.
What is not decided here: which values an attribute takes (``transact.encoders``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peerserver.index.dictionary import Dictionary
from peerserver.model import anomaly
from peerserver.model.schema import ValueType

__all__ = ("Words",)


class Words:
    """The words of one value type. ``find(key)`` is the dictionary's code of a key, or None."""

    __slots__ = ("_dictionary", "base", "codes", "find", "type", "values")

    def __init__(self, dictionary: Dictionary, type: ValueType) -> None:
        self._dictionary = dictionary
        self.type = type
        self.find: Callable[[Any], int | None] = dictionary.finder(type)
        self.codes: dict[Any, int] = {}
        self.values: list[Any] = []
        self.base = 0

    def code(self, key: Any, value: Any) -> int:
        """The code of a value by its key: the dictionary's, or the one that it will get."""
        code = self.find(key)
        return self.new(key, value) if code is None else code

    def new(self, key: Any, value: Any) -> int:
        """The future code of a value that the dictionary does not know."""
        if self._dictionary.is_open:
            # Storage may know it: it is no new value, and reads may meet it while the transaction is made.
            return self._dictionary.intern(self.type, value)
        codes = self.codes
        code = codes.get(key)
        if code is None:
            if not codes:
                self.base = self._dictionary.next_code(self.type)
            code = codes[key] = self.base + len(codes)
            self.values.append(value)
        return code

    def is_new(self, code: int) -> bool:
        """Whether a code stands for a value that no datom has yet."""
        return bool(self.codes) and code >= self.base

    def is_like(self, code: int) -> bool:
        """Whether the dictionary knows another form of a new value."""
        return bool(self._dictionary.like(self.type, self.value_of(code)))

    def value_of(self, code: int) -> Any:
        """The value of a code, new or not."""
        if self.codes and code >= self.base:
            return self.values[code - self.base]
        return self._dictionary.value_of(self.type, code)

    def commit(self) -> None:
        """Put the new values into the dictionary."""
        code = self.base
        intern = self._dictionary.intern
        for value in self.values:
            if intern(self.type, value) != code:
                raise anomaly.fault("The dictionary grew while a transaction was made: two writers?")
            code += 1

    def reset(self) -> None:
        """Forget the transaction's new values."""
        if self.codes:
            self.codes.clear()
            self.values.clear()
