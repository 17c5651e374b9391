"""Full text: how a string is cut into words, and the words of all strings of a dictionary.

Words are those of Lucene 3's standard analyzer (oracle: ``fulltext-own/tokens``): Unicode's word breaks,
lower case, 33 English stop words left out (their places stay empty). The index is by string, not by
datom: a :class:`TextIndex` belongs to one dictionary, reads each code once, and only grows; which strings
an attribute has, and when, the database says. What is not decided here: query syntax
(``fulltext_syntax``), matching and scores (``fulltext_search``).
"""

from __future__ import annotations

import re
import struct
import threading
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ("STOP_WORDS", "TextIndex", "decode_norm", "encode_norm", "words_of")

STOP_WORDS: Final = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was "
    "will with".split()
)

_LONGEST = 255  # a longer word is no word
_ASCII_WORD: Final = re.compile(r"(?:[A-Za-z](?:[.':](?=[A-Za-z]))?|[0-9](?:[.,;'](?=[0-9]))?|_)+")
_HAN: Final = "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HIRAGANA: Final = "\u3041-\u3096\u309b-\u309f"
_KATAKANA: Final = "\u30a0-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3099\u309a\uff66-\uff9f"
_SOUTHEAST: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"


@lru_cache(maxsize=1)
def _unicode_word() -> re.Pattern[str]:
    """The pattern of a word in any script; combining marks go with the character before them."""
    marks = "".join(re.escape(chr(code)) for code in range(0x300, 0x10000)
                    if unicodedata.category(chr(code)) in ("Mn", "Mc", "Cf") and code not in (0x3099, 0x309A))  # fmt: skip
    letter = rf"(?![{_HAN}{_HIRAGANA}{_KATAKANA}{_SOUTHEAST}])[^\W\d_][{marks}]*"
    digit = rf"\d[{marks}]*"
    between = ".'\u2018\u2019\u2024\ufe52\uff07\uff0e"
    between_letters, between_digits = between + ":\u00b7\u0387\u05f4\u2027\ufe13\ufe55\uff1a", between + ",;\u037e\u0589\u060c\u060d\u066c"
    joiner = "_\u203f\u2040\u2054\ufe33\ufe34\ufe4d-\ufe4f\uff3f"
    return re.compile(
        rf"(?:{letter}(?:[{between_letters}](?={letter}))?|{digit}(?:[{between_digits}](?={digit}))?|[{joiner}])+"
        rf"|[{_KATAKANA}](?:[{marks}{joiner}]*[{_KATAKANA}])*|[{_SOUTHEAST}{marks}]*[{_SOUTHEAST}][{_SOUTHEAST}{marks}]*"
        rf"|[{_HAN}{_HIRAGANA}][{marks}]*"
    )


def words_of(text: str) -> list[tuple[str, int]]:
    """The words of a text in lower case, each with its place; stop words are left out but take a place."""
    pattern = _ASCII_WORD if text.isascii() else _unicode_word()
    found: list[tuple[str, int]] = []
    place = 0
    for word in pattern.findall(text):
        if len(word) > _LONGEST or not word.strip("_"):
            continue
        word = word.lower()
        if word not in STOP_WORDS:
            found.append((word, place))
        place += 1
    return found


def encode_norm(count: int) -> int:
    """One byte for 1/√count, as Lucene's SmallFloat: three bits of mantissa, the zero of the exponent at 15."""
    if count < 1:
        return 0
    bits = struct.unpack("<i", struct.pack("<f", 1 / sqrt(count)))[0]
    small = int(bits) >> 21
    return max(min(small - (48 << 3), 255), 1)


def decode_norm(code: int) -> float:
    """The number that a byte of :func:`encode_norm` stands for."""
    if code == 0:
        return 0.0
    return float(struct.unpack("<f", struct.pack("<i", (code << 21) + (48 << 24)))[0])


_NORMS: Final = np.array([decode_norm(code) for code in range(256)], dtype=np.float32)


class TextIndex:
    """The words of the strings of one dictionary, from the code ``start`` on. Any thread may read and add."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._seen = np.zeros(64, dtype=np.bool_)
        self._norms = np.zeros(64, dtype=np.uint8)
        self._sorted: list[str] = []
        self._arrays: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = {}

    def unseen(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The distinct codes among these (all from ``start`` on) that were not added yet."""
        places = codes - self._start
        seen = self._seen
        fresh = places[(places >= len(seen)) | ~seen[np.minimum(places, len(seen) - 1)]]
        return np.unique(fresh) + self._start

    def add(self, codes: Sequence[int], texts: Iterable[str]) -> None:
        """Reads the strings of codes, each once whoever else adds it."""
        with self._lock:
            if codes:
                self._reserve(max(codes) - self._start + 1)
            for code, text in zip(codes, texts):
                if not self._seen[code - self._start]:
                    self._add_one(code, text)

    def _reserve(self, size: int) -> None:
        if size > len(self._seen):
            size = max(size, 2 * len(self._seen))
            self._seen = np.concatenate([self._seen, np.zeros(size - len(self._seen), np.bool_)])
            self._norms = np.concatenate([self._norms, np.zeros(size - len(self._norms), np.uint8)])

    def _add_one(self, code: int, text: str) -> None:
        words = words_of(text)
        counted: dict[str, int] = {}
        for word, _ in words:
            counted[word] = counted.get(word, 0) + 1
        for word, count in counted.items():
            posting = self._postings.get(word)
            if posting is None:
                posting = self._postings[word] = (array("q"), array("I"))
            posting[0].append(code)
            posting[1].append(count)
            self._arrays.pop(word, None)
        self._norms[code - self._start] = encode_norm(len(words))
        self._seen[code - self._start] = True

    def postings(self, word: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The codes of the strings that have a word, ascending, and how often each has it."""
        found = self._arrays.get(word)
        if found is None:
            with self._lock:
                codes, counts = self._postings.get(word, (array("q"), array("I")))
                made = np.array(codes, dtype=np.int64)
                order = np.argsort(made)
                found = made[order], np.array(counts, dtype=np.float32)[order]
                if len(codes):
                    self._arrays[word] = found
        return found

    def norms(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """1/√words of each string, as one byte holds it."""
        return np.asarray(_NORMS[self._norms[codes - self._start]])

    def _vocabulary(self) -> list[str]:
        with self._lock:
            if len(self._sorted) != len(self._postings):
                known = set(self._sorted)
                self._sorted = sorted(self._sorted + [word for word in self._postings if word not in known])
            return self._sorted

    def words_between(self, low: str, high: str | None) -> list[str]:
        """All words from ``low`` on that are below ``high`` (None: to the end), in order."""
        words = self._vocabulary()
        return words[bisect_left(words, low) : len(words) if high is None else bisect_left(words, high)]

    def words_with_prefix(self, prefix: str) -> list[str]:
        """All words that start so, in order."""
        words = self._vocabulary()
        at = end = bisect_left(words, prefix)
        while end < len(words) and words[end].startswith(prefix):
            end += 1
        return words[at:end]
