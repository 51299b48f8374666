"""The command line. Heavy imports are inside the commands: ``transcribe --help`` answers at once."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from transcribe import (
    accounts_cli,
    backup_cli,
    batch_cli,
    consent_cli,
    keys_cli,
    log_cli,
    logs,
    outbound,
    process,
    record_cli,
    rights_cli,
    voice_cli,
)
from transcribe.errors import AudioProblem, DemoModelRefused, InvalidInput, Refused, SetupProblem, TranscribeError
from transcribe.i18n import preferred_language, translations
from transcribe.options import (
    BlobStore,
    ConsentHow,
    DatabaseUrl,
    DataDir,
    Demo,
    InformedBy,
    Model,
    Name,
    OsUser,
    OthersInformed,
    Port,
    Ref,
    UserRole,
)
from transcribe.origin import Client, Origin, coming_from

if TYPE_CHECKING:
    from rich.console import Console

    from transcribe.asr.transcript import Speaker

_ = translations(preferred_language()).gettext

# Exit codes a script can use.
EXIT_FAILED = 1  # something went wrong; the message says what
EXIT_USAGE = 2  # an option or argument is missing or impossible
EXIT_REFUSED = 3  # a rule said no (no consent, wrong status)
EXIT_BAD_AUDIO = 4  # the recording can't be used
EXIT_SETUP = 5  # the installation needs something


class Group(TyperGroup):
    """Says in Dutch what is wrong with an option; the library's own sentences are English."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as wrong:
            options = [name for name in getattr(wrong.param, "opts", ()) if name.startswith("-")]
            name = options[0] if options else getattr(wrong.param, "name", None) or ""
            choices = wrong.message.partition(" is not one of ")[2].rstrip(".")
            message = _("{name} ontbreekt of kan zo niet. Kijk bij: {command} --help.")
            if choices:
                message = _("{name}: kies uit {choices}.")
            command = wrong.ctx.command_path if wrong.ctx else ctx.command_path
            message = message.format(name=name, choices=choices, command=command)
            complain(message)
            raise typer.Exit(EXIT_USAGE) from None


cli = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # a traceback with local variables could show patient text
    help=_("De scribe voor de huisarts: van gesproken consult naar gecontroleerd SOEP-verslag, op uw eigen machine."),
)
models_cli = typer.Typer(no_args_is_help=True, help=_("Spraakmodellen tonen, ophalen, toevoegen en controleren."))
eval_cli = typer.Typer(no_args_is_help=True, help=_("Meten op proefconsulten; raakt de opslag niet aan."))
cli.add_typer(models_cli, name="models")
icpc_cli = typer.Typer(no_args_is_help=True, help=_("De ICPC-tabel van de praktijk."))
cli.add_typer(eval_cli, name="eval")
cli.add_typer(icpc_cli, name="icpc")


class Part(StrEnum):
    WEB = "web"
    WORKER = "worker"


class LaneName(StrEnum):
    """As ``consult.Lane``, which is too heavy to import for ``--help``."""

    LIVE = "live"
    BATCH = "batch"


@cache
def out() -> Console:
    from rich.console import Console

    return Console(highlight=False)


@cache
def err() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


Channels = Annotated[
    str, typer.Option("--channels", help=_("Wie op welk kanaal spreekt: links,rechts; één naam: alles samen."))
]


def complain(message: str) -> None:
    """In whole lines where a file or a script reads it: a path in it must not be broken."""
    err().print(message, style="red", markup=False, soft_wrap=not err().is_terminal)


