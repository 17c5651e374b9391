"""Partitions: the directives of transaction data, and where a new entity goes.

Rules (oracle, ``schema-install/force-*``, ``match-*``; ``transact/force-*``): force wins over match; a
match with an entity of the schema's or the transactions' partition has no effect; nested maps follow
their parent; directives for tempids that aren't used, or that resolve, are idle.
What is not decided here: the numbers within a partition (``transact.resolve``).
"""

from __future__ import annotations

from typing import Any, Final

from peerserver.model import anomaly
from peerserver.model.entity import (
    PART_DB,
    PART_SHIFT,
    PART_TX,
    PART_USER,
    implicit_partition_number,
)

from . import errors
from .naming import entity
from .plan import DB_PART, INSTALL_PARTITION
from .state import State

__all__ = ("direct", "partition_of_slot")

_NOWHERE: Final = (None, None, None)


def direct(state: State, force: bool, directive: Any) -> None:
    """Take in the value of a ``:db/force-partition`` or ``:db/match-partition`` key."""
    name = "force" if force else "match"
    if not isinstance(directive, dict):
        raise anomaly.incorrect(f"Value of :db/{name}-partition must be a map, got {errors.show(directive)}",
                                f"invalid-{name}-partition-map")
    for tempid, target in directive.items():
        e = entity(state, tempid, _NOWHERE)
        if force:
            found = state.db.entid(target)
            if found is None:
                raise anomaly.incorrect(f"Invalid db/id: {errors.show(target)} is no partition", "not-a-db-id")
            if e < 0:
                # A partition's own id is its number; of an implicit partition, or any other entity, the bits say.
                state.forced[~e] = found >> PART_SHIFT or found
        else:
            other = entity(state, target, _NOWHERE)
            if e < 0:
                state.affinity[~e] = other


def partition_of_slot(state: State, slot: int) -> int:
    """The partition of a tempid that becomes a new entity."""
    seen = {slot}
    start = slot
    while True:
        forced = state.forced.get(slot)
        if forced is not None:
            break
        target = state.affinity.get(slot)
        if target is None:
            return PART_USER
        if target >= 0 or state.final[~target] >= 0:
            eid = target if target >= 0 else state.final[~target]
            partition = eid >> PART_SHIFT
            return PART_USER if partition in (PART_DB, PART_TX) else partition
        slot = ~target
        if slot in seen:
            raise anomaly.incorrect(f"The partitions of tempids follow each other in a cycle: {state.keys[start]}",
                                    "cycle-in-affinity")
        seen.add(slot)
    if forced not in (PART_DB, PART_TX, PART_USER) and implicit_partition_number(forced) is None \
            and forced not in state.db.codes(DB_PART, INSTALL_PARTITION):
        raise anomaly.incorrect(f"Entity id {state.keys[start]} is not in a valid partition: install it first",
                                "not-a-partition")
    if forced == PART_TX:
        return PART_TX if slot == start else PART_USER
    return forced if forced != PART_DB or slot == start else PART_USER
