"""Changes of existing attributes: the alteration table.

Rules (oracle, ``schema/alter-*``, ``schema-alter/*``): type, fulltext and tuple elements never change;
cardinality becomes one only where no entity has two values; uniqueness needs an index and distinct
values. Existing data are looked at as they are after the transaction.
What is not decided here: new attributes (``transact.schema_rules``).
"""

from __future__ import annotations

from typing import Any, Final

from peerserver.model.anomaly import Anomaly
from peerserver.model.schema import Attribute

from . import errors
from .emit import Output, value_of
from .state import State

__all__ = ("check_alter",)

_CARDINALITY, _UNIQUE, _INDEX, _FULLTEXT = 41, 42, 44, 51
_FIXED: Final = (40, _FULLTEXT, 65, 66, 67)
_ALTERABLE: Final = (41, 42, 43, 44, 45, 71)
_MANY: Final = 36
_UNIQUE_IDS: Final = (37, 38)


def check_alter(state: State, out: Output, attribute: Attribute) -> bool:
    """Whether the transaction alters the attribute. Raises an Anomaly ``invalid-alter-attribute`` if it must not."""
    added: dict[int, Any] = {}
    removed: dict[int, Any] = {}
    for e, a, v, op in zip(out.es, out.attrs, out.vs, out.added):
        if e == attribute.id:
            (added if op else removed)[a] = v
    if _CARDINALITY in added or _CARDINALITY in removed:
        _check_cardinality(state, out, attribute, removed.get(_CARDINALITY), added.get(_CARDINALITY))
    if _UNIQUE in added:
        _check_unique(state, out, attribute, removed.get(_UNIQUE), added)
    for a in _FIXED:
        if a in added or a in removed:
            raise _unsupported(state, attribute, a, removed.get(a), added.get(a))
    return any(a in added or a in removed for a in _ALTERABLE)


def _unsupported(state: State, attribute: Attribute, aid: int, old: Any, new: Any) -> Anomaly:
    handler = state.plan.handler(aid)
    assert handler is not None

    def named(code: Any) -> Any:
        if code is None:
            return ":disabled"
        value = value_of(state, handler, code)
        return errors.show(state.db.schema.idents.get(value, value) if handler.ref else value)

    return errors.invalid_alter(
        "unsupported-alter-schema", f":entity {attribute.ident}, :attribute {handler.attribute.ident}, "
        f":from {named(old)}, :to {named(new)}")


def _check_cardinality(state: State, out: Output, attribute: Attribute, old: Any, new: Any) -> None:
    if new is None:
        raise _unsupported(state, attribute, _CARDINALITY, old, new)
    if new == _MANY:
        if attribute.id in state.db.schema.composites:
            raise errors.invalid_alter("constituent-of-a-composite-must-be-card-one",
                                       f":attribute {attribute.ident}")
        return
    seen: dict[int, int] = {}
    for e, code in _pairs(state, out, attribute.id):
        if seen.setdefault(e, code) != code:
            raise _violation(state, attribute, "cardinality-violation", [(e, seen[e]), (e, code)])


def _check_unique(state: State, out: Output, attribute: Attribute, old: Any, added: dict[int, Any]) -> None:
    if added[_UNIQUE] not in _UNIQUE_IDS:
        raise _unsupported(state, attribute, _UNIQUE, old, added[_UNIQUE])
    if attribute.unique is not None:
        return
    if not added.get(_INDEX, attribute.index):
        raise errors.invalid_alter("unique-without-index", f":attribute {attribute.ident}")
    holders: dict[int, int] = {}
    for e, code in _pairs(state, out, attribute.id):
        if holders.setdefault(code, e) != e:
            raise _violation(state, attribute, "unique-violation", [(holders[code], code), (e, code)])


def _pairs(state: State, out: Output, aid: int) -> list[tuple[int, int]]:
    """All ``(entity, code)`` of an attribute after the transaction."""
    rows = state.db.rows(aid)
    gone = out.gone
    pairs = [(e, v) for e, v in zip(rows.e.tolist(), rows.v.tolist()) if (e, aid, v) not in gone]
    pairs.extend((e, v) for e, a, v, op in zip(out.es, out.attrs, out.vs, out.added) if op and a == aid)
    return pairs


def _violation(state: State, attribute: Attribute, reason: str, pairs: list[tuple[int, int]]) -> Anomaly:
    handler = state.plan.handler(attribute.id)
    assert handler is not None
    datoms = [(e, attribute.ident, value_of(state, handler, code)) for e, code in pairs]
    return errors.invalid_alter(reason, f":datoms {errors.show(datoms)}")
