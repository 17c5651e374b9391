"""A run: a cluster under load, faults one after the other, what each took, and the judgement at the end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import attrs

from .checkers import Violation, check
from .cluster import DATABASE, Cluster
from .gaps import longest_gap, reads, sessions_on, writes
from .history import WRITES, History
from .load import Load, read_log

__all__ = ("Fault", "Measure", "Scene", "table")

#: seconds after a fault's end within which everything must be answered again.
RECOVERS_WITHIN = 60.0
#: seconds after which a supervisor starts transactors again, where none is left.
SUPERVISOR = 5.0


@attrs.frozen
class Measure:
    """The longest times without an acknowledged operation around one fault, in seconds."""

    row: str
    reads: float
    writes: float


@attrs.frozen
class Fault:
    """A row of the fault table. ``do`` injects it and mends what it broke. Goals in seconds; None where there is none.

    ``storages``: where it can be injected. ``datomic``: what Datomic documents for the same.
    """

    row: str
    name: str
    do: Callable[[Scene], None]
    reads: float | None
    writes: float | None
    datomic: str = "-"
    storages: Collection[str] = ("sqlite", "postgresql")


class Scene:
    """What a fault works with: the cluster, the load, chance, and the moments that are measured."""

    def __init__(self, cluster: Cluster, seed: int, say: Callable[[str], None], pace: float = 0.08) -> None:
        self.cluster, self.seed, self.say = cluster, seed, say
        self.rng = random.Random(f"{seed} faults")
        self.load = Load(cluster.servers, DATABASE, seed, pace=pace)
        self.measures: list[Measure] = []
        self.problems: list[Violation] = []
        self._until: float | None = None
        self._only: tuple[str, float] | None = None

    # -- for faults

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def only(self, server: str) -> None:
        """What is measured concerns the sessions that are on this server now."""
        self._only = server, time.monotonic()

    def measured(self) -> None:
        """What comes after this moment (mending) is not measured."""
        self._until = time.monotonic()

    def recovered(self) -> None:
        """Waits until every session has had an answer, from its own server, to what it began after now: nothing hangs."""
        began = time.monotonic()
        wanted = set(self.load.homes.items())
        while time.monotonic() < began + RECOVERS_WITHIN:
            wanted = set(self.load.homes.items()) - {
                (op.session, op.server) for op in self.load.recorder.operations()
                if op.start >= began and op.outcome != "unknown"}
            if not wanted:
                return
            if time.monotonic() > began + SUPERVISOR and not any(p.alive for p in self.cluster.transactors.values()):
                self.note("no transactor is left: both are started again")
                self.say("no transactor is left: both are started again")
                for label in self.cluster.transactors:
                    self.cluster.start_transactor(label)
            time.sleep(0.1)
        raise AssertionError(f"no answer after {RECOVERS_WITHIN:g} s for session and server {sorted(wanted)}")

    def note(self, text: str) -> None:
        self.load.recorder.note(time.monotonic(), text)

    # -- the run

    def begin(self, settle: float = 2.0) -> None:
        self.load.set_up()
        self.load.start()
        time.sleep(settle)

    def run(self, fault: Fault) -> Measure | None:
        """Injects a fault, waits for recovery, measures. A fault that does not recover is a violation of its own."""
        self._until, self._only = None, None
        self.note(f"row {fault.row}: {fault.name}")
        start = time.monotonic()
        try:
            fault.do(self)
            self.recovered()
        except AssertionError as problem:
            self.problems.append(Violation(f"row {fault.row}", str(problem)))
            self.say(f"row {fault.row}: {problem}")
            return None
        end = self._until or time.monotonic()
        self.note(f"row {fault.row} is over")
        operations = self.load.recorder.operations()
        sessions = sessions_on(operations, *self._only) if self._only else None
        measure = Measure(fault.row, longest_gap(reads(operations, sessions), start, end),
                          longest_gap(writes(operations, sessions), start, end))
        self.measures.append(measure)
        self.say(f"row {fault.row} ({fault.name}): reads {measure.reads:.2f} s, writes {measure.writes:.2f} s")
        return measure

    def judge(self, keep: Path) -> list[Violation]:
        """Stops the load, reads the logs from every server, checks. The history is in ``keep`` afterwards."""
        self.load.stop()
        logs = {label: read_log(self.cluster.servers, label, self.load, DATABASE) for label in self.cluster.servers}
        recorder = self.load.recorder
        history = History(recorder.operations(), logs, self.load.total, recorder.events())
        history.write(keep)
        found = [*self.problems, *(Violation("load", text) for text in self.load.crashes), *check(history)]
        counts = {outcome: sum(op.outcome == outcome and op.kind in WRITES for op in history.operations)
                  for outcome in ("ok", "fail", "unknown")}
        self.say(f"{len(history.operations)} operations; transactions: {counts}; {len(logs['p1'])} in the log; "
                 f"{len(found)} violations")
        return found


def table(faults: Sequence[Fault], measures: Sequence[Measure]) -> str:
    """The worst of what was measured beside the goals, as Markdown."""
    lines = ["| # | fault | reads: gap | goal | writes: gap | goal | Datomic |", "|---|---|---|---|---|---|---|"]
    for fault in faults:
        mine = [m for m in measures if m.row == fault.row]
        if mine:
            lines.append(f"| {fault.row} | {fault.name} | {max(m.reads for m in mine):.2f} s | {_goal(fault.reads)} | "
                         f"{max(m.writes for m in mine):.2f} s | {_goal(fault.writes)} | {fault.datomic} |")
    return "\n".join(lines)


def _goal(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:g} s"
