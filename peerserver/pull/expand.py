"""Recursion: from entities, along the edges of a plan, to trees.

First everything that can be reached is read, level by level and each entity once; then the trees are put together
without recursion in Python, so that neither depth nor cycles overflow a stack.

Rules recorded by the oracle (cases ``pull/rec-*``, ``pull-more/rec-*``, ``pull-cycles/*``): what was seen is known per
path, whatever edge led to it, and the root counts as seen where it was asked for by its id, not by a name; what was
seen, or lies beyond an edge's depth, stands with its own attributes only, and its edges show ids where the pattern asks
for ids. Each edge has a depth of its own.
In whole components, which are trees by nature, what was seen stands as its id (there, cycles overflow the stack).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from peerserver.database import Database
from peerserver.model.anomaly import incorrect

from .plan import Node, Plan
from .specs import Out

__all__ = ("MAX_DEPTH", "MAX_ENTITIES", "expand")

#: Levels of nesting that one result may have: clients' stacks end somewhat later, and less politely.
MAX_DEPTH: Final = 1_000
#: Entities in the trees of one pull: a dense graph has more paths than any memory.
MAX_ENTITIES: Final = 2_000_000


class _Frame:
    __slots__ = ("children", "depths", "edge", "entity", "made", "out", "rest")

    def __init__(self, entity: int | None, out: Out, kids: Iterator[tuple[int, list[int]]],
                 depths: tuple[int, ...]) -> None:
        self.entity = entity
        self.out = out
        self.rest = kids
        self.depths = depths
        self.edge = -1
        self.children: Iterator[int] = iter(())
        self.made: list[Any] = []


def expand(plan: Plan, db: Database, roots: Sequence[int], by_name: bool = False) -> list[Out | None]:
    """The results for ``roots``, in order. ``by_name``: they were asked for by names, not by their ids."""
    nodes = _reached(plan, db, roots)
    budget = [MAX_ENTITIES]
    return [_tree(plan, nodes, root, budget, by_name) or None for root in roots]


def _reached(plan: Plan, db: Database, roots: Sequence[int]) -> dict[int, Node]:
    nodes: dict[int, Node] = {}
    level = list(dict.fromkeys(roots))
    levels = 0
    while level:
        nodes.update(zip(level, plan.read(db, level)))
        if len(nodes) > MAX_ENTITIES:
            raise _too_many()
        levels += 1
        if plan.edges and all(edge.depth for edge in plan.edges) and levels > sum(edge.depth for edge in plan.edges):
            break
        level = list({child: None for e in level for _, kids in nodes[e][1] for child in kids if child not in nodes})
    return nodes


def _tree(plan: Plan, nodes: dict[int, Node], root: int, budget: list[int], by_name: bool) -> Out:
    base, kids = nodes[root]
    out = dict(base)
    if not kids:
        return out
    seen: set[int] = set() if by_name and not plan.all_components else {root}
    top = _Frame(None, out, iter(kids), tuple(edge.depth for edge in plan.edges))
    stack = [top]
    while stack:
        frame = stack[-1]
        for child in frame.children:
            if child in seen:
                found = _stopped(plan, nodes, child)
            else:
                base, kids = nodes[child]
                if kids:
                    budget[0] -= 1
                    if budget[0] < 0:
                        raise _too_many()
                    if len(stack) >= MAX_DEPTH:
                        raise _too_deep()
                    seen.add(child)
                    stack.append(_Frame(child, dict(base), iter(kids), frame.depths))
                    break
                found = base
            if found:
                frame.made.append(found)
        else:
            if frame.edge >= 0:
                budget[0] -= len(frame.made)
                _close(plan, frame)
            if not _open(plan, frame):
                stack.pop()
                if stack:
                    if frame.entity is not None:
                        seen.discard(frame.entity)
                    if frame.out:
                        stack[-1].made.append(frame.out)
    return out


def _open(plan: Plan, frame: _Frame) -> bool:
    # The next edge of the frame whose children are to be followed.
    for n, children in frame.rest:
        spec, limit = plan.edges[n].spec, plan.edges[n].depth
        if limit:
            left = frame.depths[n]
            if left <= 0:
                _cut(plan, n, children, frame.out)
                continue
        frame.edge, frame.children, frame.made = n, iter(children if spec.many else children[:1]), []
        if limit:
            frame.depths = (*frame.depths[:n], left - 1, *frame.depths[n + 1:])
        return True
    return False


def _close(plan: Plan, frame: _Frame) -> None:
    n, spec = frame.edge, plan.edges[frame.edge].spec
    if plan.edges[n].depth:
        frame.depths = (*frame.depths[:n], frame.depths[n] + 1, *frame.depths[n + 1:])
    frame.edge = -1
    value: Any = None
    if frame.made:
        value = tuple(frame.made) if spec.many else frame.made[0]
    value = spec.finished(value)
    if value is not None:
        frame.out[spec.key] = value


def _stopped(plan: Plan, nodes: dict[int, Node], e: int) -> Out:
    if plan.all_components:
        return {plan.id_key: e}
    base, kids = nodes[e]
    out = dict(base)
    for n, children in kids:
        _cut(plan, n, children, out)
    return out


def _cut(plan: Plan, n: int, children: list[int], out: Out) -> None:
    # An edge that is not followed any further.
    spec = plan.edges[n].spec
    value: Any = None
    if plan.wild and plan.edges[n].depth and not spec.reverse:
        # There, a null pointer (oracle: pull-options/rec-star-limit); with ... or backwards it works.
        raise incorrect("A wildcard beside a recursion with a number of levels can't be pulled beyond the last level; "
                        "use ... or name the attributes")
    if plan.id_key is not None:
        ids = [{plan.id_key: child} for child in (children if spec.many else children[:1])]
        value = tuple(ids) if spec.many else ids[0]
    value = spec.finished(value)
    if value is not None:
        out[spec.key] = value


def _too_deep() -> Exception:
    return incorrect(f"The pulled data is nested deeper than {MAX_DEPTH} levels; give the recursion a number of levels")


def _too_many() -> Exception:
    return incorrect(f"The pull reaches more than {MAX_ENTITIES} entities; limit the recursion's depth")
