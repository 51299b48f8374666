"""Silence, noise, hum and music end in "geen spraak" with the real detector and the real model, and speech does not.

The sounds are made here: nothing of them depends on which model is bundled.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, lfilter

from models.catalog import installed
from tests.fakes_asr import ScriptedRecogniser
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.asr.whisper import WhisperRecogniser
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Pcm
from transcribe.audio.vad import SileroDetector
from transcribe.errors import NoSpeech

CONSULTS = Path(__file__).parents[2] / "transcribe" / "demo" / "consults"
SECONDS = 8
N = SECONDS * RATE_HZ
T = np.arange(N) / RATE_HZ


def note(hertz: float, seconds: float, kind: str) -> np.ndarray:
    """One note of an instrument."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    soft = np.minimum(1, np.minimum(t, seconds - t) / 0.05)
    harmonics = {"sine": (1,), "saw": range(1, 12), "square": range(1, 20, 2), "organ": (1, 2, 3, 4, 6, 8)}
    if kind == "violin":  # vibrato
        return soft * sum(np.sin(2 * np.pi * hertz * k * t + 5 * k * np.sin(34 * t)) / k for k in range(1, 10))
    fade = soft if kind == "organ" else np.minimum(1, t / 0.01) * np.exp(-2 * t)
    return fade * sum(np.sin(2 * np.pi * hertz * k * t) / k for k in harmonics[kind] if hertz * k < 7500)


