"""What a case's names stand for here: entities by name, transactions by number, idents; and the way back.

Names are given as the recorder gives them: string tempids in alphabetical order, then the remaining new entities of a
transaction in ascending order as ``~T.n``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import attrs

from peerserver.codec.members import make_map, make_set
from peerserver.model.entity import NUMBER_MASK, PART_SHIFT, implicit_partition, t_of
from peerserver.model.values import (
    URI,
    BigInt,
    Char,
    EdnList,
    Float32,
    Instant,
    Keyword,
    Ratio,
    Symbol,
    Tagged,
)

__all__ = ("BadCase", "World", "canonical", "resolve")

_FIRST_USER_T = 1000
_TX_INSTANT = Keyword("db/txInstant")
_REF = Keyword("db.type/ref")
_DB_ID = Keyword("db/id")
#: A claimed instant is one that lies this far from now: it is compared as it is, not by its transaction.
_CLAIMED_MS = 600_000


class BadCase(Exception):
    """A case that names what it never made."""


@attrs.define
class World:
    """Names and ids of one branch of one case."""

    by_name: dict[str, int] = attrs.field(factory=dict)
    by_eid: dict[int, str] = attrs.field(factory=dict)
    txs: list[int] = attrs.field(factory=list)
    instants: list[Instant | None] = attrs.field(factory=list)
    idents: Mapping[int, Keyword] = attrs.field(factory=dict)
    types: Mapping[int, Keyword] = attrs.field(factory=dict)

    def copy(self) -> World:
        return attrs.evolve(self, by_name=dict(self.by_name), by_eid=dict(self.by_eid), txs=list(self.txs),
                            instants=list(self.instants))

    def ident_id(self, ident: Keyword) -> int:
        for eid, name in self.idents.items():
            if name is ident:
                return eid
        raise BadCase(f"no entity has the ident {ident}")

    def is_ref(self, attribute: int) -> bool:
        return self.types.get(attribute) is _REF

    def learn(self, datoms: Sequence[Sequence[Any]], tempids: Mapping[Any, int], literals: set[int], now: int) -> None:
        """Takes the names that a transaction brought. ``datoms`` are ``[e a v tx added]``, idents are up to date."""
        tx = datoms[0][3]
        self.txs.append(tx)
        stamp = next((d[2] for d in datoms if d[0] == tx and self.idents.get(d[1]) is _TX_INSTANT and d[4]), None)
        claimed = stamp is not None and abs(stamp.ms - now) > _CLAIMED_MS
        self.instants.append(None if claimed else stamp)
        named = {k: v for k, v in tempids.items() if isinstance(k, str) and not k.startswith("datomic.")}
        for name in sorted(named):
            if named[name] not in self.by_eid and named[name] not in self.txs:
                self._name(name, named[name])
        met = {e for d in datoms for e in ((d[0], d[2]) if self.is_ref(d[1]) else (d[0],))}
        fresh = sorted(e for e in met if e not in self.by_eid and e not in self.txs and e not in self.idents
                       and e not in literals)
        for n, eid in enumerate(fresh, 1):
            self._name(f"~{len(self.txs)}.{n}", eid)

    def _name(self, name: str, eid: int) -> None:
        chosen, n = name, 2
        while chosen in self.by_name:
            chosen, n = f"{name}#{n}", n + 1
        self.by_name[chosen] = eid
        self.by_eid[eid] = chosen

    def symbol(self, eid: Any) -> Any:
        """An id as the recorder writes it."""
        if not isinstance(eid, int) or isinstance(eid, bool):
            return eid
        if eid in self.by_eid:
            return Tagged("case/eid", self.by_eid[eid])
        if eid in self.txs:
            return Tagged("case/tx", self.txs.index(eid) + 1)
        if eid in self.idents:
            return Tagged("case/id", self.idents[eid])
        if eid >> PART_SHIFT == 3:
            return Tagged("case/tx", 0 if t_of(eid) < _FIRST_USER_T else Keyword("future"))
        return eid

    def t_symbol(self, t: int) -> Any:
        numbers = [t_of(tx) for tx in self.txs]
        return Tagged("case/t", numbers.index(t) + 1) if t in numbers else None


# -- what goes in


def resolve(world: World, form: Any, special: Callable[[Tagged], Any]) -> Any:
    """A form with its tags replaced by this world's ids; ``special`` answers databases and logs."""
    if isinstance(form, Tagged):
        if form.tag in ("case/db", "case/log"):
            return special(form)
        return _INPUT[form.tag](world, form.value) if form.tag in _INPUT else form
    if isinstance(form, dict):
        return make_map([resolve(world, k, special) for k in form], [resolve(world, v, special) for v in form.values()])
    if isinstance(form, EdnList):
        return EdnList(resolve(world, x, special) for x in form)
    if isinstance(form, tuple):
        return tuple(resolve(world, x, special) for x in form)
    if isinstance(form, frozenset):
        return make_set([resolve(world, x, special) for x in form])
    return form


