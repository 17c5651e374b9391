"""Matching a query's tree against the words of strings, and Lucene 3's scores.

Every node gives the codes of the strings that match, ascending, with a 32-bit score each. Scores are made with
Lucene's steps (idf, query norm, √frequency, the norm's byte, coordination), in its order of rounding as
far as that is known. What is not decided here: which strings a database shows (``fulltext_search``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from ..model.anomaly import incorrect
from .fulltext import TextIndex, words_of
from .fulltext_syntax import All, Boolean, Fuzzy, Node, Nothing, Pattern, Phrase, Term

__all__ = ("Corpus", "evaluate")

_Ints: TypeAlias = "npt.NDArray[np.int64]"
_Floats: TypeAlias = "npt.NDArray[np.float32]"
_Found: TypeAlias = "tuple[_Ints, _Floats]"
_F = np.float32

_MOST_WORDS = 100_000  # that one pattern may stand for
_MOST_PHRASES = 2_000_000  # strings that one phrase may be looked for in


@attrs.frozen(eq=False)
class Corpus:
    """The documents of an attribute: ``total`` of them; ``counts`` by code of the root dictionary, ``extra`` the codes of
    a fork's documents (None: none); ``texts`` from codes to strings."""

    indexes: Sequence[TextIndex]
    total: int
    counts: _Ints
    extra: _Ints | None
    texts: Callable[[_Ints], list[str]]

    def documents(self, codes: _Ints) -> _Ints:
        """How many documents have each of these codes."""
        inside = codes < len(self.counts)
        found = np.where(inside, self.counts[np.where(inside, codes, 0)], 0) if len(self.counts) else np.zeros(len(codes), np.int64)
        if self.extra is not None:
            ordered = np.sort(self.extra)
            found = found + np.searchsorted(ordered, codes, "right") - np.searchsorted(ordered, codes, "left")
        return np.asarray(found)

    def postings(self, word: str) -> tuple[_Ints, _Floats, _Floats]:
        """Codes with documents that have a word; its frequency in each, and each one's norm."""
        parts = []
        for index in self.indexes:
            codes, counts = index.postings(word)
            live = self.documents(codes) > 0
            if not live.all():
                codes, counts = codes[live], counts[live]
            parts.append((codes, counts, index.norms(codes)))
        if len(parts) == 1:
            return parts[0]
        return tuple(np.concatenate(arrays) for arrays in zip(*parts))  # type: ignore[return-value]

    def everything(self) -> _Ints:
        """All codes with documents."""
        found = np.flatnonzero(self.counts)
        return found if self.extra is None else np.concatenate([found, np.unique(self.extra)])

    def idf(self, word: str) -> np.float32:
        """How rare a word is: 1 + ln(documents / (documents with it + 1))."""
        frequency = int(self.documents(self.postings(word)[0]).sum())
        return _F(math.log(self.total / (frequency + 1)) + 1.0) if self.total else _F(1.0)


class _Scorer:
    """One node of the query, weighed: the sum of its squared weights, then its matches under the query norm."""

    squares: np.float32

    def matches(self, norm: np.float32) -> _Found:
        """Codes and scores."""
        raise NotImplementedError


def _empty() -> _Found:
    return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)


class _Word(_Scorer):
    """One word; a phrase gives its own frequencies."""

    def __init__(self, corpus: Corpus, idf: np.float32, boost: float, hits: tuple[_Ints, _Floats, _Floats]) -> None:
        self.idf = idf
        self.weight = idf * _F(boost)
        self.squares = self.weight * self.weight
        self.hits = hits

    def matches(self, norm: np.float32) -> _Found:
        """√frequency * weight * norm of the string."""
        codes, frequencies, norms = self.hits
        value = self.weight * norm * self.idf
        return codes, np.sqrt(frequencies.astype(np.float64)).astype(np.float32) * value * norms


class _Constant(_Scorer):
    """All that match score the same."""

    def __init__(self, codes: _Ints, boost: float) -> None:
        self.codes = codes
        self.boost = _F(boost)
        self.squares = self.boost * self.boost

    def matches(self, norm: np.float32) -> _Found:
        """The boost alone."""
        return self.codes, np.full(len(self.codes), self.boost * norm, dtype=np.float32)


