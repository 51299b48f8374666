"""Pictures of every page for the docs, from the real service in demo mode: ``make screenshots``.

The browser's microphone hears a bundled consult, so the page that records shows what a GP sees while he works.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import threading
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.microphone import chromium_program, fake_microphone, write_wav  # noqa: E402  (beside this folder)
from transcribe.app import access_key, actor_of, listen, make_web, open_service  # noqa: E402
from transcribe.audio.decode import PyAvDecoder  # noqa: E402
from transcribe.audio.pcm import RATE_HZ, Pcm  # noqa: E402
from transcribe.demo import CONSULTS, play_consult  # noqa: E402
from transcribe.serving import workers  # noqa: E402
from transcribe.settings import Settings  # noqa: E402
from transcribe.soep.note import Section  # noqa: E402
from transcribe.store.folders import throwaway_data_dir  # noqa: E402
from transcribe.web.access import Access  # noqa: E402

TARGET = ROOT / "docs" / "screenshots"
DESK = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
CONSULT = CONSULTS / "keelpijn.ogg"
SPOKEN_WITH = "P-2041"


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    with throwaway_data_dir() as folder, tempfile.TemporaryDirectory() as sounds:
        settings = Settings.from_env(data_dir=folder, demo=True)
        with (
            open_service(settings) as service,
            workers(settings, service.database_url),
            sync_playwright() as playwright,
        ):
            access = Access(access_key(folder))
            listener = listen("127.0.0.1", 0)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            server = uvicorn.Server(
                uvicorn.Config(make_web(service, access), log_config=None, access_log=False, lifespan="off")
            )
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            actor = actor_of(settings)
            consult = play_consult(service.workflow, actor, CONSULT, Console())
            version = service.workflow.consult(consult).version
            service.workflow.add_line(actor, consult, version, Section.P, "Controle over 2 weken.")  # nobody said so

            browser = playwright.chromium.launch(
                executable_path=chromium_program(), args=fake_microphone(microphone(Path(sounds)))
            )
            page = browser.new_page(viewport=DESK)

            def take(name: str, *, phone: bool = False, dark: bool = False) -> None:
                page.set_viewport_size(PHONE if phone else DESK)
                page.emulate_media(color_scheme="dark" if dark else "light")
                page.wait_for_timeout(400)
                page.screenshot(path=TARGET / f"{name}.png")
                page.set_viewport_size(DESK)

            page.goto(f"{address}/login")
            take("login")
            page.goto(f"{address}/start?ticket={access.ticket()}&naar=/consult/{consult}")
            page.keyboard.press("j")
            take("review")
            take("review-dark", dark=True)
            take("review-phone", phone=True)
            page.goto(f"{address}/")
            take("worklist")
            take("worklist-phone", phone=True)
            page.goto(f"{address}/stijl")
            take("style")
            page.goto(f"{address}/consult/nieuw")
            take("consent")
            take("consent-phone", phone=True)
            record(page)
            recording = page.url
            take("recording")
            take("recording-phone", phone=True)
            handle_flags(page, f"{address}/consult/{consult}")
            page.get_by_role("button", name="Akkoord").click()
            page.get_by_role("button", name="Kopieer alles").wait_for()
            take("approved")
            take("approved-phone", phone=True)
            page.goto(f"{address}/consult/{consult}/wijzigen")
            take("after-approval")
            page.goto(f"{address}/toestemming/teksten")
            take("consent-texts")
            withdraw(page, recording)
            page.goto(f"{address}/vernietigd")
            take("erased")
            take("erased-phone", phone=True)
            page.goto(f"{address}/toegangslog")
            take("access-log")
            take("access-log-phone", phone=True)
            page.get_by_label("Patiëntkenmerk").fill(SPOKEN_WITH)
            page.get_by_role("button", name="Maak overzicht").click()
            page.get_by_role("heading", name="Wie zag wat").wait_for()
            take("patient-log")
            take("patient-log-phone", phone=True)
            browser.close()
            server.should_exit = True
            thread.join(10)


def microphone(folder: Path) -> Path:
    """The bundled consult as one microphone in the room hears it."""
    with PyAvDecoder().decode(io.BytesIO(CONSULT.read_bytes()), max_s=900) as decoding:
        recording = Pcm(io.BytesIO(b"".join(decoding)), channels=decoding.channels)
    voices = [recording.read(0, recording.duration_s, channel) for channel in range(recording.channels)]
    return write_wav(folder / "consult.wav", sum(voices[1:], voices[0]) / len(voices), RATE_HZ)


def record(page: Page) -> None:
    """A consult from consent until its note has begun to grow."""
    page.locator("#kenmerk").fill(SPOKEN_WITH)
    page.locator("[name=antwoord][value=ja]").click()
    page.get_by_role("button", name="Start opname").click()
    page.locator("#groei li").nth(1).wait_for(timeout=90_000)


def withdraw(page: Page, address: str) -> None:
    """The patient takes the consent back while it is recorded."""
    page.goto(address)
    page.locator("#intrekken > summary").click()
    page.get_by_role("button", name="Ja, intrekken en vernietigen").click()
    page.get_by_role("heading", name="Vernietigd").wait_for()


def handle_flags(page: Page, address: str) -> None:
    """Confirm every flagged line, as a GP would after listening."""
    page.goto(address)
    flags = page.locator("#aandacht li")
    while left := flags.count():
        page.wait_for_timeout(700)  # no click is taken just after a change (fresh.js)
        flags.first.get_by_role("button", name=re.compile("^(Bevestig|Gezien|Hoeft niet)$")).click()
        page.wait_for_function("left => document.querySelectorAll('#aandacht li').length < left", arg=left)


if __name__ == "__main__":
    main()
