"""People come in and work together: the set-up, an invitation, the log-in. Each docstring is the story."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from tests.clinic import Clinic
from tests.functional.conftest import on_a_socket
from tests.functional.test_browser_accessible import EXAMINE, TAGS, axe_script
from tests.functional.test_browser_review import DRAFT, TALK
from tests.functional.test_browser_story import PHONE, WORKSTATION
from tests.integration.test_web_elsewhere import NOT_THERE
from transcribe.accounts import STEP_S, code_at
from transcribe.asr.transcript import Transcript
from transcribe.consult import Action, AuditEvent, Change, Consult, Role, Space, Status
from transcribe.log_reading import LogReading
from transcribe.naming import Naming
from transcribe.oidc import provider_of
from transcribe.practice import Practice as TenantParts
from transcribe.recorder import Recorder
from transcribe.staff import Staff, readers
from transcribe.store.accounts import PostgresAccounts
from transcribe.store.keys import MasterKey
from transcribe.store.passwords import Argon2Passwords
from transcribe.store.postgres import PostgresStore
from transcribe.store.sessions import PostgresSessions
from transcribe.testing import MemoryAudioStore, MemorySpool, ScriptedDecoder
from transcribe.web.access import Access
from transcribe.web.application import create_app
from transcribe.workflow import Workflow
from transcribe.writer import Writer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PASSWORD, OTHER_PASSWORD = "vier paarden op zolder", "zeven lampen bij de sloot"


@dataclass
class Colleague:
    """A browser and a telephone."""

    page: Page
    secret: bytes = b""
    step: int = 0  # of the last code that was used
    problems: list[str] = field(default_factory=list)

    def scan(self) -> None:
        text = self.page.locator(".secret code").inner_text()
        self.secret = base64.b32decode(text.replace(" ", ""))

    def type_code(self) -> None:
        """The next one that was not used: the app would make one wait for it."""
        now = int(datetime.now(UTC).timestamp()) // STEP_S
        self.step = max(self.step + 1, now)
        assert self.step <= now + 1, "more than two codes in half a minute"
        self.page.locator("#code").fill(code_at(self.secret, self.step))
        self.page.keyboard.press("Enter")

    def look(self, state: str) -> None:
        """With a screen reader's eyes, on the telephone in the dark and on the desk."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(axe_script())
        for scheme, size in (("dark", PHONE), ("light", WORKSTATION)):
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            self.problems += [f"{state}: {one}" for one in self.page.evaluate(EXAMINE, [TAGS, None])]
            if self.page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                self.problems.append(f"{state}: sticks out sideways at {size['width']}")


@dataclass(frozen=True, kw_only=True)
class Practice:
    store: PostgresStore
    url: str
    ticket: Callable[[], str]
    colleague: Callable[[], Colleague]

    def drafted(self) -> UUID:
        now = datetime.now(UTC)
        consult = Consult(
            id=uuid4(), patient_ref="HIS-2024-1187", status=Status.DRAFTED, created_at=now, changed_at=now, version=1
        )
        event = AuditEvent(at=now, actor="transcribe", role=Role.SYSTEEM, action=Action.DRAFTED, consult_id=consult.id)
        talk = Transcript(utterances=TALK, model="proef@1", duration_s=18.0)
        self.store.apply(Change(consult=consult, audit=event, transcript=talk, note=DRAFT))
        return consult.id


