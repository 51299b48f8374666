"""What can befall a service. Each fault proves that it happened, and raises ``Violation`` when it did not."""

from __future__ import annotations

import errno
import os
import random
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

import httpx
import psutil

from tests.chaos_service import HOOKS, STALE_S, Attempt, Service, Violation, alive, until
from transcribe.consult import Stage, Status

#: How long something we wait for in a round may take: a job to hit, an end to come.
PATIENCE_S = 60.0


class Taken(Protocol):
    """A consult that is being recorded or worked on."""

    consult_id: UUID | None
    withdrawn: bool

    @property
    def acked(self) -> int: ...


@dataclass
class Scene:
    """Where a fault strikes."""

    service: Service
    rng: random.Random
    recordings: Callable[[], Sequence[Taken]]
    withdraw: Callable[[Taken], None]
    away_s: float  # how long a database stays away
    clock: Path | None = None  # the file that the service's clock follows
    #: seconds, by what was measured
    figures: dict[str, list[float]] = field(default_factory=dict)

    def measured(self, what: str, seconds: float) -> None:
        self.figures.setdefault(what, []).append(round(seconds, 3))

    def in_a_job(self, *, replaceable: bool = False) -> Attempt:
        """A worker that just began a job, at some moment in it. ``replaceable``: of a lane that has two."""

        def found() -> Attempt | None:
            running = [one for one in self.service.diary.running() if one.stage == Stage.TRANSCRIBE.value]
            if replaceable:
                live = {process.pid for process in self.service.children("worker") if "live" in process.cmdline()}
                running = [one for one in running if one.pid in live]
            return self.rng.choice(running) if running else None

        attempt = until(found, "no worker begins a job", PATIENCE_S, every=0.005)
        time.sleep(self.rng.uniform(0, 0.5))
        return attempt if attempt.running else self.in_a_job(replaceable=replaceable)

    def worker(self) -> tuple[int, Attempt | None]:
        """Mostly one that is in a job."""
        if self.rng.random() < 0.9:
            attempt = self.in_a_job()
            return attempt.pid, attempt
        process = self.rng.choice(until(lambda: self.service.children("worker"), "there is no worker", PATIENCE_S))
        busy = [one for one in self.service.diary.running() if one.pid == process.pid]
        return process.pid, busy[0] if busy else None

    def web(self) -> int:
        return until(lambda: self.service.children("web"), "there is no web", PATIENCE_S)[0].pid

    def end(self, pid: int, how: signal.Signals) -> None:
        """Of a process that lives."""
        if not alive(pid):
            raise Violation(f"process {pid} had gone before it was hit")
        os.kill(pid, how)
        until(lambda: not alive(pid), f"process {pid} does not end", PATIENCE_S, every=0.005)

    def web_is_back(self) -> None:
        began = time.monotonic()

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return httpx.get(f"{self.service.address}/health/live", timeout=PATIENCE_S).status_code == 200
            return False

        until(answers, "the web does not come back", PATIENCE_S)
        self.measured("web answers again", time.monotonic() - began)

    def taken_over(self, attempt: Attempt | None, since: float, what: str) -> str:
        """Waits for the next attempt at that job and measures how long it took.

        Two figures: until the job was free for others, and until one of them, which may be busy, began it.
        """
        if attempt is None or attempt.ended is not None:
            return "not in a job"
        next_one = until(lambda: self.service.diary.after(attempt), f"job {attempt.job} is not taken over", PATIENCE_S)
        self.measured(f"{what}: begun", next_one.began - since)
        if attempt.job in self.service.diary.put_back:
            self.measured(f"{what}: free", self.service.diary.put_back[attempt.job] - since)
        return f"job {attempt.job} taken over in {next_one.began - since:.2f} s"


@dataclass(frozen=True)
class Fault:
    """``strike`` returns what proves that it happened; ``cant`` says why it can't be done here."""

    name: str
    strike: Callable[[Scene], str]
    at_once: bool = False  # looks out for its moment itself
    clocked: bool = False  # needs a service whose clock can be set


