"""Silence, noise, hum and music end in "geen spraak" with the real detector and the real model, and speech does not.

The sounds are those of benchmarks/silence.py: nothing of them depends on which model is bundled.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.silence import KINDS, WholePath, leveled, make, music, siren
from models.catalog import installed
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.asr.whisper import WhisperRecogniser
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Pcm
from transcribe.audio.vad import SileroDetector
from transcribe.errors import NoSpeech

CONSULTS = Path(__file__).parents[2] / "transcribe" / "demo" / "consults"
FILES = 30  # of the thousand of benchmarks/silence.py, made short


@pytest.fixture(scope="module")
def path() -> WholePath:
    return WholePath(threads=2)


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
@pytest.mark.parametrize("number", range(0, 3 * FILES, 3))
def test_no_speech_no_note(path: WholePath, number: int) -> None:
    """Not one of these sounds should even reach the recogniser, which would make words of it."""
    found = path.hear(make(number, length_s=2.5))
    assert (found.windows, found.texts, found.believed, found.lines) == (0, (), (), 0), found.kind


def test_the_thousand_files_do_not_change() -> None:
    """Every kind is there, every file follows from its number, and nothing in it is no sound."""
    files = [make(number, length_s=0.5) for number in range(len(KINDS))]
    assert {made.kind.split("|")[0].split("+")[0] for made in files} == set(KINDS)
    assert all(np.isfinite(made.samples).all() and np.abs(made.samples).max() <= 1 for made in files)
    assert np.array_equal(make(40, length_s=0.5).samples, files[40].samples)


def test_what_nobody_said_is_silence(recogniser: WhisperRecogniser) -> None:
    with pytest.raises(NoSpeech, match="Geen spraak gehoord"):
        transcribe(pcm(np.zeros(RATE_HZ)), recogniser)


@pytest.mark.slow
def test_every_utterance_of_the_demo_consults_is_found_by_the_detector() -> None:
    """The other side of the guard: of what was really said, none is lost (middle of each true utterance)."""
    said = found = 0
    for file in sorted(CONSULTS.glob("*.json")):
        with PyAvDecoder().decode(io.BytesIO(file.with_suffix(".ogg").read_bytes()), max_s=900) as decoding:
            recording = Pcm(io.BytesIO(b"".join(decoding)), channels=decoding.channels)
        mixed = sum(recording.read(0, recording.duration_s, channel) for channel in range(recording.channels))
        ear = SileroDetector().listen()
        stretches = [*ear.more(np.asarray(mixed, np.float32)), *ear.end()]
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
    before = leveled(music(np.random.default_rng(1), 8 * RATE_HZ, chords=True, drums=True, kind="organ"), -4)
    after = leveled(siren(np.random.default_rng(1), 8 * RATE_HZ), -10)
    mixed = np.concatenate([before, np.zeros(RATE_HZ), speech, np.zeros(RATE_HZ), after])
    heard = transcribe(pcm(mixed), recogniser)
    assert heard.utterances
    assert all(8.5 <= u.start_s <= u.end_s <= 23 for u in heard.utterances)


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
