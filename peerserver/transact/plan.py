"""What the schema says of each attribute, prepared for the hot loops of a transaction.

A :class:`Handler` per attribute holds its encoder and flags; a :class:`Plan` finds handlers by key and
lives as long as its schema and dictionary. Handlers are made when first asked for.
What is not decided here: what is done with them (``transact.expand``, ``transact.emit``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from peerserver.database import Database
from peerserver.index.alike import varies
from peerserver.index.codes import float_code
from peerserver.index.dictionary import Dictionary, like_key
from peerserver.model.schema import Attribute, Schema, ValueType
from peerserver.model.values import Keyword

from .encoders import Encoder, encoder
from .words import Words

__all__ = (
    "ALTER_ATTRIBUTE", "COMPOSITE", "DB_PART", "ENSURE", "FN", "IDENT", "IGNORED", "INSTALL", "INSTALL_ATTRIBUTE",
    "INSTALL_PARTITION", "INSTANT", "SCHEMA", "TUPLE", "TX_INSTANT", "Handler", "Plan", "plan_of",
)

# Datomic's own attributes that transactions treat in their own way (ids: ``model.bootstrap``).
DB_PART: Final = 0
IDENT: Final = 10
INSTALL_PARTITION: Final = 11
INSTALL_ATTRIBUTE: Final = 13
ALTER_ATTRIBUTE: Final = 19
TX_INSTANT: Final = 50
_FN: Final = 52
_ENSURE: Final = 68

# Handler.special: 0, or why values of the attribute take the slow way.
TUPLE, COMPOSITE, ENSURE, IGNORED, INSTALL, SCHEMA, FN, INSTANT = 1, 2, 3, 4, 5, 6, 7, 8
_SPECIAL: Final = {
    _ENSURE: ENSURE, INSTALL_ATTRIBUTE: IGNORED, ALTER_ATTRIBUTE: IGNORED, INSTALL_PARTITION: INSTALL, 12: INSTALL,
    14: INSTALL, 40: SCHEMA, 41: SCHEMA, 42: SCHEMA, 43: SCHEMA, 44: SCHEMA, 45: SCHEMA, 51: SCHEMA, 65: SCHEMA,
    66: SCHEMA, 67: SCHEMA, 71: SCHEMA, _FN: FN, TX_INSTANT: INSTANT,
}


class Handler:
    """One attribute as the loops see it. ``plain``: a value's code is ``encode(value)`` and nothing else
    needs to be looked at. ``links``: a plain reference. ``canon`` maps a code to what stands for all codes
    that Datomic compares as equal (zeros of either sign, scales, uris), None when codes are equal only to
    themselves."""

    __slots__ = ("aid", "attribute", "canon", "composites", "encode", "identity", "is_nan", "links", "many", "plain",
                 "preds", "ref", "special", "unique", "varies", "words")

    def __init__(self, attribute: Attribute, words: Words | None, composites: tuple[Attribute, ...],
                 schema: Schema) -> None:
        name = attribute.type.name
        self.aid = attribute.id
        self.attribute = attribute
        self.words = words
        self.many = attribute.many
        self.ref = attribute.is_ref
        self.unique = attribute.unique is not None
        self.preds = bool(attribute.preds)
        self.identity = attribute.unique == "identity"
        self.composites = composites
        special = _SPECIAL.get(attribute.id, 0)
        if not special and name == "tuple":
            special = COMPOSITE if attribute.tuple_attrs else TUPLE
        if not special and name == "fn":
            special = FN
        self.special = special
        self.plain = not special and not self.ref
        self.links = self.ref and not special and not self.identity
        self.encode: Encoder = _no_encoder if self.ref or name in ("tuple", "fn") else encoder(attribute, words)
        self.canon: Callable[[int], Any] | None = None
        self.is_nan = False
        if name in ("double", "float"):
            self.canon = _canon_float
            self.is_nan = True
        #: whether different codes may be one to a unique attribute
        self.varies = varies(schema, attribute)
        if words is not None and name in _CANON and self.varies:
            self.canon = _canon_word(words)

    def is_new(self, code: int) -> bool:
        """Whether no datom can have the code yet, nor one that compares as equal: its value is new in this
        transaction."""
        words = self.words
        return words is not None and words.is_new(code) and not (self.varies and words.is_like(code))


def _no_encoder(value: Any) -> int:
    raise AssertionError("values of this type are not encoded by themselves")


_MINUS_ZERO: Final = float_code(-0.0)


def _canon_float(code: int) -> int:
    return 0 if code == _MINUS_ZERO else code


def _canon_word(words: Words) -> Callable[[int], Any]:
    return lambda code: like_key(words.value_of(code))


_CANON: Final = frozenset(("bigdec", "uri", "tuple"))


class Plan:
    """The handlers of a schema over a dictionary. ``by_key``: the attributes' present and former idents,
    but for those that map forms read as reverse references."""

    def __init__(self, schema: Schema, dictionary: Dictionary) -> None:
        self.schema = schema
        self.dictionary = dictionary
        self.by_key: dict[Keyword, Handler] = {}
        self.by_id: dict[int, Handler] = {}
        self._words: dict[str, Words] = {}

    def words(self, type: ValueType) -> Words | None:
        """The words of a type, None for a type whose code is a number of its own."""
        if type.coded != "dictionary":
            return None
        found = self._words.get(type.name)
        if found is None:
            found = self._words[type.name] = Words(self.dictionary, type)
        return found

    def handler(self, aid: int) -> Handler | None:
        """The handler of an attribute by its entity id, or None."""
        found = self.by_id.get(aid)
        if found is None:
            attribute = self.schema.attributes.get(aid)
            if attribute is None:
                return None
            found = self.by_id[aid] = Handler(attribute, self.words(attribute.type),
                                              self.schema.composites.get(aid, ()), self.schema)
        return found

    def named(self, key: Keyword) -> Handler | None:
        """The handler of an attribute by its ident, or None."""
        aid = self.schema.entids.get(key)
        found = None if aid is None else self.handler(aid)
        if found is not None and key.name[:1] != "_":
            self.by_key[key] = found
        return found

    def commit(self) -> None:
        """Put the transaction's new values into the dictionary."""
        for words in self._words.values():
            if words.codes:
                words.commit()

    def reset(self) -> None:
        """Forget the transaction's new values."""
        for words in self._words.values():
            if words.codes:
                words.reset()


def plan_of(db: Database) -> Plan:
    """The plan of a database value, made once per schema and dictionary."""
    kept: Plan | None = _PLANS.get(db.id)
    if kept is not None and kept.schema is db.schema and kept.dictionary is db.dictionary:
        return kept
    plan = Plan(db.schema, db.dictionary)
    # Only the present writer's plan is worth keeping: a fork's dictionary is its own and short-lived.
    if db.dictionary.start == 0:
        _PLANS.pop(db.id, None)
        while len(_PLANS) >= _MOST_PLANS:
            _PLANS.pop(next(iter(_PLANS)), None)
        _PLANS[db.id] = plan
    return plan


_MOST_PLANS: Final = 32
_PLANS: dict[str, Plan] = {}
