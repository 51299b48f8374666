"""A picture of every page, for docs/screenshots and to look at: ``make screenshots`` writes them there."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from uuid import UUID

import pytest
from rich.console import Console

from consent import How
from tests.clinic import PASSWORD, Clinic
from tests.functional.conftest import DEMO_CONSULTS, TWO_PROBLEMS, on_a_socket
from tests.functional.test_browser_story import SETTLED_MS, confirm_all
from tests.integration.test_web import api_routes
from tests.microphone import RATE, WORKSTATION, chromium_program, fake_microphone, write_wav
from tests.pictures import Album
from transcribe.accounts import code_at
from transcribe.app import Service, access_key, actor_of, make_web, open_service
from transcribe.asr.transcript import Speaker
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import Pcm
from transcribe.consult import Reason
from transcribe.demo import play_consult
from transcribe.oidc import Proof
from transcribe.run import consent_given
from transcribe.serving import workers
from transcribe.settings import Settings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Section
from transcribe.store.folders import throwaway_data_dir
from transcribe.testing import ScriptedTranscriber, scripted_service
from transcribe.web.access import Access
from transcribe.web.media import wav_header
from transcribe.web.rights import name_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from playwright.sync_api import Browser, Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
CONSULT = DEMO_CONSULTS / "keelpijn.ogg"
SPOKEN_WITH = "P-2041"
#: Addresses to look at that are no page: sound, data, parts of a page, and what leads elsewhere at once.
NO_PAGE = {
    "batch.empty_list", "consenting.download", "elsewhere.there", "entry.live", "entry.session", "entry.start",
    "entry.static", "ingest.client_key", "ingest.growing", "ingest.standing", "media.audio", "media.outline",
    "review.codes", "routes.progress", "routes.refreshed_list", "routes.standing", "watch.metrics", "watch.ready",
    "trying.page_before",  # the same page as "trying.page"
}  # fmt: skip
MAIN = ("workstation", "dark", "phone")


@pytest.fixture(scope="module")
def album(request: pytest.FixtureRequest) -> Iterator[Album]:
    """In docs/screenshots when that is asked for."""
    album = Album(SCREENSHOTS if request.config.getoption("--screenshots") else None)
    with album.watching():
        yield album


@dataclass
class Camera:
    """One page of one app."""

    album: Album
    app: FastAPI
    base: str
    page: Page

    def take(self, name: str, title: str, *looks: str) -> None:
        self.album.take(self.page, api_routes(self.app), name, title, *looks)

    def go(self, path: str) -> Page:
        self.page.goto(self.base + path)
        self.page.wait_for_load_state()
        return self.page

    def held(self, path: str) -> None:
        """A page that leads on by itself: it stands still."""

        def still(route: Route) -> None:
            answer = route.fetch()
            route.fulfill(response=answer, body=re.sub('<meta http-equiv="refresh"[^>]*>', "", answer.text()))

        self.page.route(self.base + path, still)
        self.go(path)
        self.page.unroute(self.base + path)


@pytest.fixture
def camera(album: Album, tmp_path: Path) -> Iterator[Callable[[FastAPI, str], Camera]]:
    """A page in a browser whose microphone hears a bundled consult."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra dev installs playwright")
    with sync_api.sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(
            executable_path=chromium_program(), args=[*fake_microphone(one_microphone(tmp_path)), "--lang=nl"]
        )

        def opened(app: FastAPI, base: str) -> Camera:
            context = browser.new_context(viewport=WORKSTATION, reduced_motion="reduce", locale="nl-NL")  # type: ignore[arg-type]
            page = context.new_page()
            page.set_default_timeout(60_000)
            return Camera(album, app, base, page)

        yield opened
        browser.close()


def one_microphone(folder: Path) -> Path:
    """The bundled consult as one microphone in the room hears it."""
    with PyAvDecoder().decode(io.BytesIO(CONSULT.read_bytes()), max_s=900) as decoding:
        recording = Pcm(io.BytesIO(b"".join(decoding)), channels=decoding.channels)
    voices = [recording.read(0, recording.duration_s, channel) for channel in range(recording.channels)]
    return write_wav(folder / "consult.wav", sum(voices[1:], voices[0]) / len(voices), RATE)


def test_a_demonstration(album: Album, camera: Callable[[FastAPI, str], Camera]) -> None:
    with demonstration() as (service, app, base, access):
        consults(camera(app, base), service, access)
    album.done.add("demonstration")


