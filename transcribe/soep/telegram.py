"""Spoken sentences to telegram style: leave out what a GP would not write, keep every number and every negation.

Only words are left out, or exchanged by the tables of ``rules/telegram.toml``; nothing is added that was not said
but the few words of those tables.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from transcribe.soep.lexicon import any_of, cue, has, plain_same_length, table, terms, words
from transcribe.soep.numbers import plain

_TITLED = re.compile(
    r"\b(?:mevrouw|meneer|mijnheer|dokter|mw\.?|dhr\.?)(?: (?:[Vv]an|[Dd]e|[Dd]en|[Dd]er|ter|te))* [A-ZÀ-Ý][\w-]+"
    r"|\b(?:mevrouw|meneer|mijnheer|dokter)\b"
)
LONG = 7
_DENIAL = re.compile(r"(?:nee|niet|ook niet|nooit|niks|helemaal niet)", re.IGNORECASE)
_NAME = re.compile(r"(?<=[\w'])(?:,)? (?P<name>[A-ZÀ-Ý][a-zà-ÿ]+)(?:'s\b)?(?![\w-])")
CONTENT = ("symptoms", "dx", "drugs", "care", "body", "findings", "vitals", "advice")


def _table() -> dict[str, object]:
    return table("telegram.toml")


@functools.cache
def _phrases(doctor: bool) -> tuple[tuple[re.Pattern[str], str], ...]:
    entries = _table()["phrase"]
    assert isinstance(entries, list)
    other = "patient" if doctor else "huisarts"
    mine = (entry for entry in entries if entry.get("who") != other)
    return tuple((re.compile(str(entry["from"]), re.IGNORECASE), str(entry["to"])) for entry in mine)


@functools.cache
def _words(name: str) -> frozenset[str]:
    entries = _table()[name]
    assert isinstance(entries, list)
    return frozenset(plain(str(entry)) for entry in entries)


@functools.cache
def _verbs() -> tuple[tuple[re.Pattern[str], str], ...]:
    verbs = _table()["verbs"]
    assert isinstance(verbs, dict)
    return tuple(
        (re.compile(rf"\bik {verb}\b|\b{verb} ik\b", re.IGNORECASE), str(third)) for verb, third in verbs.items()
    )  # fmt: skip


@functools.cache
def _opener() -> re.Pattern[str]:
    openers = sorted(_words("openers"), key=len, reverse=True)
    return re.compile(rf"^\W*(?:{'|'.join(map(re.escape, openers))})\b(?![:'])[,.:]?\s*", re.IGNORECASE)


def said_something(text: str) -> bool:
    """Does a clause carry anything for a note: a term of the tables, a number, a time?"""
    return (
        bool(re.search(r"\d", text))
        or any_of((*CONTENT, "family", "describe", "months", "days"), text)
        or cue("subjective", "fear", text) is not None
        or cue("subjective", "time", text) is not None
    )


def clauses(text: str) -> list[str]:
    """A sentence in its comma parts (a decimal comma has no space behind it)."""
    return [part for part in re.split(r"[,;]\s+", text.strip().rstrip(".!?…")) if re.search(r"\w", part)]


def pruned(text: str) -> str:
    """A sentence without the comma parts that say nothing for a note."""
    parts = clauses(text)
    kept: list[str] = []
    for n, part in enumerate(parts):
        denial = n and _DENIAL.fullmatch(part.strip()) and kept and kept[-1] == parts[n - 1]  # "suf, nee, ..."
        if (
            denial
            or said_something(part)
            or (LONG and any(len(w) >= LONG for w in words(part)))
            or cue("subjective", "worry", part)
        ):
            kept.append(part)
    return ", ".join(kept or parts)


def without_names(text: str) -> str:
    """A sentence without the names of people ("m'n dochtertje Fleur, die is vier" -> "m'n dochtertje, die is vier")."""
    names, proper = frozenset(terms("names")), terms("proper")

    def drop(match: re.Match[str]) -> str:
        word = plain(match["name"])
        before = re.findall(r"[\w']+", text[: match.start() + 1])[-1:]
        related = bool(before) and has("family", before[0])
        return "" if word in names or (related and not word.startswith(proper)) else match[0]

    return re.sub(r"\s+([,.?!])", r"\1", _NAME.sub(drop, text)).strip()


def telegram(text: str, *, prune: bool = True, doctor: bool = False) -> str:
    """One line of a note from one spoken sentence; may be empty."""
    text = without_names(_TITLED.sub("", text).strip().rstrip(".!?… "))
    if prune:
        text = pruned(text)
    for pattern, to in _phrases(doctor):
        text = pattern.sub(to, text)
    if not doctor:
        for pattern, third in _verbs():
            text = pattern.sub(third, text)
    for _ in range(4):
        text = _opener().sub("", text)
    stop = _words("stopwords")
    kept: list[str] = []
    for word in text.replace("zo nodig", "zo_nodig").split():
        core = plain(word.strip(",;.()"))
        if core in stop and word != "een":
            if word[-1:] in ",;" and kept and kept[-1][-1:] not in ",;":
                kept[-1] += word[-1]
            continue
        if core == "een":
            continue
        kept.append(word)
    line = " ".join(kept).replace("zo_nodig", "zo nodig")
    line = re.sub(r"\s+([,;.])", r"\1", line)
    line = re.sub(r"([,;])(?:\s*[,;])+", r"\1", line).strip(" ,;:-")
    return re.sub(r"(?:,? (?:en|of|maar|want|dat|die|omdat|in|van|met))+$", "", line)


def stopwords() -> frozenset[str]:
    """The words a line leaves out wherever they stand."""
    return _words("stopwords")


def capital(text: str) -> str:
    """A line starts with a capital, unless it starts with an apostrophe ('s nachts) or a digit."""
    return text[:1].upper() + text[1:]


def none_of(names: Iterable[str]) -> str:
    """ "Geen kuur, foto": a first word that was only capital because it began a sentence loses its capital."""
    return "Geen " + ", ".join(_lowered(name) for name in names)


def _lowered(name: str) -> str:
    first = name.split(" ", maxsplit=1)[0]
    keeps = first[1:] != first[1:].lower() or plain(first).startswith(terms("proper"))  # CT, LoSalt, Crohn
    return name if keeps else name[:1].lower() + name[1:]


def sentence(text: str) -> str:
    text = capital(text.strip())
    return text if not text or text[-1] in ".?!" else text + "."


def flat(text: str) -> str:
    return plain_same_length(text)
