"""The lease of a job is an advisory lock on a database session of the worker's own: it ends when the worker ends.

A heartbeat with a time-out takes a busy worker for dead and a frozen one for alive. A lock that hangs on a connection
does neither: the server drops it the moment the process is gone, and a process that holds the interpreter for a minute
keeps it. What remains is a worker that is frozen for long, or cut off from the network: its session is ended by another
worker, and when it wakes it finds that out and ends itself. ``jobs.fence`` sees to it that it wrote nothing meanwhile.

Whoever is in doubt exits (70). What supervises it starts it again; the job is taken over. Nothing is lost by that, and
nothing else is as simple to get right.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from transcribe.consult import Lane
from transcribe.store.database import PROCESS, SESSION_NAME, session_name
from transcribe.store.jobs import SERVE_TURN

log = logging.getLogger(__name__)

EXIT = 70  # EX_SOFTWARE: start me again

TICK_S = 0.5
#: Without an answer of the database for so long we end ourselves.
SILENCE_S = 20.0
#: A worker whose sign of life is older has its session ended, so that its jobs can be taken over.
STALE_S = 15.0
#: A job that was begun so recently may not have its lease yet.
FRESH_S = 1.0
#: How long a step that must stop (a withdrawal) may take to do so by itself.
GRACE_S = 1.0
#: A step that reports no progress for so long hangs.
STUCK_S = 900.0
#: So long the queue may take to hear of an outcome.
TELL_S = 30.0
#: How long a worker waits for the lease of a job that was just put back by another.
TAKE_S = 5.0

#: Leases have the numbers of their jobs, in a part of the number space that nobody else uses.
_SPACE = 7001 << 48

_SESSION = """
    SET TIME ZONE 'UTC';
    SET statement_timeout = '10s'
"""

_SWEEP = f"""
    WITH lost AS (
        SELECT job.id, job.queue_name, job.args FROM procrastinate_jobs AS job
         WHERE job.status = 'doing'
           AND NOT EXISTS (
               SELECT 1 FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND objsubid = 1
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND (classid::bigint << 32 | objid::bigint) = {_SPACE} + job.id)
           AND (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id AND type = 'started')
               NOT BETWEEN now() - make_interval(secs => %(fresh_s)s) AND now() + make_interval(secs => %(fresh_s)s)
           FOR UPDATE OF job SKIP LOCKED
    ), counted AS (
        UPDATE consult SET stumbles = stumbles + 1 FROM lost WHERE consult.id = (lost.args ->> 'consult_id')::uuid
    )
    SELECT id, procrastinate_retry_job_v2(id, to_timestamp(0), NULL, NULL, NULL),
           -- a retried job is not announced by the library
           pg_notify('procrastinate_queue_v1#' || queue_name,
                     json_build_object('type', 'job_inserted', 'job_id', id)::text)
      FROM lost
"""  # noqa: S608  (the number is ours)

#: All its sessions: it may have frozen in the middle of a transaction, holding the very row that is to be taken over.
_END_FROZEN = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY(%(names)s)
"""

_BEGIN = """
    INSERT INTO worker (id, host, pid, lane, device, model, queues, started_at, beat_at)
    VALUES (%(id)s, %(host)s, %(os_pid)s, %(lane)s, %(device)s, %(model)s, %(queues)s, now(), now())
"""


@dataclass(kw_only=True)
class _Running:
    attempt: int
    progress_at: float  # monotonic
    abort_at: float | None = None  # monotonic: since when it must stop
    released: bool = False
    done_at: float | None = None  # monotonic: its outcome is known; the lease ends when the queue knows it too


@dataclass(frozen=True, kw_only=True)
class Patience:
    """The limits above; tests and the chaos rounds take shorter ones."""

    stale_s: float = STALE_S
    silence_s: float = SILENCE_S
    stuck_s: float = STUCK_S


