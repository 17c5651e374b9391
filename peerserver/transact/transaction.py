"""The transaction as a whole: expand, resolve, check, datoms, next value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from peerserver.database import Database

from .composites import maintain
from .emit import check_holders, emit
from .ensure import check_predicates, check_specs
from .expand import expand
from .instants import automatic_instant, check_instants
from .plan import TX_INSTANT, Plan, plan_of
from .resolve import resolve
from .result import TxResult
from .schema_rules import check_schema
from .state import State, TxFunction
from .values import close_tuples

__all__ = ("transact",)

_NO_FUNCTIONS: Final[Mapping[str, TxFunction]] = {}


def transact(db: Database, tx_data: Any, now_ms: int, functions: Mapping[str, TxFunction] = _NO_FUNCTIONS) -> TxResult:
    """The result of transacting ``tx_data`` against ``db`` at the clock's ``now_ms``.

    ``functions``: the operator's allow-list, qualified name -> ``callable(db, *args)``. Raises an Anomaly,
    and then nothing has changed. ``db`` must be the newest value of its line (or a fork of any)."""
    plan = plan_of(db)
    try:
        return _transact(db, plan, tx_data, now_ms, functions, ensure=True)
    finally:
        plan.reset()


def _transact(db: Database, plan: Plan, tx_data: Any, now_ms: int, functions: Mapping[str, TxFunction],
              ensure: bool) -> TxResult:
    state = State(db, plan, now_ms, functions)
    expand(state, tx_data)
    ids = resolve(state)
    if state.open_tuples:
        close_tuples(state)
    out = emit(state)
    if out.touched:
        maintain(state, out)
    if state.has_instant:
        check_instants(state)
    if out.held:
        check_holders(state, out)
    if state.has_schema or state.installed or ids.next_schema_id != db.next_schema_id:
        check_schema(state, out, db.next_schema_id, ids.next_schema_id)
    if out.checks:
        check_predicates(state, out)
    if state.ensures and ensure:
        check_specs(state, out, lambda: _preview(db, tx_data, now_ms, functions))
    if not (state.has_instant and TX_INSTANT in out.asserted.get(state.tx, ())):
        out.es.insert(0, state.tx)
        out.attrs.insert(0, TX_INSTANT)
        out.vs.insert(0, automatic_instant(state))
        out.added.insert(0, True)
    plan.commit()
    after = db.with_datoms(out.es, out.attrs, out.vs, state.tx, out.added if out.has_retractions else None,
                           t=state.next_t, next_t=ids.next_t, next_schema_id=ids.next_schema_id)
    final, keys = state.final, state.keys
    return TxResult(db, after, state.next_t, out.es, out.attrs, out.vs, out.added,
                    {keys[slot]: final[slot] for slot in state.order})


def _preview(db: Database, tx_data: Any, now_ms: int, functions: Mapping[str, TxFunction]) -> Database:
    """The database after the transaction, on a fork: what entity predicates see."""
    fork = db.fork()
    return _transact(fork, Plan(fork.schema, fork.dictionary), tx_data, now_ms, functions, ensure=False).db_after
