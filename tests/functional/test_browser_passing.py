"""A draft goes to a colleague and back: two doctors, each with a web server of their own on one PostgreSQL. Each
docstring is the story.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from tests.functional.conftest import on_a_socket
from tests.functional.test_browser_review import DRAFT, TALK
from tests.functional.test_browser_story import WORKSTATION, confirm_all
from transcribe.asr.transcript import Transcript
from transcribe.consult import Action, Actor, AuditEvent, Change, Consult, Role, Space, Status
from transcribe.log_reading import LogReading
from transcribe.naming import Naming
from transcribe.practice import Practice
from transcribe.recorder import Recorder
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore
from transcribe.testing import MemoryAudioStore, MemorySpool, ScriptedDecoder, confirm_seen
from transcribe.web.access import Access
from transcribe.web.application import create_app
from transcribe.workflow import MAX_NAME, Workflow
from transcribe.writer import Writer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

JANSEN = Actor(name="Dr. A. Jansen", role=Role.HUISARTS)
NEEM = Actor(name="W. Neem", role=Role.WAARNEMER)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where one person works: a web server and a browser."""

    store: PostgresStore
    workflow: Workflow
    actor: Actor
    url: str
    page: Page

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page


@pytest.fixture
def desk(postgres_url: str, chromium: Browser) -> Iterator[Callable[[Actor], Desk]]:
    """What a person's web server and browser are; the database and its key are shared."""
    key = os.urandom(32)
    problems: list[str] = []
    with ExitStack() as stack:

        def opened(actor: Actor) -> Desk:
            store = stack.enter_context(closing(PostgresStore(postgres_url, MasterKey.of(key))))
            parts = {"store": store, "audio": MemoryAudioStore(), "spool": MemorySpool(), "writer": Writer(store)}
            space = Space(total=100, free=50)
            workflow = Workflow(**parts, decoder=ScriptedDecoder(), space=lambda: space)  # type: ignore[arg-type]
            recorder = Recorder(**parts, space=lambda: space)  # type: ignore[arg-type]
            access = Access("sleutel-voor-de-browserproef")
            app = create_app(
                practices=lambda _: Practice(
                    name="",
                    workflow=workflow,
                    recorder=recorder,
                    log_reading=LogReading(store, Writer(store)),
                    naming=Naming(store=store, writer=Writer(store)),
                ),
                actor=actor,
                access=access,
                demo=None,
                ui_language="nl",
                max_upload_mb=100,
                idle_minutes=30,
                version="0",
                space=lambda: space,
                min_free_percent=5,
            )
            url = stack.enter_context(on_a_socket(app))
            context = chromium.new_context(viewport=WORKSTATION)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(f"{url}/start?ticket={access.ticket()}")
            return Desk(store=store, workflow=workflow, actor=actor, url=url, page=page)

        yield opened
    assert problems == []


@pytest.fixture
def jansen(desk: Callable[[Actor], Desk]) -> Desk:
    return desk(JANSEN)


@pytest.fixture
def neem(desk: Callable[[Actor], Desk]) -> Desk:
    return desk(NEEM)


def drafted(desk: Desk, reference: str = "HIS-2024-1187") -> UUID:
    now = datetime.now(UTC)
    consult = Consult(
        id=uuid4(), patient_ref=reference, status=Status.DRAFTED, created_at=now, changed_at=now, version=1
    )
    event = AuditEvent(
        at=now, actor=desk.actor.name, role=desk.actor.role, action=Action.DRAFTED, consult_id=consult.id
    )
    talk = Transcript(utterances=TALK, model="proef@1", duration_s=18.0)
    desk.store.apply(Change(consult=consult, audit=event, transcript=talk, note=DRAFT))
    return consult.id


def log(desk: Desk, consult_id: UUID) -> list[tuple[str, str, str]]:
    passing = {Action.PASSED_ON, Action.SENT_BACK, Action.TAKEN_OVER, Action.APPROVED}
    found = [one for one in desk.store.events(consult_id) if one.action in passing]
    return [(one.actor, one.action.value, "" if one.action is Action.APPROVED else one.whom) for one in found]