@contextmanager
def friendly(client: Client = Client.COMMAND) -> Iterator[None]:
    """Our own errors become a sentence and an exit code; everything else is a fault and keeps its traceback.

    ``client``: as what the access log knows whatever this thread does.
    """
    from pydantic import ValidationError

    from consent import ConsentMissing, ConsentProblem
    from models.catalog import ModelProblem

    try:
        with coming_from(Origin(client=client)):
            yield
    except ValidationError as error:
        message = _("Een instelling heeft een waarde die niet kan: {names}. Kijk bij --help of in settings.py.")
        names = ", ".join(sorted({_allowed(item) for item in error.errors()}))
        complain(message.format(names=names))
        raise typer.Exit(EXIT_SETUP) from None
    except OSError as error:
        complain(_of_file(error))
        raise typer.Exit(EXIT_FAILED) from None
    except (ConsentMissing, ConsentProblem) as error:
        complain(str(error))
        raise typer.Exit(EXIT_REFUSED) from None
    except ModelProblem as error:
        complain(str(error))
        raise typer.Exit(EXIT_SETUP) from None
    except TranscribeError as error:
        complain(translated(error))
        code = EXIT_FAILED
        if isinstance(error, SetupProblem | DemoModelRefused):
            code = EXIT_SETUP
        elif isinstance(error, Refused):
            code = EXIT_REFUSED
        elif isinstance(error, AudioProblem):
            code = EXIT_BAD_AUDIO
        raise typer.Exit(code) from None


def _allowed(item: Any) -> str:
    """Name of a setting (of pydantic's ``ErrorDetails``) and what it may be, never what it is: it may be a password."""
    name = ".".join(map(str, item["loc"]))
    known = {
        "asr_on": _("leeg, gpu of de naam van een model"),
        "his_secret": _("32 tekens of meer, zonder spaties"),
        "metrics_token": _("20 tekens of meer, zonder spaties"),
        "practice": _("hoogstens 60 letters, cijfers, spaties, punten en streepjes"),
        "user_role": _("huisarts, waarnemer, poh of assistente"),
    }
    limits = item.get("ctx", {})
    match item["type"]:
        case _ if name in known:
            may_be = known[name]
        case "literal_error" | "enum":
            may_be = limits["expected"].replace(" or ", ", ").replace("'", "")
        case "greater_than_equal":
            may_be = _("minstens {least}").format(least=limits["ge"])
        case "less_than_equal":
            may_be = _("hoogstens {most}").format(most=limits["le"])
        case "bool_parsing":
            may_be = _("0 of 1")
        case "int_parsing" | "int_from_float" | "float_parsing":
            may_be = _("een getal")
        case _:
            return name
    return f"{name} ({may_be})"


def _of_file(error: OSError) -> str:
    """Which file or folder, what is wrong with it, and what to do."""
    sentences = {
        errno.ENOENT: _("{path} is er niet. Controleer de naam, en of de schijf is aangesloten."),
        errno.EACCES: _("{path} is voor dit account niet te lezen of te schrijven. Controleer de rechten."),
        errno.EPERM: _("{path} is voor dit account niet te lezen of te schrijven. Controleer de rechten."),
        errno.EROFS: _("{path} staat op een schijf die alleen te lezen is. Kies een andere plaats."),
        errno.ENOTDIR: _("{path}: een deel van dat pad is geen map. Controleer de naam."),
        errno.EISDIR: _("{path} is een map; hier is een bestand nodig."),
        errno.ENOSPC: _("De schijf is vol. Maak ruimte vrij en probeer het opnieuw."),
    }
    code = errno.errorcode.get(error.errno or 0, type(error).__name__)
    sentence = sentences.get(error.errno or 0, _("{path} is niet te lezen of te schrijven ({code})."))
    path = error.filename if isinstance(error.filename, str) else _("Een bestand of map")
    return sentence.format(path=path, code=code)


def translated(error: TranscribeError) -> str:
    params = dict(error.params)
    if "problem" in params:  # a sentence itself
        params["problem"] = _(str(params["problem"]))
    return _(error.text).format(**params)


def speakers(channels: str) -> tuple[Speaker, ...]:
    from transcribe.asr.transcript import Speaker

    try:
        found = tuple(Speaker(name.strip()) for name in channels.replace("patiënt", "patient").split(","))
    except ValueError:
        known = ", ".join(Speaker)
        raise InvalidInput(problem=_("Onbekende spreker in --channels; kies uit: ") + known) from None
    if len(found) > 2:
        raise InvalidInput(problem=_("Hoogstens twee kanalen."))
    return found


