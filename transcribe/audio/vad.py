"""Where somebody speaks: Silero VAD (bundled with faster-whisper) on onnxruntime, in constant memory.

The network gives a probability for every 32 ms and remembers what went before; that memory is carried from batch to
batch, so an hour is judged exactly as it would be in one go. Batches of a finished recording always have the same size:
the result does not depend on how the caller cuts it. While a consult is going on every frame is judged as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from transcribe.audio.pcm import RATE_HZ, Samples, Span

FRAME = 512  # samples of one probability: 32 ms
FRAME_S = FRAME / RATE_HZ
CONTEXT = 64  # samples of the frame before that the network wants to see
STATE = (1, 1, 128)  # shape of each half of its memory
BATCH = 1024  # frames a run: 33 s of sound, 2 MB


@dataclass(frozen=True, kw_only=True)
class VoiceOptions:
    """When a stretch counts as speech. Silero's own defaults are for cutting films; these are for short answers."""

    threshold: float = 0.5  # speech begins at this probability
    neg_threshold: float = 0.35  # ... and may end below this one
    # ... and it is only speech when so many frames get here: voices do at once, even "ja"; single notes do not
    # (docs/asr-windows.md has the figures)
    sure: float = 0.85
    sure_frames: int = 4  # 0.13 s
    min_speech_s: float = 0.1  # shorter is a click or a cough; "ja" takes 0.2 s
    min_silence_s: float = 0.3  # a shorter pause does not end a stretch
    pad_s: float = 0.15  # soft first and last sounds, added on both sides

    def __post_init__(self) -> None:
        if not 0 < self.neg_threshold <= self.threshold <= self.sure < 1:
            raise ValueError("thresholds: 0 < neg_threshold <= threshold <= sure < 1")
        if self.sure_frames < 1:
            raise ValueError("sure_frames: at least one")
        if min(self.min_speech_s, self.pad_s) < 0:
            raise ValueError("durations can't be negative")
        if self.min_silence_s < 2 * self.pad_s:
            raise ValueError("a pause must have room for two pads")


class Stretches:
    """Probabilities of consecutive frames to stretches of speech, padded, in order, not overlapping (pure)."""

    def __init__(self, options: VoiceOptions) -> None:
        self._options = options
        self._count = 0  # frames so far
        self._start: int | None = None
        self._sure = 0  # frames since ``_start`` that are surely speech
        self._quiet: int | None = None  # first frame of the pause we are in
        self._floor_s = 0.0  # no stretch begins before

    def cut(self, at_s: float) -> None:
        """What lies before is somebody else's: no stretch begins there."""
        self._floor_s = at_s

    @property
    def open_s(self) -> float | None:
        """Where the stretch begins that goes on now, when that is speech."""
        if self._start is None or self._sure < self._options.sure_frames:
            return None
        return self._begin(self._start)

    def more(self, probabilities: Iterable[float]) -> Iterator[Span]:
        """Those stretches that ended."""
        options = self._options
        for index, probability in enumerate(probabilities, start=self._count):
            self._count = index + 1
            if probability >= options.threshold:
                self._quiet = None
                if self._start is None:
                    self._start, self._sure = index, 0
                self._sure += probability >= options.sure
            elif self._start is not None and probability < options.neg_threshold:
                self._quiet = index if self._quiet is None else self._quiet
                if (index - self._quiet) * FRAME_S >= options.min_silence_s:
                    yield from self._ended(self._quiet * FRAME_S, self._quiet * FRAME_S + options.pad_s)

    def end(self, duration_s: float) -> Iterator[Span]:
        """The one that was going on when the recording ended."""
        yield from self._ended(duration_s, duration_s)

    def _ended(self, last_s: float, end_s: float) -> Iterator[Span]:
        if self._start is not None and self._sure >= self._options.sure_frames:
            # pads of neighbours can't meet: the pause between them is twice as long (see ``VoiceOptions``)
            long_enough = last_s - self._start * FRAME_S > self._options.min_speech_s
            if long_enough and end_s > self._begin(self._start):
                yield Span(start_s=self._begin(self._start), end_s=end_s)
        self._start = self._quiet = None

    def _begin(self, frame: int) -> float:
        return max(self._floor_s, frame * FRAME_S - self._options.pad_s)


class SileroDetector:
    """``ports.SpeechDetector``. Loads the network (2 MB) at the first use."""

    def __init__(self, options: VoiceOptions | None = None) -> None:
        self.options = options or VoiceOptions()

    def listen(self, *, live: bool = False) -> SileroEar:
        return SileroEar(self.options, batch=1 if live else BATCH)


class SileroEar:
    """``ports.Ear``."""

    def __init__(self, options: VoiceOptions, *, batch: int) -> None:
        """``batch``: frames that are judged together at least."""
        self._stretches = Stretches(options)
        self._batch = batch * FRAME
        self._judge = _runner()
        self._waiting = np.zeros(0, np.float32)
        self._samples = 0

    @property
    def open_s(self) -> float | None:
        return self._stretches.open_s

    @property
    def judged_s(self) -> float:
        return (self._samples - self._waiting.size) / RATE_HZ

    def cut(self, at_s: float) -> None:
        self._stretches.cut(at_s)

    def more(self, samples: Samples) -> list[Span]:
        self._samples += samples.size
        self._waiting = np.concatenate([self._waiting, samples])
        found: list[Span] = []
        while (ready := min(self._waiting.size // self._batch * self._batch, BATCH * FRAME)) > 0:
            found += self._stretches.more(self._judge(self._waiting[:ready]))
            self._waiting = self._waiting[ready:]
        return found

    def end(self) -> list[Span]:
        # the last frame is filled up with silence
        last = np.pad(self._waiting, (0, FRAME - self._waiting.size % FRAME))
        self._waiting = np.zeros(0, np.float32)
        duration_s = self._samples / RATE_HZ
        found = [*self._stretches.more(self._judge(last)), *self._stretches.end(duration_s)]
        return [Span(start_s=s.start_s, end_s=min(s.end_s, duration_s)) for s in found if s.start_s < duration_s]


def _runner() -> Callable[[Samples], list[float]]:
    """A function from samples (whole frames) to probabilities, with the memory of what it heard before."""
    from faster_whisper.vad import get_vad_model

    session: Any = get_vad_model().session
    h = c = np.zeros(STATE, np.float32)
    tail = np.zeros(CONTEXT, np.float32)

    def run(samples: Samples) -> list[float]:
        nonlocal h, c, tail
        frames = samples.reshape(-1, FRAME)
        context = np.concatenate([tail[None], frames[:-1, -CONTEXT:]])
        tail = frames[-1, -CONTEXT:]
        output, h, c = session.run(None, {"input": np.concatenate([context, frames], 1), "h": h, "c": c})
        return [float(p) for p in np.ravel(output)]

    return run
