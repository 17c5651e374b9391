"""Canonical texts and checksums of results, the same in every system that takes part.

A result row is text, its columns joined by ``|``; its digest is the first 48 bits of the text's md5; a result's
checksum is the sum of its rows' digests mod 2**48, so that order has no part in it. Entity ids are replaced by the
generator's logical numbers first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from peerserver.model.values import Instant, Keyword

__all__ = ("canon", "checksum", "row_text")

_DB_ID, _DB_IDENT = Keyword("db/id"), Keyword("db/ident")


def _double(value: float) -> str:
    return f"{value:.6e}"


def canon(value: Any, logical: Mapping[int, int]) -> str:
    """Typed text of a value inside a pull result: collections are unordered."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Keyword):
        return f":{value.text}"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, (float, Decimal)):
        return _double(float(value))
    if isinstance(value, UUID):
        return f"#u{value}"
    if isinstance(value, Instant):
        return f"#i{value.ms}"
    if isinstance(value, Mapping):
        # Some engines add the ident of an enum to a bare ref.
        if len(value) == 2 and _DB_ID in value and _DB_IDENT in value:
            value = {_DB_ID: value[_DB_ID]}
        return "{" + ",".join(sorted(f"{canon(k, logical)} {_entry(k, v, logical)}" for k, v in value.items())) + "}"
    if isinstance(value, (tuple, list, frozenset, set)):
        return "[" + ",".join(sorted(canon(x, logical) for x in value)) + "]"
    return str(value)


def _entry(key: Any, value: Any, logical: Mapping[int, int]) -> str:
    return _entity(value, logical) if key is _DB_ID else canon(value, logical)


def _entity(eid: Any, logical: Mapping[int, int]) -> str:
    return f"#e{logical.get(eid, '?')}"


def row_text(letters: Sequence[str], row: Sequence[Any], logical: Mapping[int, int]) -> str:
    """A row's text; ``letters`` gives each column's kind, as the workload writes it."""
    texts = []
    for letter, value in zip(letters, row, strict=True):
        if letter == "e":
            texts.append(_entity(value, logical))
        elif letter == "d":
            texts.append("nil" if value is None else _double(float(value)))
        else:
            texts.append(canon(value, logical))
    return "|".join(texts)


def checksum(texts: Iterable[str]) -> tuple[int, str]:
    """(number of rows, checksum in hexadecimal)."""
    n = total = 0
    for text in texts:
        n += 1
        total += int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[:6], "big")
    return n, f"{total % 2**48:012x}"
