"""Sound at rest: one sealed file for each name under ``folder/<consult id>/``. See ``ports.AudioStore``."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from transcribe.errors import DiskFull, NotFound
from transcribe.store.crypto import SealingWriter, context, open_file
from transcribe.store.folders import make_private, sync_folder

_OURS = re.compile(r"[a-z][a-z0-9-]{0,40}")
_HALF = ".part"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class FileAudioStore:
    """Files on a local disk or a share. Thread-safe; several processes may use the same folder."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder (not its parents) and clears away what crashed writers left."""
        self._folder = make_private(folder)
        for half in self._folder.glob(f"*/*{_HALF}"):
            _remove_abandoned(half)

    def write(self, consult_id: UUID, name: str, key: bytes, chunks: Iterable[bytes]) -> int:
        """Raises ``DiskFull``; ``NotFound`` when the consult was deleted in the meantime."""
        target = self._path(consult_id, name)
        with _disk_full():
            if not target.parent.is_dir():
                make_private(target.parent)
                sync_folder(self._folder)
            half, file = _new_half(target)
            try:
                with file:
                    with SealingWriter(file, key, _place(consult_id, name)) as writer:
                        for chunk in chunks:
                            writer.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                    # still open, so still locked: no other process takes it for abandoned
                    half.replace(target)
            except FileNotFoundError as problem:
                if half.exists():
                    raise  # from ``chunks``: not about us
                raise NotFound from problem
            finally:
                half.unlink(missing_ok=True)
            sync_folder(target.parent)
        return writer.plain_bytes

    def open(self, consult_id: UUID, name: str, key: bytes) -> BinaryIO:
        """Also raises ``Unreadable`` for a damaged file or another key."""
        try:
            source = self._path(consult_id, name).open("rb")
        except FileNotFoundError as problem:
            raise NotFound from problem
        return open_file(source, key, _place(consult_id, name))

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        if name is not None:
            path = self._path(consult_id, name)
            if path.exists():
                path.unlink(missing_ok=True)
                sync_folder(path.parent)
            return
        folder = self._folder / str(consult_id)
        if not folder.is_dir():
            return
        # halves too: a writer that is still busy finds its file gone and stores nothing
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        sync_folder(folder)
        with suppress(OSError):  # a new file came in between, or another process was first
            folder.rmdir()

    def _path(self, consult_id: UUID, name: str) -> Path:
        if not _OURS.fullmatch(name):
            raise ValueError("names of recordings are ours: lower case letters, digits and hyphens")
        # str(UUID(...)): whatever the caller passed, only an id becomes a folder name
        return self._folder / str(UUID(str(consult_id))) / name


def _place(consult_id: UUID, name: str) -> bytes:
    return context("audio", consult_id, name)


@contextmanager
def _disk_full() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in _NO_ROOM:
            raise DiskFull from problem
        raise


def _new_half(target: Path) -> tuple[Path, BinaryIO]:
    """A new locked file beside ``target``, 0600."""
    while True:
        half = target.with_name(f"{target.name}.{secrets.token_hex(8)}{_HALF}")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        file = os.fdopen(descriptor, "wb")
        if _lock(file) and half.exists():
            return half, file
        file.close()  # a starting process took it for abandoned before we held the lock


def _remove_abandoned(half: Path) -> None:
    """Remove a half file whose writer is gone: a writer holds a lock for as long as it lives."""
    try:
        file = half.open("rb")
    except FileNotFoundError:
        return  # its writer has just finished
    with file:
        if _lock(file):
            half.unlink(missing_ok=True)


def _lock(file: BinaryIO) -> bool:
    """Try to be the only one with this file open for writing; gone with the process."""
    if os.name != "posix":
        return True  # there an open file can't be removed anyway
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
