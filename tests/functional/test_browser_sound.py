"""A talk to try the sound with, in a real browser with a sound file as its microphone. Each docstring is the story."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.functional.conftest import DEMO_CONSULTS
from tests.functional.test_browser_accessible import EXAMINE, TAGS, axe_script
from tests.functional.test_browser_recording import DEVICES, chromium_with
from tests.live_server import CONSULT, LiveHouse, served
from tests.microphone import PHONE, RATE, WORKSTATION, Samples, noise, press, write_wav
from tests.unit.test_sound_quality import hiss, only
from transcribe.asr.quality import FRAME_S, measured
from transcribe.asr.transcript import Speaker
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Pcm, Span
from transcribe.consult import Status

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.microphone]


def speech() -> Samples:
    """A bundled consult, both sides on one channel; after seven seconds she is quiet, as she was asked to be."""
    with (DEMO_CONSULTS / "keelpijn.ogg").open("rb") as file, PyAvDecoder().decode(file, max_s=600) as decoding:
        sound = np.frombuffer(b"".join(decoding), "<i2").reshape(-1, 2)
    said = sound[: 7 * RATE_HZ].sum(axis=1) / 32768
    return np.concatenate([said, np.zeros(50 * RATE_HZ)]) + hiss(-70, 57)


@contextmanager
def trying(browser: Browser, *, script: str = "", size: dict[str, int] = WORKSTATION) -> Iterator[Page]:
    """The page of the test, from the consult; no error and no blocked script on the way, and nothing sent."""
    house = LiveHouse()
    house.begin(status=Status.CONSENTED)
    problems: list[str] = []
    with served(house.app) as base:
        context = browser.new_context(viewport=size, reduced_motion="reduce")
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{base}/start?ticket={house.access.ticket()}&naar=/consult/{CONSULT}")
        page.get_by_role("link", name="Eerst het geluid testen").click()
        page.get_by_role("button", name="Begin de test").wait_for()
        page.wait_for_load_state()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)
        page.on("websocket", lambda socket: sent.append(socket.url))
        yield page
        assert sent == []
        context.close()
    assert problems == []
    assert house.store.consult(CONSULT).status is Status.CONSENTED


def told(page: Page, side: str) -> str:
    return page.locator(f"[data-side={side}]").inner_text()


@pytest.fixture
def microphone(tmp_path: Path) -> Callable[[Samples], Any]:
    return lambda sound: chromium_with(write_wav(tmp_path / "microfoon.wav", np.asarray(sound), RATE))


def test_both_sides_are_heard(microphone: Callable[[Samples], Any]) -> None:
    """Before her first video consult Dr. Demo tries the sound with a colleague in a tab: ten seconds, and the page says
    that both are heard. Nothing of it leaves the browser.
    """
    with microphone(speech()) as browser, trying(browser, script=f"{DEVICES}{TALKING}") as page:
        page.get_by_label("Videogesprek").check()
        press(page, "Begin de test")
        page.get_by_text("Laat ook de ander iets zeggen").wait_for()
        page.get_by_text("Nu even allebei stil").wait_for()
        page.get_by_text("U bent goed te horen.").wait_for()
        page.get_by_text("De ander is goed te horen.").wait_for()
        assert page.locator("[data-side]").count() == 2
        assert "spraak -" in told(page, "you")
        page.evaluate(axe_script())
        for scheme, size in (("light", PHONE), ("dark", WORKSTATION), ("light", {"width": 320, "height": 640})):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(EXAMINE, [TAGS, None]) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate(
            "window.streams.concat(window.shared).every((s) => s.getAudioTracks()[0].readyState === 'ended')"
        )


def test_nobody_is_heard_in_the_call(microphone: Callable[[Samples], Any]) -> None:
    """The wrong tab was shared: nothing comes from it. She hears that of the call, and that she herself is fine."""
    with microphone(speech()) as browser, trying(browser, script=f"{DEVICES}{SILENT}") as page:
        page.get_by_label("Videogesprek").check()
        press(page, "Begin de test")
        page.get_by_text("U bent goed te horen.").wait_for()
        assert "Uit het gesprek komt geen geluid" in told(page, "call")


def test_the_microphone_is_silent(microphone: Callable[[Samples], Any]) -> None:
    """Her headset is muted. The page says so, she stops the second try half-way and goes back to the consult."""
    with microphone(np.zeros(60 * RATE)) as browser, trying(browser) as page:
        press(page, "Begin de test")
        page.get_by_text("helemaal geen geluid").wait_for()
        assert page.locator("[data-side]").count() == 1
        press(page, "Nog een keer")
        page.get_by_text("Praat zoals in een consult").wait_for()
        press(page, "Stop")
        page.get_by_role("button", name="Nog een keer").wait_for()
        page.get_by_role("link", name="Terug naar het consult").click()
        page.get_by_role("button", name="Start opname").wait_for()


def test_only_noise_is_heard(microphone: Callable[[Samples], Any]) -> None:
    """The microphone hears the ventilation and nobody."""
    with microphone(noise(60, RATE, seed=1)) as browser, trying(browser) as page:
        press(page, "Begin de test")
        page.get_by_text("Ik hoor alleen ruis").wait_for()


def test_a_soft_voice(microphone: Callable[[Samples], Any]) -> None:
    """The microphone stands at the other end of the desk."""
    with microphone(speech() * 0.02) as browser, trying(browser) as page:
        press(page, "Begin de test")
        page.get_by_text("U klinkt zacht").wait_for()


#: What is shared is a voice of a kind: a buzz with pauses.
TALKING = """
navigator.mediaDevices.getDisplayMedia = async () => {
  const context = new AudioContext();
  const to = context.createMediaStreamDestination();
  const from = new OscillatorNode(context, { type: "sawtooth", frequency: 150 });
  const loud = new GainNode(context, { gain: 0 });
  for (let at = 0; at < 7; at += 1.2) {
    loud.gain.setTargetAtTime(0.1, at, 0.02);
    loud.gain.setTargetAtTime(0, at + 0.7, 0.05);
  }
  from.connect(loud).connect(to);
  from.start();
  window.shared.push(to.stream);
  return to.stream;
};
"""
#: A tab with sound in which nothing sounds.
SILENT = """
navigator.mediaDevices.getDisplayMedia = async () => new AudioContext().createMediaStreamDestination().stream;
"""


# --- the same figures as those of a recording ----------------------------------------------------------------------

TALK = (Span(start_s=2.0, end_s=4.0), Span(start_s=5.0, end_s=9.0))
VECTORS: dict[str, tuple[Samples, Samples]] = {
    "good": (only(hiss(-24, 12, seed=2), *TALK) + hiss(-66, 12), hiss(-70, 12, seed=3)),
    "noisy": (only(hiss(-24, 12, seed=2), *TALK) + hiss(-27, 12), hiss(-70, 12, seed=3)),
    "telephone": (only(hiss(-24, 12, seed=2, below_hz=3400), *TALK) + hiss(-75, 12), hiss(-70, 12, seed=3)),
    "hidden": (only(hiss(-24, 12, seed=2, below_hz=3400), *TALK) + hiss(-35, 12), hiss(-70, 12, seed=3)),
    "clipped": (np.clip(only(hiss(-3, 12, seed=2), *TALK), -1, 1), np.zeros(12 * RATE_HZ)),
    "silence": (np.zeros(12 * RATE_HZ), np.zeros(12 * RATE_HZ)),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_browser_measures_what_we_measure(name: str, microphone: Callable[[Samples], Any]) -> None:
    """Two implementations, one measure: the same sound gives the same figures, to the tenth of a dB."""
    sound = np.stack(VECTORS[name], 1)
    pcm = np.round(np.clip(sound, -1, 32767 / 32768) * 32768).astype("<i2")
    recording = Pcm(io.BytesIO(pcm.tobytes()), channels=2)
    speakers, talk = (Speaker.HUISARTS, Speaker.PATIENT), [list(TALK), []]
    ours = measured(recording.read, recording.duration_s, speakers, talk)
    spoken = [[any(s.start_s <= (i + 0.5) * FRAME_S < s.end_s for s in one) for i in range(600)] for one in talk]
    house = LiveHouse()
    with microphone(np.zeros(RATE)) as browser, served(house.app) as address:
        page = browser.new_page()
        page.goto(f"{address}/login")
        theirs = page.evaluate(
            """async ([address, pcm, spoken]) => {
              const { figures } = await import(address);
              const bytes = Uint8Array.from(atob(pcm), (one) => one.charCodeAt(0));
              const all = new Int16Array(bytes.buffer);
              const anybody = spoken[0].map((one, i) => one || spoken[1][i]);
              return [0, 1].map((c) => {
                const samples = Float32Array.from({ length: all.length / 2 }, (_, i) => all[2 * i + c] / 32768);
                return figures(samples, spoken[c], anybody);
              });
            }""",
            [
                house.app.state.web.pages.static.url("sound-figures.js"),
                base64.b64encode(pcm.tobytes()).decode(),
                spoken,
            ],
        )
    for one, other in zip(ours.channels, theirs, strict=True):
        for figure, value in other.items():
            expected = getattr(one, figure)
            near = 0.06 if figure.endswith("_db") else 1e-4  # ours are rounded
            assert value == (expected if expected is None else pytest.approx(expected, abs=near)), figure
