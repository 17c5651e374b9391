"""Pulls entities, one by one, along compiled patterns.

A pattern is compiled for a schema once: each attribute becomes a function from a database and an entity to a value.
Point reads only, no arrays: an entity costs some microseconds. Many entities at once are ``batch``'s.

Recursion follows the oracle (cases ``pull/rec-*``, ``pull-depth/*``): the entity asked for is not counted as seen,
seen-ness is per path, each recursive attribute counts its own levels, and an element that is seen or out of levels
carries the pattern's other attributes; where the pattern has ``:db/id``, what would have come next is a bare
``{:db/id n}``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np

from peerserver.database import Database
from peerserver.model.anomaly import incorrect
from peerserver.model.order import compare_key
from peerserver.model.schema import Attribute, Schema
from peerserver.model.values import Keyword

from .pattern import DEFAULT_LIMIT, NO_DEFAULT, Pattern, Recursion, Spec
from .xforms import Xform, find_xform

__all__ = ("DB_ID", "MISSING", "Plan", "compiled", "finish", "is_reverse", "limited", "pull", "pull_many", "pull_one",
           "sorted_values", "whole")

DB_ID: Final = Keyword("db/id")
#: levels of nesting that one result may have: the JVM's stack ends somewhat later, and less politely.
MAX_DEPTH: Final = 250
_CACHE_SIZE: Final = 512

#: "no value here", where nil could be one.
MISSING: Final[Any] = object()
NO_XFORMS: Final[Mapping[str, Xform]] = {}


@attrs.frozen(eq=False)
class Frame:
    """Where a recursion stands: entities seen on this path, levels left by spec, whether it goes on from here."""

    seen: frozenset[int] = frozenset()
    left: Mapping[int, int] = attrs.field(factory=dict)
    stopped: bool = False
    depth: int = 0


_ROOT: Final = Frame()
Reader = Callable[[Database, int, Frame], Any]


@attrs.frozen(eq=False)
class Plan:
    """A pattern for one schema. ``readers``: result key and function; ``named``: attributes that specs override."""

    pattern: Pattern
    schema: Schema
    readers: Sequence[tuple[Any, Reader]]
    named: frozenset[int]
    steps: Sequence[tuple[Spec, Attribute | None, bool, Plan | None, Xform | None]]


_plans: dict[tuple[int, int, int], Plan] = {}
_held: dict[tuple[int, int, int], tuple[Any, ...]] = {}
_lock = threading.Lock()


def compiled(pattern: Pattern, schema: Schema, xforms: Mapping[str, Xform] = NO_XFORMS) -> Plan:
    """The plan of a pattern; the same for the same objects."""
    key = (id(pattern), id(schema), id(xforms))
    plan = _plans.get(key)
    if plan is None:
        plan = _compile(pattern, schema, xforms)
        with _lock:
            if len(_plans) >= _CACHE_SIZE:
                _plans.clear()
                _held.clear()
            # What the key's ids name is held, so that no other object gets them.
            _held[key] = (pattern, schema, xforms)
            _plans[key] = plan
    return plan


def pull(db: Database, pattern: Pattern, eid: Any, xforms: Mapping[str, Xform] = NO_XFORMS) -> dict[Any, Any] | None:
    """What the pattern asks of one entity (id, ident or lookup ref), or None where there is nothing.

    Anomaly incorrect for a history database and for what can't name an entity.
    """
    _refuse_history(db)
    plan = compiled(pattern, db.schema, xforms)
    return pull_one(db, plan, eid if type(eid) is int else db.entid(eid))


def pull_many(db: Database, pattern: Pattern, eids: Iterable[Any],
              xforms: Mapping[str, Xform] = NO_XFORMS) -> list[dict[Any, Any] | None]:
    """Pulls of several entities (as for :func:`pull`, or an int64 array), in order; where they are many, attribute by
    attribute over columns."""
    from .batch import batch

    _refuse_history(db)
    plan = compiled(pattern, db.schema, xforms)
    if isinstance(eids, np.ndarray):
        return batch(db, plan, eids.tolist())
    return batch(db, plan, [eid if type(eid) is int else db.entid(eid) for eid in eids])


def _refuse_history(db: Database) -> None:
    if db.is_history:
        raise incorrect("Can't pull from history; pull from the database itself, or as of a time")


def pull_one(db: Database, plan: Plan, e: int | None) -> dict[Any, Any] | None:
    """One entity along a plan; ``e`` None is an entity that doesn't exist."""
    if e is None:
        e = -1
        found = _read(db, plan, e, _ROOT)
        if DB_ID in found:
            found[DB_ID] = None
        if ":db/id" in found:
            found[":db/id"] = None
        return found or None
    return _read(db, plan, e, _ROOT) or None


