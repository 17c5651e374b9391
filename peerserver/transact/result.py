"""What a transaction returns."""

from __future__ import annotations

from typing import Any

import attrs

from peerserver.database import Database, Datom
from peerserver.model.entity import tx_id

__all__ = ("TxResult",)


@attrs.frozen(eq=False)
class TxResult:
    """The outcome. ``es``, ``attrs``, ``vs`` (codes), ``added``: the datoms in Datomic's order, parallel lists;
    all have the transaction ``tx``. ``tempids``: tempid (string or negative number) -> entity id."""

    db_before: Database
    db_after: Database
    t: int
    es: list[int]
    attrs: list[int]
    vs: list[int]
    added: list[bool]
    tempids: dict[Any, int]

    @property
    def tx(self) -> int:
        """The transaction's entity id."""
        return tx_id(self.t)

    def tx_data(self) -> list[Datom]:
        """The datoms with Python values; made when asked for."""
        db = self.db_after
        attributes = db.schema.attributes
        before = self.db_before.schema.attributes
        tx = self.tx
        return [
            Datom(e, a, db.decode_one((attributes.get(a) or before[a]).type, v), tx, op)
            for e, a, v, op in zip(self.es, self.attrs, self.vs, self.added)
        ]
