"""The whole service on this machine: what dies comes back, people stay logged in, nothing outlives an orderly stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from transcribe.app import listen
from transcribe.store.folders import throwaway_data_dir

pytestmark = pytest.mark.slow

PATIENCE_S = 180.0  # far more than it takes: not a measurement
LINK = re.compile(r"(http://[^/]+)/start\?ticket=[\w-]+")


def until(what: Callable[[], object], log: Path | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, log.read_text() if log else "waited in vain"
        time.sleep(0.1)


def command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it has just ended
        return []


@dataclass
class Running:
    """``transcribe serve`` in a process of its own."""

    data_dir: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def link(self) -> str:
        found = LINK.search(self.log.read_text())
        assert found is not None
        return found[0]

    def children(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children() if "-m" in command(child)]

    def child(self, *options: str) -> psutil.Process | None:
        found = [child for child in self.children() if list(options) == command(child)[-len(options) :]]
        return found[0] if found else None

    def postgres(self) -> int | None:
        """The number of its first process; None while it does not run."""
        try:
            return int((self.data_dir / "postgres/cluster/postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return None

    def ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.address}/health/ready", timeout=10)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def workers(self) -> int:
        found = httpx.get(f"{self.address}/metrics", timeout=10).text
        return sum(line.startswith("transcribe_workers{") for line in found.splitlines())

    def status(self) -> subprocess.CompletedProcess[str]:
        status = [sys.executable, "-m", "transcribe", "status", "--demo", "--data-dir", str(self.data_dir)]
        return subprocess.run(
            [*status, "--port", str(self.port)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "120"},
        )


@contextmanager
def serving(data_dir: Path, folder: Path) -> Iterator[Running]:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    log = folder / "out"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "transcribe", "serve", "--data-dir", str(data_dir), "--port", str(port)],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TRANSCRIBE_DEMO": "1", "TRANSCRIBE_LOG_FORMAT": "json"},
        )
    running = Running(data_dir=data_dir, port=port, log=log, process=process)
    try:
        until(lambda: "ticket" in log.read_text() or process.poll() is not None, log)
        assert process.poll() is None, log.read_text()
        until(lambda: running.ready() and running.workers() == 2, log)
        yield running
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    with throwaway_data_dir() as data_dir, serving(data_dir, tmp_path) as running:
        yield running


def test_what_dies_comes_back_and_people_stay_logged_in(service: Running) -> None:
    # a connection for each request: those to a process that was killed are gone
    headers = {"Connection": "close"}
    with httpx.Client(base_url=service.address, follow_redirects=True, timeout=PATIENCE_S, headers=headers) as browser:
        assert browser.get(service.link).url.path == "/"

        web = service.child("--role", "web")
        assert web is not None
        web.kill()
        until(lambda: not web.is_running())
        # no retry: the connection waits in the backlog of the socket that the supervisor holds
        assert browser.get("/").url.path == "/", "still logged in"
        assert service.child("--role", "web") != web

        for lane in ("live", "batch"):
            worker = service.child("--role", "worker", "--lane", lane)
            assert worker is not None
            worker.kill()
            until(lambda: service.child("--role", "worker", "--lane", lane) not in (None, worker))  # noqa: B023

        postgres = service.postgres()
        assert postgres is not None
        os.kill(postgres, signal.SIGKILL)
        until(lambda: service.postgres() not in (None, postgres) and service.ready())
        assert browser.get("/").url.path == "/"
        until(lambda: service.status().returncode == 0)


def test_status_tells_how_it_is_and_starts_nothing(service: Running) -> None:
    told = service.status()
    assert told.returncode == 0, told.stdout + told.stderr
    assert "demo-nl" in told.stdout
    assert "batch" in told.stdout
    assert "antwoordt op" in told.stdout

    children = [psutil.Process(service.process.pid), *service.children(), psutil.Process(service.postgres())]
    service.process.terminate()
    assert service.process.wait(PATIENCE_S) == 0
    assert not any(child.is_running() for child in children)

    told = service.status()
    assert told.returncode == 1
    assert "De dienst loopt niet" in told.stdout
    assert not (service.data_dir / "postgres/cluster/postmaster.pid").exists()


def test_a_killed_supervisor_leaves_no_child_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with throwaway_data_dir() as data_dir:
        with serving(data_dir, tmp_path) as first:
            children = first.children()
            assert len(children) == 3
            first.process.send_signal(signal.SIGKILL)
            until(lambda: not any(child.is_running() for child in children))
        with serving(data_dir, tmp_path) as second:
            assert second.status().returncode == 0


def test_no_password_is_on_a_command_line_and_every_log_line_is_json(service: Running) -> None:
    import json

    password = (service.data_dir / "postgres/password").read_text()
    for process in [psutil.Process(service.process.pid), *service.children()]:
        assert password not in " ".join(process.cmdline())
    web = service.child("--role", "web")
    assert web is not None
    web.kill()
    until(lambda: service.child("--role", "web") not in (None, web) and service.ready())
    assert service.log.read_text().count("ticket") == 1, "a link opens the screens: no new one at every restart"
    lines = [line for line in service.log.read_text().splitlines() if line.startswith("{")]
    assert any("web ended" in json.loads(line)["event"] for line in lines)
    assert password not in service.log.read_text()


@pytest.mark.parametrize("role", ["web", "worker"])
def test_one_part_alone_needs_a_database_of_its_own(tmp_path: Path, role: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "transcribe", "serve", "--role", role, "--data-dir", str(tmp_path / "d")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 3
    assert "TRANSCRIBE_DATABASE_URL" in done.stderr


def test_what_is_wrong_with_the_installation_is_said_once(tmp_path: Path) -> None:
    """And not by children that start again and again."""
    with throwaway_data_dir() as data_dir:
        done = subprocess.run(
            [sys.executable, "-m", "transcribe", "serve", "--data-dir", str(data_dir), "--model", "nergens"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            env={**os.environ, "COLUMNS": "200", "TRANSCRIBE_DEMO": "1"},
        )
    assert done.returncode == 5
    assert done.stderr.count("nergens") == 1
