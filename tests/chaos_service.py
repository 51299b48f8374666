"""A real service on this machine, seen from outside: its processes, its log lines, its database and its files."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from transcribe.app import access_key, listen
from transcribe.errors import StoreUnavailable
from transcribe.settings import Settings
from transcribe.store.blobs import open_blobs
from transcribe.store.embedded import EmbeddedPostgres
from transcribe.store.keys import load_master_key
from transcribe.store.postgres import PostgresStore
from transcribe.store.sound import SealedAudioStore

HOOKS = Path(__file__).with_name("chaos_hooks")
ROOT = Path(__file__).parents[1]
LIVE_WORKERS = 2
PUT_BACK = re.compile(r"job (\d+): its worker is gone")
#: As ``Settings.stale_s``.
STALE_S = 3.0
#: Of the whole service, from nothing to three workers; far more than it takes.
START_S = 90.0

T = TypeVar("T")


class Violation(AssertionError):
    """Something was promised and did not hold."""


def until(what: Callable[[], T], why: str, seconds: float, every: float = 0.02) -> T:
    """What ``what`` returns once that is true. Raises ``Violation`` after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > end:
            raise Violation(f"waited {seconds:.0f} s in vain: {why}")
        time.sleep(every)
    return found


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


# --- what the log tells ----------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Attempt:
    """One attempt at one job, as the process that made it logged it. Times are ours (monotonic)."""

    job: int
    number: int
    stage: str
    pid: int
    began: float
    ended: float | None = None

    @property
    def running(self) -> bool:
        return self.ended is None and alive(self.pid)


