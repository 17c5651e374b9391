"""The secret that peers show to the transactor: whoever can read the storage knows it."""

from __future__ import annotations

from peerserver.storage.interfaces import IStorage, StorageError

from .names import SECRET

__all__ = ("made_secret", "read_secret")


async def read_secret(storage: IStorage) -> bytes | None:
    """The secret, or None before the first transactor. Fails with StorageError."""
    record = await storage.read(SECRET)
    return None if record is None else record.value


async def made_secret(storage: IStorage, fresh: bytes) -> bytes:
    """The secret; ``fresh`` becomes it where there is none. Fails with StorageError."""
    found = await read_secret(storage)
    if found is None:
        await storage.compare_and_set(SECRET, 0, fresh)
        found = await read_secret(storage)
    if found is None:
        raise StorageError("the secret could not be stored")
    return found
