"""Java's regular expressions by Python's engine: translated where they differ, refused where they could run for ever.

A pattern is the value ``Tagged("regex", source)``. Python's engine backtracks without a clock, so a
pattern is measured first: a repeat without bound inside another (``(a+)+``) can take exponential time
and is refused; otherwise the text may be as long as its number of neighbouring repeats leaves cheap.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import Any, Final

import attrs

from ...model.values import EdnList, Tagged
from .function import MAX_TEXT, Wrong, define
from .regex_cost import cost_of
from .seqs import joined, text_of

__all__ = ("Pattern", "group_value", "pattern_of", "replacement")

_STEPS: Final = 1_000_000_000  # of the engine, at the worst, for one call
_MAX_SOURCE: Final = 10_000

_PROPERTIES: Final = {
    "Lower": "a-z", "Upper": "A-Z", "ASCII": r"\x00-\x7f", "Alpha": "a-zA-Z", "Digit": "0-9", "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~", "Graph": "!-~", "Print": " -~", "Blank": r" \t", "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F", "Space": r" \t\n\x0b\f\r",
}  # fmt: skip
# What Java means by its classes (ASCII unless a flag says otherwise), as Python would write them inside brackets.
_CLASSES: Final = {"d": "0-9", "w": "a-zA-Z0-9_", "s": r" \t\n\x0b\f\r", "h": " \\t\u00a0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000",
                   "v": "\\n\\x0b\\f\\r\\x85\u2028\u2029"}  # fmt: skip
_LINE_END: Final = "\\n\\r\\x85\u2028\u2029"


@attrs.frozen
class Pattern:
    """``source``: as Java would take it; ``compiled``: for Python; ``degree`` and ``bits``: how many ways there are at the
    worst to match a text (``regex_cost``)."""

    source: str
    compiled: re.Pattern[str]
    degree: int
    bits: float

    def check(self, text: str) -> str:
        """The text. Raises :class:`Wrong` where matching it could take too long."""
        # So many ways there are for that many repeats to share the text.
        ways = math.comb(len(text) + self.degree, self.degree) if len(text) <= MAX_TEXT else _STEPS + 1
        if ways > _STEPS or self.bits > math.log2(_STEPS / ways):
            raise Wrong(f"the pattern repeats too freely for a text of {len(text)} characters")
        return text


def pattern_of(value: Any) -> Pattern:
    """The pattern of a value. Raises :class:`Wrong` for what is no pattern, or none that is supported."""
    if isinstance(value, Tagged) and value.tag == "regex" and isinstance(value.value, str):
        return _compiled(value.value)
    raise Wrong(f"not a pattern (make one with re-pattern): {type(value).__name__}")


@lru_cache(maxsize=512)
def _compiled(source: str) -> Pattern:
    if len(source) > _MAX_SOURCE:
        raise Wrong(f"the pattern is longer than {_MAX_SOURCE} characters")
    try:
        compiled = re.compile(_Translation(source).run())
    except (re.error, OverflowError, RecursionError) as error:
        raise Wrong(f"no pattern that is supported: {error}: {source[:200]}") from None
    return Pattern(source, compiled, *cost_of(compiled))


class _Translation:
    """One walk over a Java pattern, writing Python's."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.out: list[str] = []
        self.dotall = self.multiline = self.comments = False

    def run(self) -> str:
        flags = ""
        while self.at < len(self.source):
            found = re.compile(r"\(\?([imsuxdU]+)\)").match(self.source, self.at)
            if found is not None:
                if self.out:
                    raise Wrong("flags stand at the start of a pattern, or in a group (?i:…)")
                flags += found[1]
                self.at = found.end()
                self._set_flags(found[1])
                continue
            self._piece()
        kept = "".join(sorted({flag for flag in flags if flag in "imsx"}))
        # Java folds only ASCII without (?u); Python's a flag does that, and its other effects are translated away.
        return f"(?{kept}{'' if 'u' in flags or 'U' in flags else 'a'})" + "".join(self.out)

    def _set_flags(self, flags: str) -> None:
        if "d" in flags or "U" in flags:
            raise Wrong("the flags d and U are not supported")
        self.dotall |= "s" in flags
        self.multiline |= "m" in flags
        self.comments |= "x" in flags

    def _piece(self) -> None:
        char = self.source[self.at]
        if char == "\\":
            self.out.append(self._escape(inside=False))
        elif char == "[":
            self.out.append(self._bracket())
        elif char == "(" and self.source.startswith("(?<", self.at) and self.source[self.at + 3 : self.at + 4].isalpha():
            self.out.append("(?P<")
            self.at += 3
        elif char == "." and not self.dotall:
            self.out.append(f"[^{_LINE_END}]")
            self.at += 1
        elif char == "$" and not self.multiline:
            self.out.append(r"(?=(?:\r\n|[" + _LINE_END + r"])?\Z)")
            self.at += 1
        else:
            self.out.append(char)
            self.at += 1

    def _escape(self, inside: bool) -> str:
        source, at = self.source, self.at
        if at + 1 >= len(source):
            raise Wrong("the pattern ends with a backslash")
        char = source[at + 1]
        self.at = at + 2
        if char == "Q":
            end = source.find("\\E", self.at)
            quoted, self.at = source[self.at : end if end >= 0 else None], end + 2 if end >= 0 else len(source)
            return re.escape(quoted)
        if char in "pP":
            return self._property(char == "P", inside)
        if char in "dwshv":
            return _CLASSES[char] if inside else f"[{_CLASSES[char]}]"
        if char in "DWSHV":
            if inside:
                raise Wrong(f"\\{char} inside brackets is not supported")
            return f"[^{_CLASSES[char.lower()]}]"
        plain = {"z": r"\Z", "Z": r"(?=(?:\r\n|[" + _LINE_END + r"])?\Z)", "e": r"\x1b", "R": r"(?:\r\n|[\n\x0b\f\r\x85" + "\u2028\u2029])"}
        if char in plain and not (inside and char != "e"):
            return plain[char]
        if char == "k":
            end = source.find(">", self.at)
            name, self.at = source[self.at + 1 : end], end + 1
            return f"(?P={name})"
        if char == "x" and source[self.at : self.at + 1] == "{":
            end = source.find("}", self.at)
            code, self.at = int(source[self.at + 1 : end], 16), end + 1
            return re.escape(chr(code))
        if char == "0":
            found = re.compile("[0-3]?[0-7]{1,2}").match(source, self.at)
            if found is None:
                raise Wrong("an octal escape has digits")
            self.at = found.end()
            return re.escape(chr(int(found[0], 8)))
        if char.isalpha() and char not in "tnrfaAbBGux":
            raise Wrong(f"Illegal/unsupported escape sequence \\{char}")
        if char == "G":
            raise Wrong("\\G is not supported")
        return "\\" + char

    def _property(self, negative: bool, inside: bool) -> str:
        found = re.compile(r"\{\^?(?:Is|In|java)?(\w+)\}|(\w)").match(self.source, self.at)
        if found is None:
            raise Wrong("a property is written \\p{Name}")
        self.at = found.end()
        name = found[1] or found[2]
        listed = _PROPERTIES.get(name) or _unicode_class(name)
        if inside and negative:
            raise Wrong("\\P inside brackets is not supported")
        return listed if inside else f"[{'^' if negative else ''}{listed}]"

    def _bracket(self) -> str:
        """A character class; a union ``[a[b]]`` is merged, an intersection ``[a&&b]`` becomes a look-ahead."""
        self.at += 1
        negative = self.source.startswith("^", self.at)
        self.at += negative
        body, also = "", ""
        start = self.at
        while True:
            if self.at >= len(self.source):
                raise Wrong("Unclosed character class")
            char = self.source[self.at]
            if char == "]" and self.at > start:
                self.at += 1
                break
            if self.source.startswith("&&", self.at):
                self.at += 2
                also += f"(?={self._operand()})"
            elif char == "[":
                inner = self._bracket()
                if not re.fullmatch(r"\[[^^].*\]", inner, re.DOTALL):
                    raise Wrong("a union with a negated class is not supported")
                body += inner[1:-1]
            elif char == "\\":
                body += self._escape(inside=True)
            else:
                body += "\\" + char if char in "[]&~|" else char
                self.at += 1
        if negative and also:
            raise Wrong("a negated intersection is not supported")
        made = f"[{'^' if negative else ''}{body}]" if body or negative else ""
        return f"(?:{also}{made or '.'})" if also else made

    def _operand(self) -> str:
        if self.source.startswith("[", self.at):
            return self._bracket()
        body = ""
        while self.at < len(self.source) and self.source[self.at] != "]" and not self.source.startswith("&&", self.at):
            if self.source[self.at] == "\\":
                body += self._escape(inside=True)
            else:
                body += self.source[self.at]
                self.at += 1
        return f"[{body}]"


