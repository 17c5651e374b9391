"""Transit without Java: shapes by hand, an independent reader and writer, round trips, any depth, pages."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pytest
import transit.reader
import transit.writer
from hypothesis import given

from peerserver.codec import edn
from peerserver.codec import transit as ours
from peerserver.codec.transit_deep import deep_json, deep_msgpack
from peerserver.codec.transit_pages import Column, DatomTable, Table
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Instant, Keyword, Tagged

from .values import alike, values

FORMATS = [ours.json, ours.msgpack]
in_both = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)

@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("5", b'["~#\'",5]'),
        ("{:a 1 :foo/bar [:foo/bar sym (1 2) #{1}]}",
        b'["^ ","~:a",1,"~:foo/bar",["^0","~$sym",["~#list",[1,2]],["~#set",[1]]]]'),
        ('{[1] 2 "abcd" 3}', b'["~#cmap",[[1],2,"abcd",3]]'),
        ("[9007199254740991 9007199254740992]", b'[9007199254740991,"~i9007199254740992"]'),
        ('["~" "^" "`" "#"]', b'["~~","~^","~`","#"]'),
        ("[#datom [1 :aaa] #datom [2 :aaa]]", b'[["~#datom",[1,"~:aaa"]],["^0",[2,"^1"]]]'),
    ],
)
def test_json_shapes(text: str, body: bytes) -> None:
    """Known bytes, both ways."""
    assert ours.json.encode(edn.read(text)) == body
    assert alike(ours.json.decode(body), edn.read(text))


def test_verbose_json_is_read() -> None:
    """Maps as JSON objects, tags as keys, dates as text."""
    assert ours.json.decode(b'{"~:db/id":1,"~:x":{"~#list":[1,"~t1970-01-01T00:00:01Z"]}}') == {
        Keyword("db/id"): 1, Keyword("x"): (1, Instant(1000))
    }  # fmt: skip


@given(value=values)
def test_round_trip(value: Any) -> None:
    """Decoding what was encoded gives the same value; only 32-bit floats come back as doubles, as from transit-java."""
    for fmt in FORMATS:  # no parametrize: pytest-twisted wraps a generated test once for each parameter
        decoded = fmt.decode(fmt.encode(value))
        assert "Float32" in repr(_types(value)) or alike(decoded, value)


def _types(value: Any) -> Any:
    if isinstance(value, (tuple, frozenset)):
        return [_types(member) for member in value]
    if isinstance(value, dict):
        return [(_types(key), _types(member)) for key, member in value.items()]
    return _types(value.value) if isinstance(value, Tagged) else type(value)


@in_both
def test_cache_wraps_around(fmt: ours.Format) -> None:
    """After 1936 different names the cache starts anew, on both sides alike, also inside one map."""
    chance = random.Random(1)
    names = [Keyword(f"wrap/k{n}") for n in range(2500)]
    value = tuple({chance.choice(names): (chance.choice(names),
    {chance.choice(names): "x"}) for _ in range(9)} for _ in range(1500))
    assert fmt.decode(fmt.encode(value)) == value


@in_both
def test_any_depth_is_written(fmt: ours.Format) -> None:
    """A value nested beyond recursion is written; below it, both ways of writing give the same bytes."""
    value: Any = Keyword("a/b")
    for _ in range(3000):
        value = {Keyword("a/b"): (value,)}
    assert len(fmt.encode(value)) > 6000


def test_the_deep_writers_give_the_same_bytes() -> None:
    """What writes deep values writes shallow ones as the packers do, cache, tags, escapes and all."""
    value = edn.read('[{:aaa #{1} :bbb (1 "\u0001\u001b😀 ~")} {:aaa #x/y [1] [1] {2 nil}} "~" :aaa #z "q" [] {}'
                     ' 1e10 #uuid "12345678-1234-1234-f234-123456789012" #inst "2020"]')  # fmt: skip
    assert deep_json(value) == ours.json.encode(value)
    assert deep_msgpack(value) == ours.msgpack.encode(value)
    assert deep_json(1) == ours.json.encode(1)


def _table(count: int, names: int) -> Table:
    chance = random.Random(2)
    keywords = [Keyword(f"page/k{n % names}") for n in range(count)]
    mixed = [chance.choice([1, "~x", "abc", None, True, 1.5, Keyword("page/other"), chance.choice(keywords),
    (Keyword("aaa"),)]) for _ in range(count)]
    columns = [
        Column(np.arange(count) * 2**50, "long"), Column([f"~{n}" if n % 3 else f"{n}" for n in range(count)],
        "string"),
        Column(keywords, "keyword"), Column(np.arange(count), "instant"), Column(mixed),
        Column([n % 2 == 0 for n in range(count)], "boolean"), Column([n / 7 * 1e6 for n in range(count)], "double"),
    ]  # fmt: skip
    return Table(columns, count)


@in_both
@pytest.mark.parametrize("names", [5, 3000])
def test_pages_are_written_as_their_rows(fmt: ours.Format, names: int) -> None:
    """A table gives byte for byte what its rows give, anywhere in a response, cache and all."""
    table = _table(4000, names)
    datoms = DatomTable(np.arange(4000), [1] * 4000, table.columns[4], np.arange(4000) + 2**45, np.ones(4000,
    dtype=bool))
    for page in (table, datoms, Table([], 2), Table(table.columns[2:3], 4000)):
        assert fmt.encode({Keyword("data"): page}) == fmt.encode({Keyword("data"): page.plain()})


@in_both
def test_another_reader_and_writer_agree(fmt: ours.Format) -> None:
    """transit-python reads our bytes and writes the same ones."""
    text = '[{:aaa 1 :bbb/ccc [:aaa sym/bol "abc" 1.5 nil] "abcd" {:aaa -5}} {"abcd" :aaa} "~x" [] 70000]'
    body = fmt.encode(edn.read(text))
    protocol = "json" if fmt is ours.json else "msgpack"
    stream = io.StringIO(body.decode()) if fmt is ours.json else io.BytesIO(body)
    value = transit.reader.Reader(protocol).read(stream)
    again: Any = io.StringIO() if fmt is ours.json else io.BytesIO()
    transit.writer.Writer(again, protocol).write(value)
    written = again.getvalue()
    assert (written.encode() if isinstance(written, str) else written) == body


@in_both
def test_no_value_is_refused(fmt: ours.Format) -> None:
    """An object that transit has no form for is an anomaly."""
    with pytest.raises(Anomaly, match="no transit form"):
        fmt.encode({Keyword("a"): object()})
