"""What a batch says on the command line, and the list that is read while somebody saves it."""

from __future__ import annotations

import io
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from transcribe.__main__ import translated
from transcribe.batch.items import WHAT_NOW, Item, State
from transcribe.batch.manifest import Entry, Twice
from transcribe.batch.report import Looking, check_summary, follow, found_in, table_of, write_summary
from transcribe.batch.run import STILL_S
from transcribe.batch.summary import row_of
from transcribe.errors import InvalidInput, TranscribeError

HEADER = "bestand;kenmerk\n"


def shown(*items: Item) -> str:
    out = io.StringIO()
    Console(file=out, width=300).print(table_of([row_of(item, translated, str) for item in items]))
    return out.getvalue()


def test_the_table_says_why_in_dutch_and_takes_no_name_for_markup() -> None:
    told = shown(
        Item(name="[jansen] x[/red].mp4", state=State.BAD_ROW, problem=Twice(value="a.mp4")),
        Item(name="b\x1b[31m.mp4", state=State.FAILED, problem=PermissionError(13, "Permission denied")),
        Item(name="c.mp4", state=State.OTHER_REF, ref="P-9"),
    )
    assert "[jansen] x[/red].mp4" in told
    assert "“a.mp4” staat twee keer in de lijst" in told
    assert "mag het bestand niet lezen" in told
    assert "Permission denied" not in told
    assert "\x1b" not in told
    assert "P-9" in told
    assert "--again" in told


def test_a_bar_takes_no_name_for_markup() -> None:
    out = io.StringIO()

    class Batch:
        can_take = False
        everything = (Item(name="[jansen] x[/b].mp4", state=State.BUSY, consult_id=uuid4(), audio_s=9.0, done_s=3.0),)

        def step(self, *, take: bool) -> bool:
            return not take

    follow(Batch(), Console(file=out, force_terminal=True, width=120), look=None, told=lambda _: None)  # type: ignore[arg-type]
    assert "[jansen] x[/b].mp4" in out.getvalue()


def test_a_summary_takes_the_place_of_nothing_else(tmp_path: Path) -> None:
    folder, manifest = tmp_path / "opnamen", tmp_path / "lijst.csv"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"sound")
    manifest.write_text(HEADER)
    for taken in (manifest, folder / "a.mp4", folder / ".." / "lijst.csv"):
        with pytest.raises(InvalidInput, match="overschrijven"):
            check_summary(taken, [folder], manifest)
    with pytest.raises(IsADirectoryError):
        check_summary(tmp_path, [folder], manifest)
    with pytest.raises(OSError, match="weg"):
        check_summary(tmp_path / "weg" / "uit.json", [folder], manifest)
    target = tmp_path / "uit.json"
    target.write_text("of before")
    target.chmod(0o644)
    check_summary(target, [folder], manifest)
    assert target.read_text() == "of before"
    write_summary(target, [])
    assert json.loads(target.read_text()) == []
    assert target.stat().st_mode & 0o777 == 0o600


