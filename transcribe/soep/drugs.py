"""Names of drugs: which one is meant, what sounds like one, and amounts that are probably a slip."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from transcribe.soep.concepts import fold
from transcribe.soep.language import by_language
from transcribe.soep.lexicon import WORD, cue, plain_same_length, table, terms, words
from transcribe.soep.memory import remembered
from transcribe.soep.numbers import plain, written


@functools.cache
def _names() -> dict[str, str]:
    """Every known name, with the generic name it stands for."""
    generic, brands = table("drugs.toml")["generic"], table("drugs.toml")["brands"]
    assert isinstance(generic, list)
    assert isinstance(brands, dict)
    return {str(name): str(name) for name in generic} | {str(name): str(of) for name, of in brands.items()}


def named(text: str) -> list[tuple[str, str]]:
    """The drugs a text names: as it stands there, and the generic name. Also "paracetamoltablet"."""
    names, longer = _names(), _long_names()
    found = []
    for match in WORD.finditer(text):
        word = plain(match.group())
        name = word if word in names else next((n for n in longer.get(word[:4], ()) if word.startswith(n)), "")
        if name:
            found.append((match.group(), names[name]))
    return found


@functools.cache
def _long_names() -> dict[str, list[str]]:
    """Names that are still names with something behind them, the longest first, by their first letters."""
    found: dict[str, list[str]] = {}
    for name in sorted((name for name in _names() if len(name) > 6), key=len, reverse=True):
        found.setdefault(name[:4], []).append(name)
    return found


# --- what sounds like a drug ------------------------------------------------------------------------------------------

MISHEARD = (
    0.72  # likeness of a word, or of two words as one, to a name: enough where a dose or "slikt" stands beside it
)
MISSPELT = 0.85  # enough anywhere
LEAST = 6  # letters of what is compared at all


@dataclass(frozen=True)
class Like:
    """A stretch of text that sounds like the name of a drug."""

    text: str
    name: str


def sounding_like(text: str) -> Iterator[Like]:
    """Words that are no known word of a note but sound like a drug: "paarse mol", "omeprasool"."""
    for sentence in re.split(r"[.!?;]\s", text):
        found = list(WORD.finditer(sentence))
        prescribed = _prescribes(sentence)
        taken = -1
        for n, match in enumerate(found):
            if n <= taken or not match.group()[0].isalpha():
                continue
            pair = sentence[match.start() : found[n + 1].end()] if n + 1 < len(found) else ""
            for heard, last in ((pair, n + 1), (match.group(), n)):
                name = _nearest(heard, prescribed)
                if name:
                    taken = last
                    yield Like(text=heard, name=name)
                    break


def _prescribes(sentence: str) -> bool:
    """Does a sentence speak of taking something: a dose, how often, "slikt"?"""
    flat = plain_same_length(written(sentence))
    return bool(re.search(r"\d ?(?:dd|mg|mcg|ml|milligram|microgram|tablet|capsule|zetpil)", flat)) or bool(
        cue("missed", "takes", flat)
    )


@remembered
def _nearest(heard: str, prescribed: bool) -> str | None:
    """The name a stretch of text sounds like most; None for known words, for names themselves, and when in doubt."""
    parts = words(heard)
    if len(parts) > 1 and (min(map(len, parts)) < 3 or re.search(r"[^\w\s-]|\d", heard)):
        return None
    if any(part in _names() for part in parts) or all(_ordinary(part) for part in parts):
        return None
    sound = fold("".join(parts))
    if len(sound) < LEAST:
        return None
    letters = set(sound)
    best, likeness = None, 0.0
    for name, folded, needed, generic in _sounds().get(sound[:1], ()):
        if not generic and len(parts) > 1:
            continue  # trade names are short: two ordinary words are soon like one
        enough = MISHEARD if prescribed and generic else MISSPELT
        most = (1 - enough) * max(len(folded), len(sound))  # letters that may differ
        if abs(len(folded) - len(sound)) > most or len(letters - needed) > most or len(needed - letters) > most:
            continue
        found = 1 - _distance(sound, folded) / max(len(sound), len(folded))
        if found >= max(enough, likeness):
            best, likeness = name, found
    return best


@functools.cache
def _sounds() -> dict[str, list[tuple[str, str, frozenset[str], bool]]]:
    """Names as they sound, with their letters and whether they are generic, by the first letter.

    Short ones are too near to ordinary words.
    """
    found: dict[str, list[tuple[str, str, frozenset[str], bool]]] = {}
    for name, stands_for in _names().items():
        if len(name) >= 7:
            folded = fold(name)
            found.setdefault(folded[:1], []).append((name, folded, frozenset(folded), name == stands_for))
    return found


@by_language
def _ordinary_words() -> dict[str, tuple[str, ...]]:
    """Words of the tables, by their first letters."""
    kinds = (
        "dx",
        "care",
        "body",
        "symptoms",
        "findings",
        "vitals",
        "family",
        "advice",
        "describe",
        "note_words",
        "drugs",
    )
    entries = sorted({entry.strip("=*") for kind in kinds for entry in terms(kind) if len(entry) > 4})
    return {first: tuple(alike) for first, alike in groupby(entries, key=lambda entry: entry[:4])}


def _ordinary(word: str) -> bool:
    """A word of the tables, in any form: it is what it is, however near a name it sounds."""
    return word.startswith(_ordinary_words().get(word[:4], ()))


def _distance(first: str, second: str) -> int:
    """Levenshtein: how many letters to put in, take out or exchange."""
    row = list(range(len(second) + 1))
    for n, a in enumerate(first, 1):
        before, row[0] = row[0], n
        for k, b in enumerate(second, 1):
            before, row[k] = row[k], min(row[k] + 1, row[k - 1] + 1, before + (a != b))
    return row[-1]


def heard_as(name: str, spoken: str) -> str:
    """The words in a talk that sound like this name, or nothing."""
    wanted = fold(plain(name))
    found = list(WORD.finditer(spoken))
    for n, match in enumerate(found):
        pair = spoken[match.start() : found[n + 1].end()] if n + 1 < len(found) else ""
        for heard in (pair, match.group()):
            sound = fold("".join(words(heard)))
            if sound[:1] == wanted[:1] and 1 - _distance(sound, wanted) / max(len(sound), len(wanted), 1) >= MISHEARD:
                return heard
    return ""


_FREQUENCY = re.compile(r"(?<![\d,-])(\d+) ?dd")
NEAR = 80  # characters between a drug and how often it is taken


def frequencies(text: str) -> dict[str, set[str]]:
    """How often a day each drug is taken, for the drugs of which a text says so: {"amoxicilline": {"3"}}."""
    flat = plain_same_length(written(text))
    found: dict[str, set[str]] = {}
    for match in _FREQUENCY.finditer(flat):
        before = named(flat[max(0, match.start() - NEAR) : match.start()])
        if before:
            found.setdefault(before[-1][1], set()).add(match[1])
    return found


# --- amounts ----------------------------------------------------------------------------------------------------------

_AMOUNT = re.compile(
    r"(?:(?P<often>\d+)(?:-(?P<most>\d+))? ?dd ?)?(?:(?P<many>[1-4]) ?(?:x|tabletten|capsules|stuks)?(?: van)? )?"
    r"(?P<amount>\d+(?:,\d+)?) ?(?P<unit>mg|mcg|gram|g)\b(?:[ ,]{1,2}(?P<after>\d+) ?dd)?"
)
_MILLIGRAMS = {"mg": 1.0, "mcg": 0.001, "g": 1000.0, "gram": 1000.0}
TOO_LITTLE = 0.005  # of the most at one time: micrograms where milligrams were meant
BESIDE = 40  # characters between a drug and its amount


@dataclass(frozen=True)
class Amount:
    """An amount that a huisarts hardly ever prescribes of that drug."""

    name: str
    text: str


def questionable(text: str) -> Iterator[Amount]:
    """Amounts outside the wide limits of ``drugs.toml``. A question, never advice."""
    limits = table("drugs.toml")["ask_above"]
    assert isinstance(limits, dict)
    flat = plain_same_length(written(text))
    for match in _AMOUNT.finditer(flat):
        before = named(re.split(r"[.;]", flat[max(0, match.start() - BESIDE) : match.start()])[-1])
        name = before[-1][1] if before else ""
        if name not in limits:
            continue
        once, day = limits[name]
        amount = float(match["amount"].replace(",", ".")) * _MILLIGRAMS[match["unit"]] * int(match["many"] or 1)
        often = int(match["most"] or match["often"] or match["after"] or 1)
        if amount > once or amount * often > day or amount < once * TOO_LITTLE:
            yield Amount(name=name, text=match.group().strip())
