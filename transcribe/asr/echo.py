"""Another speaker's voice in this microphone, at once or later, as the echo of a call (pure).

Within a room it comes at the same moment; through a loudspeaker and back over a call up to ``LATEST_S`` later. What
comes later is told by the sound itself and not by loudness: the samples go up and down with those of the other channel,
which those of another voice don't, however they take turns. An echo is also softer than the voice it is of.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.pcm import RATE_HZ, Samples

FRAME = RATE_HZ // 50  # samples of 20 ms
LATEST_S = 0.4
LOUDER_DB = 12.0  # at the same moment: a microphone across the desk hears a voice at least so much softer than its own
SHARE = 0.9  # of the moments with sound
COPY_DB = 2.0  # what sounds the same is the echo of what is so much louder
LIKE = 0.5  # correlation over 0.2 s; measured: echo in a bare room 0.5 to 0.8, another voice up to 0.3
FOUND = 0.15  # the same over a few seconds; measured: echo, of a part of it too, from 0.18, another voice to 0.06
SHORT_S = 2.0  # what is shorter is sooner alike by chance
MORE_DB = 5.0  # above what the echo is elsewhere in the stretch: somebody speaks through it
MOSTLY = 0.5  # of the moments with sound, for a stretch to go as a whole
SMOOTH = 9  # frames over which is compared
OWN = 8  # frames together that are no echo: somebody speaks
BETWEEN = 15  # frames of echo that part two stretches of own speech
EDGE = 5  # frames kept before and after own speech
_FFT = 1 << 16
_LATEST = round(LATEST_S * RATE_HZ)
_MOST = _FFT - _LATEST  # samples that are compared at once

_Marks = NDArray[np.bool_]


def levels(samples: Samples) -> Samples:
    """Power of every 20 ms, shape [n]."""
    return np.asarray(_sums(samples**2) / FRAME, np.float32)


def own_parts(own: Samples, other: Samples) -> list[tuple[float, float]]:
    """Where the stretch is no echo of the other channel: seconds from its start, in order; all of it when in doubt.

    ``other``: as long, with ``LATEST_S`` before it; shorter where the recording begins in those.
    """
    all_of_it = [(0.0, own.size / RATE_HZ)]
    before = np.zeros(max(0, own.size + _LATEST - other.size), np.float32)
    other = np.concatenate([before, other])
    ours, theirs = levels(own), levels(other[_LATEST:])
    if not ours.size:
        return all_of_it
    sounding = ours > 0.01 * ours.max()  # within 20 dB of the loudest
    if not sounding.any():
        return all_of_it
    if np.mean((theirs > ours * 10 ** (LOUDER_DB / 10))[sounding]) >= SHARE:
        return []
    if not _may_be_echo(ours, levels(other)):
        return all_of_it
    echo = np.zeros(ours.size, np.bool_)
    for start, end in _pieces(ours.size):
        part = slice(start * FRAME, end * FRAME)
        echo[start:end] = _echo(own[part], other[part.start : part.stop + _LATEST])
    if not echo.any():
        return all_of_it
    parts = list(_parts(sounding & ~echo, echo))
    if parts == [(0, ours.size)] or (not parts and np.mean(echo[sounding]) < MOSTLY):
        return all_of_it
    return [(start * FRAME / RATE_HZ, min(end * FRAME, own.size) / RATE_HZ) for start, end in parts]


def _may_be_echo(ours: Samples, theirs: Samples) -> bool:
    """Was the other louder, now or just before, for as long as a word? Cheap, and mostly not."""
    late = theirs.size - ours.size
    loudest = np.lib.stride_tricks.sliding_window_view(theirs, late + 1).max(1)[: ours.size]
    return int(np.sum(loudest > np.maximum(ours, 1e-9) * 10 ** (COPY_DB / 10))) >= OWN


def _pieces(frames: int) -> Iterator[tuple[int, int]]:
    """Equal ones of a few seconds: a short one at the end could be like anything."""
    count = -(-frames * FRAME // _MOST)
    edges = [frames * index // count for index in range(count + 1)]
    yield from pairwise(edges)


def _echo(own: Samples, other: Samples) -> _Marks:
    """Which frames sound like the other channel at one delay, and softer."""
    own, other = _rising(own), _rising(other)
    flat, flat_other = _flat(own), _flat(other)
    product = np.conj(np.fft.rfft(flat, _FFT)) * np.fft.rfft(flat_other, _FFT)
    alike = np.abs(np.fft.irfft(product, _FFT)[: _LATEST + 1])
    at = int(np.argmax(alike))
    theirs, flat_theirs = other[at : at + own.size], flat_other[at : at + own.size]
    least = FOUND * max(1.0, SHORT_S * RATE_HZ / own.size) ** 0.5
    if alike[at] < least * np.sqrt(np.sum(flat**2) * np.sum(flat_theirs**2) + 1e-12):
        return np.zeros(own.size // FRAME, np.bool_)
    both, ours, others = (_smooth(_sums(one)) for one in (own * theirs, own**2, theirs**2))
    echo = (np.abs(both) >= LIKE * np.sqrt(ours * others + 1e-12)) & (others > ours * 10 ** (COPY_DB / 10))
    if not echo.any():
        return np.asarray(echo)
    usual = np.median(ours[echo] / others[echo])
    return np.asarray(echo & (ours <= others * usual * 10 ** (MORE_DB / 10)))


def _parts(own: _Marks, echo: _Marks) -> Iterator[tuple[int, int]]:
    """Runs of own speech, as one where hardly any echo lies between: first frame, and the one after the last."""
    together: list[tuple[int, int]] = []
    for start, end in _runs(own):
        if end - start < OWN:
            continue
        if together and np.sum(echo[together[-1][1] : start]) < BETWEEN:
            start = together.pop()[0]
        together.append((start, end))
    marked = np.flatnonzero(echo)
    for start, end in together:
        before, after = marked[marked < start], marked[marked >= end]
        first = int(before[-1]) + 1 if before.size else 0
        last = int(after[0]) if after.size else own.size
        yield max(0, min(first, start - EDGE)), min(own.size, max(last, end + EDGE))


def _runs(marks: _Marks) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    yield from ((int(start), int(end)) for start, end in edges.reshape(-1, 2))


def _rising(samples: Samples) -> Samples:
    """From sample to sample: low tones, which are alike in all speech, count less."""
    return np.diff(samples, prepend=samples[:1])


def _flat(samples: Samples) -> Samples:
    """Equally loud all the time, so that a soft part counts as much as a loud one."""
    level = np.repeat(_smooth(_sums(samples**2), 5), FRAME)
    return np.asarray(samples / np.sqrt(np.pad(level, (0, samples.size - level.size), mode="edge") + 1e-9), np.float32)


def _sums(samples: Samples) -> Samples:
    return np.asarray(samples[: samples.size // FRAME * FRAME].reshape(-1, FRAME).sum(1), np.float32)


def _smooth(values: Samples, size: int = SMOOTH) -> Samples:
    return np.asarray(np.convolve(values, np.ones(size, np.float32))[size // 2 : size // 2 + values.size], np.float32)
