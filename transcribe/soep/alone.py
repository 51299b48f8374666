"""What is not in order with a line by itself: it contradicts itself, or says too little to act on."""

from __future__ import annotations

import functools
import re

from transcribe.soep import drugs
from transcribe.soep.lexicon import has, plain_same_length, table, terms
from transcribe.soep.note import Section


@functools.cache
def _opposites() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    pairs = table("concepts.toml")["opposites"]
    assert isinstance(pairs, list)
    return tuple((re.compile(rf"\b(?:{one})"), re.compile(rf"\b(?:{other})")) for one, other in pairs)


#: Words after which the opposite may be true as well: another time, place or measure.
_BOTH = re.compile(
    r"\b(?:maar|behalve|soms|alleen|eerst|nu|toen|daarna|inmiddels|vroeger|eerder|was|weer|dan|tenzij|als|bij|wel|"
    r"links|rechts|sinds|tot|gisteren|vannacht|vandaag|vanmorgen|vorige?|volgens)\b"
)


def contradiction(line: str) -> tuple[str, str]:
    """Two passages of a line that can't both be so: "slaapt goed" and "wakker van rugpijn"."""
    flat = plain_same_length(line)
    for one, other in _opposites():
        first, second = one.search(flat), other.search(flat)
        if first is None or second is None:
            continue
        start, end = sorted((first, second), key=lambda match: match.start())
        apart = flat[start.end() : end.start()]
        if start.end() <= end.start() and not _BOTH.search(f"{apart} {flat[end.start() :].split(',')[0]}"):
            return line[first.start() : first.end()], line[second.start() : second.end()]
    return "", ""


_WORD = re.compile(r"[a-z]{2,}en")


def bare_order(line: str, section: Section) -> str:
    """A plan that is only a verb: "Stoppen." With what?"""
    flat = plain_same_length(line).strip(" .")
    if section is not Section.P or not _WORD.fullmatch(flat):
        return ""
    return "" if flat in terms("orders_alone") or has("drugs", flat) or has("care", flat) else line.strip(" .")


@functools.cache
def _allergens() -> tuple[str, ...]:
    names = table("allergens.toml")["names"]
    assert isinstance(names, list)
    return tuple(str(name) for name in names)


_ALLERGIC = re.compile(r"\b(?:allergisch|overgevoelig|allergie|overgevoeligheid)\s*(?:voor|:)\s*([^.;()?]+)")
_APART = re.compile(r",|/|\ben\b|\bof\b|\bplus\b|\bmaar\b")
_VAGUE = re.compile(
    r"\b(?:niets|niks|geen|nee|onbekend|iets|alles|veel|allerlei|bekend|dat|deze|die|dit|hem|het|haar|welk\w*|wat|een)\b"
)


def strange_allergen(line: str) -> str:
    """What somebody is allergic to, when it is no medicine and no allergen that is known here ("doxcyclicilline")."""
    flat = plain_same_length(line)
    for found in _ALLERGIC.finditer(flat):
        at = found.start(1)
        for part in _APART.split(found[1]):
            words = re.findall(r"[a-z][a-z-]+", part)
            known = any(word.startswith(_allergens()) for word in words) or drugs.named(part)
            if words and not known and not _VAGUE.search(part):
                return line[at : at + len(part)].strip()
            at += len(part)
            at += len((_APART.match(flat, at) or [""])[0])
    return ""


_TOO_OFTEN = re.compile(r"\d+ (?:(?:weken|maanden|jaar) per (?:dag|week)|dagen per dag|(?:maanden|jaar) per maand)\b")


def no_measure(line: str) -> str:
    """An amount of time that can't be: "2 weken per week"."""
    found = _TOO_OFTEN.search(plain_same_length(line))
    return line[found.start() : found.end()] if found else ""
