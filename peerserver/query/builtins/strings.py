"""``clojure.string``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...model.values import Char, Tagged
from .access import get, invoke, is_callable
from .function import MAX_TEXT, Wrong, define, defines
from .numbers import long_of
from .printing import to_text
from .regex import Pattern, group_value, pattern_of, replacement
from .seqs import joined, seq_of, text_of, units

__all__ = ("capped", "index_of", "java_trim", "last_index_of", "regex_replace", "split")

# What Character.isWhitespace takes: Unicode's spaces but the no-break ones, and the ASCII separators.
_SPACE = "\t\n\x0b\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000"


def _text(value: Any) -> str:
    # As (.toString ^CharSequence s) does, which takes anything but nil.
    if value is None:
        raise Wrong("an argument is nil, not a string")
    return to_text(value)


def _sequence(value: Any) -> str:
    # A Java CharSequence: a string.
    return text_of(value)


def capped(text: str) -> str:
    """The text. Raises :class:`Wrong` where it is longer than ``MAX_TEXT``."""
    if len(text) > MAX_TEXT:
        raise Wrong(f"the text has more than {MAX_TEXT} characters")
    return text


def java_trim(text: str) -> str:
    """``String.trim``: without anything up to a blank at the ends."""
    return text.strip("".join(map(chr, range(33))))


def split(pattern: Pattern, text: str, limit: int = 0) -> list[str]:
    """``Pattern.split``: empty strings at the end go where the limit is 0; an empty match at the start gives none."""
    parts: list[str] = []
    start = 0
    for found in pattern.compiled.finditer(pattern.check(text)):
        if 0 < limit == len(parts) + 1:
            break
        if found.end() == 0 or (found.start() == found.end() == len(text)):
            continue
        parts.append(text[start : found.start()])
        start = found.end()
    if not parts:
        return [text]
    parts.append(text[start:])
    while limit == 0 and len(parts) > 1 and not parts[-1]:
        parts.pop()
    return [] if limit == 0 and parts == [""] else parts


def regex_replace(pattern: Pattern, text: str, made: Callable[[re.Match[str]], str], count: int = 0) -> str:
    """Each match (or the first) replaced. Raises :class:`Wrong` where the text gets too long."""
    size = [0]

    def counted(found: re.Match[str]) -> str:
        new = made(found)
        size[0] += len(new)
        if size[0] > MAX_TEXT:
            raise Wrong(f"the text has more than {MAX_TEXT} characters")
        return new

    return pattern.compiled.sub(counted, pattern.check(text), count=count)


def _by_function(f: Any) -> Callable[[re.Match[str]], str]:
    return lambda found: text_of(invoke(f, (group_value(found),)))


def _replace(text: Any, match: Any, new: Any, count: int) -> str:
    source = _text(text)
    if isinstance(match, Char) and isinstance(new, Char):
        return source.replace(str(match), str(new), count)
    if isinstance(match, Tagged):
        made = replacement(new) if isinstance(new, str) and not isinstance(new, Char) else _by_function(new)
        if not isinstance(new, str) and not is_callable(new):
            raise Wrong("the replacement is neither a string nor a function")
        return regex_replace(pattern_of(match), source, made, max(count, 0))
    old, text_new = text_of(match), text_of(new)
    found = source.count(old) if count < 0 else 1
    if len(source) + found * len(text_new) > MAX_TEXT:
        raise Wrong(f"the text has more than {MAX_TEXT} characters")
    return source.replace(old, text_new, count)


def index_of(text: Any, part: Any, start: Any = 0) -> int:
    """Where a string or character first stands, counted in code units; -1 for nowhere."""
    return units(_sequence(text)).find(units(_part(part)), max(long_of(start), 0))


def last_index_of(text: Any, part: Any, start: Any = None) -> int:
    """Where it last stands, not after the third argument; -1 for nowhere."""
    inside, sought = units(_sequence(text)), units(_part(part))
    if start is None:
        return inside.rfind(sought)
    return -1 if long_of(start) < 0 else inside.rfind(sought, 0, long_of(start) + len(sought))


def _part(value: Any) -> str:
    return str(value) if isinstance(value, Char) else text_of(value)


def _found(at: int) -> int | None:
    return None if at < 0 else at


@defines("clojure.string/join", 1, 2)
def _join(first: Any, second: Any = None) -> str:
    separator, items = ("", first) if second is None else (to_text(first), second)
    return capped(separator.join(map(to_text, seq_of(items))))


@defines("clojure.string/split", 2, 3)
def _split(text: Any, pattern: Any, limit: Any = 0) -> tuple[str, ...]:
    return tuple(split(pattern_of(pattern), _sequence(text), long_of(limit)))


@defines("clojure.string/capitalize")
def _capitalize(text: Any) -> str:
    plain = _text(text)
    return plain[:1].upper() + plain[1:].lower()


@defines("clojure.string/escape", 2)
def _escape(text: Any, changes: Any) -> str:
    made = []
    for char in units(_sequence(text)):
        new = get(changes, Char(char)) if not callable(getattr(changes, "call", None)) else invoke(changes, (Char(char),))
        made.append(char if new is None else to_text(new))
    return joined("".join(made))


def _lines(text: Any) -> tuple[str, ...]:
    parts = re.split(r"\n|\r\n", _sequence(text).replace("\r\n", "\n"))
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    return tuple(parts)


define("clojure.string/upper-case", lambda s: _text(s).upper())
define("clojure.string/lower-case", lambda s: _text(s).lower())
define("clojure.string/trim", lambda s: _sequence(s).strip(_SPACE))
define("clojure.string/triml", lambda s: _sequence(s).lstrip(_SPACE))
define("clojure.string/trimr", lambda s: _sequence(s).rstrip(_SPACE))
define("clojure.string/trim-newline", lambda s: _sequence(s).rstrip("\r\n"))
define("clojure.string/blank?", lambda s: s is None or not _sequence(s).strip(_SPACE))
define("clojure.string/reverse", lambda s: _sequence(s)[::-1])
define("clojure.string/split-lines", _lines)
define("clojure.string/replace", lambda s, match, new: _replace(s, match, new, -1), 3)
define("clojure.string/replace-first", lambda s, match, new: _replace(s, match, new, 1), 3)
define("clojure.string/re-quote-replacement", lambda s: re.sub(r"([\\$])", r"\\\1", _text(s)))
define("clojure.string/starts-with?", lambda s, part: _text(s).startswith(text_of(part)), 2)
define("clojure.string/ends-with?", lambda s, part: _text(s).endswith(text_of(part)), 2)
define("clojure.string/includes?", lambda s, part: text_of(part) in _text(s), 2)
define("clojure.string/index-of", lambda s, part, start=0: _found(index_of(s, part, start)), 2, 3)
define("clojure.string/last-index-of", lambda s, part, start=None: _found(last_index_of(s, part, start)), 2, 3)
