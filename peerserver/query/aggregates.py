"""Aggregates of one group's values.

For a find element ``(f c1 … cn ?x)``::

    aggregate = find_aggregate(f, constants)      # Anomaly incorrect where f is none, or takes no such constants
    value = aggregate.values(values_of_one_group)

Constants are data, not evaluated: a symbol among them stays a symbol (oracle: ``aggregates-own/other-functions``). Any
function of the table that is no aggregate of Datomic's gets the group's values as one list. What is not decided here: the
groups and what is computed on whole columns (``grouping``), and which functions an operator adds (``extra``).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any, TypeAlias

import attrs

from ..model.anomaly import Anomaly, incorrect
from ..model.values import EdnList, Symbol
from .builtins import datomic_compare
from .builtins import lookup as lookup_function
from .builtins import numbers as num
from .builtins.build import sorted_by
from .builtins.function import Function, Wrong
from .builtins.seqs import distinct_members, set_of

__all__ = ("Aggregate", "find_aggregate", "lookup")

Below: TypeAlias = Callable[[int], int]
_Values: TypeAlias = Callable[[Sequence[Any], Sequence[Any], Below], Any]

_ORDER = cmp_to_key(datomic_compare)


@attrs.frozen(eq=False)
class Aggregate:
    """One aggregate with its constants."""

    name: str
    constants: tuple[Any, ...]
    _run: _Values

    def values(self, values: Sequence[Any], below: Below = random.randrange) -> Any:
        """The value of one group's values; ``below(n)`` is a random number from 0 to n-1, for ``rand`` and ``sample``.

        Raises Anomaly incorrect for values that the aggregate can't take.
        """
        try:
            return self._run(values, self.constants, below)
        except Wrong as wrong:
            raise incorrect(f"{self.name}: {wrong}") from None
        except Anomaly:
            raise
        except (ArithmeticError, AttributeError, TypeError, ValueError) as failure:
            raise incorrect(f"{self.name} can't take these values: {failure}") from None


def _total(values: Sequence[Any]) -> Any:
    """The sum, by kinds as ``+`` does it; of longs the whole sum decides over overflow, not its parts."""
    if all(type(value) is int for value in values):
        return num.add(sum(values), 0) if -(2**63) <= sum(values) < 2**63 else num.add(2**63 - 1, 1)
    total: Any = 0
    for value in values:
        total = num.add(total, value)
    return total


def _average(values: Sequence[Any]) -> float:
    return num.as_double(_total(values)) / len(values)


def _variance(values: Sequence[Any]) -> float:
    mean = _average(values)
    return math.fsum((num.as_double(value) - mean) ** 2 for value in values) / len(values)


def _deviation(values: Sequence[Any]) -> float:
    spread = _variance(values)
    return math.sqrt(spread) if spread == spread else math.nan


def _median(values: Sequence[Any]) -> Any:
    """The middle one; of two middles half their sum, cut as ``quot`` does, in doubles too."""
    ordered = sorted_by(values, _median_order)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return num.quotient(num.add(ordered[middle - 1], ordered[middle]), 2)


def _median_order(left: Any, right: Any) -> int:
    # As Double.compareTo: NaN after all others.
    for value, sign in ((left, 1), (right, -1)):
        if isinstance(value, float) and value != value:
            return sign
    return datomic_compare(left, right)


def _how_many(n: Any) -> int:
    """The n of ``(min n ?x)``: a fraction counts as one more, less than one as none."""
    return max(math.ceil(num.as_double(n)), 0)


def _least(values: Sequence[Any], constants: Sequence[Any], below: Below) -> Any:
    if constants:
        return tuple(sorted(values, key=_ORDER)[: _how_many(constants[0])])
    return min(values, key=_ORDER)


def _greatest(values: Sequence[Any], constants: Sequence[Any], below: Below) -> Any:
    if constants:
        return tuple(sorted(values, key=_ORDER, reverse=True)[: _how_many(constants[0])])
    return max(values, key=_ORDER)


def _rand(values: Sequence[Any], constants: Sequence[Any], below: Below) -> Any:
    if not constants:
        return values[below(len(values))]
    count = _how_many(constants[0])
    if count > num.DIGITS * 100:
        raise Wrong(f"at most {num.DIGITS * 100} random values are made")
    return EdnList(values[below(len(values))] for _ in range(count))


def _sample(values: Sequence[Any], constants: Sequence[Any], below: Below) -> Any:
    wanted = math.ceil(num.as_double(constants[0]))
    if wanted < 0:
        raise Wrong("a sample has at least 0 members")
    pool = distinct_members(values)
    for at in range(min(wanted, len(pool))):
        other = at + below(len(pool) - at)
        pool[at], pool[other] = pool[other], pool[at]
    return tuple(pool[:wanted])


def _plain(run: Callable[[Sequence[Any]], Any]) -> _Values:
    return lambda values, constants, below: run(values)


#: by name: how, and how many constants at least and at most.
_AGGREGATES: dict[str, tuple[_Values, int, int]] = {
    "count": (_plain(len), 0, 0),
    "count-distinct": (_plain(lambda values: len(distinct_members(values))), 0, 0),
    "distinct": (_plain(set_of), 0, 0),
    "sum": (_plain(_total), 0, 0),
    "avg": (_plain(_average), 0, 0),
    "median": (_plain(_median), 0, 0),
    "variance": (_plain(_variance), 0, 0),
    "stddev": (_plain(_deviation), 0, 0),
    "min": (_least, 0, 1),
    "max": (_greatest, 0, 1),
    "rand": (_rand, 0, 1),
    "sample": (_sample, 1, 1),
}


def find_aggregate(
    symbol: Symbol, constants: Sequence[Any] = (), extra: Mapping[str, Function] | None = None
) -> Aggregate:
    """The aggregate of a symbol with the constants that stand before its variable.

    Raises Anomaly incorrect where the name is none, or the constants are too many or of a wrong kind.
    """
    name, given = symbol.text, tuple(constants)
    own = _AGGREGATES.get(name)
    if own is None:
        function = lookup_function(symbol, extra)
        if function is None or function.needs_db or name.startswith("."):
            raise incorrect(f"Argument {name} in :find is not an aggregate function", "invalid-aggregate")
        function.check_arity(len(given) + 1)
        return Aggregate(name, given, _of_function(function))
    run, least, most = own
    if not least <= len(given) <= most:
        takes = "a number and a variable" if least else "a variable, or a number and a variable" if most else "a variable"
        raise incorrect(f"Wrong number of args ({len(given) + 1}) passed to aggregate {name}; it takes {takes}")
    if given and not num.is_number(given[0]):
        raise incorrect(f"The n of ({name} n ?x) is a number, not {given[0]!r}"[:200])
    return Aggregate(name, given, run)


def lookup(symbol: Symbol, extra: Mapping[str, Function] | None = None) -> Function:
    """The aggregate as a function of its constants and then the sequence of values; raises as :func:`find_aggregate`."""
    if symbol.text not in _AGGREGATES and lookup_function(symbol, extra) is None:
        find_aggregate(symbol, (), extra)

    def run(*args: Any) -> Any:
        return find_aggregate(symbol, args[:-1], extra).values(args[-1])

    return Function(symbol.text, run, 1)


def _of_function(function: Function) -> _Values:
    return lambda values, constants, below: function.call((*constants, EdnList(values)))