def test_a_practice(album: Album, camera: Callable[[FastAPI, str], Camera]) -> None:
    clinic = practice()
    with on_a_socket(clinic.app) as base:
        people(camera(clinic.app, base), clinic, camera)
    album.done.add("practice")


def test_every_page_has_its_picture(request: pytest.FixtureRequest, album: Album) -> None:
    """By its routes and its templates: one that is added without a picture fails. None is wider than its screen."""
    if album.done != {"demonstration", "practice"}:
        pytest.skip("the two tests before this one take the pictures")
    contents = SCREENSHOTS / "README.md"
    if request.config.getoption("--screenshots"):
        contents.write_text(album.contents(), encoding="utf-8")
        for old in SCREENSHOTS.glob("*.png"):
            if old.name not in album.names:
                old.unlink()
    looked_at = {name_of(route.endpoint) for route in api_routes(practice().app) if "GET" in route.methods}
    assert looked_at - album.routes == NO_PAGE
    assert album.templates == whole_pages()
    assert album.sticking_out == []
    assert {path.name for path in SCREENSHOTS.glob("*.png")} == album.names, "make screenshots"
    assert contents.read_text(encoding="utf-8") == album.contents(), "make screenshots"


def whole_pages() -> set[str]:
    """Templates that are a page of their own."""
    folder = SCREENSHOTS.parents[1] / "transcribe" / "web" / "templates"
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}
    return {name for name, text in texts.items() if text.startswith(('{% extends "base', "<!doctype"))} - {"base.html"}


# --- consults ------------------------------------------------------------------------------------------------------


@contextmanager
def demonstration() -> Iterator[tuple[Service, FastAPI, str, Access]]:
    """As ``make demo`` shows it: PostgreSQL, the demo model, workers; with ICPC codes."""
    with throwaway_data_dir() as folder:
        settings = Settings.from_env(data_dir=folder, demo=True, icpc=True)
        with open_service(settings) as service, workers(settings, service.database_url):
            access = Access(access_key(folder))
            app = make_web(service, access)
            with on_a_socket(app) as base:
                yield service, app, base, access


def consults(camera: Camera, service: Service, access: Access) -> None:
    """Of a demonstration: from consent to what was destroyed."""
    page, workflow, actor = camera.page, service.workflow, actor_of(service.settings)
    camera.go("/login")
    camera.take("login-demo", "log-in of a demonstration")
    page.goto(f"{camera.base}/start?ticket={access.ticket()}")
    camera.take("worklist-empty", "worklist, the first time")

    consult = play_consult(workflow, actor, CONSULT, Console(quiet=True))
    workflow.add_line(actor, consult, workflow.consult(consult).version, Section.P, "Controle over 2 weken.")
    camera.go(f"/consult/{consult}")
    page.keyboard.press("j")
    camera.take("review", "review: the note left, the conversation right", *MAIN, "tablet", "phone, dark")
    page.locator("#toetsen > summary").click()
    camera.take("review-keys", "review: what the keys do")
    page.keyboard.press("Escape")
    page.locator("#overdragen > summary").click()
    camera.take("review-passing-on", "review: passing it on to a colleague", "workstation", "phone")
    page.keyboard.press("Escape")
    changed_by_two(camera, service, consult)

    camera.go("/consult/nieuw")
    camera.take("consent", "a new consult: consent", *MAIN)
    page.locator("#anders > summary").click()
    page.locator("#leeftijd").select_option("12-15")
    camera.take("consent-child", "consent of a child of 12 to 15")
    spoken = recorded(camera)
    page.locator("#review").wait_for(timeout=180_000)  # the page turns into it by itself
    page.wait_for_load_state()
    page.locator("#sprekers > summary").click()
    camera.take("review-voices", "review: who is who, of one microphone", "workstation", "phone")

    stopped = silence(service)
    camera.go(f"/consult/{stopped}")
    camera.take("stopped", "a recording without speech", "workstation", "phone")
    camera.go("/")
    camera.take("worklist", "worklist", *MAIN)
    page.locator("[name=kenmerk]").fill(SPOKEN_WITH)
    page.keyboard.press("Enter")
    page.wait_for_url("**/zoeken/*")
    camera.take("search", "what was found")

    signed(camera, consult)
    exercise(camera, service)
    camera.go(f"/consult/{spoken}")
    page.locator("#intrekken > summary").click()
    page.get_by_role("button", name="Ja, intrekken en vernietigen").click()
    page.get_by_role("heading", name="Vernietigd").wait_for()
    camera.take("withdrawn", "consent withdrawn", "workstation", "phone")

    camera.go("/stijl")
    page.locator("#gezegd").fill("bloeddruk")
    page.locator("#geschreven").fill("RR")
    page.keyboard.press("Enter")
    page.locator(".rule").wait_for()
    camera.take("style", "style of the practice", "workstation", "phone")
    camera.go("/toestemming/teksten")
    camera.take("consent-texts", "texts about consent")
    camera.go("/toestemming/tekst/folder-nl-2026-11")
    camera.take("leaflet", "leaflet for the patient")
    camera.go("/toestemming/tekst/wachtkamer-nl-2026-11")
    camera.take("slide", "screen of the waiting room")
    page_of_many = camera.go("/opnamen")
    page_of_many.locator("#bestanden").set_input_files(
        [
            {"name": name, "mimeType": "audio/mp4", "buffer": b"-"}
            for name in ("20 november - huisarts.m4a", "20 november - patient.m4a", "videoconsult 2.mp4")
        ]
    )
    page_of_many.locator("[data-row]").nth(1).wait_for()
    camera.take("recordings", "recordings that were made elsewhere", "workstation", "phone")
    page_of_many.locator("[data-remove]").first.click()
    page_of_many.locator("[data-remove]").first.click()
    camera.go("/vernietigd")
    camera.take("erased", "what was destroyed, month by month", "workstation", "phone")
    camera.go("/toegangslog")
    camera.take("access-log", "access log", "workstation", "phone")
    page.get_by_label("Patiëntkenmerk").fill(SPOKEN_WITH)
    page.get_by_role("button", name="Maak overzicht").click()
    page.get_by_role("heading", name="Wie zag wat").wait_for()
    camera.take("patient-log", "who saw what, for a patient", "workstation", "phone")
    camera.go("/bestaat-niet")
    camera.take("not-there", "a page that is not there", "workstation", "phone")


