"""The recorded answers: those of this repository, and the shared ones where they lie beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [folder for folder in (ROOT / "tests" / "conformance", ROOT.parent / "shared" / "conformance")
           if (folder / "expected").is_dir()]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_answers_are_the_recorded_ones(folder: Path) -> None:
    """Every recorded case is answered as recorded, or listed in docs/differences.md (at most one in a hundred)."""
    done = subprocess.run([sys.executable, "-m", "peerserver.conformance", str(folder)], cwd=ROOT, text=True,
                          capture_output=True, timeout=600, check=False, env={**os.environ})
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
