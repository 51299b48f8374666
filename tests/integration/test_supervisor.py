"""Real processes under the supervisor: what dies comes back, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe import supervisor as supervising
from transcribe.supervisor import LONGEST_PAUSE_S, SHORTEST_PAUSE_S, WELL_S, Child, Pause, Supervisor

PATIENCE_S = 60.0  # far more than it takes: not a measurement

#: Notes its number and waits; says goodbye on SIGTERM.
CHILD = """
import os, pathlib, signal, sys, time
from transcribe.supervisor import end_with_parent
end_with_parent()
folder, name, how = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if how == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    def bye(*_):
        with (folder / "ends").open("a") as file:
            file.write(name + "\\n")
        sys.exit(0)
    signal.signal(signal.SIGTERM, bye)
with (folder / name).open("a") as file:
    file.write(f"{os.getpid()}\\n")
if how == "crash":
    sys.exit(70)
time.sleep(600)
"""

#: A supervisor in a process of its own, to be killed.
PARENT = """
import pathlib, signal, sys
from transcribe.supervisor import Child, Supervisor
folder = pathlib.Path(sys.argv[1])
import os
children = [Child(name=name, command=[sys.executable, "-c", sys.argv[2], str(folder), name, how],
                  environment=dict(os.environ)) for name, how in (("web", "well"), ("worker", sys.argv[3]))]
supervisor = Supervisor(children)
signal.signal(signal.SIGTERM, lambda *_: supervisor.stop())
supervisor.run()
with (folder / "ends").open("a") as file:
    file.write("database\\n")
"""


def child(folder: Path, name: str, how: str = "well") -> Child:
    return Child(
        name=name,
        command=[sys.executable, "-c", CHILD, str(folder), name, how],
        environment=dict(os.environ),
    )


def lives(folder: Path, name: str) -> list[int]:
    """The numbers of all processes that this child has been."""
    path = folder / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def running() -> Iterator[Callable[[Supervisor], Supervisor]]:
    started: list[tuple[Supervisor, threading.Thread]] = []

    def run(supervisor: Supervisor) -> Supervisor:
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        started.append((supervisor, thread))
        return supervisor

    yield run
    for supervisor, thread in started:
        supervisor.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def parent(folder: Path, how: str = "well") -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", PARENT, str(folder), CHILD, how])
    until(lambda: bool(lives(folder, "web") and lives(folder, "worker")))
    return process


def test_a_killed_child_is_started_again(tmp_path: Path, running: Callable[[Supervisor], Supervisor]) -> None:
    running(Supervisor([child(tmp_path, "web"), child(tmp_path, "worker")]))
    until(lambda: len(lives(tmp_path, "web")) == len(lives(tmp_path, "worker")) == 1)
    for round_ in (1, 2):
        os.kill(lives(tmp_path, "worker")[-1], signal.SIGKILL)
        until(lambda: len(lives(tmp_path, "worker")) == round_ + 1)  # noqa: B023  (waited for in this round)
    assert len(lives(tmp_path, "web")) == 1, "the other one was left alone"


def test_a_child_that_keeps_crashing_does_not_keep_the_others_from_running(
    tmp_path: Path, running: Callable[[Supervisor], Supervisor]
) -> None:
    running(Supervisor([child(tmp_path, "worker", "crash"), child(tmp_path, "web")]))
    until(lambda: len(lives(tmp_path, "worker")) >= 3)
    (web,) = lives(tmp_path, "web")
    assert psutil.pid_exists(web)


def test_the_log_says_when_a_child_starts_again(
    tmp_path: Path,
    running: Callable[[Supervisor], Supervisor],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    running(Supervisor([child(tmp_path, "worker", "crash")]))
    until(lambda: len(lives(tmp_path, "worker")) >= 2)
    assert "worker ended (70), starts again in 0.1 s" in caplog.text
    monkeypatch.setattr(supervising, "WELL_S", 0.0)
    until(lambda: "worker ended (70), starts again at once" in caplog.text)


def test_stopping_ends_every_child(tmp_path: Path, running: Callable[[Supervisor], Supervisor]) -> None:
    supervisor = running(Supervisor([child(tmp_path, "web"), child(tmp_path, "worker")]))
    until(lambda: bool(lives(tmp_path, "web") and lives(tmp_path, "worker")))
    supervisor.stop()
    until(lambda: not any(psutil.pid_exists(pid) for name in ("web", "worker") for pid in lives(tmp_path, name)))


def test_one_that_does_not_listen_is_killed(
    tmp_path: Path, running: Callable[[Supervisor], Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "GRACE_S", 0.5)
    supervisor = running(Supervisor([child(tmp_path, "worker", "deaf")]))
    until(lambda: bool(lives(tmp_path, "worker")))
    supervisor.stop()
    until(lambda: not psutil.pid_exists(lives(tmp_path, "worker")[0]))


def test_sigterm_ends_the_children_before_what_comes_after(tmp_path: Path) -> None:
    process = parent(tmp_path)
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    *children, last = (tmp_path / "ends").read_text().split()
    assert sorted(children) == ["web", "worker"]
    assert last == "database"
    assert not any(psutil.pid_exists(pid) for name in ("web", "worker") for pid in lives(tmp_path, name))


@pytest.mark.parametrize("how", ["well", "deaf"])
def test_no_child_outlives_a_killed_supervisor(tmp_path: Path, how: str) -> None:
    process = parent(tmp_path, how)
    process.kill()
    process.wait(PATIENCE_S)
    until(lambda: not any(psutil.pid_exists(pid) for name in ("web", "worker") for pid in lives(tmp_path, name)))


@pytest.mark.parametrize("how", ["well", "deaf"])
def test_the_end_of_the_pipe_is_enough(tmp_path: Path, how: str) -> None:
    """Where the kernel does not do it for us."""
    program = f"import sys; sys.platform = 'darwin'\n{CHILD}"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), "worker", how],
        stdin=subprocess.PIPE,
        env={**os.environ, supervising.SUPERVISED: "1"},
    )
    until(lambda: bool(lives(tmp_path, "worker")))
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE_S) == (0 if how == "well" else supervising.EXIT_ORPHANED)


def test_standard_input_of_an_ordinary_process_means_nothing(tmp_path: Path) -> None:
    """As under systemd: /dev/null, which is at its end from the start."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), "worker", "crash"], stdin=subprocess.DEVNULL
    )
    assert process.wait(PATIENCE_S) == 70


