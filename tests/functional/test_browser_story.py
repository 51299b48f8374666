"""Stories a huisarts would recognise, played in a browser. Each docstring is the story."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from consent import How, current_text, grant
from transcribe.asr.transcript import Speaker
from transcribe.consult import Search, Status

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WORKSTATION = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
#: After a change the page takes no confirmation, removal or taking over for a moment (fresh.js): so long in ms.
SETTLED_MS = 700


@pytest.fixture
def open_page(live_server, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a logged-in page; at the end no page may have had an error or a blocked script or style."""
    problems: list[str] = []
    contexts = []

    def opened(path: str = "/", *, size: dict[str, int] = WORKSTATION, **options: object) -> Page:
        context = chromium.new_context(viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)  # the machine may be busy
        # the browser itself logs answers of 4xx ("Failed to load") and none ("Failed to fetch"): part of some stories
        page.on(
            "console",
            lambda message: (
                problems.append(message.text) if message.type == "error" and "Failed to " not in message.text else None
            ),
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(live_server.start(path))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def draft(live_server) -> UUID:
    """A consult that waits for the doctor."""
    return drafted(live_server)


def drafted(live_server) -> UUID:
    workflow, actor = live_server.workflow, live_server.actor
    consult = workflow.create(actor, "HIS-2024-1187")
    words = current_text()
    given = grant(
        how=How.SPOKEN,
        informed_by="Demo-huisarts",
        text_id=words.id,
        text_sha256=words.sha256,
        others_informed=True,
        now=datetime.now(UTC),
    )
    workflow.record_consent(actor, consult.id, given)
    recording = live_server.recording.read_bytes()
    workflow.receive(actor, consult.id, [recording], (Speaker.HUISARTS, Speaker.PATIENT))
    # the worker of the service may have it already
    while workflow.consult(consult.id).status is not Status.DRAFTED:
        time.sleep(0.05)
    return consult.id


def type_line(page: Page, section: str, text: str) -> None:
    """A line of the doctor's own; nobody said it, so it asks to be confirmed."""
    page.wait_for_load_state()  # faster than any hand: a page's modules may still be on their way
    page.get_by_label(f"Regel toevoegen bij {section}").click()
    page.get_by_role("textbox", name=f"Nieuwe regel bij {section}").fill(text)
    page.keyboard.press("Enter")
    page.locator(".line-text", has_text=text).wait_for()


def confirm_all(page: Page) -> None:
    flags = page.locator("#aandacht li")
    while left := flags.count():
        page.wait_for_timeout(SETTLED_MS)
        flags.first.get_by_role("button", name=re.compile("^(Bevestig|Gezien|Hoeft niet)$")).click()
        page.wait_for_function("left => document.querySelectorAll('#aandacht li').length < left", arg=left)


def pasted(page: Page) -> str:
    """What is on the clipboard, seen the way a HIS sees it: by Ctrl+V."""
    other = page.context.new_page()
    other.set_content("<textarea autofocus></textarea>")
    other.focus("textarea")
    other.keyboard.press("Control+V")
    text = other.input_value("textarea")
    other.close()
    page.bring_to_front()
    return text


def test_enter_gives_no_consent_while_the_page_is_still_coming(live_server, open_page: Callable[..., Page]) -> None:
    """On a slow link Dr. Demo types the reference and presses Enter before the page's scripts are there."""
    page = open_page()
    page.route("**/new.page.js", lambda route: route.abort())
    page.goto(f"{live_server.url}/consult/nieuw")
    page.get_by_label("Patiëntkenmerk").fill("HIS-2024-1187")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    assert live_server.workflow.search(Search()) == []
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    page.get_by_text("Start opname").wait_for()


@pytest.mark.parametrize("live_server", ["fakes", pytest.param("real", marks=pytest.mark.slow)], indirect=True)
def test_from_consent_to_the_his(live_server, open_page: Callable[..., Page]) -> None:
    """Dr. Demo starts a consult, tells the patient and records the yes. She uploads the recording and sees it being
    written out. The draft is there: a line that nobody said is flagged, and she can't sign. She corrects the note,
    confirms the line, signs, and copies to her HIS. Later she changes a word: the gate is closed again.
    """
    page = open_page()
    page.get_by_role("link", name="Nieuw consult").first.click()
    page.get_by_label("Patiëntkenmerk").fill("HIS-2024-1187")
    page.wait_for_load_state()
    page.keyboard.press("Enter")  # goes on to the words; never gives consent by itself
    assert page.evaluate("document.activeElement.textContent") == "Ja, patiënt gaat akkoord"
    assert live_server.workflow.search(Search()) == []
    page.keyboard.press("Enter")

    page.get_by_text("Of upload een opname").click()
    page.get_by_label("Opname", exact=True).set_input_files(live_server.recording)
    page.get_by_label("Gesprek, huisarts op het linkerkanaal").check()
    page.get_by_role("button", name="Opname uploaden").click()

    page.locator("#review").wait_for(timeout=240_000)
    page.get_by_text("AI-concept").wait_for()
    consult_id = UUID(page.url.rsplit("/", 1)[1])
    type_line(page, "Evaluatie", "Keelontsteking, viraal.")

    approve = page.locator("#akkoord")
    assert approve.is_disabled()
    assert "uw aandacht" in page.locator("#akkoord-uitleg").inner_text()  # of one point or of several
    page.keyboard.press("Control+Enter")
    assert live_server.workflow.consult(consult_id).status is Status.DRAFTED

    confirm_all(page)
    assert approve.is_enabled()
    signed = page.locator("#kopie").inner_text()
    assert "Keelontsteking, viraal." in signed
    approve.click()

    page.get_by_text("Akkoord van Demo-huisarts").wait_for()
    page.wait_for_load_state()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Kopieer alles").click()
    page.locator("[data-copied]", has_text="✓ gekopieerd").wait_for()
    assert pasted(page) == signed
    page.keyboard.press("e")
    page.locator("li", has=page.locator("[data-copy=E]")).get_by_text("✓ gekopieerd").wait_for()
    assert "Keelontsteking, viraal." in pasted(page)
    assert "E:" not in pasted(page)
    assert live_server.workflow.consult(consult_id).status is Status.DELIVERED

    page.locator("#wijzigen summary").click()
    page.get_by_role("link", name="Toch wijzigen").click()
    page.get_by_text("Zodra u iets wijzigt vervalt het akkoord").wait_for()
    assert live_server.workflow.consult(consult_id).status is Status.DELIVERED
    line = page.locator(".line", has_text="Keelontsteking, viraal.")
    line.get_by_role("button", name="Wijzig").click()
    line.get_by_role("textbox").fill("Keelontsteking, bacterieel.")
    page.keyboard.press("Enter")
    page.get_by_text("Gewijzigd na akkoord").wait_for()
    page.goto(f"{live_server.url}/consult/{consult_id}")
    assert page.get_by_role("button", name="Kopieer alles").count() == 0
    assert live_server.workflow.consult(consult_id).status is Status.DRAFTED


def test_the_whole_check_by_keyboard(live_server, open_page: Callable[..., Page], draft: UUID) -> None:
    """Dr. Demo leaves the mouse alone: j and k through the lines, e to change one, Esc to think better of it, Enter to
    confirm what is flagged, Ctrl+Enter to sign, s to copy.
    """
    page = open_page(f"/consult/{draft}")
    lines = page.locator("[data-line]")
    first = lines.first.get_attribute("id")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == first
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.id") == first

    page.keyboard.press("e")
    page.wait_for_selector("textarea:focus")
    page.keyboard.type(" en meer")
    page.keyboard.press("Escape")
    assert "en meer" not in page.locator("#kopie").inner_text()
    assert page.evaluate("document.activeElement.id") == first
    page.keyboard.press("e")
    page.wait_for_selector("textarea:focus")
    page.keyboard.type(" Heesheid.")
    page.keyboard.press("Control+Enter")
    page.locator("#kopie", has_text="Heesheid.").wait_for()
    assert page.evaluate("document.activeElement.id") == first

    type_line(page, "Plan", "Neusspray.")
    type_line(page, "Objectief", "Rechter oor dof.")
    page.locator(".line-flagged").first.focus()
    page.wait_for_timeout(SETTLED_MS)  # the Enter that added a line confirms none
    while left := page.locator("#aandacht li").count():
        asked = page.evaluate("document.activeElement.closest('[data-missed]') !== null")
        assert asked or page.evaluate("document.activeElement.matches('.line-flagged')")
        page.keyboard.press("Delete" if asked else "Enter")  # it need not be in the note
        page.wait_for_function("left => document.querySelectorAll('#aandacht li').length < left", arg=left)
        page.keyboard.press("n")  # and on to the next flag
    page.keyboard.press("Control+Enter")
    page.get_by_text("Akkoord van Demo-huisarts").wait_for()
    page.wait_for_load_state()
    page.keyboard.press("s")
    page.locator("li", has=page.locator("[data-copy=S]")).get_by_text("✓ gekopieerd").wait_for()
    assert [delivery.part for delivery in live_server.workflow.review(live_server.actor, draft).deliveries] == ["S"]


def test_a_draft_does_not_leave_by_the_browsers_own_copying(open_page: Callable[..., Page], draft: UUID) -> None:
    """In a hurry Dr. Demo selects the draft and presses Ctrl+C. The page says that copying is possible after her
    signature, and the clipboard holds what it held before.
    """
    page = open_page(f"/consult/{draft}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    before = pasted(page)
    page.locator("h1").click()
    for keys in (("Control+A", "Control+C"), ("Control+A", "Control+X")):
        for key in keys:
            page.keyboard.press(key)
        page.locator("#melding", has_text="Kopiëren kan na akkoord").wait_for()
        assert pasted(page) == before
    page.keyboard.press("j")
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+C")
    assert pasted(page) == before


def test_a_line_shows_and_plays_where_it_comes_from(open_page: Callable[..., Page], draft: UUID) -> None:
    """Dr. Demo goes to a line: what was said lights up beside it. Space plays exactly that moment and then stops."""
    page = open_page(f"/consult/{draft}")
    with page.expect_response(lambda answer: answer.url.endswith("/audio")) as sound:
        line = page.locator("[data-line][data-spans]:not([data-spans=''])").first
        line.focus()
        sources = (line.get_attribute("data-evidence") or "").split()
        assert sources
        for index in sources:
            page.locator(f"#uiting-{index}.lit").wait_for()
        assert page.locator(".lit").count() == len(sources)
        page.keyboard.press("Space")
    assert sound.value.status == 206
    spans = [tuple(map(float, span.split("-"))) for span in (line.get_attribute("data-spans") or "").split()]
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.1")
    page.wait_for_function("() => document.querySelector('audio').paused", timeout=60_000)
    end = page.evaluate("document.querySelector('audio').currentTime")
    assert spans[-1][1] - 0.05 <= end <= spans[-1][1] + 0.4


def test_typing_survives_other_work(open_page: Callable[..., Page], draft: UUID) -> None:
    """While one line is open with half a sentence typed, Dr. Demo confirms another one: her words are still there. She
    can't sign before she has saved or dropped them.
    """
    page = open_page(f"/consult/{draft}")
    first = page.locator("[data-line]").first
    first.get_by_role("button", name="Wijzig").click()
    page.keyboard.type(" half getypt")
    page.locator("#gemist, #weggelaten").evaluate_all("folds => folds.forEach(fold => { fold.open = true })")
    confirm_all(page)
    assert first.get_by_role("textbox").input_value().endswith(" half getypt")
    page.locator("#akkoord").click()
    page.get_by_text("Er staat nog een regel open").wait_for()
    first.get_by_role("textbox").focus()
    page.keyboard.press("Enter")
    page.locator("#kopie", has_text="half getypt").wait_for()
    assert page.locator("[data-line]").first.get_by_role("textbox").count() == 0


def test_two_tabs_never_overwrite_each_other(open_page: Callable[..., Page], draft: UUID) -> None:
    """The note is open in two tabs. What is saved second is not lost and overwrites nothing: the page says that
    somebody else changed the consult.
    """
    one, two = open_page(f"/consult/{draft}"), open_page(f"/consult/{draft}")
    for page, words in ((one, "uit tab een"), (two, "uit tab twee")):
        page.keyboard.press("j")
        page.keyboard.press("e")
        page.wait_for_selector("textarea:focus")
        page.keyboard.type(f" {words}")
        page.keyboard.press("Enter")
    two.get_by_text("intussen gewijzigd").wait_for()
    assert two.get_by_role("textbox").first.input_value().endswith("uit tab twee")
    two.reload()
    assert "uit tab een" in two.locator("#kopie").inner_text()
    assert "uit tab twee" not in two.locator("#kopie").inner_text()


def test_quick_hands_do_nothing_twice(live_server, open_page: Callable[..., Page], draft: UUID) -> None:
    """Dr. Demo removes a line, puts it back, takes an utterance over and double-clicks everything. Each thing happens
    once.
    """
    page = open_page(f"/consult/{draft}")
    count = page.locator("[data-line]").count()
    page.locator("[data-line]").first.get_by_role("button", name="Verwijder").dblclick()
    page.get_by_text("1 regel verwijderd").wait_for()
    assert page.locator("[data-line]").count() == count - 1
    page.get_by_text("1 regel verwijderd").click()
    page.get_by_role("button", name="Zet terug").dblclick()
    page.locator("#verwijderd").wait_for(state="detached")
    assert page.locator("[data-line]").count() == count
    page.wait_for_timeout(SETTLED_MS)
    page.locator("#uiting-1").hover()
    page.locator("#uiting-1").get_by_role("button", name="S", exact=True).dblclick()
    page.wait_for_function("count => document.querySelectorAll('[data-line]').length > count", arg=count)
    page.wait_for_timeout(500)
    lines = list(live_server.workflow.review(live_server.actor, draft).note.lines())
    assert len(lines) == count + 1
    assert lines[-1].evidence == (1,)


def test_a_file_that_is_no_recording(live_server, open_page: Callable[..., Page], tmp_path: Path) -> None:
    """The wrong file is chosen. The page says what is wrong and stays ready for the right one."""
    page = open_page("/consult/nieuw")
    page.get_by_label("Patiëntkenmerk").fill("HIS-1")
    page.get_by_role("button", name="Ja, patiënt gaat akkoord").click()
    empty = tmp_path / "leeg.wav"
    empty.touch()
    page.get_by_text("Of upload een opname").click()
    page.get_by_label("Opname", exact=True).set_input_files(empty)
    page.get_by_role("button", name="Opname uploaden").click()
    page.get_by_role("alert").get_by_text("Het bestand is leeg").wait_for()
    page.get_by_label("Opname", exact=True).set_input_files(live_server.recording)
    page.get_by_role("button", name="Opname uploaden").click()
    page.locator("#review").wait_for(timeout=240_000)


def test_withdrawal_takes_one_question(open_page: Callable[..., Page], draft: UUID) -> None:
    """The patient calls: no report after all. One question, and everything is destroyed, with proof."""
    page = open_page(f"/consult/{draft}")
    page.get_by_text("Toestemming intrekken").click()
    page.get_by_role("button", name="Ja, intrekken en vernietigen").click()
    page.get_by_role("heading", name="Vernietigingsbewijs").wait_for()
    assert page.get_by_text("vernietigd op").count() == 2


def test_the_server_is_gone(live_server, open_page: Callable[..., Page], draft: UUID) -> None:
    """The network falls away while Dr. Demo works: she is told, and nothing she typed is gone."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    page = open_page(f"/consult/{draft}")
    page.keyboard.press("j")
    page.wait_for_function("() => document.activeElement !== document.body")
    page.keyboard.press("e")
    page.wait_for_selector("textarea:focus")
    page.keyboard.type(" nog te bewaren")
    page.route("**/wijzig", lambda route: route.abort())
    told = page.get_by_text("Geen verbinding met de server")
    for _ in range(5):  # on a busy machine a first Enter was seen to go by; she presses again
        page.locator("textarea").first.press("Enter")
        try:
            told.wait_for(timeout=3_000)
            break
        except PlaywrightTimeout:
            continue
    told.wait_for()
    assert page.get_by_role("textbox").first.input_value().endswith("nog te bewaren")
    page.unroute("**/wijzig")
    # the form takes a second Enter once the first has ended, a moment after the message
    page.wait_for_function("() => !document.querySelector('form[aria-busy]')")
    page.locator("textarea").first.press("Enter")
    page.locator("#kopie", has_text="nog te bewaren").wait_for()


@pytest.mark.parametrize("live_server", ["problems"], indirect=True)
def test_two_problems_become_two_reports(live_server, open_page: Callable[..., Page], draft: UUID) -> None:
    """The patient came for a knee and, by the way, a toenail. Dr. Demo finds two reports with their titles. The line on
    the blood pressure she takes apart, thinks better of it and joins it again. She signs and copies the second report
    with "2" and "a", and its S with "s".
    """
    page = open_page(f"/consult/{draft}")
    page.wait_for_load_state()
    heads = page.locator(".report-head h3")
    assert heads.count() == 2
    assert page.evaluate("document.documentElement.scrollHeight") <= WORKSTATION["height"]  # its halves scroll
    assert "Rechterknie" in heads.nth(0).inner_text()
    assert "eennagel" in heads.nth(1).inner_text()

    line = page.locator(".line", has_text="RR 140/90")
    line.get_by_role("button", name="Wijzig").click()
    line.get_by_role("button", name="Naar nieuw deelcontact").click()
    page.wait_for_function("() => document.querySelectorAll('.report-head').length === 3")
    assert "RR 140/90" in page.locator(".report").nth(2).inner_text()
    page.get_by_role("button", name="Voeg bij deelcontact 2").click()
    page.wait_for_function("() => document.querySelectorAll('.report-head').length === 2")

    confirm_all(page)
    page.locator("#akkoord").click()
    page.get_by_text("Akkoord van Demo-huisarts").wait_for()
    page.wait_for_load_state()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("2")
    page.keyboard.press("a")
    page.locator("li", has=page.locator("[data-copy=R2]")).get_by_text("✓ gekopieerd").wait_for()
    assert "voetbad" in pasted(page)
    assert "artrose" not in pasted(page)
    page.keyboard.press("s")
    page.locator("li", has=page.locator("[data-copy=R2-S]")).get_by_text("✓ gekopieerd").wait_for()
    assert "eennagel" in pasted(page)
    deliveries = live_server.workflow.review(live_server.actor, draft).deliveries
    assert [delivery.part for delivery in deliveries] == ["R2", "R2-S"]


@pytest.mark.parametrize("live_server", ["problems"], indirect=True)
def test_a_code_is_the_doctors_choice(live_server, open_page: Callable[..., Page], draft: UUID) -> None:
    """Dr. Demo opens the codes at the E of the knee. Each stands beside the line it rests on; none is chosen. She takes
    one, sees it in the text to copy, and takes it away again.
    """
    page = open_page(f"/consult/{draft}")
    page.wait_for_load_state()
    assert "ICPC" not in page.locator("#kopie").inner_text()
    codes = page.locator("#icpc-R1-E")
    codes.locator("summary").click()
    choice = codes.locator("li", has_text="L90")
    assert "bij: Beginnende artrose" in choice.inner_text()
    choice.get_by_role("button").click()
    page.locator("#kopie", has_text="ICPC L90").wait_for()
    page.get_by_role("button", name="Haal de code weg").click()
    page.wait_for_function("() => !document.getElementById('kopie').textContent.includes('ICPC')")
    codes = page.locator("#icpc-R1-S")
    codes.locator("summary").click()
    assert page.locator("#icpc-tabel option").count() == 0  # not part of the page
    codes.get_by_role("combobox").fill("l15")
    page.locator("#icpc-tabel option[value=L15]").wait_for(state="attached")
    codes.get_by_role("button", name="Neem").click()
    page.locator("#kopie", has_text="ICPC L15").wait_for()
    assert live_server.workflow.review(live_server.actor, draft).note.reports[0].codes[0].code == "L15"


@pytest.mark.parametrize("live_server", ["problems"], indirect=True)
def test_the_page_of_style_says_what_it_learned(live_server, open_page: Callable[..., Page]) -> None:
    """In two consults Dr. Demo changes "nagelwal" to "paronychium". The page of style proposes it as a rule; she says
    yes, and the next draft has it. She removes the rule, and the one after has her old word again. A rule that would
    turn "geen" into something else is refused.
    """
    for _ in range(2):
        page = open_page(f"/consult/{drafted(live_server)}")
        page.wait_for_load_state()
        line = page.locator(".line", has_text="agelwal rood")
        line.get_by_role("button", name="Wijzig").click()
        line.get_by_role("textbox").fill("Paronychium rood, geen pus.")
        page.keyboard.press("Enter")
        page.locator("#kopie", has_text="Paronychium rood").wait_for()
    page.get_by_role("link", name="Stijl").click()
    page.get_by_role("heading", name="Voorstel uit uw wijzigingen").wait_for()
    page.get_by_role("button", name="Doe dit voortaan").click()
    page.get_by_role("heading", name="Voorstel uit uw wijzigingen").wait_for(state="detached")

    page.goto(f"{live_server.url}/consult/{drafted(live_server)}")
    assert "Paronychium rood" in page.locator("#kopie").inner_text()

    page.goto(f"{live_server.url}/stijl")
    page.wait_for_load_state()
    page.get_by_role("button", name="Verwijder").click()
    page.get_by_text("Nog geen regels").wait_for()
    page.goto(f"{live_server.url}/consult/{drafted(live_server)}")
    assert "agelwal rood" in page.locator("#kopie").inner_text()

    page.goto(f"{live_server.url}/stijl")
    page.wait_for_load_state()
    page.get_by_label("In plaats van").fill("geen")
    page.get_by_label("schrijf").fill("wat")
    page.get_by_role("region", name="Uw woorden").get_by_role("button", name="Voeg toe").click()
    page.get_by_text("mag geen getal, ontkenning").wait_for()


@pytest.mark.parametrize("size", [PHONE, WORKSTATION], ids=["phone", "workstation"])
def test_every_page_fits(live_server, open_page: Callable[..., Page], draft: UUID, size: dict[str, int]) -> None:
    """On a phone and on a small workstation nothing sticks out sideways, and every page has one main heading."""
    page = open_page("/", size=size)
    for path in ("/", "/consult/nieuw", "/stijl", f"/consult/{draft}", "/bestaat-niet", "/login"):
        page.goto(live_server.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
        assert page.locator("h1").count() == 1, path
        assert page.locator("main").count() == 1
    if size is WORKSTATION:
        page.goto(f"{live_server.url}/consult/{draft}")
        assert page.evaluate("document.documentElement.scrollHeight") <= size["height"]
        assert re.search("auto|scroll", page.locator(".note-side").evaluate("one => getComputedStyle(one).overflowY"))


def test_the_worklist_by_keyboard(live_server, open_page: Callable[..., Page]) -> None:
    """Dr. Demo walks through the worklist with j and k, opens a consult with Enter, and begins a new one with n. A
    slash brings her to the search; what she types there is no order. With the letters switched off nothing happens.
    """
    first, second = drafted(live_server), drafted(live_server)
    page = open_page("/")
    page.wait_for_load_state()
    rows = page.locator("a.row")
    on = "() => [...document.querySelectorAll('a.row')].indexOf(document.activeElement)"
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    count = rows.count()
    assert page.evaluate(on) == min(3, count) - 2
    page.keyboard.press("/")
    page.keyboard.type("njk")
    assert page.locator(".search [name=kenmerk]").input_value() == "njk"
    assert page.evaluate("location.pathname") == "/"
    rows.first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/consult/*")
    assert page.url.rsplit("/", 1)[1] in {str(first), str(second)}
    page.goto(page.url.rsplit("/consult", 1)[0])
    page.locator("#toetsen summary").click()
    page.locator("[data-keys-switch]").uncheck()
    page.locator("#toetsen summary").click()
    page.keyboard.press("n")
    page.locator("#toetsen summary").click()
    page.locator("[data-keys-switch]").check()
    page.locator("#toetsen summary").click()
    page.keyboard.press("n")
    page.wait_for_selector("#kenmerk")
