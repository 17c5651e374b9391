"""Every storage there is, as one parametrised fixture, on real services."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from peerserver.storage.cassandra import open_cassandra
from peerserver.storage.dynamodb import open_dynamodb
from peerserver.storage.jdbc import open_jdbc, parse_jdbc
from peerserver.storage.memory import MemoryStorage
from peerserver.storage.sqlite import open_sqlite
from peerserver.storage.uri import parse_uri
from tests.services import servers
from tests.services.jars import Missing

STORAGES = ("memory", "sqlite", "postgresql", "mariadb", "dynamodb", "cassandra")


def service(start: AbstractContextManager[int]) -> Iterator[int]:
    """Runs a real service for the session, or says loudly that its family was not tested."""
    try:
        with start as port:
            yield port
    except Missing as missing:
        warnings.warn(f"NOT TESTED: this machine lacks {missing}", stacklevel=1)
        pytest.skip(f"NOT TESTED: this machine lacks {missing}")


@pytest.fixture(scope="session")
def postgresql_port() -> Iterator[int]:
    yield from service(servers.postgresql())


@pytest.fixture(scope="session")
def mariadb_port() -> Iterator[int]:
    yield from service(servers.mariadb())


@pytest.fixture(scope="session")
def dynamodb_port() -> Iterator[int]:
    yield from service(servers.dynamodb())


@pytest.fixture(scope="session")
def cassandra_port() -> Iterator[int]:
    yield from service(servers.cassandra())


@pytest.fixture(scope="session")
def memcached_port() -> Iterator[int]:
    yield from service(servers.memcached())


async def _open(name: str, port: int, folder: Path, reactor: Any) -> Any:
    if name == "memory":
        return MemoryStorage()
    if name == "sqlite":
        return await open_sqlite(folder / "storage.db", reactor)
    if name in ("postgresql", "mariadb"):
        user, database = ("peer", "postgres") if name == "postgresql" else ("peer&password=peer", "peer")
        storage = open_jdbc(parse_jdbc(f"jdbc:{name}://127.0.0.1:{port}/{database}?user={user}"), 4, reactor)
        await storage.create_table()
        return storage
    if name == "dynamodb":
        text = f"datomic:ddb-local://127.0.0.1:{port}/peer/db?aws_access_key_id=a&aws_secret_key=b"
        dynamo = open_dynamodb(parse_uri(text), 4, reactor)
        await dynamo.create_table()
        return dynamo
    return await open_cassandra(parse_uri(f"datomic:cass://127.0.0.1:{port}/peer.kvs/db"), reactor, create=True)


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """An open storage of each kind."""
    from twisted.internet import reactor
    from twisted.internet.defer import ensureDeferred

    port = 0 if request.param in ("memory", "sqlite") else request.getfixturevalue(f"{request.param}_port")
    opened = pytest_twisted.blockon(ensureDeferred(_open(request.param, port, tmp_path, reactor)))
    yield opened
    pytest_twisted.blockon(opened.close())