def changed_by_two(camera: Camera, service: Service, consult: UUID) -> None:
    page, workflow, actor = camera.page, service.workflow, actor_of(service.settings)
    line = next(workflow.review(actor, consult, first=False).note.lines())
    page.locator(f"#regel-{line.id} [data-edit]").click()
    page.locator(f"#regel-{line.id} textarea").fill(f"{line.text} Erger bij slikken.")
    workflow.edit_line(actor, consult, workflow.consult(consult).version, line.id, f"{line.text} Vooral 's nachts.")
    page.locator(f"#regel-{line.id} textarea").press("Enter")
    page.locator(".contested").wait_for()
    camera.take("review-conflict", "review: changed by two", "workstation", "phone")
    page.locator(f"#regel-{line.id} [data-cancel]").click()


def recorded(camera: Camera) -> UUID:
    """A consult from consent until its note has begun to grow, and its end."""
    page = camera.go("/consult/nieuw")
    page.locator("#kenmerk").fill(SPOKEN_WITH)
    page.locator("[name=antwoord][value=ja]").click()
    page.locator("[data-do=start]:enabled").wait_for()
    camera.take("recorder", "ready to record", "workstation", "phone")
    page.get_by_role("button", name="Start opname").click()
    page.locator("#groei li").nth(1).wait_for(timeout=90_000)
    camera.take("recording", "recording: the note grows", *MAIN)
    consult = UUID(page.url.rpartition("/")[2])
    page.get_by_role("button", name="Stop en maak verslag").click()
    page.locator("#voortgang, #review").first.wait_for()
    camera.take("written-out", "the recording is written out")
    return consult


def silence(service: Service) -> UUID:
    workflow, actor = service.workflow, actor_of(service.settings)
    consult = workflow.create(actor, "P-2038").id
    workflow.record_consent(actor, consult, consent_given(How.SPOKEN, actor.name, others_informed=True))
    sound = bytes(20 * RATE * 2)
    workflow.receive(actor, consult, [wav_header(len(sound), 1), sound], (Speaker.ONBEKEND,))
    while workflow.consult(consult).reason is not Reason.NO_SPEECH:
        time.sleep(0.2)
    return consult


