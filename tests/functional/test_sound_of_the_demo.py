"""The bundled consults sound good, and it shows when they are made worse: the real detector, words that are made up."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from tests.fakes_asr import ScriptedRecogniser, heard
from tests.functional.conftest import DEMO_CONSULTS
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import Speaker
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Pcm
from transcribe.audio.vad import SileroDetector
from transcribe.soep.sound import Fault, faults

pytestmark = pytest.mark.slow

NAMES = sorted(path.stem for path in DEMO_CONSULTS.glob("*.ogg"))


@cache
def sound_of(name: str) -> np.ndarray:
    with (DEMO_CONSULTS / f"{name}.ogg").open("rb") as file, PyAvDecoder().decode(file, max_s=600) as decoding:
        return np.frombuffer(b"".join(decoding), "<i2").reshape(-1, 2) / 32768


def found(sound: np.ndarray) -> set[Fault]:
    pcm = np.round(np.clip(sound, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()
    transcriber = SpeechTranscriber(SileroDetector(), ScriptedRecogniser(lambda s: [heard("Goed.", 0, s)]), pack_s=0)
    transcript = transcriber.transcribe(
        Pcm(io.BytesIO(pcm), channels=2), [Speaker.HUISARTS, Speaker.PATIENT], progress=lambda _: None
    )
    return {one.fault for one in faults(transcript.sound)}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_against_a_bundled_consult(name: str) -> None:
    assert found(sound_of(name)) == set()


def test_what_is_made_worse_is_told() -> None:
    sound = sound_of(NAMES[0])[: 60 * RATE_HZ]
    noise = np.random.default_rng(1).normal(size=sound.shape)
    telephone = butter(8, 3400, fs=RATE_HZ, output="sos")
    assert found(sound / 30) == {Fault.SOFT}
    assert Fault.NOISY in found(sound + 0.02 * noise)
    assert Fault.CLIPPED in found(6 * sound)
    assert found(sosfilt(telephone, sound, 0)) == {Fault.NARROW}
    lost = np.repeat(np.random.default_rng(2).random(3000) < 0.08, RATE_HZ // 50)
    assert found(sound * ~lost[:, None]) == {Fault.HOLES}
