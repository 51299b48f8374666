"""The worker process: procrastinate fetches jobs, a lease guards each, ``Steps`` does them, until it is told to stop.

Three fetchers, each with one job at a time: recognising fills the machine (or the GPU) by itself; the end of a consult
that was followed, and a draft, take a second and must not wait behind an hour of sound. Beside them a thread follows
the recordings that are made on this machine. All use one recogniser, a window at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job as QueuedJob
from procrastinate.worker import Worker

from transcribe.consult import Lane, Lease, Stage
from transcribe.errors import DiskFull, LeaseLost, StoreUnavailable
from transcribe.steps import Interrupted, Later, Steps
from transcribe.store.database import SESSION_NAME, database_url
from transcribe.store.jobs import asr_queues, end_queues, note_queues
from transcribe.store.lease import EXIT, Leases, Patience

log = logging.getLogger(__name__)

#: Jobs are announced; this is for an announcement that was missed, and for retries, which have none.
POLL_S = 1.0
#: A task that a database or a disk in trouble broke off is tried again after this, then twice this, ...
AGAIN_S = 2
AGAIN_AT_MOST_S = 60
#: Attempts after which trouble of the machine is no longer waited out: some six minutes.
MACHINE_TRIES = 10
#: A worker without a model leaves a job to one that has one for so long; by then that one has usually taken it.
#: A decoder that was killed for want of memory finds more of it by then.
LATER_S = 5
#: Long ago by any clock: a clock that was ahead for a moment must not make a job wait for hours.
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
#: Longer than any outage we mean to live through; leases end the process long before.
PATIENT_S = 86_400.0
TEND_S = 60.0
#: For the piece of work that the follower is at when the worker is asked to stop.
LAST_S = 5.0
#: How often it is asked whether the follower is at sound that was withdrawn. The second time in a row ends the process.
OVERDUE_S = 0.7


class _Again(BaseRetryStrategy):
    """Which ends of a task say nothing of the consult."""

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        if isinstance(exception, Interrupted):
            return RetryDecision(retry_at=AT_ONCE)
        if isinstance(exception, Later):
            return RetryDecision(retry_in={"seconds": LATER_S})
        if isinstance(exception, StoreUnavailable | DiskFull | OSError | MemoryError):
            return RetryDecision(retry_in={"seconds": min(AGAIN_S * 2 ** min(job.attempts, 10), AGAIN_AT_MOST_S)})
        return None


class WorkerProcess:
    """``tend`` is called every ``tend_s``, in a thread of its own. ``follow`` is called once, in another one: its
    argument waits for so many seconds and tells whether to stop; ``overdue`` tells whether it is deep in work that must
    end at once. ``device``, ``model``: what this worker can take.
    """

    def __init__(
        self,
        url: str,
        steps: Steps,
        *,
        lane: Lane,
        device: str = "cpu",
        model: str = "",
        tend: Callable[[], None] = lambda: None,
        tend_s: float = TEND_S,
        follow: Callable[[Callable[[float], bool]], None] = lambda _: None,
        overdue: Callable[[], bool] = lambda: False,
        patience: Patience | None = None,
    ) -> None:
        self._conninfo = database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._steps = steps
        self._lane = lane
        self._device = device
        self._model = model
        self._tend = tend
        self._tend_s = tend_s
        self._follow = follow
        self._overdue = overdue
        self._patience = patience or Patience()
        self._stopping = threading.Event()

    def run(self, *, ready: Callable[[], None] = lambda: None) -> int:
        """Blocks until SIGTERM or SIGINT; returns the exit status. Must be called in the main thread."""
        asr = asr_queues(self._lane, device=self._device, model=self._model)
        end = end_queues(self._lane, device=self._device, model=self._model)
        note = note_queues(self._lane)
        try:
            self._leases = Leases(
                self._conninfo,
                lane=self._lane,
                device=self._device,
                model=self._model,
                queues=[*asr, *end, *note],
                patience=self._patience,
            )
        except psycopg.Error as problem:
            log.error("worker: no database (%s)", type(problem).__name__)
            return EXIT
        threading.Thread(target=self._keep, name="keeper", daemon=True).start()
        follower = threading.Thread(target=self._follow, args=(self._stopping.wait,), name="follower", daemon=True)
        follower.start()
        threading.Thread(target=self._guard, name="guard", daemon=True).start()
        ready()
        asyncio.run(self._work([asr, end, note]))
        follower.join(LAST_S)
        self._leases.close()
        return 0

    async def _work(self, queues: list[list[str]]) -> None:
        # the parameters of a pool; it waits instead of giving up, so the library never stops half
        connector = PsycopgConnector(
            conninfo=self._conninfo,
            kwargs={"application_name": SESSION_NAME},
            min_size=1,
            max_size=8,
            timeout=PATIENT_S,
            reconnect_timeout=PATIENT_S,
        )
        app = App(connector=connector)
        for stage in Stage:
            app.task(name=stage.value, pass_context=True, retry=_Again())(self._task(stage))
        async with app.open_async():
            fetchers = [
                Worker(
                    app,
                    queues=names,
                    name=names[0],
                    concurrency=1,
                    fetch_job_polling_interval=POLL_S,
                    install_signal_handlers=False,
                    worker_middleware=[self._leased],
                )
                for names in queues
            ]

            def stop() -> None:
                self._stopping.set()
                for fetcher in fetchers:
                    fetcher.stop()  # type: ignore[no-untyped-call]

            loop = asyncio.get_running_loop()
            for one in (signal.SIGTERM, signal.SIGINT):
                with contextlib.suppress(NotImplementedError):  # Windows
                    loop.add_signal_handler(one, stop)
            await asyncio.gather(*(fetcher.run() for fetcher in fetchers))  # type: ignore[no-untyped-call]

    async def _leased(self, call_next: Callable[[], Awaitable[Any]], context: JobContext, _: Worker) -> Any:
        job = context.job
        assert job.id is not None
        await asyncio.to_thread(self._leases.take, job.id, job.attempts, -job.priority)
        which = {"job": job.id, "attempt": job.attempts, "stage": job.task_name}
        log.info("job begins", extra=which)
        try:
            return await call_next()
        finally:
            log.info("job ends", extra=which)
            await asyncio.to_thread(self._leases.done, job.id)

    def _task(self, stage: Stage) -> Callable[..., None]:
        def task(context: JobContext, *, consult_id: str) -> None:
            job = context.job
            assert job.id is not None
            lease = Lease(job_id=job.id, attempt=job.attempts)
            job_id = job.id

            def stop() -> bool:
                return self._leases.must_stop(job_id) or self._stopping.is_set()

            try:
                self._steps.do(stage, UUID(consult_id), lease, stop=stop)
            except Interrupted:
                if self._leases.aborting(job_id):
                    raise JobAborted from None
                raise
            except (Later, StoreUnavailable, DiskFull):
                raise  # says nothing of the consult
            except LeaseLost:
                self._leases.exit("a job was taken over")
            except (OSError, MemoryError) as error:
                # a share that went stale, no process or no memory to be had. It could also be this very recording.
                if job.attempts < MACHINE_TRIES:
                    raise
                log.error("consult %s: %s", consult_id, type(error).__name__)
                self._steps.failed(UUID(consult_id), lease)
            except Exception as error:  # noqa: BLE001  (one consult must not stop the others; it is marked, not hidden)
                # the type only: a message could carry words of the consult
                log.error("consult %s: %s", consult_id, type(error).__name__)
                self._steps.failed(UUID(consult_id), lease)

        return task

    def _guard(self) -> None:
        before = False
        while not self._stopping.wait(OVERDUE_S):
            try:
                overdue = self._overdue()
            except Exception as error:  # noqa: BLE001  (whatever it is, the next round asks again)
                log.error("guarding failed (%s)", type(error).__name__)
                continue
            if before and overdue:
                # as with a job: nothing but the end of the process stops a long call in time
                self._leases.exit("what was followed is withdrawn")
            before = overdue

    def _keep(self) -> None:
        while True:
            try:
                self._tend()
            except Exception as error:  # noqa: BLE001  (whatever it is, the next round tries again)
                log.error("keeping failed (%s)", type(error).__name__)
            if self._stopping.wait(self._tend_s):
                return