class _Clauses(_Scorer):
    """Clauses that must, should or must not match."""

    def __init__(self, clauses: Sequence[tuple[str, _Scorer]], boost: float, coordinated: bool = True) -> None:
        self.clauses = clauses
        self.boost = _F(boost)
        self.coordinated = coordinated
        total = _F(0)
        for how, scorer in clauses:
            if how != "not":
                total = total + scorer.squares
        self.squares = total * self.boost * self.boost

    def matches(self, norm: np.float32) -> _Found:
        """The sum of what matches, times the share of clauses that do."""
        inner = norm * self.boost
        found = [(how, *scorer.matches(inner)) for how, scorer in self.clauses]
        wanted = [codes for how, codes, _ in found if how != "not"]
        if not wanted:
            return _empty()
        codes = np.unique(np.concatenate(wanted))
        sums = np.zeros(len(codes), dtype=np.float64)
        overlap = np.zeros(len(codes), dtype=np.int64)
        keep = np.ones(len(codes), dtype=np.bool_)
        for how, matched, scores in found:
            if how == "not":
                keep &= ~np.isin(codes, matched)
                continue
            places = np.searchsorted(codes, matched)
            sums[places] += scores
            overlap[places] += 1
            if how == "must":
                present = np.zeros(len(codes), dtype=np.bool_)
                present[places] = True
                keep &= present
        scores = sums.astype(np.float32)
        if self.coordinated and len(wanted) > 1:
            scores = scores * (overlap.astype(np.float32) / _F(len(wanted)))
        return codes[keep], scores[keep]


def evaluate(node: Node, corpus: Corpus) -> _Found:
    """The codes that match, ascending, with their raw scores. Raises Anomaly incorrect for a pattern of too many words."""
    scorer = _scorer(node, corpus)
    squares = float(scorer.squares)
    norm = _F(1.0 / math.sqrt(squares)) if squares > 0 and math.isfinite(squares) else _F(1.0)
    return scorer.matches(norm)


def _scorer(node: Node, corpus: Corpus) -> _Scorer:
    if isinstance(node, Term):
        return _Word(corpus, corpus.idf(node.word), node.boost, corpus.postings(node.word))
    if isinstance(node, Boolean):
        return _Clauses([(how, _scorer(inner, corpus)) for how, inner in node.clauses], node.boost)
    if isinstance(node, Phrase):
        return _phrase(node, corpus)
    if isinstance(node, Pattern):
        return _pattern(node, corpus)
    if isinstance(node, Fuzzy):
        return _fuzzy(node, corpus)
    if isinstance(node, All):
        return _Constant(corpus.everything(), node.boost)
    assert isinstance(node, Nothing)
    return _Constant(np.empty(0, dtype=np.int64), node.boost)


def _phrase(node: Phrase, corpus: Corpus) -> _Scorer:
    words = [word for word, _ in node.words]
    idf = _F(0)
    for word in words:
        idf = idf + corpus.idf(word)
    lists = sorted((corpus.postings(word) for word in set(words)), key=lambda posting: len(posting[0]))
    codes, _, norms = lists[0]
    for other, _, _ in lists[1:]:
        both = np.isin(codes, other)
        codes, norms = codes[both], norms[both]
    if len(codes) > _MOST_PHRASES:
        raise incorrect("Full-text query: the words of a phrase are in too many strings")
    frequencies = np.array([_frequency(text, node) for text in corpus.texts(codes)], dtype=np.float32)
    found = frequencies > 0
    return _Word(corpus, idf, node.boost, (codes[found], frequencies[found], norms[found]))


def _frequency(text: str, node: Phrase) -> float:
    """How often a text has a phrase; of loose matches a part of one each."""
    places: dict[str, list[int]] = {}
    for word, place in words_of(text):
        places.setdefault(word, []).append(place)
    if node.slop == 0:
        rest = [(set(places.get(word, ())), offset) for word, offset in node.words[1:]]
        return float(sum(all(start + offset in there for there, offset in rest) for start in places.get(node.words[0][0], ())))
    lists = [[place - offset for place in places.get(word, ())] for word, offset in node.words]
    return _sloppy(lists, node.slop) if all(lists) else 0.0


