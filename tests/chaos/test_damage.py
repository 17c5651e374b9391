"""Row 17: bytes of stored segments are flipped; nobody gets a wrong answer, and nothing else stops."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from uuid import uuid4

import pytest

from peerserver.codec import edn
from peerserver.conformance.client import DbRef
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword

from .clients import Session, healthy, run
from .cluster import DATABASE, Cluster
from .load import patiently
from .processes import wait_until

_SCHEMA = "[{:db/ident :x/n :db/valueType :db.type/uuid :db/cardinality :db.cardinality/one}]"


@pytest.mark.timeout(300)
def test_flipped_bytes_are_told_and_not_read(tmp_path: Path) -> None:
    """A query over damaged segments is an anomaly, the server lives, what is newer than the index is served, and the
    whole is served again when the bytes are back."""
    with Cluster(tmp_path, "sqlite") as cluster:
        session = Session(cluster.servers, "p1", DATABASE)
        patiently(lambda: run(session.client.connect()), session)
        run(session.client.transact(edn.read(_SCHEMA)))
        for _ in range(15):
            run(session.client.transact(tuple({Keyword("x/n"): uuid4()} for _ in range(2_000))))
        cluster.transactors["t1"].wait_for("Indexed")
        wait_until(lambda: _segments(cluster), 30, "there are segments")
        kept = _flip(cluster)
        for label, process in cluster.peers.items():
            process.kill()
            cluster.start_peer(label)
            cluster.wait_for_peer(label)
        session.close()
        with pytest.raises(Anomaly) as told:
            _count(session)
        assert told.value.category in ("fault", "unavailable"), told.value
        assert healthy(cluster.servers["p1"])
        _restore(cluster, kept)
        assert patiently(lambda: _count(session), session) == 30_000
        session.close()


def _count(session: Session) -> int:
    run(session.client.connect())
    (row,) = run(session.client.q(edn.read("[:find (count ?v) :where [?e :x/n ?v]]"), [DbRef()]))
    return int(row[0])


def _segments(cluster: Cluster) -> dict[str, bytes]:
    """The larger values of indexes: columns, not the directories and roots."""
    database = sqlite3.connect(cluster.disk / "storage.db", timeout=10)
    found = {key: value for key, value in database.execute("select id, val from datomic_kvs where rev is null")
             if "/index/" in key and len(value) > 20_000}
    database.close()
    return found


def _flip(cluster: Cluster) -> dict[str, bytes]:
    kept = _segments(cluster)
    damaged = {}
    for key, value in kept.items():
        middle = len(value) // 2
        damaged[key] = value[:middle] + bytes([value[middle] ^ 0x10]) + value[middle + 1:]
    _restore(cluster, damaged)
    return kept


def _restore(cluster: Cluster, values: dict[str, bytes]) -> None:
    database = sqlite3.connect(cluster.disk / "storage.db", timeout=10)
    database.executemany("update datomic_kvs set val = ? where id = ?", [(value, key) for key, value in values.items()])
    database.commit()
    database.close()
