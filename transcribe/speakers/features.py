"""What a voice sounds like: a row of numbers for each 10 ms in which it has a pitch (numpy, no model)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.pcm import RATE_HZ, Samples

#: Rows that describe a piece of sound, shape [rows, numbers].
Rows = NDArray[np.float64]
#: Rows for a piece of sound whose mean tells one voice from another: ``voiced``, or what a speaker model makes of it.
Embed = Callable[[Samples], Rows]

HOP = RATE_HZ // 100
WINDOW = RATE_HZ // 25  # 40 ms: two periods of the lowest voice
FFT = 1024  # room for the window and the longest period behind it
PITCH_HZ = (60.0, 420.0)  # of a grown man's lowest voice and a child's highest
PERIODIC = 0.45  # of the sound repeats after one period: a voice, no breath and no noise
NEARLY = 0.85  # of the best: two periods repeat as well as one
LOUD_DB = 30.0  # softer than the loudest of the piece by so much: nobody speaks
MELS = 26
MEL_HZ = (120.0, 7000.0)
CEPSTRA = 14


def voiced(samples: Samples) -> Rows:
    """Of a piece of sound, at 16 kHz: the shape of the spectrum (cepstra 1 to 14 on a mel scale, so not how loud it is)
    and the pitch (octaves) of each voiced 10 ms. No rows when nobody speaks.
    """
    if samples.size < WINDOW:
        return np.zeros((0, CEPSTRA + 1))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * _HANN
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2
    level = power.sum(axis=1)
    power = power[level > level.max() * 10 ** (-LOUD_DB / 10)]
    pitch, periodic = _pitch(power)
    mel = power[periodic > PERIODIC] @ _MEL.T
    if not mel.size:
        return np.zeros((0, CEPSTRA + 1))
    return np.column_stack([np.log(mel + 1e-6 * mel.mean()) @ _DCT.T, np.log2(pitch[periodic > PERIODIC])])


def _pitch(power: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each frame: its pitch in Hz, and how much of it repeats (0..1). By autocorrelation, that of the window divided
    out (Boersma 1993).
    """
    shortest, longest = round(RATE_HZ / PITCH_HZ[1]), round(RATE_HZ / PITCH_HZ[0])
    again = np.fft.irfft(power)[:, : longest + 2]
    again = again / np.maximum(again[:, :1], 1e-12) / _WINDOW_AGAIN[: longest + 2]
    inside = again[:, shortest : longest + 1]
    best = inside.max(axis=1, initial=0.0)
    peak = (inside >= again[:, shortest - 1 : longest]) & (inside >= again[:, shortest + 1 : longest + 2])
    first = np.argmax(peak & (inside >= NEARLY * best[:, None]), axis=1)
    return RATE_HZ / (shortest + first), best


def _mel() -> Rows:
    """Triangles, shape [MELS, FFT // 2 + 1]."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in MEL_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
    bins = np.arange(FFT // 2 + 1) * RATE_HZ / FFT
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rise, fall))


_HANN = np.hanning(WINDOW)
_WINDOW_AGAIN = np.fft.irfft(np.abs(np.fft.rfft(_HANN, FFT)) ** 2)
_WINDOW_AGAIN = _WINDOW_AGAIN / _WINDOW_AGAIN[0]
_MEL = _mel()
_DCT = np.sqrt(2 / MELS) * np.cos(np.pi / MELS * (np.arange(MELS) + 0.5) * np.arange(1, CEPSTRA + 1)[:, None])
