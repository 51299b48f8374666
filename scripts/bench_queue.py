"""Measure the queue by itself: consults whose recognition and drafting take no time, on a real embedded PostgreSQL.

    python scripts/bench_queue.py [--consults 10000] [--workers 1,2,4] [--threads 4]

Each round (one for each number of workers) takes in ``--consults`` recordings, as the service does: a change with its
job in one transaction, after the one that made the consult and the one of the consent. Then workers bring all of them
to a draft (two jobs each), finished jobs are pruned and what is left is counted: the tables of the queue must not grow.
At the end: the delay of a single consult, and what the questions of the service cost with all of them in the database.

Everything is on this machine and competes for its processors: a lower bound. Seconds are the database's.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID, uuid4

import psycopg

from consent import How, current_text, grant
from transcribe.asr.transcript import HeardWindow, Speaker, Transcript
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES, Decoded, Pcm, Span
from transcribe.consult import Action, Actor, Consult, Lane, Lease, Part, Role, Search, Stage, Status
from transcribe.soep.note import Note
from transcribe.speakers.profile import Profile
from transcribe.steps import Steps
from transcribe.store import lease, worker
from transcribe.store.database import database_url
from transcribe.store.embedded import EmbeddedPostgres
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import MasterKey
from transcribe.store.migrate import migrate
from transcribe.store.postgres import PostgresStore
from transcribe.testing import ScriptedDecoder
from transcribe.writer import Writer

GP = Actor(name="Dr. Proef", role=Role.HUISARTS)
PRACTICES = [f"Praktijk {number}" for number in range(1, 11)]
CHANNELS = (Speaker.HUISARTS, Speaker.PATIENT)
SOUND = bytes(RATE_HZ * SAMPLE_BYTES * len(CHANNELS))  # one second
TABLES = (
    "procrastinate_jobs",
    "procrastinate_events",
    "procrastinate_workers",
    "turn",
    "piece",
    "worker",
    "measurement",
)
JOBS_EACH = 2  # transcribe, draft
FETCHERS = 2  # of a worker process, one for each

_TOOK = "SELECT extract(epoch FROM max(at) - min(at)) FROM procrastinate_events WHERE type <> 'deferred'"
_AGAIN = "SELECT count(*) FROM procrastinate_jobs WHERE status <> 'succeeded' OR attempts <> 1"
_DRAFTS = f"SELECT count(*) FROM access_log WHERE action = '{Action.DRAFTED.value}'"
_TWICE = f"SELECT count(*) - count(DISTINCT consult_id) FROM access_log WHERE action = '{Action.DRAFTED.value}'"


# --- work that takes no time ---------------------------------------------------------------------------------------


class NoSound:
    """The audio store of a queue without recordings."""

    def write(self, *_: object) -> int:
        raise NotImplementedError

    def open(self, *_: object) -> BinaryIO:
        return io.BytesIO(SOUND)

    def delete(self, *_: object) -> None:
        raise NotImplementedError


class NoTranscriber:
    def transcribe(
        self,
        pcm: Pcm,
        speakers: Sequence[Speaker],  # noqa: ARG002
        *,
        missing: Sequence[Span] = (),  # noqa: ARG002
        heard: Sequence[HeardWindow] = (),  # noqa: ARG002
        hints: Sequence[str] = (),  # noqa: ARG002
        profile: Profile | None = None,  # noqa: ARG002
        keep: Callable[[HeardWindow], None] = lambda _: None,  # noqa: ARG002
        progress: Callable[[float], None],  # noqa: ARG002
    ) -> Transcript:
        return Transcript(utterances=(), model="none", duration_s=pcm.duration_s)


class NoDrafter:
    name = "none"

    def draft(self, transcript: Transcript) -> Note:  # noqa: ARG002
        return Note(reports=())


class TimedLeases(lease.Leases):
    """Leases that know how long they took."""

    spent_s = 0.0

    def take(self, job_id: int, attempt: int, turn: int) -> None:
        with timed(TimedLeases):
            super().take(job_id, attempt, turn)

    def done(self, job_id: int) -> None:
        with timed(TimedLeases):
            super().done(job_id)


class TimedSteps(Steps):
    spent_s = 0.0

    def do(self, stage: Stage, consult_id: UUID, lease: Lease, *, stop: Callable[[], bool] = lambda: False) -> None:
        with timed(TimedSteps):
            super().do(stage, consult_id, lease, stop=stop)


@contextmanager
def timed(what: type[TimedLeases] | type[TimedSteps]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    what.spent_s += time.perf_counter() - began  # two threads; a lost update is noise


def work(url: str, key: str) -> int:
    """A worker process; prints what it spent on leases and on steps."""
    worker.Leases = TimedLeases  # type: ignore[attr-defined]
    store = PostgresStore(url, MasterKey.of(bytes.fromhex(key)))
    steps = TimedSteps(
        store=store,
        audio=NoSound(),
        decoder=ScriptedDecoder(),
        transcriber=NoTranscriber(),
        drafter=NoDrafter(),
        writer=Writer(store),
    )
    status = worker.WorkerProcess(url, steps, lane=Lane.LIVE, model="none").run()
    print(json.dumps({"leases_s": TimedLeases.spent_s, "steps_s": TimedSteps.spent_s}))
    return status


# --- the service ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class House:
    url: str
    key: bytes
    store: PostgresStore
    connection: psycopg.Connection[Any]

    def one(self, query: str, *parameters: object) -> Any:
        row = self.connection.execute(query, parameters or None).fetchone()
        return row[0] if row else None

    def recorded(self, practice: str) -> UUID:
        """A recording that was just taken in."""
        writer = Writer(self.store)
        now = datetime.now(UTC)
        consult = Consult(
            id=uuid4(),
            patient_ref="P-1",
            status=Status.NEW,
            created_at=now,
            changed_at=now,
            version=1,
            practice=practice,
        )
        writer.create(GP, consult)
        words = current_text()
        given = grant(
            how=How.SPOKEN,
            informed_by=GP.name,
            text_id=words.id,
            text_sha256=words.sha256,
            others_informed=True,
            now=now,
        )
        consult = writer.apply(GP, consult, Action.CONSENT_GIVEN, status=Status.CONSENTED, consent=given)
        writer.apply(
            GP,
            consult,
            Action.AUDIO_STORED,
            status=Status.RECORDED,
            channels=CHANNELS,
            audio_s=1.0,
            decoded=Decoded(duration_s=1.0, channels=len(CHANNELS), missing=()),
        )
        return consult.id

    def take_in(self, count: int, threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            for _ in pool.map(self.recorded, random.choices(PRACTICES, k=count)):
                pass
            took = time.perf_counter() - began
        print(f"  taken in: {count / took:.0f} consults/s ({threads} threads, 3 transactions each)", flush=True)

    @contextmanager
    def workers(self, count: int) -> Iterator[list[dict[str, float]]]:
        """So many of them for the block; gives, after it, what each spent."""
        command = [sys.executable, __file__, "--work", self.url, self.key.hex()]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
        spent: list[dict[str, float]] = []
        self.wait(lambda: self.one("SELECT count(*) FROM worker") == count)
        yield spent
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            said, _ = process.communicate()
            if process.returncode:
                sys.exit(f"a worker ended with {process.returncode}")
            spent.append(json.loads(said))

    def finish(self, count: int, workers: int) -> None:
        before = self.one(_DRAFTS)
        with self.workers(workers) as spent:
            self.wait(lambda: not self.one("SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"))
        took = float(self.one(_TOOK))
        each = JOBS_EACH * count
        leases_s, steps_s = (sum(one[name] for one in spent) for name in ("leases_s", "steps_s"))
        print(
            f"  finished by {workers}: {each / took:.0f} jobs/s, {count / took:.0f} consults/s; of a fetcher's time "
            f"{steps_s / (took * workers * FETCHERS):.0%} in steps ({1000 * steps_s / each:.1f} ms for a job), "
            f"{leases_s / (took * workers * FETCHERS):.0%} in leases ({1000 * leases_s / each:.1f} ms)\n"
            f"  drafts: {self.one(_DRAFTS) - before}, twice: {self.one(_TWICE)}, "
            f"jobs that needed more than one attempt: {self.one(_AGAIN)}",
            flush=True,
        )

    def delay(self, times: int = 100) -> None:
        """From the end of a recording to its draft when nobody else waits."""
        delays = []
        with self.workers(1):
            for _ in range(times):
                began = time.perf_counter()
                consult_id = self.recorded(PRACTICES[0])
                self.wait(lambda: self.store.consult(consult_id).status is Status.DRAFTED, every_s=0.002)  # noqa: B023
                delays.append(time.perf_counter() - began)
        delays.sort()
        print(
            f"one at a time: a draft after {1000 * statistics.median(delays):.0f} ms (median), "
            f"{1000 * delays[int(0.95 * times)]:.0f} ms (95 %)"
        )

    def questions(self) -> None:
        """Asked by screens and by whoever watches, every few seconds; the last three by the keeper, every minute."""
        now = datetime.now(UTC)
        own = self.store.of(PRACTICES[0])
        asked: dict[str, Callable[[], object]] = {
            "the worklist": lambda: (own.sizes(), [own.search(Search(part=p), limit=26) for p in Part]),
            "vitals": self.store.vitals,
            "check_master_key": self.store.check_master_key,
            "idle": self.store.idle,
            "older": lambda: self.store.older((Status.DRAFTED,), now - timedelta(days=14)),
            "uncleared": self.store.uncleared,
        }
        print(f"with {self.one('SELECT count(*) FROM consult')} consults, median of 5:")
        for name, ask in asked.items():
            took = []
            for _ in range(5):
                began = time.perf_counter()
                ask()
                took.append(time.perf_counter() - began)
            print(f"    {name:26} {1000 * statistics.median(took):8.1f} ms")

    def prune(self) -> None:
        """Retention, as if its terms were over."""
        now = datetime.now(UTC)
        self.connection.execute("UPDATE measurement SET at = at - interval '9 days'")
        self.connection.execute("UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '2 hours'")
        before = self.sizes()
        began = time.perf_counter()
        self.store.prune(jobs_before=now)
        took = time.perf_counter() - began
        for table in TABLES:
            self.connection.execute(f"VACUUM (ANALYZE) {table}")
        after = self.sizes()
        print(f"  pruned in {took:.1f} s; rows and kB before, after:")
        for table in TABLES:
            print(f"    {table:24} {before[table][0]:7} {before[table][1]:7}   {after[table][0]:7} {after[table][1]:7}")

    def sizes(self) -> dict[str, tuple[int, int]]:
        return {
            table: (
                self.one(f"SELECT count(*) FROM {table}"),
                self.one(f"SELECT pg_total_relation_size('{table}') / 1024"),
            )
            for table in TABLES
        }

    def wait(self, until: Callable[[], bool], every_s: float = 0.2) -> None:
        while not until():
            time.sleep(every_s)


@contextmanager
def house() -> Iterator[House]:
    key = os.urandom(32)
    with throwaway_data_dir() as folder, EmbeddedPostgres(folder, fallback_user=True) as url:
        migrate(url)
        store = PostgresStore(url, MasterKey.of(key))
        conninfo = database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            yield House(url=url, key=key, store=store, connection=connection)
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consults", type=int, default=10_000, help="in each round")
    parser.add_argument("--workers", default="1,2,4", help="worker processes, for each round")
    parser.add_argument("--threads", type=int, default=4, help="that take in recordings at once")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        sys.exit(work(*args.work))
    with house() as found:
        for number, workers in enumerate(map(int, args.workers.split(",")), start=1):
            print(f"round {number}: {args.consults} consults")
            found.take_in(args.consults, args.threads)
            found.finish(args.consults, workers)
            found.prune()
        found.delay()
        found.questions()


if __name__ == "__main__":
    main()
