"""How many voices there are, and whose each word is: clusters of what was heard of the words (numpy, pure).

Every stretch (an utterance, or a part of one between pauses: a recogniser may have heard no full stop between two
speakers) is a point: the mean of what was heard of it, in units of how much one voice varies within a stretch. Points
are put into 2, 3 and 4 clusters by k-means. Whether those are voices, the stretches themselves tell: one half of a
stretch (its even words) must fall to the same cluster as the other half (its odd words), and more than two clusters
must lie apart as well. Of a single voice cut in two, halves agree little better than by chance; a threshold on a
distance alone, as in BIC, has to be chosen anew for every length of talk and kind of sound.

Of one voice it may be known how it sounds (``profile``). When one of two clusters sounds like it and the other does
not, that is evidence of its own, and halves need to agree less. A profile made on another microphone is far from
everybody, and says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcribe.speakers.features import Rows

MOST = 4
AGREE = 0.95  # of what was said is in stretches whose halves agree
APART = 1.4  # between two of more than two voices, in units of how much one varies
#: From a profile to the voice it is of, at most, and that as a share of how far the next one is; to the next, at least.
NEAR, NEARER, FAR = 1.0, 0.6, 1.0
AGREE_KNOWN = 0.85  # as ``AGREE``, of two voices of which one is known
LEAST_ROWS = 30  # of a half of a stretch that tells something
LEAST_STRETCHES = 2  # of a voice
#: Rows of which one says something new: sounds last about 0.1 s, rows 10 ms.
REPEATED = 10
#: Other than the word before, in the middle of an utterance, and behind a pause: in nats of evidence.
CHANGE, CHANGE_AT_PAUSE = 16.0, 8.0
PAUSE_S = 0.12
SURE = 3.0  # nats by which the evidence for a voice exceeds that for the next
STARTS = 8
ROUNDS = 50


@dataclass(frozen=True, kw_only=True)
class HeardWords:
    """What was heard of all words, in order."""

    count: NDArray[np.float64]  # rows of each
    total: Rows  # their sum, one row for each word
    square: Rows  # sum of all usable rows times themselves, shape [numbers, numbers]
    utterance: NDArray[np.int64]  # of each word
    pause: NDArray[np.bool_]  # there is one before this word
    usable: NDArray[np.bool_]  # said for certain: tells of a voice


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """How far a moment is from each voice."""

    unit: Rows  # turns rows into units of how much one voice varies
    centres: Rows  # of the voices, in those

    @property
    def apart(self) -> float:
        """The two that are nearest to each other."""
        return _least(self.centres)

    def away(self, rows: Rows) -> Rows:
        """Squared, shape [rows, voices]."""
        return _distances(rows @ self.unit, self.centres)


@dataclass(frozen=True, kw_only=True)
class Told:
    """Whose each word is."""

    words: list[int | None]  # a voice of each; None: not sure, or there is only one
    known: int | None = None  # the voice that the profile is of; None: none, or not sure which
    nearness: Nearness | None = None  # None: there is one voice


def voices(heard: HeardWords, profile: NDArray[np.float64] | None = None) -> Told:
    """``profile``: the mean row of a voice that may be one of them."""
    nobody = Told(words=[None] * len(heard.count))
    if not nobody.words:
        return nobody
    odd_words = np.arange(len(heard.count)) % 2 == 1
    halves = [_summed(heard, heard.usable & half) for half in (~odd_words, odd_words)]
    both = (halves[0][0] >= LEAST_ROWS) & (halves[1][0] >= LEAST_ROWS)
    if both.sum() < 2 * LEAST_STRETCHES:
        return nobody
    unit = _unit(heard)
    if unit is None:
        return nobody
    even, odd = (total[both] / count[both, None] @ unit for count, total in halves)
    weight = halves[0][0][both] + halves[1][0][both]
    whole = (halves[0][1] + halves[1][1])[both] / weight[:, None] @ unit
    for number in range(min(MOST, len(whole)), 1, -1):
        centres = _clusters(whole, weight, number)
        # two that agree are two; of more than two one may be a way of speaking of another
        if _are_voices(_clusters(even, weight, number), even, odd, weight) and (
            number == 2 or _least(centres) >= APART
        ):
            return _told(heard, unit, centres, _known(centres, unit, profile))
    known = _known(centres, unit, profile)
    if known is not None and _are_voices(_clusters(even, weight, 2), even, odd, weight, agree=AGREE_KNOWN):
        return _told(heard, unit, centres, known)
    return nobody


def _told(heard: HeardWords, unit: Rows, centres: Rows, known: int | None) -> Told:
    return Told(words=_words(heard, unit, centres), known=known, nearness=Nearness(unit=unit, centres=centres))


def _known(centres: Rows, unit: Rows, profile: NDArray[np.float64] | None) -> int | None:
    if profile is None:
        return None
    away = np.sqrt(_distances((profile @ unit)[None], centres)[0])
    nearest, following = np.argsort(away)[:2]
    clear = away[nearest] <= min(NEAR, NEARER * away[following]) and away[following] >= FAR
    return int(nearest) if clear else None


def _summed(heard: HeardWords, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Rows]:
    """Of the chosen words of each stretch: rows, and their sum."""
    stretch = np.cumsum(np.diff(heard.utterance, prepend=0).astype(bool) | heard.pause)
    size = int(stretch[-1]) + 1
    count, total = np.zeros(size), np.zeros((size, heard.total.shape[1]))
    np.add.at(count, stretch[chosen], heard.count[chosen])
    np.add.at(total, stretch[chosen], heard.total[chosen])
    return count, total


def _unit(heard: HeardWords) -> Rows | None:
    """Turns rows into units of how much one voice varies within a stretch; None when that can't be told."""
    count, total = _summed(heard, heard.usable)
    some = count > 0
    means = (total[some].T / count[some]) @ total[some]
    within = (heard.square - means) / max(1.0, count.sum() - some.sum())
    try:
        return np.linalg.inv(np.linalg.cholesky(within)).T
    except np.linalg.LinAlgError:
        return None


