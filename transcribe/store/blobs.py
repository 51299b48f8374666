"""Where sealed sound lies: opaque objects named (consult id, name), in a folder or in an S3-compatible store.

Back-up and the sweep for left-overs work on this layer; what is in an object is the business of ``sound.py``.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

from transcribe.errors import N_, NO_ROOM, DiskFull, NotFound, SetupProblem, StoreUnavailable
from transcribe.store.crypto import Sink
from transcribe.store.folders import make_private, sync_folder

log = logging.getLogger(__name__)

_OURS = re.compile(r"[a-z][a-z0-9-]{0,40}")
_HALF = ".part"


class BlobsUnavailable(StoreUnavailable):
    """The object store can't be reached, refuses us or did not answer in time."""

    text = N_(
        "De opslag van het geluid is niet bereikbaar. Probeer het zo opnieuw; blijft het zo, "
        "waarschuw dan de beheerder."
    )


class Blobs(Protocol):
    """Thread-safe; several processes may use the same place. Names that are not ours raise ``ValueError``.

    Everything may raise ``BlobsUnavailable``, reading from an opened object too.
    """

    def write(self, consult_id: UUID, name: str) -> AbstractContextManager[Sink]:
        """What is written in the block is there, durably and as a whole, when the block has ended well.

        Else nothing is there, or what was there before: also when the process dies. Raises ``DiskFull``.
        """
        ...

    def open(self, consult_id: UUID, name: str) -> BinaryIO:
        """Seekable. Raises ``NotFound``; so does reading from an object in a store that was replaced or deleted."""
        ...

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        """One name, or all of the consult; fine when there is none."""
        ...

    def consults(self) -> list[UUID]:
        """Those that have something here."""
        ...

    def names(self, consult_id: UUID) -> list[str]:
        """Sorted; only what is whole."""
        ...


def open_blobs(location: str, default: Path, *, check: bool = False, known: bool = False) -> Blobs:
    """The place an administrator names: empty for ``default``, a folder, or ``s3://bucket/prefix``.

    Raises ``SetupProblem`` for an address that can't be one and for a folder that can't be used; with ``check`` also
    for a store that does not answer or refuses us. ``known``: it was used before, so a folder that is not there is one
    that is away for a while, like a store that does not answer.
    """
    if location.startswith("s3:"):
        from transcribe.store.objects import ObjectBlobs

        objects = ObjectBlobs(location)
        if check:
            objects.check()
        return objects
    if "://" in location:
        # not repeated: there may be a password in it
        raise SetupProblem(problem="--blob-store moet een map zijn of een adres als s3://bucket/map.")
    folder = folder_of(location, default)
    try:
        return FolderBlobs(folder)
    except OSError as problem:
        if known:
            return FolderBlobs(folder, away=True)
        raise SetupProblem(
            problem=f"de map {folder} voor het geluid is niet te maken of te lezen ({problem.strerror}). Controleer of "
            "de map erboven bestaat en van u is (--blob-store)."
        ) from problem


def folder_of(location: str, default: Path) -> Path:
    """Where that is on a disk; for what is no address of a store."""
    return Path(location).expanduser().absolute() if location else default


def place(consult_id: UUID, name: str) -> str:
    """``<consult id>/<name>``, the same in a folder and in a bucket. Raises ``ValueError``."""
    if not is_ours(name):
        raise ValueError("names of recordings are ours: lower case letters, digits and hyphens")
    return f"{checked(consult_id)}/{name}"


def is_ours(name: str) -> bool:
    return _OURS.fullmatch(name) is not None


def checked(consult_id: UUID) -> UUID:
    """Whatever the caller passed, only an id becomes part of a path. Raises ``ValueError``."""
    return UUID(str(consult_id))


def as_consult(name: str) -> UUID | None:
    """The consult whose folder is named so; None when it is not one of ours."""
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if str(found) == name else None


class FolderBlobs:
    """Files on a local disk or a share, one for each name under ``folder/<consult id>/``."""

    def __init__(self, folder: Path, *, away: bool = False) -> None:
        """Makes the folder (not its parents) and clears away what crashed writers left, unless it is ``away`` now."""
        self._folder = folder
        if away:
            return
        make_private(folder)
        for half in self._folder.glob(f"*/*{_HALF}"):
            _remove_abandoned(half)

    @contextmanager
    def write(self, consult_id: UUID, name: str) -> Iterator[Sink]:
        """Also raises ``NotFound`` when the consult was deleted in the meantime."""
        target = self._folder / place(consult_id, name)
        with _disk_full():
            if not target.parent.is_dir():
                make_private(target.parent)
                sync_folder(self._folder)
            half, file = _new_half(target)
            try:
                with file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                    # still open, so still locked: no other process takes it for abandoned
                    try:
                        half.replace(target)
                    except FileNotFoundError as problem:
                        raise NotFound from problem
            finally:
                half.unlink(missing_ok=True)
            sync_folder(target.parent)

    def open(self, consult_id: UUID, name: str) -> BinaryIO:
        try:
            return (self._folder / place(consult_id, name)).open("rb")
        except FileNotFoundError as problem:
            raise NotFound from problem

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        if name is not None:
            path = self._folder / place(consult_id, name)
            if path.exists():
                path.unlink(missing_ok=True)
                sync_folder(path.parent)
            return
        folder = self._folder / str(checked(consult_id))
        if not folder.is_dir():
            return
        # halves too: a writer that is still busy finds its file gone and stores nothing
        with suppress(FileNotFoundError):  # another process was first
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            sync_folder(folder)
        with suppress(OSError):  # a new file came in between
            folder.rmdir()

    def consults(self) -> list[UUID]:
        """Also those of which a crash left no more than an empty folder."""
        return [found for path in self._folder.iterdir() if (found := as_consult(path.name))]

    def names(self, consult_id: UUID) -> list[str]:
        try:
            paths = list((self._folder / str(checked(consult_id))).iterdir())
        except FileNotFoundError:
            return []
        except OSError as problem:  # a mount point that is not for us, a share that went away
            log.warning("folder of the sound: %s", errno.errorcode.get(problem.errno or 0))
            raise BlobsUnavailable from problem
        return sorted(path.name for path in paths if is_ours(path.name))


@contextmanager
def _disk_full() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in NO_ROOM:
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
