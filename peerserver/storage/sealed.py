"""A checksum around every value that a cache or a service keeps for us: what comes back is right or is refused."""

from __future__ import annotations

import struct
import zlib

from .interfaces import StorageCorrupt

__all__ = ("seal", "unseal")

_MAGIC = b"PSV1"
_HEAD = struct.Struct(">4sII")


def seal(value: bytes) -> bytes:
    """The value behind its length and CRC-32."""
    return _HEAD.pack(_MAGIC, len(value), zlib.crc32(value)) + value


def unseal(key: str, sealed: bytes) -> bytes:
    """The value; StorageCorrupt naming ``key`` when a byte changed or is missing."""
    if len(sealed) >= _HEAD.size:
        magic, length, crc = _HEAD.unpack_from(sealed)
        value = sealed[_HEAD.size :]
        if magic == _MAGIC and length == len(value) and crc == zlib.crc32(value):
            return value
    raise StorageCorrupt(f"the value stored as {key} is damaged ({len(sealed)} bytes); restore it from a backup")
