"""The EDN reader: one regular expression cuts the text into tokens, one loop with a stack builds values.

Tags, quotes, metadata and discards are left as markers among the members of a collection and applied when it
closes, so that the common case pays nothing for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from operator import length_hint
from typing import Any, Final

from ..model.anomaly import Anomaly, incorrect
from ..model.values import EdnList, Keyword, Symbol, Tagged
from .edn_atoms import BUILT_IN_TAGS, CONSTANTS, atom, character, string
from .limits import DEFAULT_LIMITS, Interner, Limits
from .members import MAP_TAG, make_map, make_set

__all__ = ("Tags", "read", "read_all", "read_first")

Tags = Mapping[str, Callable[[Any], Any]]

_SPACE: Final = r"\t\n\v\f\r ,\x1c-\x1f\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000"
_DELIMITER: Final = _SPACE + r';"()\[\]{}\\^'
_TOKEN: Final = re.compile(
    rf"(?:[{_SPACE}]+|;[^\n\r]*+)*+"
    r'("[^"\\]*+(?:\\.[^"\\]*+)*+"?'  # string, perhaps not closed
    r"|[()\[\]{}^']"
    r'|\#(?:[{_^]|"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
    rf"|[^{_DELIMITER}]*+)"
    rf"|\\(?:.[^{_DELIMITER}]*+)?"
    rf"|[^{_DELIMITER}]++"
    r"|\Z)",
    re.DOTALL,
)
_MISSING: Final = object()
_OPENS: Final = {"(": ")", "[": "]", "{": "}", "#{": "#}"}
_NAMES: Final = {")": "a list", "]": "a vector", "}": "a map", "#}": "a set"}
_QUOTE: Final = Symbol("quote")


class _Prefix:
    """A marker among members: it applies to the next form (``^`` to the next two)."""

    __slots__ = ("at", "kind", "text")

    def __init__(self, kind: str, text: str, at: int) -> None:
        self.kind = kind
        self.text = text
        self.at = at


def read(text: str, tags: Tags | None = None, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The one value that the text holds.

    ``tags``: further tags (without ``#``) to functions of the value behind them; unknown tags give
    :class:`~peerserver.model.values.Tagged`. Raises Anomaly incorrect, with line and column, for text
    that is not one EDN value.
    """
    forms = read_all(text, tags, limits)
    if len(forms) != 1:
        raise incorrect(
            f"The text holds {len(forms)} EDN values where one was expected" if forms else "The text holds no EDN value"
        )
    return forms[0]


def read_first(text: str) -> Any:
    """The first value of a text that begins with a collection; what stands behind it is not looked at."""
    forms = _read(text, None, DEFAULT_LIMITS, True)
    if not forms:
        raise incorrect("The text holds no EDN value")
    return forms[0]


def read_all(text: str, tags: Tags | None = None, limits: Limits = DEFAULT_LIMITS) -> list[Any]:
    """All values of the text, in order; see :func:`read`."""
    return _read(text, tags, limits, False)


def _read(text: str, tags: Tags | None, limits: Limits, first: bool) -> list[Any]:
    if not isinstance(text, str):
        raise incorrect(f"EDN text must be a string, not a {type(text).__name__}")
    if len(text) > limits.size:
        raise incorrect(f"EDN text of {len(text)} characters; at most {limits.size} are read")
    reading = _Reading(text, tags, limits)
    try:
        return reading.run(first)
    except Anomaly as problem:
        line, column = _place(text, reading.index())
        raise Anomaly(
            problem.category, f"{problem.message} (line {line}, column {column})", problem.error, problem.data
        ) from None


def _place(text: str, index: int) -> tuple[int, int]:
    """Line and column (from 1) of the token with this index."""
    start = len(text)
    for number, found in enumerate(_TOKEN.finditer(text)):
        if number == index:
            start = found.start(1)
            break
    return text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1


