"""A browser with a sound file as its microphone, and a witness of every frame that it makes, for tests."""

from __future__ import annotations

import os
import shutil
import wave
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

RATE = 16_000
FRAME = 1600
MICROPHONE_S = 60
WORKSTATION = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
SOUND = np.dtype("<i2")
Samples = np.ndarray[Any, np.dtype[np.float64]]

#: What the browser holds of unfinished recordings: frames, recordings.
ON_SHELF = """async () => {
  const opened = indexedDB.open("transcribe-opname");
  await new Promise((resolve) => { opened.onsuccess = resolve; });
  const names = ["frames", "recordings"];
  const stores = names.map((name) => opened.result.transaction(names).objectStore(name).count());
  const counts = await Promise.all(stores.map((one) => new Promise((resolve) => {
    one.onsuccess = () => resolve(one.result);
  })));
  opened.result.close();
  return counts;
}"""

#: Tells the test of every frame that the sound thread makes: what must arrive, to the bit.
WITNESS = """
const Real = MessageChannel;
window.MessageChannel = class {
  constructor() {
    const [keeper, worklet] = [new Real(), new Real()];
    worklet.port1.onmessage = ({ data }) => {
      if (data.pcm) window.made(btoa(String.fromCharCode(...new Uint8Array(data.pcm))));
      keeper.port2.postMessage(data, data.pcm ? [data.pcm] : []);
    };
    [this.port1, this.port2] = [keeper.port1, worklet.port2];
  }
};
"""


# --- the microphone ------------------------------------------------------------------------------------------------


def noise(seconds: float, rate: int, seed: int) -> Samples:
    """No two moments of it are alike; the same at every rate, and so low that a part of a sample matters little."""
    random = np.random.default_rng(seed)
    bins = int(2000 * seconds)
    spectrum = np.zeros(int(seconds * rate) // 2 + 1, dtype=complex)
    spectrum[1:bins] = np.exp(2j * np.pi * random.random(bins - 1))
    sound = np.fft.irfft(spectrum, int(seconds * rate))
    return np.asarray(0.2 * sound / np.abs(sound).max())


def write_wav(path: Path, sound: Samples, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype(SOUND).tobytes())
    return path


def place(piece: Samples, source: Samples) -> tuple[int, float]:
    """Where in ``source`` a piece of sound comes from, and how alike the two are (1: the same)."""
    size = 1 << int(np.ceil(np.log2(len(source) + len(piece))))
    match = np.fft.irfft(np.fft.rfft(source, size) * np.conj(np.fft.rfft(piece, size)), size)
    at = int(np.argmax(match[: len(source) - len(piece)]))
    return at, float(np.corrcoef(source[at : at + len(piece)], piece)[0, 1])


def check_order(heard: Samples, source: Samples, block_s: float = 0.1) -> None:
    """It is this sound, from somewhere on, in order.

    The make-believe microphone drops or repeats 10 ms now and then, and on a busy machine the sound of the browser
    stands still for a moment. From two seconds on that is filled with silence; less is a step forward here.

    ``block_s``: so much of the source is like nothing else in it. The shorter, the less one dropped moment spoils.
    """
    step = int(block_s * RATE)
    blocks = {start: heard[start : start + step] for start in range(0, len(heard) - step + 1, step)}
    places: dict[int, tuple[int, float]] = {}
    last: int | None = None  # how far the source is ahead, where that was last sure
    for start, block in blocks.items():
        if not block.any():
            continue
        places[start] = (0, 0.0)
        # a voice that is made says a word twice in the very same way: is it where it should be?
        near = 0 if last is None else max(start + last - int(0.3 * RATE), 0)
        if last is not None and near + step < len(source):
            at, alike = place(block, source[near : near + step + int(2.3 * RATE)])
            places[start] = (near + at, alike)
        if places[start][1] <= 0.9:
            places[start] = place(block, source)
        if places[start][1] > 0.9:
            last = places[start][0] - start
    sure = [at - start for start, (at, alike) in places.items() if alike > 0.9]
    assert len(sure) >= 0.6 * len(places) > 0, places
    assert all(_goes_on(after - before) for before, after in pairwise(sure)), places


def _goes_on(step: int) -> bool:
    return -0.3 * RATE <= step <= 2 * RATE


def chromium_program() -> str:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    return program


def fake_microphone(file: Path, tab: str = "") -> list[str]:
    """``tab``: the title of the one that is shared when a page asks; then it also asks for the microphone."""
    sharing = (
        [f"--auto-select-tab-capture-source-by-title={tab}", "--autoplay-policy=no-user-gesture-required"]
        if tab
        else ["--use-fake-ui-for-media-stream"]
    )
    return [
        "--no-sandbox",
        *sharing,
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}%noloop",
    ]


#: What each page's sound thread made.
MADE: dict[Page, list[bytes]] = {}


def frames_of(page: Page) -> list[bytes]:
    return MADE.setdefault(page, [])


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def state(page: Page, text: str) -> None:
    page.get_by_role("heading", name=text, exact=True).wait_for()


def warned(page: Page, text: str) -> None:
    page.get_by_text(text).filter(visible=True).wait_for()


def recorded(page: Page, seconds: float) -> None:
    """So much more of it is safe."""
    page.wait_for_function(
        """([name, more]) => {
          const clock = document.querySelector("[data-part=detail]").textContent.match(/(\\d+):(\\d+)/);
          const now = clock ? clock[1] * 60 + clock[2] * 1 : 0;
          window[name] ??= now;
          return now >= window[name] + more;
        }""",
        arg=[f"since{os.urandom(4).hex()}", seconds],
    )


def started(page: Page) -> Page:
    press(page, "Start opname")
    state(page, "Opname loopt")
    return page


def lost(some: list[bytes], of: list[bytes]) -> int:
    """How many of ``some`` are not there when the rest is there in order (the longest common subsequence).

    Two pages may have made the same frame: each hears the file from its beginning.
    """
    longest = [0] * (len(of) + 1)
    for one in some:
        before = list(longest)
        for n, other in enumerate(of, 1):
            longest[n] = before[n - 1] + 1 if one == other else max(before[n], longest[n - 1])
    return len(some) - longest[-1]


def in_order(some: list[bytes], of: list[bytes]) -> bool:
    """All of ``some`` are there, one after the other."""
    rest = iter(of)
    return all(one in rest for one in some)
