"""``transcribe consent``: the practice's own texts for the patient, and a record as FHIR."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from transcribe import logs
from transcribe.errors import N_, InvalidInput
from transcribe.i18n import preferred_language, translations
from transcribe.options import DatabaseUrl, DataDir, Demo, Name, OsUser, UserRole

if TYPE_CHECKING:
    from rich.console import Console

    from transcribe.settings import Settings

_ = translations(preferred_language()).gettext

#: What ``consent.texts`` says no with.
TEXT_SENTENCES = [
    N_("Dit bestand is te groot voor een tekst (hoogstens 20.000 bytes)."),
    N_("Dit bestand is geen tekst in UTF-8. Bewaar het opnieuw als UTF-8."),
    N_("Begin het bestand met een regel ---, dan id:, version:, language: en kind:, en weer een regel ---."),
    N_("Bovenaan horen alleen id:, version:, language: en kind:, elk één keer en ingevuld."),
    N_("De id bestaat uit kleine letters, cijfers en streepjes, bijvoorbeeld folder-praktijk-2026-12."),
    N_("De versie is een jaar en een maand, bijvoorbeeld 2026-12, of een dag: 2026-12-31."),
    N_("De taal is een code van twee letters, bijvoorbeeld nl, en of tr."),
    N_("Kies als kind: mondeling, folder of wachtkamer."),
    N_("Er staat geen tekst in dit bestand."),
    N_("In de tekst staat een onzichtbaar teken. Typ de tekst opnieuw in plaats van te plakken."),
    N_(
        "Er is al een tekst met deze id, met andere woorden. Een tekst verandert nooit, want toestemmingen verwijzen "
        "ernaar: kies een nieuwe id en versie."
    ),
]


def add_commands(
    cli: typer.Typer, friendly: Callable[[], AbstractContextManager[None]], out: Callable[[], Console]
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""
    consent_cli = typer.Typer(
        no_args_is_help=True, help=_("Toestemming: teksten voor de patiënt, en wat is vastgelegd.")
    )
    texts_cli = typer.Typer(no_args_is_help=True, help=_("De teksten voor de patiënt: die van ons en die van u."))
    cli.add_typer(consent_cli, name="consent")
    consent_cli.add_typer(texts_cli, name="texts")

    @texts_cli.command("list", help=_("Welke teksten er zijn, en welke in gebruik zijn."))
    def list_texts(data_dir: DataDir = None, demo: Demo = False) -> None:
        from rich.table import Table

        from transcribe.app import consent_texts

        with friendly():
            texts = consent_texts(_settings(data_dir, demo).data_dir)
            table = Table(_("tekst"), _("soort"), _("taal"), _("versie"), _("van"), _("in gebruik"), "SHA-256")
            for one in texts.all():
                used = texts.current(one.kind, one.language).id == one.id
                whose = _("uw praktijk") if one.own else "transcribe"
                table.add_row(
                    one.id, one.kind.value, one.language, one.version, whose, "✓" if used else "", one.sha256[:12]
                )
            out().print(table)

    @texts_cli.command("add", help=_("Neem een eigen tekst in gebruik (zie docs/toestemming.md voor de vorm)."))
    def add_text(
        file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=_("Tekstbestand (Markdown, UTF-8)."))],
        data_dir: DataDir = None,
        demo: Demo = False,
    ) -> None:
        from consent import TextProblem
        from consent.texts.reading import reading
        from transcribe.app import consent_texts, own_texts_folder
        from transcribe.store.folders import make_data_dir
        from transcribe.store.own_texts import add_text

        with friendly():
            folder = make_data_dir(_settings(data_dir, demo).data_dir)
            try:
                new = add_text(own_texts_folder(folder), file.read_bytes())
            except TextProblem as problem:
                raise InvalidInput(problem=str(problem)) from None
            used = consent_texts(folder).current(new.kind, new.language).id
            out().print(_("Tekst {id} staat klaar.").format(id=new.id), markup=False)
            if used != new.id:
                out().print(_("In gebruik blijft {id}: die heeft een latere versie.").format(id=used), markup=False)
            level = reading(new.body)
            if new.language == "nl" and not level.plain:
                out().print(
                    _(
                        "Let op: dit leest niet makkelijk. Gemiddeld {words:.0f} woorden in een zin (langste {most}) "
                        "en {letters:.1f} letters in een woord. Schrijf korter."
                    ).format(words=level.mean_words, most=level.most_words, letters=level.mean_letters)
                )

    @consent_cli.command("export", help=_("De vastgelegde toestemming of weigering van één consult als FHIR (JSON)."))
    def export(
        consult: Annotated[UUID, typer.Argument(help=_("Nummer van het consult (zie zijn adres)."))],
        name: Name = None,
        user_role: UserRole = None,
        data_dir: DataDir = None,
        demo: Demo = False,
        database_url: DatabaseUrl = None,
        os_user: OsUser = None,
    ) -> None:
        from transcribe.app import actor_of, consent_texts, open_service
        from transcribe.settings import Settings

        with friendly():
            logs.configure(level="warning")
            settings = Settings.from_env(
                user_name=name,
                user_role=user_role,
                data_dir=data_dir,
                demo=demo or None,
                database_url=database_url,
                os_user=os_user,
            )
            actor = actor_of(settings)
            with open_service(settings) as service:
                record = service.workflow.export_consent(actor, consult, consent_texts(settings.data_dir))
            typer.echo(json.dumps(record, ensure_ascii=False, indent=2))


def _settings(data_dir: Path | None, demo: bool) -> Settings:
    from transcribe.settings import Settings

    return Settings.from_env(data_dir=data_dir, demo=demo or None)
