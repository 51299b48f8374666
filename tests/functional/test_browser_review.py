"""Checking a draft in the browser: listening, moving, undoing, typing. Each docstring is the story."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.functional.conftest import LiveServer, service_on_fakes
from tests.functional.test_browser_story import SETTLED_MS, WORKSTATION, drafted, pasted
from tests.microphone import PHONE
from tests.unit.test_sound_quality import GOOD, pair
from transcribe.asr.transcript import Speaker, Utterance, Word
from transcribe.consult import Action, Actor, Role, Status
from transcribe.soep.note import Line, Note, Report, Section, note_text
from transcribe.testing import ScriptedDrafter, ScriptedTranscriber

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

pytestmark = pytest.mark.browser


def said(start_s: float, speaker: Speaker, text: str, *, doubted: str = "") -> Utterance:
    """Its words evenly over 1.8 s."""
    words = text.split()
    step = 1.8 / len(words)
    return Utterance(
        speaker=speaker,
        start_s=start_s,
        end_s=start_s + 1.8,
        text=text,
        words=tuple(
            Word(
                text=word,
                start_s=start_s + step * i,
                end_s=start_s + step * (i + 1),
                probability=0.1 if word == doubted else 0.95,
            )
            for i, word in enumerate(words)
        ),
    )


TALK = (
    said(0.0, Speaker.PATIENT, "Ik heb sinds drie dagen last van keelpijn."),
    said(2.0, Speaker.PATIENT, "Ik neem paracetamol."),
    # a silence of eight seconds
    said(12.0, Speaker.HUISARTS, "De keel is rood.", doubted="rood."),
    said(14.0, Speaker.PATIENT, "Ik ben allergisch voor penicilline."),
    said(
        16.0, Speaker.HUISARTS, "U mag paracetamol nemen, driemaal daags vijfhonderd milligram.", doubted="vijfhonderd"
    ),
)
DRAFT = Note(
    reports=(
        Report(
            id="R1",
            lines=(
                Line(id="L1", section=Section.S, text="Sinds 3 dagen keelpijn.", evidence=(0,)),
                Line(id="L2", section=Section.S, text="Neemt paracetamol.", evidence=(1,)),
                Line(id="L3", section=Section.O, text="Keel rood.", evidence=(2,)),
                Line(id="L4", section=Section.P, text="Paracetamol 3dd500mg.", evidence=(4,)),
            ),
        ),
    ),
    next_line=5,
)


@pytest.fixture(scope="module")
def live_server() -> Iterator[LiveServer]:
    with service_on_fakes(transcriber=ScriptedTranscriber(TALK), drafter=ScriptedDrafter(DRAFT)) as server:
        yield server


@pytest.fixture
def draft(live_server: LiveServer) -> UUID:
    return drafted(live_server)


@pytest.fixture
def open_page(live_server: LiveServer, chromium: Browser, draft: UUID) -> Iterator[Callable[..., Page]]:
    """Pages of the draft; at the end none may have had an error or a blocked script or style."""
    problems: list[str] = []
    contexts = []

    def opened() -> Page:
        contexts.append(chromium.new_context(viewport=WORKSTATION))
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.on(
            "console",
            lambda message: (
                problems.append(message.text) if message.type == "error" and "Failed to " not in message.text else None
            ),
        )
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(live_server.start(f"/consult/{draft}"))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


def shown(page: Page) -> str:
    return page.locator("#kopie").inner_text()


def becomes(page: Page, text: str) -> None:
    """Waits until this is what would be copied."""
    page.wait_for_function("text => document.getElementById('kopie').textContent === text", arg=text)


def line(page: Page, line_id: str) -> None:
    page.locator(f"#regel-{line_id}").focus()


def edit(page: Page, line_id: str, more: str) -> None:
    """Types at the end of a line, and saves nothing."""
    line(page, line_id)
    page.keyboard.press("e")
    page.wait_for_selector("textarea:focus")
    page.keyboard.type(more)


BEFORE = note_text(DRAFT)


def test_each_word_is_marked_as_it_is_heard(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """Dr. Demo goes to a line and presses space. Beside it each word is marked as it sounds. She presses + until it
    goes twice as fast, and after an edit it still does. That she listened is in the access log, once; the drawing of
    the sound is no listening.
    """
    page.wait_for_function("() => document.querySelector('[data-wave]').width > 100")
    colours = "one => new Set(one.getContext('2d').getImageData(0, 0, one.width, one.height).data).size"
    assert page.locator("[data-wave]").evaluate(colours) > 3  # something is drawn
    events = live_server.workflow._store.events
    assert Action.AUDIO_PLAYED not in [event.action for event in events(draft)]

    slowly = "one => { one.defaultPlaybackRate = one.playbackRate = 0.25 }"  # the machine may be busy
    page.locator("audio").evaluate(slowly)
    page.keyboard.press("j")
    page.keyboard.press("Space")
    marked = page.wait_for_function("() => [...CSS.highlights.get('woord')].map(String)[0]").json_value()
    assert marked in TALK[0].text.split()
    for _ in range(6):
        page.keyboard.press("+")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 2
    assert page.get_by_label("Snelheid").input_value() == "2"
    page.wait_for_function("() => document.querySelector('audio').paused")
    page.keyboard.press("Shift+P")
    page.locator("[data-action=ongedaan]").wait_for()
    page.locator("#regel-L1 .play").click()
    page.wait_for_function("() => !document.querySelector('audio').paused")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 2
    assert [event.action for event in events(draft)].count(Action.AUDIO_PLAYED) == 1


def test_silences_are_passed_over_unless_asked_for(page: Page) -> None:
    """She plays on after the second sentence: the eight seconds in which nobody spoke are not waited for. Who goes into
    the silence by hand hears it, and with the tick away it is played as it is.
    """
    audio = page.locator("audio")
    audio.evaluate("one => { one.currentTime = 3.5; one.playbackRate = 2; return one.play() }")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 11.6")
    audio.evaluate("one => { one.currentTime = 7 }")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 7.3")
    assert audio.evaluate("one => one.currentTime") < 11
    page.get_by_label("stiltes overslaan").uncheck()
    audio.evaluate("one => { one.currentTime = 3.9 }")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 4.5")
    assert audio.evaluate("one => one.currentTime") < 11


def test_every_edit_can_be_undone(page: Page) -> None:
    """Dr. Demo changes a line, removes another and confirms the dose, and thinks better of it all: Ctrl+Z, again and
    again, until the draft is as it was. In a text field Ctrl+Z is that field's own.
    """
    undo = page.locator("[data-action=ongedaan]")
    assert undo.count() == 0
    edit(page, "L1", " Last.")
    page.keyboard.press("Enter")
    becomes(page, BEFORE.replace("keelpijn.", "keelpijn. Last."))
    line(page, "L3")
    page.keyboard.press("Delete")
    becomes(page, BEFORE.replace("keelpijn.", "keelpijn. Last.").replace("O: Keel rood.\n", ""))
    page.wait_for_timeout(SETTLED_MS)  # this line took the place of the one that went
    line(page, "L4")
    page.keyboard.press("Enter")
    page.locator("#vlag-L4").wait_for(state="detached")

    edit(page, "L2", " x")
    page.keyboard.press("Control+Z")
    page.keyboard.press("Escape")
    assert page.locator("#vlag-L4").count() == 0
    page.keyboard.press("Control+Z")
    page.locator("#vlag-L4").wait_for()
    page.keyboard.press("Control+Z")
    becomes(page, BEFORE.replace("keelpijn.", "keelpijn. Last."))
    undo.get_by_role("button").click()
    becomes(page, BEFORE)
    undo.wait_for(state="detached")


def test_a_line_that_went_by_a_slip_of_the_thumb_comes_back_with_one(page: Page) -> None:
    """Dr. Demo scrolls on her telephone, and a line is gone: it is said where her thumb is, with the way back."""
    page.set_viewport_size(PHONE)
    page.locator("#regel-L3 .icon-remove").click()
    becomes(page, BEFORE.replace("O: Keel rood.\n", ""))
    said = page.locator(".toast")
    assert "Regel verwijderd." in said.inner_text()
    said.get_by_role("button").click()
    becomes(page, BEFORE)
    said.wait_for(state="detached")


def test_what_esc_threw_away_comes_back(page: Page) -> None:
    """She typed half a sentence, and her finger slips to Esc. Ctrl+Z brings her words back, and no older change."""
    edit(page, "L1", " Last.")
    page.keyboard.press("Enter")
    becomes(page, BEFORE.replace("keelpijn.", "keelpijn. Last."))
    edit(page, "L2", " En nog een halve zin")
    text = page.locator("#regel-L2 textarea").input_value()
    page.keyboard.press("Escape")
    assert "niet bewaard" in page.locator(".toast").inner_text()
    page.keyboard.press("Control+Z")
    assert page.locator("#regel-L2 textarea").input_value() == text
    assert page.locator("#regel-L2 textarea").evaluate("one => one === document.activeElement")
    page.keyboard.press("Escape")
    page.locator(".toast button").click()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('kopie').textContent.includes('En nog een halve zin')")
    assert "keelpijn. Last." in shown(page)


def test_typing_without_a_connection_says_so(page: Page) -> None:
    """The Wi-Fi is gone while she types: the page says that nothing is saved, and later that it is."""
    page.route("**/getypt", lambda route: route.abort())
    edit(page, "L1", " Zonder verbinding")
    page.get_by_text("wat u nu typt is nog niet bewaard").wait_for()
    page.unroute("**/getypt")
    page.get_by_text("Wat u typte is bewaard").wait_for()


def test_from_a_line_to_what_was_said_and_back(page: Page) -> None:
    """Dr. Demo reads a line, presses g, and is at the words it rests on; j and k go through the talk, and g brings
    her back to her line.
    """
    focused = "() => document.activeElement.closest('li')?.id"
    line(page, "L1")
    page.keyboard.press("g")
    source = page.locator("#regel-L1").get_attribute("data-evidence").split()[0]  # type: ignore[union-attr]
    assert page.evaluate(focused) == f"uiting-{source}"
    page.keyboard.press("j")
    assert page.evaluate(focused) == f"uiting-{int(source) + 1}"
    page.keyboard.press("k")
    assert page.evaluate(focused) == f"uiting-{source}"
    page.keyboard.press("g")
    assert page.evaluate(focused) == "regel-L1"


def test_a_signature_is_not_undone_by_a_page_of_before(open_page: Callable[..., Page]) -> None:
    """A colleague signed while Dr. Demo had the draft open. Her key does nothing to it: she sees that it is signed."""
    page = open_page()
    confirm = page.locator("#regel-L4 form[data-action=bevestig]")
    page.evaluate("() => document.querySelectorAll('[hx-trigger^=every]').forEach((one) => one.remove())")
    other = open_page()
    signable(other)
    other.keyboard.press("Control+Enter")
    other.locator("[data-copy]").first.wait_for()
    assert confirm.count() == 1
    line(page, "L3")
    page.keyboard.press("Delete")
    page.get_by_text("Akkoord van").wait_for()
    assert page.locator("[data-line]").count() == 0
    assert "Keel rood" in page.content()


def signable(page: Page) -> None:
    """Handles all that a signature waits for."""
    for flag in [one.get_attribute("id") or "" for one in page.locator("[id^='vlag-']").all()]:
        line(page, flag.removeprefix("vlag-"))
        page.keyboard.press("Enter")
        page.locator(f"#{flag}").wait_for(state="detached")
    if page.locator("[data-missed]").count():
        page.keyboard.press("n")
        page.keyboard.press("Delete")
    page.locator("#aandacht").wait_for(state="detached")


def test_what_a_colleague_changed_a_moment_ago_is_not_signed_unseen(open_page: Callable[..., Page]) -> None:
    """Dr. Demo has read it all and signs, twice in a row as impatient people do. A colleague saved another text just
    before: nothing is signed, the line is marked, and only when she has seen it her next signature counts.
    """
    page = open_page()
    page.evaluate("() => document.querySelectorAll('[hx-trigger^=every]').forEach((one) => one.remove())")
    signable(page)
    other = open_page()
    edit(other, "L1", " Last.")
    other.keyboard.press("Enter")
    becomes(other, BEFORE.replace("keelpijn.", "keelpijn. Last."))
    for _ in range(4):
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(300)
    page.get_by_text("Lees wat gemarkeerd is").wait_for()
    assert page.locator("#regel-L1").evaluate("one => one === document.activeElement")
    assert "Gewijzigd sinds u deze pagina opende" in page.locator("#regel-L1").inner_text()
    page.wait_for_timeout(1100)
    page.keyboard.press("Control+Enter")
    page.locator("[data-copy]").first.wait_for()
    assert "keelpijn. Last." in page.locator("#kopie").inner_text()


def test_the_mark_of_what_a_colleague_changed_outlives_the_next_action(open_page: Callable[..., Page]) -> None:
    """The refusal came at another key than the signature's, and she goes on working before she signs."""
    page = open_page()
    page.evaluate("() => document.querySelectorAll('[hx-trigger^=every]').forEach((one) => one.remove())")
    other = open_page()
    edit(other, "L1", " Last.")
    other.keyboard.press("Enter")
    becomes(other, BEFORE.replace("keelpijn.", "keelpijn. Last."))
    line(page, "L3")
    page.keyboard.press("Enter")
    page.keyboard.press("Delete")
    page.locator("#regel-L1.unseen").wait_for()
    page.wait_for_timeout(SETTLED_MS)
    signable(page)
    assert page.locator("#regel-L1.unseen").count() == 1
    page.keyboard.press("Control+Enter")
    page.get_by_text("Lees wat gemarkeerd is").wait_for()
    page.wait_for_timeout(1100)
    page.keyboard.press("Control+Enter")
    page.locator("[data-copy]").first.wait_for()


