"""Judges a history: were all acknowledged transactions there, once, in one order that agrees with real time?

The log's t is the witness of the order, so no search for one is needed: it must agree with what every client was told
and saw, and with when. Each rule below is one of the invariants of the design; ``check`` gives every violation.

What is allowed: an outcome that was unknown may be either, but once. A read may be older than what other sessions have
been told (another peer server may lag), never older than what its own session has seen.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate

import attrs

from .history import APPEND, BANK, LISTS, LOG, REPEAT, SETUP, TRANSFER, WRITES, Change, History, Operation

__all__ = ("RULES", "Violation", "check")

_SHOWN = 20
_LONGEST = 600


@attrs.frozen
class Violation:
    """A broken rule: its name, and what breaks it."""

    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


def check(history: History, each: int = _SHOWN) -> list[Violation]:
    """Every violation, at most ``each`` of a rule; empty where all is well."""
    case = _Case(history)
    found = []
    for name, rule in RULES.items():
        for n, message in enumerate(rule(case)):
            if n == each:
                break
            found.append(Violation(name, message[:_LONGEST]))
    return found


class _Case:
    """A history with what several rules look up."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.operations = history.operations
        self.log: Sequence[Change] = max(history.logs.values(), key=len, default=())
        self.by_id: dict[str, list[Change]] = defaultdict(list)
        for change in self.log:
            self.by_id[change.id].append(change)
        self.writes = [op for op in self.operations if op.kind in WRITES]
        ended = sorted((op.end, op.t) for op in self.operations if op.outcome == "ok" and op.t is not None)
        self._ends = [end for end, _ in ended]
        self._highest = list(accumulate((t for _, t in ended), max))
        self._lists: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        self._balances: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for change in sorted(self.log, key=lambda c: c.t):
            for key, element in change.appends:
                _note(self._lists[key], change.t, element)
            for account, _, new in change.balances:
                _note(self._balances[account], change.t, new)

    def seen_before(self, moment: float) -> int:
        """The highest t that any session had been told of by then; 0 where none."""
        before = bisect.bisect_left(self._ends, moment)
        return self._highest[before - 1] if before else 0

    def elements(self, key: int, t: int) -> list[int]:
        """A list as of t, by the log."""
        ts, elements = self._lists.get(key, ([], []))
        return elements[:bisect.bisect_right(ts, t)]

    def bank(self, t: int) -> dict[int, int]:
        """All balances as of t, by the log."""
        found = {}
        for account, (ts, balances) in self._balances.items():
            n = bisect.bisect_right(ts, t)
            if n:
                found[account] = balances[n - 1]
        return found


def _note(series: tuple[list[int], list[int]], t: int, value: int) -> None:
    series[0].append(t)
    series[1].append(value)


def _told(op: Operation) -> str:
    return f"session {op.session} {op.kind} {op.id or ''} at {op.start:.3f}-{op.end:.3f} on {op.server} (t {op.t})"


# -- the log


def _logs_agree(case: _Case) -> Iterator[str]:
    for server, log in case.history.logs.items():
        for n, (mine, theirs) in enumerate(zip(log, case.log)):
            if mine != theirs:
                yield f"transaction {n} is {mine} on {server}, {theirs} on another"
                break
        if len(log) < len(case.log):
            yield f"{server} has {len(log)} transactions, another {len(case.log)}"


def _log_order(case: _Case) -> Iterator[str]:
    for before, after in zip(case.log, case.log[1:]):
        if after.t <= before.t:
            yield f"t {after.t} follows t {before.t}"
        if after.instant < before.instant:
            yield f"the instant of t {after.t} is {before.instant - after.instant} ms before that of t {before.t}"


def _once(case: _Case) -> Iterator[str]:
    for name, changes in case.by_id.items():
        if len(changes) > 1:
            yield f"{name} is there at t {[c.t for c in changes]}"


def _known(case: _Case) -> Iterator[str]:
    asked = {op.id: op for op in case.writes}
    for change in case.log:
        op = asked.get(change.id)
        if op is None:
            yield f"nobody asked for {change}"
        elif not _same(op, change):
            yield f"{_told(op)} asked for {op.given}, the log has {change}"


def _same(op: Operation, change: Change) -> bool:
    given = sorted(tuple(x) for x in op.given)
    if op.kind == APPEND:
        return given == sorted(change.appends) and not change.balances
    if op.kind == SETUP:
        return not change.appends and given == sorted((account, new) for account, _, new in change.balances)
    return not change.appends and given == sorted((account, old or 0, new) for account, old, new in change.balances)


# -- the answers


def _acknowledged(case: _Case) -> Iterator[str]:
    for op in case.writes:
        if op.outcome == "ok":
            ts = [change.t for change in case.by_id.get(op.id or "", ())]
            if op.t not in ts:
                yield f"{_told(op)} was acknowledged, " + (f"the log has it at {ts}" if ts else "and is lost")


