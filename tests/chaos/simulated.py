"""Histories without processes: sessions on a database that can be broken in a named way, one seed each.

Each operation takes effect at one moment between its start and its end, in the order of those moments.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence

import attrs

from .history import APPEND, BANK, LISTS, LOG, REPEAT, SETUP, TRANSFER, Change, History, Operation

__all__ = ("SABOTAGE", "simulate")

#: ways in which the system may be broken → the rules that must notice (any of them)
SABOTAGE = {
    "lost acknowledgement": {"acknowledged"},
    "lost from one server's log": {"logs-agree"},
    "duplicate": {"once"},
    "duplicate by retry": {"once"},
    "stale read": {"reads", "sessions"},
    "session goes back": {"sessions"},
    "read of a half transaction": {"reads"},
    "dirty read": {"reads", "prefixes"},
    "ignored cas": {"cas"},
    "lost update": {"constant", "cas"},
    "reordered": {"real-time"},
    "order of elements": {"prefixes"},
    "refused yet done": {"refused"},
    "changed content": {"known"},
    "log with a hole": {"log-reads"},
    "log changed later": {"log-reads"},
    "time goes back": {"log-order"},
    "nobody asked": {"known"},
    "repetition done again": {"repeats"},
}

_ACCOUNTS, _EACH = 6, 100


class _System:
    """The database, with the one way in which it is broken, if any."""

    def __init__(self, rng: random.Random, broken: str | None) -> None:
        self.rng, self.broken = rng, broken
        self.log: list[Change] = []
        self.t = 1000
        self.balances = dict.fromkeys(range(_ACCOUNTS), 0)
        self.harm = 0  # how often it was broken

    def hit(self, name: str, chance: float = 0.1) -> bool:
        if self.broken == name and len(self.log) > 5 and self.rng.random() < chance:
            self.harm += 1
            return True
        return False

    def commit(self, name: str, appends: Sequence[tuple[int, int]], balances: Sequence[tuple[int, int, int]]) -> int:
        self.t += self.rng.randint(2, 4)
        old = self.log[-1].instant if self.log else 0
        instant = old - 5 if self.hit("time goes back") else old + self.rng.randint(0, 3)
        if appends and self.hit("changed content"):
            appends = [(key, element + 500_000) for key, element in appends]
        change = Change(self.t, name, instant, tuple(appends), tuple(balances), f"{name}-{self.t}")
        if appends and self.hit("reordered"):
            # Put before transactions that others have been told of, where a t is free.
            place = self.rng.randint(max(1, len(self.log) - 40), max(1, len(self.log) - 15))
            change = attrs.evolve(change, t=self.log[place].t - 1, instant=self.log[place].instant)
            self.log.insert(place, change)
        else:
            self.log.append(change)
        for account, _, new in balances:
            self.balances[account] = new
        if self.hit("nobody asked", 0.02):
            self.commit("nobody", [(1, self.rng.randint(10**6, 10**7))], ())
        return change.t


def simulate(seed: int, broken: str | None = None, length: int = 400, sessions: int = 8) -> tuple[History, int]:
    """A history, and how often the system did what ``broken`` names. Sound where it is None."""
    rng = random.Random(seed)
    system = _System(rng, broken)
    operations: list[Operation] = []
    seen = dict.fromkeys(range(sessions), 0)
    t = system.commit("setup", (), [(account, None, _EACH) for account in range(_ACCOUNTS)])  # type: ignore[misc]
    operations.append(Operation(0, SETUP, 0.0, 0.1, "ok", "x", t, "setup",
                                [[account, _EACH] for account in range(_ACCOUNTS)]))
    seen[0] = t
    # (moment of effect, session, start, end)
    due = [_moments(rng, session, 0.2) for session in range(sessions)]
    heapq.heapify(due)
    for n in range(length):
        _, session, start, end = heapq.heappop(due)
        operations.append(_operate(system, n, session, start, end, seen))
        heapq.heappush(due, _moments(rng, session, end))
    logs = {"x": list(system.log), "y": list(system.log)}
    _break_logs(system, operations, logs)
    return History(operations, logs, _ACCOUNTS * _EACH), system.harm


def _moments(rng: random.Random, session: int, after: float) -> tuple[float, int, float, float]:
    start = after + rng.random() * 0.05 + 0.001
    end = start + rng.random() * 0.1 + 0.002
    return start + (end - start) * (0.1 + 0.8 * rng.random()), session, start, end


def _operate(system: _System, n: int, session: int, start: float, end: float, seen: dict[int, int]) -> Operation:
    rng = system.rng
    kind = rng.choice((APPEND, APPEND, TRANSFER, TRANSFER, LISTS, BANK, LOG, REPEAT))
    name, server = f"tx-{n}", rng.choice("xy")
    if kind == REPEAT:
        change = rng.choice(system.log[1:] or system.log)
        t = system.t + 1 if system.hit("repetition done again") else change.t
        return Operation(session, REPEAT, start, end, "ok", server, t, change.id, change.t)
    if kind in (APPEND, TRANSFER):
        return _write(system, kind, n, name, session, start, end, seen)
    low = seen[session] or 1000
    t = rng.choice([change.t for change in system.log if change.t >= low] or [low])
    told = t
    if kind == LISTS and system.hit("session goes back") and seen[session] > system.log[1].t:
        t = told = system.log[0].t
    elif kind != LOG and system.hit("stale read") and t > system.log[2].t:
        t = system.log[0].t
    seen[session] = max(seen[session], told)
    log = [change for change in system.log if change.t <= t]
    if kind == LOG:
        since = rng.choice(log).t
        found = [[change.t, change.digest] for change in log if change.t >= since]
        if len(found) > 2 and system.hit("log with a hole"):
            del found[1]
        return Operation(session, LOG, start, end, "ok", server, told, None, [since, told + 1], found)
    if kind == BANK:
        balances: dict[int, int] = {}
        for change in log:
            half = change.balances[:1] if change is log[-1] and len(change.balances) == 2 else change.balances
            took = half if half is not change.balances and system.hit("read of a half transaction", 0.9) else change.balances
            balances.update((account, new) for account, _, new in took)
        return Operation(session, BANK, start, end, "ok", server, told, None, None, [list(x) for x in balances.items()])
    lists: dict[int, list[int]] = {key: [] for key in range(3)}
    for change in log:
        for key, element in change.appends:
            lists[key % 3].append(element)
    if system.hit("dirty read"):
        lists[0].append(999_999 + n)
    if len(lists[1]) > 2 and system.hit("order of elements"):
        lists[1].reverse()
    return Operation(session, LISTS, start, end, "ok", server, told, None, list(lists), [list(x) for x in lists.items()])


def _write(system: _System, kind: str, n: int, name: str, session: int, start: float, end: float,
           seen: dict[int, int]) -> Operation:
    rng = system.rng
    outcome = rng.choices(("ok", "unknown", "fail"), (8, 1, 1))[0]
    appends: list[tuple[int, int]] = []
    balances: list[tuple[int, int, int]] = []
    if kind == APPEND:
        appends = [(rng.randrange(3), n)]
    else:
        one, other = rng.sample(range(_ACCOUNTS), 2)
        amount = rng.randint(1, 10)
        old, theirs = system.balances[one], system.balances[other]
        if system.hit("lost update"):
            theirs += 3
        balances = [(one, old, old - amount), (other, theirs, theirs + amount)]
        if system.hit("ignored cas"):
            balances[0] = (one, old + 7, old - amount)
    given = [list(x) for x in appends or balances]
    t: int | None = None
    if outcome == "ok" or (outcome == "unknown" and rng.random() < 0.5) or (
            outcome == "fail" and system.hit("refused yet done", 0.5)):
        if outcome == "ok" and system.hit("lost acknowledgement"):
            t = system.t = system.t + 1
        else:
            t = system.commit(name, appends, balances)
            if system.hit("duplicate") or (outcome == "unknown" and system.hit("duplicate by retry", 0.9)):
                system.commit(name, appends, balances)
    if outcome != "ok" or t is None:
        return Operation(session, kind, start, end, outcome, "x", None, name, given)
    seen[session] = max(seen[session], t)
    return Operation(session, kind, start, end, outcome, "x", t, name, given)


def _break_logs(system: _System, operations: list[Operation], logs: dict[str, list[Change]]) -> None:
    if system.broken == "lost from one server's log":
        del logs["y"][system.rng.randrange(len(logs["y"]))]
        system.harm += 1
    if system.broken == "log changed later":
        read = [op for op in operations if op.kind == LOG and len(op.found) > 1]
        t = system.rng.choice(read).found[0][0]
        for log in logs.values():
            n = next(n for n, change in enumerate(log) if change.t == t)
            log[n] = attrs.evolve(log[n], digest="other")
        system.harm += 1
