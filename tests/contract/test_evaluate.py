"""`transcribe eval audio`: one JSON a recording, bad ones told, the others done."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.fakes_asr import LevelDetector, ScriptedRecogniser, heard
from transcribe.asr.evaluate import evaluate_folder
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ
from transcribe.soep.note import Dropped, Line, Note, Report, Section


class FirstLineDrafter:
    """The first utterance is S, the second is left out."""

    name = "first@1"

    def draft(self, transcript: Transcript) -> Note:
        line = Line(id="L1", section=Section.S, text=transcript.utterances[0].text, evidence=(0,))
        dropped = (Dropped(utterance=1, reason="ruis"),) if len(transcript.utterances) > 1 else ()
        return Note(reports=(Report(id="R1", lines=(line,)),), dropped=dropped, drafter=self.name)


def wav(*channels: tuple[float, float], seconds: float = 3.0) -> bytes:
    """Noise between two moments on each channel."""
    frames = np.zeros((round(seconds * RATE_HZ), len(channels)), "<i2")
    chance = np.random.default_rng(0)
    for channel, (start, end) in enumerate(channels):
        part = slice(round(start * RATE_HZ), round(end * RATE_HZ))
        frames[part, channel] = chance.integers(-9000, 9000, frames[part, channel].shape)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(frames.tobytes())
    return out.getvalue()


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a-stereo.wav").write_bytes(wav((0.5, 1.0), (1.5, 2.5)))
    (folder / "b-mono.wav").write_bytes(wav((0.5, 2.0)))
    (folder / "c-empty.mp3").write_bytes(b"")
    (folder / "d-silence.wav").write_bytes(wav((0, 0), (0, 0)))
    (folder / "e-text.mp3").write_bytes(b"geen geluid " * 999)
    (folder / "f-last.wav").write_bytes(wav((0.5, 2.0)))
    (folder / "notes.txt").write_text("not a recording")
    return folder


def run(recordings: Path, output: Path, **options: object) -> dict[str, dict[str, object]]:
    transcriber = SpeechTranscriber(
        LevelDetector(),
        ScriptedRecogniser(
            lambda seconds: [heard("Ik heb keelpijn.", 0, seconds / 2), heard("Muziek", seconds / 2, seconds)]
        ),
    )
    counts = evaluate_folder(
        recordings,
        output,
        decoder=PyAvDecoder(),
        transcriber=transcriber,
        drafter=FirstLineDrafter(),
        **options,  # type: ignore[arg-type]
    )
    assert (counts["files"], counts["errors"], counts["no_speech"]) == (6, 2, 1)
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in output.glob("*.json")}


def test_every_recording_has_its_file(recordings: Path, tmp_path: Path) -> None:
    found = run(recordings, tmp_path / "out")
    assert sorted(found) == ["a-stereo", "b-mono", "c-empty", "d-silence", "e-text", "f-last"]
    for result in found.values():
        assert list(result["draft"]) == ["S", "O", "E", "P"]  # type: ignore[call-overload]

    stereo = found["a-stereo"]
    assert [(u["speaker"], u["text"]) for u in stereo["transcript"]["utterances"]] == [  # type: ignore[index]
        ("huisarts", "Ik heb keelpijn."),
        ("huisarts", "Muziek"),
        ("patient", "Ik heb keelpijn."),
        ("patient", "Muziek"),
    ]
    assert stereo["transcript"]["utterances"][2]["start"] == pytest.approx(1.5, abs=0.02)  # type: ignore[index]
    assert stereo["draft"]["S"] == [{"text": "Ik heb keelpijn.", "evidence": [0]}]  # type: ignore[index]
    assert stereo["dropped"] == [{"utterance": 1, "reason": "ruis"}, {"utterance": 3, "reason": "fantoom"}]

    assert {u["speaker"] for u in found["b-mono"]["transcript"]["utterances"]} == {"onbekend"}  # type: ignore[index]
    assert found["f-last"]["draft"]["S"]  # type: ignore[index]


def test_what_can_not_be_used_says_why(recordings: Path, tmp_path: Path) -> None:
    found = run(recordings, tmp_path / "out")
    assert str(found["c-empty"]["error"]).startswith("Het bestand is leeg.")
    assert str(found["e-text"]["error"]).startswith("Dit is geen geluid- of videobestand.")
    assert "error" not in found["d-silence"]
    for name in ("c-empty", "d-silence", "e-text"):
        assert found[name]["transcript"] == {"utterances": []}
        assert found[name]["draft"] == {"S": [], "O": [], "E": [], "P": []}
        assert found[name]["dropped"] == []


def test_one_speaker_for_all_channels_is_a_dictation(recordings: Path, tmp_path: Path) -> None:
    found = run(recordings, tmp_path / "out", channels=[Speaker.HUISARTS])
    assert {u["speaker"] for u in found["a-stereo"]["transcript"]["utterances"]} == {"huisarts"}  # type: ignore[index]
    assert {u["speaker"] for u in found["b-mono"]["transcript"]["utterances"]} == {"huisarts"}  # type: ignore[index]
