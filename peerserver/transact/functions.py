"""Transaction functions: the built-in ones, those of the operator's allow-list, and stored ones.

They see the database before the transaction, never each other's output. ``#db/fn`` values are data
here: they are stored and returned, and a call is refused.
What is not decided here: how the result of a function is expanded (``transact.expand``).
"""

from __future__ import annotations

from typing import Any, Final

from peerserver.model import anomaly
from peerserver.model.order import clj_equal
from peerserver.model.values import INT64_MAX, INT64_MIN, Keyword, Symbol

from . import errors
from .encoders import keyword_of
from .naming import attribute_handler, entity, known_entity
from .plan import COMPOSITE, INSTANT, Handler
from .state import State

__all__ = ("CAS", "RETRACT_ENTITY", "call", "cas", "operation", "retract_all", "retract_entity")

CAS: Final = Keyword("db/cas")
RETRACT_ENTITY: Final = Keyword("db/retractEntity")
_BY_ID: Final = {1: Keyword("db/add"), 2: Keyword("db/retract"), 54: RETRACT_ENTITY, 55: CAS}
_FN: Final = 52


def operation(state: State, op: Any) -> Any:
    """What the head of a list form means: one of the built-in operations' keywords, or a Symbol to call."""
    if isinstance(op, Symbol):
        if op.text in state.functions:
            return op
        built_in = _BY_ID.get(state.db.schema.entids.get(Keyword(op.text), -1))
        if built_in is not None:
            return built_in  # (oracle: query-far/names-20)
        if op.namespace is None:
            raise errors.not_a_data_function(op, resolved=False)
        raise anomaly.not_found(f"No transaction function {op}: the server's operator lists them in the extensions "
                                "file")
    if isinstance(op, (str, Keyword)):
        eid = state.db.schema.entids.get(keyword_of(op))
    elif isinstance(op, (tuple, list)):
        eid = known_entity(state, op)
    elif isinstance(op, int) and not isinstance(op, bool) and INT64_MIN <= op <= INT64_MAX:
        eid = int(op)
    else:
        eid = None
    if eid is None:
        raise errors.not_a_data_function(op, resolved=False)
    known = _BY_ID.get(eid)
    if known is not None:
        return known
    if state.db.codes(eid, _FN):
        raise anomaly.unsupported(
            f"The function {errors.show(op)} is stored as code, and this server runs no code from the database; "
            "name a Python function for it in the server's extensions file and call that by its symbol",
            "stored-function")
    raise errors.not_a_data_function(op, resolved=True)


def call(state: State, op: Symbol, form: Any) -> Any:
    """The transaction data that a function of the allow-list returns. An Anomaly that it raises aborts the
    transaction as it is; any other exception becomes an anomaly that names the function."""
    function = state.functions[op.text]
    try:
        return function(state.db, *form[1:])
    except anomaly.Anomaly:
        raise
    except Exception as problem:
        raise anomaly.incorrect(f"The transaction function {op} failed: {type(problem).__name__}: {problem}",
                                "transaction-function") from problem


def retract_all(state: State, form: Any) -> None:
    """``[:db/retract e a]``: retraction of all present values."""
    handler = attribute_handler(state, form[2])
    e = known_entity(state, form[1])
    if e is None:
        raise errors.not_an_entity(form[1], tuple(form[1:3]))
    if handler.special == COMPOSITE:
        return
    for code in state.db.codes(e, handler.aid):
        _push(state, e, handler, code)


def retract_entity(state: State, form: Any) -> None:
    """Retraction of all datoms of an entity and of all references to it, of its components too."""
    if len(form) != 2:
        raise errors.bad_arity(form, "one entity")
    e = known_entity(state, form[1])
    if e is not None:
        _retract_tree(state, e)


def _retract_tree(state: State, root: int) -> None:
    db, plan = state.db, state.plan
    seen = {root}
    stack = [root]
    incoming: list[tuple[int, int, int]] = []
    while stack:
        e = stack.pop()
        children = []
        for aid, code in db.entity_codes(e):
            handler = plan.handler(aid)
            if handler is None:
                continue
            if handler.ref and handler.attribute.component and code not in seen:
                seen.add(code)
                children.append(code)
            _push(state, e, handler, code)
        incoming.extend((holder, aid, e) for holder, aid in db.referrers(e) if holder not in seen)
        stack.extend(reversed(children))
    for holder, aid, e in incoming:
        handler = plan.handler(aid)
        if handler is not None and holder not in seen:
            _push(state, holder, handler, e)


def _push(state: State, e: int, handler: Handler, code: int) -> None:
    if handler.special == COMPOSITE:
        return
    if handler.special == INSTANT:
        state.has_instant = True
    elif handler.special:
        state.has_schema = True
    state.push_present(e, handler, code)


def cas(state: State, form: Any) -> tuple[int, Handler, Any]:
    """Compare and swap: the assertion of the new value, if the old one is there. Anomaly conflict
    ``cas-failed`` otherwise. Refs are compared as entity ids, nothing else is resolved."""
    if len(form) != 5:
        raise errors.bad_arity(form, "an entity, an attribute, the old value or nil, and the new value")
    _, name, attribute_name, old, new = form
    handler = attribute_handler(state, attribute_name)
    attribute = handler.attribute
    e = known_entity(state, name)
    if attribute.many:
        raise anomaly.incorrect(f"attribute must be cardinality-one, in {errors.show(form)}: {attribute.ident} is not",
                                "invalid-cas-many")
    if new is None or name is None:
        raise anomaly.incorrect(f"entity, attribute, and new-value must be specified, in {errors.show(form)}",
                                "invalid-cas")
    codes = () if e is None else state.db.codes(e, handler.aid)
    present = state.db.decode_one(attribute.type, codes[0]) if codes else None
    if isinstance(present, bytes) or not clj_equal(old, present):
        raise anomaly.conflict(
            f"Compare failed: {errors.show(old)} {errors.show(present)}, for {attribute.ident} of "
            f"{errors.show(name)}; read the present value and try again", "cas-failed",
            e=e, a=handler.aid, v=present, v_old=old, datomic__cancelled=True)
    return entity(state, name, (name, attribute.ident, new)), handler, new
