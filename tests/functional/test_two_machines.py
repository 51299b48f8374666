"""Two machines on one PostgreSQL and one object store: whichever dies or is cut off in mid-consult, the draft comes.

As root each machine is a network namespace with one cable, to those two servers and to us; else it is processes with a
data folder of their own, and what needs a cable to pull is skipped.
"""

from __future__ import annotations

import base64
import html
import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
from sqlalchemy import URL, make_url

from tests.excerpts import excerpt
from tests.object_server import ObjectServer
from transcribe.app import listen
from transcribe.consult import Action, Status
from transcribe.store.database import database_url
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore

pytestmark = pytest.mark.slow

PATIENCE_S = 240.0  # far more than it takes: not a measurement
#: So much of a consult that there is a middle of its work.
SPOKEN_S = (0.0, 80.0)
CONSENT = {"tekst": "mondeling-nl-2026-11-23", "antwoord": "ja", "leeftijd": ">=16", "gever": "patiënt"}
HOST = "scribe.example"  # by which the proxy before a web server would make it known

#: The worker that holds the lease of a consult's job, by its process id.
RUNNER = """
    SELECT worker.pid FROM procrastinate_jobs AS job
      JOIN pg_locks AS lease ON lease.locktype = 'advisory' AND lease.objsubid = 1 AND lease.objid::bigint = job.id
       AND lease.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      JOIN pg_stat_activity AS session ON session.pid = lease.pid
      JOIN worker ON session.application_name = 'transcribe ' || worker.id
     WHERE job.args ->> 'consult_id' = %s AND job.task_name = 'uitschrijven' AND job.status = 'doing'
"""


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


# --- cables --------------------------------------------------------------------------------------------------------


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


_networks = itertools.count(secrets.randbelow(1 << 15) * 4, 4)  # of 198.18.0.0/15, which is for trials like this


class Cable:
    """A network namespace, and the one cable between it and us."""

    def __init__(self) -> None:
        self.name = f"transcribe-{secrets.token_hex(4)}"
        self._end = f"tr-{secrets.token_hex(4)}"
        network = next(_networks) % (1 << 17)
        self.ours, self.its = (f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in (network + 1, network + 2))
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self._end, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            ip("address", "add", f"{self.ours}/30", "dev", self._end)
            ip("-n", self.name, "address", "add", f"{self.its}/30", "dev", "eth0")
            ip("-n", self.name, "link", "set", "eth0", "up")
            ip("-n", self.name, "link", "set", "lo", "up")
            self.plug_in()
        except BaseException:
            self.remove()
            raise

    def plug_in(self) -> None:
        ip("link", "set", self._end, "up")

    def pull(self) -> None:
        ip("link", "set", self._end, "down")

    def remove(self) -> None:
        ip("netns", "delete", self.name)


def cables() -> bool:
    """May we lay them?"""
    if os.name != "posix" or os.geteuid() or shutil.which("ip") is None:
        return False
    try:
        Cable().remove()
    except subprocess.CalledProcessError:
        return False
    return True


class Relay(threading.Thread):
    """The servers listen on loopback and in a socket file: this is their place on a cable."""

    def __init__(self, host: str, server: Callable[[], socket.socket]) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._listener = socket.create_server((host, 0))
        self._open: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        self.start()

    def run(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                far = self._server()
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(65_536):
                other.sendall(piece)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


# --- machines ------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Machine:
    data_dir: Path
    log: Path
    environment: dict[str, str]
    cable: Cable | None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def serve(self, *options: str, **settings: str) -> subprocess.Popen[bytes]:
        """``transcribe serve`` with these options, in the process group of this machine."""
        inside = ["ip", "netns", "exec", self.cable.name] if self.cable else []  # becomes the program itself
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                [*inside, sys.executable, "-m", "transcribe", "serve", *options],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **self.environment, **settings},
                process_group=self._group() or 0,
            )
        self.processes.append(process)
        return process

    def reaches_the_database(self) -> bool:
        """After a cable was plugged in that takes a moment."""
        assert self.cable
        place = make_url(self.environment["TRANSCRIBE_DATABASE_URL"])
        attempt = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
        there = ["ip", "netns", "exec", self.cable.name, sys.executable, "-c", attempt]
        return subprocess.run([*there, str(place.host), str(place.port)], capture_output=True).returncode == 0

    def dies(self) -> None:
        """All of it at once, with no last words."""
        if group := self._group():
            os.killpg(group, signal.SIGKILL)
        for process in self.processes:
            process.wait()

    def _group(self) -> int | None:
        """Of what runs on it."""
        return next((os.getpgid(process.pid) for process in self.processes if process.poll() is None), None)


