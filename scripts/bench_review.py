"""From the draft to the note that was copied: what it asks of a doctor and of the line, in a real browser.

    python scripts/bench_review.py [--consult NAME] [--weigh] [--times 5]

Starts a service with the demonstration model, makes drafts of the bundled consults, and lets a scripted doctor check
each by keyboard: ``n`` to the next flag, Enter to confirm it (Delete: what may be missed need not be there),
Ctrl+Enter to sign, one key to copy. Counts the keys, and the seconds that the program needs for them (a doctor's
reading and listening come on top). "flagged" has a line added that nobody said and one with another number. Weight:
everything the page loads on a first visit over a line of 1.6 Mbit/s with 150 ms delay, without sound; with ICPC
codes. Paint: the first contentful one on that line; the median of so many visits (``--times``), and the worst.
``--weigh`` does this alone, ``--consult`` takes one of the consults.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.microphone import chromium_program  # noqa: E402  (beside this folder)
from transcribe.app import Service, access_key, actor_of, listen, make_web, open_service  # noqa: E402
from transcribe.demo import CONSULTS, play_consult  # noqa: E402
from transcribe.serving import workers  # noqa: E402
from transcribe.settings import Settings  # noqa: E402
from transcribe.soep.note import Section  # noqa: E402
from transcribe.store.folders import throwaway_data_dir  # noqa: E402
from transcribe.web.access import Access  # noqa: E402

DESK = {"width": 1366, "height": 768}
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consult", default="*", metavar="NAME", help="of the bundled ones; all when it is left out")
    parser.add_argument("--weigh", action="store_true", help="weight and first paint alone")
    parser.add_argument("--times", type=int, default=5, help="first visits of each page")
    args = parser.parse_args()
    with throwaway_data_dir() as folder:
        settings = Settings.from_env(data_dir=folder, demo=True, icpc=True)
        with (
            open_service(settings) as service,
            workers(settings, service.database_url),
            sync_playwright() as playwright,
        ):
            access = Access(access_key(folder))
            listener = listen("127.0.0.1", 0)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            app = make_web(service, access)
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            browser = playwright.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox"])
            print(f"{'consult':16} {'draft':8} {'flags':>5} {'keys':>5} {'program s':>9}")
            for path in sorted(CONSULTS.glob(f"{args.consult}.ogg")):
                for flagged in (False,) if args.weigh else (False, True):
                    consult = drafted(service, path, flagged=flagged)
                    if not flagged:
                        weigh(browser, address, access, consult, path.stem, args.times)
                    if args.weigh:
                        continue
                    page = opened(browser, address, access, consult)
                    flags, keys, seconds = checked(page)
                    print(f"{path.stem:16} {'flagged' if flagged else 'as made':8} {flags:5} {keys:5} {seconds:9.2f}")
                    page.context.close()
            browser.close()
            server.should_exit = True
            thread.join(10)


def drafted(service: Service, path: Path, *, flagged: bool) -> UUID:
    actor = actor_of(service.settings)
    consult = play_consult(service.workflow, actor, path, Console(quiet=True))
    if flagged:
        version = service.workflow.consult(consult).version
        service.workflow.add_line(actor, consult, version, Section.P, "Controle over 11 weken.")  # nobody said so
        version = service.workflow.consult(consult).version
        service.workflow.add_line(actor, consult, version, Section.O, "T 41,3")
    return consult


def opened(browser: Browser, address: str, access: Access, consult: UUID) -> Page:
    context = browser.new_context(viewport=DESK, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}/start?ticket={access.ticket()}&naar=/consult/{consult}")
    page.wait_for_load_state()
    return page


def checked(page: Page) -> tuple[int, int, float]:
    """Flags, keys that were pressed, and seconds from the first to the tick beside the copy."""
    flags = page.locator("#aandacht li")
    there, keys, begun = flags.count(), 0, time.monotonic()
    while left := flags.count():
        page.keyboard.press("n")
        missed = page.evaluate("document.activeElement.closest('[data-missed]') !== null")
        page.keyboard.press("Delete" if missed else "Enter")
        keys += 2
        page.wait_for_function("left => document.querySelectorAll('#aandacht li').length < left", arg=left)
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Kopieer alles").wait_for()
    page.wait_for_load_state()  # what a person sees is there when its scripts are
    page.keyboard.press("a")
    page.locator("[data-copied].fresh").first.wait_for()
    return there, keys + 2, time.monotonic() - begun


def weigh(browser: Browser, address: str, access: Access, consult: UUID, name: str, times: int) -> None:
    """Prints bytes over the line, the milliseconds of the server and of the first paint; each visit is a first one."""
    weights, paints, waits = [], [], []
    for _ in range(times):
        page = opened(browser, address, access, consult)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.send("Network.clearBrowserCache")
        devtools.send("Network.emulateNetworkConditions", SLOW)
        kinds: dict[str, str] = {}
        sizes: dict[str, float] = {}

        def came(event: dict[str, Any], kinds: dict[str, str] = kinds) -> None:
            kinds[event["requestId"]] = event["type"]

        def done(event: dict[str, Any], sizes: dict[str, float] = sizes) -> None:
            sizes[event["requestId"]] = event["encodedDataLength"]

        devtools.on("Network.responseReceived", came)
        devtools.on("Network.loadingFinished", done)
        page.goto(f"{address}/consult/{consult}", wait_until="networkidle")
        weights.append(sum(size for number, size in sizes.items() if kinds.get(number) != "Media") / 1000)
        paints.append(page.evaluate(PAINT))
        timing = "(({responseStart, requestStart}) => responseStart - requestStart)"
        waits.append(page.evaluate(f"{timing}(performance.getEntriesByType('navigation')[0])") - SLOW["latency"])
        page.context.close()
    print(
        f"{name}: {statistics.median(weights):.0f} kB, first paint {statistics.median(paints):.0f} ms "
        f"(worst {max(paints):.0f}), server {statistics.median(waits):.0f} ms"
    )


if __name__ == "__main__":
    main()