# --- killed and asked to go ------------------------------------------------------------------------------------------


def kill_web(scene: Scene) -> str:
    pid = scene.web()
    scene.end(pid, signal.SIGKILL)
    scene.web_is_back()
    return f"web {pid} is gone"


def stop_web(scene: Scene) -> str:
    pid = scene.web()
    scene.end(pid, signal.SIGTERM)
    scene.web_is_back()
    return f"web {pid} has ended"


def kill_worker(scene: Scene) -> str:
    pid, attempt = scene.worker()
    began = time.monotonic()
    scene.end(pid, signal.SIGKILL)
    return f"worker {pid} is gone, {scene.taken_over(attempt, began, 'takeover after kill -9')}"


def stop_worker(scene: Scene) -> str:
    pid, attempt = scene.worker()
    began = time.monotonic()
    scene.end(pid, signal.SIGTERM)
    ended = time.monotonic() - began
    scene.measured("worker ended after SIGTERM", ended)
    return f"worker {pid} has ended in {ended:.2f} s, {_state(attempt)}"


def _state(attempt: Attempt | None) -> str:
    return "not in a job" if attempt is None else f"in job {attempt.job}"


def kill_postgres(scene: Scene) -> str:
    server = until(scene.service.postmaster, "there is no database", PATIENCE_S)
    began = time.monotonic()
    scene.end(server.pid, signal.SIGKILL)
    until(lambda: (new := scene.service.postmaster()) and new.pid != server.pid, "the database stays away", PATIENCE_S)
    scene.measured("database started again", time.monotonic() - began)
    return f"postmaster {server.pid} is gone"


def kill_backend(scene: Scene) -> str:
    backend = scene.rng.choice(until(scene.service.backends, "nobody is connected", PATIENCE_S))
    what = " ".join(backend.cmdline())[:60]
    scene.end(backend.pid, signal.SIGKILL)
    return f"backend {backend.pid} ({what}) is gone"


def kill_web_decoder(scene: Scene) -> str:
    return _kill_decoder(scene, "web")


def kill_worker_decoder(scene: Scene) -> str:
    return _kill_decoder(scene, "worker")


def _kill_decoder(scene: Scene, role: str) -> str:
    def killed() -> psutil.Process | None:
        for child in scene.service.decoders(role):
            with suppress(ProcessLookupError):  # it was done just then
                os.kill(child.pid, signal.SIGKILL)
                return child
        return None

    child = until(killed, f"no {role} decodes anything", PATIENCE_S, every=0.002)
    assert child
    until(lambda: not alive(child.pid), "the decoder lives", PATIENCE_S)
    return f"decoder {child.pid} of a {role} is gone"


def kill_supervisor(scene: Scene) -> str:
    """And start again: the database that went on running is taken over."""
    service = scene.service
    supervisor, family = service.pid, service.family()
    server = until(service.postmaster, "there is no database", PATIENCE_S)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    assert service.process is not None
    service.process.wait(10)
    service.start()
    left = [one.pid for one in family if alive(one.pid)]
    if left:
        raise Violation(f"processes outlived their supervisor: {left}")
    now = service.postmaster()
    if now is None or now.pid != server.pid:
        raise Violation("the database that was running was not taken over")
    return f"supervisor {supervisor} is gone, database {server.pid} was taken over"


def stop_service(scene: Scene) -> str:
    service = scene.service
    family, server = service.family(), service.postmaster()
    began = time.monotonic()
    code = service.stop()
    scene.measured("service ended after SIGTERM", time.monotonic() - began)
    left = [one.pid for one in [*family, *([server] if server else [])] if alive(one.pid)]
    if code != 0 or left:
        raise Violation(f"the service ended with {code} and left {left}")
    service.start()
    return "the service has ended in order and was started again"


# --- frozen, deaf ----------------------------------------------------------------------------------------------------


