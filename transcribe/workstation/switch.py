"""The buttons of a recording that is made at this machine, for other programs: a foot pedal, a hotkey, a script.

A Unix socket in the data folder, for our own account only. A lock beside it, which goes with the process, says whether
anybody records: a socket that a crash left behind is no recorder.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transcribe.errors import N_, Conflict, Refused, SetupProblem

_LOCK, _SOCKET = "record.lock", "record.sock"
_MOST = 256  # bytes of a question or an answer
_PATH_MAX = 103  # bytes; as long as a socket's name may be
ANSWER_S = 5.0


class AlreadyRecording(Conflict):
    text = N_("Op deze machine loopt al een opname met transcribe record. Rond die eerst af: transcribe record stop.")


class NobodyRecords(Refused):
    text = N_("Er loopt nu geen opname met transcribe record op deze machine.")


class NoSwitch(SetupProblem):
    text = N_(
        "Op dit systeem is een opname niet van buiten af te bedienen. Stop haar met Ctrl-C in haar eigen venster."
    )


class Switch:
    """Held by the one who records. Nothing here waits for another program longer than a moment."""

    def __init__(self, folder: Path) -> None:
        """Raises ``AlreadyRecording``."""
        self._folder = folder
        self._lock = -1
        self._socket: socket.socket | None = None
        if os.name != "posix":
            return
        self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(self._lock):
            self.close()
            raise AlreadyRecording
        try:
            (folder / _SOCKET).unlink(missing_ok=True)
            self._socket = socket.socket(socket.AF_UNIX)
            with _named(folder) as name:
                self._socket.bind(name)
            (folder / _SOCKET).chmod(0o600)
            self._socket.listen()
            self._socket.setblocking(False)
        except BaseException:
            self.close()
            raise

    def answer(self, reply: Callable[[str], str]) -> None:
        """Everybody who asks something now."""
        while self._socket is not None:
            try:
                asking, _ = self._socket.accept()
            except OSError:
                return
            with asking, suppress(OSError, UnicodeDecodeError):
                asking.settimeout(0.2)
                asking.sendall(reply(asking.recv(_MOST).decode("ascii")).encode("utf-8"))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            (self._folder / _SOCKET).unlink(missing_ok=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def ask(folder: Path, question: str) -> str:
    """The answer of whoever records here. Raises ``NobodyRecords``, ``NoSwitch``."""
    if os.name != "posix":
        raise NoSwitch
    try:
        with socket.socket(socket.AF_UNIX) as line, _named(folder) as name:
            line.settimeout(ANSWER_S)
            line.connect(name)
            line.sendall(question.encode("ascii"))
            answer = line.recv(_MOST)
    except PermissionError:
        raise
    except OSError:
        raise NobodyRecords from None
    if not answer:
        raise NobodyRecords
    return answer.decode("utf-8")


def _locked(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _named(folder: Path) -> Iterator[str]:
    """A name of the socket that is short enough. Raises ``NoSwitch`` when the system knows none."""
    name = str(folder / _SOCKET)
    if len(os.fsencode(name)) <= _PATH_MAX:
        yield name
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        short = f"/proc/self/fd/{opened}"
        if not os.path.isdir(short):  # noqa: PTH112  (a name, not a place of ours)
            raise NoSwitch
        yield f"{short}/{_SOCKET}"
    finally:
        os.close(opened)