def _clusters(points: Rows, weight: NDArray[np.float64], number: int) -> Rows:
    """The centres of the best of some k-means (k-means++ starts), the heaviest first."""
    chance = np.random.default_rng(0)  # the same sound, the same voices
    best, least = points[:number], np.inf
    for _ in range(STARTS):
        centres = points[[int(np.argmax(weight))]]
        while len(centres) < number:
            far = _distances(points, centres).min(axis=1) * weight
            drawn = chance.choice(len(points), p=far / far.sum()) if far.sum() > 0 else 0
            centres = np.vstack([centres, points[drawn]])
        for _ in range(ROUNDS):
            nearest = _distances(points, centres).argmin(axis=1)
            moved = np.array([_mean(points, weight, nearest == k, centres[k]) for k in range(number)])
            if np.allclose(moved, centres):
                break
            centres = moved
        spread = float(_distances(points, centres).min(axis=1) @ weight)
        if spread < least:
            best, least = centres, spread
    return best


def _mean(points: Rows, weight: NDArray[np.float64], chosen: NDArray[np.bool_], default: Rows) -> Rows:
    return np.average(points[chosen], axis=0, weights=weight[chosen]) if chosen.any() else default


def _distances(points: Rows, centres: Rows) -> Rows:
    """Squared, shape [points, centres]."""
    return np.asarray(((points[:, None] - centres) ** 2).sum(axis=2))


def _are_voices(centres: Rows, even: Rows, odd: Rows, weight: NDArray[np.float64], *, agree: float = AGREE) -> bool:
    """Do the halves of stretches agree, with some in each cluster?"""
    of_even, of_odd = (_distances(points, centres).argmin(axis=1) for points in (even, odd))
    if min(np.bincount(of_even, minlength=len(centres))) < LEAST_STRETCHES:
        return False
    return bool(weight[of_even == of_odd].sum() >= agree * weight.sum())


def _least(centres: Rows) -> float:
    away = _distances(centres, centres)
    return float(np.sqrt(away[~np.eye(len(centres), dtype=bool)].min()))


def _words(heard: HeardWords, unit: Rows, centres: Rows) -> list[int | None]:
    """The voice of each word: one voice an utterance, unless what is heard says otherwise."""
    rows = np.maximum(heard.count, 1.0)[:, None]
    evidence = -heard.count[:, None] / REPEATED / 2 * _distances(heard.total / rows @ unit, centres)
    found: list[int | None] = []
    begins = np.flatnonzero(np.diff(heard.utterance)) + 1
    for of, pause in zip(np.split(evidence, begins), np.split(heard.pause, begins), strict=True):
        found += _path(of, pause)
    return found


def _path(evidence: Rows, pause: NDArray[np.bool_]) -> list[int | None]:
    """Of one utterance: the likeliest voices of its words (Viterbi), None where it is not sure."""
    number = evidence.shape[1]
    total = evidence[0]
    back = []
    for row, at_pause in zip(evidence[1:], pause[1:], strict=True):
        cost = np.where(np.eye(number, dtype=bool), 0.0, CHANGE_AT_PAUSE if at_pause else CHANGE)
        reached = total[:, None] - cost
        back.append(reached.argmax(axis=0))
        total = reached.max(axis=0) + row
    path = [int(total.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    path.reverse()
    # each run of words by itself: is it this voice?
    sure: list[int | None] = []
    start = 0
    for end in range(1, len(path) + 1):
        if end == len(path) or path[end] != path[start]:
            summed = np.sort(evidence[start:end].sum(axis=0))
            certain = summed[-1] - summed[-2] >= SURE
            sure += [path[start] if certain else None] * (end - start)
            start = end
    return sure
