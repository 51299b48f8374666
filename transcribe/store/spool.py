"""Live recordings on the local disk: sealed segments that are safe after every sync. See ``ports.Spool``.

A consult has a folder with segments, ``00000001``, ``00000002``, ...; each opening writes a new one::

    segment = header | AES-GCM of nothing, counter 0: the header is ours | record ...
    header  = magic (8) | salt (16) | prefix (7) | uint32 number | uint64 start
    record  = uint32 length | uint32 ~length | AES-GCM(segment key, prefix | uint32 counter | end, aad)
    aad     = header | context("spool", consult id)

A record is what was appended between two syncs. ``start`` is the place of the segment's first byte in the recording, so
a segment ends where the next one starts: what a torn segment holds beyond that was never acknowledged, and what it
lacks is missed. The key of a segment follows from its own salt (``crypto.Pieces``) and nothing is written to a segment
after its first failure, so no nonce is used twice. A writer that ends in order adds an empty record with the end flag.

What a crash leaves at the end of the newest segment is no damage: a record that is not all there, blocks of zeros that
were never written, or one last record that does not open. Anything else that is not as it was written is
``Unreadable``. That sound was cut off the end of the newest segment can't be seen: no file knows what was written to
it last.
"""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import struct
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from threading import RLock
from typing import BinaryIO
from uuid import UUID

from transcribe.errors import NO_ROOM, Conflict, DiskFull, NotFound, Unreadable
from transcribe.reading import RandomReader
from transcribe.store.crypto import HEADER_BYTES as PIECES_BYTES
from transcribe.store.crypto import MAX_CHUNKS, PREFIX_BYTES, SALT_BYTES, TAG_BYTES, Pieces, context
from transcribe.store.folders import make_private, sync_folder, write_once

MAGIC = b"TSPOOL01"
_PLACE = struct.Struct(">IQ")  # number, start
_LENGTH = struct.Struct(">II")
HEADER_BYTES = PIECES_BYTES + _PLACE.size
BORN_BYTES = HEADER_BYTES + TAG_BYTES
BUFFER_BYTES = 64 * 1024
_FLIP = 0xFFFFFFFF
_NAME = re.compile(r"\d{8}")
_GONE = ".gone"
_CONSULT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # what else lies there is not ours: lost+found, say
_OWN_NAME = "name"
_FOLLOWED = "followed"  # locked by whoever transcribes it while it grows
_BINARY = getattr(os, "O_BINARY", 0)


class FileSpool:
    """Thread-safe; several processes may use the same folder, on a local disk (not on a share: locks, fsync)."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder (not its parents) and removes what a crash left of deleted recordings."""
        self._folder = make_private(folder)
        write_once(self._folder / _OWN_NAME, secrets.token_hex(8).encode("ascii"))
        self.name = (self._folder / _OWN_NAME).read_text(encoding="ascii")
        for gone in self._folder.glob(f"*{_GONE}"):
            if _CONSULT.fullmatch(gone.stem):
                with suppress(OSError):  # the next start tries again; the recordings must not wait for it
                    _remove(gone)

    def open(self, consult_id: UUID, key: bytes, *, new: bool = False) -> SegmentWriter:
        """Also raises ``DiskFull``, and ``Unreadable`` when it can't be told where the recording ended."""
        folder = self._of(consult_id)
        with _disk_full():
            if new and not folder.is_dir():
                make_private(folder)
                sync_folder(self._folder)
        lock = _Lock(folder)
        try:
            return SegmentWriter(folder, lock, key, consult_id)
        except BaseException:
            lock.release()
            raise

    def read(self, consult_id: UUID, key: bytes) -> BinaryIO:
        """Damage is found where it is read: what lies before and behind it can still be had."""
        return io.BufferedReader(SegmentReader(_index(self._of(consult_id), key, consult_id)), BUFFER_BYTES)

    def last_sound(self, consult_id: UUID) -> datetime | None:
        with suppress(NotFound, FileNotFoundError):
            for _, path in _segments(self._of(consult_id))[-1:]:
                return datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return None

    def delete(self, consult_id: UUID) -> None:
        folder = self._of(consult_id)
        gone = folder.with_name(folder.name + _GONE)
        while True:
            _remove(gone)
            try:
                # first out of the way: nobody puts a new segment in it while it is emptied
                folder.rename(gone)
            except FileNotFoundError:
                break
            except OSError as problem:
                if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
        sync_folder(self._folder)

    def follow(self, consult_id: UUID, key: bytes) -> SegmentFollower | None:
        folder = self._of(consult_id)
        try:
            return SegmentFollower(folder, _Lock(folder, _FOLLOWED), key, consult_id)
        except Conflict:
            return None

    def consults(self) -> list[UUID]:
        # not asked whether it is a folder: one that can't be read must not hide the others
        return [UUID(path.name) for path in sorted(self._folder.iterdir()) if _CONSULT.fullmatch(path.name)]

    def _of(self, consult_id: UUID) -> Path:
        # str(UUID(...)): whatever the caller passed, only an id becomes a folder name
        return self._folder / str(UUID(str(consult_id)))