def freeze_worker(scene: Scene) -> str:
    """For twice as long as a lease lasts without a sign of life. When it wakes it must find out, and go."""
    attempt = scene.in_a_job(replaceable=True)
    pid = attempt.pid
    scene.service.diary.frozen.add(pid)
    began = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "it does not freeze", 5)
    try:
        time.sleep(2 * STALE_S)
        how = scene.taken_over(attempt, began, "takeover after SIGSTOP")
    finally:
        os.kill(pid, signal.SIGCONT)
    _must_go(scene, pid)
    return f"worker {pid} was frozen for {2 * STALE_S:.0f} s, {how}"


def hold_long(scene: Scene) -> str:
    """Longer than a lease lasts: it is as if it were frozen."""
    attempt = scene.in_a_job(replaceable=True)
    pid = attempt.pid
    scene.service.diary.frozen.add(pid)
    began = time.monotonic()
    _held(scene, pid, signal.SIGUSR1)
    _must_go(scene, pid)
    return f"worker {pid} held its interpreter for 8 s, {scene.taken_over(attempt, began, 'takeover after a hold')}"


def hold_short(scene: Scene) -> str:
    """Shorter than a lease lasts: it keeps its job."""
    attempt = scene.in_a_job()
    _held(scene, attempt.pid, signal.SIGUSR2)
    time.sleep(1)
    if not alive(attempt.pid):
        raise Violation(f"worker {attempt.pid} ended although it was busy for two seconds only")
    return f"worker {attempt.pid} held its interpreter for 2 s in job {attempt.job}"


def _held(scene: Scene, pid: int, how: signal.Signals) -> None:
    diary = scene.service.diary
    os.kill(pid, how)
    until(lambda: diary.heard("interpreter held", pid), "the interpreter is not held", PATIENCE_S)
    until(lambda: diary.heard("interpreter free", pid) or not alive(pid), "the interpreter is not let go", PATIENCE_S)


def _must_go(scene: Scene, pid: int) -> None:
    began = time.monotonic()
    until(lambda: not alive(pid), f"worker {pid} woke and works on without its lease", PATIENCE_S)
    scene.measured("woken worker ended", time.monotonic() - began)


# --- what it stands on -----------------------------------------------------------------------------------------------


def database_away(scene: Scene) -> str:
    service = scene.service
    server = until(service.postmaster, "there is no database", PATIENCE_S)
    with service.database_may_not_start():
        scene.end(server.pid, signal.SIGKILL)
        end = time.monotonic() + scene.away_s
        while time.monotonic() < end:
            if service.postmaster() is not None:
                raise Violation("the database was started by somebody who may not")
            time.sleep(0.1)
    began = time.monotonic()
    until(service.postmaster, "the database stays away", PATIENCE_S)
    scene.measured("database started again", time.monotonic() - began)
    return f"postmaster {server.pid} was gone for {scene.away_s:.0f} s"


def fill_disk(scene: Scene) -> str:
    path = scene.service.disk / "ballast"
    end = time.monotonic() + 10
    refused = 0
    try:
        with path.open("wb") as file:
            size = 0
            while time.monotonic() < end:
                try:
                    room = os.statvfs(path).f_bavail * os.statvfs(path).f_frsize
                    os.posix_fallocate(file.fileno(), size, max(room, 4096))
                    size += max(room, 4096)
                except OSError as problem:
                    if problem.errno != errno.ENOSPC:
                        raise
                    refused += 1
                time.sleep(0.02)
    finally:
        path.unlink(missing_ok=True)
    if refused < 10:
        raise Violation("the disk was not full")
    return f"the disk was full for 10 s: {size >> 20} MB of ballast, refused {refused} times"


def jump_clock(scene: Scene) -> str:
    assert scene.clock is not None
    seen = []
    for hours in (2, 0):
        set_clock(scene.clock, timedelta(hours=hours))
        until(lambda: abs(clock_offset_s(scene.service) - hours * 3600) < 600, "the clock does not jump", PATIENCE_S)  # noqa: B023
        seen.append(f"{hours:+d} h")
        time.sleep(scene.rng.uniform(2, 5))
    return f"the clock of the service jumped {', '.join(seen)}"


