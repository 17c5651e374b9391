"""Storages behind connections that fall silent, and clients that are paused: nobody waits for them for long."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from peerserver.storage.interfaces import StorageError
from peerserver.storage.jdbc import SOCKET_TIMEOUT, open_jdbc, parse_jdbc
from tests.services.jars import Missing

from .processes import Postgres, Process, Proxy

_WRITER = """
import sys
from twisted.internet import reactor, task
from twisted.internet.defer import ensureDeferred
from peerserver.storage.jdbc import open_jdbc, parse_jdbc

async def work():
    storage = open_jdbc(parse_jdbc(sys.argv[1]), 2, reactor)
    await storage.create_table()
    revision = 0
    while await storage.compare_and_set("root", revision, b"x" * 100):
        revision += 1
        if revision == 1:
            print("ready", flush=True)

task.react(lambda reactor: ensureDeferred(work()))
"""


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    try:
        found = Postgres()
    except Missing as missing:
        warnings.warn(f"NOT TESTED: this machine lacks {missing}", stacklevel=1)
        pytest.skip(f"NOT TESTED: this machine lacks {missing}")
    found.start()
    yield found
    found.end()


def _jdbc(port: int) -> str:
    return f"jdbc:postgresql://127.0.0.1:{port}/postgres?user=peer"


@pytest_twisted.ensureDeferred
async def test_a_connection_that_falls_silent_is_replaced(postgres: Postgres) -> None:
    """Row 13: who waits is told, and the next call goes over a new connection; the pool is not used up."""
    from twisted.internet import reactor

    proxy = Proxy(postgres.port)
    try:
        storage = open_jdbc(parse_jdbc(_jdbc(proxy.port)), 1, reactor)
        await storage.create_table()
        await storage.put("key", b"value")
        proxy.tell("forsake")
        began = time.monotonic()
        with pytest.raises(StorageError):
            await storage.get("key")
        assert time.monotonic() - began < 3 * SOCKET_TIMEOUT
        assert await storage.get("key") == b"value"
        await storage.close()
    finally:
        proxy.end()


@pytest_twisted.ensureDeferred
async def test_a_paused_writer_keeps_no_lock(postgres: Postgres, tmp_path: Path) -> None:
    """Row 2: whenever a writer is stopped, another can change the same record at once."""
    from twisted.internet import reactor

    writer = Process("writer", [sys.executable, "-c", _WRITER, _jdbc(postgres.port)], tmp_path)
    storage = open_jdbc(parse_jdbc(_jdbc(postgres.port)), 1, reactor)
    slowest = 0.0
    for _ in range(6):
        before = writer.size()
        writer.start()
        writer.wait_for("ready", since=before)
        time.sleep(0.1)  # noqa: ASYNC251 - nothing else is to go on here
        writer.pause()
        try:
            began = time.monotonic()
            record = await storage.read("root")
            while record is None or not await storage.compare_and_set("root", record.revision, b"y"):
                record = await storage.read("root")
            slowest = max(slowest, time.monotonic() - began)
        finally:
            writer.kill()
        await storage.delete_record("root")
    await storage.close()
    assert slowest < SOCKET_TIMEOUT
