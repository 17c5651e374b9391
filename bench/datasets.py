"""The data sets and the workload that the reference runners use, read for our engine.

A data set is a folder of ``schema.edn``, ``data.jsonl``, ``updates.jsonl`` and ``manifest.json``; the generator's
docstring tells the form of a transaction line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from peerserver.codec import edn
from peerserver.model.values import Instant, Keyword

__all__ = ("Ids", "cases", "handle_uuid", "lines", "manifest", "schema_tx", "tx_reader", "types_of")

_ID, _IDENT, _TYPE = Keyword("db/id"), Keyword("db/ident"), Keyword("db/valueType")
_ADD, _RETRACT, _CAS = Keyword("db/add"), Keyword("db/retract"), Keyword("db/cas")
_RETRACT_ENTITY, _INSTANT = Keyword("db/retractEntity"), Keyword("db/txInstant")

Tx = list[Any]


class Ids:
    """Which entity id each logical number got, and the reverse."""

    def __init__(self) -> None:
        self.of: dict[int, int] = {}
        self.logical: dict[int, int] = {}

    def learn(self, tempids: Mapping[Any, int]) -> None:
        """Takes the tempids that are logical numbers from a transaction's result."""
        for name, eid in tempids.items():
            if isinstance(name, str) and name.isdigit():
                self.of[int(name)] = eid
                self.logical[eid] = int(name)


def schema_tx(folder: Path) -> list[Any]:
    """The transaction that installs the data set's attributes."""
    return list(edn.read((folder / "schema.edn").read_text()))


def types_of(schema: list[Any]) -> dict[Keyword, str]:
    """Each attribute's value type, by name."""
    return {_IDENT: "keyword"} | {a[_IDENT]: a[_TYPE].name for a in schema}


def manifest(folder: Path) -> dict[str, Any]:
    """Counts, and the times of the update rounds."""
    found: dict[str, Any] = orjson.loads((folder / "manifest.json").read_bytes())
    return found


def lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The transaction lines of a file; none where the data set has no such file."""
    path = folder / name
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                yield orjson.loads(line)


def handle_uuid(kind: str, n: int) -> UUID:
    """The uuid of the n-th entity of a kind."""
    return UUID(bytes=hashlib.md5(f"{kind}-{n}".encode(), usedforsecurity=False).digest())


def tx_reader(types: Mapping[Keyword, str], ids: Ids, stamp: bool) -> Callable[[dict[str, Any]], Tx]:
    """A function from a line to transaction data; with ``stamp`` the line's time is claimed."""
    keywords: dict[str, Keyword] = {}

    def keyword(text: str) -> Keyword:
        found = keywords.get(text)
        if found is None:
            found = keywords[text] = Keyword(text[1:])
        return found

    def entity(x: Any) -> Any:
        if isinstance(x, dict):
            attribute = keyword(x["ref"][0])
            return (attribute, value(types[attribute], x["ref"][1]))
        return ids.of.get(x, None) or str(x)

    def value(kind: str, v: Any) -> Any:
        if kind == "ref":
            return keyword(v) if isinstance(v, str) else entity(v)
        if kind == "keyword":
            return keyword(v)
        if kind == "uuid":
            return UUID(v)
        if kind == "instant":
            return Instant(v)
        return float(v) if kind == "double" else v

    def entity_map(source: dict[str, Any]) -> dict[Keyword, Any]:
        made: dict[Keyword, Any] = {}
        for name, v in source.items():
            if name == "id":
                made[_ID] = entity(v)
                continue
            attribute = keyword(name)
            kind = types[attribute]
            made[attribute] = tuple(value(kind, x) for x in v) if isinstance(v, list) else value(kind, v)
        return made

    def operation(op: list[Any]) -> tuple[Any, ...]:
        name, e, *rest = op
        if name == "retractEntity":
            return (_RETRACT_ENTITY, entity(e))
        attribute = keyword(rest[0])
        values = [value(types[attribute], v) for v in rest[1:] if v is not None]
        return ({"add": _ADD, "retract": _RETRACT, "cas": _CAS}[name], entity(e), attribute, *values)

    def read(line: dict[str, Any]) -> Tx:
        tx: Tx = [entity_map(e) for e in line["ents"]]
        tx.extend(operation(op) for op in line.get("ops", ()))
        if stamp:
            tx.append((_ADD, "datomic.tx", _INSTANT, Instant(line["at"])))
        return tx

    return read


def cases(workload: Path, dataset: str) -> list[dict[str, Any]]:
    """The workload's cases for a data set, their keys as plain names."""
    found = []
    for case in edn.read(workload.read_text()):
        case = {k.name: v for k, v in case.items()}
        wanted = case["dataset"].name
        only = case.get("only")
        if wanted == dataset or (
            wanted == "music" and dataset.startswith("music") and (only is None or Keyword(dataset) in only)
        ):
            found.append(case)
    return found
