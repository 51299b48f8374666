"""A detector and a recogniser that do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from transcribe.asr.transcript import Heard, HeardSegment
from transcribe.audio.pcm import RATE_HZ, Samples, Span


def heard(
    text: str,
    start_s: float = 0.0,
    end_s: float = 1.0,
    *,
    no_speech: float = 0.0,
    log_probability: float = -0.2,
    compression: float = 1.0,
    probability: float = 0.9,
) -> HeardSegment:
    """A segment whose words share its time evenly."""
    words = text.split()
    step = (end_s - start_s) / max(1, len(words))
    return HeardSegment(
        text=text,
        start_s=start_s,
        end_s=end_s,
        words=tuple(
            Heard(text=word, start_s=start_s + i * step, end_s=start_s + (i + 1) * step, probability=probability)
            for i, word in enumerate(words)
        ),
        no_speech=no_speech,
        log_probability=log_probability,
        compression=compression,
    )


class ScriptedDetector:
    """Finds the spans it was given, channel by channel. Reads the recording all the same."""

    def __init__(self, *channels: Sequence[Span]) -> None:
        self._channels = list(channels)

    def speech(self, recording: Iterable[Samples]) -> list[Span]:
        for _ in recording:
            pass
        return list(self._channels.pop(0))


class LevelDetector:
    """Speech is where the sound is above a hundredth of full scale; pauses under 0.3 s belong to it."""

    def speech(self, recording: Iterable[Samples]) -> list[Span]:
        samples = np.concatenate([*recording, np.zeros(0, np.float32)])
        loud = np.flatnonzero(np.abs(samples) > 0.01)
        if not loud.size:
            return []
        breaks = np.flatnonzero(np.diff(loud) > 0.3 * RATE_HZ)
        starts, ends = [loud[0], *loud[breaks + 1]], [*loud[breaks], loud[-1]]
        return [Span(start_s=a / RATE_HZ, end_s=(b + 1) / RATE_HZ) for a, b in zip(starts, ends, strict=True)]


class ScriptedRecogniser:
    """Answers window after window from a list, or by a function of the window's length in seconds."""

    name = "scripted@1"

    def __init__(self, answer: Sequence[list[HeardSegment]] | Callable[[float], list[HeardSegment]]) -> None:
        self._answer = answer if callable(answer) else None
        self._answers = [] if callable(answer) else list(answer)
        self.windows: list[Samples] = []

    def recognise(self, samples: Samples, *, language: str) -> list[HeardSegment]:
        assert language == "nl"
        assert samples.size <= 30 * RATE_HZ
        self.windows.append(samples)
        return self._answer(samples.size / RATE_HZ) if self._answer else self._answers.pop(0)
