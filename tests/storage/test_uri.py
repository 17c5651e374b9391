"""Database URIs: what is read, what is refused, what is hidden."""

from __future__ import annotations

import pytest

from peerserver.model.anomaly import Anomaly
from peerserver.storage.jdbc import parse_jdbc
from peerserver.storage.uri import mask, parse_uri


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("datomic:mem://hello", ("mem", "hello", "", 0, "")),
        ("datomic:dev://db.host:4334/hello?password=x", ("dev", "hello", "db.host", 4334, "")),
        ("datomic:dev://localhost/hello", ("dev", "hello", "localhost", 4334, "")),
        ("datomic:sql://hello?jdbc:postgresql://h:5432/datomic?user=u&password=p", ("sql", "hello", "", 0, "")),
        ("datomic:ddb://eu-west-1/table/hello", ("ddb", "hello", "eu-west-1", 0, "table")),
        ("datomic:ddb-local://localhost:8000/table/hello", ("ddb-local", "hello", "localhost", 8000, "table")),
        ("datomic:cass://h/space.table/hello?user=u&password=p", ("cass", "hello", "h", 9042, "space.table")),
        ("datomic:cass3://h:9999/space.table/*", ("cass3", "*", "h", 9999, "space.table")),
        ("datomic:mem://with%20space", None),
    ],
)
def test_forms(text: str, expected: tuple[str, str, str, int, str] | None) -> None:
    """Each protocol's form is taken apart; a name with white space is refused after decoding."""
    if expected is None:
        with pytest.raises(Anomaly):
            parse_uri(text)
    else:
        uri = parse_uri(text)
        assert (uri.protocol, uri.database, uri.host, uri.port, uri.table) == expected


@pytest.mark.parametrize(
    "text",
    ["", "mem://x", "datomic:mem://", "datomic:dev://localhost:0/x", "datomic:dev://localhost:4334", "datomic:ddb://r/t",
     "datomic:cass://h/table/db", "datomic:sql://db?jdbc:oracle:thin:@h", "datomic:mem://a/b", "datomic:dev://:1/x"],
)
def test_bad_forms_say_what_to_change(text: str) -> None:
    """What is no URI is refused with :db.error/invalid-db-uri."""
    with pytest.raises(Anomaly) as raised:
        parse_uri(text)
    assert raised.value.error == "invalid-db-uri"


def test_unknown_protocol_lists_the_known() -> None:
    """An unknown protocol has an error of its own, as in Datomic."""
    with pytest.raises(Anomaly, match="use one of mem") as raised:
        parse_uri("datomic:riak://h/x")
    assert raised.value.error == "unsupported-protocol"


@pytest.mark.parametrize(
    "text",
    ["datomic:sql://d?jdbc:postgresql://h/d?user=u&password=TOPSECRET", "datomic:dev://h:1/d?password=TOPSECRET",
     "datomic:ddb://r/t/d?aws_access_key_id=TOPSECRET&aws_secret_key=TOPSECRET",
     "datomic:sql://d?jdbc:mysql://u:TOPSECRET@h/d"],
)
def test_secrets_are_masked(text: str) -> None:
    """A URI printed anywhere shows no credential."""
    assert "TOPSECRET" not in mask(text)
    assert "TOPSECRET" not in f"{parse_uri(text)} {parse_uri(text)!r}"


def test_jdbc_urls() -> None:
    """Host, port, user and ssl are read from a JDBC URL, with each server's default port."""
    url = parse_jdbc("jdbc:postgresql://h/name?user=u&password=p&ssl=true")
    assert (url.kind, url.host, url.port, url.database, url.user, url.password, url.ssl) == (
        "postgresql", "h", 5432, "name", "u", "p", "require")
    assert parse_jdbc("jdbc:mariadb://h/name").port == 3306
    with pytest.raises(Anomaly):
        parse_jdbc("jdbc:oracle:thin:@h")
