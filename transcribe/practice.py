"""A practice: what is done for one works with these, and sees nothing of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from transcribe.enrolment import Enrolment
from transcribe.log_reading import LogReading
from transcribe.naming import Naming
from transcribe.ports import Preferences
from transcribe.recorder import Recorder
from transcribe.workflow import Workflow


@dataclass(frozen=True, kw_only=True)
class Practice:
    name: str
    workflow: Workflow
    recorder: Recorder
    log_reading: LogReading
    naming: Naming
    preferences: Preferences | None = None  # None: it can't set anything
    enrolment: Enrolment | None = None  # None: it keeps no voices


class Practices:
    """Practices by name, each made once, when it is asked for. Thread-safe.

    Once, because a ``Recorder`` knows the recordings that are being made through it.
    """

    def __init__(self, make: Callable[[str], Practice]) -> None:
        self._make = make
        self._made: dict[str, Practice] = {}
        self._lock = Lock()

    def __call__(self, name: str) -> Practice:
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]
