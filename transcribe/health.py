"""Is this service well? A pure rule over numbers, for ``/health/ready`` and for ``transcribe status``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from transcribe import policy
from transcribe.consult import Reason, Space
from transcribe.errors import N_, NO_ROOM, OtherSchema, SetupProblem, TranscribeError
from transcribe.vitals import STALE_S, Vitals, WorkerVitals


class Problem(StrEnum):
    """The values are codes for machines; the sentences are in ``PROBLEM_TEXT``."""

    DATABASE = "database"
    MASTER_KEY = "master-key"
    NO_WORKER = "no-worker"
    NO_MODEL = "no-model"
    SOUND_STORE = "sound-store"
    DISK_LOW = "disk-low"
    DISK_WRITE = "disk-write"
    LOST_SOUND = "lost-sound"
    NO_KEEPER = "no-keeper"


PROBLEM_TEXT: dict[Problem, str] = {
    Problem.DATABASE: N_("De database is niet bereikbaar."),
    Problem.MASTER_KEY: N_("De hoofdsleutel past niet bij de database. Zet de goede terug uit uw back-up."),
    Problem.NO_WORKER: N_("Er wacht werk waar geen verwerker voor is. Start er een (transcribe serve)."),
    Problem.NO_MODEL: N_("Er wacht werk en geen verwerker heeft een spraakmodel (transcribe models list)."),
    Problem.SOUND_STORE: N_(
        "De opslag van het geluid is niet bereikbaar, niet te beschrijven of niet die van deze installatie: opnamen "
        "worden niet afgerond. Controleer of de schijf is gekoppeld, of --blob-store klopt, en het netwerk."
    ),
    Problem.DISK_LOW: N_("De schijf is bijna vol: er begint geen nieuwe opname. Maak ruimte vrij."),
    Problem.DISK_WRITE: N_(
        "Op de schijf voor opnamen kan niet worden geschreven: er begint geen opname. Controleer of zij defect is, "
        "alleen-lezen is gekoppeld of van een ander account is."
    ),
    Problem.LOST_SOUND: N_("Bewaard geluid is niet terug te lezen. Bel de ondersteuning voordat u iets wist."),
    Problem.NO_KEEPER: N_(
        "Het opruimen staat stil: er wordt niets gewist wat gewist moet worden, en verloren werk wordt niet hervat. "
        "Herstart de dienst. Blijft dit staan, kijk dan in het logboek en bij: transcribe key-copies list."
    ),
}

#: The keeper comes by every minute.
KEEPER_LATE_S = 900.0


@dataclass(frozen=True, kw_only=True)
class Examined:
    """``vitals`` and ``space`` are None when they could not be read."""

    vitals: Vitals | None
    space: Space | None
    problems: tuple[Problem, ...]


def examine(
    read: Callable[[], Vitals],
    space: Callable[[], Space],
    *,
    min_free_percent: float,
    check_key: Callable[[], None] = lambda: None,
    ask_sound: Callable[[], object] = lambda: None,
    try_disk: Callable[[], object] = lambda: None,
) -> Examined:
    """``check_key`` raises ``SetupProblem`` when the master key is not the database's; ``ask_sound`` raises when the
    store of the sound does not answer; ``try_disk`` raises ``OSError`` when a recording can't be written. Never raises
    itself.
    """
    found: list[Problem] = []
    vitals = None
    try:
        vitals = read()
        check_key()
    except OtherSchema:
        found.append(Problem.DATABASE)
    except SetupProblem:
        found.append(Problem.MASTER_KEY)
    except TranscribeError:
        found.append(Problem.DATABASE)
    try:
        ask_sound()
    except (TranscribeError, OSError):
        found.append(Problem.SOUND_STORE)
    room = None
    try:
        room = space()
    except OSError:
        found.append(Problem.DISK_LOW)  # a disk that does not answer takes no recording either
    try:
        try_disk()
    except OSError as problem:
        found.append(Problem.DISK_LOW if problem.errno in NO_ROOM else Problem.DISK_WRITE)
    if vitals is not None:
        found += problems_of(vitals)
    if room is not None and policy.low(room, min_free_percent):
        found.append(Problem.DISK_LOW)
    return Examined(vitals=vitals, space=room, problems=tuple(dict.fromkeys(found)))


def problems_of(vitals: Vitals) -> list[Problem]:
    found = []
    if vitals.unserved:
        found.append(Problem.NO_WORKER)
    workers = alive(vitals)
    if workers and any(queue.waiting for queue in vitals.queues) and not any(worker.model for worker in workers):
        found.append(Problem.NO_MODEL)
    if vitals.lost_s > 0 or Reason.SOUND_GONE in vitals.stopped:
        found.append(Problem.LOST_SOUND)
    if _keeper_is_late(vitals, workers):
        found.append(Problem.NO_KEEPER)
    return found


def _keeper_is_late(vitals: Vitals, workers: list[WorkerVitals]) -> bool:
    if vitals.tended_s is None or vitals.tended_s < KEEPER_LATE_S:
        return False
    # after a night off the first round is still to come
    ages = [(vitals.at - worker.started_at).total_seconds() for worker in workers]
    return not ages or max(ages) >= KEEPER_LATE_S


def alive(vitals: Vitals) -> list[WorkerVitals]:
    return [worker for worker in vitals.workers if worker.beat_s < STALE_S]
