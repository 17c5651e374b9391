"""What a function is to the query engine, and the closed table that names are looked up in.

A module of this package fills :data:`TABLE` with :func:`define` and :func:`defines`; nothing that a
client sends can add to it. What is not decided here: what a call's arguments are (``query``), and
which functions an operator adds (``extensions`` in the project's root).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import DecimalException
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from ...model.anomaly import Anomaly, incorrect

__all__ = ("Column", "Function", "MAX_ITEMS", "MAX_TEXT", "TABLE", "Wrong", "define", "defines")

#: an int64, float64 or bool array, or one Python number that stands for every row.
Column: TypeAlias = "npt.NDArray[np.int64] | npt.NDArray[np.float64] | npt.NDArray[np.bool_] | int | float"
Vector: TypeAlias = "Callable[[Sequence[Column]], npt.NDArray[Any] | None]"

#: no function makes a collection with more members, nor a string with more characters.
MAX_ITEMS = 1_000_000
MAX_TEXT = 10_000_000


class Wrong(Exception):
    """A function can't do with its arguments what it is for; the message says why."""


_PLAIN_FAILURES = (
    ArithmeticError,
    AttributeError,
    DecimalException,
    IndexError,
    KeyError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


@attrs.frozen(eq=False, repr=False)
class Function:
    """A function of values.

    ``name``: as a query writes it. ``run``: takes the arguments one by one. ``least``, ``most``: how
    many arguments (``most`` None: any number). ``pure``: the same arguments give the same result, so
    that a call may be done once for equal arguments. ``needs_db``: its first argument is a database.
    ``vector``: the same on whole columns, or None; it returns None where it can't (the caller then
    goes row by row), and raises Anomaly where the scalar would for any of the rows.
    """

    name: str
    run: Callable[..., Any]
    least: int = 0
    most: int | None = None
    pure: bool = True
    needs_db: bool = False
    vector: Vector | None = None

    def __repr__(self) -> str:
        return f"<function {self.name}>"

    def check_arity(self, count: int) -> None:
        """Raises Anomaly incorrect where the function takes no such number of arguments."""
        if count < self.least or (self.most is not None and count > self.most):
            raise incorrect(f"Wrong number of args ({count}) passed to: {self.name}; it takes {self._arity()}")

    def call(self, args: Sequence[Any]) -> Any:
        """The function's value. Raises Anomaly incorrect for a wrong number or kind of arguments."""
        return self.call_each([args])[0]

    def call_each(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """The function's values for rows of arguments, all of one length; raises as :meth:`call`."""
        if rows:
            self.check_arity(len(rows[0]))
        run, found = self.run, []
        args: Sequence[Any] = ()
        try:
            for args in rows:
                found.append(run(*args))
            return found
        except Wrong as wrong:
            raise incorrect(f"{self.name}: {wrong}") from None
        except Anomaly:
            raise
        except _PLAIN_FAILURES as failure:
            kinds = ", ".join(type(arg).__name__ for arg in args)
            raise incorrect(f"{self.name} can't take ({kinds}): {failure}") from None

    def _arity(self) -> str:
        if self.most is None:
            return f"{self.least} or more"
        return str(self.least) if self.most == self.least else f"{self.least} to {self.most}"


#: every function by the text of its symbol.
TABLE: dict[str, Function] = {}

_F = TypeVar("_F", bound=Callable[..., Any])


def define(
    names: str,
    run: Callable[..., Any],
    least: int = 1,
    most: int | None = -1,
    *,
    pure: bool = True,
    needs_db: bool = False,
    vector: Vector | None = None,
) -> None:
    """Puts a function under each of the blank-separated names; ``most`` -1 means as many as ``least``."""
    for name in names.split():
        TABLE[name] = Function(name, run, least, least if most == -1 else most, pure, needs_db, vector)


def defines(names: str, least: int = 1, most: int | None = -1, **options: Any) -> Callable[[_F], _F]:
    """:func:`define` as a decorator."""

    def put(run: _F) -> _F:
        define(names, run, least, most, **options)
        return run

    return put
