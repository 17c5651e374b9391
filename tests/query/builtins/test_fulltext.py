"""Full text: hits and scores as recorded, words, and what a database value shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from peerserver.codec import edn
from peerserver.database import Database
from peerserver.index.fulltext import TextIndex, decode_norm, encode_norm, words_of
from peerserver.index.fulltext_match import Corpus, evaluate
from peerserver.index.fulltext_search import search
from peerserver.index.fulltext_syntax import parse
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import kw
from peerserver.transact import transact

from .recorded import EXPECTED, TAGS

NAMED = {"terms", "boolean", "phrases", "wild", "scores", "long-scores", "tokens"}


def _hits(texts: list[str], query: str) -> dict[str, float] | None:
    """Score of each text that matches; None where the query is refused."""
    index = TextIndex(0)
    index.add(list(range(len(texts))), texts)
    corpus = Corpus([index], len(texts), np.ones(len(texts), np.int64), None, lambda codes: [texts[at] for at in codes.tolist()])
    try:
        node = parse(query)
    except Anomaly:
        return None
    if node is None:
        return {}
    codes, scores = evaluate(node, corpus)
    best = float(scores.max()) if len(scores) else 1.0
    return {texts[at]: float(score) / best for at, score in zip(codes.tolist(), scores)}


def test_hits_and_scores_as_recorded() -> None:
    """Each recorded query finds the same strings, and their scores agree to the last digits of a 32-bit float."""
    checked = 0
    for case in edn.read_all((EXPECTED / "fulltext-own.edn").read_text("utf-8"), TAGS):
        if case[kw("id")].split("/")[1] not in NAMED:
            continue
        texts: list[str] = []
        for step in case[kw("steps")]:
            if step[kw("op")] is kw("transact"):
                found = [entity.get(kw("d/text")) for entity in step[kw("tx-data")]]
                texts += [text for one in found if one is not None for text in (one if isinstance(one, tuple) else (one,))]
                continue
            query = step[kw("query")]
            text = query[query.index(kw("where")) + 1][0][3]
            got = _hits(texts, text)
            if kw("error") in step:
                assert got is None, text
                continue
            rows = step[kw("result")].value
            assert got is not None and set(got) == {row[0] for row in rows}, text
            assert all(len(row) == 1 or got[row[0]] == pytest.approx(row[1], rel=1e-9) for row in rows), text
            checked += 1
    assert checked > 200


def test_words() -> None:
    """Words are cut at Unicode's breaks, stop words leave a gap, and case is folded."""
    assert words_of("The Beatles and the band") == [("beatles", 1), ("band", 4)]
    assert words_of("Rock'n'Roll x-ray v1.2.3 __ foo_bar") == [("rock'n'roll", 0), ("x", 1), ("ray", 2), ("v1.2.3", 3), ("foo_bar", 4)]
    assert [word for word, _ in words_of("日本語 カタカナ Ünï")] == ["日", "本", "語", "カタカナ", "ünï"]


def test_norms_are_bytes() -> None:
    """1/√n goes through one byte, as Lucene's SmallFloat rounds it."""
    assert [decode_norm(encode_norm(count)) for count in (0, 1, 2, 3, 4, 5, 10)] == [0.0, 1.0, 0.625, 0.5, 0.5, 0.4375, 0.3125]


def test_deep_and_wide_queries_are_refused() -> None:
    """Groups too deep and too many clauses are an anomaly, not a crash."""
    for text in ("(" * 5000 + "a" + ")" * 5000, " ".join(["x"] * 5000)):
        with pytest.raises(Anomaly):
            parse(text)


def test_globs_take_no_exponential_time() -> None:
    """A pattern of many stars on a long word is decided by one pass."""
    assert _hits(["a" * 250], "a" + "*a" * 120 + "b*x") == {}


@pytest.fixture
def db() -> Database:
    """A database with a full-text attribute ``:n/name`` and two strings."""
    schema: dict[Any, Any] = {kw("db/ident"): kw("n/name"), kw("db/valueType"): kw("db.type/string"), kw("db/fulltext"): True,
                              kw("db/cardinality"): kw("db.cardinality/one")}  # fmt: skip
    first = transact(Database.new("x"), [schema], 1_700_000_000_000).db_after
    return transact(first, [{kw("n/name"): "red house"}, {kw("n/name"): "red door"}], 1_700_000_000_001).db_after


def _found(db: Database, text: str) -> set[str]:
    return {row[1] for row in search(db, db.attribute(kw("n/name")), text)}


def test_new_strings_are_found_at_once(db: Database) -> None:
    """The index follows the database value: what a later transaction adds, earlier values don't show."""
    later = transact(db, [{kw("n/name"): "red wine"}], 1_700_000_000_002).db_after
    assert _found(later, "red") == {"red house", "red door", "red wine"}
    assert _found(db, "red") == {"red house", "red door"} == _found(later.as_of(db.basis_t), "red")


def test_with_leaves_no_trace(db: Database) -> None:
    """Strings of a ``with`` database are found in it, in databases with more on top of it, and nowhere else."""
    branch = transact(db.fork(), [{kw("n/name"): "green tea"}], 1_700_000_000_002).db_after
    twig = transact(branch.fork(), [{kw("n/name"): "green leaf"}], 1_700_000_000_003).db_after
    assert _found(branch, "green") == {"green tea"}
    assert _found(twig, "green") == {"green tea", "green leaf"}
    assert _found(twig, '"green leaf" OR hou*') == {"green leaf", "red house"}
    assert _found(db, "green") == set()


def test_attributes_without_full_text_find_nothing(db: Database) -> None:
    """An unknown attribute or one without the flag has no hits; a query that is no string is refused."""
    assert search(db, None, "red") == []
    assert search(db, db.attribute(kw("db/ident")), "red") == []
    with pytest.raises(Anomaly):
        search(db, db.attribute(kw("n/name")), 5)
