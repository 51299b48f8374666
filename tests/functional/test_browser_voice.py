"""A doctor reads aloud in the browser, and has a profile; without the tick nothing begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clinic import Clinic
from tests.functional.conftest import on_a_socket
from tests.microphone import RATE, chromium_program, fake_microphone, write_wav
from tests.unit.test_speakers import VOICES, sung
from transcribe.audio.decode import PyAvDecoder
from transcribe.testing import scripted_service

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra dev installs playwright")
    voice = np.concatenate([sung(2.0, *VOICES["low"], seed=40 + n) for n in range(12)])
    file = write_wav(tmp_path / "stem.wav", voice, RATE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_program(), args=[*fake_microphone(file), "--lang=nl"]
        )
        page = browser.new_context(locale="nl-NL").new_page()
        page.set_default_timeout(60_000)
        yield page
        browser.close()


PRESS_ALL = """() => {
  for (const one of document.querySelectorAll("[data-do]")) {
    one.disabled = false;
    one.click();
  }
}"""
#: The browser asks for the microphone until somebody allows it.
ASKED = """() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (asked) => {
    await new Promise((resolve) => (window.allow = resolve));
    return (window.stream = await real(asked));
  };
}"""


@pytest.mark.parametrize("when", ["recording", "asking", "sending"])
def test_who_takes_the_tick_back_sends_nothing(page: Any, when: str) -> None:
    """While reading, while the browser asks for the microphone; once it is under way the tick can't be taken back."""
    clinic = Clinic(scripted_service(decoder=PyAvDecoder()))
    jansen = clinic.set_up()
    with on_a_socket(clinic.app) as base:
        session = jansen.client.cookies["transcribe-8600"]
        page.context.add_cookies([{"name": f"transcribe-{base.rpartition(':')[2]}", "value": session, "url": base}])
        page.goto(f"{base}/stem")
        sent: list[Any] = []
        page.route("**/stem/*", lambda route: sent.append(route))
        agreed = page.get_by_label("Ik heb dit gelezen")
        agreed.check()
        start = page.get_by_role("button", name="Begin met opnemen")
        if when == "asking":
            page.evaluate(ASKED)
            start.click()
            page.wait_for_function("() => window.allow")
            agreed.uncheck()
            page.evaluate("() => window.allow()")
            page.wait_for_function("() => window.stream?.getTracks().every((one) => one.readyState === 'ended')")
            assert page.get_by_role("button", name="Klaar met lezen").is_hidden()
            assert start.is_disabled()
            return
        start.click()
        page.wait_for_function("() => parseInt(document.querySelector('[data-part=time]').textContent) >= 1")
        if when == "sending":
            page.get_by_role("button", name="Klaar met lezen").click()
            page.get_by_text("Het profiel wordt gemaakt").wait_for()
            assert agreed.is_disabled()
            assert len(sent) == 1
            sent[0].abort()
            page.get_by_text("De verbinding is verbroken").wait_for()
            assert agreed.is_enabled()
            return
        agreed.uncheck()
        page.get_by_role("button", name="Klaar met lezen").wait_for(state="hidden")
        # a click that was on its way, or a file that was chosen before
        page.evaluate(PRESS_ALL)
        page.wait_for_timeout(500)
        assert sent == []


def test_a_minute_in_the_browser_becomes_a_profile(page: Any) -> None:
    clinic = Clinic(scripted_service(decoder=PyAvDecoder()))
    jansen = clinic.set_up()
    with on_a_socket(clinic.app) as base:
        session = jansen.client.cookies["transcribe-8600"]
        page.context.add_cookies([{"name": f"transcribe-{base.rpartition(':')[2]}", "value": session, "url": base}])
        page.goto(f"{base}/stem")
        start = page.get_by_role("button", name="Begin met opnemen")
        assert start.is_disabled()
        page.get_by_label("Ik heb dit gelezen").check()
        start.click()
        page.wait_for_function("() => parseInt(document.querySelector('[data-part=time]').textContent) >= 22")
        page.get_by_role("button", name="Klaar met lezen").click()
        page.get_by_text("Er is een profiel").wait_for()
        kept = clinic.service.voices.find("Dr. A. Jansen")
        assert kept is not None
        assert kept.profile.mean[-1] == pytest.approx(np.log2(VOICES["low"][0]), abs=0.5), "it is this voice"
        page.locator("#weg > summary").click()
        page.get_by_role("button", name="Verwijder en vernietig").click()
        page.get_by_text("Er is geen profiel van uw stem").wait_for()
        assert clinic.service.voices.find("Dr. A. Jansen") is None
