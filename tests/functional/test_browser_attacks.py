"""What a hostile talk and a hostile model do in a real browser: nothing. The script of each would leave a mark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.functional.conftest import LiveServer, service_on_fakes
from tests.functional.test_browser_story import SETTLED_MS, WORKSTATION, drafted
from transcribe.asr.transcript import Speaker
from transcribe.soep.note import Dropped, Line, Missed, Note, Report, Section
from transcribe.testing import ScriptedDrafter, ScriptedTranscriber, utterances

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

#: Each sets ``window.kwaad`` if it runs.
HOSTILE = (
    "<script>window.kwaad = 1</script>",
    "<img src=x onerror='window.kwaad = 2'>",
    '"><svg onload="window.kwaad = 3">',
    "</textarea></template><iframe srcdoc='<script>parent.kwaad = 4</script>'></iframe>",
    "<b tabindex=0 autofocus onfocus='window.kwaad = 5' hx-get='//kwaad.example' hx-trigger=load>druk</b>",
    "<a href='javascript:window.kwaad = 7'>klik</a>",
)
TALK = utterances(*((Speaker.PATIENT, one) for one in HOSTILE))
DRAFT = Note(
    reports=(
        Report(
            id="R1",
            title=HOSTILE[1],
            lines=tuple(
                Line(id=f"L{n}", section=section, text=one, evidence=(n,))
                for n, (one, section) in enumerate(zip(HOSTILE, [*Section, *Section], strict=False))
            ),
        ),
    ),
    dropped=(Dropped(utterance=0, reason=HOSTILE[2]),),
    missed=(Missed(utterance=1, kind="allergie"),),
    next_line=len(HOSTILE),
)


@pytest.fixture(scope="module")
def live_server() -> Iterator[LiveServer]:
    with service_on_fakes(transcriber=ScriptedTranscriber(TALK), drafter=ScriptedDrafter(DRAFT)) as server:
        yield server


def test_what_was_said_is_text_and_nothing_else(live_server: LiveServer, chromium: Browser) -> None:
    """A patient who says scripts, and a model that answers with them. Dr. Demo reads the draft, types one more of them,
    opens the conversation at a word, and searches for a reference that is one: all of it stands there as it was said.
    """
    context = chromium.new_context(viewport=WORKSTATION)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    # a blocked script is one that came into the page
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: wrong.append(request.url) if live_server.url not in request.url else None)
    try:
        page.goto(live_server.start(f"/consult/{drafted(live_server)}"))
        page.wait_for_load_state()
        note = page.locator("#kopie").inner_text()
        assert all(one in note for one in HOSTILE)
        page.get_by_label("Regel toevoegen bij Plan").click()
        page.get_by_role("textbox", name="Nieuwe regel bij Plan").fill(f"{HOSTILE[1]} extra")
        page.keyboard.press("Enter")
        page.locator(".line-text", has_text=f"{HOSTILE[1]} extra").wait_for()  # what was swapped in is text too
        assert all(one in page.locator("main").inner_text() for one in HOSTILE)
        assert page.locator("main").locator("script, iframe, svg[onload], img[onerror], [onfocus]").count() == 0
        page.goto(live_server.url)
        page.get_by_label("Patiëntkenmerk").fill(HOSTILE[5])
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Gevonden").wait_for()
        page.wait_for_timeout(SETTLED_MS)
        assert page.evaluate("window.kwaad") is None
        assert wrong == []
    finally:
        context.close()
