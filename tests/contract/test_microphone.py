"""What every microphone promises: a scripted one, and PortAudio on a real sound server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from tests.microphone import RATE, SOUND, Samples, noise, place
from tests.sound_server import loud, sound_server
from transcribe.audio.capture import SoundDevices
from transcribe.audio.microphone import (
    Capture,
    Microphone,
    MicrophoneLost,
    NoMicrophone,
    Sound,
    UnknownDevice,
    clock_s,
)
from transcribe.audio.resample import Resampler
from transcribe.testing import ScriptedMicrophone


@dataclass(kw_only=True)
class Heard:
    microphone: Microphone
    play: Callable[[Samples], object]
    unplug: Callable[[], object]
    plug: Callable[[], object]
    clock: Callable[[], float]


@pytest.fixture(params=["scripted", pytest.param("portaudio", marks=pytest.mark.slow)])
def heard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    if request.param == "scripted":
        fake = ScriptedMicrophone()
        yield Heard(
            microphone=fake,
            play=lambda sound: fake.script.append((sound * 32767).astype(SOUND).tobytes()),
            unplug=lambda: setattr(fake, "plugged", False),
            plug=lambda: setattr(fake, "plugged", True),
            clock=fake.clock,
        )
        return
    with sound_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield Heard(microphone=SoundDevices(), play=server.play, unplug=server.stop, plug=server.start, clock=clock_s)


def taken(capture: Capture, seconds: float) -> list[Sound]:
    found: list[Sound] = []
    while sum(len(sound.pcm) for sound in found) < seconds * RATE * 2:
        sound = capture.take(0.1)
        if sound is not None:
            found.append(sound)
    return found


def test_what_is_played_is_heard_in_order_at_its_moment(heard: Heard) -> None:
    said = noise(1.5, RATE, seed=1)
    capture = heard.microphone.open("")
    try:
        assert capture.name in {device.name for device in heard.microphone.devices()}
        taken(capture, 0.5)
        heard.play(said)
        sounds = taken(capture, 3.0)
        assert sounds[-1].until_s <= heard.clock()
    finally:
        capture.close()
    pcm = loud(b"".join(sound.pcm for sound in sounds))
    # on a busy machine what is played stands still for a moment, and so does the sound server
    step = RATE // 10
    places = [place(said[start : start + step], pcm) for start in range(0, len(said), step)]
    sure = [at for at, alike in places if alike > 0.9]
    assert len(sure) >= 0.6 * len(places), places
    assert sure == sorted(sure)
    assert [sound.until_s for sound in sounds] == sorted(sound.until_s for sound in sounds)


def test_a_microphone_that_goes_and_comes_back(heard: Heard) -> None:
    capture = heard.microphone.open("")
    taken(capture, 0.1)
    heard.unplug()
    with pytest.raises(MicrophoneLost):
        taken(capture, 60)
    capture.close()
    if not getattr(capture, "closed", True):
        pytest.skip("this driver never lets go of a device that is gone")
    with pytest.raises(NoMicrophone):
        heard.microphone.open("")
    heard.plug()
    until = time.monotonic() + 20
    while True:
        try:
            again = heard.microphone.open("")
            taken(again, 0.1)
            break
        except (NoMicrophone, MicrophoneLost):
            assert time.monotonic() < until
            time.sleep(0.1)
    again.close()


def test_one_that_is_not_there_is_named(heard: Heard) -> None:
    assert sum(device.default for device in heard.microphone.devices()) == 1
    with pytest.raises(UnknownDevice, match="Koptelefoon"):
        heard.microphone.open("Koptelefoon")


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_any_rate_becomes_16_khz(rate: int) -> None:
    source, target = noise(2.0, rate, seed=2), noise(2.0, RATE, seed=2)
    resampler = Resampler(rate)
    pcm = (source * 32767).astype(SOUND).tobytes()
    step = rate // 20 * 2
    found = loud(b"".join(resampler.take(pcm[at : at + step]) for at in range(0, len(pcm), step)))
    assert abs(len(found) - len(target)) < 100
    at, alike = place(found[RATE // 2 : RATE], target)
    assert abs(at - RATE // 2) <= 32
    assert alike > 0.99
    tone = np.sin(2 * np.pi * min(10_000, rate) * np.arange(rate) / rate) * 0.5
    if rate > 20_000:  # above 8 kHz there is nothing left
        high = loud(Resampler(rate).take((tone * 32767).astype(SOUND).tobytes()))
        assert np.std(high[1000:]) < 0.001


def test_without_portaudio_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['sounddevice'] = None\n"
        "from transcribe.audio.capture import SoundDevices\n"
        "from transcribe.audio.microphone import NoSoundLibrary\n"
        "try: SoundDevices().devices()\n"
        "except NoSoundLibrary as problem: print(problem)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "libportaudio2" in done.stdout
