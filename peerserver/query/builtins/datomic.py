"""Functions of ``datomic.api`` on ids and on a database.

Those on a database are marked ``needs_db``: their first argument is a ``Database``, of which they use
``entid``, ``ident``, ``basis_t`` and the time filters only. What is not decided here: ``pull`` and ``q``
(the query engine's own), ``entity`` (refused: an entity is no value).
"""

from __future__ import annotations

import uuid
from typing import Any

from ...model.entity import (
    NUMBER_MASK,
    PART_SHIFT,
    entity_id,
    implicit_partition,
    implicit_partition_number,
    number_of,
    partition_of,
    t_of,
    tx_id,
)
from ...model.values import Instant
from .function import Wrong, define, defines
from .numbers import long_of

__all__ = ()


@defines("datomic.api/squuid-time-millis")
def _squuid_time(value: Any) -> int:
    if not isinstance(value, uuid.UUID):
        raise Wrong(f"not a uuid: {type(value).__name__}")
    return (value.int >> 96) * 1000


def _implicit_number(partition: Any) -> int | None:
    return implicit_partition_number(partition_of(long_of(partition)))


@defines("datomic.api/entid-at", 3, needs_db=True)
def _entid_at(db: Any, partition: Any, point: Any) -> int:
    if isinstance(point, Instant):
        raise Wrong("give a t, not an instant")
    found = db.entid(partition)
    if found is None:
        raise Wrong("the partition is unknown")
    number = number_of(long_of(point))
    # A partition's number: its own entity id, or what an implicit partition's id has in its high bits.
    high = found if found <= NUMBER_MASK else partition_of(found)
    return entity_id(high, number)


def _part(eid: int) -> int:
    # A named partition is its own number; an implicit one has the number in its high bits (oracle: transact/force-implicit).
    number = partition_of(eid)
    return number << PART_SHIFT if implicit_partition_number(number) is not None else number


define("datomic.api/tx->t", lambda tx: t_of(long_of(tx)))
define("datomic.api/t->tx", lambda t: tx_id(number_of(long_of(t))))
define("datomic.api/part", lambda eid: _part(long_of(eid)))
define("datomic.api/implicit-part", lambda n: implicit_partition(long_of(n)) << 42)
define("datomic.api/implicit-part-id", _implicit_number)
define("datomic.api/entid", lambda db, ident: db.entid(ident), 2, needs_db=True)
define("datomic.api/ident", lambda db, eid: db.ident_of(eid), 2, needs_db=True)
define("datomic.api/basis-t", lambda db: db.basis_t, 1, needs_db=True)
define("datomic.api/next-t", lambda db: db.next_t, 1, needs_db=True)
define("datomic.api/as-of-t", lambda db: db.as_of_t, 1, needs_db=True)
define("datomic.api/since-t", lambda db: db.since_t, 1, needs_db=True)
define("datomic.api/is-history", lambda db: db.is_history, 1, needs_db=True)
