"""Composite tuples: kept in step with their members.

Whatever mentions a member, even without effect, makes the composite what its members are after the
transaction: a tuple with nil for what is missing, or nothing when all are (oracle: ``tuples/composite-*``).
What is not decided here: how members change (``transact.emit``).
"""

from __future__ import annotations

from typing import Any

from . import errors
from .emit import Output, value_of
from .plan import Handler
from .state import State
from .values import tuple_code

__all__ = ("maintain",)


def maintain(state: State, out: Output) -> None:
    """Append the datoms of composites whose members the transaction mentions. Raises an Anomaly when two entities
    get one unique composite."""
    for e, aid in out.touched:
        handler = state.plan.handler(aid)
        if handler is None:
            continue
        present = () if state.is_fresh(e) else state.db.codes(e, aid)
        value = _after(state, out, e, handler)
        code = None if value is None else tuple_code(handler, value)
        key = code if code is None or handler.canon is None else handler.canon(code)
        if code in present or handler.canon is not None and any(handler.canon(old) == key for old in present):
            continue
        if code is not None:
            if handler.unique:
                owner = out.unique.setdefault((aid, key), e)
                if owner != e:
                    ident = handler.attribute.ident
                    raise errors.conflict((owner, ident, value, state.tx, True), (e, ident, value, state.tx, True))
                if not handler.is_new(code):
                    out.held.append((e, handler, code))
            out.add(e, handler, code)
        for old in present:
            out.retract(e, handler, old)


def _after(state: State, out: Output, e: int, handler: Handler) -> tuple[Any, ...] | None:
    values = tuple(_member(state, out, e, aid) for aid in handler.attribute.tuple_attrs)
    return None if all(value is None for value in values) else values


def _member(state: State, out: Output, e: int, aid: int) -> Any:
    handler = state.plan.handler(aid)
    if handler is None:
        return None
    asserted = out.asserted.get(e, {}).get(aid)
    if asserted is not None and not handler.many:
        return value_of(state, handler, asserted[1])
    if state.is_fresh(e):
        return None
    for code in state.db.codes(e, aid):
        if (e, aid, code) not in out.gone:
            return value_of(state, handler, code)
    return None
