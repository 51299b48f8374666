"""Practising the checking, in a real browser. The docstring is the story."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.functional.conftest import service_on_fakes
from tests.functional.test_browser_accessible import EXAMINE, TAGS, axe_script
from tests.functional.test_browser_story import SETTLED_MS, WORKSTATION, confirm_all
from tests.unit.test_exercise import TALK
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Mistake
from transcribe.testing import ScriptedTranscriber

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


def examined(page: Page) -> None:
    page.evaluate(axe_script())
    assert page.evaluate(EXAMINE, [TAGS, None]) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_doctor_practises_on_a_draft_with_errors(chromium: Browser) -> None:
    """Dr. Demo wants to know how well she checks. One button starts an exercise; the draft says all the time that it
    holds errors, and lets nothing be copied. One error she sees and takes the line out; the others she lets stand. At
    her signature she sees which she found, which she missed, and what was said; the worklist counts it.
    """
    with service_on_fakes(
        transcriber=ScriptedTranscriber(TALK), drafter=ExtractiveDrafter(), exercises=True
    ) as service:
        context = chromium.new_context(viewport=WORKSTATION)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(service.start())
        page.get_by_role("button", name="Begin een oefening").click()
        page.get_by_text("Oefening: in dit concept zitten fouten.").wait_for()
        examined(page)

        consult_id = UUID(page.url.rpartition("/")[2])
        planted = service.workflow.review(service.actor, consult_id, first=False).note.planted
        found = next(one.wrong for one in planted if one.wrong and one.kind is not Mistake.LEFT_OUT)
        page.locator("#kopie").focus()
        page.keyboard.press("Control+A")
        page.keyboard.press("Control+C")
        page.get_by_text("Dit is een oefening met fouten erin.").wait_for()

        page.wait_for_timeout(SETTLED_MS)
        line = page.locator(f"#regel-{found.id}")
        line.get_by_role("button", name="Verwijder").click()
        line.wait_for(state="detached")
        assert page.get_by_text("Oefening: in dit concept zitten fouten.").is_visible()
        confirm_all(page)
        page.get_by_role("button", name="Akkoord").click()

        page.get_by_role("heading", name="U vond").wait_for()
        assert page.locator("[data-caught=ja]").count() == 1
        assert page.locator("[data-caught=nee]").count() == len(planted) - 1
        page.locator("[data-caught=ja]").get_by_text(found.text).first.wait_for()
        assert page.get_by_role("button", name="Kopieer").count() == 0
        examined(page)

        page.get_by_role("link", name="Naar de werklijst").click()
        page.get_by_text("1 keer geoefend").wait_for()
        page.get_by_text("Oefening klaar").wait_for()
        examined(page)
        context.close()
