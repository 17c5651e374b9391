"""Clojure's ``hash`` and Java's ``hashCode``, and the order in which Clojure walks sets and maps.

Clojure hashes with Murmur3 (seed 0); its sets, and maps that are hash maps, are tries of five bits of
the hash a level, so that the order of their members follows from the hashes (oracle:
``functions-own/inputs``). What is not decided here: equality (``model.order``).
"""

from __future__ import annotations

import math
import struct
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ...codec.members import MAP_TAG, SET_TAG
from ...model.values import URI, BigInt, Char, Float32, Instant, Keyword, Ratio, Symbol, Tagged

__all__ = ("clj_hash", "hash_order", "java_hash", "string_hash")

_MASK = 0xFFFFFFFF


def _signed(number: int) -> int:
    number &= _MASK
    return number - (1 << 32) if number & 0x80000000 else number


def _rotl(x: int, by: int) -> int:
    return ((x << by) | (x >> (32 - by))) & _MASK


def _mix_k(k: int) -> int:
    return (_rotl(k * 0xCC9E2D51 & _MASK, 15) * 0x1B873593) & _MASK


def _mix_h(h: int, k: int) -> int:
    return (_rotl(h ^ k, 13) * 5 + 0xE6546B64) & _MASK


def _finish(h: int, length: int) -> int:
    h ^= length
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & _MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & _MASK
    return h ^ (h >> 16)


def _murmur_int(number: int) -> int:
    return 0 if number == 0 else _finish(_mix_h(0, _mix_k(number & _MASK)), 4)


def _murmur_long(number: int) -> int:
    if number == 0:
        return 0
    low, high = number & _MASK, (number >> 32) & _MASK
    return _finish(_mix_h(_mix_h(0, _mix_k(low)), _mix_k(high)), 8)


def _units(text: str) -> tuple[int, ...]:
    raw = text.encode("utf-16-le", "surrogatepass")
    return struct.unpack(f"<{len(raw) // 2}H", raw)


def _murmur_chars(text: str) -> int:
    units, h = _units(text), 0
    for at in range(1, len(units), 2):
        h = _mix_h(h, _mix_k(units[at - 1] | units[at] << 16))
    if len(units) & 1:
        h ^= _mix_k(units[-1])
    return _finish(h, 2 * len(units))


def string_hash(text: str) -> int:
    """Java's ``String.hashCode``, signed."""
    h = 0
    for unit in _units(text):
        h = (h * 31 + unit) & _MASK
    return _signed(h)


def _combine(seed: int, h: int) -> int:
    seed &= _MASK
    signed_shift = (_signed(seed) >> 2) & _MASK
    return (seed ^ ((h + 0x9E3779B9 + ((seed << 6) & _MASK) + signed_shift) & _MASK)) & _MASK


def _symbol_hash(named: Symbol | Keyword) -> int:
    return _combine(_murmur_chars(named.name), string_hash(named.namespace) if named.namespace else 0)


def _long_hash(number: int) -> int:
    return _signed((number ^ (number >> 32)) & _MASK)


def _double_hash(number: float) -> int:
    if number == 0.0:
        return 0  # -0.0 hashes as 0.0 in Clojure
    bits = struct.unpack("<q", struct.pack("<d", number))[0]
    return _signed((bits ^ ((bits & 0xFFFFFFFFFFFFFFFF) >> 32)) & _MASK)


def _float_hash(number: float) -> int:
    return 0 if number == 0.0 else int(struct.unpack("<i", struct.pack("<f", number))[0])


