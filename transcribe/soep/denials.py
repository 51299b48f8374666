"""Denials that were said and are gone from a line, seen from the words around them: for lines close to the talk."""

from __future__ import annotations

import itertools
import re

from transcribe.soep.concepts import fold
from transcribe.soep.lexicon import plain_same_length, words
from transcribe.soep.polarity import DENIAL, LATER, Polarity, polarity
from transcribe.soep.support import Source, comma_parts, content_words
from transcribe.soep.telegram import stopwords

BESIDE = frozenset({"geen", "niet", "nooit", "zonder", "niks"})


def bare_of_denial(line: str, source: Source, common: frozenset[str]) -> list[str]:
    """Words that always stand right behind a denial in the evidence, and affirmed in the line."""
    denied: dict[str, bool] = {}
    for sentence in source.said:
        if sentence.question:
            continue
        for part in comma_parts(sentence.text):
            for k, word in enumerate(part):
                beside = bool(BESIDE & set(part[max(0, k - 1) : k])) or part[k + 1 :] == ["niet"]
                denied[word] = denied.get(word, True) and beside
    return [
        word
        for word, at in content_words(line, common)
        if denied.get(word) and polarity(line, at, at + len(word)) is Polarity.AFFIRMED
    ]


WINDOW = 6  # words between two neighbours of a line, in the talk


def denied_between(line: str, source: Source) -> tuple[str, str] | None:
    """Two neighbours in the line that always had a denial between or before them: "bed uit" from "bed niet uit"."""
    said = [_stemmed(sentence.text) for sentence in source.said if not sentence.question]
    for part in re.split(r"[,;.!?:()](?:\s|$)|\(", plain_same_length(line)):
        if DENIAL.search(part) or LATER.search(part):
            continue
        kept = [word for word in words(part) if word not in stopwords() and word not in _LOOSE]
        if len(kept) == 1 and _always_denied(said, _stem(kept[0]), "", opening=True):
            at = plain_same_length(line).find(kept[0])
            if polarity(line, at, at + len(kept[0])) is Polarity.AFFIRMED:
                return kept[0], ""
        for n, (first, second) in enumerate(itertools.pairwise(kept)):
            if re.search(r"(?:vrij|loos)$", second):
                continue  # says the denial itself
            if _always_denied(said, _stem(first), _stem(second), opening=n == 0):
                return first, second
    return None


def _always_denied(said: list[list[str]], first: str, second: str, *, opening: bool) -> bool:
    """``opening``: they open a part of the line: a denial just before them counts too. ``second`` may be empty."""
    found = []
    for spoken in said:
        for n, word in enumerate(spoken):
            if word != first:
                continue
            reach = [second, *spoken[n + 1 : n + 2 + WINDOW]] if not second else spoken[n + 1 : n + 2 + WINDOW]
            if second in reach:
                before = spoken[max(0, n - 2) : n] if opening else []
                before = before[max((k + 1 for k, b in enumerate(before) if b == PAUSE), default=0) :]
                found.append(bool(BESIDE & {*before, *reach[: reach.index(second)]}))
    return bool(found) and all(found)


_LOOSE = frozenset(
    {"en", "of", "met", "bij", "tot", "voor", "na", "om", "op", "van", "dan", "dat", "ook", "maar", "als", "indien"}
)


def _stem(word: str) -> str:
    return word if word in BESIDE else fold(word)[:5]


PAUSE = ","


def _stemmed(text: str) -> list[str]:
    """The words of a text in short, with its commas."""
    return [_stem(word) for part in re.split(r"[,;:](?=\s)", text) for word in (*words(part), PAUSE)]
