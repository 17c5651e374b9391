"""SQLite: the file that a ``datomic:dev://`` transactor keeps in its data folder and serves to peers."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.enterprise import adbapi

from .sql import SQLITE, SqlStorage

__all__ = ("open_sqlite",)

#: seconds that a statement waits for another process's lock before it fails.
LOCK_WAIT = 5.0


def _prepare(connection: sqlite3.Connection) -> None:
    # A commit is acknowledged only when it is on the disk: power loss must not take it back.
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")


async def open_sqlite(path: Path, reactor: object) -> SqlStorage:
    """Opens the file, making it and its table if need be; fails with StorageError when it can't."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pool = adbapi.ConnectionPool(
        "sqlite3",
        str(path),
        timeout=LOCK_WAIT,
        check_same_thread=False,
        # Every call is one statement: a process that is paused between statement and commit would keep the file locked.
        isolation_level=None,
        cp_min=1,
        cp_max=1,  # one connection, one thread: SQLite has one writer anyway
        cp_openfun=_prepare,
        cp_reactor=reactor,
        cp_name="storage-sqlite",
    )
    storage = SqlStorage(SQLITE, pool)
    await storage.create_table()
    return storage
