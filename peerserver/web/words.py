"""The keywords of the wire, in one place."""

from __future__ import annotations

from peerserver.model.values import Keyword

__all__ = ("K",)


class K:
    """``K.database_id`` is ``:database-id``; qualified ones have a name of their own."""

    action = Keyword("action")
    args = Keyword("args")
    as_of = Keyword("as-of")
    attrid = Keyword("attrid")
    attrs = Keyword("attrs")
    category = Keyword("cognitect.anomalies/category")
    chunk = Keyword("chunk")
    components = Keyword("components")
    count = Keyword("count")
    data = Keyword("data")
    database_id = Keyword("database-id")
    datoms = Keyword("datoms")
    db_after = Keyword("db-after")
    db_before = Keyword("db-before")
    db_name = Keyword("db-name")
    dbs = Keyword("dbs")
    eid = Keyword("eid")
    end = Keyword("end")
    history = Keyword("history")
    index = Keyword("index")
    io_context = Keyword("io-context")
    io_stats = Keyword("io-stats")
    limit = Keyword("limit")
    log = Keyword("log")
    metadata = Keyword("metadata")
    next_offset = Keyword("next-offset")
    next_t = Keyword("next-t")
    next_token = Keyword("next-token")
    offset = Keyword("offset")
    op = Keyword("op")
    query = Keyword("query")
    query_stats = Keyword("query-stats")
    request_id = Keyword("datomic.client-spi/request-id")
    result = Keyword("result")
    ret = Keyword("ret")
    reverse = Keyword("reverse")
    selector = Keyword("selector")
    since = Keyword("since")
    start = Keyword("start")
    t = Keyword("t")
    tempids = Keyword("tempids")
    timeout = Keyword("timeout")
    tx_data = Keyword("tx-data")
    tx_id = Keyword("tx-id")
