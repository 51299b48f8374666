"""Commands of the administrator: back-up, restore, copies of the keys, a newer PostgreSQL."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from typer.core import TyperGroup

from transcribe.errors import BackupProblem
from transcribe.i18n import preferred_language, translations
from transcribe.options import BlobStore, DatabaseUrl, DataDir, OsUser

if TYPE_CHECKING:
    from rich.console import Console

    from transcribe.settings import Settings
    from transcribe.store.backup import Done
    from transcribe.store.blobs import Blobs
    from transcribe.store.key_copies import KeyCopies
    from transcribe.store.keys import MasterKey
    from transcribe.store.postgres import PostgresStore

_ = translations(preferred_language()).gettext

File = Annotated[Path, typer.Argument(help=_("De reservekopie."), dir_okay=False)]
Keys = Annotated[
    Path | None,
    typer.Option("--keys", help=_("De sleutelkopie; leeg: sleutels.kopie naast de reservekopie."), dir_okay=False),
]


class MakeByDefault(TyperGroup):
    """``transcribe backup FILE`` is ``transcribe backup make FILE``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["make", *args]
        return super().parse_args(ctx, args)


def add_commands(
    cli: typer.Typer, friendly: Callable[[], AbstractContextManager[None]], out: Callable[[], Console]
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""
    backup = typer.Typer(
        cls=MakeByDefault, no_args_is_help=True, help=_("Een reservekopie maken (backup BESTAND) of nakijken.")
    )
    copies_cli = typer.Typer(no_args_is_help=True, help=_("De sleutelkopieën: waar ze zijn en of ze bij zijn."))
    cli.add_typer(backup, name="backup")
    cli.add_typer(copies_cli, name="key-copies")

    @backup.command("make", help=_("Maak een reservekopie, ook terwijl de dienst loopt."))
    def make(
        file: File,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        blob_store: BlobStore = None,
        os_user: OsUser = None,
        take_over: Annotated[
            bool,
            typer.Option(
                "--take-over",
                help=_("Na terugzetten: de oude installatie is er voorgoed niet meer; neem haar sleutelkopie over."),
            ),
        ] = False,
        lost: Annotated[
            int,
            typer.Option(
                "--lost",
                min=0,
                help=_("Met --take-over: zoveel consulten van na de nieuwste reservekopie zijn verloren."),
            ),
        ] = 0,
        erased: Annotated[
            int,
            typer.Option(
                "--erased",
                min=0,
                help=_("Met --take-over: van zoveel afgesloten consulten wissen wat de sleutelkopie gewist noemt."),
            ),
        ] = 0,
    ) -> None:
        from transcribe.app import own_texts_folder
        from transcribe.store.backup import back_up
        from transcribe.store.key_copies import TakeOver

        with friendly():
            settings = settings_of(data_dir, database_url, blob_store, os_user)
            with installation(settings) as here, _bar(out()) as progress:
                began = time.monotonic()
                done = back_up(
                    file,
                    store=here.store,
                    url=here.url,
                    blobs=here.blobs,
                    master_key=here.master_key,
                    actor=who(settings),
                    texts=own_texts_folder(settings.data_dir),
                    demo=settings.demo,
                    take_over=TakeOver(actor=who(settings), lost=lost, erased=erased) if take_over else None,
                    progress=progress,
                )
            size = file.stat().st_size
            _say(out(), _("Reservekopie gemaakt: {what}, {size:.1f} MB in {seconds:.1f} s."), done, size, began)
            out().print(
                _("De hoofdsleutel zit er niet in. Bewaar die apart; zonder haar is de reservekopie niet te lezen.")
            )
            _complain(
                done,
                _(
                    "Van {what} is het geluid weg; het staat niet in de reservekopie: {which}. De plaats van het "
                    "geluid is de goede. Zoek deze opnamen in een eerdere reservekopie (transcribe backup verify); is "
                    "er niets meer te halen, verwijder dan het consult op zijn pagina (/consult/NUMMER)."
                ),
            )

    @backup.command("verify", help=_("Lees een reservekopie en haar sleutelkopie helemaal na."))
    def check(file: File, keys: Keys = None, data_dir: DataDir = None) -> None:
        from transcribe.store.backup import verify
        from transcribe.store.keys import load_master_key

        with friendly():
            began = time.monotonic()
            master_key = load_master_key(settings_of(data_dir), make=False)
            with _bar(out()) as progress:
                done = verify(file, _keys(file, keys), master_key=master_key, progress=progress)
            _say(
                out(),
                _("Reservekopie is heel: {what}, {size:.1f} MB in {seconds:.1f} s."),
                done,
                file.stat().st_size,
                began,
            )
            _complain(
                done,
                _(
                    "Van {what} staat het geluid niet in deze reservekopie, want het was er niet toen zij werd "
                    "gemaakt: {which}. Zoek deze opnamen in een eerdere reservekopie."
                ),
            )

    @cli.command("restore", help=_("Zet een reservekopie terug in een lege gegevensmap of een lege database."))
    def bring_back(
        file: File,
        keys: Keys = None,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        blob_store: BlobStore = None,
        os_user: OsUser = None,
    ) -> None:
        from transcribe.app import check_mode, mark_mode, own_texts_folder
        from transcribe.store.backup import restore
        from transcribe.store.blobs import open_blobs
        from transcribe.store.keys import load_master_key

        with friendly():
            began = time.monotonic()
            settings = settings_of(data_dir, database_url, blob_store, os_user)
            check_mode(settings)
            master_key = load_master_key(settings, make=False)
            with database(settings) as url, _bar(out()) as progress:
                done = restore(
                    file,
                    _keys(file, keys),
                    url=url,
                    blobs=open_blobs(settings.blob_store, settings.data_dir / "audio", check=True),
                    master_key=master_key,
                    actor=who(settings),
                    texts=own_texts_folder(settings.data_dir),
                    demo=settings.demo,
                    progress=progress,
                    settle=lambda: mark_mode(settings),
                )
            _say(out(), _("Teruggezet: {what}, {size:.1f} MB in {seconds:.1f} s."), done, file.stat().st_size, began)
            if done.erased:
                erased = _("Na de reservekopie gewist en dus weer gewist: {what}.")
                out().print(erased.format(what=_consults(done.erased)))
            if done.soundless:
                soundless = _("Van {what} stond het geluid niet in de reservekopie; het is er dus niet: {which}.")
                out().print(_named(soundless, done.soundless))
            if done.unfinished:
                unfinished = _(
                    "Van een opname die nog liep staat geen geluid in de reservekopie: {what}. Neem opnieuw op."
                )
                out().print(unfinished.format(what=_consults(done.unfinished)))
            if done.keys_at is not None:
                age = _("De sleutelkopie is van {at} (UTC); wat daarna is gewist, is nu terug. Wis dat opnieuw.")
                out().print(age.format(at=f"{done.keys_at:%d-%m-%Y %H:%M}"))
            people = _(
                "Wie er kan inloggen, is weer als bij de reservekopie. Schakel uit wie intussen is vertrokken "
                "(transcribe accounts list)."
            )
            out().print(people)
            known = _("Sleutelkopieën die hier nu bekend zijn: {which}.")
            which = ", ".join(
                f"{path} ({str(number)[:8]})" for number, path in sorted(done.places, key=lambda one: one[1])
            )
            out().print(known.format(which=which), markup=False, soft_wrap=True)
            out().print(
                _(
                    "Van een andere schijf met reservekopieën weet deze installatie niet. Is de oude er voorgoed niet "
                    "meer, maak dan ook daar een reservekopie naartoe, of vernietig die schijf. Tot dan kan daar nog "
                    "te lezen zijn wat hier wordt gewist, ook als het vernietigingsbewijs compleet is."
                )
            )
            out().print(
                _(
                    "Is de oude installatie er voorgoed niet meer? Maak dan nu naar elke schijf een nieuwe "
                    "reservekopie, zodat de sleutelkopieën weer worden bijgehouden: transcribe backup BESTAND "
                    "--take-over. Is dit een proef en loopt de oude nog, maak er dan geen op haar schijven, en "
                    "verwijder na de proef deze gegevensmap, het geluid en elke reservekopie en sleutelkopie van de "
                    "proef: wat de praktijk wist, is hier anders nog te lezen."
                )
            )

    @copies_cli.command("list", help=_("Waar sleutelkopieën zijn, en welke achterlopen."))
    def listed(data_dir: DataDir = None, database_url: DatabaseUrl = None, os_user: OsUser = None) -> None:
        from rich.table import Table
        from rich.text import Text

        with friendly(), copies_of(settings_of(data_dir, database_url, None, os_user)) as (__, copies):
            table = Table(_("nummer"), _("plaats"), _("bijgewerkt (UTC)"), _("wat te doen"))
            troubles = []
            for place in copies.places():
                if (trouble := copies.trouble(place)) is not None:
                    troubles.append(trouble)
                updated = f"{place.updated_at:%d-%m-%Y %H:%M}"
                # a path is no markup, whatever it holds
                table.add_row(
                    place.name, Text(str(place.path)), updated, _("zie hieronder") if trouble else _("in orde")
                )
            out().print(table)
            for trouble in troubles:  # with commands that are copied from here: not broken
                out().print(trouble, markup=False, soft_wrap=True)

    @copies_cli.command("forget", help=_("Deze sleutelkopie bestaat niet meer: u heeft de schijf vernietigd."))
    def forget(
        place: Annotated[str, typer.Argument(help=_("Nummer of pad, zoals in: transcribe key-copies list."))],
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
    ) -> None:
        from transcribe.consult import Action
        from transcribe.store.backup import system_event

        with friendly():
            settings = settings_of(data_dir, database_url, None, os_user)
            with copies_of(settings) as (here, copies):
                gone = copies.remove(place)
                here.store.log(system_event(who(settings), Action.KEY_COPY_REMOVED, detail=gone.name))
                out().print(_("Sleutelkopie {name} is afgemeld.").format(name=gone.name))

    @cli.command("upgrade-database", help=_("Zet de ingebouwde database over naar de nieuwste PostgreSQL hier."))
    def upgrade(
        data_dir: DataDir = None,
        os_user: OsUser = None,
        old_programs: Annotated[
            str, typer.Option("--old-programs", help=_("Map met de programma's van de oude versie; leeg: zoeken."))
        ] = "",
    ) -> None:
        from transcribe.store.upgrade import upgrade_database

        with friendly():
            settings = settings_of(data_dir, None, None, os_user)
            with out().status(_("De oude database wordt gestart")) as status:
                done = upgrade_database(
                    settings.data_dir,
                    os_user=settings.os_user,
                    bin_dir=settings.postgres_bin,
                    old_bin_dir=old_programs,
                    fallback_user=settings.demo,
                    progress=lambda step: status.update(_(step)),
                )
            if done.before == done.after:
                out().print(_("Niets te doen: PostgreSQL {after} is hier de nieuwste.").format(after=done.after))
                return
            out().print(
                _(
                    "De database is over van PostgreSQL {before} naar {after}; {rows} rijen zijn vergeleken. De oude "
                    "database is verwijderd, met de ingepakte sleutels die erin stonden."
                ).format(before=done.before, after=done.after, rows=done.rows)
            )


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What a command of the administrator works with."""

    store: PostgresStore
    url: str
    blobs: Blobs
    master_key: MasterKey


@contextmanager
def installation(settings: Settings) -> Iterator[Installation]:
    """What there is, without a model or a worker."""
    from transcribe.app import check_mode
    from transcribe.store.blobs import open_blobs
    from transcribe.store.keys import load_master_key
    from transcribe.store.marked import MarkedBlobs
    from transcribe.store.migrate import migrate
    from transcribe.store.postgres import PostgresStore

    check_mode(settings)
    master_key = load_master_key(settings, make=False)
    with database(settings) as url, ExitStack() as stack:
        migrate(url)
        store = PostgresStore(url, master_key)
        stack.callback(store.close)
        place = open_blobs(settings.blob_store, settings.data_dir / "audio", check=True)
        blobs = MarkedBlobs(place, store)
        yield Installation(store=store, url=url, blobs=blobs, master_key=store.master_key)


@contextmanager
def copies_of(settings: Settings) -> Iterator[tuple[Installation, KeyCopies]]:
    from transcribe.store.key_copies import KeyCopies

    with installation(settings) as here:
        copies = KeyCopies(here.store, here.url, here.master_key)
        try:
            yield here, copies
        finally:
            copies.close()


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    from transcribe.app import embedded_server

    if settings.database_url:
        yield settings.database_url
    else:
        with embedded_server(settings) as server:
            yield server.url


def settings_of(
    data_dir: Path | None,
    database_url: str | None = None,
    blob_store: str | None = None,
    os_user: str | None = None,
    *,
    demo: bool = False,
) -> Settings:
    from transcribe.settings import Settings

    return Settings.from_env(
        data_dir=data_dir, database_url=database_url, blob_store=blob_store, os_user=os_user, demo=demo or None
    )


def _keys(file: Path, given: Path | None) -> Path:
    from transcribe.store.key_copies import NAME

    return given or file.with_name(NAME)


def who(settings: Settings) -> str:
    return settings.user_name.strip() or getpass.getuser()


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as bar:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(_(what))
            bar.update(tasks[what], completed=done, total=total)

        yield progress


def _say(console: Console, sentence: str, done: Done, size: int, began: float) -> None:
    sounds = _("1 opname") if done.sounds == 1 else _("{count} opnamen").format(count=done.sounds)
    what = f"{_consults(done.contents.consults)}, {sounds}"
    if own := len(done.contents.texts):
        what += ", " + (_("1 eigen tekst") if own == 1 else _("{count} eigen teksten").format(count=own))
    console.print(sentence.format(what=what, size=size / 1e6, seconds=time.monotonic() - began))


def _complain(done: Done, sentence: str) -> None:
    """Whoever made it from a timetable sees only the exit code."""
    if done.soundless:
        raise BackupProblem(problem=_named(sentence, done.soundless))


def _named(sentence: str, consults: Sequence[UUID]) -> str:
    return sentence.format(what=_consults(len(consults)), which=", ".join(map(str, consults)))


def _consults(count: int) -> str:
    return _("1 consult") if count == 1 else _("{count} consulten").format(count=count)
