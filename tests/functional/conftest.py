"""A running service and a browser for the stories."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from consent import Texts
from transcribe.app import access_key, actor_of, listen, make_web, open_service, web_config
from transcribe.asr.transcript import Speaker
from transcribe.consult import Actor, Role, Space
from transcribe.ports import Drafter, Transcriber
from transcribe.serving import workers
from transcribe.settings import Settings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.store.folders import throwaway_data_dir
from transcribe.testing import ScriptedDecoder, ScriptedTranscriber, ScriptedWorker, scripted_service, utterances
from transcribe.web.access import Access
from transcribe.web.application import DemoInfo, create_app
from transcribe.workflow import Workflow

DEMO_CONSULTS = Path(__file__).parents[2] / "transcribe" / "demo" / "consults"


@dataclass(frozen=True, kw_only=True)
class LiveServer:
    """What a story needs to know of the service it is played on."""

    url: str
    ticket: Callable[[], str]
    workflow: Workflow
    actor: Actor
    recording: Path  # a consult that this service can make a draft of

    def start(self, page: str = "/") -> str:
        """An address that logs in, once."""
        return f"{self.url}/start?ticket={self.ticket()}&naar={page}"


@pytest.fixture
def live_server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """The screens on a real socket, with a worker: on fakes, or (parameter "real") everything as in the demo.

    Parameter "problems": on fakes, with a talk about two problems and the drafter of the service.
    """
    param = getattr(request, "param", "fakes")
    if param == "real":
        made = real_service()
    elif param == "problems":
        made = service_on_fakes(transcriber=ScriptedTranscriber(TWO_PROBLEMS), drafter=ExtractiveDrafter())
    else:
        made = service_on_fakes()
    with made as server:
        yield server


TWO_PROBLEMS = utterances(
    (Speaker.PATIENT, "Ik heb al drie weken last van mijn rechterknie."),
    (Speaker.HUISARTS, "Ik ga naar uw knie kijken. Geen zwelling, flexie honderddertig graden."),
    (Speaker.HUISARTS, "Ik denk aan beginnende artrose van de knie."),
    (Speaker.HUISARTS, "De bloeddruk is honderdveertig over negentig."),
    (Speaker.HUISARTS, "U mag paracetamol nemen, vier keer per dag duizend milligram."),
    (Speaker.PATIENT, "Dan iets heel anders. Ik heb een ingegroeide teennagel."),
    (Speaker.HUISARTS, "Doet het pijn bij het lopen?"),
    (Speaker.PATIENT, "Ja, in dichte schoenen wel."),
    (Speaker.HUISARTS, "De nagelwal is rood, geen pus."),
    (Speaker.HUISARTS, "Dat is een ingegroeide teennagel. Twee keer per dag een voetbad."),
)


@contextmanager
def real_service() -> Iterator[LiveServer]:
    """PostgreSQL, encrypted files, the decoder's child, the demo model."""
    with throwaway_data_dir() as data_dir:
        settings = Settings.from_env(data_dir=data_dir, demo=True)
        with open_service(settings) as service:
            access = Access(access_key(data_dir))
            with on_a_socket(make_web(service, access)) as url, workers(settings, service.database_url):
                yield LiveServer(
                    url=url,
                    ticket=access.ticket,
                    workflow=service.workflow,
                    actor=actor_of(settings),
                    recording=DEMO_CONSULTS / "keelpijn.ogg",
                )


@contextmanager
def on_a_socket(app: FastAPI) -> Iterator[str]:
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(web_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@contextmanager
def service_on_fakes(
    *,
    transcriber: Transcriber | None = None,
    drafter: Drafter | None = None,
    his_secret: str = "",
    exercises: bool = False,
    texts: Texts | None = None,
) -> Iterator[LiveServer]:
    service = scripted_service(
        decoder=ScriptedDecoder(seconds=22.0 if transcriber else 12.0),
        transcriber=transcriber,
        drafter=drafter,
        icpc=True,
        demo=exercises,
    )
    actor = Actor(name="Demo-huisarts", role=Role.HUISARTS)
    access = Access("sleutel-voor-de-browserproef")
    app = create_app(
        practices=service.practice,
        actor=actor,
        access=access,
        demo=DemoInfo(model="proef", wer_demo="9 %", wer_open="87 %"),
        ui_language="nl",
        max_upload_mb=100,
        idle_minutes=30,
        version="0",
        space=lambda: Space(total=100, free=50),
        min_free_percent=5,
        his_secret=his_secret,
        recordings=[DEMO_CONSULTS / "keelpijn.ogg"] if exercises else (),
        texts=texts,
    )
    worker = ScriptedWorker(service)
    worker.start()
    with on_a_socket(app) as url:
        yield LiveServer(
            url=url,
            ticket=access.ticket,
            workflow=service.workflow,
            actor=actor,
            recording=DEMO_CONSULTS / "keelpijn.ogg",
        )
    worker.stop()


@pytest.fixture(scope="module")
def chromium_program() -> str:
    found = (
        os.environ.get("CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def chromium(chromium_program: str) -> Iterator[object]:
    """Debian's chromium; Playwright's own can't be fetched everywhere."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra dev installs playwright")
    with sync_api.sync_playwright() as playwright:
        # as root, in containers, chromium's sandbox can't start
        browser = playwright.chromium.launch(executable_path=chromium_program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with throwaway_data_dir() as folder:
        yield folder


@pytest.fixture(scope="module")
def demo_dir() -> Iterator[Path]:
    """Another one: a folder is for the demonstration or for patients, never for both."""
    with throwaway_data_dir() as folder:
        yield folder
