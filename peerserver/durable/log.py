"""The log of a database: groups appended by compare-and-set of the root record, read back in order.

A commit is one conditional write. Its answer may be lost; then the root is read again, and tells: it has our group, or
it is as it was, or another writer has taken it. That last one is how a deposed transactor learns of it, whatever it
believes of its lease.
What is not decided here: who should write (``durable.lease``), and what a group means.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, final
from uuid import uuid4

import attrs
from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from peerserver.codec.columns import CorruptValue
from peerserver.storage.interfaces import IStorage, StorageCorrupt, StorageError, StorageFull

from .groups import group_range
from .names import log_key, root_name
from .root import LogRef, Root, decode_root, encode_root, groups_of, refs_of, span, write_refs, write_run
from .values import get_value, put_value

__all__ = ("Deposed", "DurableLog", "OutcomeUnknown", "create_root", "newest_parts", "read_log", "read_part",
           "read_root_record")

_log = Logger()

#: the tail stays in the root record up to this many bytes
TAIL_BYTES: Final = 32 * 1024
#: so many refs of one level become one of the next
FOLD: Final = 64
#: seconds between attempts to learn what became of a write, and for how long
FIRST_DELAY: Final = 0.05
LONGEST_DELAY: Final = 1.0
PATIENCE: Final = 20.0
#: how often a database is taken anew when somebody wrote to it meanwhile
_TAKINGS: Final = 5


class Deposed(Exception):
    """Another writer has the database now; nothing of what was asked is stored by this one."""


class OutcomeUnknown(Exception):
    """Storage could not tell in time whether the write is durable."""


async def create_root(storage: IStorage, root: Root) -> bool:
    """Stores the first root of a database; False if there is one."""
    return await storage.compare_and_set(root_name(root.database_id), 0, encode_root(root))


async def read_root_record(storage: IStorage, database_id: str) -> tuple[int, Root]:
    """The revision and the content of a root; StorageError when it isn't there."""
    record = await storage.read(root_name(database_id))
    if record is None:
        raise StorageError(f"the root of database {database_id} is not there")
    try:
        return record.revision, decode_root(record.value)
    except CorruptValue as error:
        raise StorageCorrupt(f"the root record of {database_id}: {error}") from error


async def read_log(storage: IStorage, root: Root, after_t: int) -> AsyncIterator[bytes]:
    """The groups of the log that have transactions later than ``after_t``, in order. Fails with StorageError."""
    for ref in root.refs:
        if ref.last_t > after_t:
            async for group in _groups(storage, ref, after_t):
                yield group
    for group in root.tail:
        if group_range(group)[1] > after_t:
            yield group


async def newest_parts(storage: IStorage, root: Root, most: int) -> list[LogRef]:
    """The newest parts of the log that hold groups, newest first: at least ``most`` where there are so many. Fails with
    StorageError."""
    found: list[LogRef] = []
    waiting = list(root.refs)
    while waiting and len(found) < most:
        ref = waiting.pop()
        if ref.level == 0:
            found.append(ref)
        else:
            waiting += refs_of(await _value(storage, ref))
    return found


async def read_part(storage: IStorage, ref: LogRef) -> list[bytes]:
    """The groups of a part of the log, in order. Fails with StorageError."""
    return groups_of(await _value(storage, ref))


async def _value(storage: IStorage, ref: LogRef) -> bytes:
    data = await get_value(storage, ref.key)
    if data is None:
        raise StorageError(f"the part {ref.key} of the log is not there yet")
    return data


async def _groups(storage: IStorage, ref: LogRef, after_t: int) -> AsyncIterator[bytes]:
    data = await _value(storage, ref)
    try:
        found = refs_of(data) if ref.level else groups_of(data)
    except CorruptValue as error:
        raise StorageCorrupt(f"the part {ref.key} of the log: {error}") from error
    for item in found:
        if isinstance(item, LogRef):
            if item.last_t > after_t:
                async for group in _groups(storage, item, after_t):
                    yield group
        elif group_range(item)[1] > after_t:
            yield item