def _big_hash(number: int) -> int:
    magnitude, h = abs(number), 0
    for word in range((magnitude.bit_length() + 31) // 32 - 1, -1, -1):
        h = (31 * h + ((magnitude >> (32 * word)) & _MASK)) & _MASK
    return _signed(h if number >= 0 else -h)


def _decimal_hash(number: Decimal) -> int:
    sign, digits, exponent = number.as_tuple()
    unscaled = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
    scale = -int(exponent)
    if -(2**63) < unscaled < 2**63:
        magnitude = abs(unscaled)
        h = ((magnitude >> 32) * 31 + (magnitude & _MASK)) & _MASK
        return _signed(31 * _signed(-h if unscaled < 0 else h) + scale)
    return _signed(31 * _big_hash(unscaled) + scale)


def _uuid_hash(value: uuid.UUID) -> int:
    mixed = (value.int >> 64) ^ (value.int & 0xFFFFFFFFFFFFFFFF)
    return _signed((mixed >> 32) ^ (mixed & _MASK))


def _stripped(number: Decimal) -> Decimal:
    if not number:
        return Decimal(0)
    sign, digits, exponent = number.as_tuple()
    kept = len(digits)
    while kept > 1 and digits[kept - 1] == 0:
        kept -= 1
    return Decimal((sign, digits[:kept], int(exponent) + len(digits) - kept))


def _ordered(hashes: Iterable[int]) -> int:
    h, n = 1, 0
    for item in hashes:
        h, n = (31 * h + item) & _MASK, n + 1
    return _finish(_mix_h(0, _mix_k(h)), n)


def _unordered(hashes: Iterable[int]) -> int:
    h, n = 0, 0
    for item in hashes:
        h, n = (h + item) & _MASK, n + 1
    return _finish(_mix_h(0, _mix_k(h)), n)


def clj_hash(value: Any) -> int:
    """Clojure's ``hash``: a signed 32-bit number, equal for values that are ``=``."""
    return _signed(_hash(value))


def _hash(value: Any) -> int:
    kind = type(value)
    if value is None:
        return 0
    if kind is str:
        return _murmur_int(string_hash(value))
    if isinstance(value, Keyword):
        return (_symbol_hash(value) + 0x9E3779B9) & _MASK
    if kind is bool:
        return 1231 if value else 1237
    if isinstance(value, int):
        return _murmur_long(value) if -(2**63) <= value < 2**63 else _big_hash(value)
    if isinstance(value, Symbol):
        return _symbol_hash(value)
    if isinstance(value, tuple):
        return _ordered(_hash(item) for item in value)
    if isinstance(value, frozenset):
        return _unordered(_hash(item) for item in value)
    if isinstance(value, dict):
        return _unordered(_ordered((_hash(k), _hash(v))) for k, v in value.items())
    if isinstance(value, Tagged) and value.tag == SET_TAG:
        return _unordered(_hash(item) for item in value.value)
    if isinstance(value, Tagged) and value.tag == MAP_TAG:
        return _unordered(_ordered((_hash(k), _hash(v))) for k, v in zip(value.value[::2], value.value[1::2]))
    if isinstance(value, Decimal):
        return _decimal_hash(_stripped(value))
    if isinstance(value, float) and value == 0:
        return 0  # of either sign
    return java_hash(value)


def java_hash(value: Any) -> int:
    """Java's ``hashCode`` of a value, signed."""
    if value is None:
        return 0
    if isinstance(value, Char):
        return ord(str(value)[0])
    if isinstance(value, str):
        return string_hash(value)
    if isinstance(value, bool):
        return 1231 if value else 1237
    if isinstance(value, Float32):
        return _float_hash(value)
    if isinstance(value, float):
        return _double_hash(value) if value or math.copysign(1, value) > 0 else -(2**31)
    if isinstance(value, int):
        return _long_hash(value) if not isinstance(value, BigInt) and -(2**63) <= value < 2**63 else _big_hash(value)
    if isinstance(value, Decimal):
        return _decimal_hash(value)
    if isinstance(value, Ratio):
        return _signed(_big_hash(value.numerator) ^ _big_hash(value.denominator))
    if isinstance(value, Instant):
        return _long_hash(value.ms)
    if isinstance(value, uuid.UUID):
        return _uuid_hash(value)
    if isinstance(value, Symbol):
        return _signed(_combine(string_hash(value.name), string_hash(value.namespace) if value.namespace else 0))
    if isinstance(value, Keyword):
        return _signed(
            _combine(string_hash(value.name), string_hash(value.namespace) if value.namespace else 0) + 0x9E3779B9
        )
    if isinstance(value, URI):
        return string_hash(value.text)
    if isinstance(value, tuple):
        h = 1
        for item in value:
            h = (31 * h + java_hash(item)) & _MASK
        return _signed(h)
    if isinstance(value, frozenset):
        return _signed(sum(java_hash(item) for item in value))
    if isinstance(value, dict):
        return _signed(sum(java_hash(k) ^ java_hash(v) for k, v in value.items()))
    return _signed(hash(value))


def _trie_path(h: int) -> int:
    """The hash with its five-bit digits reversed, so that a greater number comes later in the trie."""
    path = 0
    for level in range(7):
        path = path << 5 | (h >> (5 * level)) & 31
    return path


def hash_order(members: Iterable[Any]) -> list[Any]:
    """Members in the order of a Clojure hash set (of colliding hashes: as given)."""
    return sorted(members, key=lambda member: _trie_path(_hash(member)))
