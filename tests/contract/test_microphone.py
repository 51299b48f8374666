"""What every microphone promises: a scripted one, and PortAudio on a real sound server."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil
import pytest

from tests.microphone import RATE, SOUND, Samples, noise, place
from tests.sound_server import loud, sound_server
from transcribe.audio import capture
from transcribe.audio.capture import SoundDevices
from transcribe.audio.microphone import (
    Capture,
    Microphone,
    MicrophoneBusy,
    MicrophoneLost,
    NoMicrophone,
    NoSoundLibrary,
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


def in_the_child(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """A child that begins with this, and is ours after it."""
    run = "import runpy; runpy.run_module('transcribe.audio.capture_child', run_name='__main__')"
    monkeypatch.setattr(capture, "CHILD", [sys.executable, "-c", f"import sys, time, types\n{program}\n{run}"])


def test_without_portaudio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_child(monkeypatch, "sys.modules['sounddevice'] = None")
    with pytest.raises(NoSoundLibrary, match="libportaudio2"):
        SoundDevices().devices()


HANGS = """
class PortAudio(types.ModuleType):
    PortAudioError = OSError
    default = types.SimpleNamespace(device=(0, 0))
    def query_devices(self, index=None):
        time.sleep({looking_s})
        one = dict(index=0, name="Scripted", max_input_channels=1, default_samplerate=48000.0)
        return [one] if index is None else one
    def check_input_settings(self, *given, **named):
        pass
    def RawInputStream(self, **named):
        time.sleep(600)
sys.modules["sounddevice"] = PortAudio("sounddevice")
"""


def test_a_driver_that_hangs_while_it_looks_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "OPEN_S", 0.5)
    in_the_child(monkeypatch, HANGS.format(looking_s=600))
    assert SoundDevices().devices() == []
    with pytest.raises(NoMicrophone):
        SoundDevices().open("")


def test_a_driver_that_hangs_while_it_opens_is_said_to_be_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "OPEN_S", 3.0)
    in_the_child(monkeypatch, HANGS.format(looking_s=0))
    with pytest.raises(MicrophoneBusy, match="Scripted"):
        SoundDevices().open("")


@pytest.mark.slow
def test_it_hears_on_while_the_process_that_records_stands_still_and_ends_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sound_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        program = (
            "import time\nfrom transcribe.audio.capture import SoundDevices\n"
            "hearing = SoundDevices().open('')\nprint(hearing._process.pid, flush=True)\n"
            "until = None\n"
            "while True:\n"
            "    sound = hearing.take(0.2)\n"
            "    if sound: print(sound.until_s, len(sound.pcm), flush=True)\n"
        )
        recording = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert recording.stdout is not None
        child = psutil.Process(int(recording.stdout.readline()))
        recording.stdout.readline()
        recording.send_signal(signal.SIGSTOP)
        time.sleep(4)  # more than a pipe holds
        recording.send_signal(signal.SIGCONT)
        until, begun, heard_s = 0.0, 0.0, 0.0
        while begun == 0.0 or until - begun < 5:
            until, size = (float(part) for part in recording.stdout.readline().split())
            begun = begun or until
            heard_s += size / (RATE * 2)
        assert heard_s > 0.95 * (until - begun)
        recording.kill()
        recording.wait()
        recording.stdout.close()
        child.wait(10)
