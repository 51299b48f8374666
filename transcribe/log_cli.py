"""Commands of the access log: show, a patient's overview, export, verify, anchor, prune."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from transcribe.errors import N_, InvalidInput
from transcribe.i18n import preferred_language, translations
from transcribe.options import DatabaseUrl, DataDir, Demo, OsUser

if TYPE_CHECKING:
    from rich.console import Console

    from transcribe.backup_cli import Installation
    from transcribe.consult import Action, LogFilter, Logged
    from transcribe.settings import Settings
    from transcribe.store.anchors import Kept
    from transcribe.store.postgres import PostgresStore

_ = translations(preferred_language()).gettext

EXIT_BROKEN = 1
Since = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help=_("Vanaf deze dag (jjjj-mm-dd)."))
]
All = Annotated[
    bool,
    typer.Option(
        "--all",
        help=_("Van alle praktijken in deze database, en wat van de hele installatie is (reservekopieën, sleutels)."),
    ),
]
Until = Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help=_("Tot en met deze dag."))]


class Format(StrEnum):
    CSV = "csv"
    FHIR = "fhir"


def add_commands(
    cli: typer.Typer,
    friendly: Callable[[], AbstractContextManager[None]],
    out: Callable[[], Console],
    complain: Callable[[str], None],
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""
    log = typer.Typer(no_args_is_help=True, help=_("Het toegangslog: tonen, narekenen, overzicht voor een patiënt."))
    cli.add_typer(log, name="log")

    @log.command(help=_("Toon de nieuwste regels."))
    def show(
        person: Annotated[str, typer.Option("--person", help=_("Alleen deze persoon."))] = "",
        consult: Annotated[UUID | None, typer.Option("--consult", help=_("Alleen dit consult."))] = None,
        since: Since = None,
        until: Until = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help=_("Hoogstens zoveel regels."))] = 50,
        everything: All = False,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from rich.table import Table
        from rich.text import Text

        from transcribe.consult import Action, LogFilter

        with friendly(), _opened(data_dir, database_url, os_user, demo) as (settings, here):
            wanted = _wanted(LogFilter(actor=person, consult_id=consult), since, until)
            _note(settings, here, Action.LOG_VIEWED, consult_id=consult, everything=everything)
            table = Table("", _("tijd"), _("wie"), _("wat"), _("consult"), *([_("praktijk")] if everything else []))
            for row in reversed(_store(settings, here, everything).logged(wanted, limit=limit)):
                event = row.event
                who = f"{event.actor} ({_(event.role.value)})"
                what = " ".join(filter(None, (_(event.action.value), event.whom, event.detail)))
                number = str(event.consult_id) if event.consult_id else ""
                where = [row.practice or ""] if everything else []
                table.add_row(str(row.seq), _local(event.at), Text(who), Text(what), number, *where)
            out().print(table)

    @log.command(help=_("Wie zag wat van één patiënt. Het patiëntkenmerk wordt gevraagd, of gelezen van de invoer."))
    def patient(
        since: Since = None,
        until: Until = None,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from transcribe.access_log import overview
        from transcribe.consult import Action, LogFilter
        from transcribe.log_reading import rows
        from transcribe.web.pages import PRACTICE_ZONE

        with friendly(), _opened(data_dir, database_url, os_user, demo) as (settings, here):
            reference = _asked_for(_("Patiëntkenmerk"))
            _note(settings, here, Action.LOG_OVERVIEW, patient_ref=reference)
            wanted = _wanted(LogFilter(patient_ref=reference), since, until)
            for day in overview(rows(_store(settings, here), wanted), PRACTICE_ZONE):
                out().print(f"\n{day.day:%d-%m-%Y}", style="bold")
                for visitor in day.visitors:
                    name = f"  {visitor.name} ({_(visitor.role.value)})"
                    out().print(name, markup=False, soft_wrap=True)
                    for deed in visitor.deeds:
                        times = f" ({deed.times}x)" if deed.times > 1 else ""
                        at = f"{deed.first.astimezone(PRACTICE_ZONE):%H:%M}"
                        out().print(f"    {at} {_(deed.phrase)}{times}", markup=False, soft_wrap=True)

    @log.command(
        help=_("Schrijf regels naar een bestand: csv voor een rekenblad, fhir (AuditEvent) voor een logserver.")
    )
    def export(
        file: Annotated[Path, typer.Option("--out", dir_okay=False, help=_("Nieuw bestand."))],
        form: Annotated[Format, typer.Option("--format", help=_("csv of fhir."))] = Format.CSV,
        everything: All = False,
        since: Since = None,
        until: Until = None,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from transcribe.consult import Action, LogFilter
        from transcribe.log_export import as_csv, as_fhir
        from transcribe.log_reading import rows
        from transcribe.sheet import write_private

        with friendly(), _opened(data_dir, database_url, os_user, demo) as (settings, here):
            if file.exists():
                raise InvalidInput(problem=N_("Dit bestand bestaat al. Kies een andere naam."))
            _note(settings, here, Action.LOG_EXPORTED, detail=form.value, everything=everything)
            counted = _Counted(rows(_store(settings, here, everything), _wanted(LogFilter(), since, until)))
            pieces = as_csv(counted) if form is Format.CSV else as_fhir(counted)
            write_private(file, pieces, new=True)
            out().print(_("{count} regels geschreven.").format(count=counted.count))

    @log.command(help=_("Reken het toegangslog na: is er een regel gewijzigd, weg of tussengevoegd?"))
    def verify(
        anchors: Annotated[
            list[str] | None, typer.Option("--anchor", help=_("Een anker dat u elders bewaarde (de hele regel)."))
        ] = None,
        backups: Annotated[
            list[Path] | None,
            typer.Option("--backup", exists=True, dir_okay=False, help=_("Een reservekopie, als anker.")),
        ] = None,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from transcribe.consult import Action
        from transcribe.store.anchors import FILE, judge, read_file, read_line, should_be_there
        from transcribe.store.backup import anchor_of

        with friendly(), _opened(data_dir, database_url, os_user, demo) as (settings, here):
            kept = [read_line(one, _("het anker dat u gaf"), here.master_key) for one in anchors or ()]
            kept += [anchor_of(path, here.master_key) for path in backups or ()]
            in_folder, damaged = read_file(settings.data_dir, here.master_key)
            kept += [*in_folder, *_in_key_copies(here)]
            with _bar(out()) as progress:
                walked = here.store.walk_log([one.anchor.seq for one in kept], progress)
            wrong = damaged > 0
            if damaged:
                complain(_("In {file} staan regels die geen anker zijn: het bestand is veranderd.").format(file=FILE))
            if not in_folder and not damaged and should_be_there(walked, datetime.now(UTC)):
                wrong = True
                complain(
                    _(
                        "Er zijn geen ankers in {file}, terwijl dit log ouder is dan twee uur: het bestand is "
                        "weggehaald, of de dienst heeft met deze gegevensmap nog niet gedraaid."
                    ).format(file=settings.data_dir / FILE)
                )
            if walked.unsealed:
                wrong = True
                complain(_("Waar het log begint, is niet door dit programma geschreven: oude regels zijn weggehaald."))
            if walked.broken is not None:
                wrong = True
                complain(
                    _("Het toegangslog klopt niet vanaf regel {seq}: die is gewijzigd, weg of tussengevoegd.").format(
                        seq=walked.broken
                    )
                )
            ours = here.store.installation()
            for one in kept:
                verdict = judge(one, walked, ours)
                said = f"{one.where}, {_local(one.anchor.at)}, {_('regel')} {one.anchor.seq}: {_(verdict.value)}."
                if verdict.wrong:
                    wrong = True
                    complain(said)
                else:
                    out().print(said, markup=False, soft_wrap=True)
            _note(settings, here, Action.LOG_VERIFIED, detail="beschadigd" if wrong else f"{walked.last} regels")
            if wrong:
                raise typer.Exit(EXIT_BROKEN)
            out().print(
                _("Het toegangslog klopt: regel {first} tot en met {last}, {count} ankers.").format(
                    first=walked.first, last=walked.last, count=len(kept)
                )
            )
            if newest := max((one.anchor for one in kept), key=attrgetter("seq"), default=None):
                out().print(
                    _("Het nieuwste anker is van {at}. Of de {rows} regels daarna alles zijn, is niet te zien.").format(
                        at=_local(newest.at), rows=walked.last - newest.seq
                    )
                )
            if not kept:
                out().print(_("Zonder anker is niet te zien of het einde is afgekapt: transcribe log anchor."))

    @log.command(help=_("Druk een anker af om elders te bewaren: daarmee is later te zien of het einde is afgekapt."))
    def anchor(
        data_dir: DataDir = None, database_url: DatabaseUrl = None, os_user: OsUser = None, demo: Demo = False
    ) -> None:
        with friendly(), _opened(data_dir, database_url, os_user, demo) as (_settings, here):
            out().print(here.store.log_anchor().line(here.master_key), markup=False, soft_wrap=True)

    @log.command(help=_("Verwijder regels die ouder zijn dan de bewaartermijn; nooit jonger dan vijf jaar."))
    def prune(
        before: Annotated[
            datetime | None,
            typer.Option(
                "--before", formats=["%Y-%m-%d"], help=_("Van vóór deze dag; leeg: de bewaartermijn van de instelling.")
            ),
        ] = None,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from transcribe.consult import Action
        from transcribe.log_reading import check_prune, years_ago
        from transcribe.store.backup import system_event
        from transcribe.web.pages import PRACTICE_ZONE

        with friendly(), _opened(data_dir, database_url, os_user, demo) as (settings, here):
            now = datetime.now(PRACTICE_ZONE)
            until = before.replace(tzinfo=PRACTICE_ZONE) if before else years_ago(now, settings.log_years)
            check_prune(until, now)
            removed = here.store.prune_log(
                until,
                lambda count: system_event(_who(settings), Action.LOG_PRUNED, detail=f"{count} regels"),
            )
            out().print(_("{count} regels van vóór {day} verwijderd.").format(count=removed, day=f"{until:%d-%m-%Y}"))


class _Counted:
    def __init__(self, rows: Iterator[Logged]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Logged]:
        for row in self._rows:
            self.count += 1
            yield row


@contextmanager
def _opened(
    data_dir: Path | None, database_url: str | None, os_user: str | None, demo: bool
) -> Iterator[tuple[Settings, Installation]]:
    from transcribe.backup_cli import installation
    from transcribe.settings import Settings

    settings = Settings.from_env(data_dir=data_dir, database_url=database_url, os_user=os_user, demo=demo or None)
    with installation(settings) as here:
        yield settings, here


def _who(settings: Settings) -> str:
    from transcribe.backup_cli import who

    return who(settings)


def _store(settings: Settings, here: Installation, everything: bool = False) -> PostgresStore:
    """A reference is the practice's own: the same one is somebody else in another practice."""
    return here.store if everything else here.store.of(settings.practice)


