"""Sealed files that leave this machine: back-ups, and copies of the wrapped data keys.

    file = magic (8) | length (4) | label: JSON, readable | sealed stream (``crypto.py``)

Each file has a key of its own, which stands in the label, wrapped by the master key. What the label says is bound to
that key and to the stream: a file of one kind is never taken for another. In the stream: members, a name and its bytes
each, so that nothing needs to know beforehand how long it will be.

A file is written beside (``.part``), synced and renamed: half of one is never taken for a whole one.
"""

from __future__ import annotations

import base64
import io
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from transcribe.errors import NO_ROOM, BackupProblem, DiskFull, Unreadable
from transcribe.store.crypto import SealingWriter, context, new_key, open_file
from transcribe.store.folders import sync_folder
from transcribe.store.keys import MasterKey

_MAGIC = b"TSCRENV1"
_LENGTH = struct.Struct(">I")
_LABEL_MAX_BYTES = 4096
_PART = ".part"


class Torn(BackupProblem):
    """Broken off or damaged: nothing of it is used."""


class Kind(StrEnum):
    BACKUP = "reservekopie"
    KEYS = "sleutelkopie"


@dataclass(frozen=True, kw_only=True)
class Label:
    """What can be read without the master key."""

    kind: Kind
    id: UUID
    master: str  # fingerprint of the master key that wrapped ``wrapped``
    wrapped: bytes

    def open(self, master_key: MasterKey, path: Path) -> bytes:
        """The key of the file. Raises ``BackupProblem`` for another master key."""
        if not master_key.opens(self.master):
            raise BackupProblem(
                problem=f"{path} is verzegeld met een andere hoofdsleutel ({self.master}) dan hier staat "
                f"({master_key.id}). Zet eerst de hoofdsleutel terug die bij deze {self.kind} hoort."
            )
        return master_key.unwrap_file(self.wrapped, f"{self.kind}/{self.id}", self.master)

    @property
    def place(self) -> bytes:
        return context("envelope", self.kind, self.id)


@contextmanager
def write_envelope(
    path: Path, kind: Kind, file_id: UUID, master_key: MasterKey, *, whole: Callable[[], None] = lambda: None
) -> Iterator[SealingWriter]:
    """What is written in the block is there, whole, when the block has ended well; else nothing, or what was there.

    ``whole`` is called when all of it is on the disk, before it gets its name.

    Of a copy of the keys, the one that was there before is overwritten on the disk, as far as the disk lets itself be
    overwritten. One writer at a time: that is the caller's to see to.
    """
    key = new_key()
    label = {
        "kind": kind.value,
        "id": str(file_id),
        "master": master_key.id,
        "wrapped": base64.b64encode(master_key.wrap(key, f"{kind}/{file_id}")).decode(),
    }
    encoded = json.dumps(label).encode()
    part = path.with_name(path.name + _PART)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + _LENGTH.pack(len(encoded)) + encoded)
            with SealingWriter(file, key, context("envelope", kind, file_id)) as writer:
                yield writer
            file.flush()
            os.fsync(file.fileno())
        whole()
        with _overwritten(path) if kind is Kind.KEYS else nullcontext():
            part.replace(path)
            sync_folder(path.parent)
    except BaseException as problem:
        part.unlink(missing_ok=True)
        if isinstance(problem, OSError) and problem.errno in NO_ROOM:
            raise DiskFull from problem
        raise


@contextmanager
def _overwritten(path: Path) -> Iterator[None]:
    """After the block, in which the name goes to another file: zeros over the bytes of the one that had it."""
    try:
        old = path.open("r+b")
    except FileNotFoundError:
        yield
        return
    with old:
        yield
        left = old.seek(0, io.SEEK_END)
        old.seek(0)
        while left:
            left -= old.write(bytes(min(left, 1 << 20)))
        old.flush()
        os.fsync(old.fileno())


def read_label(path: Path, kind: Kind) -> Label:
    """Raises ``BackupProblem`` for a file of another kind, ``OSError`` as opening does."""
    with path.open("rb") as file:
        return _label(file, path, kind)


def open_envelope(path: Path, kind: Kind, master_key: MasterKey) -> tuple[Label, BinaryIO]:
    """The label and the plain stream. Raises ``BackupProblem``; reading raises ``Unreadable`` where it is damaged."""
    file = path.open("rb")
    try:
        label = _label(file, path, kind)
        rest = io.BufferedReader(_Rest(file, file.tell()))
        stream = open_file(rest, label.open(master_key, path), label.place)
    except Unreadable:
        file.close()
        raise torn(path, kind) from None
    except BaseException:
        file.close()
        raise
    return label, stream


def torn(path: Path, kind: Kind) -> Torn:
    return Torn(
        problem=f"{path} is afgebroken of beschadigd en wordt niet gebruikt. Neem een andere {kind}, of kopieer hem "
        "opnieuw van de schijf waarop hij is gemaakt."
    )


def _label(file: BinaryIO, path: Path, kind: Kind) -> Label:
    """Leaves the file at the start of the stream."""
    try:
        start = file.read(len(_MAGIC) + _LENGTH.size)
        if not start.startswith(_MAGIC):
            raise ValueError
        (length,) = _LENGTH.unpack_from(start, len(_MAGIC))
        if length > _LABEL_MAX_BYTES:
            raise ValueError
        found = json.loads(file.read(length))
        label = Label(
            kind=Kind(found["kind"]),
            id=UUID(found["id"]),
            master=str(found["master"]),
            wrapped=base64.b64decode(found["wrapped"], validate=True),
        )
    except (ValueError, struct.error, KeyError, TypeError, AttributeError):
        raise Torn(problem=f"{path} is geen {kind} van transcribe, of beschadigd aan het begin.") from None
    if label.kind is not kind:
        raise BackupProblem(problem=f"{path} is een {label.kind}; hier is een {kind} nodig.")
    return label


class _Rest(io.RawIOBase):
    """A file from some place on, as if it began there. Owns the file."""

    def __init__(self, file: io.BufferedReader, start: int) -> None:
        super().__init__()
        self._file = file
        self._start = start

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed: any Buffer
        return self._file.readinto(buffer)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset + self._start if whence == io.SEEK_SET else offset, whence) - self._start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


# -- members -------------------------------------------------------------------------------------------------------


def put(sink: SealingWriter, name: str, chunks: Iterable[bytes]) -> int:
    """Add a member; returns its bytes."""
    encoded = name.encode()
    if not encoded:
        raise ValueError("a member has a name")
    sink.write(_LENGTH.pack(len(encoded)) + encoded)
    total = 0
    for chunk in chunks:
        if chunk:
            sink.write(_LENGTH.pack(len(chunk)) + chunk)
            total += len(chunk)
    sink.write(_LENGTH.pack(0))
    return total


def end(sink: SealingWriter) -> None:
    """After the last member."""
    sink.write(_LENGTH.pack(0))


def members(stream: BinaryIO) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Name and chunks of each member, in order; chunks that are not asked for are passed over.

    Raises ``Unreadable`` when the stream ends before ``end``, or goes on after it.
    """
    while length := _number(stream):
        name = _exactly(stream, length).decode()
        chunks = _chunks(stream)
        yield name, chunks
        for _ in chunks:
            pass
    if stream.read(1):
        raise Unreadable


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while length := _number(stream):
        yield _exactly(stream, length)


def _number(stream: BinaryIO) -> int:
    number: int = _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]
    return number


def _exactly(stream: BinaryIO, length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise Unreadable
    return found
