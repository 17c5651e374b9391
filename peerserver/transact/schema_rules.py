"""Schema in transactions: what makes an attribute, and which changes of one are allowed.

Rules (oracle, ``schema/*``, ``schema-install/*``, ``schema-alter/*``, ``tuples/*-def-*``). The schema in
force during a transaction is the one before it; existing data are checked as they are after it.
Installing and altering show as datoms of :db.part/db at the end of the transaction.
What is not decided here: what a definition means for reads (``index.schema_view``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from peerserver.model import anomaly
from peerserver.model.entity import PART_DB, PART_SHIFT
from peerserver.model.schema import VALUE_TYPE_OF_ID, VALUE_TYPES, Attribute
from peerserver.model.values import Keyword

from . import alter, errors
from .emit import Output, value_of
from .plan import ALTER_ATTRIBUTE, DB_PART, IDENT, INSTALL_ATTRIBUTE
from .state import State

__all__ = ("check_schema",)

_VALUE_TYPE, _CARDINALITY, _UNIQUE, _COMPONENT, _FULLTEXT = 40, 41, 42, 43, 51
_TUPLE_TYPE, _TUPLE_TYPES, _TUPLE_ATTRS = 65, 66, 67
_LANG, _CODE, _INSTALL_FUNCTION = 46, 47, 14
_DEFINING: Final = frozenset({40, 41, 42, 43, 44, 45, 51, 65, 66, 67, 71})
_CARDINALITIES: Final = (35, 36)
_MANY: Final = 36
_NOT_IN_TUPLES: Final = frozenset({"bytes", "float", "fn", "tuple"})


def check_schema(state: State, out: Output, first_new: int, next_new: int) -> None:
    """Check what the transaction says of the schema, and append the install and alter datoms. Entities
    ``first_new`` to ``next_new`` are new in :db.part/db. Raises an Anomaly for what is not allowed."""
    changed = dict.fromkeys(e for e, a in zip(out.es, out.attrs) if a in _DEFINING)
    _check_installed(state, out)
    for e in range(first_new, next_new):
        facts = out.asserted.get(e, {})
        if IDENT not in facts and e not in changed and not any(v == e for v in _installed(state)):
            shown = [(x, errors.show(a), v) for x, a, v in zip(out.es, out.attrs, out.vs) if x == e]
            raise anomaly.incorrect("Only schema components can be installed in partition :db.part/db\n"
                                    f"{{:datoms {errors.show(shown)}}}\n", "schema-without-install")
    for e in changed:
        _check_values(state, out, e)
    system = []
    for e in changed:
        known = state.db.schema.attributes.get(e)
        if known is None:
            _check_install(state, out, e)
            system.append((INSTALL_ATTRIBUTE, e))
        elif alter.check_alter(state, out, known):
            system.append((ALTER_ATTRIBUTE, e))
    for aid, e in sorted(system, key=lambda pair: pair[0] != ALTER_ATTRIBUTE):
        handler = state.plan.handler(aid)
        assert handler is not None
        out.add(DB_PART, handler, e)


def _installed(state: State) -> list[int]:
    return [code if code >= 0 else state.final[~code] for code in (state.vs[i] for i in state.installed)]


def _check_installed(state: State, out: Output) -> None:
    for position, e in zip(state.installed, _installed(state)):
        handler = state.hs[position]
        if e >> PART_SHIFT != PART_DB:
            raise _misplaced(state, handler.attribute.ident, e)
        if handler.aid == _INSTALL_FUNCTION and not all(_values(state, out, e, a) for a in (IDENT, _LANG, _CODE)):
            raise anomaly.incorrect(f"The entity {state.db.schema.idents.get(e, e)} must specify :db/ident, :db/lang, "
                                    "and :db/code to be installed as a function.", "invalid-data-function")


def _misplaced(state: State, what: Keyword, e: int) -> anomaly.Anomaly:
    return anomaly.incorrect(f"Value of {what} must be in :db.part/db partition, found "
                             f"{state.db.schema.idents.get(e, e)}; make a new entity for it", "not-in-system-partition")


def _values(state: State, out: Output, e: int, aid: int) -> list[Any]:
    """The values of ``(e, aid)`` after the transaction."""
    handler = state.plan.handler(aid)
    assert handler is not None
    asserted = out.asserted.get(e, {}).get(aid)
    codes: Iterable[int] = ()
    if asserted is not None:
        codes = asserted.values() if handler.many else (asserted[1],)
    elif not state.is_fresh(e):
        codes = [code for code in state.db.codes(e, aid) if (e, aid, code) not in out.gone]
    return [value_of(state, handler, code) for code in codes]


def _check_values(state: State, out: Output, e: int) -> None:
    facts = out.asserted.get(e, {})
    idents = state.db.schema.idents
    if _VALUE_TYPE in facts and facts[_VALUE_TYPE][1] not in VALUE_TYPE_OF_ID:
        wrong = facts[_VALUE_TYPE][1]
        raise anomaly.incorrect(f"Not a value type: {idents.get(wrong, wrong)}", "not-a-value-type")
    if _CARDINALITY in facts and facts[_CARDINALITY][1] not in _CARDINALITIES:
        wrong = facts[_CARDINALITY][1]
        raise anomaly.incorrect(f"Not a cardinality: {idents.get(wrong, wrong)}", "not-a-cardinality")


def _check_install(state: State, out: Output, e: int) -> None:
    """A new attribute must be complete and agree with itself."""
    one = {aid: (values or [None])[0] for aid in _DEFINING for values in [_values(state, out, e, aid)]}
    if e >> PART_SHIFT != PART_DB:
        raise _misplaced(state, Keyword("db.install/attribute"), e)
    idents = _values(state, out, e, IDENT)
    name = idents[0] if idents else e
    kind = VALUE_TYPE_OF_ID.get(one[_VALUE_TYPE])
    if one[_COMPONENT] and (kind is None or kind.name != "ref"):
        raise errors.invalid_install("components-must-be-refs",
                                     f"{name} is :db/isComponent, so its :db/valueType must be :db.type/ref")
    if kind is not None and kind.name == "bytes" and one[_UNIQUE] is not None:
        raise errors.invalid_install("unique-not-allowed", f"{name} is of :db.type/bytes, which can't be unique")
    _check_tuple(state, out, name, None if kind is None else kind.name, one)
    if kind is None or one[_CARDINALITY] is None:
        raise errors.invalid_install("schema-attribute-missing",
                                     f"{name} needs :db/valueType and :db/cardinality")
    if not idents:
        raise anomaly.incorrect(f"Missing :db/ident for the attribute {e} of type {kind}", "attribute-ident-missing")


def _check_tuple(state: State, out: Output, name: Any, kind: str | None, one: dict[int, Any]) -> None:
    given = [aid for aid in (_TUPLE_TYPE, _TUPLE_TYPES, _TUPLE_ATTRS) if one[aid] is not None]
    if kind != "tuple":
        if given:
            raise errors.invalid_install("invalid-tuple-kind",
                                         f"{name} has tuple elements, so its :db/valueType must be :db.type/tuple")
        return
    if len(given) != 1:
        raise errors.invalid_install("invalid-tuple-kind",
                                     f"{name} needs exactly one of :db/tupleAttrs, :db/tupleTypes, :db/tupleType")
    if one[_TUPLE_TYPE] is not None and not _is_element_type(one[_TUPLE_TYPE]):
        raise errors.invalid_install("invalid-tuple-type", f"{name}: {one[_TUPLE_TYPE]} can't be in a tuple")
    for item in one[_TUPLE_TYPES] or ():
        if not _is_element_type(item):
            raise errors.invalid_install("invalid-tuple-types", f"{name}: {errors.show(item)} can't be in a tuple")
    for item in one[_TUPLE_ATTRS] or ():
        if not _is_member(state, out, item):
            raise errors.invalid_install(
                "invalid-tuple-attrs", f"{name}: {errors.show(item)} must be an attribute of cardinality one and of a "
                "type that tuples may hold")
    if one[_TUPLE_ATTRS] is not None and one[_CARDINALITY] == _MANY:
        raise errors.invalid_install("tuple-of-attrs-must-be-card-one", f"{name} must be of cardinality one")


def _is_element_type(name: Any) -> bool:
    return (isinstance(name, Keyword) and name.namespace == "db.type" and name.name in VALUE_TYPES
            and name.name not in _NOT_IN_TUPLES)


def _is_member(state: State, out: Output, name: Any) -> bool:
    aid = state.db.schema.entids.get(name)
    known: Attribute | None = None if aid is None else state.db.schema.attributes.get(aid)
    if known is not None:
        return not known.many and known.type.name not in _NOT_IN_TUPLES
    for e, facts in out.asserted.items():
        ident = facts.get(IDENT)
        if ident is not None and _values(state, out, e, IDENT) == [name]:
            kind = VALUE_TYPE_OF_ID.get(facts.get(_VALUE_TYPE, (0, 0))[1])
            return (kind is not None and kind.name not in _NOT_IN_TUPLES
                    and facts.get(_CARDINALITY, (0, 0))[1] != _MANY)
    return False
