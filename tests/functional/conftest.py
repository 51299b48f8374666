"""A running service and a browser for the stories."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from transcribe.consult import Actor, Role
from transcribe.testing import ScriptedDecoder, scripted_workflow
from transcribe.web.access import Access
from transcribe.web.application import DemoInfo, create_app
from transcribe.worker import Worker
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
def live_server() -> Iterator[LiveServer]:
    """The screens on a real socket, with a worker, on fakes."""
    workflow, _, _ = scripted_workflow(decoder=ScriptedDecoder(seconds=12.0))
    actor = Actor(name="Demo-huisarts", role=Role.HUISARTS)
    access = Access("sleutel-voor-de-browserproef")
    app = create_app(
        workflow=workflow,
        actor=actor,
        access=access,
        demo=DemoInfo(model="proef", wer_demo="9 %", wer_open="87 %"),
        ui_language="nl",
        max_upload_mb=100,
        idle_minutes=30,
        version="0",
    )
    worker = Worker(workflow, threading.Event(), poll_s=0.1)
    worker.start()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield LiveServer(
            url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            ticket=access.ticket,
            workflow=workflow,
            actor=actor,
            recording=DEMO_CONSULTS / "keelpijn.ogg",
        )
        server.should_exit = True
        thread.join(10)
    worker.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """Debian's chromium; Playwright's own can't be fetched everywhere."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra dev installs playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        # as root, in containers, chromium's sandbox can't start
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
