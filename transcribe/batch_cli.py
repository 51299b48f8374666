"""``transcribe batch``: many recordings, each with its consent, to drafts that wait for a doctor."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transcribe.errors import N_, InvalidInput, TranscribeError
from transcribe.options import BlobStore, DatabaseUrl, DataDir, Demo, Model, Name, OsUser, UserRole, _

if TYPE_CHECKING:
    from rich.console import Console

EXIT_WAITS = 6  # something waits for consent; all else is done
EXIT_SOME = 7  # something could not be done
EXIT_INTERRUPTED = 130

NOTHING = N_("Er zijn geen opnamen gevonden. Noem bestanden of een map met mp4, mkv, webm, mov, m4a, mp3, ogg of wav.")


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
            bool,
            typer.Option(
                "--again", help=_("Verwerk ook wat eerder verwijderd of gewist is, of niet te gebruiken was.")
            ),
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
        from rich.markup import escape

        from transcribe import logs
        from transcribe.app import actor_of, consent_texts, open_service
        from transcribe.batch.intake import Intake
        from transcribe.batch.items import SETTLED, State
        from transcribe.batch.report import (
            Looking,
            check_summary,
            follow,
            found_in,
            table_of,
            write_summary,
            write_template,
        )
        from transcribe.batch.run import Batch, waits, wrong
        from transcribe.batch.summary import row_of
        from transcribe.consult import Lane, Reason
        from transcribe.serving import workers
        from transcribe.settings import Settings

        with friendly():
            logs.configure(level="warning")
            if new_list is not None:
                count = write_template(new_list, places)
                told = _("{file}: een regel voor elk van de {count} opnamen.").format(file=new_list, count=count)
                out().print(escape(told))
                return
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
            if summary is not None:
                check_summary(summary, places, manifest)
            texts = consent_texts(settings.data_dir)
            other = [] if summary is None else [summary]
            items = found_in(places, manifest, texts, other=other)
            if not items and not watch:
                raise InvalidInput(problem=NOTHING)
            actor = actor_of(settings)
            interrupted = False

            def told_of_list(problem: TranscribeError | OSError) -> None:
                why = translated(problem) if isinstance(problem, TranscribeError) else str(problem)
                out().print(escape(_("De lijst of de map is nu niet te gebruiken: {why}").format(why=why)))

            # a service manager stops with SIGTERM: then the table and the summary are wanted just as well
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with open_service(settings) as service:
                intake = Intake(service.workflow, actor, again=again)
                run = Batch(intake, delete_source=delete_source, settled=watch)
                if not watch:
                    run.plan(items)
                look = Looking(places, manifest, texts, other=other) if watch else None
                try:
                    with workers(settings, service.database_url, [Lane.BATCH] * worker_count, revive=service.revive):
                        follow(run, out(), look=look, told=told_of_list)
                except KeyboardInterrupt:
                    interrupted = True
            done = run.everything
            rows = [row_of(item, translated, _) for item in done]
            out().print(table_of(rows))
            if summary is not None:
                write_summary(summary, rows)
            if waits(done):
                out().print(_("Vul de toestemming in (--template maakt een lijst) en geef dezelfde opdracht opnieuw."))
            if any(item.state is State.GONE or item.reason is Reason.UNUSABLE for item in done):
                out().print(
                    _("Wat eerder verwijderd of gewist is, of niet te gebruiken was, gaat opnieuw met --again.")
                )
            if interrupted and any(item.state not in SETTLED for item in done):
                out().print(_("Onderbroken. Dezelfde opdracht gaat verder waar zij was; niets gaat dubbel."))
                raise typer.Exit(EXIT_INTERRUPTED)
            if any(wrong(item, delete_source=delete_source) for item in done):
                raise typer.Exit(EXIT_SOME)
            if waits(done):
                raise typer.Exit(EXIT_WAITS)
