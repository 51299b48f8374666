"""What a Spool promises (``ports.Spool``), and what the one on disk promises besides."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.errors import Conflict, DiskFull, NotFound, Unreadable
from transcribe.ports import Recording, Spool
from transcribe.store import spool as module
from transcribe.store.crypto import TAG_BYTES
from transcribe.store.disk import space
from transcribe.store.spool import BORN_BYTES, FileSpool
from transcribe.testing import MemorySpool

CONSULT, OTHER = UUID(int=1), UUID(int=2)
KEY = bytes(32)


@pytest.fixture(params=["memory", "files"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    return MemorySpool() if request.param == "memory" else FileSpool(tmp_path / "spool")


def heard(spool: Spool, consult: UUID = CONSULT, key: bytes = KEY) -> bytes:
    with spool.read(consult, key) as file:
        return file.read()


def put(recording: Recording, *pieces: bytes) -> None:
    for piece in pieces:
        recording.append(piece)
    recording.sync()


def test_what_is_synced_is_there_and_only_that(spool: Spool) -> None:
    with closing(spool.open(CONSULT, KEY, new=True)) as recording:
        assert recording.position == 0
        assert heard(spool) == b""
        recording.append(b"een")
        recording.append(b"twee")
        assert (recording.position, heard(spool)) == (0, b"")
        assert recording.sync() == recording.position == 7
        assert heard(spool) == b"eentwee"
        recording.append(b"nooit")
        assert recording.position == 7
    assert heard(spool) == b"eentwee"


def test_it_knows_when_the_last_sound_came(spool: Spool) -> None:
    assert spool.last_sound(CONSULT) is None
    with closing(spool.open(CONSULT, KEY, new=True)) as recording:
        assert spool.last_sound(CONSULT) is None
        before = datetime.now(UTC) - timedelta(seconds=1)  # files know it less exactly
        put(recording, b"een")
        last = spool.last_sound(CONSULT)
        assert last is not None
        assert before <= last <= datetime.now(UTC) + timedelta(seconds=1)
    spool.delete(CONSULT)
    assert spool.last_sound(CONSULT) is None


def test_it_goes_on_where_it_was(spool: Spool) -> None:
    for number in range(5):
        with closing(spool.open(CONSULT, KEY, new=True)) as recording:
            assert recording.position == 3 * number
            put(recording, b"abc")
    assert heard(spool) == b"abc" * 5


def test_sound_comes_back_from_any_place_also_while_it_grows(spool: Spool) -> None:
    sound = random.Random(5).randbytes(200_000)
    with closing(spool.open(CONSULT, KEY, new=True)) as recording:
        for start in range(0, len(sound), 7_000):
            put(recording, sound[start : start + 7_000])
        with spool.read(CONSULT, KEY) as file:
            put(recording, b"later")
            assert file.seek(0, os.SEEK_END) == len(sound)
            for place in (150_001, 3, 6_999, 199_990, 0):
                file.seek(place)
                assert file.read(9_000) == sound[place : place + 9_000]
                assert file.tell() == min(len(sound), place + 9_000)
        assert heard(spool) == sound + b"later"


def test_one_writer_at_a_time(spool: Spool) -> None:
    recording = spool.open(CONSULT, KEY, new=True)
    with pytest.raises(Conflict):
        spool.open(CONSULT, KEY, new=True)
    spool.open(OTHER, KEY, new=True).close()
    recording.close()
    recording.close()
    spool.open(CONSULT, KEY, new=True).close()
    with pytest.raises(ValueError):
        recording.append(b"a")
    with pytest.raises(ValueError):
        recording.sync()


def test_one_follows_it_while_another_writes(spool: Spool) -> None:
    with pytest.raises(NotFound):
        spool.follow(CONSULT, KEY)
    with closing(spool.open(CONSULT, KEY, new=True)) as recording:
        following = spool.follow(CONSULT, KEY)
        assert following is not None
        assert spool.follow(CONSULT, KEY) is None
        for piece in (b"een", b"twee", b"drie"):
            put(recording, piece)
            with following.read() as file:
                assert file.read() == heard(spool)
    with closing(spool.open(CONSULT, KEY)) as recording:
        put(recording, b"vier")
        with following.read() as file:
            assert file.read() == b"eentweedrievier"
        following.close()
        again = spool.follow(CONSULT, KEY)
        assert again is not None
    spool.delete(CONSULT)
    with pytest.raises(NotFound):
        again.read()
    assert spool.consults() == []
    with pytest.raises(NotFound):
        spool.follow(CONSULT, KEY)
    with closing(spool.open(CONSULT, KEY, new=True)) as recording:
        put(recording, b"vijf")
        anew = spool.follow(CONSULT, KEY)
        assert anew is not None, "another recording"
        with pytest.raises(NotFound):
            again.read()
        again.close()
        with anew.read() as file:
            assert file.read() == b"vijf"
        anew.close()


def test_another_key_does_not_open_it(spool: Spool) -> None:
    with closing(spool.open(CONSULT, KEY, new=True)) as recording:
        put(recording, b"abc")
    with pytest.raises(Unreadable):
        spool.read(CONSULT, bytes(31) + b"1")
    with pytest.raises(Unreadable):
        spool.open(CONSULT, bytes(31) + b"1")
    spool.open(CONSULT, KEY, new=True).close()


def test_nothing_there_is_said(spool: Spool) -> None:
    with pytest.raises(NotFound):
        spool.read(CONSULT, KEY)
    with pytest.raises(NotFound):
        spool.open(CONSULT, KEY)
    spool.delete(CONSULT)
    assert spool.consults() == []


def test_only_who_asks_for_a_new_one_makes_a_place(spool: Spool) -> None:
    spool.open(CONSULT, KEY, new=True).close()
    assert spool.consults() == [CONSULT]
    for new in (False, True):
        with closing(spool.open(CONSULT, KEY, new=new)) as recording:
            put(recording, b"abc")
    assert heard(spool) == b"abcabc"


def test_delete_leaves_nothing_and_nothing_of_others_alone(spool: Spool) -> None:
    for consult in (CONSULT, OTHER):
        with closing(spool.open(consult, KEY, new=True)) as recording:
            put(recording, b"abc")
    assert spool.consults() == [CONSULT, OTHER]
    spool.delete(CONSULT)
    with pytest.raises(NotFound):
        spool.read(CONSULT, KEY)
    assert spool.consults() == [OTHER]
    assert heard(spool, OTHER) == b"abc"


def test_a_writer_finds_that_it_was_deleted(spool: Spool) -> None:
    busy, idle = spool.open(CONSULT, KEY, new=True), spool.open(OTHER, KEY, new=True)
    put(busy, b"abc")
    busy.append(b"def")
    for consult in (CONSULT, OTHER):
        spool.delete(consult)
    for recording in (busy, idle):
        with pytest.raises(NotFound):
            recording.sync()
        with pytest.raises(NotFound):
            recording.append(b"a")
    with closing(spool.open(CONSULT, KEY, new=True)) as again:
        assert again.position == 0
        with pytest.raises(NotFound):
            busy.append(b"a")
        put(again, b"new")
        busy.close()
        assert heard(spool) == b"new"
    idle.close()
    assert spool.consults() == [CONSULT]


# --- on disk -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*"))


def record(folder: Path, *sessions: list[bytes]) -> bytes:
    """Each session in a segment of its own, each piece a record."""
    for session in sessions:
        with closing(FileSpool(folder).open(CONSULT, KEY, new=True)) as recording:
            for piece in session:
                put(recording, piece)
    return b"".join(b"".join(session) for session in sessions)


def test_only_we_can_read_the_files_and_they_tell_nothing(folder: Path) -> None:
    record(folder, [b"Keelpijn sinds gisteren. " * 100])
    (path,) = segments(folder)
    assert path.parent == folder / str(CONSULT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path.parent, folder)] == [0o700, 0o700]
    assert b"Keelpijn" not in path.read_bytes()


def test_it_is_on_disk_before_we_say_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The segment before its name, both before the answer; and the folder that holds a new folder."""
    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    spool = FileSpool(folder)
    monkeypatch.setattr("os.fsync", noted)
    with closing(spool.open(CONSULT, KEY, new=True)) as recording:
        assert synced == ["spool", str(CONSULT)]
        synced.clear()
        put(recording, b"abc")
        assert synced == ["00000001", str(CONSULT)]
        synced.clear()
        put(recording, b"abc")
        assert synced == ["00000001"]
    synced.clear()
    # a killed writer may have written what was not synced: it is, before it is called safe
    spool.open(CONSULT, KEY, new=True).close()
    assert synced == ["00000001", str(CONSULT)]


