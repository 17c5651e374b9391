"""Expansion: from forms to operations.

One pass over the transaction data. Map forms with plain attributes take the short way; nested maps,
reverse keys, tuples, schema attributes and functions the longer ones. Every rule here is a recorded case
(``transact/*``, ``transact-forms/*``).
What is not decided here: what tempids become, and whether operations agree with each other and with the
database (``transact.resolve``, ``transact.emit``).
"""

from __future__ import annotations

from typing import Any, Final

from peerserver.model import anomaly
from peerserver.model.values import Keyword, Symbol

from . import errors, functions, partitions, values
from .encoders import keyword_of
from .naming import attribute_handler, entity, reference
from .plan import Handler
from .state import FIRST_TEMPID, State

__all__ = ("expand",)

_ADD: Final = Keyword("db/add")
_RETRACT: Final = Keyword("db/retract")
_DB_ID: Final = Keyword("db/id")
_FORCE: Final = Keyword("db/force-partition")
_MATCH: Final = Keyword("db/match-partition")
# Nested maps and functions that return functions may go this deep.
_DEEPEST: Final = 100


def expand(state: State, tx_data: Any) -> None:
    """Turn transaction data into operations of ``state``. Raises an Anomaly for a form that means nothing."""
    if tx_data is None:
        return
    if not isinstance(tx_data, (tuple, list)):
        raise anomaly.incorrect(f"Transaction data must be a list of forms, got {errors.show(tx_data)}",
                                "not-transaction-data")
    for form in tx_data:
        kind = type(form)
        if kind is dict:
            _map(state, form)
        elif kind is tuple or isinstance(form, (tuple, list)):
            _list(state, form)
        else:
            raise anomaly.incorrect(
                f"Transaction data element must be a List or Map, got {errors.show(form)}", "not-transaction-data")


# -- maps

def _map(state: State, form: dict[Any, Any]) -> None:
    name = form.get(_DB_ID)
    if name is None and ":db/id" in form:
        name = form[":db/id"]
    _facts(state, form, ~state.anonymous_slot() if name is None else entity(state, name, (None, None, None)))


def _facts(state: State, form: dict[Any, Any], e: int) -> None:
    handlers = state.plan.by_key
    es, hs, vs, slots = state.es, state.hs, state.vs, state.slots
    start = len(es)
    for key, value in form.items():
        handler = handlers.get(key)
        if handler is None:
            if key is _DB_ID:
                continue
            before = len(es)
            if before > start:
                state.mark(e)
            handler = _odd_key(state, form, e, key, value)
            if handler is None:
                start += len(es) - before  # what a reverse key says is about others
                continue
        kind = type(value)
        if handler.plain and kind is not frozenset and not (handler.many and isinstance(value, (tuple, list))):
            vs.append(handler.encode(value))
            es.append(e)
            hs.append(handler)
            if handler.identity and e < 0:
                state.identities.append((e, handler, vs[-1]))
            continue
        many = kind is frozenset or handler.many and isinstance(value, (tuple, list))
        for item in value if many else (value,):
            if handler.links:
                kind = type(item)
                slot = slots.get(item) if kind is str else None
                if slot is not None:
                    state.value_slots.append(slot)
                    vs.append(~slot)
                elif kind is int and 0 <= item < FIRST_TEMPID:
                    vs.append(item)
                else:
                    _fact(state, e, handler, item, start)
                    continue
                es.append(e)
                hs.append(handler)
            else:
                _fact(state, e, handler, item, start)
    if len(es) > start:
        state.mark(e)


def _fact(state: State, e: int, handler: Handler, value: Any, start: int) -> None:
    if handler.ref and isinstance(value, dict):
        if len(state.es) > start:
            state.mark(e)
        _nested(state, e, handler, value)
    else:
        _add(state, e, handler, value)


def _nested(state: State, e: int, handler: Handler, form: dict[Any, Any]) -> None:
    name = form.get(_DB_ID, form.get(":db/id"))
    if name is None and not handler.attribute.component:
        if _DB_ID in form:
            raise errors.not_an_entity(_DB_ID)
        if not any(attribute_handler(state, key).identity for key in form):
            raise anomaly.incorrect(
                f"Nested entity {errors.show(form)} is not a component and has no :db/id; give it a :db/id or a "
                f":db.unique/identity attribute, or make {handler.attribute.ident} a component",
                "invalid-nested-entity")
    child = ~state.anonymous_slot() if name is None else entity(state, name, (None, None, None))
    if child < 0:
        state.affinity[~child] = e
        state.value_slots.append(~child)
    state.push(e, handler, child)
    state.mark(e)
    state.depth += 1
    if state.depth > _DEEPEST:
        raise anomaly.incorrect(f"Nested maps go deeper than {_DEEPEST} levels", "nested-too-deep")
    _facts(state, form, child)
    state.depth -= 1


