"""Full-text search in one database value: which datoms' strings match, and how well.

A document is one datom of the attribute, assertion or retraction, of all the history up to the value's
basis, as Datomic has it (oracle: ``fulltext-own/counts``, ``fulltext-own/time``): each counts in the scores, and each
hit whose entity and value the database's filters show comes out with its own transaction. Scores are Lucene 3's
TF-IDF in 32-bit floats, divided by the best hit's. What is not decided here: words (``fulltext``) and syntax
(``fulltext_syntax``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final, Protocol

import attrs
import numpy as np
import numpy.typing as npt

from ..model.anomaly import incorrect
from ..model.entity import NUMBER_MASK
from ..model.schema import Attribute, ValueType
from .dictionary import Dictionary
from .fulltext import TextIndex
from .fulltext_match import Corpus, evaluate
from .fulltext_syntax import parse
from .rows import Ints, Rows

__all__ = ("Hits", "search", "search_columns")

_KEPT: Final = 16  # databases whose words are kept
_BATCH: Final = 50_000


class _Database(Protocol):
    basis_t: int
    dictionary: Dictionary

    def history(self) -> _Database: ...
    def unfiltered(self) -> _Database: ...
    def rows(self, aid: int) -> Rows: ...
    def rows_of_values(self, aid: int, codes: Ints) -> tuple[Ints, Rows]: ...
    def decode(self, type: ValueType, codes: Ints) -> list[Any]: ...


@attrs.frozen(eq=False)
class Hits:
    """Parallel columns, a row each hit: entity, code of the string, t of its transaction, score to 1 (the best).

    Datomic gives the t, though its documentation calls it a transaction (oracle: ``fulltext/basic``)."""

    e: Ints
    v: Ints
    t: Ints
    score: npt.NDArray[np.float64]


class _Words:
    """The index of one dictionary, with what was last counted for each attribute."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.index = TextIndex(dictionary.start)
        self.counted: dict[int, tuple[int, int, Ints]] = {}


_words: OrderedDict[int, _Words] = OrderedDict()
_lock = threading.Lock()


def _words_of(dictionary: Dictionary) -> _Words:
    """The kept index of a dictionary that is no fork's."""
    with _lock:
        found = _words.get(id(dictionary))
        if found is None or found.dictionary is not dictionary:
            found = _words[id(dictionary)] = _Words(dictionary)
            while len(_words) > _KEPT:
                _words.popitem(last=False)
        _words.move_to_end(id(dictionary))
        return found


def _chain(dictionary: Dictionary) -> list[Dictionary]:
    """The dictionary and those it reads through to, the root first."""
    found = [dictionary]
    while (parent := found[0]._parent) is not None:
        found.insert(0, parent)
    return found


def _corpus(db: _Database, attribute: Attribute) -> Corpus:
    """The documents of the attribute up to the basis; strings not read yet are read now."""
    past = db.unfiltered().history()
    chain = _chain(db.dictionary)
    root = _words_of(chain[0])
    known = root.counted.get(attribute.id) if len(chain) == 1 else None
    if known is not None and known[0] == db.basis_t:
        return Corpus([root.index], known[1], known[2], None, lambda wanted: past.decode(attribute.type, wanted))
    codes = past.rows(attribute.id).v
    indexes, extra = [root.index], None
    if len(chain) == 1:
        own = codes
    else:
        # Each fork's codes are dense from its own start on: an index each, made for this search.
        starts = [dictionary.start for dictionary in chain[1:]] + [2**63 - 1]
        own, extra = codes[codes < starts[0]], codes[codes >= starts[0]]
        for start, end in zip(starts, starts[1:]):
            indexes.append(TextIndex(start))
            _read(past, attribute, indexes[-1], codes[(codes >= start) & (codes < end)])
    _read(past, attribute, root.index, own)
    counts = np.bincount(own) if len(own) else np.empty(0, dtype=np.int64)
    if len(chain) == 1:
        root.counted[attribute.id] = (db.basis_t, len(codes), counts)
    return Corpus(indexes, len(codes), counts, extra, lambda wanted: past.decode(attribute.type, wanted))


def _read(db: _Database, attribute: Attribute, index: TextIndex, codes: Ints) -> None:
    fresh = index.unseen(codes)
    for start in range(0, len(fresh), _BATCH):
        part = fresh[start : start + _BATCH]
        index.add(part.tolist(), db.decode(attribute.type, part))


def search_columns(db: _Database, attribute: Attribute | None, text: Any) -> Hits:
    """The hits in a database value. ``attribute`` None, or one without full text: none.

    Raises Anomaly incorrect for a query that is no string, or of bad syntax.
    """
    if not isinstance(text, str):
        raise incorrect("A full-text query is a string")
    none = np.empty(0, dtype=np.int64)
    nothing = Hits(none, none, none, np.empty(0))
    if attribute is None or not attribute.fulltext or attribute.type.name != "string":
        parse(text)
        return nothing
    node = parse(text)
    if node is None:
        return nothing
    codes, scores = evaluate(node, _corpus(db, attribute))
    if not len(codes):
        return nothing
    at, documents = db.unfiltered().history().rows_of_values(attribute.id, codes)
    shown_at, shown = db.rows_of_values(attribute.id, codes)
    visible = _among(documents.e, at, shown.e, shown_at, len(codes))
    best = float(scores.max())
    relative = scores.astype(np.float64) / best if best > 0 else np.zeros(len(scores))
    return Hits(documents.e[visible], documents.v[visible], documents.tx[visible] & NUMBER_MASK, relative[at[visible]])


def _among(es: Ints, ats: Ints, shown_es: Ints, shown_ats: Ints, size: int) -> npt.NDArray[np.bool_]:
    """Which pairs (entity, place of the string) are among others."""
    _, places = np.unique(np.concatenate([es, shown_es]), return_inverse=True)
    keys = places * size + np.concatenate([ats, shown_ats])
    return np.isin(keys[: len(es)], keys[len(es) :])


def search(db: _Database, attribute: Attribute | None, text: Any) -> list[tuple[int, str, int, float]]:
    """``fulltext``: (entity, string, t, score) of each hit; raises as :func:`search_columns`."""
    hits = search_columns(db, attribute, text)
    if attribute is None or not len(hits.e):
        return []
    known, places = np.unique(hits.v, return_inverse=True)
    texts = db.decode(attribute.type, known)
    return [
        (e, texts[place], t, score)
        for e, place, t, score in zip(hits.e.tolist(), places.tolist(), hits.t.tolist(), hits.score.tolist())
    ]
