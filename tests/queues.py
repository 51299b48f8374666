"""The queue of a store as a worker sees it, without a worker: take a job, end it, lose it."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

import psycopg

from transcribe.consult import Job, Lane, Lease, Stage
from transcribe.ports import SystemStore
from transcribe.store.database import database_url
from transcribe.testing import MemoryStore


class QueueUnderTest(Protocol):
    store: SystemStore

    def take(self) -> tuple[Job, Lease] | None: ...

    def finish(self, lease: Lease) -> None: ...

    def take_over(self, lease: Lease) -> None: ...

    def cancelled(self, lease: Lease) -> bool: ...


class MemoryQueue:
    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.take = store.take
        self.finish = store.finish
        self.take_over = store.take_over
        self.cancelled = store.cancelled


class PostgresQueue:
    """Through the same SQL functions of procrastinate as its worker, on a connection of its own."""

    def __init__(self, store: SystemStore, url: str) -> None:
        self.store = store
        conninfo = database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._worker = self._one("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")[0]

    def close(self) -> None:
        self._connection.close()

    def take(self) -> tuple[Job, Lease] | None:
        job_id, task, args, attempts, queue = self._one(
            "SELECT id, task_name, args, attempts, queue_name FROM procrastinate_fetch_job_v2(NULL, %s)", self._worker
        )
        if job_id is None:
            return None
        lane = Lane(queue.split(".")[1])
        job = Job(stage=Stage(task), consult_id=UUID(args["consult_id"]), lane=lane)
        return job, Lease(job_id=job_id, attempt=attempts)

    def finish(self, lease: Lease) -> None:
        self._one("SELECT procrastinate_finish_job_v1(%s, 'succeeded', false)", lease.job_id)

    def take_over(self, lease: Lease) -> None:
        self._one("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", lease.job_id)

    def cancelled(self, lease: Lease) -> bool:
        return bool(self._one("SELECT abort_requested FROM procrastinate_jobs WHERE id = %s", lease.job_id)[0])

    def _one(self, query: str, *parameters: object) -> tuple[object, ...]:
        found = self._connection.execute(query, parameters).fetchone()
        assert found
        return found
