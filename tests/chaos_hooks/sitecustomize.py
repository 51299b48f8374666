"""In every Python process of a service under chaos (PYTHONPATH): log lines name their process, and SIGUSR1 (for long)
or SIGUSR2 (for a moment) holds the interpreter as a C library does that never lets go of it."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
from typing import Any

LONG_S, SHORT_S = 8, 2

_make = logging.getLogRecordFactory()


def _with_process(*args: Any, **given: Any) -> logging.LogRecord:
    record = _make(*args, **given)
    if record.name is not None:  # None: ``logging.makeLogRecord({})``, by which others learn what is standard
        record.pid = os.getpid()
    return record


def _hold(number: int, _: object) -> None:
    seconds = LONG_S if number == signal.SIGUSR1 else SHORT_S
    _say("interpreter held")
    ctypes.PyDLL(None).sleep(seconds)  # unlike CDLL, this keeps the interpreter to itself
    _say("interpreter free")


def _say(what: str) -> None:
    os.write(2, json.dumps({"event": what, "pid": os.getpid()}).encode() + b"\n")


logging.setLogRecordFactory(_with_process)
signal.signal(signal.SIGUSR1, _hold)
signal.signal(signal.SIGUSR2, _hold)
