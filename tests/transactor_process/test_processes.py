"""Transactors as programs: they serve, stand by, take over, give back, and end when another writes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.processes import wait_until
from tests.house.servers import ROOT, environment
from tests.services.servers import free_port

from .processes import ACTIVE, command, properties, transactor

BIN = Path(sys.executable).parent
SECRET = "a-secret-that-must-not-show"


def _uri(folder: Path, name: str) -> str:
    return f"datomic:sql://{name}?jdbc:sqlite:{folder / 'storage.db'}"


def test_commands_and_a_kill(tmp_path: Path) -> None:
    """Databases are created, listed, renamed and deleted; what was done is there after kill -9 of the transactor."""
    file = properties(tmp_path, "t1")
    with transactor(tmp_path, "t1", file) as process:
        assert command("create-database", _uri(tmp_path, "one")) == (0, "Created one\n", "")
        assert command("create-database", _uri(tmp_path, "one")) == (0, "one exists already\n", "")
        assert command("create-database", _uri(tmp_path, "two"))[0] == 0
        process.kill()
        assert command("list-databases", _uri(tmp_path, "*")) == (0, "one\ntwo\n", "")
        since = process.size()
        process.start()
        process.wait_for("Database two is open", since=since)
        assert command("rename-database", _uri(tmp_path, "one"), "--to", "uno") == (0, "Renamed one to uno\n", "")
        code, _, problem = command("rename-database", _uri(tmp_path, "uno"), "--to", "two")
        assert (code, "a database 'two' already" in problem) == (1, True)
        assert command("delete-database", _uri(tmp_path, "two")) == (0, "Deleted two\n", "")
        code, _, problem = command("delete-database", _uri(tmp_path, "two"))
        assert (code, "no database 'two'" in problem) == (1, True)
        assert command("list-databases", _uri(tmp_path, "*")) == (0, "uno\n", "")


def test_a_dev_storage_is_reached_through_its_transactor(tmp_path: Path) -> None:
    """datomic:dev:// needs no other service: commands go through the port, with the storage's password where one is
    set."""
    port = free_port()
    file = tmp_path / "dev.properties"
    file.write_text(f"protocol=dev\nhost=localhost\nport={port}\ndata-dir={tmp_path / 'data'}\n"
                    f"storage-datomic-password={SECRET}\n")
    with transactor(tmp_path, "dev", file) as process:
        process.wait_for(ACTIVE)
        uri = f"datomic:dev://localhost:{port}/hello"
        assert command("create-database", f"{uri}?password={SECRET}")[0] == 0
        code, _, problem = command("list-databases", uri, "--timeout", "1")
        assert (code, "secret does not fit" in problem) == (1, True)
        assert SECRET not in process.log()


def test_a_standby_takes_over(tmp_path: Path) -> None:
    """A second transactor holds no port while the first is active; after kill -9 of the first it serves, and after
    SIGTERM of the second, which gives its lease back, the first one serves again."""
    first, second = properties(tmp_path, "t1"), properties(tmp_path, "t2")
    with transactor(tmp_path, "t1", first) as one:
        one.wait_for(ACTIVE)
        with transactor(tmp_path, "t2", second) as two:
            two.wait_for("standby")
            command("create-database", _uri(tmp_path, "kept"))
            assert "Active" not in two.log()
            one.kill()
            two.wait_for(ACTIVE)
            two.wait_for("Database kept is open")
            since = one.size()
            one.start()
            one.wait_for("standby", since=since)
            two.terminate()
            one.wait_for(ACTIVE, since=since)
            assert two.wait(20) == 0
            assert command("list-databases", _uri(tmp_path, "*")) == (0, "kept\n", "")


def test_one_that_was_paused_ends(tmp_path: Path) -> None:
    """A transactor that awakes after another has taken over ends with exit code 1, and says why."""
    with (transactor(tmp_path, "t1", properties(tmp_path, "t1")) as one,
          transactor(tmp_path, "t2", properties(tmp_path, "t2")) as two):
        wait_until(lambda: "Active on" in one.log() + two.log(), 30, "one is active")
        paused, other = (one, two) if "Active on" in one.log() else (two, one)
        paused.pause()
        other.wait_for(ACTIVE)
        paused.resume()
        assert paused.wait(20) == 1
        assert "another transactor has taken over" in paused.log()


def test_the_files_that_are_asked_for(tmp_path: Path) -> None:
    """pid-file holds the process's id while it runs, log-dir a file with what it says; secrets are in neither."""
    pid, logs, port = tmp_path / "pid", tmp_path / "logs", free_port()
    file = properties(tmp_path, "t1", f"pid-file={pid}", f"log-dir={logs}", f"license-key={SECRET}",
                      "ping-host=localhost", f"ping-port={port}")
    with transactor(tmp_path, "t1", file) as process:
        process.wait_for(ACTIVE)
        assert pid.read_text() == f"{process.pid}\n"
        (log,) = logs.iterdir()
        wait_until(lambda: "Active on" in log.read_text(), 10, "the file has the line")
        health = subprocess.run(["curl", "-s", f"http://localhost:{port}/health"], capture_output=True, timeout=20)
        assert health.stdout == b"OK"
        assert SECRET not in log.read_text() + process.log()
        process.terminate()
        assert process.wait(20) == 0
        assert not pid.exists()


