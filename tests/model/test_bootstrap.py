"""The datoms of a new database."""

from __future__ import annotations

from peerserver.database import Database
from peerserver.model.bootstrap import BOOTSTRAP_DATOMS
from peerserver.model.entity import t_of
from peerserver.model.values import Keyword


def test_counts_are_datomics() -> None:
    """A new database has 268 datoms, basis-t 66 and next-t 1000."""
    db = Database.new("x")
    assert len(BOOTSTRAP_DATOMS) == 268
    assert sum(db.stats().values()) == 268
    assert (db.basis_t, db.next_t, db.next_schema_id) == (66, 1000, 72)


def test_every_datom_is_there() -> None:
    """The history of a new database is the bootstrap datoms, no more and no less."""
    history = Database.new("x").history()
    found = {(d.e, d.a, repr(d.v), t_of(d.tx), d.added) for d in history.datoms("eavt")}
    assert found == {(e, a, repr(v), t, added) for e, a, v, t, added in BOOTSTRAP_DATOMS}


def test_the_schema_describes_itself() -> None:
    """Datomic's own attributes are attributes, with the properties that their datoms say."""
    schema = Database.new("x").schema
    ident = schema.attribute(Keyword("db/ident"))
    assert ident is not None
    assert (ident.id, ident.type.name, ident.unique, ident.many) == (10, "keyword", "identity", False)
    install = schema.attributes[13]
    assert install.many and install.is_ref
    assert schema.attributes[50].index
    assert len(schema.attributes) == 33


def test_functions_have_two_names() -> None:
    """The built-in functions resolve by both names, and the first is their ident."""
    db = Database.new("x")
    assert db.entid(Keyword("db/cas")) == db.entid(Keyword("db.fn/cas")) == 55
    assert db.ident(55) == Keyword("db/cas")
