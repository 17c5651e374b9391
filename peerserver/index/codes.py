"""Values and their 64-bit codes, for the types whose code needs no dictionary.

long, ref, instant and boolean are their own number; double and float are the bits of the double in
an order-preserving signed form (so -0.0 comes before 0.0 and they differ).
What is not decided here: the other types (``index.dictionary``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from peerserver.model.schema import ValueType
from peerserver.model.values import INT64_MAX, INT64_MIN, Float32, Instant

from .rows import Ints

__all__ = ("code_of", "float_code", "floats_of_codes", "value_of", "values_of")

_FLIP: Final = 0x7FFF_FFFF_FFFF_FFFF
_DOUBLE = struct.Struct("<d")
_LONG = struct.Struct("<q")


def float_code(value: float) -> int:
    """The code of a double: signed, in the order of the numbers."""
    bits: int = _LONG.unpack(_DOUBLE.pack(value))[0]
    return bits if bits >= 0 else bits ^ _FLIP


def _float_of(code: int) -> float:
    value: float = _DOUBLE.unpack(_LONG.pack(code if code >= 0 else code ^ _FLIP))[0]
    return value


def floats_of_codes(codes: Ints) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The doubles of float codes, vectorised."""
    return np.where(codes >= 0, codes, codes ^ _FLIP).view(np.float64)


def code_of(type: ValueType, value: Any) -> int | None:
    """The code of a value of a type that is not ``"dictionary"``; None for a value of another type."""
    name = type.name
    if name == "ref" or name == "long":
        # A BigInt of the same number is `=` to it in Clojure, so it finds it (oracle: indexes/avet-bigint).
        ok = isinstance(value, int) and value.__class__ is not bool and INT64_MIN <= value <= INT64_MAX
        return int(value) if ok else None
    if name == "instant":
        return value.ms if isinstance(value, Instant) else None
    if name == "boolean":
        return int(value) if value.__class__ is bool else None
    if not isinstance(value, float):
        return None
    return float_code(Float32(value) if name == "float" else value)


def value_of(type: ValueType, code: int) -> Any:
    """The value of a code of a type that is not ``"dictionary"``."""
    return _SCALARS[type.name](code)


def values_of(type: ValueType, codes: Ints) -> list[Any]:
    """The values of codes of a type that is not ``"dictionary"``, in order."""
    name = type.name
    if name == "double" or name == "float":
        floats: list[Any] = floats_of_codes(codes).tolist()
        return [Float32(x) for x in floats] if name == "float" else floats
    numbers: list[Any] = codes.tolist()
    if name == "instant":
        return list(map(Instant, numbers))
    if name == "boolean":
        return list(map(bool, numbers))
    return numbers


_SCALARS: Final[dict[str, Callable[[int], Any]]] = {
    "ref": int, "long": int, "instant": Instant, "boolean": bool, "double": _float_of,
    "float": lambda code: Float32(_float_of(code)),
}
