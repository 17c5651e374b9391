"""Point reads of time views: one fact, one entity's values, one value's holders, as of any time.

The few facts in question are gathered with the times between which they held, and those that the window
shows are kept: no columns are made. History views, where a fact is several rows, read in bulk instead.
What is not decided here: point reads of the present, which need less (``index.content``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .tail import BY_VALUE
from .view import Window

if TYPE_CHECKING:
    from .content import Content

__all__ = ("codes_at", "datom_at", "holder_at")

# The other half of the fact (a value's code or an entity), the tx of the assertion and of the retraction.
_Fact = tuple[int, int, int | None]


def codes_at(content: Content, e: int, aid: int, window: Window) -> list[int]:
    """The value codes of (e, aid) in a window without history."""
    return [v for v, _, _ in _visible(_entity_facts(content, e, aid), window)]


def datom_at(content: Content, e: int, aid: int, code: int, window: Window) -> int | None:
    """The tx of the datom that the window shows."""
    return next((tx for v, tx, _ in _visible(_entity_facts(content, e, aid), window) if v == code), None)


def holder_at(content: Content, aid: int, code: int, window: Window) -> int | None:
    """An entity that has the value in the window."""
    if content.flags.get(aid, 0) & BY_VALUE:
        return next((e for e, _, _ in _visible(_value_facts(content, aid, code), window)), None)
    wanted = np.array([code], np.int64)
    rows = content.view(aid, window).select(lambda table: table.of_values(wanted))[1]
    return int(rows.e[0]) if len(rows) else None


def _visible(facts: Iterable[_Fact], window: Window) -> Iterator[_Fact]:
    since, until, _ = window
    for fact in facts:
        _, start, end = fact
        if start > (-1 if since is None else since) and (
                end is None if until is None else start <= until and (end is None or end > until)):
            yield fact


def _entity_facts(content: Content, e: int, aid: int) -> list[_Fact]:
    facts: list[_Fact] = []
    closing: dict[int, int] = {}  # facts that a later datom retracted
    for tail, n in content.tails_newest_first():
        for pos in tail.of_entity_attribute(e, aid, n):
            _take(facts, closing, tail.v[pos], tail.tx[pos], tail.added[pos])
    layers, past = content.store.near_one(aid, e).state
    for table, dead in layers:
        lo, hi = table.of_entity(e)
        for pos in range(lo, hi):
            v = table.v.item(pos)
            end = dead.get(pos)
            facts.append((v, table.tx.item(pos), closing.get(v) if end is None else end))
    for table in past:
        lo, hi = table.of_entity(e)
        assert table.end is not None
        facts.extend((table.v.item(pos), table.tx.item(pos), table.end.item(pos)) for pos in range(lo, hi))
    return facts


def _value_facts(content: Content, aid: int, code: int) -> list[_Fact]:
    facts: list[_Fact] = []
    closing: dict[int, int] = {}
    for tail, n in content.tails_newest_first():
        for pos in tail.of_value(aid, code, n):
            _take(facts, closing, tail.e[pos], tail.tx[pos], tail.added[pos])
    layers, past = content.store.attribute(aid).state
    for table, dead in layers:
        for pos in table.of_value(code).tolist() if table.min_v <= code <= table.max_v else _NOWHERE:
            e = table.e.item(pos)
            end = dead.get(pos)
            facts.append((e, table.tx.item(pos), closing.get(e) if end is None else end))
    for table in past:
        assert table.end is not None
        found = table.of_value(code).tolist() if table.min_v <= code <= table.max_v else _NOWHERE
        facts.extend((table.e.item(pos), table.tx.item(pos), table.end.item(pos)) for pos in found)
    return facts


_NOWHERE: Sequence[int] = ()


def _take(facts: list[_Fact], closing: dict[int, int], key: int, tx: int, added: int) -> None:
    # Newest first: a retraction is met before the assertion that it ends.
    if added:
        facts.append((key, tx, closing.pop(key, None)))
    else:
        closing[key] = tx
