"""Which of the 20 section headers of MTS-Dialog a short dialogue belongs under: a linear model on words. NumPy only.

The weights (``headers.npz``) are made by ``train.py``; what they are good for is in README.md.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WEIGHTS = Path(__file__).with_name("headers.npz")
SHAPE = 0.5  # weight of what is said of the dialogue as a whole, beside its words
_SPEAKER = re.compile(r"^\s*[A-Za-z_]{3,20}:")


def words(dialogue: str) -> list[str]:
    return re.findall(r"[a-z0-9_]+", dialogue.lower())


def counts(dialogue: str) -> dict[str, Counter[str]]:
    """How often each word and each pair of neighbours is said."""
    said = words(dialogue)
    return {"word": Counter(said), "pair": Counter(f"{a} {b}" for a, b in itertools.pairwise(said))}


def weighed(found: Counter[str], idf: Mapping[str, float]) -> dict[str, float]:
    """TF-IDF with a logarithmic count, of length 1; words without an idf do not count."""
    vector = {word: (1 + math.log(n)) * idf[word] for word, n in found.items() if word in idf}
    length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {word: value / length for word, value in vector.items()}


def shape(dialogue: str) -> list[float]:
    """Length, turns, whether a third person speaks, and the share of lines that ask."""
    lines = dialogue.count("\n")
    return [
        SHAPE * math.log1p(len(dialogue.split())),
        SHAPE * lines / 10,
        SHAPE * ("Guest" in dialogue),
        SHAPE * dialogue.count("?") / (lines + 1),
    ]


def features(dialogue: str, idf: Mapping[str, Mapping[str, float]]) -> tuple[dict[str, float], list[float]]:
    """Words and pairs with their weights, and the shape."""
    named = {
        f"{kind}:{word}": value
        for kind, found in counts(dialogue).items()
        for word, value in weighed(found, idf[kind]).items()
    }
    return named, shape(dialogue)


@dataclass(frozen=True)
class Headers:
    """The trained model."""

    names: tuple[str, ...]
    idf: dict[str, dict[str, float]]
    place: dict[str, int]  # row of each word and pair
    weights: NDArray[np.float32]  # rows: words and pairs, the four numbers of the shape, 1; columns: headers

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Headers:
        with np.load(path, allow_pickle=False) as stored:
            vocabulary = bytes(stored["vocabulary"]).decode().split("\n")
            idf = stored["idf"].astype(np.float32)
            weights = stored["weights"].astype(np.float32) * stored["scale"].astype(np.float32)
            names = tuple(bytes(stored["names"]).decode().split("\n"))
        kinds: dict[str, dict[str, float]] = {"word": {}, "pair": {}}
        for entry, value in zip(vocabulary, idf, strict=True):
            kind, _, word = entry.partition(":")
            kinds[kind][word] = float(value)
        return cls(names=names, idf=kinds, place={entry: n for n, entry in enumerate(vocabulary)}, weights=weights)

    def scores(self, dialogue: str) -> NDArray[np.float32]:
        named, whole = features(dialogue, self.idf)
        rows = [self.place[entry] for entry in named]
        values = np.array([*named.values(), *whole, 1.0], dtype=np.float32)
        picked = np.concatenate([self.weights[rows], self.weights[len(self.place) :]])
        return values @ picked

    def header(self, dialogue: str) -> str:
        """The best header. Never abstains."""
        return self.names[int(np.argmax(self.scores(dialogue)))]