def test_an_opening_without_sound_leaves_no_segment(folder: Path) -> None:
    record(folder, [], [b"a"], [])
    assert [path.name for path in segments(folder)] == ["00000001"]


def test_a_moved_foreign_or_missing_segment_is_not_taken_for_sound(folder: Path) -> None:
    record(folder, [b"een"], [b"twee"], [b"drie"])
    first, second, third = segments(folder)
    kept = {path: path.read_bytes() for path in (first, second, third)}

    def outcome() -> bytes | None:
        try:
            return heard(FileSpool(folder))
        except Unreadable:
            return None

    second.unlink()
    assert outcome() is None, "a segment in the middle is missing"
    second.write_bytes(kept[first])
    assert outcome() is None, "a copy of another segment"
    second.write_bytes(kept[third])
    third.write_bytes(kept[second])
    assert outcome() is None, "two segments changed places"
    second.write_bytes(kept[second])
    third.write_bytes(kept[third])
    assert outcome() == b"eentweedrie"
    (folder / str(CONSULT)).rename(folder / str(OTHER))
    with pytest.raises(Unreadable):
        FileSpool(folder).read(OTHER, KEY)


def test_around_damage_the_sound_can_still_be_had(folder: Path) -> None:
    record(folder, [b"aaaa", b"bbbb", b"cccc"], [b"dddd"])
    path = segments(folder)[0]
    damaged = bytearray(path.read_bytes())
    damaged[BORN_BYTES + 28 + 8] ^= 1  # in the second record
    path.write_bytes(damaged)
    with FileSpool(folder).read(CONSULT, KEY) as file:
        assert file.seek(0, os.SEEK_END) == 16
        for place, expected in ((0, b"aaaa"), (8, b"cccc"), (12, b"dddd")):
            file.seek(place)
            assert file.read(4) == expected
            file.seek(4)
            with pytest.raises(Unreadable):
                file.read(4)
    with closing(FileSpool(folder).open(CONSULT, KEY, new=True)) as recording:
        assert recording.position == 16, "what comes after it is recorded all the same"


