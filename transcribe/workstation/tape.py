"""From what a microphone heard to the frames of a recording. The clock tells what is missing. Pure."""

from __future__ import annotations

import math

import numpy as np

from transcribe.audio.microphone import Sound
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES

FRAME_S = 0.1
FRAME_BYTES = int(RATE_HZ * FRAME_S) * SAMPLE_BYTES
SILENCE = bytes(FRAME_BYTES)
#: Heard as a gap: what was said before and after it is no sentence.
APART = [SILENCE] * 10
#: The sound may run so far behind the clock before that is a gap: devices give it in bursts.
LAG_S = 2.0
#: Of a longer gap so much is filled.
MOST_FILLED_S = 600.0

#: Below this nothing is speech, and speech stands out so far above the hum of a room (dB, full scale is 0).
LEAST_DB, ABOVE_DB = -55.0, 8.0
#: What counts as the hum rises so fast, for each frame.
RISE_DB = 0.05


class Tape:
    """Frames of 100 ms of what was heard between ``run`` and ``hold``, and of nothing else.

    Moments are those of ``microphone.clock_s``: of pressing a key, not of noticing it.
    """

    def __init__(self) -> None:
        self.missed_s = 0.0  # silence stands in their place
        self._from_s = self._until_s = -math.inf  # nothing lies between
        self._rest = bytearray()
        self._anchor_s: float | None = None  # when the sound of this stretch began
        self._samples = 0  # of it since then

    @property
    def running(self) -> bool:
        """More may come, if only what was heard before ``hold``."""
        return self._until_s > self._from_s

    def run(self, at_s: float) -> list[bytes]:
        """From now on. Gives what was left of the stretch before."""
        left = self.settle()
        self._from_s, self._until_s, self._anchor_s = at_s, math.inf, None
        return left

    def hold(self, at_s: float) -> None:
        self._until_s = min(self._until_s, at_s)

    def settle(self) -> list[bytes]:
        """End a stretch now, whatever may still come of it. The last frame is filled with silence."""
        self._from_s = self._until_s = -math.inf
        left = bytes(self._rest)
        self._rest.clear()
        return [left.ljust(FRAME_BYTES, b"\0")] if left else []

    def take(self, sound: Sound) -> list[bytes]:
        if not self.running:
            return []
        count = len(sound.pcm) // SAMPLE_BYTES
        start_s = sound.until_s - count / RATE_HZ
        first = _clamped((self._from_s - start_s) * RATE_HZ, count)
        last = _clamped((self._until_s - start_s) * RATE_HZ, count)
        frames: list[bytes] = []
        if first < last:
            frames = self._filled(start_s + first / RATE_HZ)
            self._rest += sound.pcm[first * SAMPLE_BYTES : last * SAMPLE_BYTES]
            self._samples += last - first
            while len(self._rest) >= FRAME_BYTES:
                frames.append(bytes(self._rest[:FRAME_BYTES]))
                del self._rest[:FRAME_BYTES]
        if sound.until_s >= self._until_s:
            frames += self.settle()
        return frames

    def _filled(self, start_s: float) -> list[bytes]:
        """Silence for what should have come before this moment."""
        if self._anchor_s is None:
            self._anchor_s, self._samples = start_s, 0
        lag_s = start_s - self._anchor_s - self._samples / RATE_HZ
        if lag_s < LAG_S:
            return []
        self.missed_s += lag_s
        self._anchor_s, self._samples = start_s, 0
        left = bytes(self._rest)
        self._rest.clear()
        frames = [left.ljust(FRAME_BYTES, b"\0")] if left else []
        return frames + [SILENCE] * int(min(lag_s, MOST_FILLED_S) / FRAME_S)


class Ear:
    """Is anybody heard? Speech stands out above the hum of a room, and is never as even as that."""

    def __init__(self) -> None:
        self.level_db = -math.inf  # of the last frame
        self.quiet_s = 0.0  # since somebody was heard
        self._hum_db = -30.0

    def hear(self, frame: bytes) -> None:
        samples = np.frombuffer(frame, "<i2").astype(np.float64) / 32768
        self.level_db = float(10 * np.log10(np.mean(samples**2) + 1e-10))
        self._hum_db = min(self.level_db, self._hum_db + RISE_DB)
        heard = self.level_db > max(LEAST_DB, self._hum_db + ABOVE_DB)
        self.quiet_s = 0.0 if heard else self.quiet_s + FRAME_S


def _clamped(samples: float, count: int) -> int:
    return math.ceil(min(max(samples, 0.0), count))