def signed(camera: Camera, consult: UUID) -> None:
    """From the last flag to the copy, and what a change after that asks."""
    page = camera.go(f"/consult/{consult}")
    confirm_all(page)
    camera.take("review-ready", "review: nothing is asked any more", "workstation", "phone")
    page.get_by_role("button", name="Akkoord").click()
    page.get_by_role("button", name="Kopieer alles").wait_for()
    camera.take("approved", "approved, to be copied", *MAIN)
    page.evaluate("document.querySelector('[data-copy=alles]').submit()")
    page.locator("textarea[readonly]").wait_for()
    camera.take("copy-by-hand", "copied without a script")
    camera.go(f"/consult/{consult}/wijzigen")
    camera.take("after-approval", "a change after approval")


def exercise(camera: Camera, service: Service) -> None:
    page, workflow, actor = camera.page, service.workflow, actor_of(service.settings)
    camera.go("/")
    page.get_by_role("button", name="Begin een oefening").click()
    page.get_by_text("Oefening: in dit concept zitten fouten.").wait_for(timeout=180_000)
    camera.take("exercise", "an exercise: a draft with errors", "workstation", "phone")
    consult = UUID(page.url.rpartition("/")[2])
    planted = workflow.review(actor, consult, first=False).note.planted
    found = next(one.wrong for one in planted if one.wrong)
    page.wait_for_timeout(SETTLED_MS)
    page.locator(f"#regel-{found.id}").get_by_role("button", name="Verwijder").click()
    page.locator(f"#regel-{found.id}").wait_for(state="detached")
    confirm_all(page)
    page.get_by_role("button", name="Akkoord").click()
    page.get_by_role("heading", name="U vond").wait_for()
    camera.take("exercise-outcome", "an exercise: what was found", *MAIN)


# --- people --------------------------------------------------------------------------------------------------------


class Dezi:
    """A provider whose own page is ours; whoever comes back is who was expected."""

    name = "Dezi"

    def begin(self, back: str, page: str) -> tuple[str, str]:
        return urljoin(back, "/login"), page

    def finish(self, cookie: str, params: object, back: str) -> tuple[Proof, str]:
        return Proof(person="900012345"), cookie


def practice() -> Clinic:
    """Nobody has an account yet."""
    service = scripted_service(transcriber=ScriptedTranscriber(TWO_PROBLEMS), drafter=ExtractiveDrafter())
    return Clinic(service, provider=lambda _: Dezi())  # type: ignore[arg-type,return-value]


def people(camera: Camera, clinic: Clinic, another: Callable[[FastAPI, str], Camera]) -> None:
    """Of a practice: the set-up, colleagues, logging in."""
    page = camera.page
    page.goto(f"{camera.base}/start?ticket={clinic.access.ticket()}")
    camera.take("set-up", "the first start", "workstation", "phone")
    page.get_by_label("Naam van de praktijk").fill("Huisartsenpraktijk De Linde")
    page.get_by_label("Uw naam").fill("Dr. A. Jansen")
    page.get_by_label("Gebruikersnaam").fill("a.jansen")
    secret = enrolled(camera, clinic, take=True)
    manage(camera)
    link = page.get_by_label("Link voor W. Neem").input_value()

    other = another(camera.app, camera.base)
    other.page.goto(link)
    other.take("invitation", "an invitation", "workstation", "phone")
    other.page.get_by_role("button", name="Begin").click()
    other.take("password", "a password of one's own", "workstation", "phone")
    enrolled(other, clinic)
    other.page.goto(link)
    other.take("invitation-used", "an invitation that was used")

    camera.go("/account")
    camera.take("account", "one's own account", "workstation", "phone")
    camera.go("/stem")
    page.get_by_label("Ik heb dit gelezen").check()
    camera.take("voice", "a profile of one's own voice", "workstation", "phone")
    camera.go("/account")
    page.get_by_role("link", name="Nieuwe telefoon").click()
    camera.take("new-telephone", "another telephone")
    consult = clinic.drafted("")
    service, jansen = clinic.service, clinic.account("a.jansen").actor
    service.workflow.pass_on(
        jansen, consult, service.workflow.consult(consult).version, "W. Neem", "Graag de dosering nakijken."
    )
    camera.go("/")
    camera.take("worklist-practice", "worklist of a practice", "workstation", "phone")
    other.go("/")
    other.take("worklist-colleague", "worklist of a colleague")
    other.go(f"/consult/{consult}")
    other.take("passed-on", "review: passed on by a colleague", "workstation", "phone")
    closed = clinic.drafted("")
    service.workflow.close(jansen, closed, service.workflow.consult(closed).version)
    other.go(f"/consult/{closed}")
    other.take("closed", "a consult that is closed to colleagues", "workstation", "phone")
    other.go("/testgesprek")
    other.page.locator("[data-do=start]:enabled").wait_for()
    other.take("test-call", "a test call before a consult", "workstation", "phone")
    other.go("/medewerkers")
    other.take("not-for-you", "a page for somebody else")
    other.held("/his")
    other.take("from-his", "from the HIS to a new consult")
    other.go("/his/verlopen")
    other.take("from-his-refused", "a HIS that is refused")

    locked(other, clinic, "w.neem")

    page.get_by_role("button", name="Uitloggen").click()
    page.get_by_role("heading", name="Inloggen").wait_for()
    camera.take("login", "log-in, here or at a provider", *MAIN)
    page.get_by_label("Gebruikersnaam").fill("a.jansen")
    page.get_by_label("Wachtwoord").fill("vier paarden in de wei")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    camera.take("login-refused", "log-in refused")
    page.get_by_label("Gebruikersnaam").fill("a.jansen")
    page.get_by_label("Wachtwoord").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Tweede stap").wait_for()
    camera.take("login-code", "the second step", "workstation", "phone")
    typed(camera, clinic, secret)
    page.get_by_role("heading", name="Werklijst").wait_for()

    other.go("/login/elders")
    other.held("/login/terug")
    other.take("login-elsewhere", "logged in at a provider")