def test_what_was_typed_is_not_lost_when_a_colleague_signs(open_page: Callable[..., Page]) -> None:
    """Dr. Demo types in a line when the draft is signed in another window. The page becomes the signed one, and says
    what she typed and that it is not in it; it need not be, and then it is gone.
    """
    page, other = open_page(), open_page()
    signable(other)
    with page.expect_response(lambda answer: answer.url.endswith("/getypt") and answer.ok):
        edit(page, "L3", " Beslag links.")
    other.keyboard.press("Control+Enter")
    other.locator("[data-copy]").first.wait_for()
    page.reload()
    words = page.locator("#getypt")
    assert "Keel rood. Beslag links." in words.inner_text()
    assert "Beslag links." not in page.locator("#kopie").inner_text()
    words.get_by_role("button", name="Hoeft niet").click()
    words.wait_for(state="detached")
    page.reload()
    page.locator("[data-copy]").first.wait_for()
    assert words.count() == 0


def test_the_words_of_this_very_moment_are_shown_too(open_page: Callable[..., Page]) -> None:
    """She types and presses Enter at once, on the page of a draft that was signed a moment ago."""
    page, other = open_page(), open_page()
    page.evaluate("() => document.querySelectorAll('[hx-trigger^=every]').forEach((one) => one.remove())")
    signable(other)
    other.keyboard.press("Control+Enter")
    other.locator("[data-copy]").first.wait_for()
    edit(page, "L3", " Beslag links.")
    page.keyboard.press("Enter")
    page.locator("#getypt").wait_for()
    assert "Keel rood. Beslag links." in page.locator("#getypt").inner_text()