# --- writing -------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Target:
    """The segment that is written to."""

    path: Path
    descriptor: int
    pieces: Pieces
    size: int = 0  # of what is safe in it
    counter: int = 1  # 0 was used for the header


class SegmentWriter:
    """See ``ports.Recording``. What is appended is in memory until ``sync``, and gone when that fails."""

    def __init__(self, folder: Path, lock: _Lock, key: bytes, consult_id: UUID) -> None:
        self._folder = folder
        self._lock = lock
        self._key = key
        self._consult_id = consult_id
        self._mutex = RLock()
        self._waiting = bytearray()
        self._target: _Target | None = None
        self._closed = False
        segments = _segments(folder)
        # a killed writer may have written what it had not yet synced
        for _, path in segments[-1:]:
            _sync_file(path)
        sync_folder(folder)
        self._number = segments[-1][0] if segments else 0
        index = _index(folder, key, consult_id)
        if index.damaged_end:
            raise Unreadable
        self._position = index.size

    @property
    def position(self) -> int:
        return self._position

    def append(self, pcm: bytes) -> None:
        with self._mutex:
            self._check()
            self._waiting += pcm

    def sync(self) -> int:
        """Raises ``DiskFull``; what waited is dropped then, ``position`` says from where to append it again."""
        with self._mutex:
            self._check()
            if self._waiting:
                waiting = bytes(self._waiting)
                self._waiting.clear()
                with _disk_full():
                    self._put(waiting)
                self._position += len(waiting)
            return self._position

    def close(self) -> None:
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            if self._target is not None:
                with suppress(OSError):  # no room or deleted: the end is then found as after a crash
                    self._put(b"", end=True)
            self._end_segment()
            self._lock.release()

    def _check(self) -> None:
        if self._closed:
            raise ValueError("the recording is closed")
        if not self._lock.holds(self._folder):
            raise NotFound

    def _put(self, plain: bytes, *, end: bool = False) -> None:
        target = self._target or self._begin_segment()
        self._target = target
        try:
            sealed = target.pieces.encrypt(target.counter, end, plain)
            target.counter += 1
            _write_all(target.descriptor, _length(len(sealed)) + sealed)
            os.fsync(target.descriptor)
            if target.size == 0:
                sync_folder(self._folder)
            target.size = os.fstat(target.descriptor).st_size
        except BaseException:
            with suppress(OSError):
                os.ftruncate(target.descriptor, target.size)
                if target.size == 0:
                    target.path.unlink(missing_ok=True)
            self._end_segment()
            raise
        if target.counter >= MAX_CHUNKS - 1:
            self._end_segment()

    def _begin_segment(self) -> _Target:
        self._number += 1  # also when it fails: a name is used once
        path = self._folder / f"{self._number:08}"
        header = MAGIC + os.urandom(SALT_BYTES + PREFIX_BYTES) + _PLACE.pack(self._number, self._position)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        except FileNotFoundError as problem:
            raise NotFound from problem
        target = _Target(path=path, descriptor=descriptor, pieces=_pieces(self._key, header, self._consult_id))
        try:
            _write_all(descriptor, header + target.pieces.encrypt(0, False, b""))
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return target

    def _end_segment(self) -> None:
        if self._target is not None:
            os.close(self._target.descriptor)
            self._target = None


