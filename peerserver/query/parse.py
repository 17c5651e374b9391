"""From query forms to :mod:`~peerserver.query.ast`. Pure syntax: what a name means is found out later.

    query       list form, or map form {:find [...] ...}, or either as text (``read_text``)
    find        ?x (pull ?e pattern) (agg arg* ?x); [x ...]; [x y]; x .
    clause      [$src? term+]  [(fn arg*) binding?]  ($src? rule term*)  (not …) (not-join …) (or …) (or-join …)
    binding     ?x | _ | [?x ?y] | [?x ...] | [[?x ?y]]

Lists and vectors are interchangeable. Errors name the bad form; where a form is wrong in several ways it is the first
that is named. Rules recorded by the oracle are marked with their case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from peerserver.model.anomaly import incorrect
from peerserver.model.values import Keyword, Symbol

from .ast import (
    BLANK,
    IMPLIED_INPUTS,
    Aggregate,
    Find,
    Input,
    Not,
    Or,
    Pattern,
    Pull,
    Query,
    Rule,
    is_source,
    is_variable,
)
from .builtins import watched
from .clauses import call_binding, clause_of, clause_variables, clauses_of, not_an_entity, sequence
from .rules import NO_RULES, Rules, rules_of
from .text import edn_text, set_text

__all__ = ("parse_query", "parse_rules")

_KEYS = ("find", "keys", "strs", "syms", "with", "in", "where")
_SECTIONS = {Keyword(name): name for name in _KEYS}
_DOTS, _DOT, _PERCENT = Symbol("..."), Symbol("."), Symbol("%")
_PULL = Symbol("pull")

#: how a query or a rule set that comes as text is read; set by ``set_reader``, since codec is no room of ours.
_reader: list[Callable[[str], Any]] = []
_MAX_CACHED = 512
_MAX_CALLS = 10_000
_cache: dict[Any, list[tuple[Any, Query]]] = {}
_rules_cache: dict[Any, list[tuple[Any, Rules]]] = {}


def set_reader(read: Callable[[str], Any]) -> None:
    """Tells how EDN text is read: its first value (oracle: query-wide/text-*). The composition root calls this once."""
    _reader[:] = [read]


def _read(text: str) -> Any:
    if not _reader:
        from peerserver.codec import edn  # the reader that every process has; replaced by set_reader in tests
        set_reader(edn.read_first)
    return _reader[0](text)


def _same(a: Any, b: Any) -> bool:
    """Whether two forms are the same to the last type: 1, 1.0 and True differ, a list and a vector too."""
    if a is b:
        return True
    kind = a.__class__
    if kind is not b.__class__:
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if kind is dict:
        return len(a) == len(b) and all(map(_same, a.items(), b.items()))
    if kind is frozenset:
        return len(a) == len(b) and sorted(map(_exact, a)) == sorted(map(_exact, b))
    if kind is float:
        return repr(a) == repr(b)
    return bool(a == b) and str(a) == str(b)


def _exact(x: Any) -> str:
    return f"{type(x).__name__} {x!r}"


def _cache_key(form: Any) -> Any:
    if form.__class__ is dict:
        return tuple(form.items())
    return form


def _find_cached(cache: dict[Any, list[tuple[Any, Any]]], key: Any, form: Any) -> Any:
    try:
        entries = cache.get(key)
    except TypeError:  # a map among the constants
        return None
    for known, parsed in entries or ():
        if _same(known, form):
            return parsed
    return None


def _remember(cache: dict[Any, list[tuple[Any, Any]]], key: Any, form: Any, parsed: Any) -> None:
    try:
        if len(cache) >= _MAX_CACHED:
            cache.pop(next(iter(cache)), None)
        cache.setdefault(key, []).append((form, parsed))
        if len(cache[key]) > 8:
            del cache[key][0]
    except (TypeError, KeyError, RuntimeError, StopIteration):
        pass  # not hashable, or another thread was quicker: it is only a cache


class _Allowance:
    """How often functions may call functions where a query is read: no deadline is known there."""

    def __init__(self) -> None:
        self.left = _MAX_CALLS

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise incorrect(f"The constants of a query call functions more than {_MAX_CALLS} times; give their value as "
                            "an input")


def parse_query(form: Any) -> Query:
    """The query that a form (list, map) or a text says. The same form gives the same object as long as it stays in
    the cache. Raises Anomaly incorrect for what is no query."""
    key = _cache_key(form)
    found = _find_cached(_cache, key, form)
    if found is not None:
        return found  # type: ignore[no-any-return]
    with watched(_Allowance()):
        query = _parse(_read(form) if isinstance(form, str) else form, form)
    _remember(_cache, key, form, query)
    return query


def _parse(form: Any, original: Any) -> Query:
    sections = _sections(form)
    if not sections.get("find"):
        if "find" in sections and ("in" in sections or "where" in sections):
            raise incorrect("No :find clause specified: :find names nothing")
        raise incorrect("No :find clause specified" if "find" not in sections
                        else "No :in or :where clause specified")
    if "in" not in sections and "where" not in sections:
        raise incorrect("No :in or :where clause specified")
    find = _find(sections["find"])
    with_names = tuple(_with_name(x) for x in sections.get("with", ()))
    inputs = tuple(map(_input, sections["in"])) if "in" in sections else IMPLIED_INPUTS
    where = clauses_of(sections.get("where", ()))
    if "in" not in sections:
        _check_implied_source(where)
    _check_find(find, with_names)
    found = (x if isinstance(x, Symbol) else x.variable for x in find.elements)
    used = frozenset((*with_names, *found)).union(*map(clause_variables, where))
    return Query(find, _return_keys(sections), with_names, inputs, where, original, used)


def _check_implied_source(where: Sequence[Any]) -> None:
    # Without :in the source has no name to be called by (oracle: patterns/src-explicit).
    for clause in where:
        if isinstance(clause, (Not, Or)) and clause.source is not None:
            raise not_an_entity("not" if isinstance(clause, Not) else "or")
        if isinstance(clause, Pattern) and clause.source is not None:
            raise incorrect(f"processing clause: {edn_text(clause.form)}, message: Cannot resolve key: "
                            f"{clause.source.text}; name it in :in")


def _sections(form: Any) -> dict[str, tuple[Any, ...]]:
    if isinstance(form, dict):
        found = {}
        for key, value in form.items():
            if key not in _SECTIONS or value is None:
                continue  # other keys say nothing (oracle: query-find/unknown-key)
            found[_SECTIONS[key]] = sequence(value, f"the value of {edn_text(key)}")
        return found
    if not isinstance(form, tuple):
        raise incorrect(f"query must be a readable edn string, list, or map; not {edn_text(form)}")
    parts: dict[str, list[Any]] = {}
    current: list[Any] | None = None
    for item in form:
        if isinstance(item, Keyword) and item in _SECTIONS:
            if current == [] and "find" in parts and len(parts) > 1:
                raise incorrect(f"No :in or :where clause specified: the section before {item} is empty")
            # A section that is given twice: the later one counts (oracle: find/find-dup-where).
            current = parts[_SECTIONS[item]] = []
        elif current is None:
            raise incorrect(f"A query begins with :find, not with {edn_text(item)}")
        else:
            current.append(item)
    return {name: tuple(items) for name, items in parts.items()}


# -- find


def _find(items: tuple[Any, ...]) -> Find:
    if len(items) == 2 and items[1] is _DOT:
        return Find("scalar", (_element(items[0]),))
    if len(items) == 1 and isinstance(items[0], tuple) and type(items[0]) is tuple:
        inner = items[0]
        if len(inner) == 2 and inner[1] is _DOTS:
            return Find("collection", (_element(inner[0]),))
        if inner and not (isinstance(inner[0], Symbol) and not is_variable(inner[0]) and inner[0] is not BLANK):
            return Find("tuple", tuple(_element(x) for x in inner))
    return Find("relation", tuple(_element(x) for x in items))


def _element(x: Any) -> Symbol | Aggregate | Pull:
    if isinstance(x, Symbol):
        if not is_variable(x):
            raise incorrect(f"Argument {x.text} in :find is not a variable")
        return x
    if not isinstance(x, tuple) or len(x) < 2 or not isinstance(x[0], Symbol):
        raise incorrect(f"Argument {edn_text(x)} in :find is not a variable, an aggregate or a pull expression")
    if x[0] is _PULL:
        return _pull(x)
    names = [item for item in x[1:] if is_variable(item)]
    if not names:
        raise incorrect(f"Argument {edn_text(x)} in :find has no variable")
    return Aggregate(x[0], tuple(x[1:]), names[-1], x)


def _pull(x: tuple[Any, ...]) -> Pull:
    # What follows the pattern says nothing (oracle: query-combos/pull-12).
    rest = list(x[1:])
    source = rest.pop(0) if is_source(rest[0]) else None
    if len(rest) < 2 or not is_variable(rest[0]):
        raise incorrect(f"A pull expression is (pull ?entity pattern), not {edn_text(x)}", "invalid-pull")
    return Pull(source, rest[0], rest[1], x)


def _with_name(x: Any) -> Symbol:
    if not is_variable(x):
        raise incorrect(f"Argument {edn_text(x)} in :find is not a variable")
    return x


def _check_find(find: Find, with_names: Sequence[Symbol]) -> None:
    # There it crashes (oracle: find/find-pull-var-too, query-wide/repeats-*); here it is said what is wrong. Beside an
    # aggregate a variable may stand in :find more than once, but not in :with too.
    found = [x if isinstance(x, Symbol) else x.variable for x in find.elements]
    aggregated = any(isinstance(x, Aggregate) for x in find.elements)
    names = [*(set(found) if aggregated else found), *with_names]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise incorrect(f"A variable may stand only once in :find and :with, pull expressions included: "
                        f"{set_text(twice)}")


def _return_keys(sections: dict[str, tuple[Any, ...]]) -> tuple[Any, ...] | None:
    given = [name for name in ("keys", "strs", "syms") if name in sections]
    if not given:
        return None
    forms = sections[given[0]]
    # The forms are counted, not the variables (oracle: query-sources/keys-shapes).
    if len(forms) != len(sections["find"]):
        raise incorrect("Count of :keys/:strs/:syms must match count of :find")
    make = {"keys": _as_keyword, "strs": _as_text}.get(given[0])
    return forms if make is None else tuple(map(make, forms))


def _as_keyword(x: Any) -> Keyword | None:
    """What names no keyword is nil (oracle: query-wide/keys-00)."""
    return x if isinstance(x, Keyword) else Keyword(x.text) if isinstance(x, Symbol) else (
        Keyword(x) if isinstance(x, str) else None)


def _as_text(x: Any) -> str:
    """As ``str`` of Clojure (oracle: query-wide/keys-03, keys-05, keys-08)."""
    return x if isinstance(x, str) else "" if x is None else edn_text(x)


# -- in


def _input(x: Any) -> Input:
    if isinstance(x, Symbol):
        if x is _PERCENT:
            return Input("rules", x)
        if is_source(x):
            return Input("source", x)
        if not is_variable(x) and x is not BLANK:
            return Input("pattern", x)
    return Input("binding", BLANK, call_binding(x))


# -- rules


def parse_rules(form: Any) -> Rules:
    """The rules of ``%`` (data or text) by name. Raises Anomaly incorrect for what are no rules."""
    if form is None:
        return NO_RULES
    found = _find_cached(_rules_cache, form, form)
    if found is not None:
        return found  # type: ignore[no-any-return]
    data = _read(form) if isinstance(form, str) else form
    if data == {}:
        return NO_RULES
    if not isinstance(data, (tuple, frozenset)):
        raise incorrect(f"Rules are a list of rules, not {edn_text(data)}")
    rules: dict[Symbol, list[Rule]] = {}
    for item in data:
        with watched(_Allowance()):
            rule = _rule(item)
        rules.setdefault(rule.name, []).append(rule)
    for name, definitions in rules.items():
        if len({len(rule.head) for rule in definitions}) > 1:
            raise incorrect(f"Arity mismatch for predicate: {name.text}; all definitions of a rule take as many "
                            f"arguments")
    parsed = rules_of({name: tuple(definitions) for name, definitions in rules.items()})
    _remember(_rules_cache, form, form, parsed)
    return parsed


def _rule(item: Any) -> Rule:
    if not isinstance(item, tuple) or not item or not isinstance(item[0], tuple) or not item[0]:
        raise incorrect(f"A rule is [(name ?var …) clause …], not {edn_text(item)}")
    name, *args = item[0]
    if isinstance(name, Keyword):
        name = Symbol(f":{name.text}")
    if not isinstance(name, Symbol) or is_variable(name) or is_source(name):
        raise incorrect(f"A rule's name is a plain symbol, not {edn_text(name)} in {edn_text(item[0])}")
    required: list[Any] = []
    if args and isinstance(args[0], tuple):
        required, args = list(args[0]), args[1:]
    head = [*required, *args]
    if not all(is_variable(x) for x in head):
        raise incorrect(f"Required args list must be first in predicate, and all arguments variables: "
                        f"{edn_text(item[0])}")
    return Rule(name, tuple(head), len(required), tuple(clause_of(x, in_rule=True) for x in item[1:]), item)


def check_bound(query: Query, bound: set[Symbol]) -> None:
    """Raises Anomaly unbound-query-variables unless ``:find`` and ``:with`` name only variables of ``bound``."""
    needed: list[Symbol] = list(query.with_names)
    needed.extend(x if isinstance(x, Symbol) else x.variable for x in query.find.elements)
    missing = [name for name in needed if name not in bound]
    if missing:
        raise incorrect(f"Query is referencing unbound variables: {set_text(missing)}", "unbound-query-variables",
                        variables=frozenset(missing))

