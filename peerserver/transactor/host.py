"""The databases of an active transactor: opens all that the catalogue names, transacts, indexes, administers.

What is not decided here: whether this transactor is the active one (``transactor.service``), and how peers speak to it
(``transactor.server``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import attrs
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, fail, gatherResults, succeed
from twisted.logger import Logger

from peerserver.codec import transit
from peerserver.database import Database
from peerserver.durable.catalogue import create_database, databases, delete_database, rename_database
from peerserver.durable.groups import CorruptValue, Group, answers_in
from peerserver.durable.loading import Loader
from peerserver.durable.log import DurableLog, newest_parts, read_part
from peerserver.durable.novelty import Novelty, base_over, laid_on
from peerserver.model.anomaly import fault, incorrect, not_found
from peerserver.storage.interfaces import StorageCorrupt

from .indexing import Indexer, pressure_of
from .local import LocalTransactor
from .recent import MOST, Known, Recent
from .threads import OwnThread

__all__ = ("Limits", "TransactorHost")

_log = Logger()

# Parts of the log that are looked through for the :tx-ids of recent transactions.
_PARTS = 32


@final
@attrs.frozen
class Limits:
    """Bytes of the memory index: where indexing starts, and where transactions stop."""

    memory_index_threshold: int = 32 << 20
    memory_index_max: int = 256 << 20


@attrs.define(eq=False)
class _Open:
    name: str
    log: DurableLog
    transactor: LocalTransactor
    novelty: Novelty
    thread: OwnThread


@final
class TransactorHost:
    """See :class:`~peerserver.transactor.server.Host`. ``epoch``: unique to this run; ``job``: see Indexer;
    ``on_lost(reason)`` is called when a database is another's; ``on_group`` and ``on_index`` tell the peers."""

    def __init__(self, loader: Loader, reactor: Any, epoch: str, limits: Limits,
                 functions: Mapping[str, Callable[..., Any]], job: Callable[[str], Deferred[str | None]],
                 on_lost: Callable[[str], None], on_group: Callable[[str, bytes, int], None],
                 on_index: Callable[[str, str], None]) -> None:
        self._loader = loader
        self._reactor = reactor
        self._epoch = epoch
        self._limits = limits
        self._functions = functions
        self._on_lost = on_lost
        self._on_group = on_group
        self._on_index = on_index
        self._open: dict[str, _Open] = {}
        self._damaged: dict[str, str] = {}
        self.indexer = Indexer(self, job, reactor, limits.memory_index_threshold)

    # -- opening and closing

    async def start(self) -> None:
        """Takes every database of the storage; from then on nobody else can write to them. One that is damaged is left
        out. Fails with StorageError (then it may be called again), or Deposed."""
        known = await databases(self._loader.storage)
        waiting = [ensureDeferred(self._take_sound(name, id)) for name, id in known.items() if id not in self._open]
        outcomes: Any = await DeferredList(waiting, consumeErrors=True)
        for success, outcome in outcomes:
            if not success:
                outcome.raiseException()

    async def _take_sound(self, name: str, database_id: str) -> None:
        try:
            await self._take(name, database_id)
        except StorageCorrupt as error:
            _log.error("Database {name} is not served: {error}", name=name, error=str(error))
            self._damaged[database_id] = f"The database {name} is damaged in storage: {error}"

    async def _take(self, name: str, database_id: str) -> None:
        storage = self._loader.storage
        log = await DurableLog.open(storage, database_id, self._epoch, self._reactor)
        loaded = await self._loader.load(database_id)
        known = await self._recent(log)
        thread = OwnThread(f"transactor {name}", self._reactor)
        transactor = LocalTransactor(
            loaded.db, run=thread.run, clock=self._reactor, log=log, functions=self._functions,
            recent=Recent(known, self._reactor.seconds()),
            pressure=lambda: self._pressure(database_id), on_lost=lambda reason: self._lost(database_id, reason))
        opened = _Open(name, log, transactor, loaded.novelty, thread)
        self._open[database_id] = opened

        def durable(data: bytes, group: Group, db: Database) -> None:
            opened.novelty.add(group, len(data))
            self._on_group(database_id, data, group.last_t)
            self.indexer.novelty(database_id)

        transactor.subscribe_groups(durable)
        _log.info("Database {name} is open at t {t}; {datoms} datoms are not in its index yet", name=name,
                  t=loaded.db.basis_t, datoms=loaded.novelty.datoms)
        self.indexer.novelty(database_id)

    async def _recent(self, log: DurableLog) -> list[tuple[str, Known]]:
        # Newest first, as far as the window goes; then in the order of the log.
        storage, root = self._loader.storage, log.root
        found: list[tuple[str, Known]] = []
        try:
            for group in reversed(root.tail):
                found += [(tx_id, Known(t, tempids)) for tx_id, t, tempids in reversed(answers_in(group))]
            for part in await newest_parts(storage, root, _PARTS):
                if len(found) >= MOST:
                    break
                for group in reversed(await read_part(storage, part)):
                    found += [(tx_id, Known(t, tempids)) for tx_id, t, tempids in reversed(answers_in(group))]
        except CorruptValue as error:
            raise StorageCorrupt(f"the log of {root.database_id}: {error}") from error
        return found[MOST - 1::-1] if len(found) > MOST else found[::-1]

    def close(self) -> Deferred[Any]:
        """Finishes what was taken, and takes no more."""
        self.indexer.close()
        opened = list(self._open.values())
        return gatherResults([one.transactor.close() for one in opened], consumeErrors=True)

    def _lost(self, database_id: str, reason: str) -> None:
        if database_id in self._open:
            self._on_lost(reason)

    # -- what the port asks

    def basis_t(self, database_id: str) -> int:
        """The newest durable t; Anomaly not-found."""
        return self._opened(database_id).transactor.db.basis_t

    def index_key(self, database_id: str) -> str | None:
        """The key of the newest index."""
        return self._opened(database_id).log.root.index

    def transact(self, database_id: str, data: bytes, tx_id: str) -> Deferred[Any]:
        """An object with ``t`` and ``tempids``, when it is durable."""
        try:
            tx_data = transit.msgpack.decode(data)
            if not isinstance(tx_data, tuple) or not isinstance(tx_id, str):
                raise incorrect("Transaction data must be a vector")
            return self._opened(database_id).transactor.transact(tx_data, tx_id)
        except Exception as problem:
            return fail(problem)

    def admin(self, op: str, args: list[Any]) -> Deferred[Any]:
        """``create-database NAME``, ``delete-database NAME``, ``rename-database NAME NEW``: whether it changed
        anything. ``list-databases``. ``index NAME``: when all that it has now is indexed."""
        call = _ADMIN.get(op)
        if call is None or len(args) != call[0] or not all(isinstance(arg, str) for arg in args):
            return fail(incorrect(f"There is no operation {op!r} with {len(args)} arguments; known are "
                                  + ", ".join(sorted(_ADMIN))))
        return ensureDeferred(call[1](self, *args))

    def _opened(self, database_id: str) -> _Open:
        found = self._open.get(database_id)
        if found is None and database_id in self._damaged:
            raise fault(self._damaged[database_id], "damaged-database")
        if found is None:
            raise not_found(f"There is no database with the id {database_id} here; was it deleted?")
        return found

    # -- administration

    async def _create(self, name: str) -> bool:
        database_id, made = await create_database(self._loader.storage, name)
        if database_id not in self._open:
            await self._take(name, database_id)
        return made

    async def _delete(self, name: str) -> bool:
        found = next((id for id, one in self._open.items() if one.name == name), None)
        if found is not None:
            # First nobody writes to it any more.
            opened = self._open.pop(found)
            await opened.transactor.close()
            opened.thread.stop()
        return await delete_database(self._loader.storage, name)

    async def _rename(self, name: str, new_name: str) -> bool:
        renamed = await rename_database(self._loader.storage, name, new_name)
        for one in self._open.values():
            if renamed and one.name == name:
                one.name = new_name
        return renamed

    async def _list(self) -> list[str]:
        return sorted(await databases(self._loader.storage))

    async def _index(self, name: str) -> bool:
        found = next((id for id, one in self._open.items() if one.name == name), None)
        if found is None:
            raise not_found(f"There is no database {name!r} here")
        await self.indexer.request(found)
        return True

    # -- indexing

    def novelty_bytes(self, database_id: str) -> int:
        """What the memory index of a database takes, about."""
        found = self._open.get(database_id)
        return 0 if found is None else found.novelty.bytes

    def _pressure(self, database_id: str) -> float:
        return pressure_of(self.novelty_bytes(database_id), self._limits.memory_index_threshold,
                           self._limits.memory_index_max)

    def publish(self, database_id: str, key: str) -> Deferred[None]:
        """Points the root to a new index, lays the value on it, and tells the peers."""
        if database_id not in self._open:
            return succeed(None)
        return ensureDeferred(self._publish(database_id, key))

    async def _publish(self, database_id: str, key: str) -> None:
        opened = self._open[database_id]
        index = await self._loader.index(key, opened.transactor.db.dictionary)
        await opened.log.set_index(key, index.root.basis_t)
        self._on_index(database_id, key)
        base = await self._loader.in_thread(base_over, index)
        base = await self._loader.in_thread(laid_on, base, list(opened.novelty.groups))
        await opened.transactor.rebase(lambda tip: laid_on(base, opened.novelty.groups))
        opened.novelty.adopt(index, key)


_ADMIN: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "create-database": (1, TransactorHost._create), "delete-database": (1, TransactorHost._delete),
    "rename-database": (2, TransactorHost._rename), "list-databases": (0, TransactorHost._list),
    "index": (1, TransactorHost._index),
}

