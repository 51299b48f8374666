"""Recording in a browser, with a sound file as its microphone. Each docstring is the story."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pytest

from consent import Withdrawer
from tests.functional.conftest import DEMO_CONSULTS
from tests.live_server import CONSULT, GP, KEY, LiveHouse, served
from tests.microphone import (
    FRAME,
    MICROPHONE_S,
    ON_SHELF,
    PHONE,
    RATE,
    SOUND,
    WITNESS,
    WORKSTATION,
    Samples,
    check_order,
    chromium_program,
    fake_microphone,
    frames_of,
    lost,
    noise,
    place,
    press,
    recorded,
    started,
    state,
    warned,
    write_wav,
)
from tests.unit.test_sound_quality import channel_of, hiss, stuttering
from transcribe.asr.quality import FRAME_S
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import Span
from transcribe.consult import Action, Space, Status
from transcribe.ports import Growing
from transcribe.recorder import Finishing
from transcribe.testing import CONSULT as SAID
from transcribe.testing import DRAFT, MemorySpool
from transcribe.web import ingest
from transcribe.writer import PCM

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.microphone]


@contextmanager
def chromium_with(microphone: Path, tab: str = "") -> Iterator[Browser]:
    """Debian's chromium, which hears this file once. ``tab``: the title of the one that is shared when a page asks for
    that, with the sound it makes; otherwise it is one of the browser's own making.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra dev installs playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_program(),
            args=fake_microphone(microphone, tab),
            ignore_default_args=["--mute-audio"] if tab else None,
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    file = tmp_path_factory.mktemp("microfoon") / "spraak.wav"
    with chromium_with(write_wav(file, noise(MICROPHONE_S, 48_000, seed=1), 48_000)) as browser:
        yield browser


@pytest.fixture(scope="module")
def spoken() -> Samples:
    """What the microphone of ``talking`` hears."""
    return noise(MICROPHONE_S, RATE, seed=1)


# --- the service ---------------------------------------------------------------------------------------------------


@pytest.fixture
def house() -> LiveHouse:
    house = LiveHouse()
    house.begin(status=Status.CONSENTED)
    house.spool.delete(CONSULT)
    return house


@pytest.fixture
def base(house: LiveHouse) -> Iterator[str]:
    with served(house.app) as address:
        yield address


Opener = Callable[..., "Page"]
#: What a test makes the browser's storage say: the page hears of it, and goes on.
DISK_FAILS = "the disk fails, once"


@pytest.fixture
def open_page(house: LiveHouse, base: str, talking: Browser) -> Iterator[Opener]:
    """The page of the consult; at the end no page may have had an error or a blocked script or style."""
    problems: list[str] = []
    with ExitStack() as stack:

        def opened(
            *,
            script: str = "",
            size: dict[str, int] = WORKSTATION,
            beside: Page | None = None,
            **options: object,
        ) -> Page:
            context = beside.context if beside else talking.new_context(viewport=size, **options)
            if not beside:
                stack.callback(context.close)
                context.add_init_script(WITNESS)
            if script:
                context.add_init_script(script)
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.expose_binding("made", lambda source, frame: frames_of(source["page"]).append(base64.b64decode(frame)))
            page.on(
                "console",
                lambda message: (
                    problems.append(message.text)
                    if message.type == "error" and "Failed to " not in message.text and "WebSocket" not in message.text
                    else None
                ),
            )
            page.on("pageerror", lambda error: None if str(error) == DISK_FAILS else problems.append(str(error)))
            page.goto(f"{base}/start?ticket={house.access.ticket()}&naar=/consult/{CONSULT}")
            return page

        yield opened
    assert problems == []


def stored_sound(house: LiveHouse) -> Samples:
    with house.audio.open(CONSULT, PCM, CONSULT.bytes * 2) as file:
        return np.frombuffer(file.read(), SOUND).astype(float)


def finished(house: LiveHouse, page: Page, *others: Page, unseen: int = 0) -> Samples:
    """The sound of the recording, stopped on this page: every frame that was made is there, to the bit, in order.

    ``others`` made some of it, and whoever was taken over from made a little more before it was told. ``unseen``:
    frames that may be there though the page was gone before it could tell us of them.
    """
    press(page, "Stop en maak verslag")
    page.get_by_role("heading", name="Wordt uitgeschreven").wait_for()
    assert page.evaluate(ON_SHELF) == [0, 0], "nothing of a finished consult stays in the browser"
    heard = stored_sound(house)
    size = 2 * FRAME * len(house.store.consult(CONSULT).channels)
    sound = heard.astype(SOUND).tobytes()
    arrived = [piece for at in range(0, len(sound), size) if any(piece := sound[at : at + size])]
    made = [[frame for frame in frames_of(one) if any(frame)] for one in (page, *others)]
    assert all(lost(frames, arrived) <= 10 * len(others) for frames in made)
    assert len(Counter(arrived) - Counter(frame for frames in made for frame in frames)) <= unseen
    return heard


def quietened(house: LiveHouse) -> int:
    """Samples that are safe, when no more come."""
    size = -1
    while size != (size := len(house.heard())):
        time.sleep(0.5)
    return size // 2


def heard_more(house: LiveHouse, page: Page, seconds: float) -> int:
    """So much more is safe at the server, whatever the screen knew before; samples."""
    wanted = len(house.heard()) + 2 * int(seconds * RATE)
    while len(house.heard()) < wanted:
        page.wait_for_timeout(100)
    return wanted // 2


def details(house: LiveHouse, action: Action) -> list[str]:
    return [event.detail for event in house.store.events(CONSULT) if event.action is action]


# --- stories -------------------------------------------------------------------------------------------------------


def test_one_click_records_what_is_said(house: LiveHouse, open_page: Opener, spoken: Samples) -> None:
    """After the consent Dr. Demo presses Enter once. "Opname loopt" stands there when the first sound is safe. At the
    end the page goes on by itself, and every sample is there.
    """
    page = open_page()
    page.wait_for_function("() => document.activeElement.dataset.do === 'start'")
    assert house.store.consult(CONSULT).status is Status.CONSENTED
    page.keyboard.press("Enter")
    state(page, "Opname loopt")
    assert house.heard()
    recorded(page, 4)
    check_order(finished(house, page)[:-FRAME], spoken)
    assert house.store.consult(CONSULT).lost_s == 0.0