@dataclass(kw_only=True)
class Site:
    """What the machines share, and the test's own look at it."""

    database: URL
    blob_store: str
    objects: ObjectServer
    key: bytes
    folder: Path
    store: PostgresStore
    connection: psycopg.Connection[tuple[object, ...]]
    with_cables: bool
    stack: ExitStack

    def machine(self, **settings: str) -> Machine:
        data_dir = self.stack.enter_context(throwaway_data_dir())
        cable = None
        database, objects = self.database, self.objects.url
        if self.with_cables:
            cable = Cable()
            self.stack.callback(cable.remove)
            database, objects = self._on(cable)
        machine = Machine(
            data_dir=data_dir,
            log=self.folder / f"{data_dir.name}.log",
            cable=cable,
            environment={
                **self.objects.environment,
                "AWS_ENDPOINT_URL": objects,
                "TRANSCRIBE_BLOB_STORE": self.blob_store,
                "TRANSCRIBE_DATABASE_URL": database.render_as_string(hide_password=False),
                "TRANSCRIBE_DATA_DIR": str(data_dir),
                "TRANSCRIBE_DEMO": "1",
                "TRANSCRIBE_DEVICE": "cpu",
                "TRANSCRIBE_LOG_FORMAT": "json",
                "TRANSCRIBE_MASTER_KEY": base64.b64encode(self.key).decode(),
                "TRANSCRIBE_MASTER_KEY_FROM": "env",
                "TRANSCRIBE_STALE_S": "3",
                **settings,
            },
        )
        self.stack.callback(machine.dies)
        return machine

    def _on(self, cable: Cable) -> tuple[URL, str]:
        """The addresses of both servers at our end of it."""
        folder, number = str(self.database.query["host"]), self.database.query.get("port", self.database.port or 5432)
        place = make_url(self.objects.url)

        def postgres() -> socket.socket:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(f"{folder}/.s.PGSQL.{number}")
            return connection

        def objects() -> socket.socket:
            return socket.create_connection((place.host, place.port))

        ports = []
        for server in (postgres, objects):
            relay = Relay(cable.ours, server)
            self.stack.callback(relay.close)
            ports.append(relay.port)
        database = self.database.set(host=cable.ours, port=ports[0], query={})
        return database, f"http://{cable.ours}:{ports[1]}"

    def web(self, machine: Machine, **settings: str) -> Browser:
        """A web server there, and somebody who logged in."""
        host = machine.cable.its if machine.cable else "127.0.0.1"
        with listen("127.0.0.1", 0) as free:
            port = free.getsockname()[1]
        named = {"TRANSCRIBE_PUBLIC_HOST": HOST} | settings
        process = machine.serve("--role", "web", "--host", host, "--port", str(port), **named)
        client = httpx.Client(base_url=f"http://{host}:{port}", headers={"Host": HOST}, timeout=PATIENCE_S)
        browser = Browser(client=self.stack.enter_context(client))
        until(lambda: browser.answers() or process.poll() is not None)
        assert process.poll() is None, machine.log.read_text()
        browser.log_in((machine.data_dir / "keys/access.key").read_text())
        return browser

    def worker(self, machine: Machine) -> subprocess.Popen[bytes]:
        process = machine.serve("--role", "worker", "--lane", "live")
        until(lambda: self._at_work(process.pid) or process.poll() is not None)
        assert process.poll() is None, machine.log.read_text()
        return process

    def _at_work(self, pid: int) -> bool:
        return pid in {worker.pid for worker in self.store.vitals().workers}

    def one(self, query: str, *parameters: object) -> object:
        row = self.connection.execute(query, parameters).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None

    def runner(self, consult_id: UUID) -> object:
        return self.one(RUNNER, str(consult_id))

    def heard_s(self, consult_id: UUID) -> float:
        """Of finished pieces."""
        return sum(window.end_s - window.start_s for window in self.store.kept(consult_id).windows)

    def in_the_middle(self, consult_id: UUID) -> bool:
        return self.runner(consult_id) is not None and len(self.store.kept(consult_id).windows) >= 2

    def drafted(self, *consult_ids: UUID) -> bool:
        found = [self.store.consult(consult_id) for consult_id in consult_ids]
        assert all(consult.reason is None for consult in found)
        return all(consult.status is Status.DRAFTED for consult in found)

    def was_done_once(self, consult_id: UUID) -> bool:
        done = Counter(event.action for event in self.store.events(consult_id))
        return done[Action.TRANSCRIBED] == done[Action.DRAFTED] == 1

    def attempts(self, consult_id: UUID) -> object:
        query = (
            "SELECT attempts FROM procrastinate_jobs WHERE args ->> 'consult_id' = %s AND task_name = 'uitschrijven'"
        )
        return self.one(query, str(consult_id))


