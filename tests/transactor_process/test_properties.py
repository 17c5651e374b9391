"""Properties files: Datomic's names, defaults and units; each wrong line refused with a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerserver.storage.jdbc import parse_jdbc
from peerserver.transactor.properties import PROPERTIES, PropertiesError, parse_properties
from tests.house.servers import ROOT

DEV = "protocol=dev\nhost=localhost\n"
SQL = "protocol=sql\nhost=localhost\nsql-url=jdbc:postgresql://db:5432/datomic\n"
SECRET = "a-secret-that-must-not-show"


def test_defaults_are_datomics() -> None:
    """Port 4334, a heartbeat of 5 s, 4 writes and twice as many reads at once, an encrypted channel, local storage."""
    found = parse_properties(DEV)
    assert (found.port, found.heartbeat_interval, found.encrypt_channel) == (4334, 5.0, True)
    assert (found.write_concurrency, found.read_concurrency, found.storage_access) == (4, 8, "local")
    assert parse_properties(DEV + "write-concurrency=6").read_concurrency == 12


@pytest.mark.parametrize(("line", "name", "value"), [
    ("memory-index-threshold=64m", "memory_index_threshold", 64 << 20),
    ("memory-index-max=1G", "memory_index_max", 1 << 30),
    ("object-cache-max=512k", "object_cache_max", 512 << 10),
    ("object-cache-max=1000000", "object_cache_max", 1_000_000),
    ("heartbeat-interval-msec=1000", "heartbeat_interval", 1.0),
    ("encrypt-channel=FALSE", "encrypt_channel", False),
    ("alt-host=10.0.0.7", "alt_host", "10.0.0.7"),
    ("memcached=a:11211,b:11212", "memcached", (("a", 11211), ("b", 11212))),
    ("pid-file = /run/transactor.pid", "pid_file", Path("/run/transactor.pid")),
    ("log-dir: log", "log_dir", Path("log")),
    ("port \\\n   4400", "port", 4400),
    ("alt-host=h\\u006fst\\=", "alt_host", "host="),
    ("# port=1\n! port=2\n\nport=3", "port", 3),
    ("valcache-path=/c\nvalcache-max-gb=2", "valcache_bytes", 2 << 30),
    ("ping-host=localhost\nping-port=9999", "ping", ("localhost", 9999)),
])
def test_what_lines_mean(line: str, name: str, value: object) -> None:
    """Units, flags, lists, and the form of Java's properties files: comments, continued lines, escapes."""
    assert getattr(parse_properties(DEV + line), name) == value