def test_a_pause_and_words_outside_the_record(house: LiveHouse, open_page: Opener, spoken: Samples) -> None:
    """Dr. Demo pauses and goes on. Then the patient says something that is nobody's business: "buiten verslag". Nothing
    of it is kept, anywhere; the access log tells that there was such a stretch, and how long it lasted.
    """
    page = started(open_page())
    recorded(page, 2)
    page.keyboard.press("p")
    state(page, "Opname gepauzeerd")
    page.wait_for_function("() => document.title.startsWith('Opname gepauzeerd')")
    first = quietened(house)
    page.wait_for_timeout(1500)
    press(page, "Hervat")
    state(page, "Opname loopt")
    recorded(page, 2)
    press(page, "Buiten verslag")
    state(page, "Buiten verslag")
    page.wait_for_timeout(1500)
    assert house.store.consult(CONSULT).status is Status.PAUSED
    second = quietened(house)
    press(page, "Weer in het verslag")
    state(page, "Opname loopt")
    recorded(page, 2)
    heard = finished(house, page)

    paused, aside = details(house, Action.RECORDING_PAUSED)
    assert paused == ""
    assert float(aside.removeprefix("buiten verslag: na ").removesuffix(" s")) == pytest.approx(second / RATE, abs=0.2)
    assert details(house, Action.RECORDING_RESUMED)[0] == ""
    assert details(house, Action.RECORDING_RESUMED)[1].startswith("buiten verslag: ")
    ends = []
    for start, end in ((0, first), (first, second), (second, len(heard))):
        stretch = heard[start : end - FRAME]  # the last frame of a stretch is filled with silence
        if start:
            assert not stretch[:RATE].any(), "a second of silence: no sentence runs on over the gap"
            stretch = stretch[RATE:]
        check_order(stretch, spoken)
        at, _ = place(stretch[:FRAME], spoken)
        ends.append((at, at + len(stretch)))
    for before, after in pairwise(ends):
        assert after[0] - before[1] > RATE, "what was said meanwhile is not there"