def _note(
    settings: Settings,
    here: Installation,
    action: Action,
    *,
    consult_id: UUID | None = None,
    detail: str = "",
    patient_ref: str = "",
    everything: bool = False,
) -> None:
    """In the log, before anything of it is shown. A look at all practices is a row of ours, and of that whose consult
    was asked for: there a patient must see it.
    """
    from transcribe.store.backup import system_event

    practices = {settings.practice}
    if everything:
        detail = f"alles {detail}".strip()
        practices |= here.store.practices_of([consult_id]) if consult_id else set()
    event = system_event(_who(settings), action, consult_id, detail)
    for practice in sorted(practices):
        here.store.of(practice).log(event, patient_ref=patient_ref)


def _wanted(wanted: LogFilter, since: datetime | None, until: datetime | None) -> LogFilter:
    from dataclasses import replace

    from transcribe.web.pages import PRACTICE_ZONE

    return replace(
        wanted,
        since=since.replace(tzinfo=PRACTICE_ZONE) if since else None,
        before=until.replace(tzinfo=PRACTICE_ZONE) + timedelta(days=1) if until else None,
    )


def _asked_for(what: str) -> str:
    """From the keyboard, or the first line of the input; never from the command line, which others can see."""
    found: str = typer.prompt(what) if sys.stdin.isatty() else sys.stdin.readline()
    if not found.strip():
        raise InvalidInput(problem=N_("Vul een patiëntkenmerk in, bijvoorbeeld het nummer uit uw HIS."))
    return found.strip()


def _in_key_copies(here: Installation) -> list[Kept]:
    from transcribe.store.key_copies import KeyCopies

    copies = KeyCopies(here.store, here.url, here.master_key)
    try:
        return copies.anchors()
    finally:
        copies.close()


def _local(at: datetime) -> str:
    from transcribe.web.pages import PRACTICE_ZONE

    return f"{at.astimezone(PRACTICE_ZONE):%d-%m-%Y %H:%M:%S}"


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as bar:
        task: Any = bar.add_task(_("Narekenen"), total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
