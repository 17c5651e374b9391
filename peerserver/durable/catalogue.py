"""The catalogue of a storage: which databases there are, by name. One record, changed by compare-and-set.

A database is its id; names may change. A deleted one leaves the catalogue at once; what it stored is garbage.
What is not decided here: who may change the catalogue (the active transactor does), and what happens to garbage.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

import msgpack

from peerserver.codec.columns import CorruptValue
from peerserver.model.anomaly import conflict, incorrect, not_found
from peerserver.model.entity import BOOT_T, FIRST_T, FIRST_USER_SCHEMA_ID
from peerserver.storage.interfaces import IStorage, StorageCorrupt, StorageError

from .log import create_root
from .names import CATALOGUE, root_name
from .root import Root

__all__ = ("create_database", "databases", "delete_database", "find_database", "rename_database")

_VERSION: Final = 1
_ATTEMPTS: Final = 10
#: what Datomic's ``connect`` takes as a database's name, as ``storage.uri`` reads it
_NAME: Final = re.compile(r'[^/"*:=?\s]{1,200}')


async def databases(storage: IStorage) -> dict[str, str]:
    """Name → id of all databases. Fails with StorageError."""
    return (await _read(storage))[1]


async def find_database(storage: IStorage, name: str) -> str:
    """The id of a database; Anomaly not-found when there is none of that name."""
    found = (await databases(storage)).get(name)
    if found is None:
        raise not_found(f"There is no database {name!r} in this storage; create it with bin/peerserver "
                        "create-database URI", "db-not-found", db_name=name)
    return found


async def create_database(storage: IStorage, name: str) -> tuple[str, bool]:
    """The id of the database of that name, and whether it was made now. Anomaly incorrect for a bad name."""
    _check(name)
    made = str(uuid4())
    # The root before the name: whoever finds the name finds the root.
    await create_root(storage, Root(made, "", BOOT_T, FIRST_T, FIRST_USER_SCHEMA_ID))
    found = (await _change(storage, lambda known: {**known, name: known.get(name, made)}))[name]
    if found != made:
        await storage.delete_record(root_name(made))
    return found, found == made


async def delete_database(storage: IStorage, name: str) -> bool:
    """Removes a database; whether there was one. Its writer learns of it at its next write."""
    found = (await databases(storage)).get(name)
    if found is None:
        return False
    await _change(storage, lambda known: {other: id for other, id in known.items() if id != found})
    await storage.delete_record(root_name(found))
    return True


async def rename_database(storage: IStorage, name: str, new_name: str) -> bool:
    """Gives a database another name; whether there was one. Anomaly conflict when the new name is taken."""
    _check(new_name)

    def renamed(known: Mapping[str, str]) -> dict[str, str]:
        if name not in known:
            raise not_found(f"There is no database {name!r} in this storage", "db-not-found", db_name=name)
        if new_name in known and new_name != name:
            raise conflict(f"There is a database {new_name!r} already; delete or rename it first")
        return {new_name if other == name else other: id for other, id in known.items()}

    if name not in await databases(storage):
        return False
    await _change(storage, renamed)
    return True


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise incorrect(f"{name!r} is no name for a database: use up to 200 characters, none of / \" * : = ? or white "
                        "space")


async def _read(storage: IStorage) -> tuple[int, dict[str, str]]:
    record = await storage.read(CATALOGUE)
    return (0, {}) if record is None else (record.revision, _decoded(record.value))


async def _change(storage: IStorage, change: Callable[[Mapping[str, str]], dict[str, str]]) -> dict[str, str]:
    for _ in range(_ATTEMPTS):
        revision, known = await _read(storage)
        wanted = change(known)
        if wanted == known:
            return wanted
        try:
            if await storage.compare_and_set(CATALOGUE, revision, _encoded(wanted)):
                return wanted
        except StorageError:
            # The answer may have been lost: what stands there tells, at the next attempt.
            continue
    raise StorageError("the catalogue of databases could not be changed: too many others change it, or storage fails")


def _encoded(known: Mapping[str, str]) -> bytes:
    body: bytes = msgpack.packb(dict(known))
    return bytes([_VERSION]) + zlib.crc32(body).to_bytes(4, "little") + body


def _decoded(data: bytes) -> dict[str, str]:
    try:
        if data[:1] != bytes([_VERSION]) or zlib.crc32(data[5:]) != int.from_bytes(data[1:5], "little"):
            raise CorruptValue("it is damaged, or of another version")
        found: dict[str, str] = msgpack.unpackb(data[5:])
        return found
    except (ValueError, IndexError) as error:
        raise StorageCorrupt(f"the catalogue of databases: {error}") from error
