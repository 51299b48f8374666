"""Recording in a browser while everything around it dies."""

from __future__ import annotations

import base64
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from tests.functional.test_serve import serving, until
from tests.microphone import (
    FRAME,
    ON_SHELF,
    RATE,
    SOUND,
    WITNESS,
    WORKSTATION,
    Samples,
    check_order,
    chromium_program,
    fake_microphone,
    frames_of,
    in_order,
    press,
    recorded,
    started,
    state,
    write_wav,
)
from transcribe.app import access_key
from transcribe.store.folders import throwaway_data_dir

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.microphone, pytest.mark.slow]


def test_nothing_stops_it(tmp_path: Path) -> None:
    """A whole consult on the real service. The web process is killed twice, the browser once, in the middle: every
    sample that was made arrives in order, the note grew meanwhile, and the draft is there.
    """
    sync_api = pytest.importorskip("playwright.sync_api")
    consult = Path(__file__).parents[2] / "transcribe" / "demo" / "consults" / "keelpijn.ogg"
    microphone = write_wav(tmp_path / "consult.wav", sound_of(consult, 48_000), 48_000)
    spoken = sound_of(consult, RATE)
    profile = tmp_path / "profiel"
    with throwaway_data_dir() as data_dir, serving(data_dir, tmp_path) as service, sync_api.sync_playwright() as player:

        def browser() -> Page:
            context = player.chromium.launch_persistent_context(
                profile, executable_path=chromium_program(), args=fake_microphone(microphone), viewport=WORKSTATION
            )
            context.add_init_script(WITNESS)
            page = context.pages[0]
            page.set_default_timeout(120_000)
            page.expose_binding("made", lambda _, frame: frames_of(page).append(base64.b64decode(frame)))
            page.on("dialog", lambda dialog: dialog.accept())
            return page

        first = browser()
        first.goto(service.link)
        first.goto(f"{service.address}/consult/nieuw")
        first.get_by_label("Patiëntkenmerk").fill("HIS-2024-7")
        press(first, "Ja, patiënt gaat akkoord")
        started(first)
        address = first.url
        for _ in range(2):
            recorded(first, 4)
            web = service.child("--role", "web")
            assert web is not None
            web.kill()
            until(lambda gone=web: not gone.is_running())  # type: ignore[misc]
        recorded(first, 4)
        for process in psutil.process_iter(["cmdline"]):
            if any(str(profile) in part for part in process.info["cmdline"] or ()):
                process.kill()
        before = [frame for frame in frames_of(first) if any(frame)]
        for lock in profile.glob("Singleton*"):
            lock.unlink()

        second = browser()
        second.context.clear_cookies()  # a browser that died after half a minute brings its session back
        second.goto(address)
        second.get_by_label("Toegangssleutel").fill(access_key(data_dir))
        second.keyboard.press("Enter")
        state(second, "Opname loopt")
        second.locator("#groei .growing-part li").first.wait_for()  # the note grows while they talk
        press(second, "Stop en maak verslag")
        second.locator("#review").wait_for()
        assert second.evaluate(ON_SHELF) == [0, 0]
        sound = second.request.get(f"{address}/audio").body()[44:]
        second.context.close()

    pieces = [sound[at : at + 2 * FRAME] for at in range(0, len(sound), 2 * FRAME)]
    arrived = [piece for piece in pieces if any(piece)]
    after = [frame for frame in frames_of(second) if any(frame)]
    came = len([frame for frame in before if frame in set(arrived)])
    assert len(before) - came <= 10, "at most the last second before the kill"
    assert in_order(before[:came] + after, arrived)
    assert len(Counter(arrived) - Counter(before + after)) <= 10
    heard = np.frombuffer(sound, SOUND).astype(float)
    check_order(heard[: pieces.index(before[came - 1]) * FRAME], spoken, block_s=0.5)
    check_order(heard[pieces.index(after[0]) * FRAME : -2 * FRAME], spoken, block_s=0.5)


def sound_of(file: Path, rate: int) -> Samples:
    import av

    resampler = av.AudioResampler("s16", "mono", rate)
    with av.open(str(file)) as container:
        pieces = [piece.to_ndarray()[0] for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate(pieces).astype(float) / 32768
