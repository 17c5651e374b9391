"""Maven artifacts that tests run, kept in one cache folder between runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

__all__ = ("Missing", "jars")

_POM = """<project><modelVersion>4.0.0</modelVersion><groupId>tests</groupId><artifactId>tests</artifactId>
<version>1</version><dependencies>{}</dependencies></project>"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


class Missing(Exception):
    """What a service needs isn't on this machine; the message says what."""


def cache() -> Path:
    """The folder that test runs share."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("PEERSERVER_TEST_CACHE", base / "peerserver-tests"))


def jars(*coordinates: str) -> Path:
    """A folder with the artifacts ``group:artifact:version`` and all that they need."""
    if not shutil.which("mvn") or not shutil.which("java"):
        raise Missing("Java and Maven")
    folder = cache() / "jars" / sha256("\n".join(coordinates).encode()).hexdigest()[:16]
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = "".join(_DEPENDENCY.format(*c.split(":")) for c in coordinates)
        (folder / "pom.xml").write_text(_POM.format(wanted))
        command = ["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies",
                   f"-DoutputDirectory={folder / 'lib'}", "-DincludeScope=runtime"]
        subprocess.run(command, check=True, timeout=600)
        (folder / "done").touch()
    return folder / "lib"
