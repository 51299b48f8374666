"""Measure an exported model with faster-whisper and jiwer.

Text is compared in lower case without punctuation. A consult is heard twice: utterance by utterance (no voice
detector), and as a whole, each channel by itself behind the voice detector, as the service hears it. The consults of
the demo come with their sound; others are spoken first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio
from render_demo import render
from speech import RATE_HZ, Spoken
from text import plain

OPTIONS: dict[str, Any] = {
    "language": "nl",
    "beam_size": 5,
    "temperature": 0.0,
    "condition_on_previous_text": False,
}
CLOSE_S = 0.3


@dataclass
class Score:
    """What was said and what was heard, and how long it took."""

    said: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    sound_s: float = 0.0
    took_s: float = 0.0
    # Per true start or end of an utterance: seconds to the nearest one found.
    off_s: list[float] = field(default_factory=list)

    def add(self, said: str, heard: str) -> None:
        """Count one pair, compared as plain text."""
        self.said.append(plain(said))
        self.heard.append(plain(heard))

    def word_errors(self) -> float:
        """Word error rate, 0..1 and above."""
        return jiwer.wer(self.said, self.heard)

    def __str__(self) -> str:
        parts = [f"WER {100 * self.word_errors():.1f} %", f"CER {100 * jiwer.cer(self.said, self.heard):.1f} %"]
        if self.sound_s:
            parts.append(f"real-time factor {self.took_s / self.sound_s:.3f}")
        if self.off_s:
            close = float(np.mean([off <= CLOSE_S for off in self.off_s]))
            parts.append(f"boundaries within {CLOSE_S} s {100 * close:.1f} %")
        return ", ".join(parts)


def hear(model: WhisperModel, sound: np.ndarray, *, detector: bool, score: Score) -> list[tuple[float, float, str]]:
    """Transcribe float32 [n] at 16 kHz; returns (start in s, end in s, text) and adds the time taken."""
    began = time.monotonic()
    segments, _ = model.transcribe(sound, vad_filter=detector, **OPTIONS)
    found = [(segment.start, segment.end, segment.text) for segment in segments]
    score.took_s += time.monotonic() - began
    score.sound_s += sound.size / RATE_HZ
    return found


def consult_sound(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """A consult with its times, and its left (huisarts) and right (others) channel, float32 [n] at 16 kHz."""
    consult = json.loads(path.read_text(encoding="utf-8"))
    recording = path.with_suffix(".ogg")
    if recording.exists():
        return consult, list(decode_audio(str(recording), sampling_rate=RATE_HZ, split_stereo=True))
    sound = render(consult)
    return consult, [sound[:, 0].copy(), sound[:, 1].copy()]


def score_consults(model: WhisperModel, paths: Sequence[Path]) -> tuple[Score, Score]:
    """Scores by utterance and of whole channels."""
    single, whole = Score(), Score()
    for path in paths:
        consult, channels = consult_sound(path)
        for utterance, channel in _placed(consult):
            first, last = round(utterance["start"] * RATE_HZ), round(utterance["end"] * RATE_HZ)
            found = hear(model, channels[channel][first:last], detector=False, score=single)
            single.add(utterance["text"], " ".join(text for *_, text in found))
        for number, channel_sound in enumerate(channels):
            mine = [utterance for utterance, channel in _placed(consult) if channel == number]
            if not mine:
                continue
            found = hear(model, channel_sound, detector=True, score=whole)
            whole.add(" ".join(u["text"] for u in mine), " ".join(text for *_, text in found))
            for utterance in mine:
                for side, at in enumerate((utterance["start"], utterance["end"])):
                    whole.off_s.append(min((abs(at - segment[side]) for segment in found), default=float("inf")))
    return single, whole


def score_lines(model: WhisperModel, spoken: Spoken, together: int = 4) -> Score:
    """Score spoken lines, ``together`` at a time with 0.4 s between them, no voice detector."""
    score = Score()
    pause = np.zeros(round(0.4 * RATE_HZ), np.float32)
    for first in range(0, len(spoken.lines), together):
        lines = spoken.lines[first : first + together]
        sound = np.concatenate([piece for line in lines for piece in (spoken.samples(line) * 0.8, pause)])
        found = hear(model, sound, detector=False, score=score)
        score.add(" ".join(line.text for line in lines), " ".join(text for *_, text in found))
    return score


def _placed(consult: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    for utterance in consult["utterances"]:
        yield utterance, 0 if utterance["speaker"] == "huisarts" else 1


def errors(score: Score) -> Iterator[str]:
    """The pairs that differ, for a look."""
    for said, heard in zip(score.said, score.heard, strict=True):
        if said != heard:
            yield f"  said  {said}\n  heard {heard}"