def _read(db: Database, plan: Plan, e: int, frame: Frame) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    pattern = plan.pattern
    if pattern.wildcard is not None:
        text = pattern.wildcard == "text"
        found[":db/id" if text else DB_ID] = e
        _wild(db, e, text, plan.named, found, frame.seen, frame.depth)
    elif pattern.db_id:
        found[DB_ID] = e
    for key, read in plan.readers:
        value = read(db, e, frame)
        if value is not MISSING:
            found[key] = value
    return found


# -- values


def sorted_values(db: Database, attribute: Attribute, codes: Sequence[int]) -> list[Any]:
    """Values of a cardinality-many attribute in Datomic's order."""
    kind = attribute.type
    if kind.coded == "self":
        return [db.decode_one(kind, code) for code in sorted(codes)]
    return sorted((db.decode_one(kind, code) for code in codes), key=compare_key)


def limited(values: list[Any], limit: float | None) -> list[Any]:
    """The first values that a ``:limit`` leaves: of 1.5, two; of none or less, none."""
    if limit is None or len(values) <= limit:
        return values
    return values[: max(0, -int(-limit // 1))]


def finish(value: Any, spec: Spec, xform: Xform | None) -> Any:
    """Default and xform of a spec, on its value or MISSING: an xform gets nil for nothing, and beats a default."""
    if xform is not None:
        value = xform(None if value is MISSING else value)
        if value is None:
            value = MISSING
    if value is MISSING and spec.default is not NO_DEFAULT and spec.default is not None:
        return spec.default
    return value


def whole(db: Database, e: int, text: bool, seen: frozenset[int] = frozenset(), depth: int = 0) -> dict[Any, Any]:
    """An entity as a component shows it: its id, all its attributes, components below."""
    found: dict[Any, Any] = {":db/id" if text else DB_ID: e}
    if e not in seen:  # a component that contains itself ends in its bare id
        _wild(db, e, text, frozenset(), found, seen | {e}, depth + 1)
    return found


def _wild(db: Database, e: int, text: bool, named: frozenset[int], found: dict[Any, Any], seen: frozenset[int],
          depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _too_deep()
    grouped: dict[int, list[int]] = {}
    for aid, code in db.entity_codes(e):
        if aid not in named:
            grouped.setdefault(aid, []).append(code)
    attributes = db.schema.attributes
    for aid in sorted(grouped):
        attribute = attributes.get(aid)
        if attribute is None:
            continue
        values = limited(sorted_values(db, attribute, grouped[aid]), DEFAULT_LIMIT)
        if attribute.is_ref:
            if attribute.component:
                values = [whole(db, v, text, seen, depth) for v in values]
            else:
                values = [{":db/id" if text else DB_ID: v} for v in values]
        key = f":{attribute.ident.text}" if text else attribute.ident
        found[key] = values if attribute.many else values[0]


def _too_deep() -> Exception:
    return incorrect(f"The pulled data is nested deeper than {MAX_DEPTH} levels; give the recursion a number of levels")


# -- compiling


def is_reverse(name: Keyword, schema: Schema) -> Keyword | None:
    """The forward name of a reverse one; None for a name that is an attribute's own."""
    if not name.name.startswith("_") or schema.attribute(name) is not None:
        return None
    forward = name.name[1:]
    return Keyword(f"{name.namespace}/{forward}" if name.namespace else forward)


def _compile(pattern: Pattern, schema: Schema, xforms: Mapping[str, Xform]) -> Plan:
    readers: list[tuple[Any, Reader]] = []
    steps: list[tuple[Spec, Attribute | None, bool, Plan | None, Xform | None]] = []
    named: set[int] = set()
    # Recursive readers need the finished plan, which holds them: it is put here when it exists.
    cell: list[Plan] = []
    for n, spec in enumerate(pattern.specs):
        forward = is_reverse(spec.name, schema)
        attribute = schema.attribute(forward or spec.name)
        xform = None if spec.xform is None else find_xform(spec.xform, xforms)
        below = compiled(spec.sub, schema, xforms) if isinstance(spec.sub, Pattern) else None
        if forward is not None and attribute is not None and not attribute.is_ref:
            attribute = None  # nothing refers by an attribute that holds no references
        if attribute is not None and forward is None:
            named.add(attribute.id)
        steps.append((spec, attribute, forward is not None, below, xform))
        readers.append((spec.key, _reader(pattern, cell, n, spec, attribute, forward is not None, below, xform)))
    cell.append(Plan(pattern, schema, readers, frozenset(named), steps))
    return cell[0]


def _reader(pattern: Pattern, cell: list[Plan], n: int, spec: Spec, attribute: Attribute | None, reverse: bool,
            below: Plan | None, xform: Xform | None) -> Reader:
    if attribute is None:
        return lambda db, e, frame: finish(MISSING, spec, xform)
    if isinstance(spec.sub, Recursion):
        read = _recursive(pattern, cell, n, spec, attribute, reverse)
    elif reverse:
        read = _references(attribute, spec, below)
    elif below is not None or attribute.is_ref:
        read = _forward_references(attribute, spec, below)
    else:
        read = _plain(attribute, spec)
    if xform is None and (spec.default is NO_DEFAULT or spec.default is None):
        return read
    return lambda db, e, frame: finish(read(db, e, frame), spec, xform)


def _plain(attribute: Attribute, spec: Spec) -> Reader:
    aid, kind, limit = attribute.id, attribute.type, spec.limit
    if attribute.many:

        def many(db: Database, e: int, frame: Frame) -> Any:
            codes = db.codes(e, aid)
            return (limited(sorted_values(db, attribute, codes), limit) if codes else None) or MISSING

        return many
    if kind.name == "long":

        def long(db: Database, e: int, frame: Frame) -> Any:
            codes = db.codes(e, aid)
            return codes[0] if codes else MISSING

        return long

    def one(db: Database, e: int, frame: Frame) -> Any:
        codes = db.codes(e, aid)
        return db.decode_one(kind, codes[0]) if codes else MISSING

    return one


def _forward_references(attribute: Attribute, spec: Spec, below: Plan | None) -> Reader:
    aid, limit, many = attribute.id, spec.limit, attribute.many

    def targets(db: Database, e: int) -> Sequence[Any]:
        codes = db.codes(e, aid)
        if attribute.is_ref:
            return limited(sorted(codes), limit) if many else codes
        # A sub-pattern under another type takes its values for entity identifiers (oracle: pull-more/nonref-nested).
        values = sorted_values(db, attribute, codes)
        return [v if type(v) is int else db.entid(v) for v in (limited(values, limit) if many else values)]

    show = _shower(attribute, spec, below, expand=True)

    def read(db: Database, e: int, frame: Frame) -> Any:
        found = [x for x in (show(db, v, frame) for v in targets(db, e)) if x]
        if not found:
            return MISSING
        return found if many else found[0]

    return read


def _shower(attribute: Attribute, spec: Spec, below: Plan | None,
            expand: bool) -> Callable[[Database, Any, Frame], dict[Any, Any] | None]:
    if below is not None:
        return lambda db, v, frame: _nested(db, below, v, frame)
    if expand and attribute.component:
        return lambda db, v, frame: whole(db, v, spec.as_text)
    key = ":db/id" if spec.as_text else DB_ID
    return lambda db, v, frame: {key: v}


def _nested(db: Database, plan: Plan, v: int | None, frame: Frame) -> dict[Any, Any] | None:
    if v is None:
        return pull_one(db, plan, None)
    if frame.depth >= MAX_DEPTH:
        raise _too_deep()
    return _read(db, plan, v, Frame(depth=frame.depth + 1))


def referrers(db: Database, aid: int, e: int) -> list[int]:
    """The entities that refer to ``e`` by the attribute, in ascending order."""
    return sorted(source for source, by in db.referrers(e) if by == aid)


def _references(attribute: Attribute, spec: Spec, below: Plan | None) -> Reader:
    aid, limit = attribute.id, spec.limit
    show = _shower(attribute, spec, below, expand=False)

    def read(db: Database, e: int, frame: Frame) -> Any:
        sources = referrers(db, aid, e)
        if attribute.component:
            # A component has one owner.
            shown = show(db, sources[0], frame) if sources else None
            return shown or MISSING
        return [x for x in (show(db, v, frame) for v in limited(sources, limit)) if x] or MISSING

    return read


def _recursive(pattern: Pattern, cell: list[Plan], n: int, spec: Spec, attribute: Attribute, reverse: bool) -> Reader:
    assert isinstance(spec.sub, Recursion)
    aid, limit, levels = attribute.id, spec.limit, spec.sub.levels
    single = attribute.component if reverse else not attribute.many
    bare = pattern.db_id or pattern.wildcard is not None
    key = ":db/id" if pattern.wildcard == "text" else DB_ID

    def children(db: Database, e: int) -> list[int]:
        found = referrers(db, aid, e) if reverse else sorted(db.codes(e, aid)) if attribute.is_ref else []
        return found[:1] if single else limited(found, limit)

    def read(db: Database, e: int, frame: Frame) -> Any:
        if not pattern.plain:
            return MISSING
        left = frame.left.get(n, levels)
        if frame.stopped or left == 0:
            found = [{key: v} for v in children(db, e)] if bare else []
        else:
            if frame.depth >= MAX_DEPTH:
                raise _too_deep()
            count = frame.left if left is None else {**frame.left, n: left - 1}
            found = [x for x in (below(db, v, frame, count) for v in children(db, e)) if x]
        if not found:
            return MISSING
        return found[0] if single else found

    def below(db: Database, v: int, frame: Frame, left: Mapping[int, int]) -> dict[Any, Any]:
        return _read(db, cell[0], v, Frame(frame.seen | {v}, left, v in frame.seen, frame.depth + 1))

    return read