# --- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Record:
    start: int  # of its plain bytes in the recording
    path: Path
    pieces: Pieces | None  # None: a stretch that is missing or can't be told apart
    offset: int = 0  # of the sealed bytes in the file
    length: int = 0
    counter: int = 0


@dataclass(kw_only=True)
class _Index:
    """Where every byte is."""

    records: list[_Record] = field(default_factory=list)
    size: int = 0  # plain bytes
    damaged_end: bool = False  # the newest segment goes on, nobody knows how far
    #: where reading goes on when there is more: segment, place in it, number of its next record
    number: int = 0
    pieces: Pieces | None = None
    offset: int = 0
    counter: int = 0

    def cut(self, at: int) -> None:
        while self.records and self.records[-1].start >= at:
            self.records.pop()
        self.size = min(self.size, at)

    def gap(self, to: int, path: Path) -> None:
        if to > self.size:
            self.records.append(_Record(start=self.size, path=path, pieces=None))
            self.size = to


def _index(folder: Path, key: bytes, consult_id: UUID, index: _Index | None = None) -> _Index:
    """Made from lengths, which costs little; records are opened when they are read, but for the newest.

    ``index``: that of an earlier look, which is brought up to date. Raises ``NotFound``; ``Unreadable`` when nothing
    opens: another key, or another consult's folder.
    """
    index = _Index() if index is None else index
    segments = [
        (number, path) for number, path in _segments(folder) if number >= index.number and not _torn_at_birth(path)
    ]
    for number, path in segments:
        with _opened(path) as file:
            _add_segment(index, file, path, number, key, consult_id, newest=number == segments[-1][0])
    if index.records and all(record.pieces is None for record in index.records):
        raise Unreadable
    return index


def _torn_at_birth(path: Path) -> bool:
    """Nothing in it was ever acknowledged."""
    with _opened(path) as file:
        header = file.read(BORN_BYTES)
    return len(header) < BORN_BYTES or not any(header)


def _add_segment(
    index: _Index, file: FileIO, path: Path, number: int, key: bytes, consult_id: UUID, *, newest: bool
) -> None:
    size = file.seek(0, io.SEEK_END)
    if index.number == number and index.pieces is not None:
        pieces = index.pieces
    else:
        file.seek(0)
        header, born = file.read(HEADER_BYTES), file.read(TAG_BYTES)
        pieces = _pieces(key, header, consult_id)
        named, start = _PLACE.unpack(header[PIECES_BYTES:])
        if not header.startswith(MAGIC) or named != number or not _opens(pieces, 0, born):
            if newest and size > BORN_BYTES:
                index.damaged_end = True
                index.gap(index.size + size - BORN_BYTES, path)
            return  # the next segment tells how much is missing
        index.cut(start)
        index.gap(start, path)
        index.number, index.pieces, index.offset, index.counter = number, pieces, BORN_BYTES, 1
    offset, counter = index.offset, index.counter
    while offset + _LENGTH.size <= size:
        file.seek(offset)
        length, flipped = _LENGTH.unpack(file.read(_LENGTH.size))
        body = offset + _LENGTH.size
        if length ^ flipped != _FLIP or length < TAG_BYTES:
            if newest and _any_bytes(file, offset):
                index.damaged_end = True
                index.gap(index.size + size - offset, path)
            return
        if body + length > size:
            return  # torn
        if newest and body + length == size and not _opens(pieces, counter, file.read(length)):
            return  # torn
        if length > TAG_BYTES:  # else it is the end mark
            index.records.append(
                _Record(start=index.size, path=path, pieces=pieces, offset=body, length=length, counter=counter)
            )
            index.size += length - TAG_BYTES
        offset, counter = body + length, counter + 1
        index.offset, index.counter = offset, counter


def _opens(pieces: Pieces, counter: int, sealed: bytes) -> bool:
    try:
        pieces.decrypt(counter, counter > 0 and len(sealed) == TAG_BYTES, sealed)
    except Unreadable:
        return False
    return True