def _odd_key(state: State, form: dict[Any, Any], e: int, key: Any, value: Any) -> Handler | None:
    """The handler of a key that is not simply a known attribute; None if the key has been dealt with."""
    if type(key) is not Keyword:
        if isinstance(key, (str, Symbol)):
            key = keyword_of(key)
            if key in form:
                raise anomaly.incorrect(f"Key collision: {key} is given as keyword and as text", "map-key-collision")
            if key is _DB_ID:
                return None
        else:
            return attribute_handler(state, key)
    if key is _FORCE or key is _MATCH:
        partitions.direct(state, key is _FORCE, value)
        return None
    if key.name[:1] == "_":
        _reverse(state, e, key, value)
        return None
    return attribute_handler(state, key)


def _reverse(state: State, e: int, key: Keyword, value: Any) -> None:
    forward = Keyword(f"{key.namespace}/{key.name[1:]}" if key.namespace else key.name[1:])
    handler = attribute_handler(state, forward)
    holder = entity(state, value, (value, forward, state.name_of(e)))
    if not handler.ref:
        raise errors.wrong_type(handler.attribute, state.name_of(e))
    if e < 0:
        state.value_slots.append(~e)
    if handler.special:
        values.special_ref(state, holder, handler, e, added=True)
    else:
        state.push(holder, handler, e)
    state.mark(holder)


# -- lists

def _list(state: State, form: Any) -> None:
    if not form:
        raise errors.bad_arity(form, "an operation and its arguments")
    op = form[0]
    if op is not _ADD and op is not _RETRACT:
        op = functions.operation(state, op)
        if op is not _ADD and op is not _RETRACT:
            _call(state, op, form)
            return
    size = len(form)
    if size < 4:
        if op is _ADD or size < 3:
            raise errors.bad_arity(form, "an entity, an attribute and a value")
        functions.retract_all(state, form)
        return
    e = entity(state, form[1], form[1:4])
    name = form[2]
    handler = state.plan.by_key.get(name) if type(name) is Keyword else None
    if handler is None:
        handler = attribute_handler(state, name)
    if op is _ADD:
        _add(state, e, handler, form[3])
    else:
        _retract(state, e, handler, form[3])
    if e < 0:
        state.mark(e)


def _add(state: State, e: int, handler: Handler, value: Any) -> None:
    if handler.plain:
        code = handler.encode(value)
        if handler.identity and e < 0:
            state.identities.append((e, handler, code))
        state.push(e, handler, code)
    elif handler.ref:
        code = reference(state, value, (state.name_of(e), handler.attribute.ident, value))
        if handler.special:
            values.special_ref(state, e, handler, code, added=True)
            return
        if handler.identity and e < 0:
            state.identities.append((e, handler, code))
        state.push(e, handler, code)
    else:
        values.add_special(state, e, handler, value)


def _retract(state: State, e: int, handler: Handler, value: Any) -> None:
    if handler.plain:
        code = handler.encode(value)
        if handler.identity and e < 0:
            state.identities.append((e, handler, code))
        state.push_retract(e, handler, code)
    elif handler.ref:
        code = reference(state, value, (state.name_of(e), handler.attribute.ident, value))
        values.retract_ref(state, e, handler, code)
    else:
        values.retract_special(state, e, handler, value)


# -- functions

def _call(state: State, op: Any, form: Any) -> None:
    if op is functions.RETRACT_ENTITY:
        functions.retract_entity(state, form)
    elif op is functions.CAS:
        e, handler, value = functions.cas(state, form)
        _add(state, e, handler, value)
        state.mark(e)
    else:
        state.depth += 1
        if state.depth > _DEEPEST:
            raise anomaly.incorrect(f"Transaction functions return functions more than {_DEEPEST} levels deep",
                                    "functions-too-deep")
        expand(state, functions.call(state, op, form))
        state.depth -= 1