@cli.command(help=_("Maak van een gebundeld gesproken consult een verslag dat u in de browser controleert."))
def demo(
    check: Annotated[
        bool, typer.Option("--check", help=_("Zonder scherm: doorloop alles, toon het verslag en stop."))
    ] = False,
    consult: Annotated[str, typer.Option(help=_("Welk democonsult (map transcribe/demo/consults)."))] = "keelpijn",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    os_user: OsUser = None,
    port: Port = None,
    browser: Annotated[bool, typer.Option(help=_("Open de browser."))] = True,
    exercise: Annotated[
        bool, typer.Option("--exercise", help=_("Zet fouten in het concept, om het nakijken te oefenen."))
    ] = False,
) -> None:
    from transcribe.demo import run_demo

    with friendly():
        logs.configure(level="warning")
        run_demo(
            check=check,
            consult=consult,
            data_dir=data_dir,
            database_url=database_url,
            os_user=os_user,
            port=port,
            browser=browser,
            exercise=exercise,
            out=out(),
        )


@cli.command(help=_("Start de dienst: alles op deze machine, of met --role één onderdeel ervan."))
def serve(
    part: Annotated[
        Part | None, typer.Option("--role", help=_("Alleen dit onderdeel, met een eigen PostgreSQL-server."))
    ] = None,
    lane: Annotated[
        LaneName, typer.Option("--lane", help=_("Voor --role worker: spreekuur (live) of partijen (batch)."))
    ] = LaneName.LIVE,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help=_("Aantal verwerkers voor het spreekuur op deze machine."))
    ] = 1,
    model: Model = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    blob_store: BlobStore = None,
    os_user: OsUser = None,
    host: Annotated[
        str | None, typer.Option(help=_("Adres; alleen deze machine tenzij u een TLS-proxy heeft."))
    ] = None,
    port: Port = None,
    browser: Annotated[bool, typer.Option(help=_("Open de browser."))] = False,
) -> None:
    from transcribe.consult import Lane
    from transcribe.serving import serve_machine, serve_web, serve_worker
    from transcribe.settings import Settings
    from transcribe.supervisor import end_with_parent

    life = end_with_parent()
    with friendly(Client.SERVICE):
        settings = Settings.from_env(
            model=model,
            data_dir=data_dir,
            database_url=database_url,
            blob_store=blob_store,
            os_user=os_user,
            host=host,
            port=port,
        )
        logs.configure(settings.log_format, settings.log_level)
        match part:
            case None:
                serve_machine(settings, live_workers=workers, browser=browser, warn=_no_model)
            case Part.WEB:

                def ready(address: str, ticket: str) -> None:
                    if life < 2:  # one that was started again opens no browser, and puts no new key into the journal
                        _ready(address, ticket, browser=browser)

                serve_web(settings, ready=ready, warn=_no_model)
            case Part.WORKER:
                raise typer.Exit(serve_worker(settings, Lane(lane.value)))


def _no_model() -> None:
    err().print(_("Let op: er is geen spraakmodel. Zie: transcribe models list"), style="yellow")


def _ready(address: str, ticket: str, *, browser: bool) -> None:
    link = f"{address}/start?ticket={ticket}" if ticket else address
    out().print(_("De dienst loopt op {address}. Stoppen: Ctrl-C.").format(address=address))
    if ticket:
        out().print(_("Openen (deze link werkt één keer): {link}").format(link=link), soft_wrap=True)
    if browser:
        import webbrowser

        webbrowser.open(link)


