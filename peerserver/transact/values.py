"""Values that take the slow way: tuples, composites, schema attributes, functions.

What is not decided here: whether a change of schema is allowed (``transact.schema_rules``).
"""

from __future__ import annotations

from typing import Any

from peerserver.index.dictionary import exact_key
from peerserver.model import anomaly
from peerserver.model.schema import Attribute, ValueType
from peerserver.model.values import EdnList, Tagged

from . import errors
from .encoders import is_scalar_of
from .naming import reference
from .plan import COMPOSITE, ENSURE, IGNORED, INSTALL, INSTANT, SCHEMA, Handler
from .state import FIRST_TEMPID, State

__all__ = ("add_special", "close_tuples", "retract_ref", "retract_special", "special_ref", "tuple_code")

_LONGEST_TUPLE_STRING = 256


class _Slot(int):
    """A tempid inside a tuple: ``~slot``."""

    __slots__ = ()



def special_ref(state: State, e: int, handler: Handler, code: int, added: bool) -> None:
    """A reference of one of Datomic's own attributes."""
    kind = handler.special
    if kind == ENSURE:
        if added:
            state.ensures.append((e, code))
            state.mark(e)
        return
    if kind == IGNORED:
        # Installing and altering attributes is found out, not asked for (oracle: schema-install/install-*).
        return
    if kind == INSTALL:
        if added:
            state.installed.append(len(state.es))
            if code < 0:
                state.schema_slots.add(~code)
    elif kind == SCHEMA:
        _schema(state, e, added)
    if added:
        state.push(e, handler, code)
    else:
        state.push_retract(e, handler, code)


def retract_ref(state: State, e: int, handler: Handler, code: int) -> None:
    """Retraction of a reference."""
    if handler.special:
        special_ref(state, e, handler, code, added=False)
        return
    if handler.identity and e < 0:
        state.identities.append((e, handler, code))
    state.push_retract(e, handler, code)


def _schema(state: State, e: int, added: bool) -> None:
    state.has_schema = True
    if added and e < 0:
        state.schema_slots.add(~e)


def add_special(state: State, e: int, handler: Handler, value: Any) -> None:
    """Assertion of a value that is no reference and not plain."""
    _special(state, e, handler, value, added=True)


def retract_special(state: State, e: int, handler: Handler, value: Any) -> None:
    """Retraction of such a value."""
    _special(state, e, handler, value, added=False)


def _special(state: State, e: int, handler: Handler, value: Any, added: bool) -> None:
    kind = handler.special
    attribute = handler.attribute
    if value is None:
        raise errors.nil_value((state.name_of(e), attribute.ident, None))
    if kind == SCHEMA:
        _schema(state, e, added)
    elif kind == INSTANT:
        state.has_instant = True
    name = attribute.type.name
    if name == "fn":
        code = _function_code(state, handler, value)
    elif name == "tuple":
        resolved = _resolve_tuple(state, handler, value)
        if any(type(item) is _Slot for item in resolved):
            if kind != COMPOSITE:
                state.open_tuples[len(state.es)] = resolved
                (state.push if added else state.push_retract)(e, handler, 0)
            return
        code = tuple_code(handler, resolved)
        if kind == COMPOSITE:
            # Never stored as given, yet it serves to find the entity (oracle: tuples/composite-upsert-explicit).
            if handler.identity and e < 0:
                state.identities.append((e, handler, code))
            state.mark(e)
            return
    else:
        code = handler.encode(value)
    if handler.identity and e < 0:
        state.identities.append((e, handler, code))
    (state.push if added else state.push_retract)(e, handler, code)


# -- functions

def _function_code(state: State, handler: Handler, value: Any) -> int:
    if not isinstance(value, Tagged) or value.tag != "db/fn" or not isinstance(value.value, dict):
        raise errors.wrong_type(handler.attribute, value)
    words = handler.words
    assert words is not None
    return words.code(exact_key(value), value)


# -- tuples

def _resolve_tuple(state: State, handler: Handler, value: Any) -> tuple[Any, ...]:
    """The tuple with ids for what stands in ref slots; tempids become slots. Checks length and types."""
    attribute = handler.attribute
    if isinstance(value, EdnList) or not isinstance(value, (tuple, list)):
        raise errors.invalid_tuple(attribute, value)
    kinds = _kinds(state, attribute, len(value))
    if kinds is None or len(kinds) != len(value):
        raise errors.invalid_tuple(attribute, value)
    checked = not attribute.tuple_attrs
    return tuple(_element(state, attribute, kind, item, value, checked) for kind, item in zip(kinds, value))


def _kinds(state: State, attribute: Attribute, size: int) -> tuple[ValueType | None, ...] | None:
    if attribute.tuple_types:
        return attribute.tuple_types
    if attribute.tuple_attrs:
        attributes = state.db.schema.attributes
        return tuple(attributes[aid].type if aid in attributes else None for aid in attribute.tuple_attrs)
    return (attribute.tuple_type,) * size if 2 <= size <= 8 else None


def _element(state: State, attribute: Attribute, kind: ValueType | None, item: Any, whole: Any, checked: bool) -> Any:
    if item is None or kind is None:
        return item
    if kind.name == "ref":
        if type(item) is int and 0 <= item < FIRST_TEMPID:
            return item
        try:
            found = reference(state, item, whole)
        except anomaly.Anomaly as problem:
            if problem.error == "not-an-entity":
                raise errors.not_an_entity(item, (attribute.ident, whole)) from None
            raise
        return found if found >= 0 else _Slot(found)
    if checked and (not is_scalar_of(kind.name, item)
                    or (type(item) is str and len(item) > _LONGEST_TUPLE_STRING)):
        raise errors.invalid_tuple(attribute, whole)
    return item


def tuple_code(handler: Handler, value: tuple[Any, ...]) -> int:
    """The code of a tuple without open slots."""
    words = handler.words
    assert words is not None
    return words.code(exact_key(value), value)


def close_tuples(state: State) -> None:
    """Put the entity ids into tuples whose slots were open, once tempids are resolved."""
    final = state.final
    for position, value in state.open_tuples.items():
        closed = tuple(final[~item] if type(item) is _Slot else item for item in value)
        state.vs[position] = tuple_code(state.hs[position], closed)


