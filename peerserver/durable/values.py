"""Values of any size over a storage whose values end somewhere: a large one is kept in parts.

Under the key itself stands either the value behind one byte 0, or, behind one byte 1, the number of its parts.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import gatherResults

from peerserver.storage.interfaces import IStorage, StorageError

__all__ = ("get_value", "put_value")

# What keys and columns of a service may need of its limit.
_MARGIN: Final = 4096
#: parts are no longer than this, whatever a service could hold
_PART: Final = 4 << 20


async def put_value(storage: IStorage, key: str, value: bytes) -> None:
    """Stores a value; when it returns it is durable. Fails with StorageError."""
    most = min(_PART, storage.max_value - _MARGIN)
    if len(value) < most:
        await storage.put(key, b"\0" + value)
        return
    parts = [value[i:i + most] for i in range(0, len(value), most)]
    for i, part in enumerate(parts):
        await storage.put(f"{key}.{i}", part)
    await storage.put(key, b"\1" + len(parts).to_bytes(4, "little"))


async def get_value(storage: IStorage, key: str) -> bytes | None:
    """A value, or None if it is not there. Fails with StorageError."""
    found = await storage.get(key)
    if found is None:
        return None
    if found[:1] == b"\0":
        return bytes(memoryview(found)[1:])
    count = int.from_bytes(found[1:5], "little")
    parts = await gatherResults([storage.get(f"{key}.{i}") for i in range(count)], consumeErrors=True)
    if any(part is None for part in parts):
        raise StorageError(f"a part of {key} is not there yet")
    return b"".join(part for part in parts if part is not None)