@cli.command(help=_("Verwerk één opname tot een concept dat op de huisarts wacht."))
def run(
    file: Annotated[Path, typer.Argument(help=_("wav, mp3, m4a, ogg, webm, mp4 of mkv."), exists=True, dir_okay=False)],
    ref: Ref,
    consent: ConsentHow = None,
    informed_by: InformedBy = None,
    others_informed: OthersInformed = False,
    channels: Channels = "huisarts,patient",
    lane: Annotated[
        LaneName, typer.Option("--lane", help=_("live: u wacht erop; batch: achter alles aan waarop iemand wacht."))
    ] = LaneName.LIVE,
    name: Name = None,
    user_role: UserRole = None,
    model: Model = None,
    demo: Demo = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    blob_store: BlobStore = None,
    os_user: OsUser = None,
) -> None:
    from transcribe.app import actor_of, open_service
    from transcribe.consult import Lane
    from transcribe.run import bring_in, consent_given
    from transcribe.serving import workers
    from transcribe.settings import Settings

    with friendly():
        logs.configure(level="warning")
        settings = Settings.from_env(
            log_level="warning",  # of the worker: the progress bar tells the rest
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
        layout = speakers(channels)
        given = consent_given(consent, informed_by, others_informed=others_informed)
        chosen = Lane(lane.value)
        with (
            open_service(settings) as service,
            workers(settings, service.database_url, [chosen], revive=service.revive),
        ):
            bring_in(service.workflow, actor, file, ref=ref, consent=given, layout=layout, out=out(), lane=chosen)


@cli.command(help=_("Controleer alles wat een installatie nodig heeft en zeg wat er te doen is."))
def doctor(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    blob_store: BlobStore = None,
    os_user: OsUser = None,
    demo: Demo = False,
) -> None:
    from rich.table import Table
    from rich.text import Text

    from transcribe.doctor import Level, examine
    from transcribe.settings import Settings

    with friendly():
        settings = Settings.from_env(
            data_dir=data_dir, database_url=database_url, blob_store=blob_store, os_user=os_user, demo=demo or None
        )
        table = Table("", _("onderdeel"), _("bevinding"), _("wat te doen"))
        worst = Level.GOOD
        for finding in examine(settings):
            colour = {Level.GOOD: "green", Level.NOTICE: "yellow", Level.WRONG: "red"}[finding.level]
            table.add_row(
                f"[{colour}]{_(finding.level.value)}", _(finding.part), Text(finding.found), Text(finding.advice)
            )
            worst = max(worst, finding.level, key=list(Level).index)
        out().print(table)
        if worst is Level.WRONG:
            raise typer.Exit(EXIT_SETUP)


@cli.command(help=_("Hoe staat de dienst ervoor? Kijkt alleen; exit-code 1 als er iets te doen is."))
def status(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    port: Port = None,
    demo: Demo = False,
) -> None:
    from transcribe.settings import Settings
    from transcribe.status import look, shown

    with friendly():
        logs.configure()
        standing = look(Settings.from_env(data_dir=data_dir, database_url=database_url, port=port, demo=demo or None))
        for part in shown(standing, _):
            out().print(part)
        if not standing.well:
            raise typer.Exit(EXIT_FAILED)


@cli.command(help=_("Toon aan dat er niets naar buiten gaat, en schrijf een verslag voor de privacyfunctionaris."))
def proof(
    output: Annotated[
        Path, typer.Option("--out", file_okay=False, help=_("Map voor verslag, onderdelenlijst en gegevens."))
    ] = Path("bewijs"),
    neutral: Annotated[
        bool, typer.Option("--neutral", help=_("Zonder paden en namen van deze machine, om door te geven."))
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    blob_store: BlobStore = None,
    os_user: OsUser = None,
    demo: Demo = False,
) -> None:
    from transcribe.proof import REPORT, Verdict, check_room, prove
    from transcribe.settings import Settings

    with friendly():
        settings = Settings.from_env(
            data_dir=data_dir, database_url=database_url, blob_store=blob_store, os_user=os_user, demo=demo or None
        )
        check_room(output)
        found = prove(settings, output, neutral=neutral, say=lambda text: out().print(_(text)))
        colour = {Verdict.PROVEN: "green", Verdict.NOT_PROVEN: "yellow", Verdict.FAILED: "red"}[found.verdict]
        out().print(f"{_(found.verdict.value).capitalize()}.", style=colour, end=" ")
        out().print(found.why, markup=False)
        out().print(_("Het verslag: {path}").format(path=output / REPORT), markup=False, soft_wrap=True)
        if found.verdict is not Verdict.PROVEN:
            raise typer.Exit(EXIT_SETUP if found.verdict is Verdict.NOT_PROVEN else EXIT_FAILED)


@cli.command(
    "his-secret", help=_("Toon het geheim waarmee uw HIS een consult mag openen; maak het als het er niet is.")
)
def his_secret(
    anew: Annotated[
        bool, typer.Option("--new", help=_("Maak een nieuw geheim; het oude werkt na een herstart niet meer."))
    ] = False,
    data_dir: DataDir = None,
    demo: Demo = False,
) -> None:
    from transcribe.app import make_his_secret
    from transcribe.settings import Settings

    with friendly():
        secret = make_his_secret(Settings.from_env(data_dir=data_dir, demo=demo or None).data_dir, anew=anew)
        out().print(secret, markup=False, soft_wrap=True)
        note = _("Een geheim dat net is gemaakt geldt na een herstart van transcribe. Zie docs/his-link.md.")
        err().print(note, markup=False, soft_wrap=True)


@models_cli.command("list", help=_("Welke modellen er zijn en welke geïnstalleerd zijn."))
def models_list(data_dir: DataDir = None) -> None:
    from rich.table import Table

    from models.catalog import entries, installed
    from transcribe.settings import Settings

    with friendly():
        folder = Settings.from_env(data_dir=data_dir).data_dir / "models"
        here = {model.name: model for model in installed(folder)}
        table = Table(_("naam"), _("taal"), _("grootte"), _("licentie"), _("geïnstalleerd"), _("bedoeld voor"))
        for entry in entries():
            # what is installed counts: a copy of the demo model stays one under any name
            demo_only = here[entry.name].demo_only if entry.name in here else entry.demo_only
            use = _("alleen demonstratie en tests") if demo_only else _("echte consulten")
            size = f"{entry.size_mb:,.0f} MB".replace(",", ".")
            table.add_row(entry.name, entry.language, size, entry.licence, "✓" if entry.name in here else "", use)
        for extra in here.keys() - {entry.name for entry in entries()}:
            use = _("alleen demonstratie en tests") if here[extra].demo_only else _("eigen model")
            table.add_row(extra, here[extra].language, "", here[extra].licence, "✓", use)
        out().print(table)


@models_cli.command("pull", help=_("Haal een model op (de enige opdracht die het internet gebruikt)."))
def models_pull(name: str, data_dir: DataDir = None) -> None:
    from models.catalog import pull
    from transcribe.asr.pull import fetch
    from transcribe.settings import Settings

    with friendly():
        settings = Settings.from_env(data_dir=data_dir)
        also = tuple(outbound.allow_list(settings.allowed_hosts, outbound.Purpose.MODELS))
        model = pull(name, partial(fetch, also=also), settings.data_dir / "models")
        out().print(_kept(_("{name} is opgehaald."), model.name))


def _kept(done: str, name: str, brought: Path | None = None) -> str:
    """Says no more than is true: whether there was anything to compare the files with."""
    from models.catalog import entries

    known = {entry.name: entry for entry in entries()}
    came_along = brought is not None and any((brought / file).is_file() for file in ("SHA256SUMS", "model.toml"))
    pinned = came_along or (name in known and bool(known[name].sha256))
    what = _("De bestanden kloppen met de vastgelegde controlegetallen.")
    if not pinned:
        what = _(
            "Er was niets om mee te vergelijken; de controlegetallen zijn nu vastgelegd en worden voortaan bewaakt."
        )
    return f"{done.format(name=name)} {what}"


@models_cli.command("add", help=_("Voeg een modelmap toe, bijvoorbeeld van een USB-stick."))
def models_add(
    path: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    name: Annotated[str | None, typer.Option(help=_("Naam; anders die van de map."))] = None,
    data_dir: DataDir = None,
) -> None:
    from models.catalog import add
    from transcribe.settings import Settings

    with friendly():
        model = add(path, Settings.from_env(data_dir=data_dir).data_dir / "models", name=name or path.name)
        out().print(_kept(_("{name} is toegevoegd."), model.name, path))


@models_cli.command("verify", help=_("Controleer de bestanden van alle geïnstalleerde modellen."))
def models_verify(data_dir: DataDir = None) -> None:
    from models.catalog import installed, unreadable, verify
    from transcribe.settings import Settings

    with friendly():
        broken = 0
        for problem in unreadable(Settings.from_env(data_dir=data_dir).data_dir / "models"):
            broken += 1
            complain(problem)
        for model in installed(Settings.from_env(data_dir=data_dir).data_dir / "models"):
            problems = verify(model)
            broken += bool(problems)
            out().print(f"{model.name}: " + (_("in orde") if not problems else "; ".join(problems)))
        if broken:
            raise typer.Exit(EXIT_SETUP)


@icpc_cli.command("import", help=_("Neem de ICPC-tabel over waarvoor de praktijk een licentie van het NHG heeft."))
def icpc_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=_("CSV met code en omschrijving."))],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    os_user: OsUser = None,
) -> None:
    from transcribe.app import open_service
    from transcribe.consult import Action
    from transcribe.settings import Settings
    from transcribe.soep.icpc import read_table
    from transcribe.store.backup import system_event

    with friendly():
        logs.configure(level="warning")
        codes = read_table(file.read_bytes())
        settings = Settings.from_env(data_dir=data_dir, database_url=database_url, os_user=os_user)
        with open_service(settings) as service:
            service.preferences.import_codes(codes)
            log = service.store.of(settings.practice).log
            log(system_event(backup_cli.who(settings), Action.SETTINGS_CHANGED, detail="icpc-tabel"))
        out().print(_("{count} ICPC-codes overgenomen.").format(count=len(codes)))


