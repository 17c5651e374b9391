"""The transactions of the recorded cases, on the engine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from peerserver.codec import edn

from .replay import Replay, cases
from .world import kw

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "tests/conformance", ROOT.parent / "shared/conformance"]


def _recorded() -> list[Any]:
    found = []
    for folder in FOLDERS:
        if folder.is_dir():
            fixtures = edn.read((folder / "cases/fixtures.edn").read_text(encoding="utf-8"))
            for path in sorted((folder / "expected").glob("*.edn")):
                if not path.name.startswith(("transact", "schema", "values", "tuples", "types")):
                    continue
                found += [pytest.param(fixtures.get(case.get(kw("fixture")), ()), case, id=case[kw("id")])
                          for case in cases(path)]
    return found


@pytest.mark.parametrize(("fixture", "case"), _recorded())
def test_recorded_transactions(fixture: tuple[Any, ...], case: dict[Any, Any]) -> None:
    """Every transaction of the case gives the datoms, the tempids or the error that Datomic gave."""
    replay = Replay(fixture)
    for step in case[kw("steps")]:
        replay.step(step)
