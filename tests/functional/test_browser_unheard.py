"""Speech of which no words were understood, in a real browser. The docstring is the story."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.functional.conftest import LiveServer, service_on_fakes
from tests.functional.test_browser_accessible import EXAMINE, TAGS, axe_script
from tests.functional.test_browser_review import DRAFT, TALK
from tests.functional.test_browser_story import SETTLED_MS, WORKSTATION, drafted
from transcribe.audio.pcm import Span
from transcribe.testing import ScriptedDrafter, ScriptedTranscriber

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LOST = (Span(start_s=7.0, end_s=9.0), Span(start_s=20.5, end_s=22.0))


@pytest.fixture
def live_server() -> Iterator[LiveServer]:
    """Of two places nothing was written: amid what looks like a silence of eight seconds, and behind the last words."""
    transcriber = ScriptedTranscriber(TALK, unheard=LOST)
    with service_on_fakes(transcriber=transcriber, drafter=ScriptedDrafter(DRAFT)) as server:
        yield server


@pytest.fixture
def page(live_server: LiveServer, chromium: Browser) -> Iterator[Page]:
    problems: list[str] = []
    context = chromium.new_context(viewport=WORKSTATION)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(live_server.start(f"/consult/{drafted(live_server)}"))
    page.wait_for_load_state()
    yield page
    context.close()
    assert problems == []


def test_the_doctor_listens_to_what_was_not_understood(page: Page) -> None:
    """The page says that somebody spoke in two places of which it has no words. Dr. Demo plays the first, which is
    played as nothing else and no silence to be passed over, and says by keyboard that she knows of it.
    """
    point = page.locator("#zaak-onverstaan")
    assert "Op 2 plaatsen is gesproken, maar daar zijn geen woorden verstaan." in point.inner_text()
    assert point.locator("[data-play]").all_inner_texts() == ["0:07", "0:20"]
    audio = page.locator("audio")
    audio.evaluate("one => { window.passed = []; one.addEventListener('seeking', () => passed.push(one.currentTime)) }")
    point.get_by_role("button", name="Luister vanaf 0:07").click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 6.8")
    page.wait_for_function("() => document.querySelector('audio').paused")
    assert page.evaluate("passed[0]") == pytest.approx(6.7, abs=0.05)

    # all of it, from behind the second sentence: up to there it is silent, and from there to the third
    audio.evaluate("one => { window.passed = []; one.currentTime = 3.5; one.playbackRate = 2; return one.play() }")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 11.6")
    audio.evaluate("one => one.pause()")
    assert page.evaluate("passed") == pytest.approx([3.5, 6.7, 11.7], abs=0.05)

    for size in (WORKSTATION, {"width": 320, "height": 700}):
        page.set_viewport_size(size)
        page.evaluate(axe_script())
        assert page.evaluate(EXAMINE, [TAGS, None]) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.set_viewport_size(WORKSTATION)

    page.locator("#h-aandacht").focus()
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.closest('#zaak-onverstaan') !== null")
    page.wait_for_timeout(SETTLED_MS)
    page.keyboard.press("Enter")
    point.wait_for(state="detached")
