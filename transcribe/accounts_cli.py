"""``transcribe accounts``: for the owner of the machine, when nobody can log in who manages the others."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from transcribe import logs
from transcribe.errors import N_, InvalidInput, SetupProblem
from transcribe.i18n import preferred_language, translations
from transcribe.options import DatabaseUrl, DataDir, OsUser

if TYPE_CHECKING:
    from rich.console import Console

    from transcribe.accounts import Account, Person
    from transcribe.settings import Settings
    from transcribe.staff import Staff

_ = translations(preferred_language()).gettext

Login = Annotated[str, typer.Argument(help=_("De gebruikersnaam."))]


def add_commands(
    cli: typer.Typer, friendly: Callable[[], AbstractContextManager[None]], out: Callable[[], Console]
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""
    accounts = typer.Typer(
        no_args_is_help=True, help=_("Wie er kan inloggen: tonen, toevoegen, wijzigen, herstellen, uitschakelen.")
    )
    cli.add_typer(accounts, name="accounts")

    @accounts.command("list", help=_("Toon alle accounts van de praktijk."))
    def show(data_dir: DataDir = None, database_url: DatabaseUrl = None, os_user: OsUser = None) -> None:
        from rich.table import Table
        from rich.text import Text

        with friendly(), _desk(data_dir, database_url, os_user) as desk:
            table = Table(_("gebruikersnaam"), _("naam"), _("rol"), _("beheer"), _("stand"))
            for one in desk.staff.all(desk.person):
                manages = "✓" if one.manages else ""
                table.add_row(one.login, Text(one.name), _(one.role.value), manages, _(one.state.value))
            out().print(table)

    @accounts.command("add", help=_("Voeg een medewerker toe; toont de link waarmee die een wachtwoord kiest."))
    def add(
        login: Login,
        name: Annotated[str, typer.Option("--name", help=_("De naam, zoals die bij een akkoord komt te staan."))],
        role: Annotated[str, typer.Option("--role", help=_("De rol, bijvoorbeeld huisarts of poh."))] = "huisarts",
        manages: Annotated[bool, typer.Option("--manages", help=_("Beheert ook de medewerkers."))] = False,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
    ) -> None:
        with friendly(), _desk(data_dir, database_url, os_user) as desk:
            account, code = desk.staff.invite(desk.person, name=name, login=login, role=role, manages=manages)
            _show_link(out(), desk.settings, account, code)

    @accounts.command("change", help=_("Geef een medewerker een andere rol, of het beheer; wie is ingelogd, is eruit."))
    def change(
        login: Login,
        role: Annotated[str, typer.Option("--role", help=_("De rol; zonder deze blijft de rol wat die was."))] = "",
        manages: Annotated[
            bool | None, typer.Option("--manages/--no-manages", help=_("Beheert ook de medewerkers, of niet meer."))
        ] = None,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
    ) -> None:
        with friendly(), _desk(data_dir, database_url, os_user) as desk:
            account = desk.of(login)
            desk.staff.change(
                desk.person,
                account.id,
                role=role or account.role.value,
                manages=account.manages if manages is None else manages,
                elsewhere=account.elsewhere,
            )
            changed = desk.of(login)
            shown = f"{_(changed.role.value)}{', ' + _('beheert medewerkers') if changed.manages else ''}"
            out().print(f"{changed.name}: {shown}", markup=False)

    @accounts.command("reset", help=_("Nieuwe link voor wie er niet meer in komt; het oude wachtwoord vervalt."))
    def reset(login: Login, data_dir: DataDir = None, database_url: DatabaseUrl = None, os_user: OsUser = None) -> None:
        with friendly(), _desk(data_dir, database_url, os_user) as desk:
            account, code = desk.staff.invite_again(desk.person, desk.of(login).id)
            _show_link(out(), desk.settings, account, code)

    @accounts.command("disable", help=_("Schakel een account uit; wie is ingelogd, is er meteen uit."))
    def disable(
        login: Login, data_dir: DataDir = None, database_url: DatabaseUrl = None, os_user: OsUser = None
    ) -> None:
        with friendly(), _desk(data_dir, database_url, os_user) as desk:
            account = desk.of(login)
            desk.staff.disable(desk.person, account.id)
            out().print(_("{name} is uitgeschakeld.").format(name=account.name), markup=False)


@dataclass(frozen=True, kw_only=True)
class _Desk:
    settings: Settings
    staff: Staff
    person: Person

    def of(self, login: str) -> Account:
        for one in self.staff.all(self.person):
            if one.login == login.strip().lower():
                return one
        raise InvalidInput(problem=N_("Deze gebruikersnaam is er niet. Zie: transcribe accounts list."))


@contextmanager
def _desk(data_dir: DataDir, database_url: DatabaseUrl, os_user: OsUser) -> Iterator[_Desk]:
    from transcribe.accounts import Person
    from transcribe.app import open_service
    from transcribe.consult import Actor, Role
    from transcribe.settings import Settings

    logs.configure(level="warning")
    settings = Settings.from_env(data_dir=data_dir, database_url=database_url, os_user=os_user)
    with open_service(settings) as service:
        if service.accounts is None:
            raise SetupProblem(problem=_("een demonstratie heeft geen accounts."))
        # whoever commands this machine has its keys: there is nothing to keep from them, and it is in the access log
        name = settings.user_name.strip() or getpass.getuser()
        person = Person(actor=Actor(name=name, role=Role.SYSTEEM), practice=settings.practice, manages=True)
        yield _Desk(settings=settings, staff=service.accounts, person=person)


def _show_link(out: Console, settings: Settings, account: Account, code: str) -> None:
    from transcribe.serving import address_of

    link = f"{address_of(settings, port=settings.port)}/uitnodiging?code={code}"
    out.print(
        _("Link voor {name}, drie dagen geldig en één keer te gebruiken:").format(name=account.name), markup=False
    )
    out.print(link, soft_wrap=True, markup=False)