def test_nothing_is_added_when_nobody_knows_where_the_recording_ended(folder: Path) -> None:
    record(folder, [b"aaaa", b"bbbb"])
    path = segments(folder)[0]
    damaged = bytearray(path.read_bytes())
    damaged[BORN_BYTES] ^= 1  # the length of the first record
    path.write_bytes(damaged)
    with pytest.raises(Unreadable):
        FileSpool(folder).open(CONSULT, KEY, new=True)
    with pytest.raises(Unreadable):
        heard(FileSpool(folder))


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"\0", struct.pack(">I", 100), struct.pack(">II", 99, 99 ^ 0xFFFFFFFF)])
def test_what_a_power_cut_leaves_at_the_end_is_no_damage(folder: Path, tail: bytes) -> None:
    sound = record(folder, [b"aaaa", b"bbbb"])
    path = segments(folder)[0]
    path.write_bytes(path.read_bytes()[: -(8 + TAG_BYTES)] + tail)  # no end mark
    assert heard(FileSpool(folder)) == sound
    assert record(folder, [b"cccc"]) == b"cccc"
    assert heard(FileSpool(folder)) == sound + b"cccc"


@pytest.mark.parametrize("born", [b"", b"TSPOOL01", b"\0" * 200])
def test_a_segment_that_was_never_written_is_passed_over(folder: Path, born: bytes) -> None:
    sound = record(folder, [b"aaaa", b"bbbb"])
    (folder / str(CONSULT) / "00000002").write_bytes(born)
    assert heard(FileSpool(folder)) == sound
    record(folder, [b"cccc"])
    assert [path.name for path in segments(folder)][-1] == "00000003"
    assert heard(FileSpool(folder)) == sound + b"cccc"


