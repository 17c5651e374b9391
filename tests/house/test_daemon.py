"""The server as a program: its lines at the start, its signals, its secrets, its installation."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import venv
import warnings
from pathlib import Path

import pytest

from peerserver import systemd

from .servers import HELLO, ROOT, connected, environment, health, serving

BIN = Path(sys.executable).parent
SECRET = "a-secret-that-must-not-show"


def test_the_lines_at_the_start(tmp_path: Path) -> None:
    """One line a database, the endpoint, and how a client trusts the certificate."""
    both = (*HELLO, "-d", "again,datomic:mem://hello")
    with serving(tmp_path, *both) as server:
        log = server.wait_for("Clients trust it")
        assert "Serving datomic:mem://hello as hello\n" in log
        assert "Serving datomic:mem://hello as again\n" in log
        assert f"Endpoint https://localhost:{server.port}" in log
        assert 'Clojure :trust-certs [(slurp "' in log


def test_the_log_in_json(tmp_path: Path) -> None:
    """With --log-format json each line is an object with time, level, room and message."""
    with serving(tmp_path, *HELLO, "--log-format", "json") as server:
        server.wait_for("Clients trust it")
        lines = [json.loads(line) for line in server.log().splitlines()]
    assert all({"time", "level", "room", "message"} <= set(line) for line in lines)
    (serving_line,) = [line for line in lines if line["message"].startswith("Serving")]
    assert (serving_line["name"], serving_line["uri"]) == ("hello", "datomic:mem://hello")


def test_secrets_show_nowhere(tmp_path: Path) -> None:
    """A secret from the environment or a file is neither in the process list nor in the log, at any level."""
    keys = tmp_path / "keys"
    keys.write_text(f"filed,{SECRET}-1\n")
    options = ("--auth-file", str(keys), "-d", "hello,datomic:mem://hello", "--log-level", "debug")
    with serving(tmp_path, *options, env=environment(PEERSERVER_AUTH=f"env,{SECRET}-2")) as server:
        assert b"200" in health(server.port)
        command_line = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        server.process.terminate()
        server.process.wait(60)
        assert SECRET.encode() not in command_line
        assert SECRET not in server.log()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_orderly(tmp_path: Path, how: signal.Signals) -> None:
    """SIGTERM and SIGINT end the server with exit code 0, open idle connections or not, and free the port."""
    with serving(tmp_path) as server:
        with connected(server.port, ssl._create_unverified_context()) as idle:
            server.process.send_signal(how)
            assert server.process.wait(30) == 0
            idle.settimeout(10)
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", server.port))
        assert "Traceback" not in server.log()


def test_readiness(tmp_path: Path) -> None:
    """systemd hears READY=1 once the port is open, and STOPPING=1 at the end."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearer:
        hearer.bind(path)
        hearer.settimeout(60)
        with serving(tmp_path, env=environment(NOTIFY_SOCKET=path)) as server:
            assert hearer.recv(100) == b"READY=1"
            assert b"200" in health(server.port)
        assert hearer.recv(100) == b"STOPPING=1"


def test_readiness_that_nobody_hears(tmp_path: Path) -> None:
    """Without a manager, or with one that is gone, the server goes on."""
    assert not systemd.notify("READY=1", {})
    assert not systemd.notify("READY=1", {"NOTIFY_SOCKET": "relative"})
    assert not systemd.notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_an_abstract_notify_socket() -> None:
    """An address that begins with @ is in the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hearer:
        hearer.bind(f"\0peerserver-test-{os.getpid()}")
        assert systemd.notify("READY=1", {"NOTIFY_SOCKET": f"@peerserver-test-{os.getpid()}"})
        assert hearer.recv(100) == b"READY=1"


def test_the_unit_file(tmp_path: Path) -> None:
    """systemd finds no fault in the unit file."""
    verify = shutil.which("systemd-analyze")
    if not verify:
        warnings.warn("UNIT FILE NOT TESTED: systemd-analyze is missing", stacklevel=1)
        pytest.skip("UNIT FILE NOT TESTED: systemd-analyze is missing")
    text = (ROOT / "config" / "systemd" / "peerserver.service").read_text()
    assert "Type=notify" in text
    # The program is looked for: a stand-in where the package isn't installed.
    unit = tmp_path / "peerserver.service"
    unit.write_text(text.replace("/opt/peerserver/bin/peer-server", shutil.which("true") or "/bin/true"))
    done = subprocess.run([verify, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, [line for line in done.stderr.splitlines() if "peerserver" in line]) == (
        0, "", [])


# -- twistd and twist, from here and from an installed wheel


@pytest.mark.parametrize("program", ["twistd", "twist"])
def test_the_plugin_is_listed(program: str, tmp_path: Path) -> None:
    """twistd and twist list peer-server: the way in which bin/_venv installs the checkout keeps the plugin visible."""
    if not (BIN / "peer-server").exists():
        pytest.skip("this Python has the package only as a folder on its path")
    env = environment()
    del env["PYTHONPATH"]
    done = subprocess.run([str(BIN / program), "--help"], capture_output=True, text=True, timeout=60, cwd=tmp_path,
                          env=env)
    assert "peer-server" in done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of a virtualenv outside the checkout, into which the wheel was installed."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info", "tests", "bench", "docs")
    shutil.copytree(ROOT, source, ignore=ignored)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)],
                   check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True, timeout=300)
    purelib = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    # The dependencies are those of this Python, without its editable peerserver.
    (purelib / "dependencies.pth").write_text("\n".join(
        path for path in sys.path if path.endswith("site-packages")) + "\n")
    return folder / "venv" / "bin"


@pytest.mark.parametrize("program", [["twistd", "-n", "--pidfile=", "peer-server"],
                                     ["twist", "--log-format=text", "peer-server"], []])
def test_an_installed_wheel(installed: Path, tmp_path: Path, program: list[str]) -> None:
    """twistd -n peer-server, twist peer-server and peer-server work from an installed package outside the checkout."""
    python = str(installed / "python")
    env = environment()
    del env["PYTHONPATH"]
    if program:
        start = "import sys; from twisted.scripts.twistd import run; run()" if program[0] == "twistd" else (
            "from twisted.application.twist._twist import Twist; Twist.main()")
        command = [python, "-c", start, *program[1:]]
    else:
        command = [str(installed / "peer-server")]
    where = subprocess.run([python, "-c", "import peerserver; print(peerserver.__file__)"], cwd=tmp_path, env=env,
                           capture_output=True, text=True, timeout=60).stdout
    assert str(installed.parent) in where
    with serving(tmp_path, command=command, cwd=tmp_path, env=env) as server:
        assert health(server.port).endswith(b"OK")
