"""The operator's Python functions, named in a file, in transactions, queries and pulls of a running service."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python import usage

from peerserver.codec import edn
from peerserver.model.anomaly import Anomaly
from peerserver.options import Options
from peerserver.pull import parse_pattern, pull, xforms
from peerserver.query import builtins, execute, parse_query
from peerserver.service import _allow
from peerserver.transact import transact

SOURCE = """
from peerserver.model.values import Keyword

def twice(x):
    return 2 * x

def person(db, name):
    return [{Keyword("db/id"): "p", Keyword("db/doc"): name}]
"""
NEEDED = ["-a", "key,secret", "-d", "hello,datomic:mem://hello"]


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The options of a server whose file allows two functions."""
    (tmp_path / "listed_functions.py").write_text(SOURCE)
    (tmp_path / "extensions.edn").write_text('{app/twice "listed_functions:twice" app/person "listed_functions:person"}')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(builtins, "_installed", {})
    monkeypatch.setattr(xforms, "_installed", {})
    options = Options({})
    options.parseOptions([*NEEDED, "--extensions", str(tmp_path / "extensions.edn")])
    yield options
    sys.modules.pop("listed_functions", None)


def test_listed_functions_are_called(listed: Any) -> None:
    """What the file names is a transaction function, a query function and an xform; nothing else is."""
    from peerserver.database import Database

    _allow(listed["functions"], Clock())
    result = transact(Database.new("x"), edn.read('[[app/person "Ann"]]'), 1_700_000_000_000, listed["functions"])
    db = result.db_after
    query = parse_query("[:find ?d ?n :where [?e :db/doc \"Ann\"] [?e :db/doc ?d] [(app/twice 21) ?n]]")
    assert execute(query, [db]).page() == [("Ann", 42)]
    e = result.tempids["p"]
    assert pull(db, parse_pattern("[[:db/doc :xform app/twice]]"), e) == edn.read('{:db/doc "AnnAnn"}')
    with pytest.raises(Anomaly):
        execute(parse_query("[:find ?n :where [?e :db/doc \"Ann\"] [(app/other 21) ?n]]"), [db])
    with pytest.raises(Anomaly):
        pull(db, parse_pattern("[[:db/doc :xform app/other]]"), e)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "not EDN"), ("[1]", "must be a map"), ('{f "m:f"}', "no qualified symbol"), ('{a/f "nowhere"}', 'no "module:function"'),
     ('{a/f "no_such_module:f"}', "can't be imported")],
)
def test_a_bad_list_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A list that can't be used ends the start with a sentence that names the entry."""
    (tmp_path / "x.edn").write_text(text)
    with pytest.raises(usage.UsageError, match="--extensions") as raised:
        Options({}).parseOptions([*NEEDED, "--extensions", str(tmp_path / "x.edn")])
    assert said in str(raised.value)
    with pytest.raises(usage.UsageError, match="cannot be read"):
        Options({}).parseOptions([*NEEDED, "--extensions", str(tmp_path / "missing.edn")])


def test_a_name_of_the_table_is_refused(listed: Any) -> None:
    """An operator's function can't replace one that queries have."""
    with pytest.raises(SystemExit, match="exist already"):
        _allow({"count": len}, Clock())