@pytest.mark.parametrize(("text", "message"), [
    ("", "protocol is missing"),
    ("protocol=dev", "host is missing"),
    ("protocol=oracle\nhost=h", "line 1: protocol=oracle: write one of dev, sql"),
    ("protocol=sql\nhost=h", "sql-url is missing; protocol=sql needs it"),
    ("protocol=ddb\nhost=h\naws-dynamodb-table=t", "aws-dynamodb-region is missing"),
    ("protocol=ddb-local\nhost=h\naws-dynamodb-table=t", "aws-dynamodb-override-endpoint is missing"),
    ("protocol=cass3\nhost=h", "cassandra-host is missing"),
    (DEV + "prot=4334", "line 3: prot is no property of a transactor; is port meant?"),
    (DEV + "nonsense=1", "line 3: nonsense is no property of a transactor"),
    (DEV + "port=4334\nport=4335", "line 4: port is given twice"),
    (DEV + "port=0", "line 3: port=0: write a whole number from 1 to 65535"),
    (DEV + "port=65536", "from 1 to 65535"),
    (DEV + "port=abc", "port=abc: write a whole number"),
    (DEV + "heartbeat-interval-msec=999", "write a whole number from 1000"),
    (DEV + "write-concurrency=1", "write a whole number from 2"),
    (DEV + "memory-index-threshold=32x", "write bytes, or 512k, 32m, 1g"),
    (DEV + "memory-index-max=0", "write bytes, or 512k, 32m, 1g"),
    (DEV + "memory-index-threshold=1g", "memory-index-threshold must be less than memory-index-max"),
    (DEV + "encrypt-channel=yes", "write true or false"),
    (DEV + "memcached=localhost", "write host:port"),
    (DEV + "memcached=localhost:0", "write host:port"),
    (DEV + "storage-access=all", "write one of local, remote"),
    (DEV + "storage-access=remote", "give storage-datomic-password, too"),
    (DEV + "valcache-path=/c", "valcache-path is given without valcache-max-gb"),
    (DEV + "ping-port=99", "ping-port is given without ping-host"),
    (DEV + "data-dir=", "data-dir=: give it a value, or leave the line out"),
    (DEV + "memcached-username=u", "memcached-username is not supported: memcached is asked without a user"),
    (SQL + "sql-url=jdbc:postgresql://other/x", "sql-url is given twice"),
    ("protocol=sql\nhost=h\nsql-url=jdbc:oracle:thin:@h", "jdbc:postgresql://host:port/name"),
    ("protocol=cass\nhost=h\ncassandra-host=c\ncassandra-table=t", "name the table as keyspace.table"),
    ("protocol=ddb\nhost=h\naws-dynamodb-table=t\naws-dynamodb-region=r\naws-access-key-id=x",
     "aws-access-key-id is given without aws-secret-key"),
])
def test_wrong_ones_are_refused(text: str, message: str) -> None:
    """What is missing, unknown, doubled, or outside its range is named, with what to write instead."""
    with pytest.raises(PropertiesError) as refused:
        parse_properties(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(("text", "uri"), [
    (SQL + "sql-user=me\nsql-password=x", "datomic:sql://*?jdbc:postgresql://db:5432/datomic?user=me&password=***"),
    ("protocol=sql\nhost=h\nsql-url=jdbc:sqlite:/s/file.db\nsql-user=me", "datomic:sql://*?jdbc:sqlite:/s/file.db"),
    ("protocol=dev\nhost=h\ndata-dir=/d", "datomic:sql://*?jdbc:sqlite:/d/peerserver.db"),
    ("protocol=ddb\nhost=h\naws-dynamodb-table=t\naws-dynamodb-region=eu-west-1", "datomic:ddb://eu-west-1/t/*"),
    ("protocol=ddb-local\nhost=h\naws-dynamodb-table=t\naws-dynamodb-override-endpoint=http://l:8000/",
     "datomic:ddb-local://l:8000/t/*"),
    ("protocol=cass3\nhost=h\ncassandra-host=c\ncassandra-user=u\ncassandra-password=p\ncassandra-ssl=true",
     "datomic:cass3://c:9042/datomic.datomic/*?user=u&password=***&ssl=true"),
])
def test_the_storage(text: str, uri: str) -> None:
    """Each protocol's properties name the storage that peers name by URI."""
    assert str(parse_properties(text).storage) == uri


def test_passwords_with_odd_characters() -> None:
    """A password arrives as it stands in the file, whatever it is made of."""
    found = parse_properties(SQL + "sql-user=me\nsql-password=a&b=c%20d e?/ü")
    assert parse_jdbc(found.storage.jdbc).password == "a&b=c%20d e?/ü"


@pytest.mark.parametrize("line", [f"storage-datomic-password={SECRET}", f"license-key={SECRET}"])
def test_secrets_are_not_shown(line: str) -> None:
    """No secret stands in what is printed of the properties, nor in a refusal."""
    assert SECRET not in repr(parse_properties(DEV + line))
    with pytest.raises(PropertiesError) as refused:
        parse_properties(DEV + line + "\n" + line)
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(parse_properties(SQL + f"sql-user=u\nsql-password={SECRET}"))


def test_what_has_no_effect_is_told() -> None:
    """Datomic's properties that mean nothing here are accepted by name."""
    found = parse_properties(SQL + "license-key=\nsql-driver-class=org.postgresql.Driver\nindex-parallelism=4")
    assert found.ignored == ("license-key", "sql-driver-class", "index-parallelism")


SAMPLES = sorted((ROOT / "config" / "samples").glob("*.properties"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples(path: Path) -> None:
    """Every sample is valid, with its commented lines as well as without, and shows only what there is."""
    text = path.read_text()
    parse_properties(text)
    lines = [line.lstrip("#") if line.startswith("#") and "=" in line and " " not in line else line
             for line in text.splitlines()]
    named = {line.partition("=")[0] for line in lines if "=" in line and not line.startswith("#")}
    assert named <= set(PROPERTIES)
