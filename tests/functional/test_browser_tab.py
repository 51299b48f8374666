"""A video call in another tab of the same browser, with the sound that tab makes."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from tests.functional.test_browser_recording import chromium_with, stored_sound
from tests.live_server import CONSULT, LiveHouse, served
from tests.microphone import (
    FRAME,
    MICROPHONE_S,
    RATE,
    WORKSTATION,
    check_order,
    noise,
    press,
    recorded,
    started,
    write_wav,
)
from transcribe.consult import Status

pytestmark = [pytest.mark.browser, pytest.mark.microphone]


def test_the_sound_of_a_tab_is_recorded_beside_the_microphone(tmp_path: Path) -> None:
    """Nothing of it is make-believe but the microphone and the click on the tab in the browser's own window."""
    microphone = write_wav(tmp_path / "huisarts.wav", noise(MICROPHONE_S, 48_000, seed=1), 48_000)
    voice = write_wav(tmp_path / "patient.wav", noise(20, 48_000, seed=2), 48_000)
    house = LiveHouse()
    house.begin(status=Status.CONSENTED)
    house.spool.delete(CONSULT)
    with served(house.app) as base, chromium_with(microphone, tab="Beeldbellen") as browser:
        context = browser.new_context(viewport=WORKSTATION, permissions=["microphone"])
        call = context.new_page()
        call.goto(f"{base}/login")
        call.evaluate("document.title = 'Beeldbellen'")
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{base}/start?ticket={house.access.ticket()}&naar=/consult/{CONSULT}")
        page.get_by_label("Videogesprek").check()
        started(page)
        sound = base64.b64encode(voice.read_bytes()).decode()
        call.evaluate(
            """async (sound) => {
              const context = new AudioContext();
              const bytes = Uint8Array.from(atob(sound), (one) => one.charCodeAt(0));
              const buffer = await context.decodeAudioData(bytes.buffer);
              const source = new AudioBufferSourceNode(context, { buffer });
              source.connect(context.destination);
              source.start();
            }""",
            sound,
        )
        recorded(page, 4)
        press(page, "Stop en maak verslag")
        page.get_by_role("heading", name="Wordt uitgeschreven").wait_for()
    both = stored_sound(house).reshape(-1, 2)
    check_order(both[:-FRAME, 0], noise(MICROPHONE_S, RATE, seed=1))
    heard = both[:-FRAME, 1]
    check_order(heard[np.flatnonzero(heard)[0] + RATE // 2 :], noise(20, RATE, seed=2))