class Diary:
    """Every attempt at a job. An attempt that begins while another one at that job runs is ``doubled``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.attempts: list[Attempt] = []
        self.doubled: list[str] = []
        self.said: list[tuple[str, int]] = []  # all events of processes: what, pid
        self.put_back: dict[int, float] = {}  # jobs whose worker was found to be gone, and when (the last time)
        self.frozen: set[int] = set()  # processes that could not know: stopped by us for longer than their lease lasts

    def hear(self, line: bytes) -> None:
        now = time.monotonic()
        try:
            said: dict[str, Any] = json.loads(line)
            what, pid = str(said["event"]), int(said["pid"])
        except (ValueError, KeyError, TypeError):
            return
        with self._lock:
            self.said.append((what, pid))
            if found := PUT_BACK.match(what):
                self.put_back[int(found[1])] = now
            elif what == "job begins":
                self._begins(Attempt(job=said["job"], number=said["attempt"], stage=said["stage"], pid=pid, began=now))
            elif what == "job ends":
                for one in self.attempts:
                    if (one.job, one.number, one.pid) == (said["job"], said["attempt"], pid):
                        one.ended = now

    def _begins(self, new: Attempt) -> None:
        for old in self.attempts:
            if old.job == new.job and old.running and old.pid not in self.frozen:
                self.doubled.append(
                    f"job {new.job}: attempt {new.number} began in process {new.pid} while attempt {old.number} ran in "
                    f"process {old.pid}"
                )
        self.attempts.append(new)

    def running(self, job: int | None = None) -> list[Attempt]:
        with self._lock:
            found = list(self.attempts)
        return [one for one in found if one.running and job in (None, one.job)]

    def after(self, before: Attempt) -> Attempt | None:
        """The next attempt at that job."""
        with self._lock:
            later = [one for one in self.attempts if one.job == before.job and one.number > before.number]
        return later[0] if later else None

    def heard(self, what: str, pid: int) -> int:
        """How often that process said that."""
        return self.said.count((what, pid))


# --- the service -----------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """``transcribe serve`` with two workers on the live lane, in a folder of its own."""

    folder: Path
    port: int = 0
    diary: Diary = field(default_factory=Diary)
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def __post_init__(self) -> None:
        self.disk = self.folder / "disk"  # log lines go on when it is full
        self.data_dir = self.disk / "data"
        self._store: PostgresStore | None = None
        if not self.port:
            with listen("127.0.0.1", 0) as free:
                self.port = free.getsockname()[1]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- from nothing to all there -------------------------------------------------------------------------------

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        """``extra``: more environment, for every process of it. Returns when the whole service is there."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANSCRIBE_")}
        ours = {
            "TRANSCRIBE_DEMO": "1",
            "TRANSCRIBE_DATA_DIR": str(self.data_dir),
            "TRANSCRIBE_STALE_S": str(STALE_S),
            "TRANSCRIBE_LOG_FORMAT": "json",
            "PYTHONPATH": f"{HOOKS}{os.pathsep}{ROOT}",
            "OMP_NUM_THREADS": "1",  # three workers recognise at once, on whatever machine this is
        }
        self.starts += 1
        self.process = subprocess.Popen(
            [sys.executable, "-m", "transcribe", "serve", "--workers", str(LIVE_WORKERS), "--port", str(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=kept | ours | dict(extra or {}),
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        self.whole()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as lines, (self.folder / "log").open("ab") as log:
            for line in lines:
                self.diary.hear(line)
                log.write(line)
                log.flush()

    def whole(self) -> float:
        """Wait until everything is there. Returns how long that took, in seconds."""
        began = time.monotonic()
        until(self._is_whole, "the service is not whole", START_S, every=0.1)
        return time.monotonic() - began

    def _is_whole(self) -> bool:
        if self.pid is None:
            raise Violation(f"the service ended by itself ({self.process.returncode if self.process else None})")
        try:
            vitals = self.store.vitals()
            ready = httpx.get(f"{self.address}/health/live", timeout=5).status_code == 200
        except (StoreUnavailable, NotStarted, httpx.TransportError):
            return False
        there = {process.pid for process in self.children("worker")}
        # of a worker that was killed the row stays for a while, and its number may be used again
        return ready and len(there) == LIVE_WORKERS + 1 and there <= {one.pid for one in vitals.workers}

    def stop(self) -> int:
        """In order; returns the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def clear_away(self) -> None:
        """However it stands: no process is left."""
        if self._store is not None:
            self._store.close()
        if self.process is None:
            return
        family = [psutil.Process(self.process.pid), *self.family()] if self.pid else []
        with suppress(subprocess.TimeoutExpired):
            self.stop()
        postmaster = self.postmaster()
        for one in [*family, *([postmaster] if postmaster else [])]:
            with suppress(psutil.NoSuchProcess):
                one.kill()

    def complaints(self, most: int = 60) -> str:
        """The last warnings and errors it logged."""
        lines = (self.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line for line in lines if not line.startswith("{") or '"level": "info"' not in line]
        return "\n".join(["", *told[-most:]])

    # --- its processes -------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """Of the supervisor while it lives."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def children(self, role: str) -> list[psutil.Process]:
        """ "web" or "worker"."""
        found = []
        for child in self._of(self.pid):
            with suppress(psutil.Error):
                if role in child.cmdline() and alive(child.pid):
                    found.append(child)
        return found

    def family(self) -> list[psutil.Process]:
        """Everything below the supervisor but the database."""
        return [one for role in ("web", "worker") for one in self.children(role)]

    def decoders(self, role: str) -> list[psutil.Process]:
        """Children of the web or of the workers that decode a file."""
        found = []
        for parent in self.children(role):
            for child in self._of(parent.pid):
                with suppress(psutil.Error):
                    if any(part.endswith("decode_child.py") for part in child.cmdline()) and alive(child.pid):
                        found.append(child)
        return found

    def postmaster(self) -> psutil.Process | None:
        try:
            found = psutil.Process(int((self.data_dir / "postgres/cluster/postmaster.pid").read_text().split("\n")[0]))
            return found if alive(found.pid) and "postgres" in found.name() else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def backends(self) -> list[psutil.Process]:
        """The database's processes that serve a connection."""
        postmaster = self.postmaster()
        found = []
        for child in self._of(postmaster.pid if postmaster else None):
            with suppress(psutil.Error):
                if child.cmdline()[0].startswith("postgres: transcribe "):
                    found.append(child)
        return found

    def _of(self, pid: int | None) -> list[psutil.Process]:
        """Its children; from where the kernel lists them, which is fast enough to catch one that lives shortly."""
        found = []
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                for child in path.read_text().split():
                    with suppress(psutil.NoSuchProcess):
                        found.append(psutil.Process(int(child)))
        return found

    # --- its database and its files ------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Raises ``NotStarted``."""
        if not (self.data_dir / "keys/master.key").is_file():
            raise NotStarted
        url = EmbeddedPostgres(self.data_dir).running()
        if url is None:
            raise NotStarted
        return url

    @property
    def store(self) -> PostgresStore:
        """Our own, with the master key. Raises ``NotStarted`` before there is one."""
        if self._store is None:
            from sqlalchemy.exc import ProgrammingError

            try:
                self._store = PostgresStore(self.url, load_master_key(Settings(data_dir=self.data_dir)))
            except ProgrammingError as problem:  # not migrated yet
                raise NotStarted from problem
        return self._store

    def rows(self, query: str, **values: object) -> list[Any]:
        """Of the database."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def sound(self, consult_id: UUID, name: str, key: bytes) -> bytes:
        store = SealedAudioStore(open_blobs(str(self.data_dir / "audio"), self.data_dir))
        with store.open(consult_id, name, key) as file:
            return file.read()

    def has_sound(self, consult_id: UUID) -> bool:
        places = [self.data_dir / place / str(consult_id) for place in ("audio", "spool")]
        return any(place.exists() and any(place.iterdir()) for place in places)

    @property
    def access_key(self) -> str:
        return access_key(self.data_dir)

    @contextmanager
    def database_may_not_start(self) -> Iterator[None]:
        with (self.data_dir / "postgres/start.lock").open("ab") as lock:
            until(lambda: _locked(lock.fileno()), "the lock of a starting database", 30)
            yield


class NotStarted(Exception):
    """There is no database yet."""


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def own_disk(folder: Path, megabytes: int = 1024) -> Iterator[bool]:
    """Makes ``folder``, on a disk of its own when we may (root). Yields whether it is. Empty afterwards."""
    folder.mkdir(mode=0o711)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(folder)]
    root = sys.platform == "linux" and os.geteuid() == 0
    mounted = root and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