def test_nothing_is_copied_that_is_not_on_the_screen(open_page: Callable[..., Page]) -> None:
    """The note is changed and signed again in another window. Her key copies nothing, and the page says why."""
    other = open_page()
    signable(other)
    other.keyboard.press("Control+Enter")
    other.locator("[data-copy]").first.wait_for()
    page = open_page()
    page.evaluate("() => document.querySelectorAll('[hx-trigger^=every]').forEach((one) => one.remove())")
    other.goto(f"{other.url}/wijzigen")
    edit(other, "L1", " Last.")
    other.keyboard.press("Enter")
    becomes(other, BEFORE.replace("keelpijn.", "keelpijn. Last."))
    other.wait_for_timeout(SETTLED_MS)
    signable(other)
    other.keyboard.press("Control+Enter")
    other.locator("[data-copy]").first.wait_for()
    page.keyboard.press("a")
    page.get_by_text("niet meer het verslag met akkoord").wait_for()
    assert page.locator(".copied.fresh").count() == 0
    page.get_by_role("link", name="Toon het verslag zoals het nu is").click()
    page.wait_for_function("() => document.getElementById('kopie').textContent.includes('keelpijn. Last.')")


def test_what_was_undone_can_be_done_again(open_page: Callable[..., Page], page: Page) -> None:
    """She went back too far: Ctrl+Y, or the button that stands there now, brings each edit back. One step back and
    another edit, and there is nothing to redo. When a colleague was first, nothing is brought back over that.
    """
    redo = page.locator("[data-action=opnieuw-doen]")
    once = BEFORE.replace("keelpijn.", "keelpijn. Last.")
    twice = once.replace("O: Keel rood.\n", "")
    edit(page, "L1", " Last.")
    page.keyboard.press("Enter")
    becomes(page, once)
    line(page, "L3")
    page.keyboard.press("Delete")
    becomes(page, twice)
    assert redo.count() == 0
    undo = page.get_by_role("button", name="Ongedaan maken")
    undo.focus()
    page.keyboard.press("Enter")
    becomes(page, once)
    assert page.evaluate("document.activeElement.title") == "Ongedaan maken"
    page.keyboard.press("Enter")
    becomes(page, BEFORE)
    undo.wait_for(state="detached")
    page.keyboard.press("Control+y")
    becomes(page, once)
    redo.get_by_role("button").click()
    becomes(page, twice)
    redo.wait_for(state="detached")

    page.keyboard.press("Control+z")
    becomes(page, once)
    page.keyboard.press("Control+Shift+z")
    becomes(page, twice)
    page.keyboard.press("Control+z")
    becomes(page, once)
    other = open_page()
    edit(other, "L2", " Nu.")
    other.keyboard.press("Enter")
    becomes(other, once.replace("paracetamol.", "paracetamol. Nu."))
    assert other.locator("[data-action=opnieuw-doen]").count() == 0
    redo.get_by_role("button").click()
    page.get_by_text("intussen gewijzigd").wait_for()
    becomes(page, once.replace("paracetamol.", "paracetamol. Nu."))
    redo.wait_for(state="detached")


