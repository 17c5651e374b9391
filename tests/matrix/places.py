"""Every storage that a transactor can have, with a real service behind it: its properties, its URIs, how it restarts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from tests.chaos.processes import Postgres
from tests.services import servers

__all__ = ("KINDS", "Place", "place")

KINDS = ("dev", "sqlite", "postgresql", "mariadb", "ddb-local", "cass")


@attrs.frozen
class Place:
    """``properties``: lines for the transactor; ``uri(name)``: a database's; ``restart``: of the service, or None where
    it would forget its data (DynamoDB Local in memory) or there is no service of its own."""

    kind: str
    properties: Sequence[str]
    uri: Callable[[str], str]
    restart: Callable[[], None] | None = None


@contextlib.contextmanager
def place(kind: str, folder: Path, port: int) -> Iterator[Place]:
    """The storage, until the end of the block. ``port`` is the transactor's (a dev storage is reached there)."""
    with _PLACES[kind](folder, port) as found:
        yield found


@contextlib.contextmanager
def _dev(folder: Path, port: int) -> Iterator[Place]:
    yield Place("dev", ["protocol=dev"], lambda name: f"datomic:dev://127.0.0.1:{port}/{name}")


@contextlib.contextmanager
def _sqlite(folder: Path, port: int) -> Iterator[Place]:
    jdbc = f"jdbc:sqlite:{folder / 'storage.db'}"
    yield Place("sqlite", ["protocol=sql", f"sql-url={jdbc}"], lambda name: f"datomic:sql://{name}?{jdbc}")


@contextlib.contextmanager
def _postgresql(folder: Path, port: int) -> Iterator[Place]:
    service = Postgres()
    service.start()
    jdbc = f"jdbc:postgresql://127.0.0.1:{service.port}/postgres"

    def restart() -> None:
        service.stop()
        service.start()

    try:
        yield Place("postgresql", ["protocol=sql", f"sql-url={jdbc}", "sql-user=peer", "sql-password=peer"],
                    lambda name: f"datomic:sql://{name}?{jdbc}?user=peer&password=peer", restart)
    finally:
        service.end()


@contextlib.contextmanager
def _mariadb(folder: Path, port: int) -> Iterator[Place]:
    with servers.mariadb() as service:
        jdbc = f"jdbc:mysql://127.0.0.1:{service}/peer"
        yield Place("mariadb", ["protocol=sql", f"sql-url={jdbc}", "sql-user=peer", "sql-password=peer"],
                    lambda name: f"datomic:sql://{name}?{jdbc}?user=peer&password=peer")


@contextlib.contextmanager
def _dynamodb(folder: Path, port: int) -> Iterator[Place]:
    with servers.dynamodb() as service:
        keys = "aws_access_key_id=a&aws_secret_key=b"
        yield Place("ddb-local", ["protocol=ddb-local", "aws-dynamodb-table=peer",
                                  f"aws-dynamodb-override-endpoint=127.0.0.1:{service}", "aws-access-key-id=a",
                                  "aws-secret-key=b"],
                    lambda name: f"datomic:ddb-local://127.0.0.1:{service}/peer/{name}?{keys}")


@contextlib.contextmanager
def _cassandra(folder: Path, port: int) -> Iterator[Place]:
    with servers.cassandra() as service:
        yield Place("cass", ["protocol=cass", "cassandra-host=127.0.0.1", f"cassandra-port={service}",
                             "cassandra-table=peer.kvs"],
                    lambda name: f"datomic:cass://127.0.0.1:{service}/peer.kvs/{name}")


_PLACES = {"dev": _dev, "sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb, "ddb-local": _dynamodb,
           "cass": _cassandra}
