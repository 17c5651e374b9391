"""Predicates of attributes, and entity specs: ``:db/ensure`` checks entities after the transaction.

Attribute predicates run on every asserted value, redundant ones too, refs as entity ids (oracle:
``schema/preds-*``, ``transact-odd/preds-*``). Of a spec, as it was before the transaction, required
attributes come first, then predicates with the database after the transaction (oracle:
``schema/ensure-*``, ``schema-alter/ensure-*``). What is not decided here: what a predicate's name means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from peerserver.database import Database
from peerserver.model import anomaly
from peerserver.model.values import Keyword

from . import errors, predicates
from .emit import Output, value_of
from .state import State

__all__ = ("check_predicates", "check_specs")

_ATTRS: Final = 69
_PREDS: Final = 70


def check_predicates(state: State, out: Output) -> None:
    """Run attribute predicates; each must return exactly true."""
    for entity, handler, code in out.checks:
        attribute = handler.attribute
        value = value_of(state, handler, code)
        for name in attribute.preds:
            result = predicates.run(state, name, (value,))
            if result is not True:
                raise anomaly.Anomaly(
                    "incorrect", f"Entity {state.name_of(entity)} attribute {attribute.ident} value "
                    f"{errors.show(value)} failed pred {name}; it returned {errors.show(result)}, not true",
                    "attr-pred", {Keyword("db.error/pred-return"): result})


def check_specs(state: State, out: Output, after: Callable[[], Database]) -> None:
    """Check every spec that the transaction asks for. ``after`` makes the database after it, on a fork."""
    made: Database | None = None
    for entity, spec in dict.fromkeys(state.ensures):
        if spec < 0:
            spec = state.final[~spec]
        e = entity if entity >= 0 else state.final[~entity]
        _check_attributes(state, out, entity, e, spec)
        for name in _values(state, spec, _PREDS):
            if made is None:
                made = after()
            result = predicates.run(state, name.text, (made, e))
            if result is not True:
                raise anomaly.Anomaly(
                    "incorrect", f"Entity {state.name_of(entity)} failed pred {name} of spec {_name(state, spec)}; it "
                    f"returned {errors.show(result)}, not true", "entity-pred",
                    {Keyword("db.error/pred-return"): result})


def _check_attributes(state: State, out: Output, entity: int, e: int, spec: int) -> None:
    missing = [name for name in _values(state, spec, _ATTRS) if not _has(state, out, e, name)]
    if missing:
        raise anomaly.incorrect(
            f"Entity {state.name_of(entity)} missing attributes {errors.show(tuple(missing))} of spec "
            f"{_name(state, spec)}", "entity-attr")


def _values(state: State, spec: int, aid: int) -> list[Any]:
    db = state.db
    kind = db.schema.attributes[aid].type
    return sorted((db.decode_one(kind, code) for code in db.codes(spec, aid)), key=lambda value: value.text)


def _has(state: State, out: Output, e: int, name: Keyword) -> bool:
    aid = state.db.schema.entids.get(name)
    if aid is None:
        return False
    if out.asserted.get(e, {}).get(aid):
        return True
    return not state.is_fresh(e) and any((e, aid, code) not in out.gone for code in state.db.codes(e, aid))


def _name(state: State, spec: int) -> Any:
    return state.db.schema.idents.get(spec, spec)
