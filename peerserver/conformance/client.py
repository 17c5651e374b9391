"""A small client of the protocol: what the runner sends, and what it makes of the answers.

Every request and every answer passes through transit, also where the server is in the same process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import attrs

from peerserver.codec import edn
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import EdnList, Keyword, Symbol, Tagged

__all__ = ("Client", "DbRef", "Report", "Send", "is_relation", "query_parts")

K = Keyword
Map = dict[Any, Any]
Send = Callable[[Map], Awaitable[Map]]
_CATEGORY, _MESSAGE, _ERROR = (
    K("cognitect.anomalies/category"), K("cognitect.anomalies/message"), K("db/error"))


@attrs.frozen
class DbRef:
    """A database as a step describes it; ``base`` is the description that ``with`` gave, or None for the present."""

    base: Map | None = None
    as_of: Any = None
    since: Any = None
    history: bool = False


@attrs.frozen
class Report:
    """What a transaction answered."""

    datoms: list[tuple[Any, ...]]
    tempids: Mapping[Any, int]
    after: Map


def _datom(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, Tagged) or value.tag != "datom":
        raise TypeError(f"{value!r} is no datom")
    return tuple(value.value)


@attrs.define
class Client:
    """A connection to one database of a server that ``send`` reaches."""

    send: Send
    name: str
    id: str = ""
    t: int = -1

    async def request(self, op: str, **arguments: Any) -> Map:
        """One operation's answer; raises Anomaly where it is one. Follows t as the real clients do."""
        message = {K("op"): K(op)} | {K(k.replace("_", "-")): v for k, v in arguments.items()}
        answer = await self.send(message)
        for description in answer.get(K("dbs"), ()):
            if description[K("database-id")] == self.id:
                self.t = max(self.t, description[K("t")])
        if _CATEGORY in answer:
            raise _anomaly(answer)
        return answer

    async def connect(self) -> None:
        self.id = (await self.request("datomic.catalog/resolve-db", db_name=self.name))[K("database-id")]
        self.t = (await self.request("status", db_name=self.name, database_id=self.id))[K("t")]

    def context(self, ref: DbRef = DbRef()) -> Map:
        """A database as the wire has it."""
        found: Map = dict(ref.base) if ref.base is not None else {K("database-id"): self.id, K("t"): self.t}
        found[K("db-name")] = self.name
        if ref.as_of is not None:
            found[K("as-of")] = ref.as_of
        if ref.since is not None:
            found[K("since")] = ref.since
        if ref.history:
            found[K("history")] = True
        return found

    async def on(self, ref: DbRef, op: str, **arguments: Any) -> Map:
        """An operation on a database."""
        return await self.request(op, **{k.text: v for k, v in self.context(ref).items()}, **arguments)

    async def pages(self, first: Map) -> list[Any]:
        """All data of a paged answer."""
        data = list(first[K("data")])
        page = first
        while K("next-token") in page:
            page = await self.request("next", database_id=self.id, t=self.t, next_token=page[K("next-token")],
                                      offset=page[K("next-offset")], chunk=page[K("chunk")])
            data.extend(page[K("data")])
        return data

    async def transact(self, tx_data: Any) -> Report:
        answer = await self.request("transact", database_id=self.id, t=self.t, tx_data=tx_data, tx_id=uuid4())
        return self._report(answer)

    async def with_db(self) -> Map:
        answer = await self.request("with-db", database_id=self.id, t=self.t)
        return {k: v for k, v in answer.items() if k is not K("dbs")}

    async def with_(self, ref: DbRef, tx_data: Any) -> Report:
        return self._report(await self.on(ref, "with", tx_data=tx_data))

    def _report(self, answer: Map) -> Report:
        return Report([_datom(d) for d in answer[K("tx-data")]], answer[K("tempids")], answer[K("db-after")])

    async def q(self, query: Any, args: Sequence[Any], **options: Any) -> list[Any]:
        wired = tuple(self.context(a) if isinstance(a, DbRef) else a for a in args)
        token = next((a[K("next-token")] for a in wired if isinstance(a, dict) and K("next-token") in a), None)
        extra = {} if token is None else {"next_token": token}
        return await self.pages(await self.request("q", database_id=self.id, t=self.t, query=query, args=wired,
                                                   offset=options.pop("offset", 0), **options, **extra))

    async def pull(self, ref: DbRef, selector: Any, eid: Any) -> Any:
        return (await self.on(ref, "pull", selector=selector, eid=eid)).get(K("result"))

    async def datoms(self, ref: DbRef, op: str, **arguments: Any) -> list[tuple[Any, ...]]:
        return [_datom(d) for d in await self.pages(await self.on(ref, op, **arguments))]

    async def index_pull(self, ref: DbRef, **arguments: Any) -> list[Any]:
        return await self.pages(await self.on(ref, "index-pull", **arguments))

    async def tx_range(self, **arguments: Any) -> list[tuple[int, list[tuple[Any, ...]]]]:
        answer = await self.request("tx-range", database_id=self.id, t=self.t, **arguments)
        return [(tx[K("t")], [_datom(d) for d in tx[K("data")]]) for tx in await self.pages(answer)]

    async def db_stats(self, ref: DbRef) -> Map:
        found: Map = (await self.on(ref, "db-stats"))[K("result")]
        return found


def _anomaly(answer: Map) -> Anomaly:
    error = answer.get(_ERROR)
    rest = {k: v for k, v in answer.items() if k not in (_CATEGORY, _MESSAGE, _ERROR)}
    return Anomaly(answer[_CATEGORY].name, answer.get(_MESSAGE, ""), error.name if error else None, rest)


def query_parts(query: Any) -> dict[str, list[Any]]:
    """A query's parts by name (``find``, ``in``, ``keys`` …), from any of its three forms; none where it has no form."""
    if isinstance(query, str):
        try:
            query = edn.read_first(query)
        except Anomaly:
            return {}
    if isinstance(query, dict):
        return {k.text: list(v) for k, v in query.items() if isinstance(k, Keyword) and isinstance(v, tuple)}
    parts: dict[str, list[Any]] = {}
    current: list[Any] = []
    for x in query if isinstance(query, tuple) else ():
        if isinstance(x, Keyword) and x.text in ("find", "with", "in", "where", "keys", "strs", "syms"):
            current = parts.setdefault(x.text, [])
        else:
            current.append(x)
    return parts


def is_relation(find: Sequence[Any]) -> bool:
    """Whether a find spec is one that the client protocol has."""
    return Symbol(".") not in find and all(not isinstance(x, tuple) or isinstance(x, EdnList) for x in find)
