"""Log lines without content, for people (text) or for a log collector (JSON lines), on standard error.

What a person said must not reach a log, and the surest way in is the message of an exception: it quotes what it could
not handle. So no formatter here ever prints one. An exception shows as its type and the places it came through. Other
people's loggers get less trust than ours: of their lines only the fixed text is printed, never what was filled in.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Literal
from uuid import UUID

from transcribe.origin import origin

OURS = ("transcribe", "consent", "models")
_MOST_PLACES = 6
#: What a string may look like to count as an id or a code.
_CODE = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

log = logging.getLogger("transcribe")


def configure(form: Literal["text", "json"] = "text", level: Literal["info", "warning"] = "info") -> None:
    """For the whole process, faults that nobody caught included: they end in a line here, not in a traceback."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else Text())
    handler.addFilter(wanted)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.raiseExceptions = False  # a line that can't be made would be printed with all that should go into it
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def wanted(record: logging.LogRecord) -> bool:
    """Of libraries only what is wrong."""
    return record.levelno >= logging.WARNING or _ours(record)


class JsonLines(logging.Formatter):
    """One object a line: ts (UTC), level, logger, event; ids, numbers and codes under their own names."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"ts": at, "level": record.levelname.lower(), "logger": record.name, "event": event(record)}
        return json.dumps({**line, **_request(), **_extra(record), **_fault(record), **line}, ensure_ascii=False)


class Text(logging.Formatter):
    """The same for people, in local time."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(sep=" ", timespec="seconds")
        more = {**_request(), **_extra(record), **_fault(record)}
        rest = "".join(f" {name}={value}" for name, value in more.items())
        return f"{at} {record.levelname} {record.name} {event(record)}{rest}"


def event(record: logging.LogRecord) -> str:
    """The line itself; of a library's the fixed text alone, and of that the first line."""
    if _ours(record):
        return record.getMessage()
    return str(record.msg).partition("\n")[0]


def first(error: BaseException) -> BaseException:
    """What really happened: tasks that run together fail as a group, which says nothing."""
    return first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def place(error: BaseException) -> str:
    """File and line where it was raised: all that may be told of an unexpected exception."""
    found = places(error)
    return found[-1] if found else "unknown"


def places(error: BaseException) -> list[str]:
    """The way it came, outermost first; the last few."""
    frames = traceback.extract_tb(first(error).__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames][-_MOST_PLACES:]


def _ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in OURS


def _extra(record: logging.LogRecord) -> dict[str, object]:
    """What was given with ``extra``, as far as it is an id, a number or a code."""
    found: dict[str, object] = {}
    for name, given in vars(record).items():
        if name in _STANDARD or not _ours(record):
            continue
        value = given.value if isinstance(given, Enum) else str(given) if isinstance(given, UUID) else given
        is_code = isinstance(value, str) and _CODE.fullmatch(value) is not None
        if is_code or value is None or isinstance(value, bool | int | float):
            found[name] = value
    return found


def _request() -> dict[str, object]:
    """Number of the web request it was in, as in the access log. A formatter runs where the line is made."""
    found = origin().request
    return {"request": found} if found else {}


def _fault(record: logging.LogRecord) -> dict[str, object]:
    error = record.exc_info[1] if record.exc_info else None
    return {} if error is None else {"error": type(first(error)).__name__, "at": " ".join(places(error))}


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        log.critical("a fault that nobody caught", exc_info=(kind, error, trace))


def _uncaught_in_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None:
        _uncaught(given.exc_type, given.exc_value, given.exc_traceback)


def _unraisable(given: sys.UnraisableHookArgs) -> None:
    if given.exc_value is not None:
        _uncaught(given.exc_type, given.exc_value, given.exc_traceback)
