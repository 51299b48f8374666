"""Where somebody speaks: Silero VAD (bundled with faster-whisper) on onnxruntime, in constant memory.

The network gives a probability for every 32 ms and remembers what went before; that memory is carried from batch to
batch, so an hour is judged exactly as it would be in one go. Batches always have the same size: the result does not
depend on how the caller cuts the recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from transcribe.audio.pcm import RATE_HZ, Pcm, Samples, Span

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
        if min(self.min_speech_s, self.min_silence_s, self.pad_s) < 0:
            raise ValueError("durations can't be negative")


def blocks(pcm: Pcm, channel: int, block_s: float = 60.0) -> Iterator[Samples]:
    """One channel of a recording, a minute at a time."""
    start = 0.0
    while (samples := pcm.read(start, start + block_s, channel)).size:
        yield samples
        start += block_s


def spans(probabilities: Sequence[float], duration_s: float, options: VoiceOptions) -> list[Span]:
    """Probabilities of consecutive frames to stretches of speech, padded, in order, not overlapping."""
    found: list[tuple[float, float]] = []
    start: int | None = None
    sure = 0  # frames since ``start`` that are surely speech
    quiet: int | None = None  # first frame of the pause we are in
    for index, probability in enumerate(probabilities):
        if probability >= options.threshold:
            quiet = None
            start, sure = (index, 0) if start is None else (start, sure)
            sure += probability >= options.sure
        elif start is not None and probability < options.neg_threshold:
            quiet = index if quiet is None else quiet
            if (index - quiet) * FRAME_S >= options.min_silence_s:
                if sure >= options.sure_frames:
                    found.append((start * FRAME_S, quiet * FRAME_S))
                start = quiet = None
    if start is not None and sure >= options.sure_frames:
        found.append((start * FRAME_S, duration_s))
    found = [(first, last) for first, last in found if last - first > options.min_speech_s]
    padded = []
    for index, (first, last) in enumerate(found):
        # neighbours share the pause between them when it is too short for both pads
        before = found[index - 1][1] if index else -first
        after = found[index + 1][0] if index + 1 < len(found) else 2 * duration_s - last
        padded.append(
            Span(
                start_s=max(0.0, first - min(options.pad_s, (first - before) / 2)),
                end_s=min(duration_s, last + min(options.pad_s, (after - last) / 2)),
            )
        )
    return padded


class SileroDetector:
    """``ports.SpeechDetector``. Loads the network (2 MB) at the first use."""

    def __init__(self, options: VoiceOptions | None = None) -> None:
        self.options = options or VoiceOptions()

    def speech(self, recording: Iterable[Samples]) -> list[Span]:
        """``recording``: consecutive pieces of one channel, of any size."""
        probabilities: list[float] = []
        total = 0
        run = self._runner()
        waiting = np.zeros(0, np.float32)
        for samples in recording:
            total += samples.size
            waiting = np.concatenate([waiting, samples])
            while waiting.size >= BATCH * FRAME:
                probabilities += run(waiting[: BATCH * FRAME])
                waiting = waiting[BATCH * FRAME :]
        # the last frame is filled up with silence
        probabilities += run(np.pad(waiting, (0, FRAME - waiting.size % FRAME)))
        return spans(probabilities, total / RATE_HZ, self.options)

    def _runner(self) -> Any:
        """A function from samples (whole frames) to probabilities, with the memory of what it heard before."""
        from faster_whisper.vad import get_vad_model

        session = get_vad_model().session
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
