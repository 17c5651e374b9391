"""Entity ids: a partition in the high bits, a number in the low 42.

Transactions live in partition 3, so the id of transaction ``t`` is ``tx_id(t)``. Numbers of new
entities and the t of transactions come from one counter (oracle: ``bootstrap``); schema entities
live in partition 0 and have a counter of their own.
"""

from __future__ import annotations

__all__ = (
    "FIRST_T",
    "FIRST_USER_SCHEMA_ID",
    "NUMBER_MASK",
    "PART_DB",
    "PART_SHIFT",
    "PART_TX",
    "PART_USER",
    "IMPLICIT_PARTITIONS",
    "BOOT_T",
    "entity_id",
    "implicit_partition",
    "implicit_partition_number",
    "is_tx",
    "number_of",
    "partition_of",
    "t_of",
    "tx_id",
)

PART_SHIFT = 42
NUMBER_MASK = (1 << PART_SHIFT) - 1

PART_DB = 0
PART_TX = 3
PART_USER = 4

# An implicit partition's own entity id is its number shifted up: (2**19 | n) << 42 (oracle).
IMPLICIT_PARTITIONS = 1 << 19
_IMPLICIT_BIT = 1 << 19

#: t of the last transaction that a new database comes with (oracle: 66), and of the first user's.
BOOT_T = 66
FIRST_T = 1000
#: entity id of the first attribute that a user installs.
FIRST_USER_SCHEMA_ID = 72


def entity_id(partition: int, number: int) -> int:
    """The entity id of ``number`` in ``partition``."""
    return partition << PART_SHIFT | number


def partition_of(eid: int) -> int:
    """The partition's number: its own entity id, for a partition that was installed by ident."""
    return eid >> PART_SHIFT


def number_of(eid: int) -> int:
    """The id without its partition: for a transaction, its t."""
    return eid & NUMBER_MASK


def tx_id(t: int) -> int:
    """The entity id of transaction ``t``."""
    return PART_TX << PART_SHIFT | t


def t_of(tx: int) -> int:
    """The t of a transaction id."""
    return tx & NUMBER_MASK


def is_tx(eid: int) -> bool:
    """Whether an id lies in the transaction partition."""
    return eid >> PART_SHIFT == PART_TX


def implicit_partition(n: int) -> int:
    """The partition number of the n-th implicit partition; ValueError outside 0 … 2^19-1."""
    if not 0 <= n < IMPLICIT_PARTITIONS:
        raise ValueError(f"implicit partitions are numbered 0 to {IMPLICIT_PARTITIONS - 1}, not {n}")
    return _IMPLICIT_BIT | n


def implicit_partition_number(partition: int) -> int | None:
    """The inverse of :func:`implicit_partition`, or None."""
    return partition & ~_IMPLICIT_BIT if partition & _IMPLICIT_BIT else None
