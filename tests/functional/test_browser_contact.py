"""The contact beside the signature, in a real browser. Each docstring is the story."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.functional.conftest import service_on_fakes
from tests.functional.test_browser_story import WORKSTATION, confirm_all, drafted
from transcribe.web.pages import PRACTICE_ZONE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_the_doctor_fills_in_the_time_and_signs(chromium: Browser) -> None:
    """The recording was uploaded, so the contact time is not known. Dr. Demo types it, the wrong way round at first;
    the page says what is wrong and keeps what she typed. Then it proposes the class, she chooses another one, and the
    signed page says both.
    """
    with service_on_fakes() as service:
        context = chromium.new_context(viewport=WORKSTATION)
        page = context.new_page()
        page.set_default_timeout(60_000)
        consult_id = drafted(service)
        now = datetime.now(PRACTICE_ZONE)  # nobody declares a contact of later
        began, ended, wrong = (now - timedelta(minutes=ago) for ago in (53, 33, 20))
        page.goto(service.start(f"/consult/{consult_id}"))
        contact = page.get_by_label("Contacttijd en tarief")
        contact.get_by_text("Contacttijd niet bekend").wait_for()
        contact.get_by_text("Contact wijzigen").click()
        page.get_by_label("Begin").fill(f"{wrong:%H:%M}")
        page.get_by_label("Einde").fill(f"{ended:%H%M}")
        page.keyboard.press("Enter")
        page.get_by_text("Het einde van het contact ligt voor het begin").wait_for()
        assert page.get_by_label("Begin").input_value() == f"{wrong:%H:%M}"
        page.get_by_label("Begin").fill(f"{began:%H:%M}")
        contact.get_by_role("button", name="Bewaar").click()
        proposed = f"Contact {began:%H:%M}–{ended:%H:%M} (20 min): voorstel consult van 20 minuten of langer"
        contact.get_by_text(proposed).wait_for()
        if not page.get_by_label("Tarief", exact=True).is_visible():
            contact.get_by_text("Contact wijzigen").click()
        page.get_by_label("Tarief", exact=True).select_option(label="consult van 5 tot 20 minuten")
        contact.get_by_role("button", name="Bewaar").click()
        chosen = "gekozen: consult van 5 tot 20 minuten (voorstel consult van 20 minuten of langer)"
        contact.get_by_text(chosen).wait_for()
        confirm_all(page)
        page.keyboard.press("Control+Enter")
        page.get_by_role("button", name="Kopieer alles").wait_for()
        page.get_by_text(chosen).wait_for()
        assert page.get_by_text("Contact wijzigen").count() == 0
        context.close()