class Watched:
    """A folder with one recording and a list, by a clock of our own."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.list = folder / "lijst.csv"
        (folder / "a.mp4").write_bytes(b"sound")
        self.look = Looking([folder], self.list, clock=lambda: self.now)

    def refs(self) -> list[str] | None:
        found = self.look()
        return None if found is None else [item.entry.ref if item.entry else "" for item in found]

    def still(self) -> None:
        self.look()
        self.now += STILL_S


def test_a_list_that_is_being_saved_is_left_alone(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.list.write_text(f"{HEADER}a.mp4;P-1")
    assert watched.refs() is None
    watched.list.write_text(f"{HEADER}a.mp4;P-12\n")
    watched.now += STILL_S
    assert watched.refs() is None, "it changed a moment ago"
    watched.now += STILL_S - 1
    assert watched.refs() is None
    watched.now += 1
    assert watched.refs() == ["P-12"]
    watched.list.unlink()
    assert watched.refs() == ["P-12"], "an editor puts another in its place"
    watched.list.write_text(f"{HEADER}a.mp4;P-3\n")
    watched.still()
    assert watched.refs() == ["P-3"]


def test_a_list_that_is_gone_or_broken_is_told_until_it_is_mended(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.list.write_text(HEADER)
    watched.still()
    watched.look()
    watched.list.write_text("naam;kenmerk\n")
    watched.still()
    for _ in range(2):
        with pytest.raises(InvalidInput):
            watched.look()
    watched.list.unlink()
    watched.still()
    with pytest.raises(FileNotFoundError):
        watched.look()
    watched.list.write_text(f"{HEADER}a.mp4;P-1\n")
    watched.still()
    assert watched.refs() == ["P-1"]


def test_what_is_wrong_with_a_list_is_said_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.list.write_text("naam;kenmerk\n")
    watched.still()
    told: list[TranscribeError | OSError] = []

    class Batch:
        can_take = True
        everything = ()
        steps = 0

        def plan(self, items: list[Item]) -> None:
            raise AssertionError(items)

        def step(self, *, take: bool) -> bool:
            self.steps += 1
            assert take == (self.steps == 1), "before anything was found to be wrong"
            if self.steps > 3:
                raise KeyboardInterrupt
            return True

    with pytest.raises(KeyboardInterrupt):
        follow(Batch(), Console(file=io.StringIO()), look=watched.look, told=told.append)  # type: ignore[arg-type]
    assert [type(one) for one in told] == [InvalidInput]


def test_the_list_itself_among_the_files_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "lijst.csv").write_text(HEADER)
    (tmp_path / "b.avi").write_bytes(b"x")
    items = found_in([tmp_path / "lijst.csv", tmp_path / "b.avi"], tmp_path / "lijst.csv")
    assert [(item.name, item.state) for item in items] == [("b.avi", State.FAILED)]


def test_a_summary_may_go_to_what_is_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard output lies in a folder where only root may write."""
    there, read_only = tmp_path / "there.csv", tmp_path / "read_only.csv"
    for path in (there, read_only):
        path.write_text("before")
    monkeypatch.setattr(os, "access", lambda path, _: path != read_only)

    def no_folder(**_given: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(tempfile, "TemporaryFile", no_folder)
    check_summary(there, [tmp_path], None)
    with pytest.raises(PermissionError):
        check_summary(read_only, [tmp_path], None)
    with pytest.raises(PermissionError):
        check_summary(tmp_path / "new.csv", [tmp_path], None)


def test_what_is_not_ours_is_not_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there.csv"
    there.write_text("before")

    def not_ours(*_given: object) -> None:
        raise PermissionError(1, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fchmod", not_ours)
        with pytest.raises(PermissionError):
            write_summary(there, [])
    assert there.read_text() == "before"
    write_summary(there, [])
    assert "before" not in there.read_text()


def test_a_folder_that_is_gone_is_told_and_is_no_wrong_kind_of_file(tmp_path: Path) -> None:
    folder, alone = tmp_path / "stick", tmp_path / "b.mp4"
    folder.mkdir()
    for path in (folder / "a.mp4", alone):
        path.write_bytes(b"x")
    look = Looking([folder, alone], None)
    assert {item.name for item in look() or ()} == {"a.mp4", "b.mp4"}
    alone.unlink()  # as its original goes when it was done
    assert [item.name for item in look() or () if item.paths] == ["a.mp4"]
    folder.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        look()
    (tmp_path / "away").rename(folder)
    assert [item.name for item in look() or () if item.paths] == ["a.mp4"]


def test_a_reference_that_is_a_bsn_is_pointed_out_and_nothing_more() -> None:
    item = Item(name="a.mp4", state=State.DONE, entry=Entry(name="a.mp4", row=2, ref="999911624"))
    assert "lijkt een BSN" in str(row_of(item, str, str)["reden"])
    assert row_of(replace(item, state=State.OTHER_REF), str, str)["reden"] == WHAT_NOW[State.OTHER_REF]
