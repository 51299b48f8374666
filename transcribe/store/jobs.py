"""The queue (procrastinate) as the store sees it: jobs go in, and out, in the transaction of the change itself.

Names of queues say what a worker must have: ``asr.live`` any worker of the lane live, ``asr.live.gpu`` one with a GPU,
``asr.batch.large-v3`` one with that model, ``note.live`` drafting, for which every worker of the lane is good.
``end.live`` is transcribing as ``asr.live`` is, of recordings that were followed while they were made: who waits for
the last seconds of a consult does not wait for somebody's recording of half an hour.
"""

from __future__ import annotations

from uuid import UUID

from procrastinate import App, SyncPsycopgConnector
from sqlalchemy import Connection, text

from transcribe.consult import Job, Lane, Lease, Stage
from transcribe.errors import LeaseLost
from transcribe.store.database import driver

#: The row that keeps, for each lane, the turn of the job that was started last.
_STARTED = "*"


def queue_of(job: Job) -> str:
    kind = "note" if job.stage is Stage.DRAFT else "end" if job.followed else "asr"
    return ".".join(part for part in (kind, job.lane.value, job.need) if part)


def asr_queues(lane: Lane, *, device: str, model: str, kind: str = "asr") -> list[str]:
    """What a worker with this device and this model can transcribe from."""
    if not model:
        return [f"{kind}.{lane.value}"]  # it says why it can't
    extra = [f"{kind}.{lane.value}.gpu"] if device == "cuda" else []
    return [f"{kind}.{lane.value}", f"{kind}.{lane.value}.{model}", *extra]


def end_queues(lane: Lane, *, device: str, model: str) -> list[str]:
    return asr_queues(lane, device=device, model=model, kind="end")


def note_queues(lane: Lane) -> list[str]:
    return [f"note.{lane.value}"]


def lock_of(consult_id: UUID, stage: Stage) -> str:
    """At most one job of a stage of a consult runs at any moment.

    A consult is in one stage at a time; a lock of the whole consult would keep its draft waiting until the queue has
    heard that its transcript is done.
    """
    return f"{consult_id}/{stage.value}"


def locks_of(consult_id: UUID) -> list[str]:
    return [lock_of(consult_id, stage) for stage in Stage]


# Never opened: every query runs on the connection of a transaction of ours.
_app = App(connector=SyncPsycopgConnector())


def enqueue(tx: Connection, job: Job) -> None:
    _app.configure_task(
        job.stage.value,
        queue=queue_of(job),
        lock=lock_of(job.consult_id, job.stage),
        priority=-_turn(tx, job) if job.stage is Stage.TRANSCRIBE else 0,
        connection=driver(tx),
    ).defer(consult_id=str(job.consult_id))


def cancel(tx: Connection, consult_id: UUID) -> None:
    """Waiting jobs will not start; the worker of a running one is told, and has a second to stop by itself."""
    found = tx.scalars(
        text("SELECT id FROM procrastinate_jobs WHERE lock = ANY(:locks) AND status IN ('todo', 'doing') ORDER BY id"),
        {"locks": locks_of(consult_id)},
    ).all()
    for job_id in found:
        _app.job_manager.cancel_job_by_id(job_id, abort=True, connection=driver(tx))


def without(consult: str) -> str:
    """SQL: the consult of this expression has no job. The locks of ``locks_of``, as the database writes them."""
    locks = ", ".join(f"{consult}::text || '/{stage.value}'" for stage in Stage)
    return (
        "NOT EXISTS (SELECT 1 FROM procrastinate_jobs"  # noqa: S608  (all of it is ours)
        f" WHERE lock IN ({locks}) AND status IN ('todo', 'doing'))"
    )


def fence(tx: Connection, lease: Lease) -> None:
    """Raises ``LeaseLost`` unless this attempt is still the job's; keeps it so until the transaction ends."""
    ours = tx.scalar(
        text("SELECT 1 FROM procrastinate_jobs WHERE id = :id AND attempts = :attempt AND status = 'doing' FOR UPDATE"),
        {"id": lease.job_id, "attempt": lease.attempt},
    )
    if ours is None:
        raise LeaseLost


def _turn(tx: Connection, job: Job) -> int:
    """Start-time fair queueing (Goyal, Vin, Cheng 1996), each job of cost one.

    A practice's next job comes one turn after its last one, but never before the turn that is being served now: who was
    quiet does not save up turns, and who brings a hundred recordings does not keep another's single one waiting.
    """
    turn: int = tx.scalar(
        text("""
            INSERT INTO turn AS mine (lane, practice, last)
            VALUES (:lane, :practice, coalesce((SELECT last FROM turn WHERE lane = :lane AND practice = :started), 0))
            ON CONFLICT (lane, practice) DO UPDATE SET last = greatest(mine.last + 1, excluded.last)
            RETURNING last
        """),
        {"lane": job.lane.value, "practice": job.practice, "started": _STARTED},
    )
    return turn


#: What a worker writes when it begins a job (psycopg's parameters): from here on the served turn is this job's.
SERVE_TURN = """
    INSERT INTO turn AS served (lane, practice, last) VALUES (%(lane)s, '*', %(turn)s)
    ON CONFLICT (lane, practice) DO UPDATE SET last = greatest(served.last, excluded.last)
"""
