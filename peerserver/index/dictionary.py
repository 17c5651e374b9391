"""The dictionary: values that are not numbers, and the dense numbers that stand for them in columns.

One code space per value type. Codes are given in the order of arrival, so they say nothing of the
order of values; equal codes are equal values (bigdecs of different scale are different values).
A dictionary only grows, and a code never changes its value, so readers need no lock. A fork
(:meth:`Dictionary.fork`) reads through to its parent and keeps what it adds to itself.
What is not decided here: the codes of numbers (``index.codes``).
"""

from __future__ import annotations

import struct
import threading
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import repeat
from typing import Any, Final

import numpy as np

from peerserver.model.schema import ValueType
from peerserver.model.uris import uri_key
from peerserver.model.values import URI, BigInt, Char, Keyword, Symbol, Tagged

from .rows import Ints

__all__ = ("Dictionary", "exact_key", "like_key")

# Where the codes of a fork begin; each fork of a fork begins this much further on.
_FORK_STEP: Final = 1 << 40

_ObjectArray = np.ndarray[Any, np.dtype[np.object_]]


def exact_key(value: Any) -> Any:
    """A hashable key that keeps apart what differs in type, scale or sign of zero."""
    kind = type(value)
    if kind is str or kind is int or value is None or kind is Keyword or kind is Symbol:
        return value
    if kind is tuple or isinstance(value, tuple):
        return (tuple, *(exact_key(item) for item in value))
    if isinstance(value, float):
        return (kind, struct.pack("<d", value))
    if isinstance(value, Decimal):
        return (Decimal, value.as_tuple())
    if isinstance(value, dict):
        return (dict, frozenset((exact_key(k), exact_key(v)) for k, v in value.items()))
    if isinstance(value, frozenset):
        return (frozenset, frozenset(exact_key(item) for item in value))
    if isinstance(value, Tagged):
        return (Tagged, value.tag, exact_key(value.value))
    return (kind, value)


def like_key(value: Any) -> Any:
    """A hashable key for values that unique attributes and groups take for one: bigdecs of any scale, uris as Java
    compares them, zeros of either sign, and tuples of such."""
    if isinstance(value, URI):
        return ("u", uri_key(value.text))
    if isinstance(value, Decimal):
        return ("m", value)
    if isinstance(value, tuple):
        return ("t", *(like_key(item) for item in value))
    if isinstance(value, float):
        return ("f", value + 0.0 if value == value else str(value))
    return (value.__class__.__name__, value)


def _typed(kind: type, key: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        return key(value) if isinstance(value, kind) else None
    return checked


def _string_key(value: Any) -> Any:
    return value if isinstance(value, str) and not isinstance(value, Char) else None


def _bigint_key(value: Any) -> Any:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


# From a value to its key within the type, or None when the value is not of the type.
_KEYS: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _string_key,
    "keyword": _typed(Keyword, lambda value: value),
    "symbol": _typed(Symbol, lambda value: value),
    "uuid": _typed(uuid.UUID, lambda value: value.int),
    "uri": _typed(URI, lambda value: value.text),
    "bytes": _typed(bytes, lambda value: value),
    "bigint": _bigint_key,
    "bigdec": _typed(Decimal, lambda value: value.as_tuple()),
    "tuple": _typed(tuple, exact_key),
    "fn": exact_key,
}


class _Space:
    """The codes of one type: key -> code, and the values in an object array that grows by doubling."""

    __slots__ = ("alike", "codes", "count", "key", "listed", "lock", "start", "values")

    def __init__(self, key: Callable[[Any], Any], start: int) -> None:
        self.key = key
        self.start = start
        self.codes: dict[Any, int] = {}
        self.values: _ObjectArray = np.empty(8, object)
        self.count = 0
        self.lock = threading.Lock()
        #: codes by ``like_key``, of the first ``listed`` values: made when first asked for
        self.alike: dict[Any, int | list[int]] = {}
        self.listed = 0

    def add(self, key: Any, value: Any) -> int:
        with self.lock:
            code = self.codes.get(key)
            if code is not None:
                return code
            count = self.count
            if count == len(self.values):
                grown: _ObjectArray = np.empty(count + (count >> 1) + 8, object)
                grown[:count] = self.values
                self.values = grown
            self.values[count] = value
            self.count = count + 1
            code = self.start + count
            self.codes[key] = code
            return code

    def like(self, key: Any) -> list[int]:
        """The codes of values with a ``like_key``."""
        if self.listed < self.count:
            with self.lock:
                alike = self.alike
                for place in range(self.listed, self.count):
                    code = self.start + place
                    found = alike.setdefault(like_key(self.values[place]), code)
                    if isinstance(found, list):
                        found.append(code)
                    elif found != code:
                        alike[like_key(self.values[place])] = [found, code]
                self.listed = self.count
        known = self.alike.get(key)
        return [] if known is None else [known] if isinstance(known, int) else known


