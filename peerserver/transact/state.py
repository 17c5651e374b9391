"""What a transaction knows while it is made: the operations found so far, and its tempids.

An entity is an int: an entity id, or, when negative, ``~slot`` for the tempid of that number. Until the
tempids are resolved (``transact.resolve``) the columns hold such ints.
What is not decided here: how forms become operations (``transact.expand``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from peerserver.database import Database
from peerserver.model.entity import NUMBER_MASK, PART_SHIFT, PART_TX, PART_USER, tx_id
from peerserver.model.values import INT64_MIN

from .plan import Handler, Plan

__all__ = ("FIRST_TEMPID", "State", "TxFunction")

TxFunction = Callable[..., Any]

# Bit 62 marks a tempid; numbers below are entity ids of partitions up to 2^20-1 (oracle: huge-positive).
FIRST_TEMPID: Final = 1 << 62
# Maps without :db/id get tempids like those that Datomic makes: negative, in a partition of their own.
_ANONYMOUS: Final = INT64_MIN + (16 << PART_SHIFT) + 1_000_001
_PARTITION_MASK: Final = (1 << 20) - 1


class State:
    """One transaction in the making. ``es``, ``hs``, ``vs`` are parallel: entity, handler, value code
    (for refs: an entity). Positions in ``retracts`` are retractions, the others assertions."""

    __slots__ = ("affinity", "db", "depth", "ensures", "es", "final", "forced", "functions", "has_instant",
                 "has_schema", "hs", "identities", "installed", "keys", "next_t", "now", "open_tuples", "order", "plan",
                 "present", "retracts", "schema_slots", "slots", "suspects", "tx", "used", "value_slots", "vs")

    def __init__(self, db: Database, plan: Plan, now: int, functions: Mapping[str, TxFunction]) -> None:
        self.db = db
        self.plan = plan
        self.now = now
        self.functions = functions
        self.next_t = db.next_t
        self.tx = tx_id(db.next_t)
        self.es: list[int] = []
        self.hs: list[Handler] = []
        self.vs: list[int] = []
        self.retracts: set[int] = set()
        #: positions of retractions that were read from the database, so they need no second look
        self.present: set[int] = set()
        #: tempid -> slot; per slot: the tempid, whether a form says something about it, its entity id
        self.slots: dict[Any, int] = {}
        self.keys: list[Any] = []
        self.used: list[bool] = []
        self.final: list[int] = []
        #: slots in the order in which they are met as entities
        self.order: list[int] = []
        #: ``(slot entity, handler, code)`` of identity attributes, in order
        self.identities: list[tuple[int, Handler, int]] = []
        self.value_slots: list[int] = []
        self.ensures: list[tuple[int, int]] = []
        self.affinity: dict[int, int] = {}
        self.forced: dict[int, int] = {}
        self.schema_slots: set[int] = set()
        self.open_tuples: dict[int, tuple[Any, ...]] = {}
        self.installed: list[int] = []
        #: numbers in entity position that were never given out: an error if something is said about them
        self.suspects: set[int] = set()
        self.has_schema = False
        self.has_instant = False
        self.depth = 0

    # -- tempids

    def slot(self, tempid: str) -> int:
        """The slot of a string tempid."""
        found = self.slots.get(tempid)
        if found is None:
            found = self.slots[tempid] = self._add(tempid, self.tx if tempid == "datomic.tx" else -1)
        return found

    def number_slot(self, number: int) -> int:
        """The slot of a tempid that is a number: its partition is in its bits."""
        found = self.slots.get(number)
        if found is None:
            partition = (number >> PART_SHIFT) & _PARTITION_MASK
            found = self.slots[number] = self._add(number, self.tx if partition == PART_TX else -1)
            if partition != PART_USER and partition != PART_TX:
                self.forced[found] = partition
        return found

    def anonymous_slot(self) -> int:
        """A new slot for a map without :db/id."""
        return self._add(_ANONYMOUS + len(self.keys), -1)

    def _add(self, key: Any, eid: int) -> int:
        slot = len(self.keys)
        self.keys.append(key)
        self.used.append(False)
        self.final.append(eid)
        return slot

    def mark(self, e: int) -> None:
        """Something is said about an entity: if it is a tempid, it will get an id in this order."""
        if e < 0 and not self.used[~e]:
            self.used[~e] = True
            self.order.append(~e)

    def name_of(self, e: int) -> Any:
        """An entity as the user knows it: an id, or a tempid."""
        return e if e >= 0 else self.keys[~e]

    # -- operations

    def push(self, e: int, handler: Handler, code: int) -> None:
        """One assertion."""
        self.es.append(e)
        self.hs.append(handler)
        self.vs.append(code)

    def push_retract(self, e: int, handler: Handler, code: int) -> None:
        """One retraction."""
        self.retracts.add(len(self.es))
        self.push(e, handler, code)

    def push_present(self, e: int, handler: Handler, code: int) -> None:
        """The retraction of a datom that the database has."""
        position = len(self.es)
        self.retracts.add(position)
        self.present.add(position)
        self.es.append(e)
        self.hs.append(handler)
        self.vs.append(code)

    def is_fresh(self, e: int) -> bool:
        """Whether an entity id was given out by this transaction."""
        return (e & NUMBER_MASK) >= self.next_t