def test_a_reload_goes_on_by_itself(house: LiveHouse, open_page: Opener, spoken: Samples) -> None:
    """A tired hand presses F5; the browser asks, she confirms. The recording goes on, with a gap as long as it was."""
    page = started(open_page())
    recorded(page, 2)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    state(page, "Opname loopt")
    assert asked == ["beforeunload"]
    recorded(page, 2)
    heard = finished(house, page, unseen=10)
    frames = heard[: len(heard) // FRAME * FRAME].reshape(-1, FRAME)
    quiet = np.flatnonzero(~frames.any(axis=1))
    assert len(quiet), "the gap is silence"
    assert len(heard) > 4 * RATE
    check_order(heard[: quiet[0] * FRAME], spoken)
    check_order(heard[(quiet[-1] + 1) * FRAME : -FRAME], spoken)


def test_long_after_a_crash_it_goes_on_by_a_click(house: LiveHouse, open_page: Opener) -> None:
    """The browser crashed; when it comes back the next patient sits there. Nothing of him is recorded until she says
    so.
    """
    later = "if (sessionStorage.later) { const now = Date.now; Date.now = () => now() + 61_000; }"
    page = started(open_page(script=later))
    recorded(page, 1)
    page.evaluate("sessionStorage.later = 1")
    page.reload()
    state(page, "Opname staat stil: er wordt nu niets opgenomen")
    safe = quietened(house)
    page.wait_for_timeout(1500)
    assert quietened(house) == safe
    page.evaluate("sessionStorage.clear()")
    press(page, "Ga verder met opnemen")
    state(page, "Opname loopt")
    assert heard_more(house, page, 1) > safe


class Network:
    """Between the browsers and the server."""

    def __init__(self, house: LiveHouse, monkeypatch: pytest.MonkeyPatch) -> None:
        self._house = house
        self._away: set[str] | None = set()  # turns of clients that get no connection; None: nobody does
        real = ingest.Stream.run

        async def run(stream: ingest.Stream) -> None:
            turn = stream._socket.query_params.get("beurt", "")
            if self._away is None or turn in self._away:
                await stream._socket.close(ingest.TRY_AGAIN)
            else:
                await real(stream)

        monkeypatch.setattr(ingest.Stream, "run", run)

    def cut(self) -> None:
        """Whoever records now is away, until it is mended."""
        live = self._house.recorder._live[CONSULT]
        assert self._away is not None
        self._away.add(live.turn)
        self._house.recorder._end_live(CONSULT, Finishing())

    def mend(self) -> None:
        self._away = set()


@pytest.fixture
def network(house: LiveHouse, monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(house, monkeypatch)


def test_without_the_server_it_goes_on_here(
    house: LiveHouse, open_page: Opener, spoken: Samples, network: Network
) -> None:
    """The connection drops for some seconds. The screen says that sound is kept on this device, sealed; later all of
    it is there.
    """
    page = started(open_page())
    recorded(page, 1)
    network.cut()
    warned(page, "Er wordt opgenomen op dit apparaat en later verstuurd")
    state(page, "Opname loopt")
    frames, recordings = page.evaluate(ON_SHELF)
    assert frames > 20
    assert recordings == 1
    network.mend()
    page.get_by_text("Geen verbinding").filter(visible=True).wait_for(state="hidden")
    check_order(finished(house, page)[:-FRAME], spoken)


def test_what_is_kept_in_the_browser_is_sealed(house: LiveHouse, open_page: Opener, network: Network) -> None:
    """Somebody copies the browser's files: no frame is readable without the server, and none without the consult."""
    page = started(open_page())
    recorded(page, 1)
    heard = house.heard()
    network.cut()
    warned(page, "Er wordt opgenomen op dit apparaat")
    values = page.evaluate(
        """async () => {
          const opened = indexedDB.open("transcribe-opname");
          await new Promise((resolve) => { opened.onsuccess = resolve; });
          const all = opened.result.transaction("frames").objectStore("frames").getAll();
          await new Promise((resolve) => { all.onsuccess = resolve; });
          return all.result.map((one) => [...one]);
        }"""
    )
    for value in values:
        assert len(value) == 12 + 2 * FRAME + 16, "iv, samples, tag"
        counts = np.bincount(np.array(value[12:]), minlength=256)
        assert counts.max() < 40, "as even as noise"
    assert bytes(values[0][12:])[: 2 * FRAME] not in heard
    answer = page.request.get(page.url + "/opname/sleutel")
    assert (answer.status, len(answer.body())) == (200, 32)
    house.workflow.withdraw(GP, CONSULT)
    assert page.request.get(page.url + "/opname/sleutel", headers={"Accept": "application/json"}).status == 410
    network.mend()
    page.get_by_role("heading", name="Toestemming ingetrokken").wait_for()
    assert page.evaluate(ON_SHELF) == [0, 0]


def test_a_second_tab_says_where_it_runs(house: LiveHouse, open_page: Opener) -> None:
    """The consult is opened once more in the same browser. It says so and does not interfere; when the first tab is
    gone, it can go on.
    """
    first = started(open_page())
    second = open_page(beside=first)
    warned(second, "loopt in een ander tabblad")
    assert second.get_by_role("button", name="Hier verder opnemen").count() == 0
    recorded(first, 1)
    first.close()
    press(second, "Hier verder opnemen")
    state(second, "Opname loopt")
    safe = heard_more(house, second, 1)
    assert len(finished(house, second, first, unseen=3)) >= safe


def test_the_note_grows_while_they_talk(house: LiveHouse, open_page: Opener) -> None:
    """While the patient talks the draft stands below the recorder. It changes when something was said, says what it is,
    has nothing to click but what was understood, and shows that only when asked. It can't be copied. It is in the
    access log once.
    """
    page = started(open_page())
    place = page.locator("#groei")
    place.get_by_text("groeit mee met het gesprek").wait_for()
    for count in (1, 2):
        lines = DRAFT.reports[0].lines
        note = replace(DRAFT, reports=(replace(DRAFT.reports[0], lines=lines[:count]),))
        transcript = Transcript(utterances=SAID, duration_s=10.0)
        house.store.keep(CONSULT, Growing(note=note, transcript=transcript), house.store.consult(CONSULT).upload)
        place.get_by_text(lines[count - 1].text).wait_for()
    assert place.get_by_role("listitem").all_text_contents() == [line.text for line in lines[:2]]
    assert place.get_by_text("AI-concept").is_visible()
    assert [one.text_content() for one in place.get_by_role("button").all()] == ["Toon wat er is verstaan"]
    assert not place.get_by_text(SAID[0].text).is_visible()
    press(page, "Toon wat er is verstaan")
    place.get_by_text(SAID[0].text).wait_for()
    page.wait_for_timeout(2500)
    assert place.get_by_text(SAID[0].text).is_visible(), "until it is hidden"
    page.evaluate("document.addEventListener('copy', (event) => { window.stopped = event.defaultPrevented; })")
    page.locator("h1").click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+C")
    page.locator("#melding", has_text="Kopiëren kan na akkoord").wait_for()
    assert page.evaluate("window.stopped"), "a draft does not leave unsigned"
    press(page, "Verberg wat er is verstaan")
    place.get_by_text(SAID[0].text).wait_for(state="detached")
    events = [event.action for event in house.store.events(CONSULT)]
    assert events.count(Action.NOTE_VIEWED) == 1
    finished(house, page)


def test_another_screen_takes_over_and_back(house: LiveHouse, open_page: Opener, spoken: Samples) -> None:
    """Dr. Demo walks to another room and goes on there; the first screen says so. Later she goes on there again."""
    one = started(open_page())
    recorded(one, 1)
    two = open_page()
    warned(two, "op een ander scherm begonnen")
    press(two, "Hier verder opnemen")
    state(two, "Opname loopt")
    state(one, "Opname gestopt op dit scherm")
    warned(one, "gaat verder op een ander scherm")
    heard_more(house, two, 4)
    press(one, "Hier verder opnemen")
    state(one, "Opname loopt")
    state(two, "Opname gestopt op dit scherm")
    safe = heard_more(house, one, 1)
    heard = finished(house, one, two)
    check_order(heard[:RATE], spoken)
    assert len(heard) >= safe
    nothing = ~heard[: len(heard) // FRAME * FRAME].reshape(-1, FRAME).any(axis=1)
    assert nothing.sum() < 35, "a second between two screens; what another one recorded is no gap"
    two.locator("[data-recorder]").get_by_text("Opname gestopt op dit scherm").wait_for(state="hidden")
    assert two.get_by_text("veilig opgeslagen", exact=False).count() == 0, "it shows what became of the recording"
    # the little that the other screen made before it was told stays sealed, and goes with the consult's key
    assert two.evaluate(ON_SHELF)[0] < 10
    house.workflow.discard(GP, CONSULT)
    house.begin(UUID(int=2), status=Status.CONSENTED)
    two.goto(two.url.replace(str(CONSULT), str(UUID(int=2))))
    two.wait_for_function(f"async () => (await ({ON_SHELF})()).join() === '0,0'")


def test_a_screen_that_comes_back_disturbs_nobody_and_loses_nothing(
    house: LiveHouse, open_page: Opener, spoken: Samples, network: Network
) -> None:
    """The first screen loses its connection and goes on alone; Dr. Demo sees it and takes another one. The first is
    back: it does not take over. What it heard meanwhile comes behind the rest when it gets its turn.
    """
    one = started(open_page())
    recorded(one, 1)
    network.cut()
    warned(one, "Er wordt opgenomen op dit apparaat")
    two = open_page()
    press(two, "Hier verder opnemen")
    state(two, "Opname loopt")
    recorded(two, 1)
    network.mend()
    state(one, "Opname gestopt op dit scherm")
    recorded(two, 1)
    state(two, "Opname loopt")
    alone = one.evaluate(ON_SHELF)[0]
    assert alone > 25
    two.close()
    before = quietened(house)  # what it had sent may still come in
    press(one, "Hier verder opnemen")
    state(one, "Opname loopt")
    heard = finished(house, one, two, unseen=3)
    check_order(heard[before : before + (alone - 1) * FRAME], spoken)


def test_a_screen_without_room_on_its_disk_loses_nothing_when_another_went_on(
    house: LiveHouse, open_page: Opener, spoken: Samples, network: Network
) -> None:
    """As above, with a browser that can keep nothing: what it heard alone is in its memory only."""
    one = open_page()

    def full(route: Route) -> None:
        answer, begins = route.fetch(), "  async put(frames, note, only = false) {"
        assert begins in answer.text()
        route.fulfill(
            response=answer, body=answer.text().replace(begins, f"{begins} if (frames.length) throw new Error('full');")
        )

    one.route("**/record-shelf.js", full)
    one.reload()
    started(one)
    warned(one, "kan niets bewaren")
    recorded(one, 1)
    network.cut()
    warned(one, "Er wordt opgenomen op dit apparaat")
    two = open_page()
    press(two, "Hier verder opnemen")
    state(two, "Opname loopt")
    recorded(two, 1)
    one.wait_for_timeout(1000)
    network.mend()
    state(one, "Opname gestopt op dit scherm")
    two.close()
    before = quietened(house)  # what it had sent may still come in
    press(one, "Hier verder opnemen")
    state(one, "Opname loopt")
    recorded(one, 1)
    press(one, "Stop en maak verslag")
    one.get_by_role("heading", name="Wordt uitgeschreven").wait_for()
    check_order(stored_sound(house)[before : before + 25 * FRAME], spoken)


def test_withdrawal_on_another_screen_ends_it_at_once(house: LiveHouse, open_page: Opener) -> None:
    page = started(open_page())
    recorded(page, 1)
    house.workflow.withdraw(GP, CONSULT)
    page.get_by_role("heading", name="Toestemming ingetrokken").wait_for()
    assert page.evaluate(ON_SHELF) == [0, 0]
    assert page.title().startswith("Consult")


def test_withdrawal_here_asks_once(house: LiveHouse, open_page: Opener) -> None:
    page = started(open_page())
    recorded(page, 1)
    page.on("dialog", lambda dialog: pytest.fail("leaving is what was asked for"))
    page.get_by_text("Toestemming intrekken").click()
    page.get_by_label("Ingetrokken door").select_option("iemand anders die erbij was")
    page.get_by_role("button", name="Ja, intrekken en vernietigen").click()
    page.get_by_role("heading", name="Vernietigingsbewijs").wait_for()
    assert page.get_by_text("vernietigd op").count() == 2
    assert house.store.consult(CONSULT).status is Status.WITHDRAWN
    withdrawn = house.store.consent(CONSULT)
    assert withdrawn is not None
    assert (withdrawn.withdrawn_by, withdrawn.withdrawal_recorded_by) == (Withdrawer.BYSTANDER, f"{GP.name} (huisarts)")
    page.wait_for_function(f"async () => (await ({ON_SHELF})()).join() === '0,0'")


def test_the_end_of_a_session_ends_it_and_a_log_in_goes_on(house: LiveHouse, open_page: Opener) -> None:
    """Somebody logs out in another tab: the microphone is released, and the screen says so. What was made is kept."""
    page = started(open_page())
    recorded(page, 1)
    (cookie,) = [one for one in page.context.cookies() if one["name"].startswith("transcribe-")]
    house.access.close(cookie["value"])
    state(page, "Opname gestopt op dit scherm")
    warned(page, "Uw sessie is afgelopen")
    press(page, "Inloggen")
    page.get_by_label("Toegangssleutel").fill(KEY)
    page.keyboard.press("Enter")
    state(page, "Opname loopt")
    recorded(page, 1)
    finished(house, page, unseen=3)


def left_alone(house: LiveHouse, page: Page) -> None:
    """Nobody touches anything for longer than the idle limit, while sound comes. So says the clock of the server."""
    (cookie,) = [one["value"] for one in page.context.cookies() if one["name"].startswith("transcribe-")]
    for minutes in (20, 11):
        house.ahead += timedelta(minutes=minutes)
        then = datetime.now(UTC) + house.ahead
        while (found := house.sessions.find(hashlib.sha256(cookie.encode()).digest())) and (
            found.sounded is None or found.sounded < then
        ):
            page.wait_for_timeout(100)
        assert found is not None


def look(page: Page) -> None:
    """As the page does by itself when nobody touched it for so long."""
    page.evaluate("() => { document.dispatchEvent(new Event('session:look')); }")


def unlocked(page: Page) -> None:
    page.get_by_label("Toegangssleutel").fill(KEY)
    press(page, "Ontgrendelen")


def test_the_screen_locks_and_the_recording_goes_on(
    house: LiveHouse, base: str, open_page: Opener, spoken: Samples
) -> None:
    """The doctor examines the patient behind the curtain and touches nothing: the screen locks, and so does every other
    tab of this browser. What is said goes on arriving. The password brings back the page as it was, with what was
    typed.
    """
    page = started(open_page())
    page.get_by_text("Toestemming intrekken").click()
    page.get_by_label("Ingetrokken door").select_option("iemand anders die erbij was")
    lines = DRAFT.reports[0].lines

    def grown(count: int) -> None:
        note = replace(DRAFT, reports=(replace(DRAFT.reports[0], lines=lines[:count]),))
        growing = Growing(note=note, transcript=Transcript(utterances=SAID, duration_s=10.0))
        house.store.keep(CONSULT, growing, house.store.consult(CONSULT).upload)

    grown(1)
    page.get_by_text(lines[0].text).wait_for()
    other = page.context.new_page()
    other.goto(base)
    other.get_by_text("P-1").first.wait_for()
    recorded(page, 2)

    left_alone(house, page)
    look(page)
    state(page, "Vergrendeld; de opname loopt door")
    for gone in ("P-1", lines[0].text):
        assert gone not in page.content()
    assert page.title() == "● Opname loopt · transcribe"
    other.reload()
    state(other, "Vergrendeld")
    assert "P-1" not in other.content()
    before = len(house.heard())
    heard_more(house, page, 1)
    assert len(house.heard()) > before
    recorded(page, 2)
    state(page, "Vergrendeld; de opname loopt door")
    assert page.get_by_role("button", name="Stop en maak verslag").is_visible()

    page.get_by_label("Toegangssleutel").fill("niet de sleutel van deze praktijk")
    press(page, "Ontgrendelen")
    warned(page, "Deze toegangssleutel klopt niet")
    unlocked(page)
    state(page, "Opname loopt")
    page.get_by_text("P-1").first.wait_for()
    assert page.get_by_label("Ingetrokken door").input_value() == "iemand anders die erbij was"
    other.get_by_text("P-1").first.wait_for()
    grown(2)
    page.get_by_text(lines[1].text).wait_for()
    recorded(page, 1)
    check_order(finished(house, page), spoken)


def test_behind_the_lock_it_pauses_and_stops(house: LiveHouse, open_page: Opener) -> None:
    """A patient asks for it while nobody is there. Nothing of the consult is seen; then the session is over."""
    page = started(open_page())
    recorded(page, 1)
    left_alone(house, page)
    look(page)
    state(page, "Vergrendeld; de opname loopt door")
    press(page, "Pauze")
    state(page, "Opname gepauzeerd")
    state(page, "Vergrendeld")
    press(page, "Hervat")
    state(page, "Vergrendeld; de opname loopt door")
    recorded(page, 1)
    press(page, "Stop en maak verslag")
    page.get_by_label("Toegangssleutel").wait_for()
    state(page, "Inloggen")
    assert house.store.consult(CONSULT).status is Status.RECORDED
    made = [frame for frame in frames_of(page) if any(frame)]
    arrived = stored_sound(house).astype(SOUND).tobytes()
    assert lost(made, [arrived[at : at + 2 * FRAME] for at in range(0, len(arrived), 2 * FRAME)]) == 0
    page.get_by_label("Toegangssleutel").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Wordt uitgeschreven").wait_for()
    assert page.evaluate(ON_SHELF) == [0, 0]


def test_a_reload_of_a_locked_screen_costs_no_recording(house: LiveHouse, open_page: Opener) -> None:
    """Somebody presses F5: the page stays locked, and the recording goes on on it, before and after it is unlocked."""
    page = started(open_page())
    recorded(page, 3)
    left_alone(house, page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    state(page, "Vergrendeld; de opname loopt door")
    assert "P-1" not in page.content()
    recorded(page, 1)
    unlocked(page)
    page.wait_for_url(f"**/consult/{CONSULT}")
    state(page, "Opname loopt")
    recorded(page, 1)
    finished(house, page, unseen=6)


def test_the_page_asks_by_itself_and_asking_wakes_nothing(house: LiveHouse, base: str, open_page: Opener) -> None:
    """It looks idle to itself soon; the server knows of somebody in another tab, and then of nobody any more."""
    page = open_page()

    def soon(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('data-idle-seconds="1800"', 'data-idle-seconds="1"'))

    page.route(f"{base}/consult/{CONSULT}", soon)
    page.route(
        "**/sessie",
        lambda route: route.fulfill(json={**route.fetch().json(), "left": 0}) if not over else route.continue_(),
    )
    over: list[bool] = []
    page.reload()
    with page.expect_response("**/sessie"):
        started(page)
    assert page.get_by_text("P-1").first.is_visible()
    left_alone(house, page)
    over.append(True)
    state(page, "Vergrendeld; de opname loopt door")


def test_a_pause_on_another_screen_is_obeyed(house: LiveHouse, open_page: Opener) -> None:
    page = started(open_page())
    recorded(page, 1)
    house.recorder.pause(GP, CONSULT)
    state(page, "Opname gepauzeerd")
    size = len(house.heard())
    page.wait_for_timeout(1000)
    assert len(house.heard()) == size
    house.recorder.resume(GP, CONSULT)
    state(page, "Opname loopt")
    recorded(page, 1)


# --- devices -------------------------------------------------------------------------------------------------------

#: A microphone that a test can take away: ``taken`` names the error, ``silent`` gives one that hears nothing.
DEVICES = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const nothing = () => new AudioContext().createMediaStreamDestination().stream;
const tone = () => {
  const context = new AudioContext();
  const to = context.createMediaStreamDestination();
  const from = new OscillatorNode(context, { frequency: 440 });
  from.connect(to);
  from.start();
  return to.stream;
};
const broken = () => {
  const context = new AudioContext();
  const to = context.createMediaStreamDestination();
  const from = new OscillatorNode(context, { frequency: 440 });
  const gate = new GainNode(context);
  for (let at = 0; at < 60; at += 0.3) gate.gain.setValueAtTime(0, at).setValueAtTime(0.3, at + 0.1);
  from.connect(gate).connect(to);
  from.start();
  return to.stream;
};
window.streams = [];
window.shared = [];
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (window.taken) throw new DOMException("", window.taken);
  const stream = window.silent ? nothing() : window.broken ? broken() : await real(wanted);
  window.streams.push(stream);
  return stream;
};
navigator.mediaDevices.getDisplayMedia = async () => {
  if (window.taken) throw new DOMException("", window.taken);
  if (window.asks) await new Promise((resolve) => { window.choose = resolve; });
  const stream = window.silent ? new MediaStream() : tone();
  window.shared.push(stream);
  return stream;
};
window.end = (stream) => {
  const [track] = stream.getAudioTracks();
  track.stop();
  track.dispatchEvent(new Event("ended"));
};
"""


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("NotAllowedError", "geeft geen toegang tot de microfoon"),
        ("NotFoundError", "geen microfoon gevonden"),
        ("NotReadableError", "doet het niet, of een ander programma"),
    ],
)
def test_a_microphone_that_is_not_there_is_said(house: LiveHouse, open_page: Opener, problem: str, told: str) -> None:
    page = open_page(script=f"{DEVICES} window.taken = '{problem}';")
    press(page, "Start opname")
    warned(page, told)
    assert house.store.consult(CONSULT).status is Status.CONSENTED
    page.evaluate("window.taken = ''")
    started(page)
    assert page.get_by_role("alert").count() == 0


def test_without_a_safe_connection_there_is_no_microphone(open_page: Opener) -> None:
    page = open_page(script="Object.defineProperty(window, 'isSecureContext', { value: false });")
    warned(page, "alleen over een beveiligde verbinding")
    assert page.get_by_role("button", name="Start opname").is_disabled()


def test_a_disk_that_is_nearly_full_begins_nothing(house: LiveHouse, open_page: Opener) -> None:
    page = open_page()
    house.space = Space(total=1000, free=10)
    press(page, "Start opname")
    warned(page, "schijfruimte")
    assert page.get_by_role("button", name="Start opname").is_enabled()
    assert house.store.consult(CONSULT).status is Status.CONSENTED


def test_a_full_disk_is_told_and_passes(house: LiveHouse, open_page: Opener, spoken: Samples) -> None:
    page = started(open_page())
    recorded(page, 1)
    assert isinstance(house.spool, MemorySpool)
    house.spool.full = True
    warned(page, "De schijf kan nu niets opnemen")
    house.spool.full = False
    page.get_by_text("De schijf kan nu niets opnemen").filter(visible=True).wait_for(state="hidden")
    check_order(finished(house, page)[:-FRAME], spoken)


def test_a_lost_microphone_is_silence_until_there_is_another(
    house: LiveHouse, open_page: Opener, spoken: Samples
) -> None:
    """The plug is pulled out. The screen says so; the recording goes on and is silent. The plug is put back."""
    page = started(open_page(script=DEVICES))
    recorded(page, 2)
    page.evaluate("window.taken = 'NotFoundError'; window.end(window.streams.at(-1))")
    warned(page, "De microfoon is weg")
    recorded(page, 2)
    page.evaluate("window.taken = ''; navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    page.get_by_text("De microfoon is weg").filter(visible=True).wait_for(state="hidden")
    recorded(page, 2)
    heard = finished(house, page)
    frames = heard[: len(heard) // FRAME * FRAME].reshape(-1, FRAME)
    quiet = np.flatnonzero(~frames.any(axis=1))
    quiet = quiet[quiet > 5]
    assert len(quiet) >= 15
    check_order(heard[: (quiet[0] - 1) * FRAME], spoken)
    check_order(heard[(quiet[-1] + 2) * FRAME : -FRAME], spoken)


def test_another_microphone_may_be_chosen_meanwhile(house: LiveHouse, open_page: Opener) -> None:
    page = started(open_page(script=DEVICES))
    recorded(page, 1)
    page.get_by_label("Microfoon").select_option(index=1)
    page.wait_for_function("() => window.streams.length === 2")
    assert page.evaluate("window.streams[0].getTracks()[0].readyState") == "ended"
    recorded(page, 1)
    device = page.evaluate("window.streams[1].getTracks()[0].getSettings().deviceId")
    assert page.get_by_label("Microfoon").input_value() == device
    page.reload()
    page.wait_for_function("() => window.streams.length === 1")
    assert page.evaluate("window.streams[0].getTracks()[0].getSettings().deviceId") == device


def test_silence_is_noticed(open_page: Opener) -> None:
    """The wrong microphone is on: after five seconds the screen asks whether it is the right one."""
    page = started(open_page(script=f"{DEVICES} window.silent = true;"))
    warned(page, "Ik hoor niets")
    state(page, "Opname loopt")
    page.evaluate("window.silent = false; window.end(window.streams.at(-1))")
    page.get_by_text("Ik hoor niets").filter(visible=True).wait_for(state="hidden")


def test_sound_that_stutters_is_noticed(open_page: Opener) -> None:
    """A busy computer leaves holes in what is recorded. The screen says so, and no longer with another microphone (one
    that hears nothing: a make-believe one that hears something stutters by itself on a busy machine).
    """
    page = started(open_page(script=f"{DEVICES} window.broken = true;"))
    warned(page, "Het geluid hapert")
    state(page, "Opname loopt")
    page.evaluate("window.broken = false; window.silent = true; window.end(window.streams.at(-1))")
    page.get_by_text("Het geluid hapert").filter(visible=True).wait_for(state="hidden")


def test_a_video_call_has_two_channels(house: LiveHouse, open_page: Opener, spoken: Samples) -> None:
    """Dr. Demo speaks with a patient in a tab of her browser: her voice on one channel, the patient's on the other.
    The patient's tab is closed by mistake, and shared again.
    """
    page = open_page(script=DEVICES)
    page.get_by_label("Videogesprek").check()
    page.evaluate("window.silent = true")
    press(page, "Start opname")
    warned(page, "Er is geen geluid gedeeld")
    page.evaluate("window.silent = false")
    started(page)
    recorded(page, 2)
    first = len(house.heard()) // 4
    page.evaluate("window.end(window.shared.at(-1))")
    warned(page, "wordt niet meer gedeeld")
    recorded(page, 1)
    press(page, "Geluid opnieuw delen")
    page.get_by_text("wordt niet meer gedeeld").filter(visible=True).wait_for(state="hidden")
    recorded(page, 1)
    consult = house.store.consult(CONSULT)
    assert consult.channels == (Speaker.HUISARTS, Speaker.PATIENT)
    both = finished(house, page).reshape(-1, 2)
    check_order(both[:-FRAME, 0], spoken)
    for start in (first - RATE, len(both) - RATE - FRAME):
        spectrum = np.abs(np.fft.rfft(both[start : start + RATE, 1]))
        assert abs(np.argmax(spectrum) - 440) <= 2, "a moment in which the sound stood still moves it"
    assert (~both[:, 1].reshape(-1, FRAME).any(axis=1)).any(), "silence where nothing was shared"


def test_the_buttons_work_while_the_browser_asks_what_to_share(open_page: Opener, network: Network) -> None:
    """The browser's window in which she chooses a tab stands open. She pauses, thinks better of it, and stops; what is
    chosen after that is heard by nobody.
    """
    page = open_page(script=DEVICES)
    page.get_by_label("Videogesprek").check()
    started(page)
    page.evaluate("window.asks = true; window.end(window.shared.at(-1))")
    press(page, "Geluid opnieuw delen")
    page.wait_for_function("() => window.choose")
    press(page, "Pauze")
    state(page, "Opname gepauzeerd")
    press(page, "Hervat")
    state(page, "Opname loopt")
    network.cut()
    press(page, "Stop en maak verslag")
    state(page, "Opname wordt afgerond")
    page.evaluate("window.choose()")
    page.wait_for_function("() => window.shared.length === 2 && window.shared[1].getTracks()[0].readyState === 'ended'")


def test_a_frame_that_can_not_be_read_back_at_once_is_sent_later(
    house: LiveHouse, open_page: Opener, spoken: Samples, network: Network
) -> None:
    """The disk of her laptop fails once, just when what was kept on it is to be sent."""
    page = started(open_page())
    recorded(page, 1)
    network.cut()
    warned(page, "Er wordt opgenomen op dit apparaat")

    def failing(route: Route) -> None:
        """The first time that frames are read back to be sent."""
        answer, begins = route.fetch(), "async read(number, most) {"
        once = "if (most > 1 && !self.failed) { self.failed = 1; throw new Error('" + DISK_FAILS + "'); }"
        route.fulfill(response=answer, body=answer.text().replace(begins, begins + once))

    page.route("**/record-shelf.js", failing)
    page.reload()
    network.mend()
    state(page, "Opname loopt")
    recorded(page, 2)
    check_order(finished(house, page, unseen=10)[:RATE], spoken)


def finished_without(house: LiveHouse, page: Page, network: Network) -> tuple[float, int]:
    """The network was away for so long that it was finished without the last: seconds that are stored, frames here."""
    recorded(page, 1)
    network.cut()
    warned(page, "Geen verbinding met de server")
    stored = house.recorder.finish(GP, CONSULT).audio_s
    assert stored is not None
    network.mend()
    warned(page, "s van dit apparaat. Dat geluid staat hier nog")
    waiting: int = page.evaluate(ON_SHELF)[0]
    assert waiting > 20
    return stored, waiting


def test_what_was_left_when_it_was_finished_is_said(house: LiveHouse, open_page: Opener, network: Network) -> None:
    """The consult's page says what is missing, and keeps it until she has it removed; it asks once."""
    page = started(open_page())
    finished_without(house, page, network)
    page.reload()
    page.locator("[data-rest] summary").click()
    press(page, "Ja, verwijderen")
    page.locator("[data-rest]").wait_for(state="detached")
    assert page.evaluate(ON_SHELF) == [0, 0]


def test_what_came_too_late_is_added_after_all(
    house: LiveHouse, open_page: Opener, spoken: Samples, network: Network
) -> None:
    """The same, and she has it added: the recording is whole, in order, and a new draft is asked for. A server that
    refuses changes nothing.
    """
    page = started(open_page())
    stored, waiting = finished_without(house, page, network)
    house.space = Space(total=100, free=4)
    press(page, "Voeg alsnog toe")
    warned(page, "schijf")
    assert page.evaluate(ON_SHELF)[0] == waiting
    house.space = Space(total=100, free=50)
    press(page, "Voeg alsnog toe")
    page.wait_for_function("() => !document.querySelector('[data-recorder], [data-rest]:not([hidden])')")
    page.get_by_role("heading", name="Wordt uitgeschreven").wait_for()
    consult = house.store.consult(CONSULT)
    assert (consult.status, consult.lost_s) == (Status.RECORDED, 0.0)
    assert consult.audio_s is not None
    assert consult.audio_s >= stored + waiting / 10 - 0.1
    assert page.evaluate(ON_SHELF) == [0, 0]
    check_order(stored_sound(house)[:-FRAME], spoken)


def test_one_consult_at_a_time_is_recorded_in_a_browser(house: LiveHouse, base: str, open_page: Opener) -> None:
    """She forgot to stop; with the next patient the words would go into two consults."""
    page = started(open_page())
    other = house.begin(UUID(int=2), status=Status.CONSENTED)
    house.spool.delete(other)
    second = page.context.new_page()
    second.goto(f"{base}/consult/{other}")
    press(second, "Start opname")
    warned(second, "loopt een opname van een ander consult")
    link = second.get_by_role("link", name="Naar dat consult")
    assert link.get_attribute("href") == f"/consult/{CONSULT}"
    assert house.store.consult(other).status is Status.CONSENTED
    press(page, "Stop en maak verslag")
    page.get_by_role("heading", name="Wordt uitgeschreven").wait_for()
    press(second, "Start opname")
    state(second, "Opname begint")
    assert house.store.consult(other).status is Status.RECORDING


def test_at_the_door_the_recording_goes_on(house: LiveHouse, open_page: Opener) -> None:
    """She has stopped; at the door the patient says what it was really about. "Verder opnemen", and what comes is one
    recording with what there was.
    """
    page = started(open_page())
    recorded(page, 2)
    first = len(finished(house, page))
    press(page, "Verder opnemen")
    warned(page, "Zij gaat verder zodra u hier opneemt")
    page.locator("#opname-stand p").wait_for()
    assert page.get_by_role("button", name="Hervat").count() == 0, "nobody records yet"
    assert house.store.consult(CONSULT).status is Status.PAUSED
    press(page, "Hier verder opnemen")
    state(page, "Opname loopt")
    heard_more(house, page, 2)
    heard = finished(house, page, unseen=10)
    assert len(heard) >= first + 2 * RATE
    assert details(house, Action.RECORDING_PAUSED) == ["na afronden"]


@pytest.mark.parametrize("size", [PHONE, WORKSTATION], ids=["phone", "workstation"])
def test_it_fits(open_page: Opener, size: dict[str, int]) -> None:
    page = open_page(size=size)
    for step in ("", "Start opname", "Buiten verslag"):
        if step:
            press(page, step)
            page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert page.evaluate("document.documentElement.scrollHeight") <= max(size["height"], 844)
    assert page.locator("h1").count() == 1


# --- the pure parts ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def modules(talking: Browser) -> Iterator[Callable[[str, object], Any]]:
    """Runs a function with a module of ours and an argument, without a page of ours around it."""
    house = LiveHouse()
    with served(house.app) as address:
        static = house.app.state.web.pages.static
        page = talking.new_page()
        page.goto(f"{address}/login")

        def run(name: str, function: str, argument: object = None) -> Any:
            return page.evaluate(f"async (given) => ({function})(await import({static.url(name)!r}), given)", argument)

        yield run
        page.close()


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_comes_through_at_every_rate(modules: Callable[..., Any], rate: int) -> None:
    """In blocks of 128 samples, as a browser gives them; whatever is above 8 kHz does not come back as another tone."""
    frames = modules(
        "record-sound.js",
        """({ Framer }, { rate, tones }) => tones.map((tone) => {
          const framer = new Framer(rate, 1);
          const frames = [];
          for (let at = 0; at < rate; at += 128) {
            const angle = (i) => (2 * Math.PI * tone * (at + i)) / rate;
            const block = Float32Array.from({ length: 128 }, (_, i) => 0.5 * Math.sin(angle(i)));
            frames.push(...framer.take([block], 128));
          }
          return frames.map(({ pcm, levels }) => [[...pcm], levels]);
        })""",
        {"rate": rate, "tones": [1000, 3000, 9000, 15000]},
    )
    for tone, made in zip([1000, 3000, 9000, 15000], frames, strict=True):
        assert len(made) in (9, 10), "a second, but for the filter's look ahead"
        sound = np.concatenate([pcm for pcm, _ in made])[FRAME:-FRAME].astype(float)
        if tone < min(rate, RATE) * 0.4:
            at = np.arange(FRAME, FRAME + len(sound)) / RATE
            wanted = 0.5 * 32767 * np.sin(2 * np.pi * tone * at)
            assert np.abs(sound - wanted).max() < 40
            assert made[2][1][0] == pytest.approx(-9.03, abs=0.05)
        elif rate > 2 * tone:
            assert np.abs(sound).max() < 20


def test_frames_of_two_channels_are_interleaved_and_what_is_missing_is_silence(modules: Callable[..., Any]) -> None:
    made, rest = modules(
        "record-sound.js",
        """({ Framer }) => {
          const framer = new Framer(16000, 2);
          const frames = [];
          const loud = new Float32Array(128).fill(2);
          for (let i = 0; i < 13; i += 1) frames.push(...framer.take([i < 6 ? loud : undefined, loud], 128));
          return [frames.map(({ pcm }) => [...pcm]), framer.rest().map(({ pcm }) => [...pcm])];
        }""",
    )
    assert len(made) == len(rest) == 1
    left, right = np.array(made[0]).reshape(-1, 2).T
    assert set(right) == {32767}, "too loud is as loud as it goes"
    assert set(left[:768]) == {32767}
    assert not left[768:].any()
    assert np.array(rest[0]).reshape(-1, 2)[:, 1].sum() == 64 * 32767


def test_a_frame_tells_how_loud_each_20_ms_of_it_is(modules: Callable[..., Any]) -> None:
    (powers,) = modules(
        "record-sound.js",
        """({ Framer }) => {
          const framer = new Framer(16000, 2);
          const sound = Float32Array.from({ length: 1800 }, (_, i) => (i >= 560 && i < 1200 ? 0 : 0.5));
          return framer.take([sound, undefined], 1800).map(({ powers }) => powers);
        }""",
    )
    assert powers[0][0] == pytest.approx(0.25, abs=0.01)
    assert powers[0][2] == 0, "a hole"
    assert powers[0][4] == pytest.approx(0.25, abs=0.01)
    assert powers[1] == [0] * 5


@pytest.mark.parametrize(
    ("levels", "quiet"),
    [
        ("() => -100", True),  # nothing at all
        ("() => -45", True),  # the hum of a computer
        ("(i) => -45 + (i % 3)", True),
        ("(i) => (i % 7 < 4 ? -28 : -50)", False),  # words
        ("(i) => (i % 40 < 10 ? -40 : -60)", False),  # a soft voice, far away, now and then
    ],
)
def test_who_speaks_is_told_from_a_room(modules: Callable[..., Any], levels: str, quiet: bool) -> None:
    longest = modules(
        "record-ear.js",
        f"""({{ Ear }}) => {{
          const ear = new Ear();
          const level = {levels};
          return Math.max(...Array.from({{ length: 600 }}, (_, i) => ear.hear(level(i))).slice(100));
        }}""",
    )
    assert (longest >= 5) is quiet


@pytest.mark.parametrize(
    ("power", "stutters"),
    [
        ("(i) => (i % 50 < 25 ? 0.01 : 0.000001)", False),  # words and a room
        ("(i) => (i % 50 < 25 ? 0.01 : 0)", False),  # a microphone that is closed between sentences
        ("(i) => (i % 12 === 0 ? 0 : 0.01)", True),  # a busy computer
        ("(i) => (i % 100 < 40 && i % 10 < 3 ? 0 : i % 100 < 40 ? 0.01 : 0.000001)", True),
        ("(i) => (i % 10 < 5 ? 0 : 0.01 * ((i % 10) - 4))", True),  # half of it is gone
        ("(i) => (i % 15 < 4 ? 0 : i % 15 === 4 || i % 15 === 14 ? 0.0004 : 0.01)", True),  # parts of blocks
        ("(i) => (i % 20 < 12 ? 0.01 / 4 ** (i % 20) : 0)", False),  # a gate: each word dies away before it closes
        ("(i) => (i === 300 ? 0 : 0.01)", False),  # once
        ("() => 0", False),
        ("(i) => (i % 12 === 0 ? 0 : 0.0000001)", False),  # nobody speaks
    ],
)
def test_holes_in_the_sound_are_noticed(modules: Callable[..., Any], power: str, stutters: bool) -> None:
    heard = modules(
        "record-ear.js",
        f"""({{ Stutter }}) => {{
          const ear = new Stutter();
          const power = {power};
          const frame = (n) => Array.from({{ length: 5 }}, (_, i) => power(5 * n + i));
          return Array.from({{ length: 300 }}, (_, n) => ear.hear(frame(n))).slice(150);
        }}""",
    )
    assert set(heard) == {stutters}


#: Leaves so many frames on the shelf.
SHORTENED = """async (left) => {
  const opened = indexedDB.open("transcribe-opname");
  await new Promise((resolve) => { opened.onsuccess = resolve; });
  const changing = opened.result.transaction("frames", "readwrite");
  const frames = changing.objectStore("frames");
  const keys = frames.getAllKeys();
  keys.onsuccess = () => keys.result.slice(left).forEach((key) => frames.delete(key));
  await new Promise((resolve) => { changing.oncomplete = resolve; });
  opened.result.close();
}"""


def test_less_than_a_second_is_said_in_tenths(modules: Callable[..., Any]) -> None:
    said = modules("record-view.js", "({ seconds }) => [0, 2, 9, 10, 11].map(seconds)")
    assert said == ["0", "0,2", "0,9", "1", "2"]


@pytest.mark.parametrize(("frames", "strong"), [(2, False), (20, True)])
def test_adding_a_moment_is_not_the_first_thing_to_do(
    house: LiveHouse, open_page: Opener, network: Network, frames: int, strong: bool
) -> None:
    """It makes the draft anew: after a take-over there are a few tenths of a second that nobody misses."""
    page = started(open_page())
    finished_without(house, page, network)
    page.evaluate(SHORTENED, frames)
    page.reload()
    warned(page, f"zonder de laatste {'0,2' if frames == 2 else '2'} s van dit apparaat")
    button = page.get_by_role("button", name="Voeg alsnog toe")
    assert ("strong" in (button.get_attribute("class") or "")) is strong


HOLES = """({ Stutter }, powers) => {
  const ear = new Stutter();
  const frames = Array.from({ length: Math.floor(powers.length / 5) }, (_, i) => powers.slice(5 * i, 5 * i + 5));
  const warned = frames.filter((frame) => ear.hear(frame)).length;
  return [warned, ear.recent.reduce((sum, [, blocks]) => sum + blocks, 0)];
}"""


def powers_of(sound: Samples) -> list[float]:
    """Of each 20 ms."""
    blocks = sound[: sound.size // 320 * 320].reshape(-1, 320).astype(np.float64)
    return list(np.mean(blocks**2, axis=1))


@pytest.mark.parametrize("begin_ms", [0, 1, 10])
@pytest.mark.parametrize("hole_ms", [100, 118, 120, 150, 250])
def test_a_hole_on_the_screen_is_one_in_review(modules: Callable[..., Any], hole_ms: int, begin_ms: int) -> None:
    """Both measures, on the same ten seconds."""
    sound = stuttering(hiss(-20, 10.0, seed=2), hole_ms, begin_ms, every_s=0.5)
    warned, blocks = modules("record-ear.js", HOLES, powers_of(sound))
    assert warned
    assert channel_of(sound, Span(start_s=0.0, end_s=10.0)).holes_s == pytest.approx(blocks * FRAME_S)


@pytest.mark.slow
@pytest.mark.parametrize("recording", sorted(DEMO_CONSULTS.glob("*.ogg")), ids=lambda path: path.stem)
def test_a_bundled_consult_does_not_stutter(modules: Callable[..., Any], recording: Path) -> None:
    """The demo's voice closes its mouth for a "p" without any sound at all. In review: test_sound_of_the_demo.py."""
    with recording.open("rb") as file, PyAvDecoder().decode(file, max_s=600) as decoding:
        sound = np.frombuffer(b"".join(decoding), "<i2").reshape(-1, 2) / 32768
    for heard in (sound[:, 0], sound[:, 1], sound.sum(axis=1)):
        assert modules("record-ear.js", HOLES, powers_of(heard))[0] == 0


NOW = {
    "next": 100, "acked": 100, "since": 0, "online": True, "problem": None, "unkept": False, "stored": None,
    "closed": False, "paused": False, "aside": False, "ending": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("now", "more", "head", "warning", "detail"),
    [
        ({}, {}, "running", None, "safe"),
        ({"acked": 0, "next": 3}, {}, "starting", None, "safe"),
        ({"acked": 50, "since": 50, "next": 55}, {}, "starting", None, "safe"),
        ({"acked": 0, "next": 60, "online": False}, {}, "local", "away", "behind"),
        ({"acked": 50, "online": False}, {}, "running", "away", "behind"),
        ({"acked": 50}, {}, "running", None, "behind"),
        ({"acked": 95, "online": False}, {}, "running", None, "behind"),
        ({}, {"capturing": False}, "idle", None, "safe"),
        ({"paused": True}, {}, "paused", None, "still"),
        ({"paused": True, "aside": True}, {"quiet": [True]}, "aside", None, "still"),
        ({"paused": True, "acked": 50, "online": False}, {}, "paused", "away-still", "behind"),
        ({"ending": True, "acked": 50}, {"capturing": False}, "ending", None, "behind"),
        ({"ending": True, "acked": 50, "online": False}, {}, "ending", "away-still", "behind"),
        ({"stored": "/", "ending": True}, {}, "stored", None, "safe"),
        ({"closed": True, "problem": {"code": "taken-over", "text": "x"}}, {}, "over", {"text": "x"}, "safe"),
        ({"closed": True, "problem": {"code": "log-in"}}, {}, "over", "log-in", "safe"),
        ({"problem": {"code": "disk", "text": "vol"}}, {"quiet": [True]}, "running", {"text": "vol"}, "safe"),
        ({"unkept": True}, {"quiet": [True]}, "running", "unkept", "safe"),
        ({}, {"quiet": [True, True]}, "running", "quiet", "safe"),
        ({}, {"quiet": [False, True]}, "running", "quiet-call", "safe"),
        ({}, {"broken": [True, True]}, "running", "broken", "safe"),
        ({}, {"quiet": [True], "broken": [False, True]}, "running", "quiet", "safe"),
        ({}, {"quiet": [True], "broken": [True]}, "running", "broken", "safe"),
        ({}, {"broken": [False, True]}, "running", "broken-call", "safe"),
        ({"paused": True}, {"broken": [True]}, "paused", None, "still"),
        ({}, {"lost": [True], "quiet": [True]}, "running", "lost", "safe"),
        ({}, {"lost": [False, True]}, "running", "lost-call", "safe"),
        ({}, {"problem": "denied", "lost": [True]}, "running", "denied", "safe"),
    ],
)
def test_what_the_screen_says(
    modules: Callable[..., Any],
    now: dict[str, Any],
    more: dict[str, Any],
    head: str,
    warning: object,
    detail: str,
) -> None:
    known = {"now": NOW | now, "capturing": True, "lost": [], "quiet": [], "broken": [], "problem": None} | more
    said = modules("record-view.js", "({ view }, known) => view(known)", known)
    assert (said["head"], said["warning"], said["detail"]) == (head, warning, detail)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3600, "1:00:00")])
def test_the_clock(modules: Callable[..., Any], seconds: float, shown: str) -> None:
    assert modules("record-view.js", "({ clock }, seconds) => clock(seconds)", seconds) == shown
