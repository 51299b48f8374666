"""Disks that may never answer: a share whose server is gone keeps whoever touches it waiting for good."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")


class Answers:
    """Touches each folder in a thread, one at a time, and does not wait for ever. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Path, Future[Any]] = {}
        self._silent: set[Path] = set()  # somebody waited in vain for what is under way there

    def of(self, folder: Path, act: Callable[[], Found], *, limit_s: float) -> Found:
        """What ``act`` returns or raises. Raises ``TimeoutError`` when it takes longer; it then goes on by itself, and
        as long as it does nothing else is tried there.
        """
        deadline = time.monotonic() + limit_s
        ours: Future[Found] = Future()
        while (before := self._begin(folder, ours)) is not ours:
            self._wait(folder, before, deadline)
        # a daemon: one that never ends must not keep the process alive
        threading.Thread(target=_run, args=(ours, act), name="answers", daemon=True).start()
        self._wait(folder, ours, deadline)
        return ours.result()

    def _begin(self, folder: Path, ours: Future[Any]) -> Future[Any]:
        """What is under way there: ours, or that of somebody who was before us."""
        with self._lock:
            before = self._under_way.get(folder)
            if before is None or before.done():
                self._under_way[folder] = before = ours
                self._silent.discard(folder)
            elif folder in self._silent:
                raise _no_answer(folder)
        return before

    def _wait(self, folder: Path, awaited: Future[Any], deadline: float) -> None:
        try:
            awaited.exception(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            with self._lock:
                if awaited.done():
                    return
                self._silent.add(folder)
            raise _no_answer(folder) from None


def _run(future: Future[Found], act: Callable[[], Found]) -> None:
    try:
        future.set_result(act())
    except BaseException as error:  # noqa: BLE001  (for whoever asked)
        future.set_exception(error)


def _no_answer(folder: Path) -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), str(folder))
