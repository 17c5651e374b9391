"""Tempids become entity ids: by unique identity (upsert), by each other, or new.

Rules (oracle, ``transact-tempids/unify-*``, ``upsert-*``): identity values are looked at in the order in
which they stand, and the last one that says something wins, whether it names a held value or one that an
earlier tempid claimed; contradictions surface later as conflicts. New ids are given in the order in which
tempids are first met as entities. Ids that were never given out are refused first.
What is not decided here: whether the resolved operations agree (``transact.emit``).
"""

from __future__ import annotations

from peerserver.index.alike import holder_like
from peerserver.model import anomaly
from peerserver.model.entity import PART_DB, PART_SHIFT, PART_TX, PART_USER

from . import errors
from .emit import value_of
from .partitions import partition_of_slot
from .state import State

__all__ = ("Ids", "resolve")


class Ids:
    """The counters after a transaction: what the next one begins with."""

    __slots__ = ("next_schema_id", "next_t")

    def __init__(self, next_t: int, next_schema_id: int) -> None:
        self.next_t = next_t
        self.next_schema_id = next_schema_id


def resolve(state: State) -> Ids:
    """Fill ``state.final``: the entity id of each tempid in use. Raises an Anomaly for a tempid that is
    only a value, and for a cycle of partitions."""
    if state.suspects:
        for e in state.es:
            if e in state.suspects:
                raise errors.invalid_entity_id(e)
    links = _upsert(state) if state.identities else {}
    final = state.final
    ids = Ids(state.next_t + 1, state.db.next_schema_id)
    simple = not (state.affinity or state.forced or state.schema_slots)
    user = PART_USER << PART_SHIFT
    if simple and not links:
        for slot in state.order:
            if final[slot] < 0:
                final[slot] = user | ids.next_t
                ids.next_t += 1
    else:
        _allocate(state, links, ids)
    for slot in state.value_slots:
        if final[slot] < 0 or not (state.used[slot] or final[slot] == state.tx):
            raise errors.tempid_only_value(state.keys[slot])
    return ids


def _upsert(state: State) -> dict[int, int]:
    """What tempids are: entity ids go into ``final``; the result maps a slot to the slot it is one with."""
    final, db = state.final, state.db
    claims: dict[tuple[int, object], int] = {}
    links: dict[int, int] = {}
    for e, handler, code in state.identities:
        slot = ~e
        aid = handler.aid
        key: object = code
        if not (handler.ref and code < 0):
            if not handler.is_new(code):
                holder = db.holder(aid, code)
                if holder is None and handler.varies:
                    like = holder_like(db, handler.attribute, value_of(state, handler, code))
                    holder = None if like is None else like[0]
                if holder is not None:
                    final[slot] = holder
                    links.pop(slot, None)
                    continue
            if handler.canon is not None:
                key = handler.canon(code)
        claimer = claims.setdefault((aid, key), slot)
        if claimer != slot:
            links[slot] = claimer
            final[slot] = -1
    return links


def _root(links: dict[int, int], slot: int) -> int:
    seen = {slot}
    while slot in links:
        slot = links[slot]
        if slot in seen:
            return min(seen)
        seen.add(slot)
    return slot


def _allocate(state: State, links: dict[int, int], ids: Ids) -> None:
    final = state.final
    if links and state.schema_slots:
        state.schema_slots |= {_root(links, slot) for slot in state.schema_slots}
    for slot in state.order:
        root = _root(links, slot) if slot in links else slot
        if final[root] < 0:
            partition = PART_DB if root in state.schema_slots else partition_of_slot(state, root)
            if partition == PART_TX:
                final[root] = state.tx
            elif partition == PART_DB:
                state.schema_slots.add(root)
                final[root] = ids.next_schema_id
                ids.next_schema_id += 1
            else:
                final[root] = partition << PART_SHIFT | ids.next_t
                ids.next_t += 1
        final[slot] = final[root]
    if ids.next_schema_id >= 1 << 20:
        raise anomaly.incorrect("A database holds at most 2^20 schema elements", "too-many-schema-elements")
