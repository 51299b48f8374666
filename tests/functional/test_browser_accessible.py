"""Every page for everybody: nothing that axe-core finds wrong, and the whole way from log-in to log-out by keyboard.

Each state of a page is examined twice: in Dutch, and in English with the other colours (light, dark) and the other size
(workstation, phone). From one state to the next that turns, so that the pages together are seen in every way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from tests.functional.conftest import LiveServer, service_on_fakes
from tests.functional.test_browser_review import DRAFT, TALK
from tests.functional.test_browser_story import SETTLED_MS, drafted
from tests.live_server import GP, LiveHouse, served
from tests.microphone import PHONE, WORKSTATION, chromium_program, fake_microphone, noise, write_wav
from transcribe.asr.transcript import Transcript
from transcribe.consult import Action, Actor, AuditEvent, Change, Emergency, Reason, Role, Status
from transcribe.ports import Growing
from transcribe.soep.note import Line, Report, Section
from transcribe.testing import ScriptedDrafter, ScriptedTranscriber, confirm_seen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOCUM = Actor(name="Mw. dr. Everdina van Oudenhove-Slingerland", role=Role.WAARNEMER)
#: English is two further than Dutch: of each state it has the other colours and the other size.
VIEWS = (("light", WORKSTATION), ("dark", WORKSTATION), ("dark", PHONE), ("light", PHONE))
#: Two problems; a dose that was poorly heard and a line that nobody said; something that may be missed.
DRAFTED = replace(
    DRAFT,
    reports=(
        replace(DRAFT.reports[0], title="Keelpijn"),
        Report(id="R2", title="Oor", lines=(Line(id="L5", section=Section.E, text="Otitis media."),)),
    ),
    next_line=6,
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's chromium, with a sound as its microphone."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra dev installs playwright")
    file = write_wav(tmp_path_factory.mktemp("microfoon") / "ruis.wav", noise(30, 16_000, seed=1), 16_000)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_program(), args=fake_microphone(file))
        yield browser
        browser.close()


@pytest.fixture
def live_server() -> Iterator[LiveServer]:
    with service_on_fakes(transcriber=ScriptedTranscriber(TALK), drafter=ScriptedDrafter(DRAFTED)) as server:
        yield server


def axe_script() -> str:
    axe = pytest.importorskip("axe_playwright_python.base", reason="the extra dev installs axe-playwright-python")
    return str(axe.AXE_SCRIPT)


@dataclass
class Examined:
    """One page in one language, and what was found wrong with it in each state that it was brought to."""

    page: Page
    base: str
    language: str
    found: list[str] = field(default_factory=list)
    looks: int = 0

    def go(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def look(self, state: str, *, within: str | None = None) -> None:
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(axe_script())
        scheme, size = VIEWS[(self.looks + 2 * (self.language == "en")) % len(VIEWS)]
        self.looks += 1
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size(size)
        where = f"{state} ({self.language}, {scheme}, {size['width']})"
        self.found += [f"{where}: {problem}" for problem in self.page.evaluate(EXAMINE, [TAGS, within])]
        if self.page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            self.found.append(f"{where}: sticks out sideways")
        self.page.set_viewport_size(WORKSTATION)


#: The bar that sticks to the bottom of the review lies over a part of this or that until one scrolls: it is put where
#: it is at the end of the page. Of an open dialog only itself is examined (``within``): it covers what is behind it.
EXAMINE = """async ([tags, within]) => {
  const bar = document.querySelector(".approve");
  if (bar) bar.style.position = "static";
  const found = await axe.run(within ?? document, { runOnly: tags, resultTypes: ["violations"] });
  if (bar) bar.style.position = "";
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 300)).join(" | ")}`);
}"""


@pytest.fixture(params=["nl", "en"])
def examined(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Callable[[str], Examined]]:
    """A page of that service, in one language; at the end nothing may have been found."""
    all_of_them: list[Examined] = []
    language: str = request.param

    def opened(base: str) -> Examined:
        context = browser.new_context(viewport=WORKSTATION, reduced_motion="reduce")
        context.add_cookies([{"name": "taal", "value": language, "url": base}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        all_of_them.append(Examined(page, base, language))
        return all_of_them[-1]

    yield opened
    for one in all_of_them:
        one.page.context.close()
    found = [problem for one in all_of_them for problem in one.found]
    assert not found, "\n".join(found)


# --- pages ---------------------------------------------------------------------------------------------------------


def test_around_the_consults(live_server: LiveServer, examined: Callable[[str], Examined]) -> None:
    """Logging in, the worklist empty and full, searching, a new consult, style, what is not there."""
    seen = examined(live_server.url)
    page = seen.go("/login")
    seen.look("log-in")
    page.locator("#sleutel").fill("onzin")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    seen.look("log-in refused")
    page.goto(live_server.start())
    seen.look("worklist, empty")
    seen.go("/consult/nieuw")
    page.locator("#anders > summary").click()
    page.locator("[name=anderen]").check()
    page.locator("#wilsbekwaam").select_option("nee")
    page.locator("#leeftijd").select_option("12-15")
    seen.look("new consult")
    page.locator("[name=antwoord][value=ja]").focus()
    page.locator("#kenmerk").fill("")

    workflow, actor = live_server.workflow, live_server.actor
    for number in range(27):
        workflow.create(actor, f"HIS-{number}")
    workflow.discard(actor, workflow.create(actor, "HIS-27").id)
    drafted(live_server)
    seen.go("/")
    seen.look("worklist, full")
    page.locator("[name=kenmerk]").fill("niemand")
    page.keyboard.press("Enter")
    page.locator(".nothing").wait_for()
    seen.look("nothing found")
    seen.go("/bestaat-niet")
    seen.look("not there")
    seen.go("/testgesprek")
    seen.look("test call")
    seen.go("/stem")
    page.locator("[data-agreed]").check()
    page.locator("[data-voice] summary").click()
    seen.look("a profile of one's own voice")
    seen.go("/toestemming/teksten")
    seen.look("texts for the patient")
    for text in ("folder", "wachtkamer"):
        seen.go(f"/toestemming/tekst/{text}-{seen.language}-2026-11")
        seen.look(text)
    seen.go("/opnamen")
    seen.look("recordings, none chosen")
    page.locator("#bestanden").set_input_files(
        [{"name": f"a {who}.wav", "mimeType": "audio/wav", "buffer": b"RIFF"} for who in ("huisarts", "patient")]
    )
    page.locator("[data-apart]").wait_for()
    page.locator("[data-more] summary").click()
    seen.look("recordings, a row with all of it")
    page.locator("[data-remove]").click()
    seen.go("/stijl")
    seen.look("style, empty")
    page.locator("#gezegd").fill("bloeddruk")
    page.locator("#geschreven").fill("RR")
    page.keyboard.press("Enter")
    page.locator(".rule").wait_for()
    page.locator("#woord").fill("macrogol")
    page.keyboard.press("Enter")
    page.locator(".rule").nth(1).wait_for()
    seen.look("style")


def test_checking_and_copying(live_server: LiveServer, examined: Callable[[str], Examined]) -> None:
    """A draft with flags, everything of it open, changed by two; signed, copied, opened again, withdrawn."""
    workflow, actor = live_server.workflow, live_server.actor
    consult = drafted(live_server)
    seen = examined(live_server.url)
    page = seen.page
    page.goto(live_server.start(f"/consult/{consult}"))
    page.wait_for_load_state()
    seen.look("review")

    page.keyboard.press("j")
    page.keyboard.press("Delete")
    page.locator("#verwijderd").wait_for()
    page.wait_for_timeout(SETTLED_MS)
    page.keyboard.press("Delete")
    page.wait_for_function("() => document.querySelectorAll('#verwijderd li').length === 2")
    page.keyboard.press("Control+z")
    page.locator("[data-action=opnieuw-doen]").wait_for()
    for opens in ("#verwijderd", "#gemist", "#weggelaten", "#icpc-R1-E", "#icpc-R2-E", "#nieuw-R1-P", "#sprekers"):
        page.locator(opens).evaluate_all("all => all.forEach((one) => { one.open = true })")
    page.locator("#regel-L4 [data-edit]").click()
    page.locator("#uiting-1 .play").focus()
    seen.look("review, everything open")
    page.locator("#regel-L4 textarea").fill("Paracetamol 4dd500mg.")
    workflow.edit_line(actor, consult, workflow.consult(consult).version, "L4", "Paracetamol 2dd500mg.")
    page.locator("#regel-L4 textarea").press("Enter")
    page.locator(".contested").wait_for()
    seen.look("review, changed by two")
    page.locator("#regel-L4 [data-cancel]").click()
    page.locator("#intrekken summary").click()
    seen.look("review, withdrawing", within="#intrekken")
    page.locator("#toetsen summary").click()
    seen.look("review, keys", within="#toetsen")
    page.locator("#overdragen summary").click()
    seen.look("review, passing on", within="#overdragen")
    page.locator("#overdragen-naam").fill(LOCUM.name)
    page.locator("#overdragen-bericht").fill("Graag de dosering nakijken.")
    page.locator("#overdragen-naam").press("Enter")
    page.locator("#overdragen [name=bevestigd]").wait_for(state="attached")
    seen.look("review, passing on to a new name", within="#overdragen")
    page.locator("#overdragen-naam").press("Enter")
    page.locator("#wacht [data-action=overnemen]").wait_for()
    seen.look("review, waits for a colleague")
    seen.go("/")
    seen.look("worklist, one waits for a colleague")
    workflow.send_back(LOCUM, consult, workflow.consult(consult).version, "Wel links?")
    seen.go("/")
    seen.look("worklist, sent back")
    seen.go(f"/consult/{consult}")
    page.wait_for_load_state()
    seen.look("review, sent back")
    page.locator("#terugsturen summary").click()
    seen.look("review, sending back", within="#terugsturen")

    workflow.close(actor, consult, workflow.consult(consult).version)
    workflow.open_in_emergency(replace(LOCUM, name="Z. Ander"), consult, Emergency.ABSENT)
    seen.go(f"/consult/{consult}")
    page.wait_for_load_state()
    seen.look("review, closed to colleagues")
    seen.go("/")
    seen.look("worklist, an emergency")

    for line in workflow.review(actor, consult, first=False).flags:
        confirm_seen(workflow, actor, consult, line)
    for missed in workflow.review(actor, consult, first=False).pressing:
        workflow.dismiss(actor, consult, workflow.consult(consult).version, missed.utterance)
    workflow.approve(actor, consult, workflow.review(actor, consult, first=False).sha256)
    seen.go(f"/consult/{consult}")
    page.wait_for_load_state()
    page.locator("#wissen summary").click()
    seen.look("approved, several problems")
    page.locator("#wijzigen summary").click()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()) }")
    page.keyboard.press("p")
    page.locator("[data-by-hand]").wait_for()
    seen.look("copied by hand")
    page.evaluate("document.querySelector('[data-copy=alles]').submit()")
    page.locator("textarea[readonly]").wait_for()
    seen.look("copied without a script")
    seen.go(f"/consult/{consult}/wijzigen")
    seen.look("review, after approval")
    workflow.edit_line(actor, consult, workflow.consult(consult).version, "L5", "Otitis externa.")
    workflow.merge_report(actor, consult, workflow.consult(consult).version, "R2")
    for line in workflow.review(actor, consult, first=False).flags:
        confirm_seen(workflow, actor, consult, line)
    seen.go(f"/consult/{consult}")
    seen.look("review, changed after approval")
    workflow.approve(actor, consult, workflow.review(actor, consult, first=False).sha256)
    seen.go(f"/consult/{consult}")
    seen.look("approved, one problem")
    workflow.withdraw(actor, consult)
    seen.go(f"/consult/{consult}")
    seen.look("withdrawn")


def test_recording_and_writing_out(examined: Callable[[str], Examined]) -> None:
    """The recorder, the growing note, another screen; the consult while it is written out, and when that stopped."""
    house = LiveHouse()
    with served(house.app) as base:
        seen = examined(base)
        page = seen.page
        consult = house.begin(status=Status.CONSENTED)
        house.spool.delete(consult)
        page.goto(f"{base}/start?ticket={house.access.ticket()}&naar=/consult/{consult}")
        page.locator("[data-do=start]:enabled").wait_for()
        page.locator("[data-upload-fold] summary").click()
        page.locator("[value=huisarts-links]").first.check()
        seen.look("recorder")
        page.locator("[value=gemengd]").first.check()
        page.locator("[data-do=start]").click()
        page.locator("[data-tone=running]").wait_for()
        page.locator("#groei:visible").wait_for()
        house.store.keep(consult, Growing(note=DRAFTED, transcript=Transcript(utterances=TALK, duration_s=20.0)), None)
        page.locator("#groei .growing-part").first.wait_for()
        page.locator("#groei button.quiet").click()
        page.locator("#groei .growing-talk").wait_for()
        seen.look("recording, with the growing note")
        page.keyboard.press("p")
        page.locator("[data-tone=paused]").wait_for()
        seen.look("recording, paused")
        page.goto("about:blank")

        elsewhere = house.begin(UUID(int=2))
        seen.go(f"/consult/{elsewhere}")
        page.locator("[data-do=here]:visible").wait_for()
        page.locator("#opname-stand p").wait_for()
        seen.look("recording, elsewhere")
        for status, fields in {
            Status.NEW: {},
            Status.RECORDED: {"audio_s": 90.0, "progress_s": 30.0},
            Status.TRANSCRIBED: {"audio_s": 90.0},
            Status.REFUSED: {},
            Status.ERASED: {"patient_ref": ""},
        }.items():
            seen.go(f"/consult/{at(house, status, **fields)}")
            seen.look(f"consult {status.value}")
        seen.go(f"/consult/{at(house, Status.PAUSED, audio_s=90.0)}")
        page.locator("[data-do=here]:visible").wait_for()
        seen.look("recording, goes on after its end")
        closed = at(house, Status.RECORDED, audio_s=90.0, readers=(LOCUM.name,))
        seen.go(f"/consult/{closed}")
        seen.look("closed to who looks")
        page.locator("[name=reden]").first.check()
        page.get_by_role("button", name=re.compile("noodtoegang|emergency")).click()
        page.locator("#afgeschermd").wait_for()
        seen.look("opened in an emergency")
        late = at(house, Status.RECORDED, audio_s=90.0)
        seen.go(f"/consult/{late}")
        page.evaluate(LEFT_HERE, str(late))
        page.reload()
        page.locator("[data-rest]:visible").wait_for()
        seen.look("sound that came too late")
        for reason in (Reason.NO_SPEECH, Reason.NO_MODEL):
            seen.go(f"/consult/{at(house, Status.RECORDED, reason=reason, audio_s=90.0)}")
            seen.look(f"stopped, {reason.value}")


#: Ten frames of a consult that never came in.
LEFT_HERE = """async (consult) => {
  const opened = indexedDB.open("transcribe-opname");
  await new Promise((resolve) => { opened.onsuccess = resolve; });
  const writing = opened.result.transaction(["frames", "recordings"], "readwrite");
  writing.objectStore("recordings").put({ next: 10, channels: 1, turn: "" }, consult);
  for (let n = 0; n < 10; n += 1) writing.objectStore("frames").put(new Uint8Array(28), [consult, n]);
  await new Promise((resolve) => { writing.oncomplete = resolve; });
  opened.result.close();
}"""


def at(house: LiveHouse, status: Status, **fields: Any) -> UUID:
    """A consult in this status."""
    consult = house.begin(uuid4(), status=status)
    old = house.store.consult(consult)
    new = replace(old, version=old.version + 1, **fields)
    event = AuditEvent(at=old.changed_at, actor=GP.name, role=GP.role, action=Action.RETRIED, consult_id=consult)
    house.store.apply(Change(consult=new, audit=event))
    return consult


# --- without a mouse -----------------------------------------------------------------------------------------------

#: What is wrong with where the focus is: nothing has it, it is not to be seen, or something lies over it.
FOCUS = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "nothing has the focus";
  const style = getComputedStyle(one);
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return `no outline: ${one.outerHTML}`;
  const { left, top, width, height } = one.getBoundingClientRect();
  const over = document.elementFromPoint(left + width / 2, top + height / 2);
  return over && (one.contains(over) || over.contains(one)) ? "" : `${over?.outerHTML} lies over ${one.outerHTML}`;
}"""


class Keyboard:
    """Presses keys, and sees that the focus is somewhere and can be seen."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def on(self, selector: str) -> bool:
        return bool(self.page.evaluate("selector => document.activeElement.matches(selector)", selector))

    def comes_to(self, selector: str) -> None:
        """What was done brings the focus there."""
        self.page.wait_for_function("selector => document.activeElement.matches(selector)", arg=selector)
        self.seen()

    def seen(self) -> None:
        assert self.page.evaluate(FOCUS) == ""

    def tab_to(self, selector: str, *, back: bool = False) -> None:
        for _ in range(150):
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
            self.seen()
            if self.on(selector):
                return
        raise AssertionError(f"no way to {selector} by Tab")

    def changes(self, key: str) -> None:
        """The note on the page is another version after this key."""
        version = self.page.locator("#review").get_attribute("data-version")
        self.press(key)
        self.page.wait_for_function("was => document.getElementById('review').dataset.version !== was", arg=version)
        self.page.wait_for_function("() => !document.querySelector('form[aria-busy]')")
        self.seen()


def test_from_log_in_to_log_out_without_a_mouse(live_server: LiveServer, browser: Browser) -> None:
    """Dr. Demo has no mouse. She logs in, tells the patient and records the yes, uploads the recording, handles what
    asks for her attention, adds lines and a code, takes things back and does them again, signs, copies S, O, E and P,
    and logs out. Where she is can be seen at every step, and no answer of the server takes her back to the top.
    """
    context = browser.new_context(viewport=WORKSTATION, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(30_000)
    keys = Keyboard(page)
    chosen: list[bool] = []
    page.on("filechooser", lambda asked: chosen.append(asked.set_files(live_server.recording) is None))

    page.goto(live_server.url)
    keys.comes_to("#sleutel")
    keys.type("sleutel-voor-de-browserproef")
    keys.press("Enter")
    page.wait_for_selector("#werklijst")
    keys.press("Tab")
    assert keys.on(".skip")
    keys.press("Enter")
    page.wait_for_function("() => document.activeElement.matches('main')")
    keys.tab_to("a.button[href='/consult/nieuw']")
    keys.press("Enter")
    page.wait_for_selector("#kenmerk")
    page.wait_for_load_state()
    keys.comes_to("#kenmerk")
    keys.type("HIS-2024-1187")
    keys.press("Enter")
    keys.comes_to("[name=antwoord][value=ja]")
    keys.press("Enter")

    keys.comes_to("[data-do=start]")
    keys.tab_to("[data-upload-fold] > summary")
    keys.press("Enter")
    keys.tab_to("#opname")
    keys.press("Enter")
    while not chosen:
        page.wait_for_timeout(50)
    keys.tab_to("[data-upload] [name=layout]")
    keys.press("ArrowDown")
    keys.tab_to("[data-upload] button.primary")
    page.route("**/opname/*", lambda route: route.abort())
    keys.press("Enter")
    page.get_by_role("alert").wait_for()
    keys.comes_to("#opname")  # it went wrong: she is where she chooses
    page.unroute("**/opname/*")
    keys.tab_to("[data-upload] button.primary")
    keys.press("Enter")
    page.wait_for_selector("#review")
    page.wait_for_load_state()
    consult = UUID(page.url.rsplit("/", 1)[1])

    # two reports become one; back and again, by the buttons and by keys
    keys.tab_to("[data-action=samen] button")
    keys.changes("Enter")
    keys.comes_to("#regel-L5")
    keys.tab_to("#ongedaan button")
    keys.changes("Enter")
    keys.comes_to("#opnieuw-doen button")
    keys.changes("Enter")
    keys.comes_to("#ongedaan button")
    keys.changes("Control+z")
    keys.changes("Control+y")
    # each flag with a key: one changed and confirmed, one confirmed
    while not keys.on("#regel-L5"):
        keys.press("n")
    keys.press("e")
    keys.comes_to("#regel-L5 textarea")
    keys.type(" Rechts.")
    keys.changes("Enter")
    keys.comes_to("#regel-L5")
    page.wait_for_timeout(SETTLED_MS)  # an Enter too many after that of the line would confirm it
    keys.changes("Enter")
    keys.comes_to("#regel-L5")
    while not keys.on("#regel-L4"):
        keys.press("n")
    keys.changes("Enter")
    page.wait_for_selector("[id^=vlag-]", state="detached")

    # what may be missed goes to S, and the new line has the focus
    keys.press("n")
    keys.comes_to("[data-missed] a")
    keys.changes("s")
    keys.comes_to("#regel-L6")
    # a line is added, with the focus on it
    keys.tab_to("#nieuw-R1-O > summary")
    keys.press("Enter")
    keys.comes_to("#nieuw-R1-O textarea")
    keys.type("Afebriel.")
    keys.changes("Enter")
    keys.comes_to("#regel-L7")
    page.wait_for_timeout(SETTLED_MS)
    keys.changes("Delete")  # the last of its section: the next line takes the focus
    keys.comes_to("[data-line]")
    # a code, and away with it
    keys.tab_to("#icpc-R1-S > summary", back=True)
    keys.press("Enter")
    keys.tab_to("#icpc-R1-S [name=code]")
    keys.type("R21")
    keys.changes("Enter")
    keys.tab_to("[form=icpc].icon", back=True)
    keys.changes("Enter")
    keys.comes_to("#icpc-R1-S > summary")
    # a removed line comes back, with the focus
    keys.tab_to("#verwijderd > summary")
    keys.press("Enter")
    keys.tab_to("#verwijderd button")
    keys.changes("Enter")
    keys.comes_to("#regel-L7")
    # a question can be left with Esc
    keys.tab_to("#intrekken > summary", back=True)
    keys.press("Enter")
    keys.tab_to("#intrekken button")
    keys.press("Escape")
    keys.comes_to("#intrekken > summary")

    keys.press("n")
    while page.locator("#aandacht").count():
        keys.changes("Enter")
        keys.press("n")
    keys.press("Control+Enter")
    page.wait_for_selector("[data-copy=alles]")
    page.wait_for_load_state()
    for part in "SOEP":
        keys.press(part.lower())
        page.locator("li", has=page.locator(f"[data-copy={part}]")).locator(".copied.fresh").wait_for()
    keys.tab_to("[data-copy=alles] button")
    keys.press("Enter")
    page.locator(".copies-whole .copied.fresh").wait_for()
    keys.comes_to("[data-copy=alles] button")
    copied = [one.part for one in live_server.workflow.review(live_server.actor, consult).deliveries]
    assert copied == [*"SOEP", "alles"]
    keys.tab_to("form[action='/logout'] button", back=True)
    keys.press("Enter")
    keys.comes_to("#sleutel")
    context.close()
