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

from .ast import BLANK, Binding, Query
from .builtins.seqs import seq_of
from .calls import tuple_items
from .context import Collection, Context, missing_source
from .execute import join
from .parse import parse_rules
from .relation import UNIT, Column, Relation
from .rules import Rules
from .text import edn_text

__all__ = ("Given", "given_of", "input_relation")


@attrs.frozen(eq=False)
class Given:
    """Arguments by their use."""

    sources: dict[Symbol, Any]
    rules: Rules | None
    patterns: dict[Symbol, Any]
    values: list[tuple[Binding, Any]]


def given_of(query: Query, args: Sequence[Any]) -> Given:
    """Arguments sorted by what ``:in`` says of them; further ones are ignored (oracle: find/find-extra-args)."""
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
            if arg is None and item.binding.names != (BLANK,):
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
    if arg is None or isinstance(arg, dict):
        return None
    return Collection(()) if arg == "" else _refused(arg)


def _refused(arg: Any) -> Any:
    raise missing_source() if arg is None else incorrect(
        f"Nil or missing data source. A source is a database or a collection of tuples, not {edn_text(arg)}",
        "invalid-data-source")


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
            for item in _sequence(value):
                if binding.shape == "relation":
                    _sequence(item)
            return UNIT
    if binding.shape == "scalar":
        rows: Sequence[Sequence[Any]] = [(value,)]
    elif binding.shape == "tuple":
        rows = [tuple_items(_sequence(value), names)]
    elif binding.shape == "collection":
        rows = [(item,) for item in _sequence(value)]
    else:
        wide = max(place for place, name in enumerate(names) if name is not BLANK) + 1
        nothing = (None,) * wide
        rows = [nothing if item is None else tuple_items(_sequence(item), names[:wide]) for item in _sequence(value)]
    wanted = {name: place for place, name in enumerate(names) if name is not BLANK}
    cols: dict[Symbol, Column] = {name: ctx.column_of([row[place] for row in rows]) for name, place in wanted.items()}
    rel = Relation(len(rows), cols, (frozenset(),) if len(rows) == 1 else ())
    return rel.distinct() if len(rows) > 1 else rel


def _sequence(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return value
    if value is None:
        return ()
    if isinstance(value, (str, dict, frozenset)) or hasattr(value, "tag"):
        return seq_of(value)
    raise incorrect(f"A collection is needed to bind from, not {edn_text(value)}")