@lru_cache(maxsize=64)
def _unicode_class(name: str) -> str:
    """A general category (``L``, ``Lu``, ``Alphabetic`` …) as ranges; Python's engine has no names for them."""
    wanted = {"Alphabetic": "L", "Uppercase": "Lu", "Lowercase": "Ll", "LetterOrDigit": "L Nd", "Letter": "L", "UpperCase": "Lu",
              "LowerCase": "Ll", "WhiteSpace": "Z"}.get(name, name)  # fmt: skip
    kinds = tuple(wanted.split())
    if not all(re.fullmatch("[LMNPSZC][a-z]?", kind) for kind in kinds):
        raise Wrong(f"Unknown character property name {{{name}}}")
    ranges: list[list[int]] = []
    for code in range(0x110000):
        if unicodedata.category(chr(code)).startswith(kinds):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


def group_value(found: re.Match[str] | None) -> Any:
    """What Clojure gives of a match: nil, the text, or a vector of the text and the groups."""
    if found is None:
        return None
    return (found[0], *found.groups()) if found.re.groups else found[0]


def replacement(text: str) -> Any:
    """A Java replacement (``$1``, ``${name}``, backslash quotes) as a function of a match."""
    parts = re.findall(r"\\(.)|\$(\d)|\$\{(\w+)\}|([^\\$]+)|(.)", text, re.DOTALL)
    if any(part[4] for part in parts):
        raise Wrong("in a replacement, $ is followed by a group and a backslash by a character")

    def expand(found: re.Match[str]) -> str:
        made = ""
        for quoted, number, name, plain, _ in parts:
            made += quoted or plain or (found[int(number)] if number else found[name]) or ""
        return made

    return expand


def _matcher(name: str) -> Any:
    def match(pattern: Any, text: Any) -> Any:
        chosen = pattern_of(pattern)
        return group_value(getattr(chosen.compiled, name)(chosen.check(text_of(text))))

    return match


def _all(pattern: Any, text: Any) -> Any:
    chosen = pattern_of(pattern)
    return EdnList(map(group_value, chosen.compiled.finditer(chosen.check(text_of(text))))) or None


def _make(source: Any) -> Tagged:
    if isinstance(source, Tagged) and source.tag == "regex":
        return source
    made = Tagged("regex", joined(text_of(source)))
    pattern_of(made)
    return made


define("re-pattern", _make)
define("re-find", _matcher("search"), 2)
define("re-matches", _matcher("fullmatch"), 2)
define("re-seq", _all, 2)
