"""Reads pull patterns, as data or as EDN text; the rules are the oracle's (cases ``pull/*``, ``pull-more/*``).

::

    pattern     [attr-spec+]
    attr-spec   name | * | attr-expr | {(name | attr-expr) (pattern | levels | ...)}
    attr-expr   [name option value …] | (limit attr-expr n) | (default attr-expr v)
    option      :as :limit :default :xform; others are ignored
    name        keyword, or text with a leading colon: then the result has text keys
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Final

import attrs

from peerserver.codec import edn
from peerserver.index.dictionary import exact_key
from peerserver.model.anomaly import Anomaly, forbidden, incorrect
from peerserver.model.values import Keyword, Symbol, Tagged

from .pattern import Pattern, Recursion, Spec

__all__ = ("parse_pattern",)

_DB_ID: Final = Keyword("db/id")
_STARS: Final[dict[Any, str]] = {Symbol("*"): "keyword", Keyword("*"): "keyword", "*": "text"}
_STAR_KEYS: Final = tuple(_STARS)
_DOTS: Final = (Symbol("..."), "...")
_AS, _LIMIT, _DEFAULT, _XFORM = (Keyword(name) for name in ("as", "limit", "default", "xform"))
#: patterns that are kept parsed; a pattern beyond that is parsed again.
_CACHE_SIZE: Final = 1024
_DEPTH: Final = 100

_cache: dict[Any, Pattern] = {}
_lock = threading.Lock()


def parse_pattern(form: Any) -> Pattern:
    """The parsed pattern; Anomaly incorrect for what is none. Equal forms give the same object, mostly."""
    if isinstance(form, Pattern):
        return form
    try:
        key = form if _hashes_by_itself(form) else exact_key(form)
    except RecursionError:
        raise _too_deep() from None
    found = _cache.get(key)
    if found is None:
        found = _pattern(edn.read(form) if isinstance(form, str) else form, 0)
        with _lock:
            if len(_cache) >= _CACHE_SIZE:
                _cache.clear()
            _cache[key] = found
    return found


def _hashes_by_itself(form: Any) -> bool:
    # Keywords alone are hashed as they are; anything else could be 1, 1.0 or True, which Python confuses.
    return type(form) is str or (type(form) is tuple and all(type(x) is Keyword for x in form))


def _bad(form: Any) -> Anomaly:
    return incorrect(f"Cannot interpret as an attribute spec: {edn.write(form)}; write a keyword, *, a map, or "
                     "[:attribute :option value]", "invalid-attr-spec")


def _too_deep() -> Anomaly:
    return incorrect(f"The pull pattern is nested deeper than {_DEPTH} levels; pull in several steps")


def _pattern(form: Any, depth: int) -> Pattern:
    if depth > _DEPTH:
        raise _too_deep()
    if isinstance(form, dict) and depth == 0:
        form = ()  # oracle: a map as a whole pattern matches nothing (pull-options/pattern-map)
    if isinstance(form, Tagged) and form.tag == "#{}":
        form = form.value
    if not isinstance(form, (tuple, frozenset)):
        raise incorrect(f"A pull pattern is a vector of attribute specs, not {edn.write(form)}")
    specs: list[Spec] = []
    db_id = False
    wildcard: str | None = None
    for item in form:
        star = _STARS.get(item) if isinstance(item, (Symbol, Keyword, str)) else None
        if star is not None:
            wildcard = star
            continue
        for spec in _specs(item, depth):
            if spec.name is _DB_ID:
                # Its options and sub-patterns are ignored, and as text it is nothing (oracle).
                db_id = db_id or (spec.sub is None and not spec.as_text)
            else:
                specs.append(spec)
    _refuse_repeats(specs)
    return Pattern(tuple(specs), db_id, wildcard)


def _refuse_repeats(specs: Iterable[Spec]) -> None:
    seen = set()
    for spec in specs:
        key = (spec.name, spec.as_text)
        if key in seen:
            raise Anomaly("incorrect", f"Multiple specifications for {spec.name}; put its options into one spec", None,
                          {Keyword("db/error"): Keyword("pull/duplicate-attribute")})
        seen.add(key)


def _specs(item: Any, depth: int) -> list[Spec]:
    if isinstance(item, dict):
        # A map spec on a wildcard, or on an expression that is nothing, matches nothing (oracle).
        found = ((None if key in _STAR_KEYS else _attribute(key), value) for key, value in item.items())
        return [attrs.evolve(spec, sub=_below(value, depth)) for spec, value in found if spec is not None]
    spec = _attribute(item)
    return [] if spec is None else [spec]


def _below(form: Any, depth: int) -> Pattern | Recursion:
    if isinstance(form, (tuple, frozenset)):
        return _pattern(form, depth + 1)
    if isinstance(form, (Symbol, str)) and form in _DOTS:
        return Recursion(None)
    if isinstance(form, int) and not isinstance(form, bool) and form > 0:
        return Recursion(int(form))
    raise incorrect(f"Cannot interpret as a recursive pull specification: {edn.write(form)}; write a pattern, a positive "
                    "number of levels, or ...", "invalid-recur-limit")


def _attribute(form: Any) -> Spec | None:
    if isinstance(form, tuple):
        return _expression(form)
    if isinstance(form, Keyword):
        return Spec(form, form)
    if isinstance(form, str) and form.startswith(":") and len(form) > 1:
        return Spec(Keyword(form[1:]), form, as_text=True)
    if form is None:
        raise incorrect("A pull pattern has nil where an attribute belongs")
    raise incorrect(f"Attribute identifier {edn.write(form)} does not start with a colon", "invalid-attr-spec")


def _expression(form: tuple[Any, ...]) -> Spec | None:
    if not form:
        raise incorrect("An attribute spec is empty; write [:attribute :option value]")
    head = form[0]
    if isinstance(head, Symbol) and head.text in ("limit", "default"):
        return _legacy(head.text, form)
    if isinstance(head, str):
        if head.startswith(":"):
            raise _bad(form)
        raise incorrect(f"Cannot interpret as a keyword: {head}, no leading :", "not-a-keyword")
    if isinstance(head, Symbol):
        raise _bad(form)
    if not isinstance(head, Keyword):
        raise incorrect(f"An attribute spec begins with a keyword: {edn.write(form)}")
    options = form[1:]
    if len(options) % 2:
        raise _bad(form)
    spec = Spec(head, head)
    for name, value in zip(options[::2], options[1::2], strict=True):
        spec = _option(spec, name, value)
    return spec


def _option(spec: Spec, name: Any, value: Any) -> Spec:
    if name is _AS:
        return spec if value is None or value is False else attrs.evolve(spec, key=_key(value))
    if name is _LIMIT:
        return attrs.evolve(spec, limit=_limit(value))
    if name is _DEFAULT:
        return attrs.evolve(spec, default=value)
    if name is _XFORM:
        if value is None:
            return spec
        if not isinstance(value, Symbol):
            raise forbidden(f"{edn.write(value)} is no function's name; :xform takes a symbol")
        return attrs.evolve(spec, xform=value.text)
    return spec


def _key(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        raise incorrect(f"{edn.write(value)} can't be a key of a map here; give :as another value") from None
    return value


def _limit(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise incorrect(f"A pull :limit is a number or nil, not {edn.write(value)}")
    return value


def _legacy(name: str, form: tuple[Any, ...]) -> Spec | None:
    if len(form) < 2:
        raise _bad(form)
    inner = form[1]
    if isinstance(inner, tuple) and not (inner and isinstance(inner[0], Symbol)):
        return None  # oracle: options within the legacy forms match nothing (pull-forms/legacy-with-as)
    spec = _attribute(inner)
    if spec is None or len(form) == 2:
        return spec
    return attrs.evolve(spec, limit=_limit(form[2])) if name == "limit" else attrs.evolve(spec, default=form[2])