def pass_on(page: Page, name: str, message: str = "") -> None:
    """To somebody whose name is new here: that is asked once, and what was filled in stays."""
    page.locator("#overdragen summary").click()
    page.get_by_label("Aan wie").fill(name)
    page.locator("#overdragen-bericht").fill(message)
    page.get_by_role("button", name="Draag over").click()
    page.get_by_text("Nog niemand met deze naam heeft hier gewerkt. Klopt de naam?").wait_for()
    assert page.get_by_label("Aan wie").input_value() == name
    assert page.locator("#overdragen-bericht").input_value() == message
    page.get_by_role("button", name="Ja, draag over").click()
    page.locator("#wacht").get_by_text(f"Dit verslag wacht op {name}.").wait_for()


def test_a_draft_goes_to_the_locum_and_comes_back(jansen: Desk, neem: Desk) -> None:
    """Dr. Jansen goes home. She passes a draft on to the locum with a word about the dose, and sees on her worklist
    for whom it waits; as he is new here, the page asks first whether his name is right. Locum Neem finds it on top of
    his, reads her message, mends the dose and sends it back with a question. She signs, and the signed page says
    through whose hands it went; nothing of the messages is left.
    """
    consult_id = drafted(jansen)
    drafted(jansen, "HIS-2024-1188")
    page = jansen.go(f"/consult/{consult_id}")
    pass_on(page, "W. Neem", "Graag de dosering nakijken.")
    assert page.evaluate("document.activeElement.id") == "wacht"
    assert page.locator("#akkoord").count() == 0
    assert not page.locator("#regel-L1 .icon-edit").is_visible()
    page = jansen.go("/")
    assert page.locator("h2").all_inner_texts() == ["Te controleren 1", "Wacht op een collega 1"]
    assert "Wacht op W. Neem" in page.locator(f"#c-{consult_id}").inner_text()

    page = neem.go("/")
    assert page.locator("h2").all_inner_texts() == ["Voor u 1", "Te controleren 1"]
    row = page.locator(f"#c-{consult_id}")
    assert "Wacht op uw controle" in row.inner_text()
    assert "van Dr. A. Jansen" in row.inner_text()
    row.click()
    page.wait_for_url(f"**/consult/{consult_id}")
    page.get_by_text("“Graag de dosering nakijken.”").wait_for()
    page.locator("#regel-L4").focus()
    page.keyboard.press("e")
    page.locator("#regel-L4 textarea").fill("Paracetamol 4dd500mg.")
    # what is not saved would stay behind: that is said first
    page.locator("#terugsturen summary").click()
    page.locator("#terugsturen-bericht").fill("Klopt 4dd?")
    page.get_by_role("button", name="Stuur terug").click()
    page.get_by_text("Er staat nog een regel open").wait_for()
    page.locator("#regel-L4 textarea").press("Enter")
    page.get_by_text("Paracetamol 4dd500mg.").first.wait_for()
    assert page.locator("#terugsturen-bericht").input_value() == "Klopt 4dd?"
    if not page.locator("#terugsturen-bericht").is_visible():
        page.locator("#terugsturen summary").click()
    page.get_by_role("button", name="Stuur terug").click()
    page.locator("#wacht").get_by_text("Dit verslag wacht op Dr. A. Jansen.").wait_for()

    page = jansen.go(f"/consult/{consult_id}")
    page.get_by_text("Overgedragen door W. Neem.").wait_for()
    page.get_by_text("“Klopt 4dd?”").wait_for()
    confirm_all(page)
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Kopieer alles").wait_for()
    page.get_by_text("Overgedragen door W. Neem.").wait_for()
    assert page.get_by_text("Klopt 4dd?").count() == 0
    assert jansen.store.message(consult_id) == ""
    assert log(jansen, consult_id) == [
        ("Dr. A. Jansen", "verslag overgedragen", "W. Neem"),
        ("W. Neem", "verslag teruggestuurd", "Dr. A. Jansen"),
        ("Dr. A. Jansen", "verslag geaccordeerd", ""),
    ]
    # whoever signed here is offered next time
    page = neem.go(f"/consult/{drafted(neem, 'HIS-2024-1189')}")
    assert page.locator("#collegas option").evaluate_all("all => all.map((one) => one.value)") == ["Dr. A. Jansen"]