def locked(camera: Camera, clinic: Clinic, login: str) -> None:
    """Sound of a recording comes, and nobody touches the screen for longer than the idle limit."""
    account, before = clinic.account(login), clinic.now
    consult = clinic.recording(account.actor)
    (session,) = clinic.access.of(account)
    clinic.now += timedelta(minutes=30, seconds=-5)
    clinic.access.sounded(session, consult)
    clinic.now += timedelta(seconds=10)
    camera.go("/")
    camera.take("locked", "locked while a recording goes on", *MAIN)
    camera.page.get_by_label("Wachtwoord van").fill(PASSWORD)
    camera.page.keyboard.press("Enter")
    camera.page.wait_for_url(f"{camera.base}/")
    clinic.service.recorder.finish_abandoned()
    clinic.now = before


def enrolled(camera: Camera, clinic: Clinic, *, take: bool = False) -> bytes:
    """From a password to the worklist; the secret of the telephone."""
    page = camera.page
    page.get_by_label("Nieuw wachtwoord", exact=True).fill(PASSWORD)
    page.get_by_label("Nieuw wachtwoord, nog een keer").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Een tweede stap bij het inloggen").wait_for()
    secret = secret_on(page)
    if take:
        camera.take("second-step", "the second step is set up", "workstation", "phone")
    typed(camera, clinic, secret)
    page.get_by_role("heading", name="Bewaar deze herstelcodes").wait_for()
    if take:
        camera.take("recovery-codes", "recovery codes", "workstation", "phone")
    page.get_by_label("Ik heb de herstelcodes bewaard.").check()
    page.get_by_role("button", name="Verder").click()
    page.get_by_role("heading", name="Werklijst").wait_for()
    return secret


def manage(camera: Camera) -> None:
    page = camera.page
    page.get_by_role("link", name="Medewerkers").click()
    page.get_by_label("Naam", exact=True).fill("W. Neem")
    page.get_by_label("Gebruikersnaam").fill("w.neem")
    page.locator("#rol").select_option("waarnemer")
    page.get_by_label("Nummer bij Dezi").last.fill("900012345")
    page.get_by_label("Naam", exact=True).blur()
    page.evaluate("window.scrollTo(0, 0)")
    camera.take("staff", "colleagues", "workstation", "phone")
    page.get_by_role("button", name="Maak een uitnodiging").last.click()
    page.get_by_label("Link voor W. Neem").wait_for()
    camera.take("staff-invited", "colleagues: somebody is invited", "workstation", "phone")


def secret_on(page: Page) -> bytes:
    return base64.b32decode(page.locator(".secret code").inner_text().replace(" ", ""))


def typed(camera: Camera, clinic: Clinic, secret: bytes) -> None:
    """A code of the telephone that was not used before."""
    clinic.now += timedelta(seconds=30)
    camera.page.locator("#code").fill(code_at(secret, int(clinic.now.timestamp()) // 30))
    camera.page.keyboard.press("Enter")
