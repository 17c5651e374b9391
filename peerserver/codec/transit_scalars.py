"""Transit's scalars by their letter: ``~n5``, ``~u…`` and so on, from text to value."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from ..model.anomaly import incorrect
from ..model.values import INT64_MAX, INT64_MIN, URI, BigInt, Char, Instant, Tagged
from .instants import parse_instant
from .limits import Limits
from .numbers import make_decimal, make_integer

__all__ = ("scalar",)

_UUID: Final = re.compile("[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DOUBLE: Final = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Final = {"NaN": "nan", "INF": "inf", "-INF": "-inf"}


def scalar(letter: str, text: str, limits: Limits) -> Any:
    """The value of ``~<letter><text>``; an unknown letter gives Tagged. Raises Anomaly incorrect for bad text."""
    read = _READERS.get(letter)
    if read is None:
        if not letter:
            raise incorrect("The string '~' is an escape without anything after it; send it as '~~'")
        return Tagged(letter, text)
    return read(text, limits)


def _integer(text: str, limits: Limits) -> int:
    number = make_integer(text, limits)
    return number if INT64_MIN <= number <= INT64_MAX else BigInt(number)


def _double(text: str, limits: Limits) -> float:
    if text in _SPECIAL or (len(text) <= limits.digits and _DOUBLE.fullmatch(text)):
        return float(_SPECIAL.get(text, text))
    raise incorrect(f"Not a double: {text[:60]!r}")


def _special(text: str, limits: Limits) -> float:
    if text not in _SPECIAL:
        raise incorrect(f"Not a special number: {text[:60]!r}; it is NaN, INF or -INF")
    return float(_SPECIAL[text])


def _boolean(text: str, limits: Limits) -> bool:
    if text not in ("t", "f"):
        raise incorrect(f"Not a boolean: {text[:60]!r}; it is t or f")
    return text == "t"


def _nil(text: str, limits: Limits) -> None:
    return None


def _char(text: str, limits: Limits) -> Char:
    if len(text) != 1:
        raise incorrect(f"Not one character: {text[:60]!r}")
    return Char(text)


def _instant(text: str, limits: Limits) -> Instant:
    number = make_integer(text, limits)
    if not INT64_MIN <= number <= INT64_MAX:
        raise incorrect(f"Instant out of range: {text[:60]}")
    return Instant(number)


def _uuid(text: str, limits: Limits) -> UUID:
    if _UUID.fullmatch(text) is None:
        raise incorrect(f"Not a UUID: {text[:60]!r}; it has 8-4-4-4-12 hexadecimal digits")
    return UUID(text)


def _bytes(text: str, limits: Limits) -> bytes:
    try:
        return b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise incorrect("Bytes that are not base64") from None


_READERS: Final[Mapping[str, Callable[[str, Limits], Any]]] = {
    "_": _nil,
    "?": _boolean,
    "i": _integer,
    "n": lambda text, limits: BigInt(make_integer(text, limits)),
    "d": _double,
    "f": make_decimal,
    "z": _special,
    "c": _char,
    "m": _instant,
    "t": lambda text, limits: Instant(parse_instant(text)),
    "u": _uuid,
    "r": lambda text, limits: URI(text),
    "b": _bytes,
}
