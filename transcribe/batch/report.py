"""A batch on the command line: what was found, how far it is, and how it ended."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from consent import Texts
from transcribe.batch.items import Item, State
from transcribe.batch.manifest import Entry, read_manifest, template
from transcribe.batch.matching import left_out, planned, recordings
from transcribe.batch.pairs import pairs
from transcribe.batch.run import STILL_S, Batch, seconds
from transcribe.batch.summary import Row, as_csv
from transcribe.errors import N_, InvalidInput, StoreUnavailable, TranscribeError
from transcribe.i18n import PRACTICE_ZONE
from transcribe.options import _
from transcribe.sheet import write_private
from transcribe.visible import one_row

POLL_S = 0.5
PATIENCE_S = 60.0  # for a database that is away

#: A row is read anew after so long: what lay in the future may be there by now.
READ_ANEW_S = 60.0

TAKEN = N_("Het overzicht zou de lijst of een opname overschrijven. Kies een andere naam na --summary.")
THERE = N_("Dit bestand is er al. Kies een andere naam voor de lijst.")


def found_in(
    places: list[Path], manifest: Path | None, texts: Texts | None = None, *, other: Collection[Path] = ()
) -> list[Item]:
    """``other``: files that were named for something else. Raises ``InvalidInput``, ``OSError``."""
    entries = [] if manifest is None else _entries(manifest.read_bytes(), texts)
    return _beside(places, entries, [*other, *([manifest] if manifest else [])])


def _entries(raw: bytes, texts: Texts | None) -> list[Entry]:
    return read_manifest(raw, now=datetime.now(UTC), zone=PRACTICE_ZONE, texts=texts)


def _beside(places: list[Path], entries: list[Entry], other: Collection[Path]) -> list[Item]:
    return [*planned(recordings(places), entries), *left_out(places, other=other)]


class Looking:
    """What is there, and what the list says of it, each time it is called. A list that somebody is saving is left
    alone until it stood still.
    """

    def __init__(
        self,
        places: list[Path],
        manifest: Path | None,
        texts: Texts | None = None,
        *,
        other: Collection[Path] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._folders = [place for place in places if place.is_dir()]
        self._manifest = manifest
        self._texts = texts
        self._other = [*other, *([manifest] if manifest else [])]
        self._clock = clock
        self._seen: tuple[object, float] = (None, 0.0)  # size and time of change, since when
        self._read: object = None  # of which size and time of change that was
        self._raw: bytes | None = None
        self._entries: list[Entry] = []
        self._entries_at = 0.0

    def __call__(self) -> list[Item] | None:
        """None: it can't be said yet. Raises ``InvalidInput``, ``OSError`` for a list that is none (any more), or
        a folder that is gone.
        """
        for folder in self._folders:
            if not folder.is_dir():  # a share or a stick that was taken away
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        if self._manifest is not None:
            self._look_at(self._manifest)
            if self._raw is None:
                return None
            if self._clock() - self._entries_at >= READ_ANEW_S:  # what lay in the future may be there now
                self._parse(self._raw)
        return _beside(self._places, self._entries, self._other)

    def _look_at(self, manifest: Path) -> None:
        try:
            found = manifest.stat()
            now_is: object = (found.st_size, found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            now_is = "gone"  # for a moment, when it is saved by putting another in its place
        if now_is == self._read:
            return
        seen, since = self._seen
        if now_is != seen:
            self._seen = (now_is, self._clock())
        elif self._clock() - since >= STILL_S:
            self._parse(manifest.read_bytes())
            self._read = now_is

    def _parse(self, raw: bytes) -> None:
        self._entries, self._raw, self._entries_at = _entries(raw, self._texts), raw, self._clock()


def write_template(target: Path, places: list[Path]) -> int:
    """How many rows. Raises ``InvalidInput`` rather than write over one that somebody may have filled in."""
    names = list(recordings(places))
    try:
        write_private(target, [template(names)], new=True)
    except FileExistsError:
        raise InvalidInput(problem=THERE) from None
    return len(names) - len(pairs(names))


def check_summary(target: Path, places: list[Path], manifest: Path | None) -> None:
    """Before hours of work: can the summary be written there, and is it nothing else? Raises ``InvalidInput``,
    ``OSError``.
    """
    taken = {path.resolve() for path in recordings(places).values()} | {place.resolve() for place in places}
    if target.resolve() in taken | ({manifest.resolve()} if manifest else set()):
        raise InvalidInput(problem=TAKEN)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "", str(target))
    if not target.exists():
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    elif not os.access(target, os.W_OK):  # /dev/stdout lies in a folder where we may not write
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))


def follow(
    batch: Batch, out: Console, *, look: Looking | None, told: Callable[[TranscribeError | OSError], None]
) -> None:
    """Until everything is settled, or with ``look`` (a folder that is watched) until Ctrl-C. ``told`` hears what is
    wrong with the list or a folder, once for each thing; until it is mended nothing is taken in.
    """
    # names of files are no markup
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    away_s = 0.0
    wrong: str | None = None
    with Progress(*columns, TimeRemainingColumn(), console=out, transient=True) as progress:
        bars = _Bars(progress)
        while True:
            try:
                more = batch.step(take=wrong is None)
                away_s = 0.0
            except StoreUnavailable:
                # the supervisor brings our own database back; until then there is only waiting
                if away_s >= PATIENCE_S:
                    raise
                away_s += POLL_S
                more = True
            bars.show(batch.everything)
            if look is None and not more:
                return
            if look is not None:
                try:
                    if (found := look()) is not None:
                        batch.plan(found)
                    wrong = None
                except (TranscribeError, OSError) as problem:
                    if str(problem) != wrong:
                        wrong = str(problem)
                        told(problem)
            if away_s or wrong is not None or not batch.can_take:
                time.sleep(POLL_S)


class _Bars:
    """One for everything, and one for each recording that is at work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._whole = progress.add_task(_("Alles"), total=None)
        self._tasks: dict[UUID, TaskID] = {}

    def show(self, items: list[Item]) -> None:
        done, total = seconds(items)
        self._progress.update(self._whole, completed=done, total=total or None)
        for item in items:
            if item.consult_id is None:
                continue
            busy = item.state is State.BUSY
            if busy and item.consult_id not in self._tasks:
                self._tasks[item.consult_id] = self._progress.add_task(one_row(item.name), total=item.audio_s)
            elif not busy and item.consult_id in self._tasks:
                self._progress.remove_task(self._tasks.pop(item.consult_id))
            if busy:
                self._progress.update(self._tasks[item.consult_id], completed=item.done_s, total=item.audio_s)


def table_of(rows: list[Row]) -> Table:
    table = Table(_("opname"), _("kenmerk"), _("stand"), _("waarom"))
    for row in rows:
        names = Text("\n".join(one_row(str(row[name])) for name in ("bestand", "tweede_bestand") if row[name]))
        table.add_row(names, *(Text(str(row[name])) for name in ("kenmerk", "stand", "reden")))
    return table


def write_summary(target: Path, rows: list[Row]) -> None:
    """CSV or JSON, by the name of the file."""
    if target.suffix.lower() == ".json":
        write_private(target, [json.dumps(rows, ensure_ascii=False, indent=2), "\n"])
    else:
        write_private(target, as_csv(rows))
