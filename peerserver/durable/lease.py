"""The lease: which of several transactors is active. A pure state machine; ``durable.lease_driver`` runs it.

The active one changes a record twice in every heartbeat interval. A standby that sees no change for two intervals, by its
own clock, claims the record by compare-and-set; who gets it is active. Clocks are never compared. The lease alone excludes
nobody: a transactor that was paused may believe in it for a while. What excludes it is the root of each database,
which its successor has taken (``durable.log``).
"""

from __future__ import annotations

import enum
import zlib
from typing import Final, final

import attrs
import msgpack

from peerserver.codec.columns import CorruptValue

__all__ = ("Decision", "Holder", "Lease", "LeaseRecord", "decode_lease", "encode_lease")

_VERSION: Final = 1
#: a transactor is given up after so many missed heartbeats (Datomic: two)
MISSED: Final = 2


@final
@attrs.frozen
class Holder:
    """A transactor as peers must know it. ``incarnation``: unique to the run of its process. ``certificate``: SHA-256 of
    its certificate in hex; empty when the channel is not encrypted."""

    incarnation: str
    host: str
    alt_host: str
    port: int
    version: str
    certificate: str = ""


@final
@attrs.frozen
class LeaseRecord:
    """What the record says. ``interval``: seconds of a heartbeat; ``beat`` counts the changes; ``released``: the holder
    has gone in peace."""

    holder: Holder
    interval: float
    beat: int = 0
    released: bool = False


def encode_lease(record: LeaseRecord) -> bytes:
    """The bytes of the record."""
    body: bytes = msgpack.packb([list(attrs.astuple(record.holder)), record.interval, record.beat, record.released])
    return bytes([_VERSION]) + zlib.crc32(body).to_bytes(4, "little") + body


def decode_lease(data: bytes) -> LeaseRecord:
    """Reads a record; CorruptValue when it is damaged or of another version."""
    if data[:1] != bytes([_VERSION]):
        raise CorruptValue(f"the lease was written by another version; this one reads version {_VERSION}")
    if zlib.crc32(data[5:]) != int.from_bytes(data[1:5], "little"):
        raise CorruptValue("the checksum of the lease does not fit")
    try:
        holder, interval, beat, released = msgpack.unpackb(data[5:])
        return LeaseRecord(Holder(*holder), interval, beat, released)
    except (ValueError, TypeError) as error:
        raise CorruptValue("the lease cannot be read") from error


class Decision(enum.Enum):
    """What a transactor does next."""

    WAIT = "wait"
    WRITE = "write"
    STEP_DOWN = "step down"


@final
@attrs.define
class Lease:
    """One transactor's view of the lease. Times are seconds of its own monotonic clock.

    Ask :meth:`standby` with what was read, or :meth:`active` when it is time; on ``WRITE``, compare-and-set the record
    from ``revision`` to :meth:`record`, and tell :meth:`written` or :meth:`refused`."""

    holder: Holder
    interval: float
    is_active: bool = False
    revision: int = 0
    beat: int = 0
    #: when the write was sent that last renewed the lease
    renewed: float = 0.0
    _seen: int = -1
    _since: float = 0.0
    _patience: float = 0.0
    _looked: float | None = None

    def record(self, released: bool = False) -> LeaseRecord:
        """The next record."""
        return LeaseRecord(self.holder, self.interval, self.beat + 1, released)

    # -- standby

    def standby(self, now: float, revision: int, found: LeaseRecord | None) -> Decision:
        """A standby has read the record (revision 0, None: there is none)."""
        self.revision = revision
        if found is None or found.released or found.holder.incarnation == self.holder.incarnation:
            return Decision.WRITE
        self._patience = MISSED * found.interval
        if revision != self._seen:
            # It was changed after the look before this one; when, nobody tells. A look that is long ago says nothing.
            before = now if self._looked is None else max(self._looked, now - found.interval / 2)
            self._seen, self._since = revision, before
        self._looked = now
        return Decision.WRITE if now - self._since >= self._patience else Decision.WAIT

    def until_claim(self, now: float) -> float:
        """Seconds until a standby may claim the record, if it does not change."""
        return max(0.0, self._since + self._patience - now)

    # -- active

    def active(self, now: float) -> Decision:
        """Whether the active one has to renew, now: early enough for a write that takes longer than an interval."""
        return Decision.WRITE if now - self.renewed >= self.interval / 2 else Decision.WAIT

    def overdue(self, now: float) -> bool:
        """Whether a standby may have taken over for want of heartbeats."""
        return now - self.renewed >= MISSED * self.interval

    def left(self, now: float) -> float:
        """Seconds until a standby may take over for want of heartbeats; a quarter of an interval at least."""
        return max(self.interval / 4, self.renewed + MISSED * self.interval - now)

    def found(self, revision: int, found: LeaseRecord | None) -> bool:
        """After a write with no answer, or a refused one, the record was read: whether that write is what stands
        there. Then it counts as written."""
        if found is not None and found.holder.incarnation == self.holder.incarnation and found.beat == self.beat + 1:
            self.revision = revision - 1
            return True
        return False

    # -- both

    def written(self, sent: float) -> None:
        """The record is ours; ``sent``: when the write was sent."""
        self.is_active = True
        self.renewed = sent
        self.revision += 1
        self.beat += 1

    def lost(self) -> None:
        """The record is another's."""
        self.is_active = False
