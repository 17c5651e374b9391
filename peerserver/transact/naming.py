"""Names in transaction data: what stands for an entity, a reference's value, an attribute.

Rules (oracle, ``transact-forms/*``, ``transact-tempids/*``): a string with a colon, a keyword or a
symbol is an ident; other strings are tempids; negative numbers and numbers from 2^62 are tempids whose
partition is in their bits; a list is a lookup ref. All but tempids resolve in the database before the
transaction.
What is not decided here: which entity a tempid becomes (``transact.resolve``), and whether a number was ever
given out (``transact.resolve``).
"""

from __future__ import annotations

from typing import Any

from peerserver.index.identifiers import long_of
from peerserver.model import anomaly
from peerserver.model.entity import NUMBER_MASK, PART_SHIFT
from peerserver.model.values import INT64_MIN, Keyword, Symbol, Tagged

from . import errors
from .encoders import keyword_of
from .plan import IDENT, Handler
from .state import FIRST_TEMPID, State

__all__ = ("attribute_handler", "entity", "known_entity", "reference")


def entity(state: State, x: Any, form: Any) -> int:
    """The entity that ``x`` stands for: an id, or ``~slot``. ``form`` is named in errors."""
    kind = type(x)
    if kind is str and x[:1] != ":":
        slot = state.slots.get(x)
        return ~(state.slot(x) if slot is None else slot)
    if kind is int and 0 <= x < FIRST_TEMPID:
        if x & NUMBER_MASK >= state.next_t:
            state.suspects.add(x)
        return int(x)
    found = _name(state, x, form)
    if found >= 0 and found & NUMBER_MASK >= state.next_t:
        state.suspects.add(found)
    return found


def reference(state: State, x: Any, form: Any) -> int:
    """The value of a reference: an id, which need not exist, or ``~slot``."""
    kind = type(x)
    if kind is int and 0 <= x < FIRST_TEMPID:
        return int(x)
    if kind is str and x[:1] != ":":
        slot = state.slots.get(x)
        if slot is None:
            slot = state.slot(x)
        state.value_slots.append(slot)
        return ~slot
    if x is None:
        raise errors.nil_value(form)
    found = _name(state, x, form)
    if found < 0:
        state.value_slots.append(~found)
    return found


def _name(state: State, x: Any, form: Any) -> int:
    if isinstance(x, (Keyword, Symbol)) or type(x) is str:
        found = state.db.schema.entids.get(keyword_of(x))
        if found is None:
            raise errors.not_an_entity(x, form)
        return found
    if isinstance(x, (tuple, list)):
        found = _lookup(state, tuple(x))
        if found is None:
            raise errors.not_an_entity(x, form)
        return found
    if isinstance(x, int) and not isinstance(x, bool):
        return int(x) if 0 <= long_of(x) < FIRST_TEMPID else ~state.number_slot(int(x))
    if isinstance(x, Tagged) and x.tag == "db/id":
        return ~state.number_slot(_structural(state, x.value))
    raise errors.not_an_entity(x, form)


def _structural(state: State, value: Any) -> int:
    # #db/id[:db.part/user -1]: the sign bit, the partition and the number in 42 bits.
    parts = tuple(value) if isinstance(value, (tuple, list)) else ()
    if not 1 <= len(parts) <= 2 or (len(parts) == 2 and (type(parts[1]) is not int or parts[1] >= 0)):
        raise anomaly.incorrect(f"Invalid db/id: {errors.show(value)}; it is [partition] or [partition -number]",
                                "not-a-db-id")
    partition = parts[0] if type(parts[0]) is int else (
        state.db.schema.entids.get(keyword_of(parts[0])) if isinstance(parts[0], (Keyword, str)) else None)
    if partition is None:
        raise anomaly.incorrect(f"Invalid db/id: {errors.show(parts[0])} is no partition", "not-a-db-id")
    if partition >> PART_SHIFT and partition & NUMBER_MASK:
        raise anomaly.incorrect(f"Invalid db/id: {errors.show(parts[0])} is no partition", "not-a-db-id")
    partition = partition >> PART_SHIFT or partition
    number = parts[1] if len(parts) == 2 else -1_000_001 - len(state.keys)
    return INT64_MIN | (partition & ((1 << 20) - 1)) << PART_SHIFT | number & NUMBER_MASK


def _lookup(state: State, ref: tuple[Any, ...]) -> int | None:
    if len(ref) != 2 or isinstance(ref[0], dict):
        raise errors.invalid_lookup_ref(ref)
    handler = attribute_handler(state, ref[0])
    attribute = handler.attribute
    if attribute.unique is None:
        raise anomaly.incorrect(f"Attribute values not unique: {attribute.ident}; a lookup ref takes an attribute "
                                "with :db/unique", "lookup-ref-attr-not-unique")
    value = ref[1]
    if value is None or (attribute.is_ref and isinstance(value, (tuple, list, dict))):
        return None
    if attribute.type.name == "keyword" and type(value) in (str, Symbol):
        value = keyword_of(value)
    if attribute.id == IDENT:
        return state.db.schema.entids.get(value) if isinstance(value, Keyword) else None
    return state.db.entid((attribute.ident, value))


def known_entity(state: State, x: Any) -> int | None:
    """The entity that ``x`` names for a function that looks into the database: None if there's none.
    Tempids are no names here (oracle: ``cas-tempid-upsert``)."""
    if isinstance(x, (Keyword, Symbol)) or type(x) is str:
        return state.db.schema.entids.get(keyword_of(x))
    if isinstance(x, (tuple, list)):
        return _lookup(state, tuple(x))
    if isinstance(x, int) and not isinstance(x, bool):
        return long_of(x)
    return None


def attribute_handler(state: State, x: Any) -> Handler:
    """The handler of the attribute that ``x`` names: ident, symbol, string with a colon, id, lookup ref."""
    plan = state.plan
    if type(x) is Keyword:
        found = plan.by_key.get(x) or plan.named(x)
        if found is not None:
            return found
        if x not in plan.schema.entids:
            raise errors.not_an_entity(x)
        raise errors.not_an_attribute(x)
    if isinstance(x, (str, Symbol)):
        return attribute_handler(state, keyword_of(x))
    if isinstance(x, int) and not isinstance(x, bool):
        aid: int | None = int(x)
    elif isinstance(x, (tuple, list)):
        aid = _lookup(state, tuple(x))
    else:
        aid = None
    if aid is None:
        raise errors.not_an_entity(x)
    handler = plan.handler(aid)
    if handler is None:
        raise errors.not_an_attribute(x)
    return handler
