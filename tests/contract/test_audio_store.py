"""What an AudioStore promises (``ports.AudioStore``), and what the one on disk promises besides."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from transcribe.errors import DiskFull, NotFound, Unreadable
from transcribe.ports import AudioStore
from transcribe.store.files import FileAudioStore

CONSULT, OTHER = uuid4(), uuid4()
KEY = bytes(32)
SOUND = os.urandom(200_000)


def pieces(sound: bytes = SOUND, size: int = 50_000) -> list[bytes]:
    return [sound[start : start + size] for start in range(0, len(sound), size)]


def read(store: AudioStore, name: str = "upload", key: bytes = KEY) -> bytes:
    with store.open(CONSULT, name, key) as file:
        return file.read()


def breaks_off() -> Iterator[bytes]:
    yield SOUND
    raise ZeroDivisionError


def test_sound_comes_back_from_any_place(audio_store: AudioStore) -> None:
    assert audio_store.write(CONSULT, "upload", KEY, pieces()) == len(SOUND)
    assert read(audio_store) == SOUND
    with audio_store.open(CONSULT, "upload", KEY) as file:
        assert file.seek(0, os.SEEK_END) == len(SOUND)
        file.seek(70_000)
        assert file.read(10) == SOUND[70_000:70_010]
        assert file.tell() == 70_010


def test_no_sound_is_sound_too(audio_store: AudioStore) -> None:
    assert audio_store.write(CONSULT, "upload", KEY, []) == 0
    assert read(audio_store) == b""


def test_writing_again_replaces_it_whole(audio_store: AudioStore) -> None:
    audio_store.write(CONSULT, "upload", KEY, pieces())
    audio_store.write(CONSULT, "upload", KEY, [b"nieuw"])
    assert read(audio_store) == b"nieuw"


def test_what_breaks_off_is_not_stored_and_leaves_what_was_there(audio_store: AudioStore) -> None:
    with pytest.raises(ZeroDivisionError):
        audio_store.write(CONSULT, "upload", KEY, breaks_off())
    with pytest.raises(NotFound):
        read(audio_store)
    audio_store.write(CONSULT, "upload", KEY, [b"oud"])
    with pytest.raises(ZeroDivisionError):
        audio_store.write(CONSULT, "upload", KEY, breaks_off())
    assert read(audio_store) == b"oud"


def test_another_key_does_not_open_it(audio_store: AudioStore) -> None:
    audio_store.write(CONSULT, "upload", KEY, pieces())
    with pytest.raises(Unreadable):
        read(audio_store, key=bytes(31) + b"1")


def test_delete_one_name_or_all_and_nothing_of_others(audio_store: AudioStore) -> None:
    for name in ("upload", "pcm"):
        audio_store.write(CONSULT, name, KEY, [b"a"])
        audio_store.write(OTHER, name, KEY, [b"b"])
    audio_store.delete(CONSULT, "upload")
    audio_store.delete(CONSULT, "upload")
    with pytest.raises(NotFound):
        read(audio_store)
    assert read(audio_store, "pcm") == b"a"
    audio_store.delete(CONSULT)
    audio_store.delete(CONSULT)
    with pytest.raises(NotFound):
        read(audio_store, "pcm")
    assert audio_store.open(OTHER, "pcm", KEY).read() == b"b"


# -- on disk -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audio"


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_only_we_can_read_the_files_and_they_tell_nothing(folder: Path) -> None:
    FileAudioStore(folder).write(CONSULT, "upload", KEY, [b"Keelpijn sinds gisteren. " * 100])
    (path,) = everything(folder)
    assert path == folder / str(CONSULT) / "upload"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path.parent, folder)] == [0o700, 0o700]
    assert b"Keelpijn" not in path.read_bytes()


def test_a_file_in_the_place_of_another_is_refused(folder: Path) -> None:
    store = FileAudioStore(folder)
    for consult, name in ((CONSULT, "upload"), (CONSULT, "pcm"), (OTHER, "upload")):
        store.write(consult, name, KEY, [f"{consult} {name}".encode()])
    target = folder / str(CONSULT) / "upload"
    for other in (folder / str(CONSULT) / "pcm", folder / str(OTHER) / "upload"):
        target.write_bytes(other.read_bytes())
        with pytest.raises(Unreadable):
            store.open(CONSULT, "upload", KEY)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".", "..", "A", "a.wav", "a\0", "/etc/passwd", "-"])
def test_names_are_ours(folder: Path, name: str) -> None:
    store = FileAudioStore(folder)
    for call in (
        lambda: store.write(CONSULT, name, KEY, [b""]),
        lambda: store.open(CONSULT, name, KEY),
        lambda: store.delete(CONSULT, name),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(ValueError):
        store.open("../elsewhere", "upload", KEY)  # type: ignore[arg-type]


def test_a_failing_write_leaves_no_half_file(folder: Path) -> None:
    store = FileAudioStore(folder)
    with pytest.raises(ZeroDivisionError):
        store.write(CONSULT, "upload", KEY, breaks_off())
    assert everything(folder) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_words_and_leaves_no_half_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(_: int) -> None:
        raise OSError(number, "full")

    store = FileAudioStore(folder)
    (folder / str(CONSULT)).mkdir()
    monkeypatch.setattr("transcribe.store.files.os.fsync", full)
    with pytest.raises(DiskFull, match="schijf is vol"):
        store.write(CONSULT, "upload", KEY, pieces())
    assert everything(folder) == []


def test_it_is_on_disk_before_we_say_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file before its name, the name before the answer; and the folder that holds a new folder."""
    store = FileAudioStore(folder)
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted(descriptor: int) -> None:
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().name if sys.platform == "linux" else "?")
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr("os.fsync", noted)
    monkeypatch.setattr(Path, "replace", renamed)
    store.write(CONSULT, "upload", KEY, pieces())
    if sys.platform == "linux":
        new_folder, half, rename, named = steps
        assert (new_folder, rename, named) == ("audio", "rename", str(CONSULT))
        assert half.startswith("upload.")


def test_what_was_deleted_while_it_was_written_is_not_stored(folder: Path) -> None:
    store = FileAudioStore(folder)

    def withdrawn() -> Iterator[bytes]:
        yield SOUND
        store.delete(CONSULT)
        yield SOUND

    with pytest.raises(NotFound):
        store.write(CONSULT, "upload", KEY, withdrawn())
    assert everything(folder) == []


def test_an_error_of_the_source_is_not_taken_for_ours(folder: Path) -> None:
    def no_file() -> Iterator[bytes]:
        yield b"a"
        raise FileNotFoundError("elsewhere")

    with pytest.raises(FileNotFoundError, match="elsewhere"):
        FileAudioStore(folder).write(CONSULT, "upload", KEY, no_file())


CRASHING_WRITER = """
import sys, time, uuid
from pathlib import Path
from transcribe.store.files import FileAudioStore

def chunks():
    yield bytes(200_000)
    print("busy", flush=True)
    time.sleep(60)

FileAudioStore(Path(sys.argv[1])).write(uuid.UUID(sys.argv[2]), "upload", bytes(32), chunks())
"""


def test_leftovers_of_a_killed_writer_go_at_the_next_start_and_those_of_a_living_one_stay(folder: Path) -> None:
    command = [sys.executable, "-c", CRASHING_WRITER, str(folder), str(CONSULT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"busy\n"
        FileAudioStore(folder)
        assert len(everything(folder)) == 1, "a busy writer's file was taken away"
        writer.kill()
    store = FileAudioStore(folder)
    assert everything(folder) == []
    with pytest.raises(NotFound):
        store.open(CONSULT, "upload", KEY)
