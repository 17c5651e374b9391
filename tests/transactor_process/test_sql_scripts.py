"""The scripts of bin/sql, run on real services: a transactor starts as the user that they make."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.house.servers import ROOT
from tests.services import servers
from tests.services.jars import Missing
from tests.services.servers import free_port

from .processes import ACTIVE, command, transactor

SCRIPTS = ROOT / "bin" / "sql"


def _statements(name: str) -> list[str]:
    text = "\n".join(line for line in (SCRIPTS / name).read_text().splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def _serves(folder: Path, jdbc: str) -> None:
    file = folder / "t.properties"
    file.write_text(f"protocol=sql\nhost=127.0.0.1\nport={free_port()}\nsql-url={jdbc}\nsql-user=datomic\n"
                    "sql-password=datomic\n")
    with transactor(folder, "t", file) as process:
        process.wait_for(ACTIVE)
        made = command("create-database", f"datomic:sql://hello?{jdbc}?user=datomic&password=datomic")
        assert made == (0, "Created hello\n", ""), process.log()


@contextlib.contextmanager
def _service(start: Callable[[], AbstractContextManager[int]]) -> Iterator[int]:
    try:
        with start() as port:
            yield port
    except Missing as missing:
        warnings.warn(f"NOT TESTED: this machine lacks {missing}", stacklevel=3)
        pytest.skip(f"NOT TESTED: this machine lacks {missing}")


def test_postgresql(tmp_path: Path) -> None:
    """postgres-db, -table and -user make all that is needed; that user may not make tables."""
    import psycopg

    with _service(servers.postgresql) as port:
        for name, database in (("postgres-db.sql", "postgres"), ("postgres-table.sql", "datomic"),
                               ("postgres-user.sql", "datomic")):
            with psycopg.connect(f"host=127.0.0.1 port={port} user=peer dbname={database}", autocommit=True) as connection:
                for statement in _statements(name):
                    connection.execute(statement.encode())
        _serves(tmp_path, f"jdbc:postgresql://127.0.0.1:{port}/datomic")


def test_mariadb(tmp_path: Path) -> None:
    """mysql-db, -table and -user, likewise."""
    import pymysql

    with _service(servers.mariadb) as port:
        for name, database in (("mysql-db.sql", None), ("mysql-table.sql", "datomic"), ("mysql-user.sql", None)):
            connection = pymysql.connect(host="127.0.0.1", port=port, user="peer", password="peer", database=database,
                                         autocommit=True)
            with connection, connection.cursor() as cursor:
                for statement in _statements(name):
                    cursor.execute(statement)
        _serves(tmp_path, f"jdbc:mysql://127.0.0.1:{port}/datomic")
