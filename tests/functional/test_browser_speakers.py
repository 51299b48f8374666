"""Saying who is who in a talk on one channel, in a real browser. Each docstring is the story."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.functional.conftest import LiveServer, service_on_fakes
from tests.functional.test_browser_story import SETTLED_MS, WORKSTATION, drafted
from tests.unit.test_naming import VOICES, wrong_way_round
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.testing import ScriptedTranscriber

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture
def live_server() -> Iterator[LiveServer]:
    """What was said by the patient was taken for the doctor's, and the other way round."""
    transcriber = ScriptedTranscriber(wrong_way_round(), voices=VOICES)
    with service_on_fakes(transcriber=transcriber, drafter=ExtractiveDrafter()) as server:
        yield server


@pytest.fixture
def page(live_server: LiveServer, chromium: Browser) -> Iterator[Page]:
    """Of such a draft; at the end it may have had no error."""
    problems: list[str] = []
    context = chromium.new_context(viewport=WORKSTATION)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(live_server.start(f"/consult/{drafted(live_server)}"))
    yield page
    context.close()
    assert problems == []


GUESSED = "Wie wat zei is afgeleid uit stem en woorden."


def first_speaker(page: Page) -> str:
    return page.locator(".utterance b").first.inner_text()


def test_the_doctor_swaps_who_was_mixed_up(page: Page) -> None:
    """The page says that it was guessed who spoke. Dr. Demo sees her own words beside “Patiënt”, swaps the two, and a
    moment later the sore throat stands at S, and nothing is asked about voices any more.
    """
    page.locator("#aandacht").get_by_text(GUESSED).wait_for()
    assert first_speaker(page) == "Huisarts"
    panel = page.locator("#sprekers")
    panel.get_by_text("Wie is wie?").click()
    assert panel.get_by_label("Stem 1").input_value() == "huisarts"
    panel.get_by_text("Ik heb sinds drie dagen last van keelpijn.").wait_for()
    panel.get_by_text("Het concept wordt daarna opnieuw gemaakt.").wait_for()
    panel.get_by_role("button", name="Wissel huisarts en patiënt").click()
    page.wait_for_function("() => document.querySelector('.utterance b')?.textContent === 'Patiënt'")
    assert "keelpijn" in page.get_by_role("group", name="Subjectief").inner_text()
    assert page.get_by_text(GUESSED).count() == 0
    panel.get_by_text("Wie is wie?").click()
    assert page.get_by_label("Stem 1").input_value() == "patient"


def test_what_the_doctor_wrote_stays_when_she_says_so(page: Page) -> None:
    """Dr. Demo has worked on the note before she sees that the voices are mixed up. The page asks what is to happen to
    it, and does nothing before she has said so. She keeps it; the conversation beside it is right now.
    """
    page.wait_for_load_state()
    page.get_by_label("Regel toevoegen bij Plan").click()
    page.get_by_role("textbox", name="Nieuwe regel bij Plan").fill("Bellen over de kweek.")
    page.keyboard.press("Enter")
    page.locator(".line-text", has_text="Bellen over de kweek.").wait_for()
    page.wait_for_timeout(SETTLED_MS)
    panel = page.locator("#sprekers")
    panel.get_by_text("Wie is wie?").click()
    panel.get_by_label("Stem 1").select_option(label="Patiënt")
    panel.get_by_label("Stem 2").select_option(label="Huisarts")
    panel.get_by_role("button", name="Bewaar").click()
    assert panel.get_by_label("Laat het verslag zoals het is").evaluate("one => !one.validity.valid")
    assert first_speaker(page) == "Huisarts"
    panel.get_by_label("Laat het verslag zoals het is").check()
    panel.get_by_role("button", name="Bewaar").click()
    page.wait_for_function("() => document.querySelector('.utterance b')?.textContent === 'Patiënt'")
    page.locator(".line-text", has_text="Bellen over de kweek.").wait_for()
    assert page.get_by_text(GUESSED).count() == 0