class Dictionary:
    """Values and codes of one database (or of one fork of it)."""

    __slots__ = ("_parent", "_spaces", "_start", "is_open")

    def __init__(self, parent: Dictionary | None = None, *, is_open: bool = False) -> None:
        self._parent = parent
        #: storage holds values that this process has not read: one that is asked for may be there, so it gets a code
        self.is_open = is_open
        self._start: int = 0 if parent is None else parent._start + _FORK_STEP
        self._spaces: dict[str, _Space] = {name: _Space(key, self._start) for name, key in _KEYS.items()}

    def fork(self) -> Dictionary:
        """A dictionary that knows all that this one knows, and whose additions this one never sees. An open one is
        its own fork: what is read from storage later must meet the same codes in both."""
        return self if self.is_open else Dictionary(self)

    def count(self, type: ValueType) -> int:
        """How many values of the type this dictionary holds itself; its codes are the dense range from
        :attr:`start`."""
        return self._spaces[type.name].count

    @property
    def start(self) -> int:
        """The first code of this dictionary itself: 0, or where a fork begins."""
        return self._start

    def finder(self, type: ValueType) -> Callable[[Any], int | None]:
        """A function from a key (as ``_KEYS`` makes it) to its code or None; it follows what is added later."""
        if self._parent is None:
            return self._spaces[type.name].codes.get
        name = type.name
        return lambda key: self._code_of_key(name, key)

    def next_code(self, type: ValueType) -> int:
        """The code that the next new value of the type will get."""
        return self._start + self._spaces[type.name].count

    def code_of(self, type: ValueType, value: Any) -> int | None:
        """The code of a value; None if it is of another type or was never seen."""
        space = self._spaces[type.name]
        key = space.key(value)
        if key is None:
            return None
        code = space.codes.get(key)
        if code is None and self.is_open:
            return self.intern(type, value)
        if code is None and self._parent is not None:
            return self._parent._code_of_key(type.name, key)
        return code

    def _code_of_key(self, name: str, key: Any) -> int | None:
        code = self._spaces[name].codes.get(key)
        if code is None and self._parent is not None:
            return self._parent._code_of_key(name, key)
        return code

    def like(self, type: ValueType, value: Any) -> list[int]:
        """The codes of all known values that are one with a value to unique attributes (:func:`like_key`)."""
        found = self._spaces[type.name].like(like_key(value))
        return found if self._parent is None else [*self._parent.like(type, value), *found]

    def merges(self, type: ValueType) -> bool:
        """Whether several known values are one as :meth:`like` has it; an open dictionary can't tell."""
        space = self._spaces[type.name]
        space.like(None)
        if self.is_open or len(space.alike) < space.count:
            return True
        parent = self._parent
        return parent is not None and (parent.merges(type) or any(parent.like(type, value)
                                                                  for value in space.values[:space.count]))

    def intern(self, type: ValueType, value: Any) -> int:
        """The code of a value, given to it now if it has none. ValueError for a value of another type."""
        space = self._spaces[type.name]
        key = space.key(value)
        if key is None:
            raise ValueError(f"{value!r} is not a {type.name}")
        code = space.codes.get(key)
        if code is not None:
            return code
        if self._parent is not None:
            code = self._parent._code_of_key(type.name, key)
            if code is not None:
                return code
        if type.name == "bigint":
            value = BigInt(value)
        return space.add(key, value)

    def intern_all(self, type: ValueType, values: Sequence[Any]) -> Ints:
        """The codes of values, given to those that have none; ValueError for a value of another type."""
        space = self._spaces[type.name]
        codes = space.codes
        known = map(codes.get, map(space.key, values)) if self._parent is None else repeat(None, len(values))
        return np.array([self.intern(type, value) if code is None else code for code, value in zip(known, values)],
                        np.int64)

    def value_of(self, type: ValueType, code: int) -> Any:
        """The value of a code that this dictionary gave; IndexError for one that it did not."""
        start = self._start
        if code < start and self._parent is not None:
            return self._parent.value_of(type, code)
        return self._spaces[type.name].values[code - start]

    def values_of(self, type: ValueType, codes: Ints) -> list[Any]:
        """The values of codes, in order."""
        values: list[Any] = self.array_of(type, codes).tolist()
        return values

    def array_of(self, type: ValueType, codes: Ints) -> _ObjectArray:
        """The values of codes as an object array."""
        start = self._start
        values = self._spaces[type.name].values
        if self._parent is None:
            return values.take(codes)
        own = codes >= start
        if not own.any():
            return self._parent.array_of(type, codes)
        result: _ObjectArray = np.empty(len(codes), object)
        result[own] = values.take(codes[own] - start)
        rest = ~own
        result[rest] = self._parent.array_of(type, codes[rest])
        return result
