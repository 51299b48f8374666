"""``transcribe voice``: the voices of doctors who agreed to that. See docs/speakers.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transcribe import logs
from transcribe.errors import InvalidInput
from transcribe.i18n import preferred_language, translations
from transcribe.options import DatabaseUrl, DataDir, Demo, OsUser

if TYPE_CHECKING:
    from rich.console import Console

    from transcribe.consult import Actor
    from transcribe.enrolment import Enrolment
    from transcribe.speakers.profile import Enrolled

_ = translations(preferred_language()).gettext

Doctor = Annotated[str, typer.Argument(help=_("De naam van de huisarts, zoals die bij een akkoord staat."))]


def add_commands(
    cli: typer.Typer, friendly: Callable[[], AbstractContextManager[None]], out: Callable[[], Console]
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""
    voice = typer.Typer(
        no_args_is_help=True,
        help=_("Het stemprofiel van een huisarts die daarmee akkoord gaat: maken, tonen, vernietigen."),
    )
    cli.add_typer(voice, name="voice")

    @voice.command("enrol", help=_("Maak van een opname van alleen de huisarts het stemprofiel."))
    def enrol(
        doctor: Doctor,
        recording: Annotated[Path, typer.Argument(dir_okay=False, help=_("De opname, ongeveer een minuut."))],
        agreed: Annotated[
            bool,
            typer.Option("--agreed", help=_("De huisarts las de tekst van “voice text” en gaat akkoord.")),
        ] = False,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from transcribe.enrolment import AGREED

        with friendly(), _desk(data_dir, database_url, os_user, demo=demo) as desk:
            name = desk.name(doctor)
            with recording.open("rb") as source:
                made = desk.enrolment.enrol_for(desk.actor, name, source, agreed=AGREED if agreed else "")
            out().print(_shown(name, made), markup=False)

    @voice.command("text", help=_("De tekst waarmee de huisarts akkoord gaat, en wat er wordt voorgelezen."))
    def text() -> None:
        from transcribe.enrolment import AGREED_TEXT
        from transcribe.speakers.profile import READ_ALOUD

        for sentence in AGREED_TEXT:
            out().print(f"- {_(sentence)}", markup=False)
        out().print()
        for sentence in READ_ALOUD:
            out().print(sentence, markup=False)

    @voice.command("show", help=_("Is er een stemprofiel, en wanneer ging de huisarts akkoord?"))
    def show(
        doctor: Doctor,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        with friendly(), _desk(data_dir, database_url, os_user, demo=demo) as desk:
            name = " ".join(doctor.split())
            out().print(_shown(name, desk.enrolment.find(name)), markup=False)

    @voice.command("remove", help=_("Vernietig het stemprofiel."))
    def remove(
        doctor: Doctor,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        with friendly(), _desk(data_dir, database_url, os_user, demo=demo) as desk:
            name = " ".join(doctor.split())
            if not desk.enrolment.remove(desk.actor, name):
                raise InvalidInput(problem=_("Van {name} is er geen stemprofiel.").format(name=name))
            out().print(_("Het stemprofiel van {name} is vernietigd.").format(name=name), markup=False)


def _shown(name: str, found: Enrolled | None) -> str:
    from transcribe.i18n import PRACTICE_ZONE

    if found is None:
        return _("Van {name} is er geen stemprofiel.").format(name=name)
    when = found.agreed_at.astimezone(PRACTICE_ZONE).strftime("%Y-%m-%d %H:%M")
    return _("Van {name} is er een stemprofiel; akkoord op {when}, tekst {text}.").format(
        name=name, when=when, text=found.text
    )


@dataclass(frozen=True, kw_only=True)
class _Desk:
    enrolment: Enrolment
    actor: Actor
    name: Callable[[str], str]  # of a doctor, as their account has it


@contextmanager
def _desk(data_dir: DataDir, database_url: DatabaseUrl, os_user: OsUser, *, demo: bool) -> Iterator[_Desk]:
    from transcribe.app import open_service
    from transcribe.backup_cli import who
    from transcribe.consult import Actor, Role
    from transcribe.settings import Settings

    logs.configure(level="warning")
    settings = Settings.from_env(data_dir=data_dir, database_url=database_url, os_user=os_user, demo=demo or None)
    with open_service(settings) as service:
        enrolment = service.practice(settings.practice).enrolment
        assert enrolment is not None
        actor = Actor(name=who(settings), role=Role.SYSTEEM)
        name = service.accounts.doctor if service.accounts else (lambda typed: " ".join(typed.split()))
        yield _Desk(enrolment=enrolment, actor=actor, name=name)
