"""Power loss, played: from the journal of ``power.c``, what the disk may hold when the power goes at a moment.

What was synced is there. Of what was not, any part may be: writes in any order, also half of one. What is not decided
here: what must be found on such a disk.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from pathlib import Path

import attrs

from tests.services.jars import Missing

__all__ = ("Recording", "build", "disk_after")

_HEAD = struct.Struct("=cHQI")
_SECTOR = 512


def build(folder: Path) -> Path:
    """The library to preload; Missing where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Missing("a C compiler")
    library = folder / "power.so"
    source = Path(__file__).with_name("power.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


@attrs.frozen
class Recording:
    """A folder that is watched, and the journal about it."""

    library: Path
    folder: Path
    journal: Path

    def environment(self) -> dict[str, str]:
        """What the watched program is to be started with."""
        return {"LD_PRELOAD": str(self.library), "POWER_FOLDER": f"{self.folder}/", "POWER_JOURNAL": str(self.journal)}

    def position(self) -> int:
        """How long the journal is now: a moment."""
        return self.journal.stat().st_size if self.journal.exists() else 0


class _File:
    """A file: what is safe, and the writes that are not yet."""

    def __init__(self) -> None:
        self.safe = bytearray()
        self.open: list[tuple[str, int, bytes]] = []

    def settle(self) -> None:
        for change in self.open:
            _apply(self.safe, *change)
        self.open = []


def _apply(content: bytearray, kind: str, offset: int, data: bytes) -> None:
    if kind == "t":
        if offset < len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset + len(data):
        content.extend(bytes(offset + len(data) - len(content)))
    content[offset:offset + len(data)] = data


def disk_after(recording: Recording, moment: int, target: Path, rng: random.Random | None) -> None:
    """Writes into ``target`` the files as they may be after a loss of power at that length of the journal.

    ``rng`` picks what of the unsynced writes is there; without one, all of them are (nothing was lost). Shared memory of
    SQLite (``-shm``) is never there: it does not outlive a machine.
    """
    files: dict[str, _File] = {}
    journal = recording.journal.read_bytes()[:moment]
    at = 0
    while at + _HEAD.size <= len(journal):
        kind, path_length, offset, length = _HEAD.unpack_from(journal, at)
        start = at + _HEAD.size
        at = start + path_length + length
        if at > len(journal):
            break
        path = journal[start:start + path_length].decode()
        file = files.setdefault(path, _File())
        if kind == b"s":
            file.settle()
        elif kind == b"u":
            del files[path]
        else:
            file.open.append((kind.decode(), offset, journal[start + path_length:at]))
    target.mkdir(parents=True, exist_ok=True)
    for path, file in files.items():
        if path.endswith("-shm"):
            continue
        if rng is None:
            file.settle()
        else:
            _lose(file, rng)
        (target / Path(path).name).write_bytes(file.safe)


def _lose(file: _File, rng: random.Random) -> None:
    for kind, offset, data in file.open:
        fate = rng.random()
        if fate < 0.4:
            _apply(file.safe, kind, offset, data)
        elif fate < 0.6 and kind == "w" and len(data) > _SECTOR:
            kept = rng.randrange(1, -(-len(data) // _SECTOR)) * _SECTOR
            _apply(file.safe, kind, offset, data[:kept])
