"""What only shows in the engine: late decoding, pages, query-stats, plans shared between runs."""

from __future__ import annotations

from peerserver.model.values import Keyword
from peerserver.query import execute, parse_query

from .people import people, q, read

K = Keyword


def test_pages_are_windows_of_the_result() -> None:
    """Pages one after the other are the whole; beyond the end there is nothing."""
    result = execute(parse_query(read("[:find ?n ?a :where [?e :p/name ?n] [?e :p/age ?a]]")), [people()])
    whole = result.page()
    assert result.count == len(whole) == 60
    assert [row for start in range(0, 70, 7) for row in result.page(start, 7)] == whole
    assert result.page(60, 10) == []


def test_stats_tell_the_order_and_the_rows() -> None:
    """Query-stats hold one entry a clause in the order that they ran, with rows and bindings before and after."""
    query = parse_query(read('[:find ?n :where [?e :p/name ?n] [?e :p/age ?a] [(> ?a 8)]]'))
    stats = execute(query, [people()], stats=True).stats
    assert stats is not None
    (phase,) = stats[K("phases")]
    clauses = phase[K("clauses")]
    assert clauses[0][K("clause")] == read("[?e :p/age ?a]")
    assert clauses[0][K("preds")] == (read("[(> ?a 8)]"),)
    assert clauses[0][K("rows-in")] == 0
    assert clauses[-1][K("rows-out")] == 6
    assert stats[K("query")] == query.form


def test_a_plan_serves_other_inputs() -> None:
    """A plan that was made for one input answers others rightly, of another type too."""
    text = "[:find (count ?e) . :in $ ?min :where [?e :p/age ?a] [(> ?a ?min)]]"
    assert q(text, 8) == 6
    assert q(text, 1) == 48
    assert q(text, 7.5) == 12
    assert q(text, 99) is None


def test_recursion_explores_from_the_bound_side_only() -> None:
    """Whichever argument is bound, the answer is that of the whole closure."""
    rules = read("[[(above ?x ?y) [?x :p/boss ?y]] [(above ?x ?y) [?x :p/boss ?z] (above ?z ?y)]]")
    whole = set(q("[:find ?n ?m :in $ % :where (above ?a ?b) [?a :p/name ?n] [?b :p/name ?m]]", rules))
    up = q('[:find ?m :in $ % :where [?a :p/name "n40"] (above ?a ?b) [?b :p/name ?m]]', rules)
    down = q('[:find ?n :in $ % :where [?b :p/name "n5"] (above ?a ?b) [?a :p/name ?n]]', rules)
    both = q('[:find ?n ?m :in $ % :where [?a :p/age 4] [?b :p/age 2] (above ?a ?b) [?a :p/name ?n] [?b :p/name ?m]]', rules)
    assert {m for (m,) in up} == {m for n, m in whole if n == "n40"}
    assert {n for (n,) in down} == {n for n, m in whole if m == "n5"}
    assert set(both) == {(n, m) for n, m in whole if int(n[1:]) % 10 == 4 and int(m[1:]) % 10 == 2}
