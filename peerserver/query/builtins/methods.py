"""Java's instance methods: the table by name and kind of target, and the methods of String.

``(.startsWith ?s "a")`` is the function ``.startsWith``, which chooses by its first argument. What is
not decided here: methods of other kinds (``methods_other``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...model.values import Char, Tagged
from .compare import datomic_compare
from .formatting import format_text
from .function import TABLE, Function, Wrong
from .hashing import java_hash
from .numbers import long_of
from .printing import to_text
from .regex import pattern_of, replacement
from .seqs import chars, joined, seq_of, text_of, units
from .strings import capped, index_of, java_trim, last_index_of, regex_replace, split
from .text import substring

__all__ = ("is_string", "method")

#: by name: (test of the target, function of target and arguments, least and most arguments after the target)
_METHODS: dict[str, list[tuple[Callable[[Any], bool], Callable[..., Any], int, int]]] = {}


def is_string(value: Any) -> bool:
    """Whether a value is a string and no character."""
    return isinstance(value, str) and not isinstance(value, Char)


def method(test: Callable[[Any], bool], names: str, run: Callable[..., Any], least: int = 0, most: int = -1) -> None:
    """Puts a method of targets that pass the test under each name; ``most`` -1: as many as ``least``."""
    for name in names.split():
        _METHODS.setdefault(name, []).append((test, run, least, least if most == -1 else most))
        TABLE["." + name] = Function("." + name, _dispatcher(name), 1)


def _dispatcher(name: str) -> Callable[..., Any]:
    choices = _METHODS[name]

    def dispatch(target: Any, *args: Any) -> Any:
        if target is None:
            raise Wrong("the target is nil")
        for test, run, least, most in choices:
            if least <= len(args) <= most and test(target):
                return run(target, *args)
        raise Wrong(f"No matching method {name} found taking {len(args)} args for a {type(target).__name__}")

    return dispatch


def _starts(text: str, part: Any, at: Any = 0) -> bool:
    return 0 <= long_of(at) <= len(units(text)) and units(text).startswith(units(text_of(part)), long_of(at))


def _char_at(text: str, at: Any) -> Char:
    inside, index = units(text), long_of(at)
    if not 0 <= index < len(inside):
        raise Wrong(f"String index out of range: {index}")
    return Char(inside[index])


def _code_point(text: str, at: Any) -> int:
    return ord(joined(units(text)[long_of(at) : long_of(at) + 2])[0]) if _char_at(text, at) else 0


def _replaced(text: str, old: Any, new: Any) -> str:
    if isinstance(old, Char) != isinstance(new, Char):
        raise Wrong("replace takes two strings or two characters")
    before, after = (str(x) if isinstance(x, Char) else text_of(x) for x in (old, new))
    return capped(text.replace(before, after))


def _regex(source: Any) -> Any:
    return pattern_of(Tagged("regex", text_of(source)))


def _split(text: str, pattern: Any, limit: Any = 0) -> tuple[str, ...]:
    return tuple(split(_regex(pattern), text, long_of(limit)))


def _repeated(text: str, count: Any) -> str:
    times = long_of(count)
    if times < 0:
        raise Wrong(f"count is negative: {times}")
    capped("" if times * len(text) <= 10_000_000 else " " * 10_000_001)
    return text * times


def _folded_compare(text: str, other: Any) -> int:
    return datomic_compare(text.upper().lower(), text_of(other).upper().lower())


def _region(text: str, *args: Any) -> bool:
    fold = len(args) == 5
    start, other, other_start, length = args[1:] if fold else args
    one, two = units(text), units(text_of(other))
    at, there, size = long_of(start), long_of(other_start), long_of(length)
    if at < 0 or there < 0 or at + size > len(one) or there + size > len(two):
        return False
    left, right = one[at : at + size], two[there : there + size]
    return left.lower() == right.lower() if fold and args[0] else left == right


def _replace_all(text: str, source: Any, new: Any, count: int) -> str:
    return regex_replace(_regex(source), text, replacement(text_of(new)), count)


def _full_match(text: str, source: Any) -> bool:
    pattern = _regex(source)
    return pattern.compiled.fullmatch(pattern.check(text)) is not None


_WHITE = "\t\n\x0b\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000"

method(is_string, "startsWith", _starts, 1, 2)
method(is_string, "endsWith", lambda s, part: s.endswith(text_of(part)), 1)
method(is_string, "contains", lambda s, part: text_of(part) in s, 1)
method(is_string, "length", lambda s: len(units(s)))
method(is_string, "substring subSequence", substring, 1, 2)
method(is_string, "toUpperCase", lambda s: s.upper())
method(is_string, "toLowerCase", lambda s: s.lower())
method(is_string, "trim", java_trim)
method(is_string, "strip", lambda s: s.strip(_WHITE))
method(is_string, "stripLeading", lambda s: s.lstrip(_WHITE))
method(is_string, "stripTrailing", lambda s: s.rstrip(_WHITE))
method(is_string, "indexOf", index_of, 1, 2)
method(is_string, "lastIndexOf", last_index_of, 1, 2)
method(is_string, "charAt", _char_at, 1)
method(is_string, "codePointAt", _code_point, 1)
method(is_string, "replace", _replaced, 2)
method(is_string, "replaceAll", lambda s, source, new: _replace_all(s, source, new, 0), 2)
method(is_string, "replaceFirst", lambda s, source, new: _replace_all(s, source, new, 1), 2)
method(is_string, "matches", _full_match, 1)
method(is_string, "split", _split, 1, 2)
method(is_string, "isEmpty", lambda s: not s)
method(is_string, "isBlank", lambda s: not s.strip(_WHITE))
method(is_string, "equalsIgnoreCase", lambda s, other: is_string(other) and s.upper().lower() == other.upper().lower(), 1)
method(is_string, "contentEquals", lambda s, other: s == text_of(other), 1)
method(is_string, "compareTo", lambda s, other: datomic_compare(s, text_of(other)), 1)
method(is_string, "compareToIgnoreCase", _folded_compare, 1)
method(is_string, "concat", lambda s, other: capped(s + text_of(other)), 1)
method(is_string, "repeat", _repeated, 1)
method(is_string, "intern", lambda s: s)
method(is_string, "toCharArray", lambda s: tuple(chars(s)))
method(is_string, "getBytes", lambda s, charset="UTF-8": s.encode("utf-8"), 0, 1)
method(is_string, "regionMatches", _region, 4, 5)
method(is_string, "formatted", lambda s, args: format_text(s, *seq_of(args)), 1)


def _any(value: Any) -> bool:
    return True


method(_any, "toString", to_text)
method(_any, "hashCode", java_hash)