@given(data=st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    """A recording that ended in order gives exactly what was said, or is refused; never other sound, never less."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "spool"
        sizes = data.draw(st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=4), min_size=1, max_size=3))
        sound = record(folder, *([os.urandom(size) for size in session] for session in sizes))
        path = data.draw(st.sampled_from(segments(folder)))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        try:
            found = heard(FileSpool(folder))
        except Unreadable:
            return
        assert found == sound


class Nonces:
    """Every nonce under its key; fails at the first that comes twice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.used: set[tuple[bytes, bytes]] = set()
        real = module.Pieces

        class Watched(real):  # type: ignore[misc, valid-type]
            def __init__(inner, key: bytes, header: bytes, place: bytes) -> None:  # noqa: N805
                super().__init__(key, header, place)
                inner.salt = header[8:24]

            def encrypt(inner, number: int, last: bool, plain: bytes) -> bytes:  # noqa: N805
                used = (inner.salt, inner._nonce(number, last))
                assert used not in self.used, "a nonce was used twice"
                self.used.add(used)
                return super().encrypt(number, last, plain)

        monkeypatch.setattr(module, "Pieces", Watched)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.binary(min_size=1, max_size=50)),
        st.tuples(st.just("sync"), st.none()),
        st.tuples(st.just("reopen"), st.none()),
        st.tuples(st.just("crash"), st.floats(0, 1)),
        st.tuples(st.just("full"), st.integers(0, 200)),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_every_synced_byte_comes_back_in_order(steps: list[tuple[str, object]]) -> None:
    """Whatever comes between: crashes that keep any part of what was not synced, full disks, new openings."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as monkeypatch:
        nonces = Nonces(monkeypatch)
        folder = Path(place) / "spool"
        spool = FileSpool(folder)
        recording = spool.open(CONSULT, KEY, new=True)
        safe, waiting = b"", b""
        following = spool.follow(CONSULT, KEY)
        assert following is not None
        for step, value in steps:
            if step == "append":
                recording.append(value)  # type: ignore[arg-type]
                waiting += value  # type: ignore[operator]
            elif step == "sync":
                assert recording.sync() == len(safe + waiting)
                safe, waiting = safe + waiting, b""
            elif step == "reopen":
                recording.close()
                recording, waiting = spool.open(CONSULT, KEY, new=True), b""
            elif step == "full":
                with full_after(monkeypatch, value):  # type: ignore[arg-type]
                    if waiting:
                        try:
                            recording.sync()
                            safe += waiting
                        except DiskFull:
                            pass
                    waiting = b""
            else:
                recording, kept = crashed(spool, recording, value)  # type: ignore[arg-type]
                # a write that was cut off may turn out to be whole: more than was acknowledged, never less
                safe, waiting = (safe + waiting if kept else safe), b""
            assert recording.position == len(safe)
            assert heard(spool) == safe
            with following.read() as file:
                assert file.read() == safe, "also for whoever looks on"
        following.close()
        recording.close()
        assert heard(spool) == safe
        assert nonces.used or not safe


@contextmanager
def full_after(monkeypatch: pytest.MonkeyPatch, room: int) -> Iterator[None]:
    """A disk that takes ``room`` bytes more."""
    write = os.write
    left = room

    def limited(descriptor: int, data: bytes) -> int:
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, "full")
        taken = write(descriptor, data[:left])
        left -= taken
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", limited)
        yield


def crashed(spool: FileSpool, recording: Recording, part: float) -> tuple[Recording, bool]:
    """The process dies while it syncs: a part of what it was writing is there. Was it whole?"""
    folder = spool._of(CONSULT)
    before = {path: path.stat().st_size for path in folder.iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.os, "fsync", lambda _: None)
        put(recording)
    whole = True
    for path in folder.iterdir():
        size, old = path.stat().st_size, before.get(path, 0)
        if size > old:
            keep = old + round((size - old) * part)
            os.truncate(path, keep)
            whole = keep == size
    recording._target, recording._closed = None, True  # type: ignore[attr-defined]
    recording._lock.release()  # type: ignore[attr-defined]
    return spool.open(CONSULT, KEY, new=True), whole


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_words_and_the_writer_goes_on_when_there_is_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(_: int) -> None:
        raise OSError(number, "full")

    spool = FileSpool(folder)
    with closing(spool.open(CONSULT, KEY, new=True)) as recording:
        put(recording, b"safe")
        with monkeypatch.context() as patch:
            patch.setattr(module.os, "fsync", full)
            recording.append(b"dropped")
            with pytest.raises(DiskFull, match="schijf is vol"):
                recording.sync()
        assert recording.position == 4
        assert heard(spool) == b"safe"
        assert recording.sync() == 4
        put(recording, b"more")
        assert heard(spool) == b"safemore"
    assert [path.name for path in segments(folder)] == ["00000001", "00000002"]


def until_full(recording: Recording) -> bytes:
    """What was safe by then."""
    sound = b""
    while True:
        piece = os.urandom(3200)
        try:
            put(recording, piece)
        except DiskFull:
            return sound
        sound += piece


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root on Linux")
    try:
        spool = FileSpool(place / "spool")
        sound = b""
        with closing(spool.open(CONSULT, KEY, new=True)) as recording:
            ballast = place / "ballast"
            for kilobytes in (300, 200, 100):
                ballast.write_bytes(bytes(1000 * kilobytes))
                sound += until_full(recording)
                assert recording.position == len(sound)
                assert heard(spool) == sound
                assert space(place).free < 10_000
                with pytest.raises(DiskFull):
                    put(recording, bytes(20_000))
                ballast.unlink()
                assert space(place).free > 90_000
                put(recording, b"room")
                sound += b"room"
            assert heard(spool) == sound
    finally:
        subprocess.run(["umount", str(place)], check=True)


KILLED_WRITER = """
import sys
from pathlib import Path
from uuid import UUID
from transcribe.store.spool import FileSpool

