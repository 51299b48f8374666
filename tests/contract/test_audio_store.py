"""What an AudioStore promises (``ports.AudioStore``), what a sealed one does, and what one in a folder does besides."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe.errors import DiskFull, NotFound, Unreadable
from transcribe.ports import AudioStore
from transcribe.store.blobs import Blobs, FolderBlobs
from transcribe.store.sound import SealedAudioStore

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


def test_an_error_of_the_source_is_not_taken_for_ours(audio_store: AudioStore) -> None:
    def no_file() -> Iterator[bytes]:
        yield b"a"
        raise FileNotFoundError("elsewhere")

    with pytest.raises(FileNotFoundError, match="elsewhere"):
        audio_store.write(CONSULT, "upload", KEY, no_file())


# -- sealed, wherever it lies --------------------------------------------------------------------------------------


@pytest.fixture
def sealed(blobs: Blobs) -> SealedAudioStore:
    return SealedAudioStore(blobs)


LONG = os.urandom((3 << 20) + 12_345)  # over several requests to an object store


def test_any_stretch_reads_as_the_plain_bytes(sealed: SealedAudioStore) -> None:
    sealed.write(CONSULT, "upload", KEY, pieces(LONG))
    places = st.one_of(st.integers(0, len(LONG) + 10), st.sampled_from([edge << 16 for edge in range(50)]))
    stretches = st.lists(st.tuples(places, st.one_of(st.integers(0, 300_000), st.just(-1))), min_size=1, max_size=6)

    @given(stretches)
    @settings(max_examples=40)
    def same(stretches: list[tuple[int, int]]) -> None:
        plain = io.BytesIO(LONG)
        with sealed.open(CONSULT, "upload", KEY) as file:
            for place, length in stretches:
                assert file.seek(place) == plain.seek(place)
                assert file.read(length) == plain.read(length)

    same()


def test_what_lies_there_tells_nothing(sealed: SealedAudioStore, blobs: Blobs) -> None:
    sealed.write(CONSULT, "upload", KEY, [b"Keelpijn sinds gisteren. " * 100])
    assert blobs.consults() == [CONSULT]
    assert blobs.names(CONSULT) == ["upload"]
    with blobs.open(CONSULT, "upload") as file:
        assert b"Keelpijn" not in file.read()


def test_an_object_in_the_place_of_another_is_refused(sealed: SealedAudioStore, blobs: Blobs) -> None:
    for consult, name in ((CONSULT, "upload"), (CONSULT, "pcm"), (OTHER, "upload")):
        sealed.write(consult, name, KEY, [f"{consult} {name}".encode()])
    for other in ((CONSULT, "pcm"), (OTHER, "upload")):
        with blobs.open(*other) as source, blobs.write(CONSULT, "upload") as target:
            target.write(source.read())
        with pytest.raises(Unreadable):
            sealed.open(CONSULT, "upload", KEY)


OF_0_1_0 = """
VFNDUklCRTEfkr1x0nEztzJdB1n4PjldzEHBfvhmWl/s/2bFKZjG/rzMKe2sMuHsC5JYXmKiBadl0CpJIAE0wyJ4Mz9AMVXBd69mEh3Tclw645Ti0bNK
"""


def test_sound_of_an_earlier_version_opens(sealed: SealedAudioStore, blobs: Blobs) -> None:
    consult = UUID("6f9b1a52-30f4-4c6e-9d55-1b1f3f6c0a11")
    with blobs.write(consult, "upload-0a1b") as target:
        target.write(base64.b64decode(OF_0_1_0))
    with sealed.open(consult, "upload-0a1b", bytes(range(32))) as file:
        assert file.read() == b"Verzonnen geluid van een eerdere versie."


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".", "..", "A", "a.wav", "a\0", "/etc/passwd", "-"])
def test_names_are_ours(sealed: SealedAudioStore, name: str) -> None:
    for call in (
        lambda: sealed.write(CONSULT, name, KEY, [b""]),
        lambda: sealed.open(CONSULT, name, KEY),
        lambda: sealed.delete(CONSULT, name),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(ValueError):
        sealed.open("../elsewhere", "upload", KEY)  # type: ignore[arg-type]


WRITER = """
import sys, time, uuid
from pathlib import Path
from transcribe.store.blobs import open_blobs
from transcribe.store.sound import SealedAudioStore

