"""A detector and a recogniser that do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    """Finds the spans it was given, channel by channel, when their end was heard."""

    def __init__(self, *channels: Sequence[Span]) -> None:
        self._channels = list(channels)

    def listen(self, *, live: bool = False) -> FakeEar:
        spans = list(self._channels.pop(0))
        return FakeEar(lambda _: spans)


class LevelDetector:
    """Speech is where the sound is above a hundredth of full scale; pauses under 0.3 s belong to it."""

    def listen(self, *, live: bool = False) -> FakeEar:
        return FakeEar(loud_spans)


def loud_spans(samples: Samples) -> list[Span]:
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > 0.3 * RATE_HZ)
    starts, ends = [loud[0], *loud[breaks + 1]], [*loud[breaks], loud[-1]]
    return [Span(start_s=a / RATE_HZ, end_s=(b + 1) / RATE_HZ) for a, b in zip(starts, ends, strict=True)]


class FakeEar:
    """Keeps everything, and looks at all of it each time."""

    def __init__(self, find: Callable[[Samples], list[Span]]) -> None:
        self._find = find
        self._sound = np.zeros(0, np.float32)
        self._given = 0
        self._floor_s = 0.0

    @property
    def open_s(self) -> float | None:
        going_on = [s for s in self._left() if s.end_s + 0.3 > self._sound.size / RATE_HZ >= s.start_s]
        return going_on[0].start_s if going_on else None

    @property
    def judged_s(self) -> float:
        return self._sound.size / RATE_HZ

    def more(self, samples: Samples) -> list[Span]:
        self._sound = np.concatenate([self._sound, samples])
        return self._give([s for s in self._left() if s.end_s + 0.3 <= self._sound.size / RATE_HZ])

    def end(self) -> list[Span]:
        return self._give(self._left())

    def cut(self, at_s: float) -> None:
        self._floor_s = at_s
        self._given += sum(s.end_s <= at_s for s in self._left())

    def _left(self) -> list[Span]:
        spans = self._find(self._sound)[self._given :]
        return [Span(start_s=max(self._floor_s, s.start_s), end_s=max(self._floor_s, s.end_s)) for s in spans]

    def _give(self, spans: list[Span]) -> list[Span]:
        self._given += len(spans)
        return [s for s in spans if s.end_s > s.start_s]


class ScriptedRecogniser:
    """Answers window after window from a list, or by a function of the window's length in seconds."""

    name = "scripted@1"

    def __init__(self, answer: Sequence[list[HeardSegment]] | Callable[[float], list[HeardSegment]]) -> None:
        self._answer = answer if callable(answer) else None
        self._answers = [] if callable(answer) else list(answer)
        self.windows: list[Samples] = []

    def recognise(self, samples: Samples, *, language: str, hints: Sequence[str] = ()) -> list[HeardSegment]:
        assert language == "nl"
        assert samples.size <= 30 * RATE_HZ
        self.windows.append(samples)
        return self._answer(samples.size / RATE_HZ) if self._answer else self._answers.pop(0)
