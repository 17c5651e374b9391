"""The query language of full text, after Lucene 3's classic query parser: from text to a tree.

Words, ``"phrases"`` with slop (``"a b"~2``), ``pre*``, ``w?ld*``, ``fuzzy~0.7``, ``[a TO b]``, ``{a TO b}``, ``^2``, ``+`` ``-`` ``!``
``AND`` ``OR`` ``NOT`` ``&&`` ``||``, groups, ``\\`` before a special character. A word in ``field:`` other than ``*:*`` is in no
document (oracle: ``fulltext-own/wild``). What is not decided here: what matches, and how well (``fulltext_search``).
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import attrs

from ..model.anomaly import Anomaly, incorrect
from .fulltext import words_of

__all__ = ("All", "Boolean", "Fuzzy", "Node", "Nothing", "Pattern", "Phrase", "Term", "parse")

_DEEPEST: Final = 100
_MOST: Final = 1024  # Lucene's limit of clauses


@attrs.frozen
class Term:
    """One word."""

    word: str
    boost: float = 1.0


@attrs.frozen
class Phrase:
    """Words at places from one another; ``slop``: how far they may be moved in all."""

    words: tuple[tuple[str, int], ...]
    slop: int = 0
    boost: float = 1.0


@attrs.frozen
class Pattern:
    """All words that start with ``prefix`` and match ``regex`` (None: any), or lie from ``low`` to ``high`` (``*``: open)."""

    prefix: str = ""
    regex: str | None = None
    low: str | None = None
    high: str | None = None
    inclusive: bool = True
    boost: float = 1.0


@attrs.frozen
class Fuzzy:
    """All words near a word: similarity above ``least``."""

    word: str
    least: float = 0.5
    boost: float = 1.0


@attrs.frozen
class All:
    """Every string."""

    boost: float = 1.0


@attrs.frozen
class Nothing:
    """No string."""

    boost: float = 1.0


@attrs.frozen
class Boolean:
    """Clauses, each with "must", "should" or "not"."""

    clauses: tuple[tuple[str, Node], ...]
    boost: float = 1.0


Node: TypeAlias = "Term | Phrase | Pattern | Fuzzy | All | Nothing | Boolean"

_START = r"(?:[^ \t\n\r\u3000+\-!():^\[\]\"{}~*?\\]|\\.)"
_CHAR = r"(?:[^ \t\n\r\u3000!():^\[\]\"{}~*?\\]|\\.)"
_TOKEN: Final = re.compile(
    rf"""(?P<space>[ \t\n\r\u3000]+)
    |(?P<wild>(?:{_START}|[*?])(?:{_CHAR}|[*?])*)
    |(?P<and>&&)|(?P<or>\|\|)|(?P<not>!)|(?P<plus>\+)|(?P<minus>-)
    |(?P<open>\()|(?P<close>\))|(?P<colon>:)
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<slop>~(?:[0-9]+(?:\.[0-9]+)?)?)
    |(?P<boost>\^[ ]*[0-9]+(?:\.[0-9]+)?)
    |(?P<range>[\[{{])""",
    re.VERBOSE | re.DOTALL,
)
_RANGE: Final = re.compile(r'[\[{]\s*("(?:[^"\\]|\\.)*"|[^ \]}]+)\s+(?:TO\s+)?("(?:[^"\\]|\\.)*"|[^ \]}]+)\s*([\]}])', re.DOTALL)
_OPERATORS: Final = {"AND": "and", "OR": "or", "NOT": "not", "&&": "and", "||": "or"}


def parse(text: str) -> Node | None:
    """The tree of a query; None where it has no word left (stop words only). Raises Anomaly incorrect for bad syntax."""
    parser = _Parser(text)
    node = parser.query(0)
    if parser.kind != "end":
        raise parser.unexpected()
    return node


class _Parser:
    """One token of look-ahead over the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.kind = self.token = ""
        self.begin = 0
        self.next()

    def next(self) -> None:
        """Steps to the next token."""
        while True:
            self.begin = self.at
            if self.at >= len(self.text):
                self.kind, self.token = "end", ""
                return
            found = _TOKEN.match(self.text, self.at)
            if found is None:
                raise self.unexpected()
            self.at = found.end()
            self.kind, self.token = str(found.lastgroup), found[0]
            if self.kind == "space":
                continue
            if self.kind == "wild":
                self.kind = _OPERATORS.get(self.token, "term" if not re.search(r"(?<!\\)(?:\\\\)*[*?]", self.token) else "wild")
            return

    def unexpected(self) -> Anomaly:
        """The anomaly for what stands at this place."""
        what = "the end" if self.begin >= len(self.text) else f'"{self.text[self.begin : self.begin + 20]}"'
        return incorrect(f"Full-text query: {what} was not expected at character {self.begin} of {self.text[:200]!r}")

    def query(self, depth: int, field: str | None = None) -> Node | None:
        """Clauses up to the end or a closing parenthesis."""
        if depth > _DEEPEST:
            raise incorrect(f"Full-text query: groups more than {_DEEPEST} deep")
        clauses: list[tuple[str, Node]] = []
        first: Node | None = None
        joined = ""
        number = 0
        while True:
            sign = self.modifier()
            node = self.clause(depth, field)
            if joined == "and" and clauses and clauses[-1][0] != "not":
                clauses[-1] = ("must", clauses[-1][1])
            if node is not None:
                clauses.append(("not" if sign == "not" else "must" if sign == "must" or joined == "and" else "should", node))
                if number == 0 and sign == "":
                    first = node
            number += 1
            if len(clauses) > _MOST:
                raise incorrect(f"Full-text query: more than {_MOST} clauses")
            joined = ""
            if self.kind in ("and", "or"):
                joined = self.kind
                self.next()
            elif self.kind in ("end", "close"):
                break
        if len(clauses) == 1 and first is not None:
            return first
        return Boolean(tuple(clauses)) if clauses else None

    def modifier(self) -> str:
        """ "must", "not" or "" before a clause."""
        found = {"plus": "must", "minus": "not", "not": "not"}.get(self.kind, "")
        if found:
            self.next()
        return found

    def clause(self, depth: int, field: str | None) -> Node | None:
        """One word, phrase, range or group, perhaps in a field."""
        if self.kind in ("term", "wild") and self.text.startswith(":", self.at) and (self.kind == "term" or self.token == "*"):
            field = self.token
            self.next()
            self.next()
        if self.kind == "open":
            self.next()
            inner = self.query(depth + 1, field)
            if self.kind != "close":
                raise self.unexpected()
            self.next()
            return self.boosted(inner)
        made = self.single()
        if field == "*" and isinstance(made, Pattern) and made.regex == ".*" and not made.prefix:
            return All(made.boost)
        if isinstance(made, Pattern) and made.regex is not None and not made.prefix and field != "*":
            raise incorrect("Full-text query: '*' or '?' is not allowed as the first character of a word")
        return made if field is None or made is None else Nothing(made.boost)

    def single(self) -> Node | None:
        """What is no group."""
        kind, token = self.kind, self.token
        if kind == "range":
            return self.range()
        if kind not in ("term", "wild", "quoted"):
            raise self.unexpected()
        self.next()
        slop = self.slop()
        if kind == "quoted":
            node = _phrase(_plain(token[1:-1]), int(float(slop)) if slop else 0)
            return self.boosted(node)
        made = self.boosted(None)
        boost = made.boost if made is not None else 1.0
        if slop is None:
            slop = self.slop()
        if kind == "wild":
            return _wildcard(token, boost)
        if slop is not None:
            return _fuzzy(_plain(token).lower(), slop, boost)
        return _with_boost(_words(_plain(token)), boost)

    def slop(self) -> str | None:
        """The number of a ``~`` that stands here ("": none given), or None."""
        if self.kind != "slop":
            return None
        found = self.token[1:]
        self.next()
        return found

    def boosted(self, node: Node | None) -> Node | None:
        """The node with the ``^`` that stands here; where there is no node, an empty one that carries it."""
        if self.kind != "boost":
            return node
        boost = float(self.token[1:])
        self.next()
        return Nothing(boost) if node is None else _with_boost(node, boost)

    def range(self) -> Node | None:
        """``[low TO high]`` or ``{low TO high}``."""
        found = _RANGE.match(self.text, self.begin)
        if found is None or (self.token == "[") != (found[3] == "]"):
            raise self.unexpected()
        self.at = found.end()
        ends = [_plain(end[1:-1] if end.startswith('"') else end).lower() for end in (found[1], found[2])]
        self.next()
        return self.boosted(Pattern(low=ends[0], high=ends[1], inclusive=found[3] == "]"))


def _with_boost(node: Node | None, boost: float) -> Node | None:
    if node is None or boost == 1.0:
        return node
    made: Node = attrs.evolve(node, boost=boost)
    return made


def _plain(text: str) -> str:
    """Without the backslashes."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _words(text: str) -> Node | None:
    words = words_of(text)
    if not words:
        return None
    if len(words) == 1:
        return Term(words[0][0])
    return Boolean(tuple(("should", Term(word)) for word, _ in words))


def _phrase(text: str, slop: int) -> Node | None:
    words = words_of(text)
    if not words:
        return None
    if len(words) == 1:
        return Term(words[0][0])
    return Phrase(tuple((word, place - words[0][1]) for word, place in words), slop)


def _wildcard(token: str, boost: float) -> Node:
    """A pattern; its fixed beginning narrows the words to try."""
    parts = re.findall(r"\\.|[*?]|[^\\*?]+", token.lower(), re.DOTALL)
    prefix = ""
    while parts and parts[0] not in ("*", "?"):
        prefix += _plain(parts.pop(0))
    if parts == ["*"] and prefix:
        return Pattern(prefix, boost=boost)
    rest = "".join({"*": ".*", "?": "."}.get(part) or re.escape(_plain(part)) for part in parts)
    return Pattern(prefix, re.sub(r"(?:\.\*)+", ".*", rest), boost=boost)


def _fuzzy(word: str, given: str, boost: float) -> Node:
    least = float(given) if given else 0.5
    if not 0.0 <= least < 1.0:
        raise incorrect("Full-text query: the similarity after ~ is from 0 to below 1")
    return Fuzzy(word, least, boost)
