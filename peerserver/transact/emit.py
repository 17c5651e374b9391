"""From resolved operations to datoms: conflicts, redundancy, implicit retractions, uniqueness.

The order is Datomic's: datoms as their forms stand; the retraction of a replaced value right after the
new one; then composites; then what installs and alters attributes. An entity that this transaction makes
needs no look at the database.
What is not decided here: composites (``transact.composites``) and schema (``transact.schema_rules``).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from peerserver.index.alike import holder_like
from peerserver.index.codes import floats_of_codes
from peerserver.model.entity import FIRST_T, NUMBER_MASK, tx_id

from . import errors
from .plan import Handler
from .state import State

__all__ = ("Output", "check_holders", "emit", "value_of")

_FIRST_USER_TX: Final = tx_id(FIRST_T)
_LAST_BOOT_ENTITY: Final = 71


class Output:
    """The datoms of a transaction in parallel lists, and what is known of its entities.

    ``asserted``: entity -> attribute id -> asserted key, or for cardinality many a dict of keys (a key is
    a code, or its canonical stand-in) to codes. ``gone``: ``(e, aid, code)`` that are retracted."""

    __slots__ = ("added", "asserted", "attrs", "checks", "es", "gone", "has_retractions", "held", "touched", "unique",
                 "vs")

    def __init__(self) -> None:
        self.es: list[int] = []
        self.attrs: list[int] = []
        self.vs: list[int] = []
        self.added: list[bool] = []
        self.has_retractions = False
        self.asserted: dict[int, dict[int, Any]] = {}
        self.gone: set[tuple[int, int, int]] = set()
        self.unique: dict[tuple[int, Any], int] = {}
        #: unique values that others may hold: entity, handler, code
        self.held: list[tuple[int, Handler, int]] = []
        #: assertions that attribute predicates must look at: entity as given, handler, code
        self.checks: list[tuple[int, Handler, int]] = []
        #: ``(e, composite attribute id)`` whose members were mentioned, in order
        self.touched: dict[tuple[int, int], None] = {}

    def add(self, e: int, handler: Handler, code: int) -> None:
        """One more assertion."""
        self.es.append(e)
        self.attrs.append(handler.aid)
        self.vs.append(code)
        self.added.append(True)

    def retract(self, e: int, handler: Handler, code: int) -> None:
        """One more retraction, unless it is there already."""
        key = (e, handler.aid, code)
        if key in self.gone:
            return
        self.gone.add(key)
        self.es.append(e)
        self.attrs.append(handler.aid)
        self.vs.append(code)
        self.added.append(False)
        self.has_retractions = True


def emit(state: State) -> Output:
    """The datoms of the operations. Raises an Anomaly for those that contradict each other or the database."""
    out = Output()
    final = state.final
    retracts, present_at = state.retracts, state.present
    asserted = out.asserted
    add = out.add
    push_e, push_a, push_v, push_added = out.es.append, out.attrs.append, out.vs.append, out.added.append
    codes_of = state.db.codes
    next_t = state.next_t
    asked: set[tuple[int, int, Any]] = set()
    held = out.held
    last: int | None = None
    facts: dict[int, Any] = {}
    fresh = False
    position = -1
    for given, handler, code in zip(state.es, state.hs, state.vs):
        position += 1
        e = given
        if e < 0:
            e = final[~e]
        if code < 0 and handler.ref:
            code = final[~code]
        if e != last:
            last = e
            fresh = (e & NUMBER_MASK) >= next_t
            found = asserted.get(e)
            if found is None:
                found = asserted[e] = {}
            facts = found
        aid = handler.aid
        if handler.composites:
            for composite in handler.composites:
                out.touched[(e, composite.id)] = None
        key = code if handler.canon is None else handler.canon(code)
        if position in retracts:
            if not facts and e > _LAST_BOOT_ENTITY and position in present_at:
                asked.add((e, aid, key))
                out.retract(e, handler, code)
            else:
                _retract(state, out, facts, asked, e, handler, code, key)
            continue
        if handler.preds:
            out.checks.append((given, handler, code))
        if asked and (e, aid, key) in asked:
            raise _conflict(state, e, handler, code, False, code, True)
        if handler.many:
            values = facts.get(aid)
            if values is None:
                facts[aid] = {key: code}
            elif key in values:
                continue
            else:
                values[key] = code
        else:
            before = facts.get(aid)
            if before is not None:
                if before[0] == key:
                    if before[1] != code:
                        facts[aid] = (key, code)  # what a composite shows (oracle: values-equal/bigdec-one-tx-one)
                    continue
                raise _conflict(state, e, handler, before[1], True, code, True)
            facts[aid] = (key, code)
        if handler.unique:
            owner = out.unique.setdefault((aid, key), e)
            if owner != e:
                raise _unique_twice(state, handler, code, owner, e)
        if not fresh:
            present = codes_of(e, aid)
            if present:
                if code in present or handler.canon is not None and _same(handler, present, code, key):
                    continue
                if not handler.many:
                    if e <= _LAST_BOOT_ENTITY:
                        _guard_boot(state, e, handler, present, code, True)
                    add(e, handler, code)
                    for old in present:
                        out.retract(e, handler, old)
                    if handler.unique:
                        held.append((e, handler, code))
                    continue
        push_e(e)
        push_a(aid)
        push_v(code)
        push_added(True)
        if handler.unique and not handler.is_new(code):
            held.append((e, handler, code))
    return out


def _retract(state: State, out: Output, facts: dict[int, Any], asked: set[tuple[int, int, Any]], e: int,
             handler: Handler, code: int, key: Any) -> None:
    aid = handler.aid
    asserted = facts.get(aid)
    if asserted is not None and (key in asserted if handler.many else asserted[0] == key):
        raise _conflict(state, e, handler, code, True, code, False)
    asked.add((e, aid, key))
    if state.is_fresh(e):
        return
    present = state.db.codes(e, aid)
    if not present:
        return
    if code not in present:
        # What compares as equal is retracted as it is stored; a scale or NaN must be exact.
        canon = handler.canon
        if canon is None or handler.attribute.type.name == "bigdec":
            return
        stored = next((old for old in present if canon(old) == key), None)
        if stored is None:
            return
        code = stored
    if e <= _LAST_BOOT_ENTITY:
        _guard_boot(state, e, handler, (code,), code, False)
    out.retract(e, handler, code)


def _same(handler: Handler, present: Any, code: int, key: Any) -> bool:
    """Whether a present value compares as equal, though its code differs (oracle: ``values-types/*``)."""
    canon = handler.canon
    assert canon is not None
    if handler.attribute.type.name == "bigdec":
        return False  # another scale is a change (oracle: types/bigdec-scale)
    # NaN compares as equal to everything, so it neither replaces nor is replaced (types/nan-replace).
    if handler.is_nan and np.isnan(floats_of_codes(np.array([code, *present], np.int64))).any():
        return not handler.many
    return any(canon(old) == key for old in present)


def _guard_boot(state: State, e: int, handler: Handler, present: Any, code: int, added: bool) -> None:
    """A datom that came with the database may not be replaced or retracted."""
    for old in present:
        tx = state.db.datom_of(e, handler.aid, old)
        if tx is not None and tx < _FIRST_USER_TX:
            raise errors.boot_datom(_datom(state, e, handler, code, added))


def check_holders(state: State, out: Output) -> None:
    """Unique values must not be held by others, unless they give them up in this transaction."""
    db = state.db
    for e, handler, code in out.held:
        holder = db.holder(handler.aid, code)
        held = code
        if holder is None and handler.varies:
            like = holder_like(db, handler.attribute, value_of(state, handler, code))
            if like is not None:
                holder, held = like
                if holder == e and handler.attribute.type.name == "bigdec":
                    # Its own value of another scale is in its way too (oracle: values-equal/bigdec-upsert).
                    raise errors.unique_conflict(handler.attribute, value_of(state, handler, code), holder, e)
        if holder is not None and holder != e and (holder, handler.aid, held) not in out.gone:
            raise errors.unique_conflict(handler.attribute, value_of(state, handler, code), holder, e)


def value_of(state: State, handler: Handler, code: int) -> Any:
    """The Python value of a code of the attribute, new ones too."""
    if handler.words is not None:
        return handler.words.value_of(code)
    return state.db.decode_one(handler.attribute.type, code)


def _datom(state: State, e: int, handler: Handler, code: int, added: bool) -> tuple[Any, ...]:
    idents = state.db.schema.idents
    value = value_of(state, handler, code)
    if handler.ref:
        value = idents.get(value, value)
    return (idents.get(e, e), handler.attribute.ident, value, state.tx, added)


def _conflict(state: State, e: int, handler: Handler, code1: int, added1: bool, code2: int, added2: bool) -> Exception:
    return errors.conflict(_datom(state, e, handler, code1, added1), _datom(state, e, handler, code2, added2))


def _unique_twice(state: State, handler: Handler, code: int, owner: int, e: int) -> Exception:
    return errors.conflict(_datom(state, owner, handler, code, True), _datom(state, e, handler, code, True))
