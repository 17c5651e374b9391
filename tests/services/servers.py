"""How each real server is started and stopped. Every one listens on loopback, on a port that was free."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .jars import Missing, jars

__all__ = ("cassandra", "dynamodb", "free_port", "mariadb", "memcached", "postgresql")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def _listening(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes] | None, seconds: float, name: str) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode} before it was ready")
        if time.monotonic() > end:
            raise RuntimeError(f"{name} was not ready after {seconds:g} s")
        time.sleep(0.1)


@contextmanager
def _running(command: list[str], port: int, seconds: float, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = (folder / "log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
    try:
        _wait(lambda: _listening(port), process, seconds, command[0])
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


@contextmanager
def _folder(user: str | None = None) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="peerserver-service-"))
    if user and os.getuid() == 0:
        shutil.chown(path, user)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        for candidate in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")):
            found = str(candidate)
    if found is None:
        raise Missing(f"the program {name}")
    return found


def _as(user: str) -> list[str]:
    return ["runuser", "-u", user, "--"] if os.getuid() == 0 else []


@contextmanager
def postgresql() -> Iterator[int]:
    """PostgreSQL with a superuser ``peer``; yields its port."""
    initdb, pg_ctl = _tool("initdb"), _tool("pg_ctl")
    with _folder("postgres") as folder:
        port, data, user = free_port(), folder / "data", _as("postgres")
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        subprocess.run([*user, initdb, "-D", str(data), "-A", "trust", "-U", "peer", "--no-sync", "-E", "UTF8"],
                       **quiet)  # type: ignore[call-overload]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([*user, pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"],
                       **quiet)  # type: ignore[call-overload]
        try:
            yield port
        finally:
            subprocess.run([*user, pg_ctl, "-D", str(data), "-m", "immediate", "stop"], **quiet)  # type: ignore[call-overload]


@contextmanager
def mariadb() -> Iterator[int]:
    """MariaDB with user and password ``peer`` and a database of that name; yields its port."""
    install, server, client = _tool("mariadb-install-db"), _tool("mariadbd"), _tool("mariadb")
    with _folder("mysql") as folder:
        port, data, sock = free_port(), folder / "data", folder / "s.sock"
        subprocess.run([install, "--no-defaults", "--user=mysql", f"--datadir={data}", "--skip-test-db",
                        "--auth-root-authentication-method=normal", "--skip-name-resolve"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        command = [server, "--no-defaults", "--user=mysql", f"--datadir={data}", "--bind-address=127.0.0.1",
                   f"--port={port}", f"--socket={sock}", f"--pid-file={folder / 'pid'}", "--skip-name-resolve"]
        with _running(command, port, 30, folder):
            script = ("create user peer@'127.0.0.1' identified by 'peer'; "
                      "grant all on *.* to peer@'127.0.0.1' with grant option; create database peer")
            subprocess.run([client, "--no-defaults", f"--socket={sock}", "-u", "root", "-e", script], check=True)
            yield port


@contextmanager
def memcached() -> Iterator[int]:
    """memcached; yields its port."""
    with _folder() as folder:
        port = free_port()
        command = [_tool("memcached"), "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "64"]
        with _running(command, port, 10, folder):
            yield port


@contextmanager
def dynamodb() -> Iterator[int]:
    """DynamoDB Local, in memory; yields its port."""
    lib = jars("com.amazonaws:DynamoDBLocal:2.6.1")
    with _folder() as folder:
        port = free_port()
        command = ["java", "-Xmx256m", f"-Djava.library.path={lib}", "-cp", f"{lib}/*",
                   "com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-port", str(port),
                   "-disableTelemetry"]
        with _running(command, port, 60, folder):
            yield port


_CASSANDRA_YAML = """cluster_name: test
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
num_tokens: 1
initial_token: 0
commitlog_sync: periodic
commitlog_sync_period: 10s
disk_access_mode: mmap_index_only
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage_port}
native_transport_port: {port}
auto_snapshot: false
hinted_handoff_enabled: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:{storage_port}"
"""
_LOGBACK = """<configuration><appender name="C" class="ch.qos.logback.core.ConsoleAppender"><encoder>
<pattern>%level %msg%n</pattern></encoder></appender><root level="WARN"><appender-ref ref="C"/></root>
</configuration>"""
_EXPORTS = ("java.base/jdk.internal.misc", "java.base/jdk.internal.ref", "java.rmi/sun.rmi.registry",
            "java.management.rmi/com.sun.jmx.remote.internal.rmi")
_OPENS = ("java.base/java.io", "java.base/java.nio", "java.base/sun.nio.ch", "java.base/jdk.internal.ref",
          "java.base/java.lang", "java.base/java.util")


@contextmanager
def cassandra() -> Iterator[int]:
    """A Cassandra of one node; yields the port of its native protocol."""
    lib = jars("org.apache.cassandra:cassandra-all:5.0.9")
    with _folder() as folder, ExitStack():
        port = free_port()
        config = folder / "cassandra.yaml"
        config.write_text(_CASSANDRA_YAML.format(port=port, storage_port=free_port()))
        (folder / "logback.xml").write_text(_LOGBACK)
        flags = [f"--add-exports={x}=ALL-UNNAMED" for x in _EXPORTS] + [f"--add-opens={x}=ALL-UNNAMED" for x in _OPENS]
        command = ["java", "-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *flags,
                   f"-Dcassandra.config=file://{config}", f"-Dcassandra.storagedir={folder}",
                   "-Dcassandra-foreground=yes", "-Dcassandra.skip_wait_for_gossip_to_settle=0",
                   "-Dcassandra.ring_delay_ms=1", f"-Dlogback.configurationFile={folder / 'logback.xml'}",
                   "-cp", f"{lib}/*", "org.apache.cassandra.service.CassandraDaemon"]
        with _running(command, port, 90, folder):
            yield port
