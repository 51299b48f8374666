"""A video consult, in a real browser. Each docstring is the story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from consent import How, current_text, grant
from tests.functional.conftest import LiveServer, service_on_fakes
from tests.functional.test_browser_accessible import EXAMINE, TAGS, axe_script
from tests.functional.test_browser_story import PHONE, WORKSTATION, confirm_all, drafted
from transcribe.contact import Contact, ContactType
from transcribe.video import Connection, Video

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

USUAL = (
    "Videoconsult via WeSeeDo; verbinding goed; identiteit gecontroleerd (geboortedatum); "
    "kon vrijuit spreken; beperkingen besproken."
)


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with service_on_fakes() as found:
        yield found


def examined(page: Page) -> None:
    """Nothing that axe finds wrong, in either colours, on the workstation and on a phone; nothing sticks out."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe_script())
    for scheme, size in (("light", PHONE), ("dark", WORKSTATION)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        assert page.evaluate(EXAMINE, [TAGS, None]) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def consult_of(server: LiveServer) -> UUID:
    """A video consult, with the consent of the patient."""
    words = current_text()
    consult = server.workflow.create(server.actor, "HIS-2024-1187", contact=Contact(kind=ContactType.VIDEO))
    given = grant(
        how=How.SPOKEN,
        informed_by="Demo-huisarts",
        text_id=words.id,
        text_sha256=words.sha256,
        others_informed=True,
        now=datetime.now(UTC),
    )
    server.workflow.record_consent(server.actor, consult.id, given)
    return consult.id


def page_of(chromium: Browser, server: LiveServer, path: str) -> Page:
    context = chromium.new_context(viewport=WORKSTATION, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(server.start(path))
    page.wait_for_load_state()
    return page


def test_from_the_list_of_the_practice_to_the_first_line_of_the_note(chromium: Browser, server: LiveServer) -> None:
    """Dr. Demo sets which app her practice uses. She begins a video consult, checks who is on the screen, and records
    with one click that all is in order. The note opens with it: she signs and copies it as it stands. The link beside
    that line shows where it comes from.
    """
    page = page_of(chromium, server, "/stijl")
    page.get_by_role("group", name="Apps van de praktijk").get_by_label("Zaurus").uncheck()
    page.get_by_label("App van “Alles in orde”").select_option("WeSeeDo")
    page.locator("form[action='/stijl/video']").get_by_role("button", name="Bewaar").click()
    page.wait_for_function("document.querySelector('#vooraf option[selected]')?.textContent === 'WeSeeDo'")
    examined(page)

    page.goto(f"{server.url}/consult/nieuw")
    page.get_by_label("Patiëntkenmerk").fill("HIS-2024-1187")
    page.get_by_label("Soort contact").select_option("videoconsult")
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    block = page.get_by_label("Videogegevens", exact=True)
    block.get_by_text(f"legt vast: {USUAL}").wait_for()
    page.wait_for_load_state()
    block.get_by_role("button", name="Alles in orde").click()
    block.get_by_role("status").get_by_text(USUAL).wait_for()
    page.wait_for_function("document.activeElement.matches('#video-wijzigen summary')")  # not at the top of the page
    examined(page)

    page.set_viewport_size(WORKSTATION)
    page.get_by_text("Of upload een opname").click()
    page.get_by_label("Opname", exact=True).set_input_files(server.recording)
    page.get_by_role("button", name="Uploaden").click()
    first = page.locator(".line-recorded")
    first.get_by_text(USUAL).wait_for()
    page.wait_for_load_state()
    first.get_by_role("link", name="videogegevens").click()
    page.get_by_label("Verbinding").wait_for()  # open, and to be changed
    confirm_all(page)
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Kopieer alles").wait_for()
    assert page.locator("#kopie").inner_text().startswith(f"S: {USUAL}")
    page.context.close()


def test_an_app_of_the_patients_own_and_a_medicine(chromium: Browser, server: LiveServer) -> None:
    """The app failed and they went on in another one. The plan names a medicine and nobody recorded who was on the
    screen: the page says so quietly. Dr. Demo fills in the app; without a reason it is not taken. She wants to sign
    before she has saved: the page says that, and loses nothing. Confirming a line meanwhile loses nothing either.
    """
    consult = drafted(server)
    version = server.workflow.consult(consult).version
    server.workflow.change_contact(server.actor, consult, version, Contact(kind=ContactType.VIDEO))
    page = page_of(chromium, server, f"/consult/{consult}")
    page.get_by_text("Identiteit niet vastgelegd").wait_for()
    examined(page)
    page.set_viewport_size(WORKSTATION)
    page.locator(".part-note a").click()
    page.get_by_label("Identiteit gecontroleerd").select_option("bekende patiënt")
    assert not page.get_by_label("Waarom deze app").is_visible()
    page.get_by_label("App", exact=True).select_option("anders")
    page.get_by_label("Welke app").fill("Zoom")
    examined(page)
    page.set_viewport_size(WORKSTATION)
    page.locator("#video-form").get_by_role("button", name="Bewaar").click()
    page.get_by_text("Vul in waarom deze app is gebruikt").wait_for()
    page.get_by_label("Waarom deze app").fill("WeSeeDo lag eruit")
    confirm_all(page)
    assert page.get_by_label("Welke app").input_value() == "Zoom"
    assert page.get_by_label("Identiteit gecontroleerd").input_value() == "bekende patiënt"
    page.locator("h2").first.focus()
    page.locator("#akkoord").click()
    page.get_by_text("Er is iets ingevuld dat nog niet bewaard is").wait_for()
    assert page.get_by_label("Waarom deze app").input_value() == "WeSeeDo lag eruit"
    page.get_by_label("Waarom deze app").press("Enter")
    line = "Videoconsult via Zoom; identiteit gecontroleerd (bekende patiënt); reden van deze app: WeSeeDo lag eruit."
    page.locator(".line-recorded").get_by_text(line).wait_for()
    assert page.get_by_text("Identiteit niet vastgelegd").count() == 0
    page.locator("#akkoord").click()
    page.get_by_role("button", name="Kopieer alles").wait_for()
    assert page.locator("#kopie").inner_text().startswith(f"S: {line}")
    page.context.close()


def test_leaving_with_something_that_is_not_saved_asks_and_sends_nothing(chromium: Browser, server: LiveServer) -> None:
    """Dr. Demo fills in an app of the patient's own, folds the panel away and goes on to the next page: the browser
    asks. She stays, sees what it is about, and saves; the reason is asked, and nothing she filled in is lost. Later she
    changes something and leaves all the same: that is not recorded. A page where nothing was filled in asks nothing.
    """
    consult = consult_of(server)
    page = page_of(chromium, server, f"/consult/{consult}")
    asked: list[str] = []
    staying = True
    page.on("dialog", lambda one: (asked.append(one.type), one.dismiss() if staying else one.accept()))
    page.get_by_text("Zelf invullen").click()
    page.get_by_label("App", exact=True).select_option("anders")
    page.get_by_label("Welke app").fill("Zoom")
    page.get_by_label("Verbinding").select_option("slecht")
    page.get_by_text("Zelf invullen").click()
    page.get_by_label("Verbinding").wait_for(state="hidden")
    page.get_by_role("link", name="Werklijst").click(no_wait_after=True)
    page.get_by_label("Verbinding").wait_for()
    assert asked == ["beforeunload"]
    assert server.workflow.recorded_video(consult) == (0, Video())
    save = page.locator("#video-form").get_by_role("button", name="Bewaar")
    save.click()
    page.get_by_text("Vul in waarom deze app is gebruikt").wait_for()
    page.get_by_label("Waarom deze app").fill("WeSeeDo lag eruit")
    save.click()
    page.get_by_text("Videoconsult via Zoom; verbinding slecht; reden van deze app: WeSeeDo lag eruit.").wait_for()
    kept = (1, Video(app="Zoom", connection=Connection.POOR, reason="WeSeeDo lag eruit"))
    assert server.workflow.recorded_video(consult) == kept

    page.get_by_text("Videogegevens wijzigen").click()
    page.get_by_label("Patiënt kon vrijuit spreken").check()
    staying = False
    page.get_by_role("link", name="Werklijst").click()
    page.get_by_role("heading", name="Werklijst").wait_for()
    assert asked == ["beforeunload"] * 2
    page.goto(f"{server.url}/consult/{consult}")
    page.get_by_text("Videogegevens wijzigen").click()
    assert not page.get_by_label("Patiënt kon vrijuit spreken").is_checked()
    page.get_by_role("link", name="Werklijst").click()
    page.get_by_role("heading", name="Werklijst").wait_for()
    assert asked == ["beforeunload"] * 2
    assert server.workflow.recorded_video(consult) == kept
    page.context.close()