@dataclass(frozen=True, kw_only=True)
class Browser:
    client: httpx.Client

    def answers(self) -> bool:
        try:
            return self.client.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def log_in(self, key: str) -> None:
        answer = self.client.post("/login", data={"sleutel": key})
        assert answer.status_code == 303
        cookie, *rules = answer.headers["set-cookie"].split("; ")
        assert "Secure" in rules
        self.client.headers["Cookie"] = cookie  # we stand where the proxy does, and speak no TLS

    def bring_in(self, reference: str) -> UUID:
        """A consent and a recording."""
        token = re.search(r'name="token" value="([^"]+)"', self.client.get("/").text)
        assert token
        made = self.client.post("/consult/nieuw", data={"token": token[1], "kenmerk": reference, **CONSENT})
        assert made.status_code == 303, made.text
        page = made.headers["location"]
        sent = self.client.put(
            f"{page}/opname/huisarts-links",
            content=excerpt("keelpijn", *SPOKEN_S),
            headers={"X-CSRF-Token": token[1], "Content-Type": "application/octet-stream"},
        )
        assert sent.is_success, sent.text
        return UUID(page.rsplit("/", 1)[1])

    def problems(self) -> list[str]:
        found: list[str] = self.client.get("/health/ready").json()["problems"]
        return found


@pytest.fixture(scope="module")
def with_cables() -> bool:
    return cables()


@pytest.fixture
def site(postgres_url: str, object_server: ObjectServer, with_cables: bool, tmp_path: Path) -> Iterator[Site]:
    key = os.urandom(32)
    url = database_url(postgres_url)
    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with (
        closing(PostgresStore(postgres_url, MasterKey.of(key))) as store,
        psycopg.connect(conninfo, autocommit=True) as connection,
        ExitStack() as stack,
    ):
        yield Site(
            database=url.set(drivername="postgresql"),
            blob_store=object_server.address(),
            objects=object_server,
            key=key,
            folder=tmp_path,
            store=store,
            connection=connection,
            with_cables=with_cables,
            stack=stack,
        )


@pytest.mark.parametrize("dying", [0, 1], ids=["with the web on it", "with a worker only"])
def test_a_machine_dies_in_mid_consult_and_the_other_goes_on_where_it_was(site: Site, dying: int) -> None:
    machines = [site.machine(), site.machine()]
    browser = site.web(machines[0])
    workers = [site.worker(machine) for machine in machines]
    # two, so that each of them has one
    consults = [browser.bring_in(reference) for reference in ("HIS-1", "HIS-2")]
    until(lambda: all(map(site.in_the_middle, consults)))
    its = next(consult_id for consult_id in consults if site.runner(consult_id) == workers[dying].pid)
    heard_s = site.heard_s(its)
    machines[dying].dies()
    assert site.store.consult(its).status is Status.RECORDED

    until(lambda: site.drafted(*consults))
    assert all(map(site.was_done_once, consults))
    assert [site.attempts(consult_id) for consult_id in consults] == [1 + (one == its) for one in consults]
    length_s = sum(site.store.consult(consult_id).audio_s or 0 for consult_id in consults)
    assert heard_s > 0
    # what the dead machine had finished was not done again
    assert site.store.vitals().audio_s <= length_s - heard_s + 0.01


def test_the_web_machine_dies_and_another_shows_the_draft(site: Site) -> None:
    first, second = site.machine(), site.machine()
    browser = site.web(first)
    site.worker(second)
    consult_id = browser.bring_in("HIS-1")
    until(lambda: site.in_the_middle(consult_id))
    first.dies()
    until(lambda: site.drafted(consult_id))
    assert site.was_done_once(consult_id)
    assert site.attempts(consult_id) == 1

    found = site.store.note(consult_id)
    assert found is not None
    page = html.unescape(site.web(second).client.get(f"/consult/{consult_id}").text)
    lines = [line.text for line in found[1].lines()]
    assert lines
    assert all(line in page for line in lines)


def test_a_machine_that_is_cut_off_loses_its_work_and_ends_itself(site: Site) -> None:
    """As after a power cut: nobody tells the database that it is gone."""
    if not site.with_cables:
        pytest.skip("needs a network namespace: root, and the program ip")
    first, second = site.machine(), site.machine()
    browser = site.web(first)
    cut_off = site.worker(second)
    consult_id = browser.bring_in("HIS-1")
    until(lambda: site.in_the_middle(consult_id))
    assert second.cable
    second.cable.pull()
    assert site.store.consult(consult_id).status is Status.RECORDED
    site.worker(first)
    until(lambda: site.drafted(consult_id))
    assert cut_off.wait(PATIENCE_S) == 70
    second.cable.plug_in()
    until(second.reaches_the_database)
    site.worker(second)
    assert site.was_done_once(consult_id)
    assert site.attempts(consult_id) == 2


def test_work_for_a_gpu_is_left_alone_by_a_worker_without_one(site: Site) -> None:
    first, second = site.machine(), site.machine()
    site.worker(second)
    for_gpu = site.web(first, TRANSCRIBE_ASR_ON="gpu")
    waiting = for_gpu.bring_in("HIS-1")
    done = site.web(second).bring_in("HIS-2")
    until(lambda: site.drafted(done))
    assert site.store.consult(waiting).status is Status.RECORDED
    assert site.attempts(waiting) == 0
    assert site.store.vitals().unserved == ("asr.live.gpu",)
    assert for_gpu.problems() == ["no-worker"]