@final
class DurableLog:
    """The writing end. Calls are carried out one after the other, in the order in which they are made."""

    def __init__(self, storage: IStorage, reactor: Any, root: Root, revision: int) -> None:
        #: the root as it is in storage
        self.root = root
        self._storage = storage
        self._reactor = reactor
        self._revision = revision
        self._lock = DeferredLock()

    @classmethod
    async def open(cls, storage: IStorage, database_id: str, epoch: str, reactor: Any) -> DurableLog:
        """Takes the database for this writer: from now on whoever had it is deposed. ``epoch`` was never used
        before. Fails with StorageError, or Deposed when another writer took it in the meantime."""
        for attempt in range(_TAKINGS):
            revision, root = await read_root_record(storage, database_id)
            log = cls(storage, reactor, root, revision)
            try:
                await log._write(attrs.evolve(root, epoch=epoch))
            except Deposed:
                # The last commit of the predecessor came between, or another who takes it.
                if attempt + 1 == _TAKINGS:
                    raise
            else:
                break
        return log

    def append(self, group: bytes, last_t: int, next_t: int, next_schema_id: int) -> Deferred[None]:
        """Makes a group durable. Fails with Deposed or StorageError (nothing was committed), or OutcomeUnknown."""
        return self._lock.run(lambda: ensureDeferred(self._append(group, last_t, next_t, next_schema_id)))

    def set_index(self, key: str, index_t: int) -> Deferred[None]:
        """Points the root to a newer index. Fails as :meth:`append` does."""
        return self._lock.run(lambda: ensureDeferred(self._write(attrs.evolve(self.root, index=key, index_t=index_t))))

    async def _append(self, group: bytes, last_t: int, next_t: int, next_schema_id: int) -> None:
        root = self.root
        tail = (*root.tail, group)
        refs = root.refs
        if sum(map(len, tail)) > TAIL_BYTES:
            refs = await self._spill(refs, tail)
            tail = ()
        await self._write(attrs.evolve(root, basis_t=last_t, next_t=next_t, next_schema_id=next_schema_id, refs=refs,
                                       tail=tail))

    async def _spill(self, refs: tuple[LogRef, ...], groups: tuple[bytes, ...]) -> tuple[LogRef, ...]:
        # What is put here is garbage until the root points to it.
        first_t, last_t = span(groups)
        refs = (*refs, await self._part(0, first_t, last_t, write_run(groups)))
        level = 0
        while len(refs) >= FOLD and all(ref.level == level for ref in refs[-FOLD:]):
            folded = refs[-FOLD:]
            refs = (*refs[:-FOLD], await self._part(level + 1, folded[0].first_t, folded[-1].last_t,
                                                    write_refs(folded)))
            level += 1
        return refs

    async def _part(self, level: int, first_t: int, last_t: int, data: bytes) -> LogRef:
        key = log_key(self.root.database_id, first_t, uuid4().hex)
        await put_value(self._storage, key, data)
        return LogRef(level, first_t, last_t, key, len(data))

    # -- the conditional write

    async def _write(self, root: Root) -> None:
        data = encode_root(root)
        name = root_name(root.database_id)
        delay, until = FIRST_DELAY, self._reactor.seconds() + PATIENCE
        while True:
            problem: StorageError | None = None
            try:
                if await self._storage.compare_and_set(name, self._revision, data):
                    self.root, self._revision = root, self._revision + 1
                    return
            except StorageError as error:
                problem = error
            # Refused, or nobody knows: what stands there tells.
            if await self._settled(name, data, problem):
                self.root = root
                return
            if isinstance(problem, StorageFull):
                raise problem
            if self._reactor.seconds() >= until:
                raise OutcomeUnknown(f"storage did not say whether the log was written: {problem}") from problem
            await deferLater(self._reactor, delay)
            delay = min(LONGEST_DELAY, delay * 2)

    async def _settled(self, name: str, data: bytes, problem: StorageError | None) -> bool:
        """True: the record is ours. False: it is as it was, or could not be read. Deposed: it is another's."""
        try:
            record = await self._storage.read(name)
        except StorageError as error:
            _log.warn("The root of {database} cannot be read: {error}", database=self.root.database_id,
                      error=str(error))
            return False
        if record is None:
            raise Deposed(f"The database {self.root.database_id} was deleted")
        if record.value == data:
            self._revision = record.revision
            return True
        if record.revision != self._revision:
            raise Deposed(f"Another transactor writes the database {self.root.database_id} now")
        return False
