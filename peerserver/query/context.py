"""One run of a query: its sources, rules, value pool and budget; what every executing module gets as ``ctx``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from peerserver.database import Database
from peerserver.model.anomaly import incorrect
from peerserver.model.schema import Attribute
from peerserver.model.values import Symbol

from .ast import DEFAULT_SOURCE
from .budget import Budget
from .kinds import BOOL, DOUBLE, FLOAT, INSTANT, INT, Kind, Pool, Words, kind_of_value
from .relation import Column
from .rules import NO_RULES, Rules
from .text import edn_text

__all__ = ("Collection", "Context", "NoSource", "missing_source", "no_source")

# Longer columns are arrays from the beginning.
_FEW = 1000
_NUMBERS: dict[str, Kind] = {
    "ref": INT, "long": INT, "instant": INSTANT, "boolean": BOOL, "double": DOUBLE, "float": FLOAT,
}


def missing_source() -> Exception:
    """The anomaly for a source that is no database and no collection."""
    return incorrect("Nil or missing data source. Did you forget to pass a database argument?", "invalid-data-source")


def no_source(value: Any) -> Exception:
    """The anomaly for a source that can't be one."""
    return incorrect(f"Nil or missing data source. A source is a database or a collection of tuples, not "
                     f"{edn_text(value)}", "invalid-data-source")


class NoSource:
    """What stands for a source and is none: refused where it is read (oracle: query-deep/sources-50)."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Collection:
    """A collection of tuples as a source."""

    __slots__ = ("rows",)

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows


class Context:
    """What a run of a query shares. ``nested`` runs a query inside this one (set by the engine)."""

    __slots__ = ("_source_key", "budget", "constants", "depth", "first_input", "fix_points", "kinds", "plans", "pool", "rules",
                 "sources", "stats", "tables")

    def __init__(self, sources: Mapping[Symbol, Any], rules: Rules | None, budget: Budget, plans: dict[Any, Any],
                 stats: Any = None, depth: int = 0) -> None:
        self.sources = sources
        self.rules = rules if rules is not None else NO_RULES
        self.budget = budget
        self.plans = plans
        self.pool = Pool()
        self.stats = stats
        self.depth = depth
        self.kinds: dict[tuple[int, str], Words] = {}
        #: relations that stand in for clauses while a recursive rule is evaluated
        self.tables: dict[Any, Any] = {}
        self.fix_points: dict[Any, Any] = {}
        #: the variables that one value of the inputs was given for: where they stand, it might stand itself
        self.constants: frozenset[Symbol] = frozenset()
        #: what a pull reads whose source isn't there
        self.first_input: Any = None
        self._source_key: Any = None

    @contextmanager
    def having(self, constants: frozenset[Symbol]) -> Iterator[None]:
        """Other ``constants`` for a while: those of a ``not``, of a rule."""
        before = self.constants
        self.constants = constants
        try:
            yield
        finally:
            self.constants = before

    def source_key(self) -> Any:
        """What the estimates of a plan depend on: which databases, how large, seen through which filter."""
        key = self._source_key
        if key is None:
            key = self._source_key = tuple(
                (name, x.id, x.is_filtered, x.is_history, x.next_t.bit_length()) if x.__class__ is Database else name
                for name, x in self.sources.items())
        return key

    def source(self, name: Symbol | None) -> Any:
        """The Database or Collection of a name; None is the default source."""
        found = self.sources.get(DEFAULT_SOURCE if name is None else name)
        if found is None:
            if name is None or name is DEFAULT_SOURCE:
                raise missing_source()
            raise incorrect(f"Data source not supplied: {name.text}")
        if found.__class__ is NoSource:
            raise no_source(found.value)
        return found

    def database(self, name: Symbol | None) -> Database:
        """As :meth:`source`, where only a database will do."""
        found = self.source(name)
        if not isinstance(found, Database):
            raise missing_source()
        return found

    def kind_of(self, db: Database, attribute: Attribute) -> Kind:
        """The kind of an attribute's values."""
        kind = _NUMBERS.get(attribute.type.name)
        if kind is not None:
            return kind
        key = (id(db.dictionary), attribute.type.name)
        words = self.kinds.get(key)
        if words is None:
            words = self.kinds[key] = Words(db.dictionary, attribute.type)
        return words

    def column_of(self, values: Sequence[Any]) -> Column:
        """Python values as a column, of the narrowest kind that holds all of them."""
        if values:
            kind = kind_of_value(values[0])
            if kind is not None and all(kind_of_value(value) is kind for value in values):
                return _column(kind, kind.encode, values)
        return _column(self.pool, self.pool.intern, values)


def _column(kind: Kind, encode: Callable[[Any], int | None], values: Sequence[Any]) -> Column:
    codes: Any = map(encode, values)
    if len(values) <= _FEW:
        return Column(kind, list(codes))
    # Of a generator: an array of a long list is made in one go, and other threads would wait for it.
    return Column(kind, np.fromiter((code for code in codes), np.int64, len(values)))