@pytest.fixture
def practice(postgres_url: str, chromium: Browser) -> Iterator[Practice]:
    """One web server on PostgreSQL, with real passwords; nobody has an account yet."""
    master_key = MasterKey.of(os.urandom(32))
    colleagues: list[Colleague] = []
    with ExitStack() as stack:
        store = stack.enter_context(closing(PostgresStore(postgres_url, master_key)))
        accounts = stack.enter_context(PostgresAccounts(postgres_url, store.lasting))
        sessions = stack.enter_context(PostgresSessions(postgres_url))
        parts = {"store": store, "audio": MemoryAudioStore(), "spool": MemorySpool(), "writer": Writer(store)}
        space = Space(total=100, free=50)
        workflow = Workflow(
            **parts,  # type: ignore[arg-type]
            decoder=ScriptedDecoder(),
            space=lambda: space,
            staff=lambda of: readers(accounts, of),
        )
        recorder = Recorder(**parts, space=lambda: space)  # type: ignore[arg-type]
        made = TenantParts(
            name="",
            workflow=workflow,
            recorder=recorder,
            log_reading=LogReading(store, parts["writer"]),
            naming=Naming(store=store, writer=parts["writer"]),
        )
        access = Access("sleutel-voor-de-browserproef", sessions)
        app = create_app(
            practices=lambda _: made,
            accounts=Staff(
                accounts,
                Argon2Passwords(),
                practice="",
                keyed=store.lasting.mark,
                log=lambda _, *event: workflow.log(*event),
            ),
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

        def colleague() -> Colleague:
            context = chromium.new_context(viewport=WORKSTATION, reduced_motion="reduce")  # type: ignore[arg-type]
            stack.callback(context.close)
            made = Colleague(page=context.new_page())
            made.page.set_default_timeout(60_000)
            made.page.on("pageerror", lambda error: made.problems.append(str(error)))
            colleagues.append(made)
            return made

        yield Practice(store=store, url=url, ticket=access.ticket, colleague=colleague)
    assert [problem for one in colleagues for problem in one.problems] == []


def enrol(colleague: Colleague, password: str, name: str) -> None:
    """From the page of a password to the worklist."""
    page = colleague.page
    page.get_by_label("Nieuw wachtwoord", exact=True).fill(password)
    page.get_by_label("Nieuw wachtwoord, nog een keer").fill(password)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Een tweede stap bij het inloggen").wait_for()
    colleague.scan()
    colleague.look(f"tweede stap van {name}")
    colleague.type_code()
    page.get_by_role("heading", name="Bewaar deze herstelcodes").wait_for()
    colleague.look(f"herstelcodes van {name}")
    page.get_by_role("button", name="Verder").click()
    assert page.locator(".codes-kept").is_visible()  # not before it is said that they are kept
    page.get_by_label("Ik heb de herstelcodes bewaard.").check()
    page.get_by_role("button", name="Verder").click()
    page.get_by_role("heading", name="Werklijst").wait_for()
    assert name in page.locator("main").inner_text()


def test_a_practice_sets_up_works_together_and_says_goodbye(practice: Practice) -> None:
    """Dr. Jansen opens the link of the first start. Her first password is too short and is not taken; what else she
    filled in stays. She scans the picture, keeps the recovery codes and sees her worklist. She invites the locum and
    gives him the link; he chooses a password of his own. She passes a draft on to him, whose name the page knows, and
    he finds it on top of his list. He logs out, and in again with his password and a code. When he has left the
    practice she disables him, and the next thing he clicks is the log-in page.
    """
    jansen, neem = practice.colleague(), practice.colleague()
    page = jansen.page
    page.goto(f"{practice.url}/start?ticket={practice.ticket()}")
    page.get_by_role("heading", name="Transcribe inrichten").wait_for()
    jansen.look("inrichten")
    page.get_by_label("Naam van de praktijk").fill("Huisartsenpraktijk De Linde")
    page.get_by_label("Uw naam").fill("Dr. A. Jansen")
    page.get_by_label("Gebruikersnaam").fill("a.jansen")
    page.get_by_label("Nieuw wachtwoord", exact=True).fill("kort")
    page.get_by_label("Nieuw wachtwoord, nog een keer").fill("kort")
    page.keyboard.press("Enter")
    page.get_by_text("Kies een wachtwoord van 12 tekens of meer.").wait_for()
    assert page.get_by_label("Uw naam").input_value() == "Dr. A. Jansen"
    jansen.look("inrichten, fout")
    enrol(jansen, PASSWORD, "Dr. A. Jansen")

    page.get_by_role("link", name="Medewerkers").click()
    page.get_by_label("Naam", exact=True).fill("W. Neem")
    page.get_by_label("Gebruikersnaam").fill("w.neem")
    page.locator("#rol").select_option("waarnemer")
    page.get_by_role("button", name="Maak een uitnodiging").last.click()
    link = page.get_by_label("Link voor W. Neem").input_value()
    jansen.look("medewerkers")

    other = neem.page
    other.goto(link)
    other.get_by_role("heading", name="Welkom, W. Neem").wait_for()
    neem.look("uitnodiging")
    other.get_by_role("button", name="Begin").click()
    other.get_by_role("heading", name="Kies een wachtwoord").wait_for()
    neem.look("wachtwoord kiezen")
    enrol(neem, OTHER_PASSWORD, "W. Neem")
    assert other.get_by_role("link", name="Medewerkers").count() == 0

    consult_id = practice.drafted()
    page.goto(f"{practice.url}/consult/{consult_id}")
    page.locator("#overdragen summary").click()
    page.get_by_label("Aan wie").fill("w. neem")
    page.get_by_role("button", name="Draag over").click()
    page.locator("#wacht").get_by_text("Dit verslag wacht op W. Neem.").wait_for()
    other.goto(practice.url)
    assert other.locator("h2").all_inner_texts() == ["Voor u 1"]
    assert "van Dr. A. Jansen" in other.locator(f"#c-{consult_id}").inner_text()

    other.get_by_role("button", name="Uitloggen").click()
    other.get_by_role("heading", name="Inloggen").wait_for()
    neem.look("inloggen")
    assert other.evaluate("document.activeElement.id") == "naam"
    other.keyboard.type("w.neem")
    other.keyboard.press("Tab")
    other.keyboard.type(OTHER_PASSWORD)
    other.keyboard.press("Enter")
    other.get_by_role("heading", name="Tweede stap").wait_for()
    neem.look("code")
    neem.type_code()
    other.get_by_role("heading", name="Werklijst").wait_for()
    other.get_by_role("link", name="Mijn account").click()
    other.get_by_text("(dit scherm)").wait_for()
    neem.look("mijn account")

    page.get_by_role("link", name="Medewerkers").click()
    person = page.locator(".person", has_text="W. Neem")
    person.get_by_text("Uitschakelen").click()
    person.get_by_role("button", name="Schakel uit").click()
    person.get_by_text("uitgeschakeld").wait_for()
    other.get_by_role("link", name="Werklijst").click()
    other.get_by_role("heading", name="Inloggen").wait_for()
    done = [(event.actor, event.action) for event in practice.store.events()]
    assert done[-1] == ("Dr. A. Jansen", Action.ACCOUNT_DISABLED)
    assert ("W. Neem", Action.LOGGED_IN) in done


def test_another_telephone(practice: Practice) -> None:
    """Dr. Jansen has a new telephone. She gives her password, scans the new picture, and gets new recovery codes; she
    stays logged in where she is.
    """
    jansen = practice.colleague()
    page = jansen.page
    page.goto(f"{practice.url}/start?ticket={practice.ticket()}")
    page.get_by_label("Naam van de praktijk").fill("De Linde")
    page.get_by_label("Uw naam").fill("Dr. A. Jansen")
    page.get_by_label("Gebruikersnaam").fill("a.jansen")
    enrol(jansen, PASSWORD, "Dr. A. Jansen")
    page.get_by_role("link", name="Mijn account").click()
    page.get_by_role("link", name="Nieuwe telefoon").click()
    page.get_by_role("heading", name="Nieuwe telefoon").wait_for()
    jansen.look("nieuwe telefoon")
    before, jansen.step = jansen.secret, 0
    jansen.scan()
    assert jansen.secret != before
    page.get_by_label("Huidig wachtwoord").fill(PASSWORD)
    jansen.type_code()
    page.get_by_role("heading", name="Bewaar deze herstelcodes").wait_for()
    page.get_by_label("Ik heb de herstelcodes bewaard.").check()
    page.get_by_role("button", name="Verder").click()
    page.get_by_role("heading", name="Werklijst").wait_for()


def test_with_a_provider_enter_is_enough(chromium: Browser) -> None:
    """The practice logs in at Dezi: the cursor stands at its button, and Enter goes there. Dezi is away: then the
    cursor is in the user name, for who has a password as well.
    """
    clinic = Clinic(provider=lambda keyed: provider_of(NOT_THERE, keyed))
    clinic.set_up()
    with on_a_socket(clinic.app) as url:
        context = chromium.new_context(viewport=WORKSTATION)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{url}/login")
        page.wait_for_function("() => document.activeElement.textContent === 'Inloggen met Dezi'")
        page.keyboard.press("Enter")
        page.get_by_text("Dezi is nu niet te bereiken").wait_for()
        page.wait_for_function("() => document.activeElement.id === 'naam'")
        context.close()
