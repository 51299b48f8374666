"""How the service is: numbers and names of machines, never anything of a patient. For health, metrics and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from transcribe.consult import Lane, Reason, Status


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One queue of jobs."""

    name: str
    waiting: int
    running: int
    oldest_s: float  # how long the oldest waiting job waits


@dataclass(frozen=True, kw_only=True)
class WorkerVitals:
    """A worker process, as it last wrote of itself."""

    id: UUID
    host: str
    pid: int
    lane: Lane
    device: str  # "cpu", "cuda"
    model: str  # "" when it has none
    queues: tuple[str, ...]
    started_at: datetime
    beat_s: float  # since its last sign of life


@dataclass(frozen=True, kw_only=True)
class Vitals:
    at: datetime
    queues: tuple[Queue, ...]
    workers: tuple[WorkerVitals, ...]
    consults: Mapping[Status, int]
    stopped: Mapping[Reason, int]  # consults that wait for a person, by reason
    recorded_s: float  # sound taken in, of all consults that are still here
    lost_s: float  # of those: acknowledged and not readable
    #: work done in the last day
    audio_s: float = 0.0
    work_s: float = 0.0
    uncleared: int = 0  # certificates whose files or key copies still wait to be removed
    backup_s: float | None = None  # since the last back-up; None: there was none
    tended_s: float | None = None  # since the keeper's last round began; None: there was none

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of work for a second of sound, over the last day."""
        return self.work_s / self.audio_s if self.audio_s else None

    @property
    def unserved(self) -> tuple[str, ...]:
        """Queues with work and no living worker that takes from them."""
        served = {name for worker in self.workers if worker.beat_s < STALE_S for name in worker.queues}
        return tuple(queue.name for queue in self.queues if queue.waiting and queue.name not in served)


#: A worker that gave no sign of life for so long is taken for dead.
STALE_S = 30.0