def chunks():
    for _ in range(30):
        yield bytes(1 << 20)
    print("busy", flush=True)
    time.sleep(60)

SealedAudioStore(open_blobs(sys.argv[1], Path())).write(uuid.UUID(sys.argv[2]), "upload", bytes(32), chunks())
"""


def test_a_writer_that_is_killed_half_way_stores_nothing(location: str, blobs: Blobs) -> None:
    blobs.delete(CONSULT)
    with subprocess.Popen([sys.executable, "-c", WRITER, location, str(CONSULT)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"busy\n"
        assert blobs.names(CONSULT) == []
        writer.kill()
    assert blobs.names(CONSULT) == []
    with pytest.raises(NotFound):
        blobs.open(CONSULT, "upload")


READER = """
import hashlib, sys, uuid
from pathlib import Path
from transcribe.store.blobs import open_blobs
from transcribe.store.sound import SealedAudioStore

with SealedAudioStore(open_blobs(sys.argv[1], Path())).open(uuid.UUID(sys.argv[2]), "upload", bytes(32)) as file:
    print("open", flush=True)
    sys.stdin.readline()
    print(hashlib.file_digest(file, "sha256").hexdigest())
"""


def test_two_processes_read_at_once(location: str, sealed: SealedAudioStore) -> None:
    sealed.write(CONSULT, "upload", KEY, pieces(LONG))
    command = [sys.executable, "-c", READER, location, str(CONSULT)]
    with ExitStack() as stack:
        readers = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "open\n"
        # now both have it open, and neither has read it
        for reader in readers:
            assert reader.stdin is not None
            reader.stdin.write("\n")
            reader.stdin.flush()
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline().strip() == hashlib.sha256(LONG).hexdigest()


# -- in a folder ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audio"


def in_folder(folder: Path) -> SealedAudioStore:
    return SealedAudioStore(FolderBlobs(folder))


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_only_we_can_read_the_files(folder: Path) -> None:
    in_folder(folder).write(CONSULT, "upload", KEY, [SOUND])
    (path,) = everything(folder)
    assert path == folder / str(CONSULT) / "upload"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path.parent, folder)] == [0o700, 0o700]


def test_a_failing_write_leaves_no_half_file(folder: Path) -> None:
    store = in_folder(folder)
    with pytest.raises(ZeroDivisionError):
        store.write(CONSULT, "upload", KEY, breaks_off())
    assert everything(folder) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_words_and_leaves_no_half_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(_: int) -> None:
        raise OSError(number, "full")

    store = in_folder(folder)
    (folder / str(CONSULT)).mkdir()
    monkeypatch.setattr("transcribe.store.blobs.os.fsync", full)
    with pytest.raises(DiskFull, match="schijf is vol"):
        store.write(CONSULT, "upload", KEY, pieces())
    assert everything(folder) == []


def test_it_is_on_disk_before_we_say_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file before its name, the name before the answer; and the folder that holds a new folder."""
    store = in_folder(folder)
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
    store = in_folder(folder)

    def withdrawn() -> Iterator[bytes]:
        yield SOUND
        store.delete(CONSULT)
        yield SOUND

    with pytest.raises(NotFound):
        store.write(CONSULT, "upload", KEY, withdrawn())
    assert everything(folder) == []


def test_leftovers_of_a_killed_writer_go_at_the_next_start_and_those_of_a_living_one_stay(folder: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(folder), str(CONSULT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"busy\n"
        FolderBlobs(folder)
        assert len(everything(folder)) == 1, "a busy writer's file was taken away"
        writer.kill()
    store = in_folder(folder)
    assert everything(folder) == []
    with pytest.raises(NotFound):
        store.open(CONSULT, "upload", KEY)