def music(kind: str, chords: bool, drums: bool, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    sound, at = np.zeros(N + 4 * RATE_HZ), 0
    while at < N:
        length = float(chance.choice([1.0, 2.0] if chords else [0.25, 0.25, 0.5, 1.0]))
        root = (110 if chords else 220) * 2 ** (chance.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
        for step in chance.choice([[0, 4, 7], [0, 3, 7], [0, 5, 9]]) if chords else [0]:
            tone = note(root * 2 ** (step / 12), length * 1.2, kind)
            sound[at : at + tone.size] += tone
        at += round(length * RATE_HZ)
    for beat in range(0, N, RATE_HZ // 2) if drums else ():
        sound[beat : beat + 1600] += 2 * chance.normal(0, 1, 1600) * np.exp(-np.arange(1600) / 300)
    return sound[:N] / np.abs(sound).max() * 0.6


def sounds() -> Iterator[tuple[str, np.ndarray]]:
    yield "silence", np.zeros(N)
    for seed in range(2):
        white = np.random.default_rng(seed).normal(0, 1, N)
        for level in (-60, -40, -20, -6):
            yield f"white noise {level} dB {seed}", white * 10 ** (level / 20)
        brown = lfilter(*butter(1, 20 / 8000, "high"), np.cumsum(white))
        yield f"brown noise {seed}", brown / np.abs(brown).max() / 2
        yield f"telephone noise {seed}", lfilter(*butter(2, [300 / 8000, 3000 / 8000], "band"), white) * 0.3
        yield f"noise in waves {seed}", white * (0.5 + 0.5 * np.sin(2 * np.pi * (seed + 3) * T)) * 0.2
    yield "hum 50 Hz", sum(np.sin(2 * np.pi * 50 * k * T) / k for k in range(1, 9)) * 0.2
    yield "hum 60 Hz", sum(np.sin(2 * np.pi * 60 * k * T) / k for k in range(1, 9)) * 0.2
    yield "tone", np.sin(2 * np.pi * 440 * T) * 0.3
    yield "engaged", np.sin(2 * np.pi * 425 * T) * 0.3 * (T % 1 < 0.5)
    yield "siren", np.sin(2 * np.pi * np.cumsum(600 + 300 * np.sin(np.pi * T)) / RATE_HZ) * 0.3
    for seed, kind in enumerate(("sine", "saw", "square", "organ", "violin")):
        yield f"melody, {kind}", music(kind, chords=False, drums=False, seed=seed)
        yield f"chords, {kind}", music(kind, chords=True, drums=False, seed=seed)
        yield f"band, {kind}", music(kind, chords=True, drums=True, seed=seed)


SOUNDS = dict(sounds())


@pytest.fixture(scope="module")
def recogniser() -> WhisperRecogniser:
    demo = next(model for model in installed() if model.name == "demo-nl")
    return WhisperRecogniser(demo.path, device="cpu", compute_type="int8", cpu_threads=2)


def pcm(samples: np.ndarray) -> Pcm:
    return Pcm(io.BytesIO((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()), channels=1)


def transcribe(recording: Pcm, recogniser: object, seconds: list[float] | None = None) -> Transcript:
    transcriber = SpeechTranscriber(SileroDetector(), recogniser, pack_s=0)  # type: ignore[arg-type]
    done = seconds if seconds is not None else []
    return transcriber.transcribe(recording, [Speaker.ONBEKEND] * recording.channels, progress=done.append)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUNDS)
def test_no_speech(recogniser: WhisperRecogniser, name: str) -> None:
    with pytest.raises(NoSpeech, match="Geen spraak gehoord"):
        transcribe(pcm(SOUNDS[name]), recogniser)


@pytest.mark.slow
def test_music_stops_at_the_detector() -> None:
    """Not one of these sounds should even reach the recogniser, which would make words of it."""
    script = ScriptedRecogniser([])
    for samples in SOUNDS.values():
        with pytest.raises(NoSpeech):
            transcribe(pcm(samples), script)
    assert not script.windows


@pytest.mark.slow
def test_every_utterance_of_the_demo_consults_is_found_by_the_detector() -> None:
    """The other side of the guard: of what was really said, none is lost (middle of each true utterance)."""
    said = found = 0
    for file in sorted(CONSULTS.glob("*.json")):
        with PyAvDecoder().decode(io.BytesIO(file.with_suffix(".ogg").read_bytes()), max_s=900) as decoding:
            recording = Pcm(io.BytesIO(b"".join(decoding)), channels=decoding.channels)
        mixed = sum(recording.read(0, recording.duration_s, channel) for channel in range(recording.channels))
        stretches = SileroDetector().speech([np.asarray(mixed, np.float32)])
        for utterance in json.loads(file.read_text(encoding="utf-8"))["utterances"]:
            middle = (utterance["start"] + utterance["end"]) / 2
            said += 1
            found += any(stretch.start_s <= middle <= stretch.end_s for stretch in stretches)
    assert said > 100
    assert found == said


@pytest.mark.slow
def test_speech_between_music_and_noise_is_heard(recogniser: WhisperRecogniser) -> None:
    file = min(CONSULTS.glob("*.ogg"))
    with PyAvDecoder().decode(io.BytesIO(file.read_bytes()), max_s=900) as decoding:
        recording = Pcm(io.BytesIO(b"".join(decoding)), channels=decoding.channels)
    speech = sum(recording.read(0, 12, channel) for channel in range(recording.channels))
    mixed = np.concatenate([SOUNDS["band, organ"], np.zeros(RATE_HZ), speech, np.zeros(RATE_HZ), SOUNDS["siren"]])
    heard = transcribe(pcm(mixed), recogniser)
    assert heard.utterances
    assert all(SECONDS + 0.5 <= u.start_s <= u.end_s <= SECONDS + 15 for u in heard.utterances)


@pytest.mark.slow
def test_the_length_of_a_recording_costs_no_memory(tmp_path: Path) -> None:
    """Half an hour of stereo through decoder and detector, in a process of its own that tells its largest size."""
    program = f"""
import io, resource, sys, tempfile, wave
import numpy as np
from tests.fakes_asr import ScriptedRecogniser
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import Speaker
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import Pcm
from transcribe.audio.vad import SileroDetector
from transcribe.errors import NoSpeech

minutes = int(sys.argv[1])
with wave.open({str(tmp_path / "long.wav")!r}, "wb") as out:
    out.setnchannels(2); out.setsampwidth(2); out.setframerate(16000)
    minute = (np.random.default_rng(1).normal(0, 900, (60 * 16000, 2))).astype("<i2").tobytes()
    for _ in range(minutes):
        out.writeframesraw(minute)
with open({str(tmp_path / "long.wav")!r}, "rb") as source, tempfile.TemporaryFile(dir={str(tmp_path)!r}) as target:
    with PyAvDecoder().decode(source, max_s=4 * 3600) as decoding:
        for chunk in decoding:
            target.write(chunk)
    try:
        SpeechTranscriber(SileroDetector(), ScriptedRecogniser([])).transcribe(
            Pcm(target, channels=2), [Speaker.HUISARTS, Speaker.PATIENT], progress=lambda _: None)
    except NoSpeech:
        pass
sizes = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(*(size // 1024 for size in sizes))
"""
    root = Path(__file__).parents[2]
    used = []
    for minutes in (2, 12):
        done = subprocess.run(
            [sys.executable, "-c", program, str(minutes)], cwd=root, capture_output=True, text=True, check=True
        )
        used.append([int(size) for size in done.stdout.split()])
    (parent, child), (parent_long, child_long) = used
    assert parent_long < parent + 30, f"MB: {used}"
    assert child_long < child + 10, f"MB: {used}"
    assert child_long < 150