def test_lines_go_where_they_belong(page: Page) -> None:
    """By keyboard alone: what she takes now belongs to P (Shift+P), above the dose (Alt+Up), together with it (m).
    Then she splits a line where the cursor stands. All words are still there, and Ctrl+Z brings the draft back.
    """
    line(page, "L2")
    page.keyboard.press("Shift+P")
    becomes(page, "S: Sinds 3 dagen keelpijn.\nO: Keel rood.\nP: Paracetamol 3dd500mg.\n   Neemt paracetamol.")
    assert page.evaluate("document.activeElement.id") == "regel-L2"
    page.keyboard.press("Alt+ArrowUp")
    becomes(page, "S: Sinds 3 dagen keelpijn.\nO: Keel rood.\nP: Neemt paracetamol.\n   Paracetamol 3dd500mg.")
    page.keyboard.press("m")
    becomes(page, "S: Sinds 3 dagen keelpijn.\nO: Keel rood.\nP: Neemt paracetamol. Paracetamol 3dd500mg.")
    assert page.locator("#regel-L2").get_attribute("data-evidence") == "1 4"

    line(page, "L1")
    page.keyboard.press("e")
    page.wait_for_selector("textarea:focus")
    page.evaluate("document.activeElement.setSelectionRange(14, 14)")
    page.keyboard.press("Alt+Enter")
    becomes(page, "S: Sinds 3 dagen\n   keelpijn.\nO: Keel rood.\nP: Neemt paracetamol. Paracetamol 3dd500mg.")
    for _ in range(4):
        version = page.locator("#review").get_attribute("data-version")
        page.keyboard.press("Control+Z")
        page.wait_for_function("version => document.getElementById('review').dataset.version !== version", arg=version)
    becomes(page, BEFORE)