def _refused(case: _Case) -> Iterator[str]:
    """Of several attempts an earlier one may still arrive after the last was refused; but what had been seen before the
    last began must be what the last is answered."""
    for op in case.writes:
        if op.outcome == "fail" and op.id in case.by_id:
            t = case.by_id[op.id][0].t
            if op.last <= op.start or t <= case.seen_before(op.last):
                yield f"{_told(op)} was refused ({op.error}), yet is in the log at t {t}"


def _repeats(case: _Case) -> Iterator[str]:
    for op in case.operations:
        if op.kind == REPEAT and op.outcome != "unknown" and op.t != op.given:
            yield f"{_told(op)} repeats what t {op.given} answered: {op.error or ''}"


# -- the order


def _real_time(case: _Case) -> Iterator[str]:
    """What begins after something ended comes after it: no write gets a t that anybody had already seen."""
    for op in case.writes:
        ts: list[int | None] = [op.t] if op.outcome == "ok" else [change.t for change in case.by_id.get(op.id or "", ())]
        before = case.seen_before(op.start)
        for t in ts:
            if t is not None and t <= before:
                yield f"{_told(op)} got t {t}, but t {before} was seen before it began"


def _sessions(case: _Case) -> Iterator[str]:
    seen: dict[int, int] = {}
    for op in sorted(case.operations, key=lambda op: op.start):
        if op.outcome != "ok" or op.t is None or op.kind == REPEAT:
            continue
        if op.t < seen.get(op.session, 0) or (op.kind in WRITES and op.t == seen.get(op.session)):
            yield f"{_told(op)}, but the session was at t {seen[op.session]}"
        seen[op.session] = max(op.t, seen.get(op.session, 0))


# -- what was read


def _reads(case: _Case) -> Iterator[str]:
    """Each read is the state that the log has at its t, whichever server gave it."""
    for op in case.operations:
        if op.outcome != "ok" or op.t is None:
            continue
        if op.kind == LISTS:
            for key, elements in op.found:
                right = case.elements(key, op.t)
                if list(elements) != right:
                    yield f"{_told(op)} found {elements} under {key}; the log has {right} at that t"
        elif op.kind == BANK:
            found = dict(op.found)
            if found != case.bank(op.t):
                yield f"{_told(op)} found {found}; the log has {case.bank(op.t)} at that t"


def _prefixes(case: _Case) -> Iterator[str]:
    """Two reads of a list: one is a prefix of the other. Holds whatever t the server claimed."""
    longest: dict[int, list[int]] = {}
    reads = [(key, list(elements), op) for op in case.operations if op.kind == LISTS and op.outcome == "ok"
             for key, elements in op.found]
    for key, elements, _ in reads:
        if len(elements) > len(longest.get(key, [])):
            longest[key] = elements
    for key, elements, op in reads:
        if elements != longest.get(key, [])[:len(elements)]:
            yield f"{_told(op)} found {elements} under {key}, another read {longest[key]}"
        elif len(set(elements)) != len(elements):
            yield f"{_told(op)} found an element twice under {key}: {elements}"


def _log_reads(case: _Case) -> Iterator[str]:
    ts = [change.t for change in case.log]
    for op in case.operations:
        if op.kind == LOG and op.outcome == "ok":
            start, end = op.given
            right = [[c.t, c.digest] for c in case.log[bisect.bisect_left(ts, start):bisect.bisect_left(ts, end)]]
            if [list(x) for x in op.found] != right:
                yield f"{_told(op)} read the log of t {start} to {end} as {op.found}; at the end it is {right}"


# -- the bank


def _cas(case: _Case) -> Iterator[str]:
    balances: dict[int, int] = {}
    transfers = {op.id: op for op in case.writes if op.kind == TRANSFER}
    for change in case.log:
        op = transfers.get(change.id)
        for account, old, _ in op.given if op else ():
            if balances.get(account) != old:
                yield f"{change} replaced {old} of account {account}, which had {balances.get(account)}"
        for account, _, new in change.balances:
            balances[account] = new


def _constant(case: _Case) -> Iterator[str]:
    balances: dict[int, int] = {}
    for change in case.log:
        for account, _, new in change.balances:
            balances[account] = new
        if change.balances and sum(balances.values()) != case.history.total:
            yield f"at t {change.t} the balances sum to {sum(balances.values())}, not {case.history.total}"
    for op in case.operations:
        if op.kind == BANK and op.outcome == "ok":
            total = sum(balance for _, balance in op.found)
            if total != case.history.total:
                yield f"{_told(op)} read balances that sum to {total}, not {case.history.total}"


RULES: Mapping[str, Callable[[_Case], Iterator[str]]] = {
    "logs-agree": _logs_agree, "log-order": _log_order, "once": _once, "known": _known, "acknowledged": _acknowledged,
    "refused": _refused, "repeats": _repeats, "real-time": _real_time, "sessions": _sessions, "reads": _reads,
    "prefixes": _prefixes, "log-reads": _log_reads, "cas": _cas, "constant": _constant,
}
