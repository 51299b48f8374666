"""Files and the rows of a list, side by side: which file is of which row, and which two are one consult."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from transcribe.asr.transcript import Speaker
from transcribe.batch.items import Item, State, before
from transcribe.batch.manifest import BadRow, Entry, Twice
from transcribe.batch.names import Names, folded
from transcribe.batch.pairs import pairs
from transcribe.errors import N_, InvalidInput, TranscribeError

#: What may be a recording.
ENDINGS = frozenset(
    {".mp4", ".m4v", ".mkv", ".webm", ".mov", ".m4a", ".mp3", ".ogg", ".opus", ".oga", ".wav", ".flac", ".aac", ".3gp",
     ".w64"}
)  # fmt: skip
#: A file that somebody is still writing, by its name.
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp")


class SameName(InvalidInput):
    text = N_(
        "Twee opnamen heten hier “{name}”: {first} en {second}. Geef ze elk een eigen opdracht en lijst, of noem "
        "de map waar beide in staan."
    )


class WhichFile(BadRow):
    text = N_("“{value}” kan meer dan één bestand zijn ({names}). Schrijf de naam precies zoals het bestand heet.")


class OtherKind(TranscribeError):
    text = N_("Dit soort bestand wordt niet gelezen. Maak er mp4, mkv, webm, mov, m4a, mp3, ogg of wav van.")


def recordings(places: list[Path]) -> dict[str, Path]:
    """What is there to bring in, by its name in a manifest: relative to the folder that was named.

    Raises ``SameName`` when two recordings would have one name: a row could be of either.
    """
    found: dict[str, Path] = {}
    for place in places:
        for path in _inside(place) if place.is_dir() else [place]:
            name = path.relative_to(place).as_posix() if place.is_dir() else place.name
            if not usable(PurePath(name)):
                continue
            other = found.setdefault(name, path)
            if other != path and other.resolve() != path.resolve():
                raise SameName(name=name, first=other, second=path)
    return found


def left_out(places: list[Path], *, other: Collection[Path] = ()) -> list[Item]:
    """What was named and can't be a recording, and folders that can't be read. ``other``: named for something else."""
    known = {path.resolve() for path in other}
    items = []
    for place in places:
        if place.is_dir():
            for problem in _unreadable(place):
                name = f"{Path(problem.filename).relative_to(place).as_posix()}/"
                items.append(Item(name=name, state=State.FAILED, problem=problem))
        elif not usable(PurePath(place.name)) and place.resolve() not in known:
            items.append(Item(name=place.name, state=State.FAILED, problem=OtherKind()))
    return items


def _inside(folder: Path) -> list[Path]:
    walked = os.walk(folder)
    return sorted(path for at, _, names in walked for name in names if (path := Path(at, name)).is_file())


def _unreadable(folder: Path) -> list[OSError]:
    found: list[OSError] = []
    for _ in os.walk(folder, onerror=found.append):
        pass
    return found


def usable(path: PurePath) -> bool:
    hidden = any(part.startswith((".", "~")) for part in path.parts)
    return not hidden and path.suffix.lower() in ENDINGS and not path.name.lower().endswith(UNFINISHED)


def planned(files: dict[str, Path], entries: list[Entry]) -> list[Item]:
    """Files and rows side by side; what has no row or no consent waits, and what has no file is named.

    Two files are one consult when a row says so, or when their names differ in nothing but who speaks (``pairs``) and
    no row says otherwise: both have a row of their own, or the one that there is tells who is on which channel.
    """
    stats: dict[str, os.stat_result] = {}
    for name, path in files.items():
        with suppress(FileNotFoundError):  # moved away since
            stats[name] = path.stat()

    def with_files(item: Item) -> Item:
        names = [name for name in (item.name, item.second_name) if name in stats]
        mark = tuple((str(files[name]), stats[name].st_size, stats[name].st_mtime_ns) for name in names)
        there = {name: files[name] for name in names}
        return replace(item, path=there.get(item.name), second=there.get(item.second_name), mark=mark)

    return [with_files(item) for item in matched({name: one.st_size for name, one in stats.items()}, entries)]


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A row with the files that it names ("": not there), or a pair that only names tell."""

    entry: Entry | None
    first: str
    second: str = ""

    @property
    def named(self) -> list[tuple[str, str]]:
        """What it names, and by what another row would be of the same recording."""
        assert self.entry is not None
        found = [(self.entry.name, self.first), (self.entry.second, self.second)]
        return [(name, file or folded(name)) for name, file in found if name]


def matched(files: Mapping[str, int], entries: list[Entry], *, apart: Collection[str] = ()) -> list[Item]:
    """``planned`` for whoever has names and sizes (bytes), but no paths. ``apart``: no pairs, whatever their names."""
    names = Names(files)
    rows = _without_twice([_found(names, entry) for entry in entries])
    rows = _paired(rows, [name for name in files if name not in apart])
    of = {row.first: row for row in reversed(rows) if row.first}
    seconds = {row.second for row in rows}
    missing = {folded(row.entry.name): row for row in rows if row.entry is not None and not row.first}
    listed = [_item(name, of.get(name), files) for name in files if name in of or name not in seconds]
    return [*listed, *(_item(row.entry.name, row, files) for row in missing.values() if row.entry is not None)]


def _found(names: Names, entry: Entry) -> _Row:
    first, second = names.find(entry.name), names.find(entry.second) if entry.second else []
    for value, found in ((entry.name, first), (entry.second, second)):
        if len(found) > 1:
            return _Row(entry=replace(entry, problem=WhichFile(value=value, names="; ".join(found))), first="")
    return _Row(entry=entry, first="".join(first), second="".join(second))


def _without_twice(rows: list[_Row]) -> list[_Row]:
    """Whose a recording is that two rows name, nobody knows: neither counts."""
    times = Counter(key for row in rows for _, key in row.named)

    def judged(row: _Row) -> _Row:
        twice = [name for name, key in row.named if times[key] > 1]
        if not twice or row.entry is None:
            return row
        return replace(row, entry=replace(row.entry, problem=Twice(value=twice[0])))

    return [judged(row) for row in rows]


def _paired(rows: list[_Row], names: list[str]) -> list[_Row]:
    """With the pairs that only their names tell."""
    claimed = {row.second for row in rows}
    made = list(rows)
    for first, second in pairs(name for name in names if name not in claimed):
        told = [row for row in made if row.first in (first, second)]
        entries = [row.entry for row in told if row.entry is not None]
        if len(told) > 1 or any(one.second or one.layout != (Speaker.ONBEKEND,) for one in entries):
            continue
        layout = (Speaker.HUISARTS, Speaker.PATIENT)
        entry = replace(entries[0], name=first, second=second, layout=layout) if entries else None
        made = [*(row for row in made if row not in told), _Row(entry=entry, first=first, second=second)]
    return made


def _item(name: str, row: _Row | None, files: Mapping[str, int]) -> Item:
    row = row or _Row(entry=None, first=name)
    second_name = row.second or (row.entry.second if row.entry else "")
    return Item(
        name=row.first or name,
        second_name=second_name,
        size=sum(files.get(one, 0) for one in (row.first, row.second)),
        entry=row.entry,
        state=before(row.entry, whole=bool(row.first) and (bool(row.second) or not second_name)),
        problem=row.entry.problem if row.entry else None,
    )
