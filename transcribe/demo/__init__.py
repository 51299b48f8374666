"""The demonstration: a bundled consult goes through the real pipeline, on this machine, without a network."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

from rich.console import Console

from consent import How
from transcribe.app import Service, access_key, actor_of, check_host, listen, make_web, open_service, serve
from transcribe.asr.transcript import Speaker
from transcribe.consult import Actor, Lane
from transcribe.demo.demo_gp import StepFailed, verify
from transcribe.errors import N_, InvalidInput, SetupProblem
from transcribe.run import consent_given, file_chunks, follow
from transcribe.serving import workers
from transcribe.settings import Settings
from transcribe.store.folders import throwaway_data_dir
from transcribe.web.pages import PRACTICE_ZONE
from transcribe.workflow import Workflow

CONSULTS = Path(__file__).parent / "consults"
#: What is for exercises alone: errors that nobody sees without reading can be planted in it.
EXERCISES = Path(__file__).parent / "exercises"


def run_demo(
    *,
    check: bool,
    consult: str,
    data_dir: Path | None,
    database_url: str | None,
    os_user: str | None,
    port: int | None,
    browser: bool,
    exercise: bool,
    out: Console,
    afterwards: Callable[[Service, Actor, UUID], None] = lambda *_: None,
) -> None:
    """``check``: headless in a throw-away folder, verified by a demo GP, the note printed. Raises when a step fails.

    ``exercise``: errors are planted in the draft, to practise on. ``afterwards``: with ``check``, what is done with the
    copied consult while the service runs.
    """
    if check and exercise:
        raise InvalidInput(problem=N_("Een oefening kijkt u zelf na: kies --check of --exercise, niet allebei."))
    known = {path.stem: path for path in (exercises() if exercise else sorted(CONSULTS.glob("*.ogg")))}
    recording = known.get(consult)
    if recording is None:
        raise SetupProblem(problem=f"democonsult “{consult}” bestaat niet; kies uit: {', '.join(known)}.")
    throw_away = check and data_dir is None
    with throwaway_data_dir() if throw_away else nullcontext(data_dir) as folder:
        settings = Settings.from_env(
            data_dir=folder,
            database_url=database_url,
            os_user=os_user,
            demo=True,
            port=0 if check else port,
            log_level="warning",
        )
        out.print(
            "[bold]Demonstratie.[/] Verzonnen consult, kunstmatige stemmen, demomodel. Alles blijft op deze machine."
        )
        out.print("De dienst start ...")
        check_host(settings)
        with (
            open_service(settings) as service,
            workers(settings, service.database_url, [Lane.LIVE, Lane.BATCH], revive=service.revive),
        ):
            from transcribe.web.access import Access

            if service.model is None:
                raise SetupProblem(problem="het demomodel ontbreekt (map models/demo-nl).")
            actor = actor_of(settings)
            access = Access(access_key(settings.data_dir))
            listener = listen(settings.host, settings.port, or_any=True)
            address = f"http://{settings.host}:{listener.getsockname()[1]}"
            app = make_web(service, access)
            failure: list[BaseException] = []
            ready, verified = threading.Event(), threading.Event()

            def job() -> None:
                ready.wait()
                try:
                    found = play_consult(service.workflow, actor, recording, out, exercise=exercise)
                    if check:
                        verify(service.workflow, actor, found, address, access.ticket(), out)
                        afterwards(service, actor, found)
                        verified.set()
                    else:
                        show(address, access.ticket(), found, browser, out)
                except BaseException as error:  # noqa: BLE001  (carried to the main thread and raised there)
                    failure.append(error)
                if check or failure:
                    os.kill(os.getpid(), 2)  # as Ctrl-C: the server ends in its orderly way

            threading.Thread(target=job, name="demo", daemon=True).start()
            with suppress(KeyboardInterrupt):  # how the server says that it was asked to stop
                serve(app, listener, ready=ready.set)
            if failure:
                raise failure[0]
            if check and not verified.is_set():
                raise StepFailed(step="de dienst werd onderbroken")


def exercises() -> list[Path]:
    """The recordings to practise on, in the order in which they come."""
    return [*sorted(EXERCISES.glob("*.ogg")), *sorted(CONSULTS.glob("*.ogg"))]


def play_consult(workflow: Workflow, actor: Actor, recording: Path, out: Console, *, exercise: bool = False) -> UUID:
    """A new consult with consent, the recording through the pipeline, until the draft is there."""
    consult = workflow.create(actor, f"DEMO-{datetime.now(PRACTICE_ZONE):%H%M%S}", exercise=exercise)
    consent = consent_given(How.SPOKEN, actor.name, others_informed=True)
    workflow.record_consent(actor, consult.id, consent)
    out.print(f"Toestemming vastgelegd ({consent.text_id}).")
    workflow.receive(actor, consult.id, file_chunks(recording), (Speaker.HUISARTS, Speaker.PATIENT))
    out.print("Opname versleuteld bewaard.")
    follow(workflow, consult.id, out)
    return consult.id


def show(address: str, ticket: str, consult_id: UUID, browser: bool, out: Console) -> None:
    link = f"{address}/start?ticket={ticket}&naar=/consult/{consult_id}"
    out.print("Het concept staat klaar om te controleren:")
    out.print(f"  {link}", soft_wrap=True)
    if browser and (sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        webbrowser.open(link)
    out.print("Stoppen: Ctrl-C.")
