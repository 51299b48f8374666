"""The loop around ``Workflow.process``: one consult at a time, oldest first, woken by new work."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from uuid import UUID

from transcribe.errors import StoreUnavailable
from transcribe.workflow import Workflow

log = logging.getLogger(__name__)

MOST_TRIES = 30  # rounds of two seconds


class Worker:
    """A thread that takes consults to their draft. What it was doing when it died is done again by the next one."""

    def __init__(
        self,
        workflow: Workflow,
        wake: threading.Event,
        *,
        poll_s: float = 2.0,
        revive: Callable[[], None] = lambda: None,
    ) -> None:
        """``revive``: what brings an unreachable database back, if it is ours to bring back."""
        self._workflow = workflow
        self._wake = wake
        self._poll_s = poll_s
        self._revive = revive
        self._tries: Counter[UUID] = Counter()  # rounds in which the database was away for this consult
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)

    def start(self) -> None:
        self._workflow.sweep()
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask to stop after the piece at hand; a worker that does not is left to end with the process."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def run_once(self) -> int:
        """Every waiting consult once. Returns how many were taken."""
        taken = 0
        away: StoreUnavailable | None = None
        for consult_id in self._workflow.waiting():
            if self._stop.is_set():
                break
            try:
                taken += self._take(consult_id)
                self._tries.pop(consult_id, None)
            except StoreUnavailable as error:
                away = error  # the others may still go
                self._tries[consult_id] += 1
                if self._tries[consult_id] >= MOST_TRIES:
                    # the database answers to others and not for this one: a person must look
                    del self._tries[consult_id]
                    self._workflow.failed(consult_id)
        if away is not None:
            raise away
        return taken

    def _bring_back(self) -> None:
        try:
            self._revive()
        except Exception as error:  # noqa: BLE001  (whatever it is, the next round tries again)
            log.error("worker: the database does not start again (%s)", type(error).__name__)

    def _take(self, consult_id: UUID) -> bool:
        try:
            return self._workflow.process(consult_id, stop=self._stop.is_set)
        except StoreUnavailable:
            raise  # says nothing of the consult; it is taken again when the database is back
        except Exception as error:  # noqa: BLE001  (one consult must not stop the others; it is marked, not hidden)
            # the type only: a message could carry words of the consult
            log.error("consult %s: %s", consult_id, type(error).__name__)
            self._workflow.failed(consult_id)
            return True

    def _loop(self) -> None:
        trouble = ""  # said once, not every two seconds
        while not self._stop.is_set():
            try:
                self.run_once()
                trouble = ""
            except Exception as error:  # noqa: BLE001  (the database may be away; the loop outlives it)
                if type(error).__name__ != trouble:
                    trouble = type(error).__name__
                    log.error("worker: %s", trouble)
                self._bring_back()
            self._wake.wait(self._poll_s)
            self._wake.clear()