@eval_cli.command("draft", help=_("Proefconsulten (JSON) naar concepten voor de scorer."))
def eval_draft(
    consults: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    output: Annotated[Path, typer.Option("--out", file_okay=False)],
) -> None:
    from transcribe.app import make_drafter
    from transcribe.settings import Settings
    from transcribe.soep.bench import draft_folder

    with friendly():
        results = draft_folder(consults, output, make_drafter(Settings.from_env()))
        problems = [result for result in results if result.problem]
        for result in problems:
            complain(f"{result.file.name}: {result.problem}")
        out().print(_("Concepten geschreven: {count}.").format(count=len(results) - len(problems)))
        if problems or not results:
            raise typer.Exit(EXIT_FAILED)


@eval_cli.command("audio", help=_("Proefopnamen naar transcript en concept, één JSON per bestand."))
def eval_audio(
    recordings: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    output: Annotated[Path, typer.Option("--out", file_okay=False)],
    channels: Channels = "huisarts,patient",
    model: Model = "demo-nl",
    data_dir: DataDir = None,
) -> None:
    from transcribe.app import choose_model, make_drafter, make_transcriber
    from transcribe.asr.evaluate import evaluate_folder
    from transcribe.audio.decode import PyAvDecoder
    from transcribe.settings import Settings

    with friendly():
        # test recordings: the demo model may be used, as it says in the help
        settings = Settings.from_env(data_dir=data_dir, model=model, demo=True)
        found = choose_model(settings)
        if found is None:
            raise SetupProblem(problem=_("geen spraakmodel."))
        results = evaluate_folder(
            recordings,
            output,
            decoder=PyAvDecoder(),
            transcriber=make_transcriber(found),
            drafter=make_drafter(settings),
            channels=speakers(channels),
        )
        out().print(json.dumps(results, ensure_ascii=False))
        if results["errors"] or not results["files"]:
            raise typer.Exit(EXIT_FAILED)


backup_cli.add_commands(cli, friendly, out)
log_cli.add_commands(cli, friendly, out, complain)
keys_cli.add_commands(cli, friendly, out)
rights_cli.add_commands(cli, friendly, out)
record_cli.add_commands(cli, friendly, out, translated)
batch_cli.add_commands(cli, friendly, out, translated)
consent_cli.add_commands(cli, friendly, out)
accounts_cli.add_commands(cli, friendly, out)
voice_cli.add_commands(cli, friendly, out)


def main() -> None:
    """Before anything else: no core dump, no proxy, and no connection to what is not named."""
    process.close_up()
    outbound.close_up()
    cli()


if __name__ == "__main__":
    main()
