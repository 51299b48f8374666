"""How a recording sounds: the level of speech, noise, clipping, bandwidth, holes, people who speak at once.

Looked at when it is known where somebody speaks, half a minute at a time: any length costs the same memory. It is the
same for a recording that was followed while it was made and for one that was not. The figures of one channel are
measured in the browser too, before a first consult (``static/sound-figures.js``): a test compares the two.

What this can't see: noise that a program took away together with the pauses (a gate), lost packets that were filled in
with what might have been said, an echo. What it hears of a voice is what the detector calls speech.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from transcribe.asr.transcript import ChannelQuality, Quality, Speaker
from transcribe.audio.pcm import RATE_HZ, Samples, Span

FRAME = RATE_HZ // 50  # samples: 20 ms
FRAME_S = FRAME / RATE_HZ
BLOCK = 1500  # frames read at once: 30 s
#: Noise is measured no nearer to speech than this: a voice dies away, and the detector's borders are not exact.
APART_S = 0.1
LEAST_QUIET = 25  # frames: 0.5 s; of less nothing is said of the noise
FLOOR_DB = -96  # 16 bits hold nothing softer
CLIPPED = 0.98  # of full scale
LONGEST_HOLE = 15  # frames: 0.3 s; a longer one is a pause to the detector
SUDDEN = 0.1  # of the mean power of speech: beside a hole it is at least so loud

BAND = 5  # bins of 50 Hz
BANDS = FRAME // 2 // BAND  # up to 8 kHz
BAND_HZ = BAND * RATE_HZ / FRAME  # 250
EVERY = 4  # one frame of so many for the spectrum
AUDIBLE_DB = -45.0  # under the strongest band: less of a voice is nothing
STANDS_OUT = 2.0  # times the power of the noise in a band
NARROW_HZ, WIDE_HZ = 5000.0, 7000.0  # a telephone's band ends below the one, that of a voice beyond the other
#: Noise between the two hides what there may be of a voice, when a band of it is louder than this under the strongest.
HIDING_DB = -35.0

Powers = NDArray[np.float64]
Mask = NDArray[np.bool_]
Edges = NDArray[np.int64]
#: Reads samples of a channel between two moments.
Reader = Callable[[float, float, int], Samples]


@dataclass
class _Spectrum:
    """By bands of 250 Hz, of one frame of so many. The lowest band is hum and no voice, and is left out."""

    total: Powers = field(default_factory=lambda: np.zeros(BANDS))
    frames: int = 0

    def add(self, frames: Samples) -> None:
        spectrum = np.fft.rfft(frames[::EVERY] * _HANN, axis=1)[:, : BANDS * BAND]
        powers = (spectrum.real**2 + spectrum.imag**2).sum(axis=0, dtype=np.float64)
        self.total[1:] += powers.reshape(BANDS, BAND).sum(axis=1)[1:]
        self.frames += len(spectrum)

    @property
    def mean(self) -> Powers:
        return self.total / max(1, self.frames)


@dataclass
class Tally:
    """What was seen of a channel so far."""

    speech: int = 0  # frames
    power: float = 0.0  # the sum of theirs
    noise: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1 - FLOOR_DB, np.int64))  # frames by dB under 0
    clipped: int = 0  # samples of speech
    holes: int = 0  # frames
    voice: _Spectrum = field(default_factory=_Spectrum)
    hiss: _Spectrum = field(default_factory=_Spectrum)

    def add(self, samples: Samples, speech: Mask, quiet: Mask) -> None:
        """Whole frames; ``speech``, ``quiet``: for each, whether somebody speaks here, and whether nobody does."""
        frames = samples.reshape(-1, FRAME)
        powers = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / FRAME
        silent, speech = speech & (powers == 0), speech & (powers > 0)
        self.speech += int(speech.sum())
        self.power += float(powers[speech].sum())
        self.holes += self._holes(powers, silent)
        self.clipped += int(np.count_nonzero(np.abs(frames[speech]) >= CLIPPED))
        below = np.round(-_db(powers[quiet])).astype(np.int64)
        self.noise += np.bincount(below, minlength=self.noise.size)
        self.voice.add(frames[speech])
        self.hiss.add(frames[quiet])

    def _holes(self, powers: Powers, silent: Mask) -> int:
        """Frames of stretches without any sound between loud ones. One at the border of two blocks is passed over.

        A hole takes a part of the frame before it and of the one behind it: of either two, one must be loud. The
        recorder's page warns by the same rule (``Stutter`` in ``static/record-ear.js``): a test compares the two.
        """
        if not self.speech:
            return 0
        loud = powers >= SUDDEN * self.power / self.speech
        sounding = np.flatnonzero(powers > 0)
        found = 0
        for before in np.flatnonzero(np.diff(sounding) > 1):
            hole = slice(sounding[before] + 1, sounding[before + 1])
            length = hole.stop - hole.start
            if length > LONGEST_HOLE or not silent[hole].all():
                continue
            if loud[sounding[max(0, before - 1) : before + 1]].any() and loud[sounding[before + 1 : before + 3]].any():
                found += int(length)
        return found

    def figures(self, speaker: Speaker) -> ChannelQuality:
        noise_db = self._noise_db()
        level_db = snr_db = None
        if self.speech:
            power = self.power / self.speech
            level_db = round(float(_db(power)), 1)
            if noise_db is not None:
                snr_db = round(float(_db(max(power / 10 ** (noise_db / 10) - 1, 0.01))), 1)
        return ChannelQuality(
            speaker=speaker,
            spoken_s=round(self.speech * FRAME_S, 2),
            level_db=level_db,
            noise_db=noise_db,
            snr_db=snr_db,
            clipped=round(self.clipped / (self.speech * FRAME), 5) if self.speech else 0.0,
            bandwidth_hz=self._bandwidth_hz(),
            holes_s=round(self.holes * FRAME_S, 2),
        )

    def _noise_db(self) -> float | None:
        """The median: neither a door that slams nor a word that the detector missed makes a recording noisy."""
        count = int(self.noise.sum())
        if count < LEAST_QUIET:
            return None
        return -float(np.searchsorted(np.cumsum(self.noise), (count + 1) // 2))

    def _bandwidth_hz(self) -> float | None:
        if not self.voice.frames:
            return None
        voice, hiss = self.voice.mean, self.hiss.mean
        strongest = float(voice.max())
        audible = (voice >= strongest * 10 ** (AUDIBLE_DB / 10)) & (voice > STANDS_OUT * hiss)
        top_hz = BAND_HZ * float(np.flatnonzero(audible).max(initial=-1) + 1)
        above = hiss[int(NARROW_HZ / BAND_HZ) : int(WIDE_HZ / BAND_HZ)]
        hidden = top_hz <= NARROW_HZ and float(above.max()) > strongest * 10 ** (HIDING_DB / 10)
        return None if hidden else top_hz


def measured(read: Reader, duration_s: float, speakers: Sequence[Speaker], speech: Sequence[Sequence[Span]]) -> Quality:
    """``speech[c]``: where somebody speaks on channel c."""
    frames = int(duration_s * RATE_HZ) // FRAME
    tallies = [Tally() for _ in speakers]
    stretches, wider = ([_edges(spans, around_s) for spans in speech] for around_s in (0.0, APART_S))
    both = anybody = 0
    for first in range(0, frames, BLOCK):
        last = min(frames, first + BLOCK)
        here = np.array([_within(edges, first, last) for edges in stretches])
        quiet = ~np.any([_within(edges, first, last) for edges in wider], axis=0)
        both += int(here.all(axis=0).sum())
        anybody += int(here.any(axis=0).sum())
        for channel, tally in enumerate(tallies):
            samples = read(first * FRAME_S, last * FRAME_S, channel)
            tally.add(samples[: (last - first) * FRAME], here[channel], quiet)
    return Quality(
        channels=tuple(tally.figures(speaker) for tally, speaker in zip(tallies, speakers, strict=True)),
        overlap=round(both / anybody, 3) if len(speakers) > 1 and anybody else None,
    )


def _edges(spans: Sequence[Span], around_s: float) -> Edges:
    """Frames: the first of each stretch, and the first after it."""
    times = [(span.start_s - around_s, span.end_s + around_s) for span in sorted(spans, key=lambda one: one.start_s)]
    return np.round(np.array(times).reshape(-1, 2) / FRAME_S).astype(np.int64)


def _within(edges: Edges, first: int, last: int) -> Mask:
    """Which frames from ``first`` on, before ``last``, are in one of these stretches."""
    mask = np.zeros(last - first, bool)
    for start, end in edges[(edges[:, 0] < last) & (edges[:, 1] > first)]:
        mask[max(0, start - first) : end - first] = True
    return mask


def _db(power: float | Powers) -> Powers:
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))))


_HANN = np.hanning(FRAME + 1)[:-1].astype(np.float32)