def _tx(world: World, n: int) -> int:
    if not 0 < n <= len(world.txs):
        raise BadCase(f"no transaction {n}")
    return world.txs[n - 1]


def _named(world: World, name: str) -> int:
    if name not in world.by_name:
        raise BadCase(f"no entity named {name}")
    return world.by_name[name]


def _ratio(text: str) -> Ratio:
    numerator, _, denominator = text.partition("/")
    return Ratio(int(numerator), int(denominator))


_INPUT: Mapping[str, Callable[[World, Any], Any]] = {
    "case/eid": _named,
    "case/tx": _tx,
    "case/t": lambda world, n: t_of(_tx(world, n)),
    "case/inst": lambda world, n: world.instants[n - 1],
    "case/id": lambda world, ident: world.ident_id(ident),
    "case/double": lambda _, text: float(text.replace("Infinity", "inf")),
    "case/float": lambda _, text: Float32(float(str(text).replace("Infinity", "inf"))),
    "case/bytes": lambda _, text: bytes.fromhex(text),
    "case/uri": lambda _, text: URI(text),
    "case/ratio": lambda _, text: _ratio(text),
    "case/tempid": lambda _, value: Tagged("db/id", value),
    "case/implicit-part": lambda _, n: implicit_partition(n) << PART_SHIFT,
}


# -- what comes out


def canonical(world: World, value: Any, is_id: bool = False) -> Any:
    """A value as the recorder writes it. ``is_id``: a bare integer here is an entity id."""
    if value is None or isinstance(value, (bool, Keyword, Symbol, UUID, Char, str)):
        return value
    if isinstance(value, (BigInt, Decimal, Ratio, URI, bytes, Float32)):
        return _scalar(value)
    if isinstance(value, int):
        known = value in world.by_eid or value in world.txs
        if is_id or (known and value > NUMBER_MASK):
            return world.symbol(value)
        return value
    if isinstance(value, Instant):
        return Tagged("case/inst", world.instants.index(value) + 1) if value in world.instants else value
    if isinstance(value, dict):
        return make_map([canonical(world, k) for k in value],
                        [canonical(world, v, k is _DB_ID) for k, v in value.items()])
    if isinstance(value, (frozenset, set)):
        return make_set([canonical(world, x, is_id) for x in value])
    if isinstance(value, (tuple, list)):
        return tuple(canonical(world, x, is_id) for x in value)
    return value


def _scalar(value: Any) -> Any:
    if isinstance(value, Float32):
        return Tagged("case/float", value)
    if isinstance(value, URI):
        return Tagged("case/uri", value.text)
    if isinstance(value, bytes):
        return Tagged("case/bytes", value.hex())
    if isinstance(value, Ratio):
        fraction = Fraction(value.numerator, value.denominator)
        return Tagged("case/ratio", f"{fraction.numerator}/{fraction.denominator}")
    return value
