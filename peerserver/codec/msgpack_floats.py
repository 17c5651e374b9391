"""32-bit floats of a msgpack body, kept apart from doubles.

The C reader makes a Python float of both. Where a body can have one (the byte 0xca occurs in it), it is walked token
by token and each 32-bit float is rewritten as an extension of four bytes, which the reader hands back.
"""

from __future__ import annotations

import struct
from typing import Final

from ..model.anomaly import incorrect
from ..model.values import Float32

__all__ = ("FLOAT32_EXTENSION", "float32", "mark_floats")

#: a type of our own; extensions in what a client sends are refused before this one can be mistaken for theirs.
FLOAT32_EXTENSION: Final = 0x63
_FIXEXT4: Final = bytes((0xD6, FLOAT32_EXTENSION))
_FLOAT = struct.Struct(">f")

# Bytes after the first of a token whose size is fixed.
_FIXED: Final = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2,
                 0xD2: 4, 0xD3: 8, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
# Strings and binaries: how many bytes say how long they are.
_SIZED: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}


def float32(data: bytes) -> Float32:
    """The float of a marked token."""
    return Float32(_FLOAT.unpack(data)[0])


def mark_floats(body: bytes) -> bytes:
    """The body with each 32-bit float as an extension; Anomaly incorrect for an extension that is there already."""
    if 0xCA not in body:
        return body
    parts: list[bytes] = []
    kept = at = 0
    end = len(body)
    while at < end:
        first = body[at]
        if first == 0xCA:
            parts += (body[kept:at], _FIXEXT4)
            kept = at + 1
            at += 5
        elif first < 0xA0 or first >= 0xE0:  # small numbers, small maps and arrays
            at += 1
        elif first < 0xC0:
            at += 1 + (first & 0x1F)
        elif first in _FIXED:
            at += 1 + _FIXED[first]
        elif first in _SIZED:
            size = _SIZED[first]
            at += 1 + size + int.from_bytes(body[at + 1 : at + 1 + size], "big")
        else:
            raise incorrect("The body has a msgpack extension type; transit has none")
    parts.append(body[kept:])
    return b"".join(parts)
