"""The values that EDN, transit and datoms share, as Python objects.

==============  =============================================================
EDN             Python
==============  =============================================================
nil, boolean    ``None``, ``bool``
long            ``int`` (callers check the 64-bit range)
bigint ``1N``   :class:`BigInt` (an ``int`` that remembers that it is a bigint)
double          ``float``
float           :class:`Float32` (a ``float`` rounded to 32 bits)
bigdec ``1.0M`` ``decimal.Decimal`` (the exponent is the scale, and counts)
ratio           :class:`Ratio`
string          ``str``
char            :class:`Char`
keyword         :class:`Keyword` (interned: compare with ``is``)
symbol          :class:`Symbol` (interned)
instant         :class:`Instant` (milliseconds since 1970, UTC)
uuid            ``uuid.UUID``
uri             :class:`URI` (compared as text)
bytes           ``bytes``
vector          ``tuple``
list            :class:`EdnList` (a ``tuple``; equal to a vector, as in Clojure)
set             ``frozenset``
map             ``dict``
other tag       :class:`Tagged`
==============  =============================================================

What is not decided here: order and equality across types (``model.order``), how values become
64-bit codes (``index.dictionary``), and text or wire forms (``codec``).
"""

from __future__ import annotations

import struct
import sys
import threading
from typing import Any, ClassVar, Final, Self, TypeVar, final

import attrs

__all__ = (
    "BigInt",
    "Char",
    "EdnList",
    "Float32",
    "Instant",
    "Keyword",
    "Ratio",
    "Symbol",
    "Tagged",
    "URI",
    "INT64_MAX",
    "INT64_MIN",
    "kw",
    "sym",
)

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


class _Named:
    """What keywords and symbols share: a namespace (or None) and a name, interned by their text."""

    __slots__ = ("name", "namespace", "text")

    namespace: str | None
    name: str
    text: str

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: object) -> Any:
        return self


def _fill(named: _Named, text: str) -> None:
    # As Clojure does: the namespace ends at the first slash, and "/" alone is a name.
    namespace, slash, name = text.partition("/")
    if not slash or text == "/":
        namespace, name = "", text
    object.__setattr__(named, "namespace", namespace or None)
    object.__setattr__(named, "name", name)
    object.__setattr__(named, "text", text)


_N = TypeVar("_N", bound=_Named)
_interning: Final = threading.Lock()
#: names of one kind that are kept before those that nobody holds are looked for.
_KEPT: Final = 100_000
_limits: Final[dict[type, int]] = {}
# A name that only the sweep holds: its variable, and the argument of getrefcount.
_ALONE: Final = 2


def _intern(cls: type[_N], interned: dict[str, _N], text: str) -> _N:
    """The name of a text that is not in the table, or wasn't a moment ago."""
    with _interning:
        found = interned.get(text)
        if found is None:
            found = object.__new__(cls)
            _fill(found, text)
            interned[text] = found
            if len(interned) > _limits.get(cls, _KEPT):
                _sweep(interned)
                _limits[cls] = max(_KEPT, 2 * len(interned))
    return found


def _sweep(interned: dict[str, _N]) -> None:
    """Drops the names that nobody holds. Each is taken out before it is looked at, so that nobody can find it
    meanwhile; who looks for it waits for the lock."""
    for text in list(interned):
        name = interned.pop(text)
        if sys.getrefcount(name) > _ALONE:
            interned[text] = name


@final
class Keyword(_Named):
    """A keyword such as ``:db/ident``; ``Keyword("db/ident")`` is always the same object.

    ``text`` is without the colon. Identity is equality, so a keyword hashes and compares as fast
    as a pointer. One that nobody holds any more leaves the intern table when that has grown enough.
    """

    __slots__ = ()
    _interned: ClassVar[dict[str, Keyword]] = {}

    def __new__(cls, text: str) -> Keyword:
        return cls._interned.get(text) or _intern(cls, cls._interned, text)

    def __repr__(self) -> str:
        return f":{self.text}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Keyword, (self.text,))


@final
class Symbol(_Named):
    """A symbol such as ``?e`` or ``clojure.string/upper-case``; interned like :class:`Keyword`."""

    __slots__ = ()
    _interned: ClassVar[dict[str, Symbol]] = {}

    def __new__(cls, text: str) -> Symbol:
        return cls._interned.get(text) or _intern(cls, cls._interned, text)

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return (Symbol, (self.text,))


kw = Keyword
sym = Symbol


class BigInt(int):
    """An arbitrary-precision integer that is not a long: ``1N``. Equal to the long of its value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}N"


class Float32(float):
    """A 32-bit float; the value is rounded to what 32 bits can hold."""

    __slots__ = ()

    def __new__(cls, value: float) -> Self:
        try:
            rounded = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            rounded = float("inf") if value > 0 else float("-inf")
        return super().__new__(cls, rounded)


class Char(str):
    """One character, which is not a string."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Char) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Char, str(self)))

    def __repr__(self) -> str:
        return f"\\{self!s}"


@final
@attrs.frozen(order=True, repr=False)
class Instant:
    """A point in time: ``ms`` is milliseconds since 1970-01-01T00:00:00Z."""

    ms: int

    def __repr__(self) -> str:
        return f"Instant({self.ms})"


@final
@attrs.frozen(order=True)
class URI:
    """A URI, compared as text."""

    text: str


@final
@attrs.frozen
class Ratio:
    """A quotient of two integers, as sent; not reduced."""

    numerator: int
    denominator: int


class EdnList(tuple[Any, ...]):
    """An EDN list ``( … )``; a vector is a plain ``tuple``. Equal when their elements are."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"EdnList({tuple.__repr__(self)})"


@final
@attrs.frozen
class Tagged:
    """A value under a tag that nobody here knows; kept so that it can be written back."""

    tag: str
    value: Any
