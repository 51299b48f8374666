"""Pictures of every page for the docs, from the real service in demo mode: ``make screenshots``."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from transcribe.app import access_key, actor_of, listen, make_web, open_service
from transcribe.demo import CONSULTS, play_consult
from transcribe.serving import workers
from transcribe.settings import Settings
from transcribe.soep.note import Section
from transcribe.store.folders import throwaway_data_dir
from transcribe.web.access import Access

TARGET = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
DESK = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}


def main() -> None:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not program:
        sys.exit("chromium is needed")
    TARGET.mkdir(parents=True, exist_ok=True)
    with throwaway_data_dir() as folder:
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
            consult = play_consult(service.workflow, actor, CONSULTS / "keelpijn.ogg", Console())
            version = service.workflow.consult(consult).version
            service.workflow.add_line(actor, consult, version, Section.P, "Controle over 2 weken.")  # nobody said so

            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page(viewport=DESK)

            def take(name: str, *, phone: bool = False) -> None:
                page.set_viewport_size(PHONE if phone else DESK)
                page.wait_for_timeout(400)
                page.screenshot(path=TARGET / f"{name}.png")

            page.goto(f"{address}/login")
            take("login")
            page.goto(f"{address}/start?ticket={access.ticket()}&naar=/consult/{consult}")
            page.keyboard.press("j")
            take("review")
            take("review-phone", phone=True)
            page.goto(f"{address}/")
            take("worklist")
            page.goto(f"{address}/consult/nieuw")
            take("consent")
            take("consent-phone", phone=True)
            handle_flags(page, f"{address}/consult/{consult}")
            page.set_viewport_size(DESK)
            page.get_by_role("button", name="Akkoord").click()
            page.get_by_role("button", name="Kopieer alles").wait_for()
            take("approved")
            take("approved-phone", phone=True)
            browser.close()
            server.should_exit = True
            thread.join(10)


def handle_flags(page: Page, address: str) -> None:
    """Confirm every flagged line, as a GP would after listening."""
    page.set_viewport_size(DESK)
    page.goto(address)
    flags = page.locator("#aandacht li")
    while left := flags.count():
        flags.first.get_by_role("button", name="Bevestig").click()
        page.wait_for_function("left => document.querySelectorAll('#aandacht li').length < left", arg=left)


if __name__ == "__main__":
    main()
