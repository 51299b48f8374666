"""``transcribe batch``: many recordings, each with its consent, to drafts that wait for a doctor."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transcribe.batch.intake import SETTLED, WAITS, Intake, Item, State, planned, recordings, usable
from transcribe.batch.manifest import guarded, read_manifest, template
from transcribe.batch.run import Batch, seconds, worst
from transcribe.errors import N_, InvalidInput, StoreUnavailable, TranscribeError
from transcribe.options import BlobStore, DatabaseUrl, DataDir, Demo, Model, Name, OsUser, UserRole, _

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

POLL_S = 0.5
PATIENCE_S = 60.0  # for a database that is away
EXIT_WAITS = 6  # something waits for consent; all else is done
EXIT_SOME = 7  # something could not be done
EXIT_INTERRUPTED = 130

NOTHING = N_("Er zijn geen opnamen gevonden. Noem bestanden of een map met mp4, mkv, webm, mov, m4a, mp3, ogg of wav.")
THERE = N_("Dit bestand is er al. Kies een andere naam voor de lijst.")

Row = dict[str, object]


def add_commands(
    cli: typer.Typer,
    friendly: Callable[[], AbstractContextManager[None]],
    out: Callable[[], Console],
    translated: Callable[[TranscribeError], str],
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""

    @cli.command(help=_("Verwerk veel opnamen tegelijk, elk met de toestemming die in een lijst staat."))
    def batch(
        places: Annotated[
            list[Path], typer.Argument(metavar="MAP_OF_BESTANDEN...", help=_("Een map, of opnamen."), exists=True)
        ],
        manifest: Annotated[
            Path | None,
            typer.Option("--manifest", help=_("De lijst (CSV): van wie elke opname is en wie toestemde."), exists=True),
        ] = None,
        new_list: Annotated[
            Path | None, typer.Option("--template", help=_("Schrijf een lege lijst met deze opnamen en stop."))
        ] = None,
        summary: Annotated[
            Path | None, typer.Option("--summary", help=_("Schrijf het overzicht ook hierheen (.csv of .json)."))
        ] = None,
        watch: Annotated[bool, typer.Option("--watch", help=_("Blijf kijken of er opnamen bij komen."))] = False,
        again: Annotated[
            bool, typer.Option("--again", help=_("Verwerk ook wat eerder verwijderd of gewist is."))
        ] = False,
        delete_source: Annotated[
            bool,
            typer.Option("--delete-source", help=_("Verwijder een opname zodra haar concept bewaard en nagekeken is.")),
        ] = False,
        worker_count: Annotated[
            int, typer.Option("--workers", min=1, help=_("Aantal verwerkers op deze machine."))
        ] = 1,
        name: Name = None,
        user_role: UserRole = None,
        model: Model = None,
        demo: Demo = False,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        blob_store: BlobStore = None,
        os_user: OsUser = None,
    ) -> None:
        from transcribe import logs
        from transcribe.app import actor_of, open_service
        from transcribe.consult import Lane
        from transcribe.serving import workers
        from transcribe.settings import Settings

        with friendly():
            logs.configure(level="warning")
            if new_list is not None:
                count = write_template(new_list, places)
                out().print(_("{file}: een regel voor elk van de {count} opnamen.").format(file=new_list, count=count))
                return
            items = found_in(places, manifest)
            if not items and not watch:
                raise InvalidInput(problem=NOTHING)
            settings = Settings.from_env(
                log_level="warning",
                user_name=name,
                user_role=user_role,
                model=model,
                demo=demo or None,
                data_dir=data_dir,
                database_url=database_url,
                blob_store=blob_store,
                os_user=os_user,
            )
            actor = actor_of(settings)
            interrupted = False
            with open_service(settings) as service:
                run = Batch(Intake(service.workflow, actor, again=again), delete_source=delete_source)
                run.plan(items, settled=watch)
                try:
                    with workers(settings, service.database_url, [Lane.BATCH] * worker_count, revive=service.revive):
                        follow(run, out(), look=(lambda: found_in(places, manifest)) if watch else None)
                except KeyboardInterrupt:
                    interrupted = True
            done = list(run.items.values())
            rows = [row_of(item, translated) for item in done]
            if summary is not None:
                write_summary(summary, rows)
            out().print(table_of(rows))
            if any(item.state in WAITS for item in done):
                out().print(_("Vul de toestemming in (--template maakt een lijst) en geef dezelfde opdracht opnieuw."))
            if interrupted and any(item.state not in SETTLED for item in done):
                out().print(_("Onderbroken. Dezelfde opdracht gaat verder waar zij was; niets gaat dubbel."))
                raise typer.Exit(EXIT_INTERRUPTED)
            if (kind := worst(done)) is not None:
                raise typer.Exit(EXIT_WAITS if kind in WAITS else EXIT_SOME)


def found_in(places: list[Path], manifest: Path | None) -> list[Item]:
    """Raises ``InvalidInput``, ``OSError``."""
    from transcribe.web.pages import PRACTICE_ZONE

    entries = []
    if manifest is not None:
        entries = read_manifest(manifest.read_bytes(), now=datetime.now(UTC), zone=PRACTICE_ZONE)
    return planned(_recordings(places), entries)


def write_template(target: Path, places: list[Path]) -> int:
    """Raises ``InvalidInput`` rather than write over one that somebody may have filled in."""
    names = list(_recordings(places))
    try:
        _write(target, template(names), new=True)
    except FileExistsError:
        raise InvalidInput(problem=THERE) from None
    return len(names)


def _recordings(places: list[Path]) -> dict[str, Path]:
    return recordings([place for place in places if place.is_dir() or usable(Path(place.name))])


def follow(batch: Batch, out: Console, *, look: Callable[[], list[Item]] | None) -> None:
    """Until everything is settled, or with ``look`` (a folder that is watched) until Ctrl-C."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

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


def row_of(item: Item, translated: Callable[[TranscribeError], str]) -> Row:
    """For people and for scripts."""
    problem = item.problem
    why = translated(problem) if isinstance(problem, TranscribeError) else _(item.why) if item.why else ""
    if isinstance(problem, OSError):
        why = problem.strerror or type(problem).__name__
    elif problem is not None and not isinstance(problem, TranscribeError):
        why = str(problem)
    return {
        "bestand": item.name,
        "kenmerk": item.entry.ref if item.entry else "",
        "stand": _(item.state.value),
        "reden": why,
        "seconden": None if item.audio_s is None else round(item.audio_s, 1),
        "consult": "" if item.consult_id is None else str(item.consult_id),
        "origineel_verwijderd": item.removed,
    }


def table_of(rows: list[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(_("opname"), _("kenmerk"), _("stand"), _("waarom"))
    for row in rows:
        table.add_row(*(Text(str(row[name])) for name in ("bestand", "kenmerk", "stand", "reden")))
    return table


def write_summary(target: Path, rows: list[Row]) -> None:
    """CSV or JSON, by the name of the file."""
    if target.suffix.lower() == ".json":
        _write(target, json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return
    sheet = io.StringIO()
    writer = csv.writer(sheet, delimiter=";", lineterminator="\r\n")
    writer.writerow(rows[0] if rows else [])
    for row in rows:
        writer.writerow([guarded("" if cell is None else str(cell)) for cell in row.values()])
    _write(target, "\ufeff" + sheet.getvalue())


def _write(target: Path, content: str, *, new: bool = False) -> None:
    """Readable for us alone: it names patients by their reference."""
    how = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if new else os.O_TRUNC)
    with os.fdopen(os.open(target, how, 0o600), "w", encoding="utf-8", newline="") as file:
        file.write(content)
