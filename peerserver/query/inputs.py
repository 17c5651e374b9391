"""The arguments of a query: sources, rules, pull patterns, and the relation that the bindings make.

What is not decided here: what a database description is (``web`` has made it a Database by now).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from peerserver.database import Database
from peerserver.model.anomaly import incorrect
from peerserver.model.values import Symbol

from .ast import BLANK, IMPLIED_INPUTS, Binding, Query
from .builtins.seqs import entries, is_map
from .calls import items_of, tuple_items
from .context import Collection, Context, NoSource, missing_source, no_source
from .execute import join
from .parse import parse_rules
from .relation import UNIT, Column, Relation
from .rules import Rules

__all__ = ("Given", "given_of", "input_relation")


@attrs.frozen(eq=False)
class Given:
    """Arguments by their use."""

    sources: dict[Symbol, Any]
    rules: Rules | None
    patterns: dict[Symbol, Any]
    values: list[tuple[Binding, Any]]

    def constants(self) -> frozenset[Symbol]:
        """The variables of scalar and tuple bindings."""
        return frozenset(x for binding, _ in self.values if binding.shape in ("scalar", "tuple") for x in binding.names)


def given_of(query: Query, args: Sequence[Any]) -> Given:
    """Arguments sorted by what ``:in`` says of them; further ones are ignored (oracle: find/find-extra-args)."""
    if query.inputs is IMPLIED_INPUTS and (not args or is_map(args[0])):
        raise missing_source()  # (oracle: query-deep/sources-47, inputs/coll-source-map)
    if len(args) < len(query.inputs):
        raise incorrect(f"Query expected {len(query.inputs)} inputs but received {len(args)}", "too-few-inputs")
    given = Given({}, None, {}, [])
    rules = None
    for i, (item, arg) in enumerate(zip(query.inputs, args)):
        if item.kind == "source":
            given.sources[item.name] = _source(arg)
        elif item.kind == "rules":
            rules = parse_rules(arg)
        elif item.kind == "pattern":
            given.patterns[item.name] = arg
        else:
            assert item.binding is not None
            if arg is None and (item.binding.shape != "scalar" or item.binding.names != (BLANK,)):
                raise incorrect(f"Unable to find data source: nil was given as input {i + 1} of the query; bind no "
                                f"variable to nil")
            given.values.append((item.binding, arg))
    return attrs.evolve(given, rules=rules)


def _source(arg: Any) -> Any:
    if isinstance(arg, (Database, Collection)):
        return arg
    if isinstance(arg, (tuple, list)):
        return Collection(arg)
    if isinstance(arg, frozenset):
        return Collection(list(arg))
    if arg is None:
        return None
    if is_map(arg) and entries(arg):
        return Collection(entries(arg))
    return Collection(()) if arg == "" else NoSource(arg)


def input_relation(ctx: Context, given: Given, used: frozenset[Symbol]) -> Relation:
    """All input bindings joined into one relation. Of collections and relations only the variables in ``used`` are
    bound; one without any says nothing, empty or not (oracle: query-sources/bind-*, blank-*)."""
    rel = UNIT
    for binding, value in given.values:
        part = _bound(ctx, binding, value, used)
        if part is UNIT:
            continue
        if rel is UNIT:
            rel = part
        else:
            names = frozenset(rel.cols) | frozenset(part.cols)
            if rel.n == 1 and part.n == 1 and len(names) == len(rel.cols) + len(part.cols):
                rel = Relation(1, {**rel.cols, **part.cols}, (frozenset(),))
            else:
                # Of equal scalars the later one stays (oracle: query-sources/inputs-number-kinds).
                one = rel.n == 1 and part.n == 1
                rel = join(ctx, part, rel, names) if one else join(ctx, rel, part, names)
    return rel


def _bound(ctx: Context, binding: Binding, value: Any, used: frozenset[Symbol]) -> Relation:
    names = binding.names
    if binding.shape in ("collection", "relation"):
        names = tuple(name if name in used else BLANK for name in names)
        if not used.intersection(names):
            for item in _rows(value) if binding.shape == "relation" else items_of(value):
                if binding.shape == "relation" and names:
                    items_of(item)
            return UNIT
    if binding.shape == "scalar":
        rows: Sequence[Sequence[Any]] = [(value,)]
    elif binding.shape == "tuple":
        rows = [tuple_items(value, names)]
    elif binding.shape == "collection":
        rows = [(item,) for item in items_of(value)]
    else:
        wide = max(place for place, name in enumerate(names) if name is not BLANK) + 1
        nothing = (None,) * wide
        rows = [nothing if item is None else tuple_items(item, names[:wide]) for item in _rows(value)]
    wanted = {name: place for place, name in enumerate(names) if name is not BLANK}
    cols: dict[Symbol, Column] = {name: ctx.column_of([row[place] for row in rows]) for name, place in wanted.items()}
    rel = Relation(len(rows), cols, (frozenset(),) if len(rows) == 1 else ())
    return rel.distinct() if len(rows) > 1 else rel


def _rows(value: Any) -> Sequence[Any]:
    """The tuples of a relation binding: a text is no source of any (oracle: query-wide/bind-36, bind-37)."""
    if isinstance(value, (str, int, float)):
        raise no_source(value)
    return items_of(value)
