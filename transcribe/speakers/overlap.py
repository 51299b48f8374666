"""Where two speak at once (pure): between channels by time, on one channel by which of two voices each moment is of.

Of a mixture the louder one is heard at each moment, and that changes several times a second. So of half a second of
two voices, many moments sound like the one and many like the other; of one voice nearly all like one. That takes voices
that lie far enough apart; of others, and of more than two, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transcribe.asr.transcript import Utterance
from transcribe.audio.pcm import RATE_HZ, Samples
from transcribe.speakers.features import Embed, Rows, voiced
from transcribe.speakers.voices import Nearness

LEAST_S = 0.5  # of both at once, to mark an utterance
APART = 2.2  # between the two voices, in units of how much one varies
WINDOW_S, HOP_S = 0.5, 0.25
EDGE_S = 0.15  # of an utterance, where another's may still sound
SHARE = 0.35  # of the moments of a window are the other voice's
SMOOTH = 7  # rows: 70 ms
LEAST_ROWS = 20  # of a window


def between_channels(utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """In order of time. Marked: those that another channel speaks through for half a second."""
    marked = [False] * len(utterances)
    open_: list[int] = []
    for index, one in enumerate(utterances):
        open_ = [before for before in open_ if utterances[before].end_s - one.start_s >= LEAST_S]
        for before in open_:
            other = utterances[before]
            if other.speaker is not one.speaker and min(other.end_s, one.end_s) - one.start_s >= LEAST_S:
                marked[before] = marked[index] = True
        open_.append(index)
    return tuple(replace(one, overlapped=True) if mark else one for one, mark in zip(utterances, marked, strict=True))


def both(sound: Samples, nearness: Nearness, embed: Embed = voiced) -> bool:
    """Of the sound of one utterance: do both voices speak at once in it? ``embed``: what ``nearness`` was made of."""
    if len(nearness.centres) != 2 or nearness.apart < APART:
        return False
    edge = round(EDGE_S * RATE_HZ)
    return any(_share(rows, nearness) >= SHARE for rows in _windows(sound[edge : sound.size - edge], embed))


def _windows(sound: Samples, embed: Embed) -> Iterator[Rows]:
    size, hop = round(WINDOW_S * RATE_HZ), round(HOP_S * RATE_HZ)
    for start in range(0, sound.size - size + 1, hop):
        rows = embed(sound[start : start + size])
        if len(rows) >= LEAST_ROWS:
            yield rows


def _share(rows: Rows, nearness: Nearness) -> float:
    """Of the moments: how many are those of the voice that has fewer."""
    away = nearness.away(rows)
    smooth = np.column_stack([_mean(column) for column in away.T])
    first = float(np.mean(smooth[:, 0] < smooth[:, 1]))
    return min(first, 1 - first)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.convolve(values, np.ones(SMOOTH) / SMOOTH, "same")
