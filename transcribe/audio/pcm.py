"""Sound as numbers. All sound inside is 16 kHz signed 16-bit PCM, channels interleaved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000  # what Silero and Whisper expect
SAMPLE_BYTES = 2

#: Mono samples in -1..1, shape [n].
Samples = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of a recording, in seconds from its start; ``end_s`` is exclusive."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.start_s <= self.end_s:
            raise ValueError(f"impossible span {self.start_s}..{self.end_s}")

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


class Unheard(StrEnum):
    GAP = "gat"  # the browser, the microphone or the connection was away: silence stands in its place
    VOICE = "stem weg"  # the same of the microphone of the huisarts alone, while another voice has a channel of its own
    ASIDE = "buiten verslag"  # left out at somebody's wish
    LEFT = "niet gestopt"  # the end: nobody stopped it, and no more sound came; nobody knows how long they still talked


@dataclass(frozen=True, kw_only=True)
class Unrecorded:
    """A stretch of a talk that its recording has nothing of."""

    kind: Unheard
    at_s: float  # where it begins, or would stand, in the recording
    length_s: float  # of an aside by the clock; 0 where nobody knows


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What came out of a file."""

    duration_s: float  # of what was written, gaps filled with silence
    channels: int  # 1 or 2
    missing: tuple[Span, ...]  # could not be decoded; silence in the PCM, or after its end (a file that was cut off)
    unrecorded: tuple[Unrecorded, ...] = ()  # of one that was made live; in order

    @property
    def damaged(self) -> bool:
        """More is missing than an imprecise header explains: over half a second and over one hundredth."""
        missing_s = sum(span.duration_s for span in self.missing)
        return missing_s > max(0.5, 0.01 * (self.duration_s + missing_s))


class Pcm:
    """Random access to decoded sound in a seekable file, a piece at a time, so that length never costs memory.

    Not thread-safe: a reader belongs to one thread.
    """

    def __init__(self, file: BinaryIO, *, channels: int) -> None:
        if channels not in (1, 2):
            raise ValueError(f"1 or 2 channels, not {channels}")
        self._file = file
        self.channels = channels
        self._frame_bytes = SAMPLE_BYTES * channels
        self.frames = file.seek(0, 2) // self._frame_bytes

    @property
    def duration_s(self) -> float:
        return self.frames / RATE_HZ

    def read(self, start_s: float, end_s: float, channel: int = 0) -> Samples:
        """Samples of one channel between two moments; shorter where the recording ends."""
        first = max(0, round(start_s * RATE_HZ))
        last = min(self.frames, round(end_s * RATE_HZ))
        if last <= first:
            return np.zeros(0, np.float32)
        self._file.seek(first * self._frame_bytes)
        raw = self._file.read((last - first) * self._frame_bytes)
        frames = np.frombuffer(raw, "<i2").reshape(-1, self.channels)
        return frames[:, channel].astype(np.float32) / 32768.0

    def outline(self, stretches: int) -> bytes:
        """For a drawing: of so many equal stretches the square root of the loudest sample on any channel, in 1/255."""
        edges = [self.frames * i // stretches for i in range(stretches + 1)]
        drawn = bytearray()
        self._file.seek(0)
        for first, last in pairwise(edges):
            values = np.frombuffer(self._file.read((last - first) * self._frame_bytes), "<i2")
            loudest = max(int(values.max()), -int(values.min())) if values.size else 0
            drawn.append(round(255 * (loudest / 32768) ** 0.5))
        return bytes(drawn)


def mixed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Two interleaved channels to one: their mean. Chunks may be cut anywhere."""
    rest = b""
    frame = 2 * SAMPLE_BYTES
    for chunk in chunks:
        raw = rest + chunk
        whole = len(raw) // frame * frame
        rest = raw[whole:]
        pairs = np.frombuffer(raw[:whole], "<i2").reshape(-1, 2).astype(np.int32)
        yield (pairs.sum(axis=1) // 2).astype("<i2").tobytes()
