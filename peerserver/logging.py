"""How log events leave the process: a text line for people, or a JSON object a line for machines.

Events are made with ``twisted.logger`` everywhere; nobody prints. What may not be logged (secrets, bodies) is the
duty of whoever logs. Where the lines go is decided by the launcher.
"""

from __future__ import annotations

import json
from typing import Any, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    formatTime,
    globalLogBeginner,
)
from zope.interface import implementer

__all__ = ("FORMATS", "JSONObserver", "TextObserver", "begin")

_TIME = "%Y-%m-%dT%H:%M:%S%z"
#: keys that every JSON line has under a name of ours, or that are of no use to its reader.
_OWN = frozenset({"message", "time", "level", "room", "failure", "isError", "format", "system"})


def _message(event: LogEvent) -> str:
    return eventAsText(event, includeTraceback=False, includeTimestamp=False, includeSystem=False)


@implementer(ILogObserver)
class TextObserver:
    """``2026-11-23T05:40:12+0000 [info] Serving …``; a traceback follows on lines of its own."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info).name
        text = eventAsText(event, includeTraceback=True, includeTimestamp=False, includeSystem=False)
        if text:
            self._out.write(f"{formatTime(event.get('log_time'), _TIME)} [{level}] {text}\n")
            self._out.flush()


@implementer(ILogObserver)
class JSONObserver:
    """One JSON object a line: ``time`` (seconds), ``level``, ``room`` (the logger), ``message``, ``failure`` and the
    event's own fields as far as they are plain values."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: LogEvent) -> None:
        line: dict[str, Any] = {
            "time": round(event.get("log_time", 0.0), 6),
            "level": event.get("log_level", LogLevel.info).name,
            "room": event.get("log_namespace", "-"),
            "message": _message(event),
        }
        line |= {key: value for key, value in event.items()
                 if not key.startswith("log_") and key not in _OWN and isinstance(value, str | int | float | bool)}
        failure = event.get("log_failure")
        if failure is not None:
            line["failure"] = failure.getTraceback()
        self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()


FORMATS = {"text": TextObserver, "json": JSONObserver}


def begin(style: str, level: str, out: TextIO) -> None:
    """Starts logging to ``out`` in one of ``FORMATS``, from ``level`` (``debug`` … ``critical``) upwards."""
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))
    observer = FORMATS[style](out)
    globalLogBeginner.beginLoggingTo([FilteringLogObserver(observer, [predicate])], redirectStandardIO=False)