def make_clock(folder: Path) -> dict[str, str]:
    """Environment for processes whose clock ``set_clock`` sets. Raises ``OSError`` without a C compiler."""
    library, file = folder / "clock.so", folder / "clock"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", library, HOOKS / "clock.c"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise OSError("cc")
    set_clock(file, timedelta())
    for path in (library, file):
        path.chmod(0o644)  # the database is of another account
    return {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(file)}


def set_clock(file: Path, ahead: timedelta) -> None:
    """In place: the processes have it mapped."""
    with file.open("r+b" if file.exists() else "wb") as clock:
        clock.write(struct.pack("l", int(ahead.total_seconds())))


def clock_offset_s(service: Service) -> float:
    """How far the clock of the web is ahead of ours."""
    try:
        date = httpx.get(f"{service.address}/health/live", timeout=10).headers["date"]
    except (httpx.TransportError, KeyError):
        return float("nan")
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()


# --- consent ---------------------------------------------------------------------------------------------------------


def withdraw_recording(scene: Scene) -> str:
    """In the middle of a recording."""

    def recorded() -> list[Taken]:
        found = [one for one in scene.recordings() if one.consult_id and one.acked > 5]
        return [one for one in found if _status(scene, one) is Status.RECORDING]

    one = scene.rng.choice(until(recorded, "nothing is being recorded", PATIENCE_S))
    acked = one.acked
    _withdraw(scene, one, "withdrawal while recording")
    return f"consent was withdrawn after {acked / 10:.1f} s of a recording"


def withdraw_transcribing(scene: Scene) -> str:
    """In the middle of a job."""
    while True:
        attempt = scene.in_a_job()
        rows = scene.service.rows(
            "SELECT args->>'consult_id' AS id FROM procrastinate_jobs WHERE id = :id", id=attempt.job
        )
        ours = [one for one in scene.recordings() if rows and str(one.consult_id) == rows[0].id]
        if ours and attempt.running:
            break
    _withdraw(scene, ours[0], "withdrawal while transcribing")
    return f"consent was withdrawn during job {attempt.job}"


def _withdraw(scene: Scene, one: Taken, what: str) -> None:
    assert one.consult_id is not None
    service, consult_id = scene.service, one.consult_id
    one.withdrawn = True
    began = time.monotonic()
    scene.withdraw(one)
    jobs = [
        row.id
        for row in service.rows(
            "SELECT id FROM procrastinate_jobs WHERE args ->> 'consult_id' = :id", id=str(consult_id)
        )
    ]

    def over() -> bool:
        return not any(service.diary.running(job) for job in jobs) and not service.has_sound(consult_id)

    until(over, "work goes on, or sound is there, after a withdrawal", PATIENCE_S, every=0.01)
    scene.measured(what, time.monotonic() - began)
    if _status(scene, one) is not Status.WITHDRAWN:
        raise Violation("the consent was not withdrawn")


def _status(scene: Scene, one: Taken) -> Status:
    assert one.consult_id is not None
    return scene.service.store.consult(one.consult_id).status


FAULTS = (
    Fault("kill-web", kill_web),
    Fault("kill-worker", kill_worker),
    Fault("kill-postgres", kill_postgres),
    Fault("kill-backend", kill_backend),
    Fault("kill-web-decoder", kill_web_decoder, at_once=True),
    Fault("kill-worker-decoder", kill_worker_decoder, at_once=True),
    Fault("kill-supervisor", kill_supervisor),
    Fault("stop-web", stop_web),
    Fault("stop-worker", stop_worker),
    Fault("stop-service", stop_service),
    Fault("freeze-worker", freeze_worker),
    Fault("hold-long", hold_long),
    Fault("hold-short", hold_short),
    Fault("database-away", database_away),
    Fault("disk-full", fill_disk),
    Fault("clock", jump_clock, clocked=True),
    Fault("withdraw-recording", withdraw_recording, at_once=True),
    Fault("withdraw-transcribing", withdraw_transcribing),
)
