"""Consent as it is asked in a consulting room. Each docstring is the story."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from consent import AgeClass, Consent, GivenBy, Relation, Texts
from tests.functional.conftest import LiveServer, service_on_fakes
from transcribe.consult import Search, Status
from transcribe.web.pages import PRACTICE_ZONE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WORKSTATION = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
OWN = """---
id: folder-lindelaan-2027-01
version: 2027-01
language: nl
kind: folder
---
# Opnemen in praktijk De Lindelaan

Wij nemen uw gesprek op. U mag nee zeggen. U mag later stoppen. De opname wordt vernietigd.
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A practice with a leaflet of its own."""
    folder: Path = tmp_path_factory.mktemp("teksten")
    (folder / "folder-lindelaan-2027-01.md").write_text(OWN)
    with service_on_fakes(texts=Texts(folder)) as server:
        yield server


@pytest.fixture
def open_page(house: LiveServer, chromium: Browser) -> Iterator[Callable[..., Page]]:
    problems: list[str] = []
    contexts = []

    def opened(path: str = "/consult/nieuw", *, size: dict[str, int] = WORKSTATION) -> Page:
        context = chromium.new_context(viewport=size)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        # the browser itself logs what the server refuses, htmx what a busy machine answers late: part of some stories
        page.on(
            "console",
            lambda said: (
                problems.append(said.text)
                if said.type == "error" and not re.search("Failed to |timeout", said.text)
                else None
            ),
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(house.start())
        page.goto(house.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def recorded(house: LiveServer, ref: str) -> Consent:
    (consult,) = house.workflow.search(Search(patient_ref=ref))
    consent = house.workflow.consent(consult.id)
    assert consent is not None
    return consent


@pytest.mark.parametrize("size", [WORKSTATION, PHONE], ids=["workstation", "phone"])
def test_the_common_case_is_two_actions(
    house: LiveServer, open_page: Callable[..., Page], size: dict[str, int]
) -> None:
    """Dr. Demo types the reference, says the words, and presses the button: nothing else is open, nothing scrolls."""
    page = open_page(size=size)
    ref = f"HIS-{size['width']}"
    yes = page.get_by_role("button", name="Ja, patiënt gaat akkoord")
    if size is WORKSTATION:
        box = yes.bounding_box()
        assert box
        assert box["y"] + box["height"] < size["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.get_by_label("Patiëntkenmerk").fill(ref)
    yes.click()
    page.get_by_role("button", name="Start opname").wait_for()
    consent = recorded(house, ref)
    assert (consent.age, consent.given_by) == (AgeClass.FROM_16, GivenBy.PATIENT)


def test_a_fourteen_year_old_with_a_mother(house: LiveServer, open_page: Callable[..., Page]) -> None:
    """Sara turned fourteen and came with her mother. Dr. Demo types the date of birth; the page knows what it means,
    and the record holds both of them and no date.
    """
    born = datetime.now(PRACTICE_ZONE).date()
    born = born.replace(year=born.year - 14, day=min(born.day, 28))
    page = open_page()
    page.get_by_label("Patiëntkenmerk").fill("HIS-14")
    page.get_by_text("Anders dan gewoon").click()
    assert not page.get_by_label("De ander is").is_visible()
    page.get_by_label("of de geboortedatum").fill(born.isoformat())
    page.get_by_label("of de geboortedatum").dispatch_event("change")
    assert page.get_by_label("Leeftijd van de patiënt").input_value() == "12-15"
    assert page.get_by_label("Toestemming van").input_value() == "patiënt en ouder of voogd"
    page.get_by_label("De ander is").select_option("ouder")
    page.get_by_label("Er zijn anderen").check()
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    page.get_by_role("alert").get_by_text("Iedereen in de kamer").wait_for()
    page.get_by_label("Zij weten dat").check()
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    page.get_by_role("button", name="Start opname").wait_for()
    consent = recorded(house, "HIS-14")
    assert (consent.age, consent.given_by) == (AgeClass.FROM_12_TO_15, GivenBy.PATIENT_AND_PARENT)
    assert consent.relation is Relation.PARENT
    page.get_by_text("Toestemming gegeven").click()
    page.get_by_text("patiënt en ouder of voogd (ouder)").wait_for()
    assert born.isoformat() not in repr(consent) + page.content()


def test_a_fourteen_year_old_alone(house: LiveServer, open_page: Callable[..., Page]) -> None:
    """Daan wants nobody at home to know. That takes an exception, and the page asks which."""
    page = open_page(size=PHONE)
    page.get_by_label("Patiëntkenmerk").fill("HIS-15")
    page.get_by_text("Anders dan gewoon").click()
    page.get_by_label("Leeftijd van de patiënt").select_option("12-15")
    assert not page.get_by_label("Zonder ouder of voogd, omdat").is_visible()
    page.get_by_label("Toestemming van").select_option("patiënt")
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    page.get_by_role("alert").get_by_text("kies dan de uitzondering").wait_for()
    page.get_by_label("Zonder ouder of voogd, omdat").select_option("weloverwogen wens van de patiënt")
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    page.get_by_role("button", name="Start opname").wait_for()
    assert recorded(house, "HIS-15").exception == "weloverwogen wens van de patiënt"


def test_somebody_who_cannot_decide_has_a_mentor(house: LiveServer, open_page: Callable[..., Page]) -> None:
    """Mrs. Vos has dementia; her son is her mentor. Dr. Demo says so once, and the page follows."""
    page = open_page()
    page.get_by_label("Patiëntkenmerk").fill("HIS-81")
    page.get_by_text("Anders dan gewoon").click()
    page.get_by_label("Kan de patiënt dit zelf beslissen?").select_option("nee")
    assert page.get_by_label("Toestemming van").input_value() == "wettelijk vertegenwoordiger"
    page.get_by_label("De ander is").select_option("mentor")
    assert page.get_by_label("Beoordeeld door").input_value() == "Demo-huisarts (huisarts)"
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    page.get_by_role("button", name="Start opname").wait_for()
    consent = recorded(house, "HIS-81")
    assert consent.relation is Relation.MENTOR
    assert consent.capacity
    assert not consent.capacity.capable


def test_a_refusal_takes_one_press_and_asks_nothing(house: LiveServer, open_page: Callable[..., Page]) -> None:
    """Mr. Blok says no. The consult goes on without a recording; nobody asks him why."""
    page = open_page()
    page.get_by_label("Patiëntkenmerk").fill("HIS-NEE")
    page.get_by_role("button", name="Patiënt weigert").click()
    page.get_by_text("De weigering is vastgelegd").wait_for()
    assert house.workflow.search(Search(patient_ref="HIS-NEE"))[0].status is Status.REFUSED


def test_the_record_is_taken_along(house: LiveServer, open_page: Callable[..., Page]) -> None:
    """The privacy officer wants to see it: one press gives the record as FHIR."""
    page = open_page()
    page.get_by_label("Patiëntkenmerk").fill("HIS-FHIR")
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    page.get_by_role("button", name="Start opname").wait_for()
    page.get_by_text("Toestemming gegeven").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download als FHIR").click()
    record = json.loads(Path(waiting.value.path()).read_text())
    assert (record["resourceType"], record["status"]) == ("Consent", "active")


def pdf_pages(pdf: bytes) -> list[tuple[int, int]]:
    """Width and height of each page in millimetres."""
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    return [(round(float(width) / 72 * 25.4), round(float(height) / 72 * 25.4)) for width, height in boxes]


def test_the_practices_own_leaflet_is_printed(house: LiveServer, open_page: Callable[..., Page]) -> None:
    """The practice wrote a leaflet of its own. It is the one that the form offers; it comes out on A5."""
    page = open_page()
    with page.context.expect_page() as waiting:
        page.get_by_role("link", name="Folder", exact=True).click()
    leaflet = waiting.value
    leaflet.get_by_role("heading", name="Opnemen in praktijk De Lindelaan").wait_for()
    leaflet.get_by_role("button", name="Print").wait_for()
    assert pdf_pages(leaflet.pdf(prefer_css_page_size=True)) == [(148, 210)]
    page.goto(f"{house.url}/toestemming/teksten")
    page.get_by_text("van uw praktijk").wait_for()


def test_our_leaflet_and_slide_fit_their_paper(open_page: Callable[..., Page]) -> None:
    """A leaflet is at most both sides of one A5; a slide is one page of 16:9."""
    for language in ("nl", "en"):
        page = open_page(f"/toestemming/tekst/folder-{language}-2026-11")
        sheets = pdf_pages(page.pdf(prefer_css_page_size=True))
        assert set(sheets) == {(148, 210)}
        assert len(sheets) <= 2
        page = open_page(f"/toestemming/tekst/wachtkamer-{language}-2026-11")
        ((width, height),) = pdf_pages(page.pdf(prefer_css_page_size=True))
        assert width / height == pytest.approx(16 / 9, abs=0.01)