def test_what_was_poorly_heard_is_said(page: Page) -> None:
    """One word of a finding was poorly heard: it stands beside the line, and asks nothing. Of a dose it must be
    confirmed. Dr. Demo presses n to go there, past what may be missed, then back to that, and takes it over with o.
    """
    assert "slecht verstaan: rood" in page.locator("#regel-L3").inner_text()
    assert page.locator(".line-flagged").evaluate_all("all => all.map(one => one.id)") == ["regel-L4"]
    assert "“vijfhonderd” is slecht verstaan" in page.locator("#aandacht").inner_text()
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.id") == "regel-L4"
    page.keyboard.press("n")
    page.keyboard.press("o")
    becomes(page, BEFORE.replace("Keel rood.", "Keel rood.\n   Ik ben allergisch voor penicilline."))


def test_of_two_who_edit_one_line_both_texts_are_shown(open_page: Callable[..., Page]) -> None:
    """A colleague saved another text first. Dr. Demo sees it above her own, which is still in the editor: only when she
    saves again, knowing that, hers takes its place. What she typed for a line that is gone waits as a new line.
    """
    one, two = open_page(), open_page()
    edit(two, "L1", " Van tab twee.")
    edit(one, "L1", " Van tab een.")
    one.keyboard.press("Enter")
    becomes(one, BEFORE.replace("keelpijn.", "keelpijn. Van tab een."))
    two.keyboard.press("Enter")
    two.get_by_text("intussen gewijzigd").wait_for()
    contested = two.locator("#regel-L1.contested")
    contested.get_by_text("keelpijn. Van tab een.", exact=False).first.wait_for()
    assert contested.get_by_role("textbox").input_value() == "Sinds 3 dagen keelpijn. Van tab twee."
    becomes(two, BEFORE.replace("keelpijn.", "keelpijn. Van tab een."))
    contested.get_by_role("textbox").press("Enter")
    becomes(two, BEFORE.replace("keelpijn.", "keelpijn. Van tab twee."))

    edit(two, "L3", " Beslag links.")
    one.reload()
    line(one, "L3")
    one.keyboard.press("Delete")
    one.get_by_text("1 regel verwijderd").wait_for()
    two.keyboard.press("Enter")
    two.get_by_text("intussen gewijzigd").wait_for()
    waiting = two.get_by_role("textbox", name="Nieuwe regel bij Objectief")
    waiting.wait_for()
    assert waiting.input_value() == "Keel rood. Beslag links."
    two.get_by_text("De regel waarin u typte is intussen verwijderd.").wait_for()


def test_a_reload_loses_no_keystroke(page: Page) -> None:
    """Half a sentence is typed when the browser reloads. It is in its editor again, saved by nobody, and she types on:
    no letter of it is taken for a command. When she drops it, it is gone for good.
    """
    with page.expect_response(lambda answer: answer.url.endswith("/getypt") and answer.ok):
        edit(page, "L1", " Half getypt")
    page.reload()
    editor = page.locator("#regel-L1").get_by_role("textbox")
    editor.wait_for()
    assert editor.input_value() == "Sinds 3 dagen keelpijn. Half getypt"
    with page.expect_response(lambda answer: answer.url.endswith("/getypt")):
        page.keyboard.type(" en verder")
    assert editor.input_value() == "Sinds 3 dagen keelpijn. Half getypt en verder"
    assert shown(page) == BEFORE
    with page.expect_response(lambda answer: answer.url.endswith("/getypt")):
        editor.press("Escape")
    page.reload()
    page.wait_for_load_state()
    assert page.locator("#regel-L1").get_by_role("textbox").count() == 0


def test_how_it_was_checked_is_counted(live_server: LiveServer, page: Page) -> None:
    """After the signature the page says in one line what became of the draft. The counts are kept without a word of
    it, and without saying of which patient.
    """
    edit(page, "L1", " Last.")
    page.keyboard.press("Enter")
    becomes(page, BEFORE.replace("keelpijn.", "keelpijn. Last."))
    line(page, "L2")
    page.keyboard.press("Delete")
    page.get_by_text("1 regel verwijderd").wait_for()
    line(page, "L4")
    page.keyboard.press("Enter")
    page.locator("#vlag-L4").wait_for(state="detached")
    page.keyboard.press("n")
    page.keyboard.press("Delete")  # what may be missed
    page.locator("#aandacht").wait_for(state="detached")
    text = shown(page)
    page.keyboard.press("Control+Enter")
    counted = page.locator("#nagekeken")
    counted.wait_for()
    assert counted.inner_text().startswith("4 regels: 2 gelaten, 1 gewijzigd, 1 weg; ")
    page.wait_for_load_state()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("a")
    page.locator("[data-copied]", has_text="✓ gekopieerd").wait_for()
    assert pasted(page) == text


# --- quick hands, two tabs, a session that ends ---------------------------------------------------------------------


def flags(page: Page) -> int:
    return page.locator("#aandacht li").count()


def focus(page: Page) -> str:
    found: str = page.evaluate("document.activeElement.id")
    return found


