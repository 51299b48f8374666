"""Commands for what a patient may ask, and the list of what was destroyed. See docs/keys.md.

A patient reference is never an argument: those stand in the history of the shell and in the list of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transcribe.backup_cli import installation, settings_of, who
from transcribe.errors import InvalidInput, TranscribeError
from transcribe.i18n import PRACTICE_ZONE, preferred_language, translations
from transcribe.options import BlobStore, DatabaseUrl, DataDir, Demo, OsUser
from transcribe.sheet import MARK, line, write_private

if TYPE_CHECKING:
    from rich.console import Console

    from transcribe.consult import Certificate, Consult

_ = translations(preferred_language()).gettext


def add_commands(
    cli: typer.Typer, friendly: Callable[[], AbstractContextManager[None]], out: Callable[[], Console]
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""

    @cli.command("inzage", help=_("Alles wat van één patiënt bewaard wordt, in één bestand (inzageverzoek)."))
    def inzage(
        target: Annotated[Path | None, typer.Option("--out", dir_okay=False, help=_("Het zip-bestand."))] = None,
        decided_by: Annotated[
            str,
            typer.Option(
                "--with-drafts",
                help=_("Ook concepten die geen arts heeft vastgesteld; noem de arts die dat besluit."),
            ),
        ] = "",
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        blob_store: BlobStore = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from transcribe import policy
        from transcribe.app import open_service
        from transcribe.consult import Actor, Role
        from transcribe.rights_pages import Answer, private_zip, put_pages, put_sound

        with friendly():
            settings = settings_of(data_dir, database_url, blob_store, os_user, demo=demo)
            now = datetime.now(UTC)
            path = target or Path(f"inzage-{now:%Y%m%d-%H%M%S}.zip")  # the name says nothing of whom
            reference = _asked()
            actor = Actor(name=who(settings), role=Role.SYSTEEM)
            by = " ".join(decided_by.split())
            with open_service(settings) as service:
                if by and service.accounts is not None:
                    by = service.accounts.doctor(by)  # it goes into the access log, for good
                rights = service.rights
                consults = rights.consults(reference)
                if not consults:
                    out().print(_("Van deze patiënt is niets gevonden. Controleer het kenmerk."))
                    raise typer.Exit(1)
                try:
                    with private_zip(path) as file:
                        rights.give_access(actor, consults, decided_by=by)
                        sounding = []
                        for consult in consults:
                            if (sound := rights.sound(consult)) is not None:
                                put_sound(file, consult, sound)
                                sounding.append(consult)
                        held = [rights.held(consult.id, drafts=bool(by)) for consult in consults]
                        answer = Answer(
                            at=now,
                            patient_ref=reference,
                            practice=settings.practice,
                            held=held,
                            drafts=bool(by),
                            decided_by=by,
                        )
                        put_pages(file, answer, sounding)
                except FileExistsError:
                    raise InvalidInput(problem=_("Dat bestand is er al. Kies een andere naam.")) from None
            out().print(
                _("Geschreven: {path}, alleen leesbaar voor u. {what}, {sounds} met geluid.").format(
                    path=path, what=_consults(len(consults)), sounds=len(sounding)
                ),
                markup=False,
                soft_wrap=True,
            )
            drafts = sum(bool(one.drafts) for one in held)
            if drafts and not by:
                say = _(
                    "Van {what} is er een concept dat geen arts heeft vastgesteld; dat zit er niet in. Laat de arts "
                    "het eerst controleren of verwijderen en herhaal dit, of laat de arts besluiten het toch mee te "
                    "geven (--with-drafts NAAM)."
                )
                out().print(say.format(what=_consults(drafts)), soft_wrap=True)
            if running := sum(consult.status in policy.RUNNING for consult in consults):
                say = _("Van {what} loopt de opname nog; die zit er niet in. Herhaal dit als zij klaar is.")
                out().print(say.format(what=_consults(running)), soft_wrap=True)
            say = _(
                "Controleer of dit van de goede patiënt is, geef het veilig af en verwijder het bestand daarna. Wat in "
                "het HIS staat, zit hier niet in."
            )
            out().print(say, soft_wrap=True)

    @cli.command("wis-patient", help=_("Wis alles van één patiënt (verzoek om gegevenswissing); afgebroken? Herhaal."))
    def wis_patient(
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        blob_store: BlobStore = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from transcribe.app import open_service
        from transcribe.consult import Actor, Role

        with friendly():
            settings = settings_of(data_dir, database_url, blob_store, os_user, demo=demo)
            reference = _asked()
            actor = Actor(name=who(settings), role=Role.SYSTEEM)
            with open_service(settings) as service:
                consults = service.rights.consults(reference)
                if not consults:
                    out().print(_("Van deze patiënt is niets gevonden. Controleer het kenmerk."))
                    raise typer.Exit(1)
                _show(out(), consults)
                word = _("WIS {count}").format(count=len(consults))
                if typer.prompt(_("Typ {word} om te wissen; iets anders stopt").format(word=word)).strip() != word:
                    out().print(_("Er is niets gewist."))
                    raise typer.Exit(1)
                left = []
                for consult in consults:
                    try:
                        service.rights.erase(actor, consult.id)
                    except TranscribeError as problem:  # the others can be erased all the same
                        left.append((consult, str(problem)))
                with service.store.alone("keeper") as ours:
                    if ours:
                        service.keeper.clear()
                proofs = [proof for one in consults for proof in service.store.certificates(one.id)]
            waiting = sum(proof.cleared_at is None for proof in proofs)
            out().print(
                _("Gewist: {what}. Vernietigingsbewijzen: {proofs}, waarvan {waiting} nog niet compleet.").format(
                    what=_consults(len(consults) - len(left)), proofs=len(proofs), waiting=waiting
                ),
                soft_wrap=True,
            )
            if waiting:
                say = _(
                    "De dienst maakt die af zodra elke sleutelkopie is bijgewerkt (transcribe key-copies list). "
                    "Tot dan kan op een schijf die niet is aangesloten nog een sleutel staan."
                )
                out().print(say, soft_wrap=True)
            if left:
                for consult, why in left:
                    out().print(f"{consult.id}: {why}", markup=False, soft_wrap=True)
                say = _("Niet gewist: {what}. Herhaal de opdracht; helpt dat niet, laat het dan uitzoeken.")
                out().print(say.format(what=_consults(len(left))), soft_wrap=True)
                raise typer.Exit(1)

    @cli.command("erased", help=_("Wat in een maand is vernietigd, waarom, en of dat bewezen is."))
    def erased(
        month: Annotated[str, typer.Option("--month", help=_("Bijvoorbeeld 2026-11; leeg: deze maand."))] = "",
        table: Annotated[
            Path | None, typer.Option("--csv", dir_okay=False, help=_("Schrijf de lijst als CSV-bestand."))
        ] = None,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
        demo: Demo = False,
    ) -> None:
        from rich.table import Table

        from transcribe.erasure import month_of

        with friendly():
            settings = settings_of(data_dir, database_url, None, os_user, demo=demo)
            since, before = month_of(month or f"{datetime.now(UTC):%Y-%m}")
            with installation(settings) as here:
                found = here.store.of(settings.practice).destroyed(since, before)
            rows = [proof_row(proof) for proof in found]
            if table is not None:
                _write_csv(table, rows)
            else:
                shown = Table(*HEADINGS[:1], *HEADINGS[2:])
                for row in rows:
                    shown.add_row(row[0][:8], *row[2:])
                out().print(shown)
            complete = sum(proof.cleared_at is not None for proof in found)
            out().print(
                _("{count} bewijzen: {complete} compleet, {waiting} nog niet.").format(
                    count=len(found), complete=complete, waiting=len(found) - complete
                )
            )


HEADINGS = (
    _("consult"),
    _("nummer van het bewijs"),
    _("wat"),
    _("vernietigd"),
    _("waarom"),
    _("regel"),
    _("bewezen"),
)


def proof_row(proof: Certificate) -> tuple[str, ...]:
    """As ``HEADINGS``. Nothing of a patient: a consult is a number."""
    from transcribe.erasure import WHAT, ground

    why = ground(proof.why)
    done = _moment(proof.cleared_at) if proof.cleared_at else _("nog niet")
    what = (_(WHAT[proof.purpose]), _moment(proof.destroyed_at), _(why.why), _(why.rule) if why.rule else "")
    return (str(proof.consult_id), str(proof.id), *what, done)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(PRACTICE_ZONE):%d-%m-%Y %H:%M}"


def _write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    write_private(path, [MARK, *map(line, [HEADINGS, *rows])])


def _asked() -> str:
    """From the keyboard, or one line of standard input."""
    try:
        reference: str = typer.prompt(_("Patiëntkenmerk uit uw HIS"), err=True)
    except typer.Abort:
        reference = ""
    if not reference.strip():
        raise InvalidInput(problem=_("Vul het patiëntkenmerk in zoals het bij het consult staat."))
    return reference.strip()


def _show(console: Console, consults: Sequence[Consult]) -> None:
    console.print(_("Van deze patiënt: {what}.").format(what=_consults(len(consults))))
    for status, count in Counter(consult.status.value for consult in consults).items():
        console.print(f"  {_(status)}: {count}", markup=False)
    console.print(
        _(
            "Weg gaan: opnamen, transcripten, concepten, verslagen en het patiëntkenmerk, ook van een opname die nu "
            "loopt en van wat nog op controle wacht."
        ),
        soft_wrap=True,
    )
    console.print(
        _(
            "Blijven: de toestemming, de vernietigingsbewijzen en het toegangslogboek (minstens vijf jaar, NEN 7513), "
            "zonder inhoud en zonder leesbaar kenmerk. Wat in het HIS staat, wordt hier niet gewist."
        ),
        soft_wrap=True,
    )


def _consults(count: int) -> str:
    return _("1 consult") if count == 1 else _("{count} consulten").format(count=count)
