"""The checkers find nothing wrong with sound systems, and each way of being broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from .checkers import RULES, check
from .gaps import longest_gap
from .history import History
from .simulated import SABOTAGE, simulate

SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sound_history_passes(seed: int) -> None:
    """A system that does what it says breaks no rule, with unknown outcomes either way."""
    history, _ = simulate(seed)
    assert check(history) == []


@pytest.mark.parametrize("broken", SABOTAGE)
def test_sabotage_is_caught(broken: str) -> None:
    """Every seed in which the system did the wrong thing at least once is caught, by a rule meant for it."""
    harmed = 0
    for seed in SEEDS:
        history, harm = simulate(seed, broken)
        if harm:
            harmed += 1
            caught = {violation.rule for violation in check(history)}
            assert caught & SABOTAGE[broken], f"seed {seed}: {harm} times {broken!r} was not caught, only {caught}"
    assert harmed >= len(SEEDS) // 2


def test_every_rule_catches_something() -> None:
    """No rule is there for show: each is the one that must notice some sabotage."""
    assert set().union(*SABOTAGE.values()) == set(RULES)


def test_a_history_survives_its_file(tmp_path: Path) -> None:
    """What a failure leaves behind can be judged again."""
    history, _ = simulate(3, "duplicate")
    history.write(tmp_path / "history.jsonl")
    again = History.read(tmp_path / "history.jsonl")
    assert check(again) == check(history) != []


def test_the_longest_gap_counts_the_edges() -> None:
    """A gap that has not ended when the window does is one too."""
    assert longest_gap([0.5, 1.0, 1.5, 4.0], 1.0, 2.0) == 0.5
    assert longest_gap([1.0, 1.1], 1.0, 3.1) == 2.0
    assert longest_gap([], 1.0, 3.0) == 2.0
