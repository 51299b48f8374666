"""Which file is of which row: by one rule for names, and never by guessing."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from transcribe.asr.transcript import Speaker
from transcribe.batch.items import Item, State
from transcribe.batch.manifest import Entry
from transcribe.batch.matching import SameName, left_out, matched, planned, recordings


def entry(name: str, ref: str = "P-1", second: str = "") -> Entry:
    layout = (Speaker.HUISARTS, Speaker.PATIENT) if second else (Speaker.ONBEKEND,)
    return Entry(name=name, row=2, ref=ref, second=second, layout=layout)


def told(items: list[Item]) -> list[tuple[str, str, State]]:
    return [(item.name, item.entry.ref if item.entry else "", item.state) for item in items]


def sizes(*names: str) -> dict[str, int]:
    return dict.fromkeys(names, 1)


def test_a_row_is_of_the_file_that_is_called_so_to_the_letter() -> None:
    assert told(matched(sizes("Jan.mp4", "jan.mp4"), [entry("jan.mp4")])) == [
        ("Jan.mp4", "", State.NO_ROW),
        ("jan.mp4", "P-1", State.NO_CONSENT),
    ]
    both = matched(sizes("Jan.mp4", "jan.mp4"), [entry("jan.mp4"), entry("Jan.mp4", "P-2")])
    assert told(both) == [("Jan.mp4", "P-2", State.NO_CONSENT), ("jan.mp4", "P-1", State.NO_CONSENT)]
    assert told(matched(sizes("JAN.mp4"), [entry("jan.mp4")])) == [("JAN.mp4", "P-1", State.NO_CONSENT)]


def test_a_row_that_may_be_of_two_files_is_of_neither() -> None:
    items = matched(sizes("Jan.mp4", "jan.mp4"), [entry("JAN.mp4")])
    assert [item.state for item in items] == [State.NO_ROW, State.NO_ROW, State.BAD_ROW]
    assert "Jan.mp4; jan.mp4" in str(items[2].problem)
    items = matched(sizes("a.mp4", "B.mp4", "b.mp4"), [entry("a.mp4", second="_b.mp4"), entry("x", second="B.MP4")])
    assert "B.mp4; b.mp4" in str(items[-1].problem)


@pytest.mark.parametrize(
    "name",
    ["twee  blanco.mp4", "vaste\u00a0spatie.mp4", "smal\u202f.mp4", unicodedata.normalize("NFD", "patiënt één.mp4")],
)
def test_a_name_is_found_as_a_spreadsheet_gives_it_back(name: str) -> None:
    given = unicodedata.normalize("NFC", " ".join(name.split()))
    assert given != name
    assert [item.state for item in matched(sizes(name), [entry(given)])] == [State.NO_CONSENT]


@pytest.mark.parametrize(
    "rows",
    [
        [entry("a.mp4"), entry("A.MP4", "P-2")],
        [entry("a.mp4", second="b.mp4"), entry("b.mp4", "P-2")],
        [entry("b.mp4", "P-2"), entry("a.mp4", second="b.mp4")],
        [entry("a.mp4", second="A.mp4")],
        [entry("x.mp4"), entry("x.mp4", "P-2")],
    ],
)
def test_a_recording_that_two_rows_name_is_whose_nobody_knows(rows: list[Entry]) -> None:
    """Neither counts, whichever comes first, and whether or not the file is there."""
    listed = [item for item in matched(sizes("a.mp4", "b.mp4"), rows) if item.entry]
    assert listed
    assert {item.state for item in listed} == {State.BAD_ROW}
    assert all("staat twee keer" in str(item.problem) for item in listed)


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def test_two_recordings_of_one_name_are_refused_with_both_named(tmp_path: Path) -> None:
    made(tmp_path, "maandag/opname1.mp4", "dinsdag/opname1.mp4")
    places = [tmp_path / "maandag", tmp_path / "dinsdag"]
    for given in (places, [place / "opname1.mp4" for place in places]):
        with pytest.raises(SameName) as refused:
            recordings(given)
        assert "maandag/opname1.mp4" in str(refused.value)
        assert "dinsdag/opname1.mp4" in str(refused.value)
    assert list(recordings([tmp_path])) == ["dinsdag/opname1.mp4", "maandag/opname1.mp4"]
    assert list(recordings([places[0], places[0], places[0] / "opname1.mp4"])) == ["opname1.mp4"]


def test_what_was_named_and_is_no_recording_is_told(tmp_path: Path) -> None:
    made(tmp_path, "a.mp4", "b.avi", "lijst.csv")
    items = left_out([tmp_path / name for name in ("a.mp4", "b.avi", "lijst.csv")], other=[tmp_path / "lijst.csv"])
    assert told(items) == [("b.avi", "", State.FAILED)]
    assert left_out([tmp_path]) == []


def test_a_folder_that_can_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "a.mp4", "dicht/b.mp4")
    real: Callable[..., Iterator[os.DirEntry[str]]] = os.scandir

    def shut(place: str) -> Iterator[os.DirEntry[str]]:
        if str(place).endswith("dicht"):
            raise PermissionError(13, "no", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", shut)
    assert list(recordings([tmp_path])) == ["a.mp4"]
    (item,) = left_out([tmp_path])
    assert (item.name, item.state) == ("dicht/", State.FAILED)
    assert isinstance(item.problem, PermissionError)


def test_a_file_that_is_moved_away_while_it_is_looked_at(tmp_path: Path) -> None:
    found = recordings([made(tmp_path, "a.mp4", "b.mp4")])
    (tmp_path / "a.mp4").unlink()
    assert [item.name for item in planned(found, [])] == ["b.mp4"]
