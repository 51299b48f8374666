"""A few processes that must keep running: started, started again when they end, and ended with us, however we end.

The supervisor itself does so little that it has no reason to fail: it holds no model, no connection and no sound. What
it promises:

- a child that ends is started again at once; one that keeps ending waits longer each time (``Pause``);
- no child outlives us: on Linux the kernel kills it (``PR_SET_PDEATHSIG``), everywhere the end of a pipe that only we
  hold open tells it to go within two seconds (``end_with_parent``, which the child calls first of all);
- an orderly stop is: SIGTERM to every child, ``GRACE_S`` to finish, SIGKILL for who is left, then our caller's turn
  (the database goes last).

What a child must not show on its command line comes in its environment: ``/proc/<pid>/environ`` can be read by the
same user and by root alone, ``/proc/<pid>/cmdline`` by everybody.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

#: In the environment of our children: which life this is (1, 2, ...). Standard input is the pipe that ends with us.
SUPERVISED = "TRANSCRIBE_SUPERVISED"
GRACE_S = 20.0  # from SIGTERM to SIGKILL
POLL_S = 0.1
REVIVE_S = 1.0
#: A child that lived for so long was well: what it does after that is a new story.
WELL_S = 30.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
#: From the end of the pipe to a hard exit.
LAST_WORDS_S = 1.5
EXIT_ORPHANED = 71

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # the whole of it; may hold passwords
    keep_open: Sequence[int] = ()  # file descriptors that it gets under the same number: a listening socket


class Pause:
    """How long to wait before the next start, in seconds."""

    def __init__(self) -> None:
        self._next_s = SHORTEST_PAUSE_S

    def after(self, lived_s: float) -> float:
        """0.1 after an end, doubling to 10 for one that ends quickly again and again; 0 for one that lived long."""
        if lived_s >= WELL_S:
            self._next_s = SHORTEST_PAUSE_S
            return 0.0
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_PAUSE_S)
        return pause_s


class Supervisor:
    """``run`` in one thread until ``stop`` is called in any other, or in a signal handler."""

    def __init__(self, children: Sequence[Child], revive: Callable[[], None] = lambda: None) -> None:
        """``revive``: brings our own database back, fine when it runs; called every second, in a thread of its own."""
        self._kept = [_Kept(child) for child in children]
        self._revive = revive
        self._stopping = False

    def stop(self) -> None:
        # no Event: setting one in a signal handler that interrupts its own wait would lock up
        self._stopping = True

    def run(self) -> None:
        """Keep the children running; after ``stop`` end them all, and only then return.

        The thread that calls this must live as long as the children may: on Linux they end with that very thread.
        """
        reviver = threading.Thread(target=self._keep_reviving, name="revive", daemon=True)
        reviver.start()
        try:
            while not self._stopping:
                for kept in self._kept:
                    kept.look()
                time.sleep(POLL_S)
        finally:
            self._stopping = True
            self._end()
            reviver.join()  # so that nothing starts a database that our caller is about to stop

    def _end(self) -> None:
        for kept in self._kept:
            kept.ask_to_stop()
        deadline = time.monotonic() + GRACE_S
        for kept in self._kept:
            kept.wait_or_kill(deadline)

    def _keep_reviving(self) -> None:
        trouble = ""  # said once, not every second
        while not self._stopping:
            try:
                self._revive()
                trouble = ""
            except Exception as error:  # noqa: BLE001  (whatever it is, the next round tries again)
                if type(error).__name__ != trouble:
                    trouble = type(error).__name__
                    log.error("the database does not start again (%s)", trouble)
            end = time.monotonic() + REVIVE_S
            while not self._stopping and time.monotonic() < end:
                time.sleep(POLL_S)


class _Kept:
    """One child, over all its lives."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._pause = Pause()
        self._lives = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._due = 0.0  # when it may start (again), on the monotonic clock

    def look(self) -> None:
        """Start it when it does not run and its pause is over."""
        if self._process is not None and self._process.poll() is not None:
            pause_s = self._pause.after(time.monotonic() - self._started)
            when = f"in {pause_s:.1f} s" if pause_s else "at once"
            log.warning("%s ended (%d), starts again %s", self._child.name, self._process.returncode, when)
            self._forget()
            self._due = time.monotonic() + pause_s
        if self._process is None and time.monotonic() >= self._due:
            self._start()

    def ask_to_stop(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def wait_or_kill(self, deadline: float) -> None:
        """``deadline``: on the monotonic clock."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("%s does not stop and is killed", self._child.name)
            self._process.kill()
            self._process.wait()
        self._forget()

    def _start(self) -> None:
        self._started = time.monotonic()
        self._lives += 1
        try:
            self._process = subprocess.Popen(
                list(self._child.command),
                stdin=subprocess.PIPE,
                env={**self._child.environment, SUPERVISED: str(self._lives)},
                pass_fds=tuple(self._child.keep_open),
                process_group=0,  # Ctrl-C at our terminal is for us: we stop the children in order
            )
        except OSError as error:  # no memory, no processes left
            self._due = time.monotonic() + self._pause.after(0.0)
            log.error("%s can't be started (%s)", self._child.name, type(error).__name__)

    def _forget(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None


@contextmanager
def supervised(children: Sequence[Child], revive: Callable[[], None] = lambda: None) -> Iterator[None]:
    """The children run beside the block and are gone when it ends."""
    supervisor = Supervisor(children, revive)
    thread = threading.Thread(target=supervisor.run, name="supervisor")
    thread.start()
    try:
        yield
    finally:
        supervisor.stop()
        thread.join()


def end_with_parent() -> int:
    """In a child, first of all: from here on it ends when the supervisor has ended, however that did.

    Returns which life of the child this is, 1 for the first; 0, and nothing happens, in a process without supervisor.
    """
    life = int(os.environ.pop(SUPERVISED, "0"))  # taken out: our own children have other parents
    if not life:
        return 0
    if sys.platform == "linux":
        import ctypes

        # also ends a process whose threads are all busy in C
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # a number of its own: whoever reads standard input, or closes it, must not take this for the supervisor's end
    pipe = os.dup(0)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  (a device)
        os.dup2(nothing.fileno(), 0)
    threading.Thread(target=_wait_for_end, args=(pipe,), name="parent", daemon=True).start()
    return life


def _wait_for_end(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_WORDS_S)
    os._exit(EXIT_ORPHANED)
