"""Commands of the administrator for the master key. See docs/keys.md."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import typer

from transcribe.backup_cli import copies_of, database, settings_of, who
from transcribe.errors import SetupProblem
from transcribe.i18n import preferred_language, translations
from transcribe.options import DatabaseUrl, DataDir, OsUser

if TYPE_CHECKING:
    from rich.console import Console

    from transcribe.settings import Settings

_ = translations(preferred_language()).gettext


def add_commands(
    cli: typer.Typer, friendly: Callable[[], AbstractContextManager[None]], out: Callable[[], Console]
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""
    keys = typer.Typer(no_args_is_help=True, help=_("De hoofdsleutel vervangen."))
    cli.add_typer(keys, name="keys")

    @keys.command("rotate", help=_("Vervang de hoofdsleutel; de dienst moet stil staan. Afgebroken? Herhaal het."))
    def rotate(data_dir: DataDir = None, database_url: DatabaseUrl = None, os_user: OsUser = None) -> None:
        from transcribe.app import check_mode
        from transcribe.store.key_places import place_of
        from transcribe.store.migrate import migrate
        from transcribe.store.rotation import rotate

        with friendly():
            settings = settings_of(data_dir, database_url, None, os_user)
            check_mode(settings)
            place = place_of(settings)
            with database(settings) as url:
                migrate(url)
                with out().status("") as status:
                    done = rotate(url, place, actor=who(settings), doing=lambda step: status.update(_(step)))
            if done.keys:
                told = _("De hoofdsleutel is vervangen: van {before} naar {after}; {keys} sleutels opnieuw ingepakt.")
            else:
                told = _("Het wisselen van de hoofdsleutel was al gebeurd en is nu afgemaakt ({after}).")
            out().print(told.format(before=done.before, after=done.after, keys=done.keys))
            say = _("Bewaar nu een kopie van de nieuwe hoofdsleutel, apart van de reservekopieën.")
            out().print(say, soft_wrap=True)
            if place.to_do:
                out().print(place.to_do, markup=False, soft_wrap=True)
                if settings.master_key == "env":
                    out().print(_("Draai daarna eenmaal: transcribe keys refresh."), soft_wrap=True)
                    return
            _refresh(settings, out())

    @keys.command("refresh", help=_("Schrijf de sleutelkopieën opnieuw met de hoofdsleutel van nu."))
    def refresh(data_dir: DataDir = None, database_url: DatabaseUrl = None, os_user: OsUser = None) -> None:
        with friendly():
            _refresh(settings_of(data_dir, database_url, None, os_user), out())

    @keys.command("forget-old", help=_("Vergeet vervangen hoofdsleutels: wat daarmee verzegeld is, is onleesbaar."))
    def forget_old(data_dir: DataDir = None, database_url: DatabaseUrl = None, os_user: OsUser = None) -> None:
        from transcribe.store.rotation import forget_old

        with friendly():
            settings = settings_of(data_dir, database_url, None, os_user)
            with copies_of(settings) as (here, copies):
                if behind := copies.behind():
                    raise SetupProblem(
                        problem=_(
                            "deze sleutelkopieën zijn nog met een oude hoofdsleutel verzegeld of nu niet te vinden: "
                            "{which}. Sluit die schijven aan en herhaal dit, of meld ze af als ze vernietigd zijn "
                            "(transcribe key-copies forget)."
                        ).format(which=", ".join(f"{place.path} ({place.name})" for place in behind))
                    )
                found = forget_old(here.url, actor=who(settings))
                copies.refresh()
                here.store.scrub()
            if found:
                out().print(
                    _(
                        "{count} oude hoofdsleutel(s) vergeten. Reservekopieën van vóór het vervangen zijn niet meer "
                        "te lezen; vernietig ze."
                    ).format(count=found),
                    soft_wrap=True,
                )
            else:
                out().print(_("Er waren geen oude hoofdsleutels."))

    @keys.command("reseal", help=_("Alleen met een Vault: verzegel de hoofdsleutel met de nieuwste sleutel daarvan."))
    def reseal(data_dir: DataDir = None) -> None:
        from transcribe.store.key_places import VaultPlace, place_of

        with friendly():
            place = place_of(settings_of(data_dir))
            if not isinstance(place, VaultPlace):
                raise SetupProblem(problem=_("dit kan alleen met TRANSCRIBE_MASTER_KEY_FROM=vault."))
            if place.reseal():
                out().print(_("De hoofdsleutel is opnieuw verzegeld; zij is dezelfde gebleven."))
                out().print(place.to_do, markup=False, soft_wrap=True)
            else:
                out().print(_("Niets te doen: zij is al met de nieuwste sleutel van de Vault verzegeld."))


def _refresh(settings: Settings, console: Console) -> None:
    """What the old key sealed outside the database, as far as it can be reached now."""
    with copies_of(settings) as (here, copies):
        copies.refresh()
        here.store.scrub()
        behind = copies.behind()
        for place in behind:
            console.print(
                _(
                    "De sleutelkopie {path} ({name}) is nog met de oude hoofdsleutel verzegeld of nu niet te vinden. "
                    "Sluit die schijf aan; de dienst werkt haar dan bij."
                ).format(path=place.path, name=place.name),
                markup=False,
                soft_wrap=True,
            )
        console.print(
            _(
                "Maak nu naar elke schijf een nieuwe reservekopie. Gooi uw kopie van de oude hoofdsleutel pas weg als "
                "er overal een nieuwe is: is de machine verloren, dan is een schijf van daarvoor alleen met de oude te "
                "lezen."
            ),
            soft_wrap=True,
        )
