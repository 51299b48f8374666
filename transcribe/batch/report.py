"""A batch on the command line: what was found, how far it is, and how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from consent import Texts
from transcribe.batch.intake import Item, State, planned, recordings, usable
from transcribe.batch.manifest import read_manifest, template
from transcribe.batch.run import Batch, seconds
from transcribe.batch.summary import Row, as_csv
from transcribe.errors import N_, InvalidInput, StoreUnavailable, TranscribeError
from transcribe.i18n import PRACTICE_ZONE
from transcribe.options import _
from transcribe.sheet import write_private

POLL_S = 0.5
PATIENCE_S = 60.0  # for a database that is away

THERE = N_("Dit bestand is er al. Kies een andere naam voor de lijst.")


def found_in(places: list[Path], manifest: Path | None, texts: Texts | None = None) -> list[Item]:
    """Raises ``InvalidInput``, ``OSError``."""
    entries = []
    if manifest is not None:
        entries = read_manifest(manifest.read_bytes(), now=datetime.now(UTC), zone=PRACTICE_ZONE, texts=texts)
    return planned(_recordings(places), entries)


def write_template(target: Path, places: list[Path]) -> int:
    """Raises ``InvalidInput`` rather than write over one that somebody may have filled in."""
    names = list(_recordings(places))
    try:
        write_private(target, [template(names)], new=True)
    except FileExistsError:
        raise InvalidInput(problem=THERE) from None
    return len(names)


def _recordings(places: list[Path]) -> dict[str, Path]:
    return recordings([place for place in places if place.is_dir() or usable(Path(place.name))])


def follow(batch: Batch, out: Console, *, look: Callable[[], list[Item]] | None) -> None:
    """Until everything is settled, or with ``look`` (a folder that is watched) until Ctrl-C."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    away_s = 0.0
    with Progress(*columns, TimeRemainingColumn(), console=out, transient=True) as progress:
        bars = _Bars(progress)
        while True:
            try:
                more = batch.step()
                away_s = 0.0
            except StoreUnavailable:
                # the supervisor brings our own database back; until then there is only waiting
                if away_s >= PATIENCE_S:
                    raise
                away_s += POLL_S
                more = True
            items = list(batch.items.values())
            bars.show(items)
            if look is None and not more:
                return
            if look is not None:
                with suppress(TranscribeError, OSError):  # a list that is being saved just now
                    batch.plan(look(), settled=True)
            if away_s or not batch.can_take:
                time.sleep(POLL_S)


class _Bars:
    """One for everything, and one for each recording that is at work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._whole = progress.add_task(_("Alles"), total=None)
        self._tasks: dict[str, TaskID] = {}

    def show(self, items: list[Item]) -> None:
        done, total = seconds(items)
        self._progress.update(self._whole, completed=done, total=total or None)
        for item in items:
            busy = item.state is State.BUSY
            if busy and item.name not in self._tasks:
                self._tasks[item.name] = self._progress.add_task(item.name, total=item.audio_s)
            elif not busy and item.name in self._tasks:
                self._progress.remove_task(self._tasks.pop(item.name))
            if busy:
                self._progress.update(self._tasks[item.name], completed=item.done_s, total=item.audio_s)


def table_of(rows: list[Row]) -> Table:
    table = Table(_("opname"), _("kenmerk"), _("stand"), _("waarom"))
    for row in rows:
        names = Text("\n".join(str(row[name]) for name in ("bestand", "tweede_bestand") if row[name]))
        table.add_row(names, *(Text(str(row[name])) for name in ("kenmerk", "stand", "reden")))
    return table


def write_summary(target: Path, rows: list[Row]) -> None:
    """CSV or JSON, by the name of the file."""
    if target.suffix.lower() == ".json":
        write_private(target, [json.dumps(rows, ensure_ascii=False, indent=2), "\n"])
    else:
        write_private(target, as_csv(rows))
