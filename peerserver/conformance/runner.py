"""Runs cases and says what passed: by topic, with the first difference of each failure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import attrs

from peerserver.model.anomaly import Anomaly

from .cases import Case, Step
from .compare import error_matches, matches, shown
from .steps import Session

__all__ = ("Outcome", "read_differences", "run_all", "run_case")

_SHOWN = 700


@attrs.frozen
class Outcome:
    """How a case ended: ``difference`` is None where it passed."""

    case: Case
    difference: str | None


async def run_case(case: Case, begin: Callable[[], Awaitable[Session]]) -> Outcome:
    """Runs a case on a database of its own; stops at the first step that differs."""
    session = await begin()
    for step in case.fixture:
        await session.run(step)
        _next_millisecond()
    for n, step in enumerate(case.steps, 1):
        difference = await _step(session, step)
        if difference is not None:
            return Outcome(case, f"step {n}, {shown(step['op'])}: {difference}")
        if step["op"].name in ("transact", "with"):
            _next_millisecond()
    return Outcome(case, None)


def _next_millisecond() -> None:
    # Cases name instants by their transactions, which therefore must not share one.
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now:
        time.sleep(0.0002)


async def _step(session: Session, step: Step) -> str | None:
    try:
        actual = await session.run(step)
    except Anomaly as anomaly:
        if "error" not in step:
            return f"expected {_cut(step.get('result'))}, was refused: {anomaly!r}"
        return None if error_matches(step["error"], anomaly) else f"expected {_cut(step['error'])}, got {anomaly!r}"
    if "error" in step:
        return f"expected {_cut(step['error'])}, got {_cut(actual)}"
    if matches(step.get("result"), actual):
        return None
    return f"expected {_cut(step.get('result'))}, got {_cut(actual)}"


def _cut(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


async def run_all(cases: Iterable[Case], begin: Callable[[], Awaitable[Session]], known: Mapping[str, str],
                  say: Callable[[str], None]) -> bool:
    """Runs cases and reports; ``known`` are ids of documented differences. True when nothing else failed."""
    passed: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    excused: Counter[str] = Counter()
    for case in cases:
        try:
            outcome = await run_case(case, begin)
        except Exception as problem:
            outcome = Outcome(case, f"the runner failed: {type(problem).__name__}: {problem}")
        if outcome.difference is None:
            passed[case.topic] += 1
        elif case.id in known:
            excused[case.topic] += 1
        else:
            failed[case.topic] += 1
            say(f"FAIL {case.id}: {outcome.difference}")
    for topic in sorted(passed | failed | excused):
        also = f", {excused[topic]} documented differences" if excused[topic] else ""
        say(f"{topic}: {passed[topic]} passed, {failed[topic]} failed{also}")
    total = passed.total() + failed.total() + excused.total()
    say(f"{total} cases: {passed.total()} passed, {failed.total()} failed, {excused.total()} documented differences")
    if total >= 500 and excused.total() * 100 > total:
        say("More than one case in a hundred is a documented difference: that is too many")
        return False
    return total > 0 and failed.total() == 0


def read_differences(text: str) -> dict[str, str]:
    """Case ids and reasons from the table rows ``| `topic/case` | reason |`` of a Markdown text."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) >= 2 and cells[0].startswith("`") and "/" in cells[0]:
            found[cells[0].strip("`")] = cells[1]
    return found
