"""Story: a patient asks the GP who has seen what. The GP opens the access log, makes the overview and prints it; that
she did is the newest line of the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.functional.conftest import LiveServer
from tests.functional.test_browser_accessible import TAGS, axe_script
from tests.functional.test_browser_story import drafted, open_page  # noqa: F401  (a fixture)
from tests.microphone import PHONE, WORKSTATION

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def problems(page: Page) -> list[str]:
    """What axe-core finds, on both sizes and in both colours; and whether it is wider than the screen."""
    page.evaluate(axe_script())
    found = []
    for size, scheme in ((WORKSTATION, "light"), (PHONE, "dark"), (PHONE, "light"), (WORKSTATION, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        result = page.evaluate("tags => axe.run({runOnly: tags})", TAGS)
        found += [f"{one['id']}: {one['nodes'][0]['html']}" for one in result["violations"]]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"wider than {size['width']}")
    page.set_viewport_size(WORKSTATION)
    return found


def test_a_gp_tells_a_patient_who_saw_what(
    live_server: LiveServer,
    open_page: Callable[..., Page],  # noqa: F811
) -> None:
    consult_id = drafted(live_server)
    reference = live_server.workflow.consult(consult_id).patient_ref
    page = open_page(f"/consult/{consult_id}")
    page.get_by_role("link", name="Toegangslog").click()
    page.get_by_role("heading", name="Toegangslog", exact=True).wait_for()
    newest = page.locator(".log tbody tr").first
    assert "toegangslog bekeken" in newest.inner_text()
    assert problems(page) == []
    page.get_by_label("Handeling").select_option("verslag bekeken")
    page.get_by_role("button", name="Zoek").click()
    page.locator(".log tbody tr").first.get_by_text("verslag bekeken").wait_for()
    assert page.locator(".log tbody tr").count() == 1

    page.get_by_label("Patiëntkenmerk").fill(reference)
    page.get_by_role("button", name="Maak overzicht").click()
    page.get_by_role("heading", name="Wie zag wat, en wanneer").wait_for()
    page.get_by_text("las het verslag").wait_for()
    assert reference not in page.url
    assert problems(page) == []
    page.emulate_media(media="print")
    assert page.get_by_text("las het verslag").is_visible()
    assert not page.get_by_role("link", name="Werklijst").is_visible()
    page.emulate_media(media="screen")

    page.get_by_role("link", name="Terug naar het toegangslog").click()
    page.get_by_role("heading", name="Toegangslog", exact=True).wait_for()
    newest, before = page.locator(".log tbody tr").all_inner_texts()[:2]
    assert ("toegangslog bekeken" in newest, "overzicht voor patiënt gemaakt" in before) == (True, True)