def test_a_signature_does_not_take_a_half_filled_form_with_it(jansen: Desk) -> None:
    """Dr. Jansen fills in to whom and why, is called away, and presses Ctrl+Enter when she is back. Nothing is signed:
    the form stands open with what she wrote, also after the page asked about the name. She empties it, and signs.
    """
    consult_id = drafted(jansen)
    page = jansen.go(f"/consult/{consult_id}")
    confirm_all(page)
    name, message = page.get_by_label("Aan wie"), page.locator("#overdragen-bericht")
    page.locator("#overdragen summary").click()
    message.fill("Graag de dosering nakijken.")
    page.locator("#overdragen summary").click()
    page.locator("#h-kopie").click()
    page.keyboard.press("Control+Enter")
    page.get_by_text("Er is iets ingevuld dat nog niet bewaard is").wait_for()
    assert message.is_visible()
    name.fill("W. Neem")
    page.get_by_role("button", name="Draag over").click()
    page.get_by_role("button", name="Ja, draag over").wait_for()
    page.locator("#h-kopie").click()
    page.keyboard.press("Control+Enter")
    page.get_by_text("Er is iets ingevuld dat nog niet bewaard is").wait_for()
    assert (name.input_value(), message.input_value()) == ("W. Neem", "Graag de dosering nakijken.")
    assert jansen.store.consult(consult_id).status is Status.DRAFTED
    name.fill("")
    message.fill("")
    page.locator("#h-kopie").click()
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Kopieer alles").wait_for()


def test_the_longest_name_makes_no_page_wider_than_a_phone(jansen: Desk, desk: Callable[[Actor], Desk]) -> None:
    """Dr. Jansen, on her phone, passes a draft on to somebody with a name of a hundred letters and no blank, gets it
    back, passes it on again, and looks what was signed. No page is, nor that of the assistant, wider than the phone.
    """
    long = desk(Actor(name="W" * MAX_NAME, role=Role.WAARNEMER))
    page, consult_id = jansen.page, drafted(jansen)
    assistant = desk(Actor(name="A. Balie", role=Role.ASSISTENTE))
    for one in (page, assistant.page):
        one.set_viewport_size({"width": 390, "height": 844})

    def fits() -> None:
        assistant.go(f"/consult/{consult_id}")
        assert assistant.page.evaluate("document.documentElement.scrollWidth") == 390
        jansen.go(f"/consult/{consult_id}")
        for ask in page.locator("#wacht details:not([open]) summary").all():
            ask.click()
        assert page.evaluate("document.documentElement.scrollWidth") == 390

    def version() -> int:
        return jansen.store.consult(consult_id).version

    jansen.workflow.pass_on(JANSEN, consult_id, version(), long.actor.name)
    fits()
    long.workflow.send_back(long.actor, consult_id, version())
    fits()
    jansen.workflow.pass_on(JANSEN, consult_id, version(), long.actor.name)
    for line_id in long.workflow.review(long.actor, consult_id).flags:
        confirm_seen(long.workflow, long.actor, consult_id, line_id)
    long.workflow.approve(long.actor, consult_id, long.workflow.review(long.actor, consult_id).sha256)
    fits()


def test_what_is_being_typed_survives_that_it_went_to_a_colleague(jansen: Desk, neem: Desk) -> None:
    """Locum Neem is in the middle of a line when Dr. Jansen passes the draft on to somebody else. Saving is refused,
    with for whom it waits. He presses i: it is his, what he typed stands there still, and he saves it.
    """
    consult_id = drafted(jansen)
    page = neem.go(f"/consult/{consult_id}")
    page.locator("#regel-L4").focus()
    page.keyboard.press("e")
    page.wait_for_selector("#regel-L4 textarea:focus")
    page.keyboard.type(" Zo nodig.")
    jansen.workflow.pass_on(JANSEN, consult_id, jansen.store.consult(consult_id).version, "D. Derde")
    page.keyboard.press("Enter")
    page.locator("#melding").get_by_text(
        "Dit verslag wacht op D. Derde. Wijzigen en akkoord geven kan pas na"
    ).wait_for()
    page.locator("#wacht").get_by_text("Overgedragen door Dr. A. Jansen.").wait_for()
    area = page.locator("#regel-L4 textarea")
    assert area.input_value() == "Paracetamol 3dd500mg. Zo nodig."
    page.locator("#regel-L1").focus()
    page.keyboard.press("i")
    page.locator("#akkoord").wait_for()
    assert area.input_value() == "Paracetamol 3dd500mg. Zo nodig."
    area.press("Enter")
    page.locator("#regel-L4 [data-text]").get_by_text("Paracetamol 3dd500mg. Zo nodig.").wait_for()
    assert neem.store.consult(consult_id).waits_for == "W. Neem"
    assert log(neem, consult_id)[-1] == ("W. Neem", "verslag overgenomen", "D. Derde")