def _any_bytes(file: FileIO, offset: int) -> bool:
    file.seek(offset)
    while chunk := file.read(64 * 1024):
        if any(chunk):
            return True
    return False


def _opened(path: Path) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError as problem:
        raise NotFound from problem


class SegmentReader(RandomReader):
    """The plain bytes that were safe when it was opened, from any place. Not thread-safe."""

    def __init__(self, index: _Index) -> None:
        super().__init__()
        self._records = index.records
        self._starts = [record.start for record in index.records]
        self.size = index.size
        self._held: tuple[int, bytes] = (-1, b"")
        self._file: tuple[Path, FileIO] | None = None

    def piece(self, start: int, most: int) -> bytes:
        number = bisect_right(self._starts, start) - 1
        if self._held[0] != number:
            self._held = (number, self._plain(self._records[number]))
        # a record may hold more than counts of it: the next one says where it begins
        end = self._starts[number + 1] if number + 1 < len(self._starts) else self.size
        offset = start - self._starts[number]
        return self._held[1][offset : min(offset + most, end - self._starts[number])]

    def _plain(self, record: _Record) -> bytes:
        if record.pieces is None:
            raise Unreadable
        if not record.path.exists():
            raise NotFound  # deleted meanwhile: what is still open is not ours to read either
        if self._file is None or self._file[0] != record.path:
            opened = _opened(record.path)
            self._let_go()
            self._file = (record.path, opened)
        file = self._file[1]
        file.seek(record.offset)
        return record.pieces.decrypt(record.counter, False, file.read(record.length))

    def close(self) -> None:
        self._let_go()
        super().close()

    def _let_go(self) -> None:
        if self._file is not None:
            self._file[1].close()
            self._file = None


class SegmentFollower:
    """See ``ports.Following``."""

    def __init__(self, folder: Path, lock: _Lock, key: bytes, consult_id: UUID) -> None:
        self._folder = folder
        self._lock = lock
        self._key = key
        self._consult_id = consult_id
        self._index = _Index()

    def read(self) -> BinaryIO:
        if not self._lock.holds(self._folder / _FOLLOWED):
            raise NotFound  # deleted; what has its name now is another recording
        if self._index.damaged_end:
            self._index = _Index()
        _index(self._folder, self._key, self._consult_id, self._index)
        return io.BufferedReader(SegmentReader(self._index), BUFFER_BYTES)

    def close(self) -> None:
        self._lock.release()


# --- both ----------------------------------------------------------------------------------------------------------


class _Lock:
    """A right that goes with the process. That to write holds the folder itself; another one a ``file`` in it."""

    def __init__(self, folder: Path, file: str = "") -> None:
        """Raises ``Conflict`` when another one has it, ``NotFound`` when the folder is not there (any more)."""
        if os.name != "posix":
            self._descriptor = -1  # folders can't be locked there: one process, with one writer for each consult
            return
        import fcntl

        try:
            flags = os.O_RDWR | os.O_CREAT if file else os.O_RDONLY
            self._descriptor = os.open(folder / file, flags, 0o600)
        except FileNotFoundError as problem:
            raise NotFound from problem
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            self.release()
            raise Conflict from problem
        if not self.holds(folder / file):
            self.release()
            raise NotFound

    def holds(self, folder: Path) -> bool:
        """The folder was not deleted (nor made anew) since."""
        try:
            found = folder.stat()
        except FileNotFoundError:
            return False
        return self._descriptor < 0 or os.path.samestat(found, os.fstat(self._descriptor))

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _pieces(key: bytes, header: bytes, consult_id: UUID) -> Pieces:
    return Pieces(key, header, context("spool", consult_id))


def _segments(folder: Path) -> list[tuple[int, Path]]:
    """Oldest first."""
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError as problem:
        raise NotFound from problem
    return [(int(path.name), path) for path in paths if _NAME.fullmatch(path.name)]


def _length(sealed: int) -> bytes:
    return _LENGTH.pack(sealed, sealed ^ _FLIP)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | _BINARY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    """Fine when there is none, or when somebody else removes it as well."""
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


@contextmanager
def _disk_full() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in NO_ROOM:
            raise DiskFull from problem
        raise