class Leases:
    """All leases of one worker process, and its sign of life. Thread-safe. Ends the process when in doubt."""

    def __init__(
        self,
        conninfo: str,
        *,
        lane: Lane,
        device: str,
        model: str,
        queues: list[str],
        patience: Patience,
    ) -> None:
        """Connects; raises ``psycopg.OperationalError`` when the database does not answer."""
        self.id = PROCESS
        self._lane = lane
        self._patience = patience
        self._lock = threading.Lock()  # of the connection
        self._running: dict[int, _Running] = {}
        #: of the other workers: their last sign of life, and since when we see it
        self._seen: dict[UUID, tuple[datetime, float]] = {}
        self._running_lock = threading.Lock()
        self._answered = time.monotonic()
        self._closed = threading.Event()
        self._connection = psycopg.connect(
            conninfo,
            autocommit=True,
            application_name=SESSION_NAME,
            connect_timeout=10,
            # a host that lost its power or its network is noticed in half a minute
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=25_000,
        )
        self._connection.execute(_SESSION)
        self._connection.execute(
            "SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),"
            " set_config('tcp_keepalives_count', '3', false)"
        )
        row = {"id": self.id, "host": socket.gethostname(), "os_pid": os.getpid(), "lane": lane.value}
        self._connection.execute(_BEGIN, row | {"device": device, "model": model, "queues": queues})
        for name, loop in (("lease", self._watch), ("silence", self._listen_to_silence)):
            threading.Thread(target=loop, name=name, daemon=True).start()

    # --- one job ---------------------------------------------------------------------------------------------------

    def take(self, job_id: int, attempt: int, turn: int) -> None:
        """Hold the lease of this attempt; ends the process when somebody else has it."""
        until = time.monotonic() + TAKE_S
        while not self._try(job_id, attempt):
            if time.monotonic() > until:
                self.exit("another worker holds the lease")
            time.sleep(0.05)
        with self._running_lock:
            before = self._running.get(job_id)
        if before is not None:
            # our own last attempt at it, put back and taken again within a tick: the session holds the lock twice now
            self._release(job_id, before)
        with self._running_lock:
            self._running[job_id] = _Running(attempt=attempt, progress_at=time.monotonic())
        if turn:
            with suppress(psycopg.errors.DiskFull):  # then it is unfair for a moment
                self._query(SERVE_TURN, {"lane": self._lane.value, "turn": turn})

    def _try(self, job_id: int, attempt: int) -> bool:
        if not self._value("SELECT pg_try_advisory_lock(%(key)s)", {"key": _SPACE + job_id}):
            return False
        if self._ours(job_id, attempt):
            return True
        self.exit("the job was given to somebody else before it began")
        return False

    def done(self, job_id: int) -> None:
        """The attempt has ended. Ends the process when it is no longer ours: then another one tells the outcome."""
        with self._running_lock:
            one = self._running[job_id]
        if not self._ours(job_id, one.attempt):
            self.exit("a job was taken over")
        one.done_at = time.monotonic()

    def must_stop(self, job_id: int) -> bool:
        """Asked by the step after each piece of work, which is also its sign of progress."""
        with self._running_lock:
            one = self._running[job_id]
            one.progress_at = time.monotonic()
            return one.abort_at is not None

    def aborting(self, job_id: int) -> bool:
        """Was its consult ended by a person?"""
        with self._running_lock:
            return self._running[job_id].abort_at is not None

    def exit(self, why: str) -> None:
        log.error("worker ends itself: %s", why)
        logging.shutdown()
        os._exit(EXIT)

    def close(self) -> None:
        """An orderly end: what is left of our leases goes with the connection."""
        self._closed.set()
        with self._lock, suppress(psycopg.Error):
            self._connection.execute("DELETE FROM worker WHERE id = %(id)s", {"id": self.id})
            self._connection.close()

    # --- watching --------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._closed.wait(TICK_S):
            # on a full disk nobody can give a sign of life: silence says nothing of the others, and our leases hold
            with suppress(psycopg.errors.DiskFull):
                self._query("UPDATE worker SET beat_at = now() WHERE id = %(id)s", {"id": self.id})
                self._end_frozen()
                for job_id, *_ in self._query(_SWEEP, {"fresh_s": FRESH_S}):
                    log.warning("job %s: its worker is gone, it is taken over", job_id)
            self._look_after_ours()

    def _end_frozen(self) -> None:
        """By our own clock that only runs forward: somebody may set the database's."""
        now = time.monotonic()
        beats = self._query("SELECT id, beat_at FROM worker WHERE id <> %(id)s", {"id": self.id})
        self._seen = {
            worker: self._seen[worker] if self._seen.get(worker, (None,))[0] == beat else (beat, now)
            for worker, beat in beats
        }
        stale_s = self._patience.stale_s
        frozen = [session_name(worker) for worker, (_, since) in self._seen.items() if now - since > stale_s]
        if frozen:
            self._query(_END_FROZEN, {"names": frozen})

    def _look_after_ours(self) -> None:
        with self._running_lock:
            ours = dict(self._running)
        if not ours:
            return
        rows = self._query(
            "SELECT id, status::text, attempts, abort_requested FROM procrastinate_jobs WHERE id = ANY(%(ids)s)",
            {"ids": list(ours)},
        )
        found = {job_id: (status, attempt, abort) for job_id, status, attempt, abort in rows}
        now = time.monotonic()
        for job_id, one in ours.items():
            status, attempt, abort = found.get(job_id, ("gone", one.attempt, False))
            if one.done_at is not None:
                if (status, attempt) != ("doing", one.attempt):
                    self._release(job_id, one)
                elif now - one.done_at > TELL_S:
                    self.exit("the queue did not hear of an outcome")
                continue
            if abort and one.abort_at is None:
                one.abort_at = now
            if one.abort_at is not None and now - one.abort_at > GRACE_S:
                # deep in one long call: nothing but the end of the process stops it in time
                self.exit("a step had to stop and did not")
            if now - one.progress_at > self._patience.stuck_s:
                self.exit("a step hangs")

    def _release(self, job_id: int, ended: _Running) -> None:
        """Once for each attempt, whoever of our threads sees first that it has ended."""
        with self._running_lock:
            if ended.released:
                return
            ended.released = True
            if self._running.get(job_id) is ended:
                del self._running[job_id]
        self._query("SELECT pg_advisory_unlock(%(key)s)", {"key": _SPACE + job_id})

    def _listen_to_silence(self) -> None:
        """A database that neither answers nor breaks the connection must not keep us believing in our leases."""
        while not self._closed.wait(TICK_S):
            if time.monotonic() - self._answered > self._patience.silence_s:
                self.exit("the database is silent")

    # --- the connection --------------------------------------------------------------------------------------------

    def _ours(self, job_id: int, attempt: int) -> bool:
        return bool(
            self._value(
                "SELECT 1 FROM procrastinate_jobs WHERE id = %(id)s AND attempts = %(attempt)s AND status = 'doing'",
                {"id": job_id, "attempt": attempt},
            )
        )

    def _value(self, query: str, parameters: dict[str, Any]) -> Any:
        rows = self._query(query, parameters)
        return rows[0][0] if rows else None

    def _query(self, query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Ends the process when the session does not answer as it should. Raises the driver's ``DiskFull``."""
        try:
            with self._lock:
                cursor = self._connection.execute(query, parameters)
                rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        except psycopg.errors.DiskFull:
            self._answered = time.monotonic()
            raise
        except psycopg.Error as problem:
            if not self._closed.is_set():
                self.exit(f"the lease's session is gone ({type(problem).__name__})")
            return []
        self._answered = time.monotonic()
        return rows