@pytest.mark.parametrize(("arguments", "message"), [
    ((), "give one properties file"),
    (("/nowhere/at-all.properties",), "cannot be read"),
    (("one", "two"), "give one properties file"),
])
def test_a_wrong_start(arguments: tuple[str, ...], message: str) -> None:
    """Without a file that can be read it ends at once with exit code 2 and a sentence."""
    code, _, problem = command("transactor", *arguments)
    assert (code, message in problem) == (2, True)
    assert "Traceback" not in problem


@pytest.mark.parametrize(("line", "message"), [
    ("log-dir=/proc/nowhere", "log-dir=/proc/nowhere cannot be written"),
    ("pid-file=/proc/nowhere", "pid-file=/proc/nowhere cannot be written"),
    ("alt-host=x\nping-host=192.0.2.1\nping-port=9", "host=192.0.2.1 is no address of this machine"),
])
def test_a_start_that_cannot_succeed(tmp_path: Path, line: str, message: str) -> None:
    """What the machine does not give ends the start with exit code 1 and a sentence that names the property."""
    code, _, problem = command("transactor", str(properties(tmp_path, "t1", line)))
    assert (code, message in problem, "Traceback" in problem) == (1, True, False), problem


@pytest.mark.parametrize(("arguments", "message"), [
    (("create-database",), "give one database URI"),
    (("create-database", "datomic:mem://x"), "lives in the memory"),
    (("create-database", "datomic:dev://localhost:4334/*"), "stands for every database"),
    (("rename-database", "datomic:dev://localhost:4334/x"), "takes --to NEW"),
    (("delete-database", "datomic:dev://localhost:4334/x", "--to", "y"), "takes --to NEW"),
    (("list-databases", "datomic:dev://localhost/x/y"), "host:port/db"),
    (("list-databases", "datomic:dev://localhost:4334/x", "--timeout", "soon"), "write seconds"),
    (("list-databases", f"datomic:sql://x?jdbc:oracle:h?password={SECRET}"), "jdbc:sqlite"),
])
def test_wrong_commands(arguments: tuple[str, ...], message: str) -> None:
    """A command that cannot be carried out as it stands is refused with exit code 2; secrets are not repeated."""
    code, _, problem = command(*arguments)
    assert (code, message in problem, SECRET in problem) == (2, True, False), problem


def test_without_a_transactor(tmp_path: Path) -> None:
    """A change says that no transactor is active; a list needs none."""
    code, _, problem = command("create-database", _uri(tmp_path, "x"), "--timeout", "1")
    assert (code, "no transactor is active" in problem) == (1, True)
    assert command("list-databases", _uri(tmp_path, "*")) == (0, "", "")


def test_twistd_knows_it(tmp_path: Path) -> None:
    """twistd transactor FILE.properties runs the same service."""
    listed = subprocess.run([BIN / "twistd", "--help"], capture_output=True, text=True, timeout=60, cwd=ROOT,
                            env=environment())
    assert "Datomic transactor" not in listed.stderr
    assert "transactor" in listed.stdout
    file = properties(tmp_path, "t1")
    log = tmp_path / "twistd.log"
    with log.open("wb") as out:
        process = subprocess.Popen([BIN / "twistd", "-n", "--pidfile", str(tmp_path / "pid"), "transactor", str(file)],
                                   stdout=out, stderr=out, cwd=ROOT, env=environment())
    try:
        wait_until(lambda: "Active on" in log.read_text(), 30, "twistd's transactor is active")
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
