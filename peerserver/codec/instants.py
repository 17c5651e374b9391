"""Instants as text, read and written as Clojure's ``#inst`` does.

Reading takes RFC 3339 cut short at any place after the year ("2020", "2020-02-03T10:11"), with a
fraction of any length (cut to milliseconds) and ``Z`` or an offset; without one, UTC. Days before
1582-10-15 are in the Julian calendar, because that is what ``java.util.Date`` shows for them.
"""

from __future__ import annotations

import re
from typing import Final

from ..model.anomaly import incorrect
from ..model.values import INT64_MAX, INT64_MIN

__all__ = ("format_instant", "parse_instant")

_DAY_MS: Final = 86_400_000
_GREGORIAN_FROM: Final = -141_427  # 1582-10-15, in days since 1970-01-01
_PATTERN: Final = re.compile(
    r"(-?[0-9]{4,9})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?)?)?)?)?"
    r"(?:Z|([-+])([0-9]{2}):([0-9]{2}))?"
)
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parse_instant(text: str) -> int:
    """Milliseconds since 1970 UTC. Raises Anomaly incorrect for text that is no date or no such day."""
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise incorrect(f"Not an instant: {text[:60]!r}; write it like 2026-01-31T10:20:30.000Z")
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    hour, minute, second = int(found[4] or 0), int(found[5] or 0), int(found[6] or 0)
    _within(text, "month", month, 1, 12)
    _within(text, "day", day, 1, _days_in(year, month))
    _within(text, "hour", hour, 0, 23)
    _within(text, "minute", minute, 0, 59)
    _within(text, "second", second, 0, 60 if minute == 59 else 59)
    ms = int((found[7] or "0")[:3].ljust(3, "0"))
    offset = 0
    if found[8]:
        _within(text, "offset hour", int(found[9]), 0, 23)
        _within(text, "offset minute", int(found[10]), 0, 59)
        offset = (int(found[9]) * 60 + int(found[10])) * (-60_000 if found[8] == "-" else 60_000)
    days = _gregorian_day(year, month, day)
    if days < _GREGORIAN_FROM:
        days = _julian_day(year, month, day)
    result = days * _DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms - offset
    if not INT64_MIN <= result <= INT64_MAX:
        raise incorrect(f"Instant out of range: {text[:60]!r}")
    return result


def format_instant(ms: int) -> str:
    """As Clojure prints a date: ``2020-02-03T10:11:12.345-00:00``."""
    days, rest = divmod(ms, _DAY_MS)
    year, month, day = _civil(days)
    seconds, millis = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    sign = "-" if year < 0 else ""
    return f"{sign}{abs(year):04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{millis:03d}-00:00"


def _within(text: str, what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise incorrect(f"Not an instant: {text[:60]!r} has {what} {value}; it must be from {low} to {high}")


def _days_in(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0 or year < 1582)
    return 29 if month == 2 and leap else _MONTH_DAYS[month - 1]


def _gregorian_day(year: int, month: int, day: int) -> int:
    # Days since 1970-01-01; years are counted from March, so that the leap day is the last of a year.
    year -= month <= 2
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719_468


def _julian_day(year: int, month: int, day: int) -> int:
    year -= month <= 2
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return year * 365 + year // 4 + day_of_year - 719_470


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day number, in the calendar that Java shows for it."""
    gregorian = days >= _GREGORIAN_FROM
    number = days + (719_468 if gregorian else 719_470)
    if gregorian:
        era, rest = divmod(number, 146_097)
        year_of_era = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
        day_of_year = rest - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
        year = year_of_era + era * 400
    else:
        era, rest = divmod(number, 1461)
        year_of_era = (rest - rest // 1460) // 365
        day_of_year = rest - 365 * year_of_era
        year = year_of_era + era * 4
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + (month <= 2), month, day
