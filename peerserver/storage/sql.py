"""Storage in one SQL table: SQLite, PostgreSQL and MySQL/MariaDB differ in a few statements.

The table is Datomic's ``datomic_kvs`` (id, rev, map, val); ``bin/sql`` has the scripts that make it. Values have no
revision, records have one. Blocking drivers run in adbapi's own threads; every socket has a time limit, so that a
connection that was silently dropped is noticed and replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import attrs
from twisted.enterprise import adbapi
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, succeed
from zope.interface import implementer

from .interfaces import IStorage, Record, StorageError, StorageFull

__all__ = ("MYSQL", "POSTGRESQL", "SQLITE", "Dialect", "SqlStorage")


@final
@attrs.frozen
class Dialect:
    """What one SQL database says differently. Statements are constants; everything else is a bound parameter."""

    name: str
    create: str
    insert_if_absent: str
    mark: str
    is_full: Callable[[Exception], bool]

    def statement(self, text: str) -> str:
        return text.replace("?", self.mark)


def _sqlite_full(error: Exception) -> bool:
    return "database or disk is full" in str(error)


def _postgresql_full(error: Exception) -> bool:
    return getattr(error, "sqlstate", None) == "53100"


def _mysql_full(error: Exception) -> bool:
    return bool(error.args) and error.args[0] in (1021, 1114, 3675)


SQLITE: Final = Dialect(
    "SQLite",
    "create table if not exists datomic_kvs (id text primary key, rev integer, map text, val blob) without rowid",
    "insert into datomic_kvs (id, rev, val) values (?, ?, ?) on conflict (id) do nothing",
    "?",
    _sqlite_full,
)
POSTGRESQL: Final = Dialect(
    "PostgreSQL",
    "create table if not exists datomic_kvs (id text primary key, rev integer, map text, val bytea)",
    "insert into datomic_kvs (id, rev, val) values (?, ?, ?) on conflict (id) do nothing",
    "%s",
    _postgresql_full,
)
MYSQL: Final = Dialect(
    "MySQL",
    "create table if not exists datomic_kvs (id varchar(255) character set ascii collate ascii_bin primary key, "
    "rev integer, map text, val longblob)",
    "insert ignore into datomic_kvs (id, rev, val) values (?, ?, ?)",
    "%s",
    _mysql_full,
)


@final
@implementer(IStorage)
@attrs.define
class SqlStorage:
    """The table behind a pool of connections, each in a thread of its own."""

    dialect: Dialect
    _pool: adbapi.ConnectionPool
    max_value: int = 1 << 24

    def create_table(self) -> Deferred[None]:
        """Makes the table if it isn't there."""

        def work(cursor: Any) -> None:
            cursor.execute(self.dialect.create)

        return self._run("create the table", work)

    def get(self, key: str) -> Deferred[bytes | None]:
        def work(cursor: Any) -> bytes | None:
            row = self._one(cursor, "select val from datomic_kvs where id = ?", (key,))
            return None if row is None else bytes(row[0])

        return self._run("read", work)

    def put(self, key: str, value: bytes) -> Deferred[None]:
        def work(cursor: Any) -> None:
            cursor.execute(self.dialect.statement(self.dialect.insert_if_absent), (key, None, value))

        return self._run("write", work)

    def delete(self, key: str) -> Deferred[None]:
        def work(cursor: Any) -> None:
            cursor.execute(self.dialect.statement("delete from datomic_kvs where id = ?"), (key,))

        return self._run("delete", work)

    def read(self, name: str) -> Deferred[Record | None]:
        def work(cursor: Any) -> Record | None:
            row = self._one(cursor, "select rev, val from datomic_kvs where id = ?", (name,))
            return None if row is None else Record(row[0], bytes(row[1]))

        return self._run("read", work)

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        def work(cursor: Any) -> bool:
            if revision == 0:
                cursor.execute(self.dialect.statement(self.dialect.insert_if_absent), (name, 1, value))
            else:
                text = "update datomic_kvs set rev = ?, val = ? where id = ? and rev = ?"
                cursor.execute(self.dialect.statement(text), (revision + 1, value, name, revision))
            return bool(cursor.rowcount == 1)

        return self._run("compare and set", work)

    def delete_record(self, name: str) -> Deferred[None]:
        return self.delete(name)

    def close(self) -> Deferred[None]:
        self._pool.close()
        return succeed(None)

    def _one(self, cursor: Any, text: str, parameters: tuple[Any, ...]) -> Any:
        cursor.execute(self.dialect.statement(text), parameters)
        return cursor.fetchone()

    def _run(self, what: str, work: Callable[[Any], Any]) -> Deferred[Any]:
        async def guarded() -> Any:
            try:
                return await self._pool.runInteraction(work)
            except CancelledError:
                raise
            except Exception as error:  # drivers have no common base class
                kind = StorageFull if self.dialect.is_full(error) else StorageError
                # A driver's text can hold the connection string: only the error's class is told.
                raise kind(f"{self.dialect.name} could not {what}: {type(error).__name__}") from error

        return ensureDeferred(guarded())