class _Reading:
    """One run over one text."""

    def __init__(self, text: str, tags: Tags | None, limits: Limits) -> None:
        self._tokens: list[str] = _TOKEN.findall(text)
        self._iterator: Iterator[str] = iter(self._tokens)
        self._tags: Tags = {**BUILT_IN_TAGS, **tags} if tags else BUILT_IN_TAGS
        self._limits = limits
        self._interner = Interner(limits)
        self._failed_at: int | None = None

    def index(self) -> int:
        """Index of the token that was read last, or that a failed prefix stands at."""
        if self._failed_at is not None:
            return self._failed_at
        return max(0, len(self._tokens) - length_hint(self._iterator) - 1)

    def run(self, one: bool = False) -> list[Any]:
        """The values; with ``one``, a collection that stands first ends the reading."""
        limits, interner = self._limits, self._interner
        known: dict[str, Any] = dict(CONSTANTS)
        lookup = known.get
        stack: list[tuple[list[Any], str, bool, int]] = []
        items: list[Any] = []
        push = items.append
        prefixed = False
        expected = ""
        opened = 0
        for token in self._iterator:
            value = lookup(token, _MISSING)
            if value is not _MISSING:
                push(value)
                continue
            first = token[:1]
            if first == '"':
                push(token[1:-1] if "\\" not in token and token[-1] == '"' and len(token) > 1 else string(token))
            elif token in _OPENS:
                if len(stack) >= limits.depth:
                    raise incorrect(f"Nested deeper than {limits.depth} collections")
                stack.append((items, expected, prefixed, opened))
                items = []
                push = items.append
                prefixed = False
                expected = _OPENS[token]
                opened = self.index()
            elif first in (")", "]", "}"):
                if expected[-1:] != first:
                    raise incorrect(f"Unmatched {first}" + (f" inside {_NAMES[expected]}" if expected else ""))
                value = self._close(expected, self._apply(items) if prefixed else items)
                items, expected, prefixed, opened = stack.pop()
                push = items.append
                push(value)
                if one and not stack and not prefixed:
                    return items
            elif first == "#" or first == "^" or first == "'":
                special = self._special(token)
                if type(special) is _Prefix:
                    prefixed = True
                push(special)
            elif first == "\\":
                push(character(token))
            elif token:
                value = atom(token, limits, interner)
                if first != "#":  # each NaN is its own
                    known[token] = value
                push(value)
        if stack:
            self._failed_at = opened
            raise incorrect(f"End of text inside {_NAMES[expected]} that opens here")
        return self._apply(items) if prefixed else items

    def _close(self, kind: str, items: list[Any]) -> Any:
        if kind == "]":
            return tuple(items)
        if kind == ")":
            return EdnList(items)
        if kind == "}":
            if len(items) % 2:
                raise incorrect("A map needs a value for every key: it has an odd number of forms")
            return make_map(items[::2], items[1::2])
        return make_set(items)

    def _special(self, token: str) -> Any:
        """The value of ``##Inf`` or ``#"…"``, or the marker of a token that applies to what follows."""
        at = self.index()
        if token == "#_":
            return _Prefix("discard", token, at)
        if token in ("^", "#^"):
            return _Prefix("metadata", token, at)
        if token == "'":
            return _Prefix("quote", token, at)
        if token[:2] == "##":
            return atom(token, self._limits, self._interner)
        if token[:2] == '#"':
            if len(token) < 3 or token[-1] != '"':
                raise incorrect("Unterminated regular expression: a closing quote is missing")
            return Tagged("regex", token[2:-1])
        if token[:2] == "#:":
            prefix = token[2:]
            if type(self._name(token[1:])) is not Keyword or "/" in prefix:
                raise incorrect(f"Namespaced map needs a plain namespace: {token[:60]}")
            return _Prefix("namespace", prefix, at)
        if not token[1:2].isalpha() or type(self._name(token[1:])) is not Symbol:
            raise incorrect(f"Unsupported dispatch: {token[:60]}")
        return _Prefix("tag", token[1:], at)

    def _name(self, text: str) -> Any:
        return atom(text, self._limits, self._interner) if text else None

    def _apply(self, items: list[Any]) -> list[Any]:
        """The members with every marker applied to what follows it."""
        done: list[Any] = []
        waiting: list[_Prefix] = []
        for item in items:
            if type(item) is _Prefix:
                waiting.append(item)
                if len(waiting) > self._limits.depth:
                    raise incorrect(f"More than {self._limits.depth} tags, quotes or discards before one form")
                continue
            value = item
            while waiting:
                prefix = waiting.pop()
                if prefix.kind == "discard":
                    break
                if prefix.kind == "metadata":
                    self._check_metadata(prefix, value)
                    waiting.append(_Prefix("with metadata", prefix.text, prefix.at))
                    break
                if prefix.kind != "with metadata":
                    value = self._prefixed(prefix, value)
            else:
                done.append(value)
        if waiting:
            self._failed_at = waiting[-1].at
            raise incorrect(f"Nothing follows {_shown(waiting[-1])}")
        return done

    def _check_metadata(self, prefix: _Prefix, value: Any) -> None:
        if not isinstance(value, (dict, Keyword, Symbol, str)):
            self._failed_at = prefix.at
            raise incorrect("Metadata must be a symbol, keyword, string or map")

    def _prefixed(self, prefix: _Prefix, value: Any) -> Any:
        self._failed_at = prefix.at
        if prefix.kind == "quote":
            made: Any = EdnList((_QUOTE, value))
        elif prefix.kind == "namespace":
            made = self._namespaced(prefix.text, value)
        else:
            made = self._tagged(prefix.text, value)
        self._failed_at = None
        return made

    def _tagged(self, tag: str, value: Any) -> Any:
        handler = self._tags.get(tag)
        if handler is None:
            return Tagged(tag, value)
        try:
            return handler(value)
        except Anomaly:
            raise
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as problem:
            raise incorrect(f"#{tag} does not take this value: {problem}") from None

    def _namespaced(self, namespace: str, value: Any) -> Any:
        if not isinstance(value, dict) and not (isinstance(value, Tagged) and value.tag == MAP_TAG):
            raise incorrect(f"#:{namespace} needs a map after it")
        pairs = value.items() if isinstance(value, dict) else zip(value.value[::2], value.value[1::2])
        keys: list[Any] = []
        values: list[Any] = []
        for key, member in pairs:
            if isinstance(key, (Keyword, Symbol)):
                if key.namespace is None:
                    key = type(key)(f"{namespace}/{key.name}")
                elif key.namespace == "_":
                    key = type(key)(key.name)
            keys.append(key)
            values.append(member)
        return make_map(keys, values)


def _shown(prefix: _Prefix) -> str:
    return {"tag": "#" + prefix.text, "namespace": "#:" + prefix.text}.get(prefix.kind, prefix.text)
