"""Sealed files: what is put in comes out, and nothing else is ever taken for it."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.errors import BackupProblem, DiskFull, Unreadable
from transcribe.store.crypto import SealingWriter, new_key, open_file
from transcribe.store.envelope import Kind, end, members, open_envelope, put, read_label, write_envelope
from transcribe.store.keys import MasterKey

MASTER = MasterKey.of(bytes(range(32)))
NUMBER = UUID(int=7)

names = st.text(min_size=1, max_size=40)
contents = st.lists(st.tuples(names, st.lists(st.binary(max_size=70_000), max_size=4)), max_size=5)


@given(contents, st.integers(min_value=0))
def test_members_come_back_and_what_is_not_read_is_passed_over(
    given: list[tuple[str, list[bytes]]], passed: int
) -> None:
    file, key = io.BytesIO(), new_key()
    with SealingWriter(file, key, b"") as writer:
        for name, chunks in given:
            assert put(writer, name, chunks) == sum(map(len, chunks))
        end(writer)
    found = []
    with open_file(io.BytesIO(file.getvalue()), key, b"") as stream:
        for number, (name, chunks) in enumerate(members(stream)):
            found.append((name, None if passed >> number & 1 else b"".join(chunks)))
    assert found == [
        (name, None if passed >> number & 1 else b"".join(chunks)) for number, (name, chunks) in enumerate(given)
    ]


@pytest.mark.parametrize("kept", [0, 3, 4, 9, 12, 15])
def test_a_stream_that_ends_too_early_is_not_taken_for_whole(kept: int) -> None:
    file, key = io.BytesIO(), new_key()
    with SealingWriter(file, key, b"") as writer:
        put(writer, "naam", [b"inhoud"])
        end(writer)
    with open_file(io.BytesIO(file.getvalue()), key, b"") as stream:
        plain = stream.read()
    assert [(name, b"".join(chunks)) for name, chunks in members(io.BytesIO(plain))] == [("naam", b"inhoud")]
    for cut in (plain[:kept], plain + b"\0"):
        with pytest.raises(Unreadable):
            list(members(io.BytesIO(cut)))


def written(path: Path, plain: bytes, kind: Kind = Kind.BACKUP) -> Path:
    with write_envelope(path, kind, NUMBER, MASTER) as file:
        file.write(plain)
    return path


def test_a_file_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path / "een", b"inhoud" * 50_000)
    label, stream = open_envelope(path, Kind.BACKUP, MASTER)
    with stream:
        assert stream.read() == b"inhoud" * 50_000
    assert label == read_label(path, Kind.BACKUP)
    assert label.id == NUMBER
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    path = written(tmp_path / "een", b"oud")
    with pytest.raises(DiskFull), write_envelope(path, Kind.BACKUP, NUMBER, MASTER) as file:
        put(file, "tabel", full_disk())
    with open_envelope(path, Kind.BACKUP, MASTER)[1] as stream:
        assert stream.read() == b"oud"
    assert list(tmp_path.iterdir()) == [path]


def full_disk() -> Iterator[bytes]:
    yield b"nieuw" * 50_000
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_older_copy_of_the_keys_is_overwritten_on_the_disk(tmp_path: Path) -> None:
    path = written(tmp_path / "een", b"oud" * 5000, Kind.KEYS)
    with path.open("rb") as old:
        written(path, b"nieuw", Kind.KEYS)
        assert set(old.read()) == {0}
    assert read_label(path, Kind.KEYS).id == NUMBER


@pytest.mark.parametrize("kind", Kind)
def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_it_is_called_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    """A power cut at any moment leaves the old one whole or the new one whole."""
    path = written(tmp_path / "een", b"oud", kind)
    old, steps = path.stat().st_ino, []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        found = os.fstat(descriptor)
        what = "folder" if stat.S_ISDIR(found.st_mode) else "old" if found.st_ino == old else "new"
        steps.append((what, found.st_size if what == "new" else 0))
        fsync(descriptor)

    def named(part: Path, target: Path) -> Path:
        steps.append(("name", part.stat().st_size))
        return replace(part, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named)
    written(path, b"nieuw", kind)
    size = path.stat().st_size
    overwritten = [("old", 0)] if kind is Kind.KEYS else []
    assert steps == [("new", size), ("name", size), ("folder", 0), *overwritten]


def test_every_changed_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "een", b"inhoud")
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BackupProblem):
            open_envelope(path, Kind.BACKUP, MASTER)
        path.write_bytes(whole[:place])
        with pytest.raises(BackupProblem):
            open_envelope(path, Kind.BACKUP, MASTER)


def test_one_kind_is_not_taken_for_another_and_other_keys_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "een", b"inhoud")
    with pytest.raises(BackupProblem, match="is een reservekopie; hier is een sleutelkopie nodig"):
        open_envelope(path, Kind.KEYS, MASTER)
    path.write_bytes(path.read_bytes().replace(b'"reservekopie"', b'"sleutelkopie"'))
    with pytest.raises(BackupProblem, match="beschadigd"):
        open_envelope(path, Kind.KEYS, MASTER)
    written(path, b"inhoud")
    path.write_bytes(path.read_bytes().replace(str(NUMBER).encode(), str(uuid4()).encode()))
    with pytest.raises(BackupProblem, match="beschadigd"):
        open_envelope(path, Kind.BACKUP, MASTER)
    other = MasterKey.of(bytes(32))
    written(path, b"inhoud")
    with pytest.raises(BackupProblem, match=f"andere hoofdsleutel.*{MASTER.id}.*{other.id}"):
        open_envelope(path, Kind.BACKUP, other)