def test_of_two_who_take_it_over_the_second_sees_who_was_first(jansen: Desk, neem: Desk) -> None:
    """A draft waits for a colleague who is ill. Dr. Jansen and locum Neem both open it and both take it over. He is
    first; her page says that it waits for him.
    """
    consult_id = drafted(jansen)
    jansen.workflow.pass_on(NEEM, consult_id, 1, "D. Derde")
    pages = [one.go(f"/consult/{consult_id}") for one in (neem, jansen)]
    for page in pages:
        page.get_by_role("button", name="Ik neem het over").wait_for()
    pages[0].get_by_role("button", name="Ik neem het over").click()
    pages[0].locator("#akkoord").wait_for()
    pages[1].get_by_role("button", name="Ik neem het over").click()
    pages[1].locator("#melding").get_by_text("Dit verslag wacht op W. Neem.").wait_for()
    pages[1].locator("#wacht").get_by_text("Dit verslag wacht op W. Neem.").wait_for()
    assert jansen.store.consult(consult_id).waits_for == "W. Neem"


def test_a_consult_that_is_nobody_elses_opens_in_an_emergency_and_that_is_told(jansen: Desk, neem: Desk) -> None:
    """Dr. Jansen closes the consult of a patient who works in the practice. Locum Neem sees that there is one and not
    of whom. At night the patient rings: he finds it by the number that she gives, says why he must see it, and reads
    it. The next morning Dr. Jansen has it on top of her worklist, and gives the consult back to the practice.
    """
    consult_id = drafted(jansen, "HIS-2024-0007")
    page = jansen.go(f"/consult/{consult_id}")
    page.locator("#afschermen summary").click()
    page.get_by_role("button", name="Ja, afschermen").click()
    page.get_by_text("Afgeschermd: alleen voor Dr. A. Jansen.").wait_for()

    page = neem.go("/")
    assert "HIS-2024-0007" not in page.content()
    assert "Afgeschermd consult" in page.locator(f"#c-{consult_id}").inner_text()
    page.get_by_label("Patiëntkenmerk").fill("HIS-2024-0007")
    page.get_by_role("button", name="Zoek", exact=True).click()
    page.locator(f"#c-{consult_id} a").click()
    page.get_by_role("heading", name="Afgeschermd consult").wait_for()
    assert DRAFT.reports[0].lines[0].text not in page.content()
    page.get_by_role("button", name="Ja, open met noodtoegang").click()  # a reason must be chosen: the browser says so
    assert page.get_by_role("heading", name="Afgeschermd consult").is_visible()
    page.get_by_label("De patiënt heeft nu zorg nodig").check()
    page.get_by_role("button", name="Ja, open met noodtoegang").click()
    page.locator("#regel-L1").wait_for()
    assert "Noodtoegang tot" in page.locator("#afgeschermd").inner_text()

    page = jansen.go("/")
    told = page.locator("#noodtoegang")
    assert "W. Neem opende met noodtoegang uw afgeschermde consult van HIS-2024-0007" in told.inner_text()
    told.get_by_role("link", name="Open het consult").click()
    page.locator("#openstellen summary").click()
    page.get_by_role("button", name="Ja, opheffen").click()
    page.locator("#afgeschermd").wait_for(state="detached")
    assert neem.go(f"/consult/{consult_id}").locator("#regel-L1").count() == 1
