"""Transactions: from a database value and transaction data to datoms and the next value.

:func:`transact` is pure: no clock, no I/O, and a transaction that fails leaves no trace. ``with`` is the
same function on ``db.fork()``.
"""

from __future__ import annotations

from .result import TxResult
from .transaction import transact

__all__ = ("TxResult", "transact")
