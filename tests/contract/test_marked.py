"""The place of the sound bears this installation's mark: a share that is not mounted is not "no sound"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from transcribe.errors import NotFound, SetupProblem
from transcribe.store.blobs import Blobs, BlobsUnavailable, open_blobs
from transcribe.store.marked import MarkedBlobs, NotOurPlace, mark

CONSULT = uuid4()


@dataclass
class Owner:
    """What the database knows. The real one: ``tests/integration/test_opening.py``."""

    id: UUID = field(default_factory=uuid4)
    marked: bool = False
    expected: list[UUID] = field(default_factory=list)

    def installation(self) -> UUID:
        return self.id

    def has_place(self) -> bool:
        return self.marked

    def first_place(self, mark: Callable[[], None]) -> bool:
        first = not self.marked
        if first:
            mark()
        self.marked = True
        return first

    def expected_sound(self) -> list[UUID]:
        return self.expected


def write(blobs: Blobs, content: bytes = b"a") -> None:
    with blobs.write(CONSULT, "pcm") as target:
        target.write(content)


def test_looking_makes_no_place_ours(blobs: Blobs) -> None:
    """An administrator who thinks again before the first recording finds no trap in the place that was set first."""
    owner = Owner()
    ours = MarkedBlobs(blobs, owner)
    ours.check()
    ours.try_write()
    assert (ours.consults(), ours.names(CONSULT), blobs.consults(), owner.marked) == ([], [], [], False)


def test_a_new_place_is_marked_at_first_use_and_is_ours_from_then_on(blobs: Blobs) -> None:
    owner = Owner()
    ours = MarkedBlobs(blobs, owner)
    with pytest.raises(NotFound):
        ours.open(CONSULT, "pcm")
    write(ours)
    owner.expected = [CONSULT]
    with ours.open(CONSULT, "pcm") as file:
        assert file.read() == b"a"
    assert (ours.consults(), ours.names(CONSULT)) == ([CONSULT], ["pcm"])
    ours.delete(CONSULT)
    with pytest.raises(NotFound):
        ours.open(CONSULT, "pcm")
    assert ours.names(CONSULT) == []


@pytest.mark.parametrize("owner", [Owner(expected=[uuid4()]), Owner(marked=True)])
def test_nothing_is_written_removed_or_missed_in_a_place_that_is_not_ours(blobs: Blobs, owner: Owner) -> None:
    """Also when no sound is expected: a certificate must not be completed beside an unmounted share."""
    mark(blobs, uuid4())  # somebody else's
    write(blobs)
    ours = MarkedBlobs(blobs, owner)
    for call in (
        lambda: write(ours, b"b"),
        lambda: ours.delete(CONSULT),
        lambda: ours.delete(CONSULT, "pcm"),
        lambda: ours.open(CONSULT, "upload"),
        lambda: ours.names(uuid4()),
        ours.consults,
        ours.check,
    ):
        with pytest.raises(NotOurPlace):
            call()
    with blobs.open(CONSULT, "pcm") as file:
        assert file.read() == b"a"
    mark(blobs, owner.id)  # brought back by an administrator
    ours.check()


def test_a_mark_that_is_lost_comes_back_where_the_sound_is_ours(blobs: Blobs) -> None:
    write(blobs)
    owner = Owner(marked=True, expected=[uuid4(), CONSULT])
    MarkedBlobs(blobs, owner).check()
    owner.expected = []
    MarkedBlobs(blobs, owner).check()


def test_a_share_that_is_not_mounted_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    location = str(tmp_path / "share" / "sound")
    owner = Owner()
    ours = MarkedBlobs(open_blobs(location, tmp_path), owner)
    write(ours)
    (tmp_path / "share" / "sound").rename(tmp_path / "away")
    (tmp_path / "share" / "sound").mkdir()
    with pytest.raises(NotOurPlace):
        ours.open(CONSULT, "upload")
    (tmp_path / "share" / "sound").rmdir()
    with pytest.raises(NotOurPlace):
        write(ours)
    (tmp_path / "away").rename(tmp_path / "share" / "sound")
    with ours.open(CONSULT, "pcm") as file:
        assert file.read() == b"a"


def test_a_place_that_goes_away_while_it_is_written_is_not_sound_that_is_gone(tmp_path: Path) -> None:
    owner = Owner()
    ours = MarkedBlobs(open_blobs(str(tmp_path / "sound"), tmp_path), owner)
    write(ours)
    with pytest.raises(NotOurPlace), ours.write(CONSULT, "pcm"):
        (tmp_path / "sound").rename(tmp_path / "away")
    (tmp_path / "away").rename(tmp_path / "sound")
    with pytest.raises(NotFound), ours.write(CONSULT, "pcm"):
        ours.delete(CONSULT)  # erased meanwhile: that it is


def test_a_place_that_answers_and_takes_nothing_is_told(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of which the right to write was taken away."""
    owner = Owner()
    write(MarkedBlobs(blobs, owner))
    before = sorted(blobs.consults())
    ours = MarkedBlobs(blobs, owner)
    ours.try_write()
    assert sorted(blobs.consults()) == before

    def refused(*_: object) -> None:
        raise BlobsUnavailable

    monkeypatch.setattr(blobs, "write", refused)
    ours.try_write()  # not at every question
    monkeypatch.setattr("transcribe.store.marked.TRY_S", -1.0)
    for _ in range(2):
        with pytest.raises(BlobsUnavailable):
            ours.try_write()


def test_a_known_folder_that_is_away_is_opened_and_told_as_an_outage(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    location = str(tmp_path / "disk" / "sound")
    owner = Owner()
    write(MarkedBlobs(open_blobs(location, tmp_path), owner))
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    with pytest.raises(SetupProblem):
        open_blobs(location, tmp_path)
    ours = MarkedBlobs(open_blobs(location, tmp_path, known=True), owner)
    for call in (ours.check, lambda: write(ours), lambda: ours.delete(CONSULT), lambda: ours.open(CONSULT, "pcm")):
        with pytest.raises(NotOurPlace):
            call()
    (tmp_path / "unplugged").rename(tmp_path / "disk")
    with ours.open(CONSULT, "pcm") as file:
        assert file.read() == b"a"
