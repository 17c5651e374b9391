"""From storage to a database value: root, index, and the part of the log that is newer than the index.

The time it takes grows with that part of the log and with the schema, not with the database.
What is not decided here: who follows the log from there on (``peer``, ``transactor``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from peerserver.database import Database
from peerserver.index.dictionary import Dictionary
from peerserver.index.directory import read_page, read_root
from peerserver.index.durable import DurableIndex, Fetch
from peerserver.index.segment_cache import ObjectCache
from peerserver.model.anomaly import not_found
from peerserver.storage.interfaces import IStorage, StorageCorrupt

from .groups import CorruptValue, Group, decode_group
from .log import read_log
from .names import root_name
from .novelty import Novelty, base_over, laid_on
from .reading import blocking_fetch, gathered
from .root import Root, decode_root

__all__ = ("Loaded", "Loader")


@final
@attrs.frozen(eq=False)
class Loaded:
    """A database out of storage: its value, the root that it was read from, and what the index lacks."""

    db: Database
    root: Root
    novelty: Novelty


@final
class Loader:
    """Reads databases of one storage. ``pool``: the threads in which values are decoded; ``cache``: what all the
    databases of the process may keep in memory of their indexes."""

    def __init__(self, storage: IStorage, reactor: Any, cache: ObjectCache, pool: Any) -> None:
        self.storage = storage
        self.cache = cache
        self.reactor = reactor
        self._pool = pool
        self._fetch: Fetch = blocking_fetch(storage, reactor)

    def in_thread(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Runs something that takes long, or reads segments, in a thread."""
        return deferToThreadPool(self.reactor, self._pool, function, *args)

    async def root(self, database_id: str) -> Root:
        """The root record as it is now; not-found when the database was deleted."""
        record = await self.storage.read(root_name(database_id))
        if record is None:
            raise not_found(f"There is no database with the id {database_id} in this storage; was it deleted?")
        try:
            return decode_root(record.value)
        except CorruptValue as error:
            raise StorageCorrupt(f"the root record of {database_id}: {error}") from error

    async def load(self, database_id: str) -> Loaded:
        """The newest value; fails with StorageError, or Anomaly not-found."""
        root = await self.root(database_id)
        dictionary = Dictionary(is_open=True)
        index = None if root.index is None else await self.index(root.index, dictionary)
        db = await (self.in_thread(Database.new, database_id, dictionary) if index is None
                    else self.in_thread(base_over, index))
        groups = await self.groups(root, db)
        return Loaded(await self.in_thread(laid_on, db, groups), root, Novelty.of(index, root.index, groups))

    async def groups(self, root: Root, db: Database) -> list[Group]:
        """The groups of the log that a value lacks, in codes of its dictionary."""
        stored = [data async for data in read_log(self.storage, root, db.basis_t)]

        def decoded() -> list[Group]:
            # All in one go: a change of threads costs more than a small group.
            return [decode_group(data, db.dictionary) for data in stored]

        try:
            found: list[Group] = await self.in_thread(decoded)
            return found
        except CorruptValue as error:
            raise StorageCorrupt(f"the log of {root.database_id}: {error}") from error

    async def index(self, key: str, dictionary: Dictionary) -> DurableIndex:
        """The index whose root is stored under a key."""
        try:
            root = read_root((await gathered(self.storage, [key]))[0])
            entries = {}
            for page in await gathered(self.storage, root.pages):
                entries.update(read_page(page))
        except CorruptValue as error:
            raise StorageCorrupt(f"the index {key}: {error}") from error
        return DurableIndex(root, entries, self._fetch, dictionary, self.cache)
