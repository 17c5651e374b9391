"""Pulls of many entities at once: attribute by attribute over columns, so that a thousand cost few array reads.

What columns don't help (wildcards, recursion, components shown whole) is pulled entity by entity, as in ``execute``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np

from peerserver.database import Database
from peerserver.index.rows import Ints
from peerserver.model.order import compare_key
from peerserver.model.schema import Attribute

from .execute import DB_ID, MISSING, Plan, finish, limited, pull_one, whole
from .pattern import NO_DEFAULT, Recursion, Spec
from .xforms import Xform

__all__ = ("batch",)

#: entities from which on the arrays' fixed cost pays.
_MANY: Final = 12
Found = list[Any]


def batch(db: Database, plan: Plan, es: Sequence[int | None]) -> list[dict[Any, Any] | None]:
    """One result an entity, in order; None where there is nothing. Equal to a pull of each."""
    known = [e for e in es if e is not None]
    if len(known) < _MANY or not _columnar(plan):
        return [pull_one(db, plan, e) for e in es]
    array = np.array(known, np.int64)
    found = iter(_columns(db, plan, array))
    return [pull_one(db, plan, None) if e is None else next(found) or None for e in es]


def _columnar(plan: Plan) -> bool:
    if plan.pattern.wildcard is not None:
        return False
    for spec, attribute, _, below, _ in plan.steps:
        if isinstance(spec.sub, Recursion) or (below is not None and not _columnar(below)):
            return False
        if below is not None and attribute is not None and not attribute.is_ref:
            return False
    return True


def _columns(db: Database, plan: Plan, es: Ints) -> list[dict[Any, Any]]:
    found: list[dict[Any, Any]] = [{DB_ID: e} for e in es.tolist()] if plan.pattern.db_id else [{} for _ in range(len(es))]
    for spec, attribute, reverse, below, xform in plan.steps:
        if attribute is None:
            at, values = [], []
        elif attribute.is_ref:
            at, values = _references(db, spec, attribute, reverse, below, es)
        else:
            at, values = _scalars(db, spec, attribute, es)
        _place(found, spec, xform, at, values)
    return found


def _place(found: list[dict[Any, Any]], spec: Spec, xform: Xform | None, at: list[int], values: Found) -> None:
    key = spec.key
    if xform is None and (spec.default is NO_DEFAULT or spec.default is None):
        for i, value in zip(at, values, strict=True):
            found[i][key] = value
        return
    by_entity = dict(zip(at, values, strict=True))
    for i, result in enumerate(found):
        value = finish(by_entity.get(i, MISSING), spec, xform)
        if value is not MISSING:
            result[key] = value


def _scalars(db: Database, spec: Spec, attribute: Attribute, es: Ints) -> tuple[list[int], Found]:
    at, rows = db.rows_of_entities(attribute.id, es)
    values = db.decode(attribute.type, rows.v)
    if not attribute.many:
        return at.tolist(), values
    pairs = sorted(zip(at.tolist(), values, strict=True), key=lambda pair: (pair[0], compare_key(pair[1])))
    return _grouped(pairs, spec.limit)


def _grouped(pairs: list[tuple[int, Any]], limit: float | None) -> tuple[list[int], Found]:
    """Pairs in order of their first part, as one list of second parts each; empty lists are left out."""
    at, values = [], []
    for i, members in groupby(pairs, itemgetter(0)):
        kept = limited([value for _, value in members], limit)
        if kept:
            at.append(i)
            values.append(kept)
    return at, values


def _references(db: Database, spec: Spec, attribute: Attribute, reverse: bool, below: Plan | None,
                es: Ints) -> tuple[list[int], Found]:
    if reverse:
        at, rows = db.rows_of_values(attribute.id, es)
        targets, single = rows.e, attribute.component
    else:
        at, rows = db.rows_of_entities(attribute.id, es)
        targets, single = rows.v, not attribute.many
    order = np.lexsort((targets, at))
    at, targets = at[order], targets[order]
    if single:
        first = np.ones(len(at), np.bool_)
        first[1:] = at[1:] != at[:-1]
        at, targets = at[first], targets[first]
    elif spec.limit is not None:
        at, targets = _first_of_each(at, targets, spec.limit)
    shown = _shown(db, spec, attribute, reverse, below, targets)
    pairs = [(i, value) for i, value in zip(at.tolist(), shown, strict=True) if value]
    if single:
        return [i for i, _ in pairs], [value for _, value in pairs]
    return _grouped(pairs, None)


def _first_of_each(at: Ints, targets: Ints, limit: float) -> tuple[Ints, Ints]:
    """The first ``limit`` of the runs of equal ``at``: references are limited before they are followed."""
    if not len(at):
        return at, targets
    starts = np.flatnonzero(np.concatenate(([True], at[1:] != at[:-1])))
    lengths = np.diff(np.concatenate((starts, [len(at)])))
    keep = np.arange(len(at)) - np.repeat(starts, lengths) < limit
    return at[keep], targets[keep]


def _shown(db: Database, spec: Spec, attribute: Attribute, reverse: bool, below: Plan | None, targets: Ints) -> Found:
    """What each target looks like; a target that many refer to is pulled once and its map shared."""
    if below is not None:
        distinct = np.sort(targets)
        if len(distinct):
            distinct = distinct[np.concatenate(([True], distinct[1:] != distinct[:-1]))]
        pulled = batch(db, below, distinct.tolist())
        return [pulled[i] for i in np.searchsorted(distinct, targets).tolist()]
    if attribute.component and not reverse:
        return [whole(db, v, spec.as_text) for v in targets.tolist()]
    key = ":db/id" if spec.as_text else DB_ID
    return [{key: v} for v in targets.tolist()]