recording = FileSpool(Path(sys.argv[1])).open(UUID(int=1), bytes(32), new=True)
number = recording.position // 4
while True:
    for _ in range(number % 7 + 1):
        recording.append(number.to_bytes(4, "big"))
        number += 1
    print(recording.sync(), flush=True)
"""


def test_a_killed_writer_leaves_all_that_it_said_was_safe(folder: Path) -> None:
    rounds, seed = 8, random.randrange(10_000)
    print("seed", seed)
    moments = random.Random(seed)
    acknowledged = 0
    for _ in range(rounds):
        command = [sys.executable, "-c", KILLED_WRITER, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(moments.randrange(1, 60)):
                acknowledged = int(writer.stdout.readline())
            with pytest.raises(Conflict):
                FileSpool(folder).open(CONSULT, KEY, new=True)
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                if line.endswith(b"\n"):
                    acknowledged = int(line)
        sound = heard(FileSpool(folder))
        assert len(sound) >= acknowledged
        assert sound == b"".join(number.to_bytes(4, "big") for number in range(len(sound) // 4))
    assert len(segments(folder)) == rounds


def test_a_crash_in_the_middle_of_deleting_is_made_good(folder: Path) -> None:
    record(folder, [b"abc"])
    (folder / str(CONSULT)).rename(folder / f"{CONSULT}.gone")
    spool = FileSpool(folder)
    assert spool.consults() == []
    assert [path.name for path in folder.iterdir()] == ["name"]
    record(folder, [b"abc"])
    (folder / f"{CONSULT}.gone").mkdir()
    (folder / f"{CONSULT}.gone" / "00000001").write_bytes(b"old")
    assert spool.consults() == [CONSULT]
    spool.delete(CONSULT)
    assert [path.name for path in folder.iterdir()] == ["name"]


def test_what_else_lies_there_is_left_alone(folder: Path) -> None:
    record(folder, [b"abc"])
    (folder / "lost+found").mkdir()
    (folder / "oud.gone").touch()
    (folder / "map.gone" / "sub").mkdir(parents=True)
    (folder / f"{OTHER}.gone").touch()  # ours by its name, and can't be emptied
    spool = FileSpool(folder)
    assert spool.consults() == [CONSULT]
    assert heard(spool) == b"abc"
    assert (folder / "map.gone" / "sub").is_dir()


def test_only_ids_become_folders(folder: Path) -> None:
    spool = FileSpool(folder)
    for call in (lambda: spool.open("../x", KEY), lambda: spool.read("..", KEY), lambda: spool.delete("a/b")):  # type: ignore[arg-type]
        with pytest.raises(ValueError):
            call()
    assert spool.consults() == []


def test_a_disk_keeps_its_name_and_no_other_has_it(tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "two"
    first, second = (FileSpool(folder) for folder in folders)
    assert first.name != second.name
    assert FileSpool(folders[0]).name == first.name
    assert MemorySpool().name != MemorySpool().name
    assert first.consults() == []
