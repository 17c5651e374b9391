"""Every recorded call of a function gives here what Datomic gave."""

from __future__ import annotations

import pytest

from peerserver.codec import edn
from peerserver.model.values import EdnList, sym
from peerserver.query.builtins import lookup, names

from . import recorded

FILES = ("functions-core", "functions-more", "functions-edge")


@pytest.mark.parametrize("file", FILES)
def test_calls_answer_as_recorded(file: str) -> None:
    """A function has the recorded value, or refuses where Datomic threw an exception."""
    differences = [
        f"{where}: {difference}"
        for where, call, inputs, step in recorded.calls(recorded.EXPECTED / f"{file}.edn")
        if sym("$") not in call and (difference := recorded.difference(call, inputs, step))
    ]
    assert not differences


def test_at_least_150_functions_are_recorded() -> None:
    """No fewer than 150 different functions of the table are called in the recordings."""
    called = set()
    for file in FILES:
        for _, call, _, _ in recorded.calls(recorded.EXPECTED / f"{file}.edn"):
            called |= {part[0].text for part in _parts(call) if part and part[0] is sym(str(part[0]))}
    assert len({name for name in called if lookup(sym(name)) is not None}) >= 150


def _parts(call: EdnList) -> list[EdnList]:
    return [call] + [inner for part in call if isinstance(part, EdnList) for inner in _parts(part)]


def test_core_names_may_be_qualified() -> None:
    """``clojure.core/f`` is ``f``, and division keeps its name."""
    assert lookup(sym("clojure.core/inc")) is lookup(sym("inc"))
    assert lookup(sym("clojure.core//")) is lookup(sym("/"))
    assert lookup(sym("clojure.core/Math/abs")) is None


def test_every_name_is_readable_as_a_symbol() -> None:
    """What the table offers can be written in a query."""
    assert all(edn.read(name) is sym(name) for name in names())