def _sloppy(lists: list[list[int]], slop: int) -> float:
    """Lucene's sloppy frequency: 1/(1 + width) of each window, the list with the first place moved on each time."""
    at = [0] * len(lists)
    end = max(places[0] for places in lists)
    total = 0.0
    while True:
        order = sorted(range(len(lists)), key=lambda i: (lists[i][at[i]], i))
        first = order[0]
        limit = lists[order[1]][at[order[1]]]
        start, done = lists[first][at[first]], False
        while lists[first][at[first]] <= limit:
            start = lists[first][at[first]]
            at[first] += 1
            if at[first] == len(lists[first]):
                done = True
                break
        if end - start <= slop:
            total += 1.0 / (end - start + 1)
        if done:
            return total
        end = max(end, lists[first][at[first]])


@lru_cache(maxsize=256)
def _glob(regex: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(piece, re.DOTALL) for piece in regex.split(".*"))


def _matches(pieces: tuple[re.Pattern[str], ...], word: str, start: int) -> bool:
    """Whether the rest of a word matches pieces with anything between them; each is found as early as it goes."""
    if len(pieces) == 1:
        return pieces[0].fullmatch(word, start) is not None
    found = pieces[0].match(word, start)
    for piece in pieces[1:-1]:
        found = piece.search(word, found.end()) if found is not None else None
    if found is None:
        return False
    # The last piece has a fixed length: only its place at the end will do.
    length = len(re.sub(r"\\(.)", r"\1", pieces[-1].pattern, flags=re.DOTALL))
    at = len(word) - length
    return at >= found.end() and pieces[-1].fullmatch(word, at) is not None


def _pattern(node: Pattern, corpus: Corpus) -> _Scorer:
    words: list[str] = []
    for index in corpus.indexes:
        words += _words_like(node, index)
    if len(words) > _MOST_WORDS:
        raise incorrect(f"Full-text query: a pattern stands for more than {_MOST_WORDS} words")
    codes = [corpus.postings(word)[0] for word in dict.fromkeys(words)]
    return _Constant(np.unique(np.concatenate(codes)) if codes else np.empty(0, dtype=np.int64), node.boost)


def _words_like(node: Pattern, index: TextIndex) -> list[str]:
    if node.low is not None:
        low = "" if node.low == "*" else node.low
        found = index.words_between(low, None if node.high == "*" else node.high)
        if not node.inclusive:
            return found[1:] if found and found[0] == low else found
        return found + [word for word in index.words_between(str(node.high), None)[:1] if word == node.high]
    found = index.words_with_prefix(node.prefix)
    if node.regex is None:
        return found
    pieces = _glob(node.regex)
    return [word for word in found if _matches(pieces, word, len(node.prefix))]


def _fuzzy(node: Fuzzy, corpus: Corpus) -> _Scorer:
    near: dict[str, float] = {}
    for index in corpus.indexes:
        for word in index.words_between("", None):
            likeness = _likeness(node.word, word, node.least)
            if likeness > node.least:
                near[word] = likeness
    least = _F(node.least)
    scale = _F(1) / (_F(1) - least)
    best = sorted(near, key=lambda word: (-near[word], word))[:1024]
    terms = [Term(word, float(_F(node.boost) * ((_F(near[word]) - least) * scale))) for word in best]
    return _Clauses([("should", _scorer(term, corpus)) for term in terms], 1.0, coordinated=False)


def _likeness(one: str, other: str, least: float) -> float:
    """1 - edits / length of the shorter; 0 where it can't be above ``least``."""
    if one == other:
        return 1.0
    shorter = min(len(one), len(other))
    allowed = (1.0 - least) * shorter
    if not shorter or abs(len(one) - len(other)) >= allowed:
        return 0.0
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
        if min(row) >= allowed:
            return 0.0
    return float(_F(1) - _F(row[-1]) / _F(shorter))
