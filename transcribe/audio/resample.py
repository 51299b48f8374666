"""Any rate to 16 kHz with FFmpeg's resampler, a piece at a time."""

from __future__ import annotations

import av
import numpy as np

from transcribe.audio.pcm import RATE_HZ


class Resampler:
    """One channel of s16le. Half of its filter looks ahead: what it gives is about a millisecond behind."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._to = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)

    def take(self, pcm: bytes) -> bytes:
        frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate_hz
        return b"".join(done.to_ndarray().astype("<i2").tobytes() for done in self._to.resample(frame))