def nothing_missed(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """What the patient said of an allergy need not be in this note."""
    workflow, actor = live_server.workflow, live_server.actor
    for missed in workflow.review(actor, draft).pressing:
        workflow.dismiss(actor, draft, workflow.consult(draft).version, missed.utterance)
    page.reload()
    page.wait_for_load_state()


def two_more_flags(live_server: LiveServer, draft: UUID) -> None:
    for text in ("Controle.", "Terug."):
        version = live_server.workflow.consult(draft).version
        live_server.workflow.add_line(live_server.actor, draft, version, Section.P, text)


def colleague(live_server: LiveServer, draft: UUID, line_id: str, text: str) -> None:
    other = Actor(name="W. Neem", role=Role.WAARNEMER)
    version = live_server.workflow.consult(draft).version
    live_server.workflow.edit_line(other, draft, version, line_id, text)


def kept(page: Page, line_id: str, more: str) -> None:
    """Types, and waits until the server has it."""
    with page.expect_response(lambda answer: answer.url.endswith("/getypt") and answer.ok):
        edit(page, line_id, more)


def other_tab(page: Page) -> Page:
    made = page.context.new_page()
    made.goto(page.url)
    made.wait_for_load_state()
    return made


def editor(page: Page, line_id: str = "L1") -> Locator:
    return page.locator(f"#regel-{line_id} textarea")


def held(page: Page, path: str) -> list[Route]:
    """Requests to this path wait in this list."""
    waiting: list[Route] = []
    page.route(path, lambda route: waiting.append(route))
    return waiting


def goes_on(page: Page, waiting: list[Route]) -> None:
    while not waiting:
        page.wait_for_timeout(20)
    waiting.pop().continue_()


def test_an_enter_too_many_signs_nothing(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """The last flag is confirmed in the list on top, with the keyboard, and Enter bounces. The focus is on what is to
    be read before a signature, not on the button that gives it.
    """
    nothing_missed(live_server, page, draft)
    page.wait_for_load_state()
    page.locator("#vlag-L4").get_by_role("button", name="Bevestig").focus()
    page.keyboard.press("Enter")
    page.locator("#aandacht").wait_for(state="detached")
    assert focus(page) == "akkoord-uitleg"
    page.wait_for_timeout(SETTLED_MS)
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert live_server.workflow.consult(draft).status is Status.DRAFTED


def test_a_second_click_confirms_nothing_that_was_not_there(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """She double-clicks: the list moves up, and another flag comes under the pointer. Only the first is confirmed. By
    keyboard it goes as fast as she likes, from flag to flag: n, Enter, n, Enter.
    """
    nothing_missed(live_server, page, draft)
    two_more_flags(live_server, draft)
    page.reload()
    page.wait_for_load_state()
    box = page.locator("#aandacht li").first.get_by_role("button", name="Bevestig").bounding_box()
    assert box
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*at)
    page.wait_for_function("() => document.querySelectorAll('#aandacht li').length === 2")
    page.mouse.click(*at)
    page.wait_for_timeout(SETTLED_MS)
    assert flags(page) == 2
    page.keyboard.press("n")
    first = focus(page)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('#aandacht li').length === 1")
    assert focus(page) == first  # it stays on the line
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.locator("#aandacht").wait_for(state="detached")

    line(page, "L1")
    page.keyboard.press("Delete")
    page.get_by_text("1 regel verwijderd").wait_for()
    page.keyboard.press("Delete")  # on the line that took its place
    page.wait_for_timeout(SETTLED_MS)
    assert page.get_by_text("1 regel verwijderd").is_visible()


def test_n_goes_round_and_keys_work_where_the_focus_is(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """Three flags in one section and one that may be missed: n comes to each. A line that the pointer rests on is
    neither removed nor confirmed while the focus is in the conversation.
    """
    two_more_flags(live_server, draft)
    page.reload()
    page.wait_for_load_state()
    seen = []
    for _ in range(5):
        page.keyboard.press("n")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.hash"))
    assert seen == ["#uiting-3", "regel-L4", "regel-L5", "regel-L6", "#uiting-3"]
    page.locator("#regel-L5").hover()
    page.locator("#regel-L5.line-lit").wait_for()
    page.locator("[data-talk]").focus()
    before = live_server.workflow.consult(draft).version
    for key in ("Delete", "Enter", "m", "Shift+S"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert live_server.workflow.consult(draft).version == before


def test_a_flag_is_confirmed_as_it_was_seen(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """Her own change of a dose is still on its way when she confirms the flag that stood there: it was about the dose
    before. That is refused, and says so.
    """
    nothing_missed(live_server, page, draft)
    saving = held(page, "**/wijzig")
    edit(page, "L4", " Bij pijn 9dd9000mg.")
    page.keyboard.press("Enter")
    while not saving:
        page.wait_for_timeout(20)
    page.locator("#vlag-L4").get_by_role("button", name="Bevestig").click()
    goes_on(page, saving)
    page.get_by_text("gewijzigd sinds u hem zag").wait_for()
    assert flags(page) == 1
    assert not live_server.workflow.review(live_server.actor, draft).note.line("L4").confirmed


def test_what_is_typed_while_a_save_is_on_its_way_stays(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """On a slow link she types on after Enter. The line is saved as it was at the Enter, and the rest is in its editor,
    with the cursor where it was: she can't sign before that is saved. So it goes with a new line.
    """
    nothing_missed(live_server, page, draft)
    saving, adding = held(page, "**/wijzig"), held(page, "**/regel")
    line(page, "L4")
    page.keyboard.press("Enter")
    page.locator("#aandacht").wait_for(state="detached")
    edit(page, "L1", " Een.")
    page.keyboard.press("Enter")
    page.keyboard.type(" Twee")
    goes_on(page, saving)
    once = BEFORE.replace("keelpijn.", "keelpijn. Een.")
    becomes(page, once)
    page.keyboard.type(".")
    assert editor(page).input_value() == "Sinds 3 dagen keelpijn. Een. Twee."
    page.locator("#akkoord").click()
    page.get_by_text("Er staat nog een regel open").wait_for()
    editor(page).press("Enter")
    goes_on(page, saving)
    becomes(page, once.replace("Een.", "Een. Twee."))

    page.get_by_label("Regel toevoegen bij Plan").click()
    page.wait_for_function("() => document.activeElement.name === 'tekst'")
    page.keyboard.type("Nieuw.")
    page.keyboard.press("Enter")
    page.keyboard.type(" Meer.")
    goes_on(page, adding)
    page.locator(".line-text", has_text="Nieuw.").wait_for()
    assert page.get_by_role("textbox", name="Nieuwe regel bij Plan").input_value() == "Meer."


def test_after_a_reload_a_colleagues_text_is_seen(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """Her words wait beside a line that a colleague changed meanwhile: both are shown. When the line is gone, hers wait
    as a new line of the same section.
    """
    kept(page, "L4", " Bij pijn.")
    colleague(live_server, draft, "L4", "Paracetamol 2dd500mg, niet meer.")
    page.reload()
    contested = page.locator("#regel-L4.contested")
    contested.get_by_text("Paracetamol 2dd500mg, niet meer.", exact=True).first.wait_for()
    assert editor(page, "L4").input_value() == "Paracetamol 3dd500mg. Bij pijn."
    live_server.workflow.remove_line(live_server.actor, draft, live_server.workflow.consult(draft).version, "L4")
    page.reload()
    waiting = page.get_by_role("textbox", name="Nieuwe regel bij Plan")
    waiting.wait_for()
    assert waiting.input_value() == "Paracetamol 3dd500mg. Bij pijn."


def test_two_tabs_keep_what_was_typed_in_each(page: Page) -> None:
    """One line in two tabs: a reload of the first has its own words, and shows those of the other. It saves, and the
    other still has what was typed there.
    """
    kept(page, "L1", " Een.")
    other = other_tab(page)
    with other.expect_response(lambda answer: answer.url.endswith("/getypt") and answer.ok):
        editor(other).fill("Sinds 3 dagen keelpijn. Twee.")
    page.reload()
    page.locator("#regel-L1").get_by_text("In een ander tabblad typte u hier").wait_for()
    assert editor(page).input_value() == "Sinds 3 dagen keelpijn. Een."
    with page.expect_response(lambda answer: answer.url.endswith("/getypt") and answer.ok):
        editor(page).press("Enter")
    becomes(page, BEFORE.replace("keelpijn.", "keelpijn. Een."))
    other.reload()
    other.locator("#regel-L1.contested").wait_for()
    assert editor(other).input_value() == "Sinds 3 dagen keelpijn. Twee."


def test_words_outlive_the_session(live_server: LiveServer, page: Page) -> None:
    """She logs out in another tab and types on in this one. It says at once that nothing is kept, and how to go on;
    Enter does not take the words away. When she is logged in again, they are kept and can be saved.
    """
    kept(page, "L1", " Voor.")
    other = other_tab(page)
    other.get_by_role("button", name="Uitloggen").click()
    other.wait_for_url("**/login*")
    page.bring_to_front()
    editor(page).focus()
    page.keyboard.type(" Na.")
    page.get_by_role("link", name="Log in (nieuw tabblad)").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('form[aria-busy]')")
    assert editor(page).input_value() == "Sinds 3 dagen keelpijn. Voor. Na."
    other.goto(live_server.start("/"))
    page.bring_to_front()
    page.get_by_text("U bent weer ingelogd").wait_for()
    editor(page).press("Enter")
    becomes(page, BEFORE.replace("keelpijn.", "keelpijn. Voor. Na."))


def test_words_are_cut_and_pasted_within_a_line_and_leave_by_no_clipboard(page: Page) -> None:
    """She turns a line round with Ctrl+X and Ctrl+V. The clipboard of the machine holds what it held."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    before = pasted(page)
    edit(page, "L2", "")
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+X")
    assert editor(page, "L2").input_value() == ""
    page.keyboard.type("Nu: ")
    page.keyboard.press("Control+V")
    assert editor(page, "L2").input_value() == "Nu: Neemt paracetamol."
    assert pasted(page) == before


def test_a_copy_is_on_record_when_it_was_made(live_server: LiveServer, page: Page, draft: UUID) -> None:
    """The answer to Akkoord was lost in a second tab: there it goes on to the copying as well. The browser refuses the
    clipboard: nothing is ticked until she says that she took the text by hand. A key that is held down is one copy.
    """
    nothing_missed(live_server, page, draft)
    line(page, "L4")
    page.keyboard.press("Enter")
    page.locator("#aandacht").wait_for(state="detached")
    other = other_tab(page)
    for one in (page, other):
        one.bring_to_front()
        one.locator("#akkoord").click()
        one.get_by_text("Akkoord van Demo-huisarts").wait_for()
        one.wait_for_load_state()
    other.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')) }")

    def copied() -> list[str]:
        return [one.part for one in live_server.workflow.review(live_server.actor, draft).deliveries]

    other.keyboard.press("o")
    taken = other.get_by_role("button", name="Ik heb het gekopieerd")
    taken.wait_for()
    assert copied() == []
    assert other.locator("[data-copied]", has_text="✓").count() == 0
    taken.click()
    other.locator("[data-copied]", has_text="✓").wait_for()
    assert copied() == ["O"]

    page.bring_to_front()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.down("a")
    page.locator("[data-copied]", has_text="✓").wait_for()
    page.keyboard.down("a")  # repeats
    page.keyboard.up("a")
    page.wait_for_timeout(300)
    assert copied() == ["O", "alles"]


def test_what_may_be_missed_is_answered_with_one_key(page: Page, live_server: LiveServer, draft: UUID) -> None:
    """The patient's allergy stands in no line, so Dr. Demo can't sign. She comes to it with n, says that it need not be
    in the note, undoes that, and takes it over to S. The conversation stays where it is all the while.
    """
    said = page.locator("#uiting-3")
    assert "mogelijk gemist" in said.inner_text()
    assert page.locator("#uiting-3 > .play").get_attribute("data-play") == said.get_attribute("data-spans")
    missed = page.locator("#gemist-3")

    def comes_to_it() -> None:
        for _ in range(3):
            page.keyboard.press("n")
            if page.evaluate("document.activeElement.closest('#gemist-3') !== null"):
                return
        raise AssertionError("n does not come to what may be missed")

    comes_to_it()
    page.keyboard.press("Delete")
    missed.wait_for(state="detached")
    page.wait_for_function("() => !document.querySelector('#uiting-3').textContent.includes('mogelijk gemist')")
    page.keyboard.press("Control+Z")
    missed.wait_for()
    comes_to_it()
    page.keyboard.press("s")
    missed.wait_for(state="detached")
    page.locator("#kopie", has_text="allergisch voor penicilline").wait_for()
    assert page.locator(".utterance").count() == len(TALK)


def test_on_a_phone_the_source_comes_to_the_line(page: Page) -> None:
    """On her phone Dr. Demo taps a line: what was said stands right below it, ready to be played."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.locator("#regel-L2 .line-text").click()
    below = page.locator("#regel-L2 .source-below")
    assert "Ik neem paracetamol." in below.inner_text()
    assert below.get_by_role("button", name="Luister vanaf 0:02").is_visible()
    page.locator("#regel-L1 .line-text").click()
    assert page.locator(".source-below").count() == 1
    assert not page.locator("#kopie").is_visible()  # not before nothing is asked any more
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_a_tablet_shows_note_and_conversation_side_by_side(page: Page) -> None:
    """Upright, as it lies on a desk: 768 pixels wide."""
    page.set_viewport_size({"width": 768, "height": 1024})
    note, source = page.locator(".note-side").bounding_box(), page.locator(".source-side").bounding_box()
    assert note is not None
    assert source is not None
    assert note["x"] + note["width"] <= source["x"]
    assert page.evaluate("document.documentElement.scrollWidth") == 768


def test_by_touch_a_sentence_shows_where_it_can_go(live_server: LiveServer, draft: UUID, chromium: Browser) -> None:
    """Dr. Demo checks on her telephone. She touches what the patient said of penicillin; the buttons for S, O, E and P
    come below it, and one touch makes a line of it.
    """
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(live_server.start(f"/consult/{draft}"))
    said = page.locator("#uiting-2")
    assert not said.get_by_role("button", name="O", exact=True).is_visible()
    said.locator("p").first.tap()
    said.get_by_role("button", name="O", exact=True).tap()
    page.locator(".line-text", has_text="De keel is rood.").wait_for()
    context.close()


def test_a_long_talk_scrolls_by_itself_whatever_stands_above_it(chromium: Browser) -> None:
    """Beside the note stands all that was said, below the player, the voices and the word on the sound: it has the rest
    of the screen and scrolls by itself, to its last words.
    """
    talk = [replace(one, speaker=Speaker.ONBEKEND) for one in TALK] * 12
    transcriber = ScriptedTranscriber(talk, sound=pair(GOOD, GOOD))
    with service_on_fakes(transcriber=transcriber, drafter=ScriptedDrafter(DRAFT)) as server:
        consult = drafted(server)
        page = chromium.new_page(viewport=WORKSTATION)
        page.goto(server.start(f"/consult/{consult}"))
        page.locator("#geluidskwaliteit").wait_for()
        said = page.locator("[data-talk]")
        said.evaluate("one => { one.scrollTop = one.scrollHeight }")
        last = said.locator("li").last.bounding_box()
        side = page.locator(".source-side").bounding_box()
        page.close()
    assert last is not None
    assert side is not None
    assert last["y"] + last["height"] <= side["y"] + side["height"] <= WORKSTATION["height"]