def test_the_database_is_looked_after_also_when_it_does_not_come_back_at_once(
    running: Callable[[Supervisor], Supervisor],
) -> None:
    calls: list[int] = []

    def revive() -> None:
        calls.append(1)
        raise OSError("away")

    running(Supervisor([], revive))
    until(lambda: len(calls) >= 2)


def test_nothing_is_revived_after_stopping() -> None:
    busy, go_on, after = threading.Event(), threading.Event(), []

    def revive() -> None:
        busy.set()
        go_on.wait(PATIENCE_S)
        after.append("revived")

    supervisor = Supervisor([], revive)

    def run() -> None:
        supervisor.run()
        after.append("stopped")

    thread = threading.Thread(target=run)
    thread.start()
    assert busy.wait(PATIENCE_S)
    supervisor.stop()
    go_on.set()
    thread.join(PATIENCE_S)
    assert after == ["revived", "stopped"]


@given(st.lists(st.floats(min_value=0, max_value=2 * WELL_S), max_size=30))
def test_the_pause_doubles_for_quick_ends_and_starts_over_after_a_long_life(lives_s: list[float]) -> None:
    pause = Pause()
    expected = SHORTEST_PAUSE_S
    for lived_s in lives_s:
        found = pause.after(lived_s)
        if lived_s >= WELL_S:
            assert found == 0
            expected = SHORTEST_PAUSE_S
        else:
            assert found == expected <= LONGEST_PAUSE_S
            expected = min(2 * expected, LONGEST_PAUSE_S)


def test_a_password_is_not_in_the_description_of_a_child() -> None:
    assert "geheim" not in repr(Child(name="web", command=["x"], environment={"TRANSCRIBE_DATABASE_URL": "geheim"}))
