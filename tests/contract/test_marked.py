"""The place of the sound bears this installation's mark: a share that is not mounted is not "no sound"."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from transcribe.errors import NotFound
from transcribe.store.blobs import Blobs, open_blobs
from transcribe.store.marked import MarkedBlobs, NotOurPlace, mark

CONSULT, OURS, OTHERS = uuid4(), uuid4(), uuid4()


def write(blobs: Blobs, content: bytes = b"a") -> None:
    with blobs.write(CONSULT, "pcm") as target:
        target.write(content)


def test_a_new_place_is_marked_at_first_use_and_is_ours_from_then_on(blobs: Blobs) -> None:
    expected = False
    ours = MarkedBlobs(blobs, OURS, lambda: expected)
    with pytest.raises(NotFound):
        ours.open(CONSULT, "pcm")
    write(ours)
    expected = True
    with ours.open(CONSULT, "pcm") as file:
        assert file.read() == b"a"
    assert (ours.consults(), ours.names(CONSULT)) == ([CONSULT], ["pcm"])
    ours.delete(CONSULT)
    with pytest.raises(NotFound):
        ours.open(CONSULT, "pcm")
    assert ours.names(CONSULT) == []


def test_nothing_is_written_removed_or_missed_in_a_place_that_is_not_ours(blobs: Blobs) -> None:
    mark(blobs, OTHERS)
    write(blobs)
    ours = MarkedBlobs(blobs, OURS, lambda: True)
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
    mark(blobs, OURS)  # brought back by an administrator
    ours.check()


def test_a_share_that_is_not_mounted_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    location = str(tmp_path / "share" / "sound")
    ours = MarkedBlobs(open_blobs(location, tmp_path), OURS, lambda: True)
    mark(open_blobs(location, tmp_path), OURS)
    write(ours)
    (tmp_path / "share" / "sound").rename(tmp_path / "away")
    (tmp_path / "share" / "sound").mkdir()
    with pytest.raises(NotOurPlace):
        ours.open(CONSULT, "pcm")
    (tmp_path / "share" / "sound").rmdir()
    with pytest.raises(NotOurPlace):
        write(ours)
    (tmp_path / "away").rename(tmp_path / "share" / "sound")
    with ours.open(CONSULT, "pcm") as file:
        assert file.read() == b"a"
