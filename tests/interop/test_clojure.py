"""The unmodified Clojure clients, of today and of 2017, against the server that the README's command starts."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.services.jars import Missing, jars
from tests.services.servers import free_port

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CLOJURE = "org.clojure:clojure:1.11.4"


@attrs.frozen
class Server:
    """A running server: where it is, and the certificate that it made."""

    endpoint: str
    certificate: Path


def _healthy(url: str) -> bool:
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The README's command, with a fresh database."""
    port = free_port()
    command = [str(ROOT / "bin" / "run"), "-m", "datomic.peer-server", "-h", "localhost", "-p", str(port),
               "-a", "myaccesskey,mysecret", "-d", "hello,datomic:mem://hello", "--state-dir", str(tmp_path)]
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(600):
            if _healthy(f"https://localhost:{port}/health"):
                break
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.1)
        certificate = next(p for p in tmp_path.rglob("*") if p.is_file() and b"BEGIN CERTIFICATE" in p.read_bytes())
        yield Server(f"localhost:{port}", certificate)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
        log.close()


def run_clojure(script: str, artifact: str, server: Server) -> tuple[list[str], list[str]]:
    """(names that passed, lines that failed) of a script under one version of the client."""
    try:
        lib = jars(CLOJURE, artifact)
    except Missing as missing:
        warnings.warn(f"INTEROP NOT TESTED: this machine lacks {missing}", stacklevel=1)
        pytest.skip(f"INTEROP NOT TESTED: this machine lacks {missing}")
    command = ["java", "-Xmx512m", "-cp", f"{HERE}:{lib}/*", "clojure.main", str(HERE / script), server.endpoint,
               "myaccesskey", "mysecret", str(server.certificate)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = done.stdout.splitlines()
    assert lines and lines[-1].startswith("DONE"), done.stdout + done.stderr
    return [x[5:] for x in lines if x.startswith("PASS")], [x for x in lines if x.startswith("FAIL")]


def test_client_of_today(server: Server) -> None:
    """client-pro 1.0.77: every operation, success and error, synchronous and asynchronous."""
    passed, failed = run_clojure("client_today.clj", "com.datomic:client-pro:1.0.77", server)
    assert not failed, "\n".join(failed)
    assert len(passed) >= 100


def test_client_of_2017(server: Server) -> None:
    """client-pro 0.8.14: the same tutorial over an older wire."""
    passed, failed = run_clojure("client_2017.clj", "com.datomic:client-pro:0.8.14", server)
    assert not failed, "\n".join(failed)
    assert len(passed) >= 30
