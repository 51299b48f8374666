"""How the service is, read from the tables of the queue and our own; and the tidying of those tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from transcribe.consult import Action, Lane, Reason, Status
from transcribe.policy import WITH_SOURCE
from transcribe.vitals import Queue, Vitals, WorkerVitals

PRUNED_AT_ONCE = 10_000

_QUEUES = text("""
    SELECT queue_name,
           count(*) FILTER (WHERE status = 'todo') AS waiting,
           count(*) FILTER (WHERE status = 'doing') AS running,
           coalesce(extract(epoch FROM now() - min(deferred.at) FILTER (WHERE status = 'todo')), 0) AS oldest_s
      FROM procrastinate_jobs AS job
      LEFT JOIN LATERAL (
          SELECT min(at) AS at FROM procrastinate_events WHERE job_id = job.id AND type = 'deferred'
      ) AS deferred ON true
     WHERE status IN ('todo', 'doing')
     GROUP BY queue_name ORDER BY queue_name
""")
_WORKERS = text("""
    SELECT id, host, pid, lane, device, model, queues, started_at, extract(epoch FROM now() - beat_at) AS beat_s
      FROM worker ORDER BY host, pid
""")
_WORK = text("""
    SELECT coalesce(sum(audio_s), 0) AS audio_s, coalesce(sum(work_s), 0) AS work_s
      FROM measurement WHERE at > now() - interval '1 day'
""")
# a back-up is of no consult, and of those there is an index
_BACKUP = text("""
    SELECT extract(epoch FROM now() - at) FROM access_log
     WHERE consult_id IS NULL AND action = :action ORDER BY seq DESC LIMIT 1
""")
_TENDED = text("SELECT extract(epoch FROM now() - tended_at) FROM installation")


def read(tx: Connection) -> Vitals:
    work = tx.execute(_WORK).one()
    backup_s = tx.scalar(_BACKUP, {"action": Action.BACKED_UP.value})
    tended_s = tx.scalar(_TENDED)
    sound = tx.execute(
        text(
            "SELECT coalesce(sum(audio_s), 0) AS all_s,"
            " coalesce(sum(CASE WHEN reason = :gone THEN greatest(audio_s, lost_s) ELSE lost_s END), 0) AS lost_s"
            " FROM consult WHERE status = ANY(:here)"
        ),
        {"here": [status.value for status in WITH_SOURCE], "gone": Reason.SOUND_GONE.value},
    )
    recorded = sound.one()
    reasons = tx.execute(text("SELECT reason, count(*) AS n FROM consult WHERE reason IS NOT NULL GROUP BY reason"))
    statuses = tx.execute(text("SELECT status, count(*) AS n FROM consult GROUP BY status"))
    return Vitals(
        at=tx.scalar(text("SELECT now()")),
        queues=tuple(
            Queue(name=row.queue_name, waiting=row.waiting, running=row.running, oldest_s=float(row.oldest_s))
            for row in tx.execute(_QUEUES)
        ),
        workers=tuple(
            WorkerVitals(
                id=row.id,
                host=row.host,
                pid=row.pid,
                lane=Lane(row.lane),
                device=row.device,
                model=row.model,
                queues=tuple(row.queues),
                started_at=row.started_at,
                beat_s=float(row.beat_s),
            )
            for row in tx.execute(_WORKERS)
        ),
        consults={Status(row.status): row.n for row in statuses},
        stopped={Reason(row.reason): row.n for row in reasons},
        recorded_s=recorded.all_s,
        lost_s=recorded.lost_s,
        backup_s=None if backup_s is None else float(backup_s),
        tended_s=None if tended_s is None else float(tended_s),
        audio_s=work.audio_s,
        work_s=work.work_s,
        uncleared=tx.scalar(
            text(
                "SELECT count(*) FROM certificate"
                " WHERE NOT EXISTS (SELECT 1 FROM clearance WHERE certificate_id = certificate.id)"
            )
        )
        or 0,
    )


def prune_jobs(tx: Connection, before: datetime) -> int:
    """Finished jobs go, their events with them, and processes that the queue's library still counts as workers."""
    gone = tx.execute(
        text("""
            DELETE FROM procrastinate_jobs WHERE id IN (
                SELECT id FROM procrastinate_jobs AS job
                 WHERE status NOT IN ('todo', 'doing')
                   AND NOT EXISTS (SELECT 1 FROM procrastinate_events WHERE job_id = job.id AND at >= :before)
                 LIMIT :most)
        """),
        {"before": before, "most": PRUNED_AT_ONCE},
    )
    tx.execute(text("DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - interval '1 hour'"))
    return gone.rowcount
