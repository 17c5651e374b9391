"""Cassandra: a table ``keyspace.table`` (id text, rev bigint, map text, val blob); records change by its
light-weight transactions, whose answer is serial.
"""

from __future__ import annotations

import re
from typing import Any, final

import attrs
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from peerserver.model.anomaly import incorrect

from .interfaces import IStorage, Record, StorageError
from .uri import DatabaseURI

__all__ = ("CassandraStorage", "open_cassandra")

CONNECT_TIMEOUT = 5.0
REQUEST_TIMEOUT = 8.0
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*\.[A-Za-z][A-Za-z0-9_]*")


@final
@implementer(IStorage)
@attrs.define
class CassandraStorage:
    """A session and its prepared statements."""

    _cluster: Any
    _session: Any
    _reactor: Any
    _statements: dict[str, Any]
    max_value: int = 1 << 20

    def get(self, key: str) -> Deferred[bytes | None]:
        async def ask() -> bytes | None:
            rows = await self._execute("get", (key,))
            return bytes(rows[0].val) if rows else None

        return ensureDeferred(ask())

    def put(self, key: str, value: bytes) -> Deferred[None]:
        return self._execute("put", (key, value)).addCallback(_nothing)

    def delete(self, key: str) -> Deferred[None]:
        return self._execute("delete", (key,)).addCallback(_nothing)

    def read(self, name: str) -> Deferred[Record | None]:
        async def ask() -> Record | None:
            rows = await self._execute("read", (name,))
            return Record(rows[0].rev, bytes(rows[0].val)) if rows else None

        return ensureDeferred(ask())

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        async def ask() -> bool:
            if revision:
                rows = await self._execute("update", (revision + 1, value, name, revision))
            else:
                rows = await self._execute("insert", (name, value))
            return bool(rows[0][0])

        return ensureDeferred(ask())

    def delete_record(self, name: str) -> Deferred[None]:
        # A plain delete does not see what a light-weight transaction wrote in the same instant.
        return self._execute("delete-record", (name,)).addCallback(_nothing)

    def close(self) -> Deferred[None]:
        return deferToThread(self._cluster.shutdown)

    def _execute(self, name: str, parameters: tuple[Any, ...]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()

        def answer(rows: Any) -> None:
            self._reactor.callFromThread(done.callback, list(rows or ()))

        def failed(error: Exception) -> None:
            problem = StorageError(f"Cassandra could not {name}: {type(error).__name__}")
            self._reactor.callFromThread(done.errback, problem)

        self._session.execute_async(self._statements[name], parameters).add_callbacks(answer, failed)
        return done


def _nothing(_: object) -> None:
    return None


def _statements(session: Any, table: str) -> dict[str, Any]:
    # The table's name was checked to be two plain identifiers: it can't be a bound parameter.
    from cassandra import ConsistencyLevel

    texts = {
        "get": f"select val from {table} where id = ?",
        "put": f"insert into {table} (id, val) values (?, ?)",
        "delete": f"delete from {table} where id = ?",
        "read": f"select rev, val from {table} where id = ?",
        "insert": f"insert into {table} (id, rev, val) values (?, 1, ?) if not exists",
        "update": f"update {table} set rev = ?, val = ? where id = ? if rev = ?",
        "delete-record": f"delete from {table} where id = ? if exists",
    }
    made = {name: session.prepare(text) for name, text in texts.items()}
    for statement in made.values():
        statement.consistency_level = ConsistencyLevel.QUORUM
        statement.serial_consistency_level = ConsistencyLevel.SERIAL
    made["read"].consistency_level = ConsistencyLevel.SERIAL
    return made


async def open_cassandra(uri: DatabaseURI, reactor: Any, create: bool = False) -> CassandraStorage:
    """Connects (in a thread: the driver blocks); with ``create`` the keyspace and table are made if missing.

    Fails with Anomaly incorrect for a name that is no identifier, StorageError when the cluster can't be reached.
    """
    if not _TABLE.fullmatch(uri.table):
        raise incorrect(f"{uri}: name the table as keyspace.table, letters, digits and _ only")
    return await deferToThread(_open, uri, reactor, create)


def _open(uri: DatabaseURI, reactor: Any, create: bool) -> CassandraStorage:
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile

    user, password = uri.options.get("user"), uri.options.get("password")
    ssl_context = None
    if uri.options.get("ssl") == "true":
        import ssl

        ssl_context = ssl.create_default_context()
    cluster = Cluster(
        [uri.host],
        port=uri.port,
        auth_provider=PlainTextAuthProvider(user, password) if user else None,
        ssl_context=ssl_context,
        connect_timeout=CONNECT_TIMEOUT,
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=REQUEST_TIMEOUT)},
    )
    try:
        session = cluster.connect()
        keyspace, _, _ = uri.table.partition(".")
        if create:
            session.execute(
                f"create keyspace if not exists {keyspace} "
                "with replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
            )
            session.execute(
                f"create table if not exists {uri.table} (id text primary key, rev bigint, map text, val blob)"
            )
        return CassandraStorage(cluster, session, reactor, _statements(session, uri.table))
    except Exception as error:
        cluster.shutdown()
        raise StorageError(f"Cassandra at {uri.host}:{uri.port} could not be used: {type(error).__name__}") from error
