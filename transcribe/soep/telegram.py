"""Spoken sentences to telegram style: leave out what a GP would not write, keep every number and every negation.

Only words are left out, or exchanged by the tables of ``rules/telegram.toml``; nothing is added that was not said
but the few words of those tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from transcribe.soep.language import ENGLISH, by_language, language
from transcribe.soep.lexicon import any_of, cue, cue_pattern, has, plain_same_length, table, terms, words
from transcribe.soep.numbers import plain

LONG = 7
_LEADING = re.compile(r"(?P<name>[A-ZÀ-Ý][a-zà-ÿ]{2,})(?:'s)?,? (?=[a-z])")
_NAME = re.compile(
    r"(?<=[\w'])(?:,)? (?P<name>[A-ZÀ-Ý][a-zà-ÿ]+)(?:-[A-ZÀ-Ý][a-zà-ÿ]+)?(?:'s\b)?(?![\w-])"
    r"(?:(?: (?:van|de|den|der|ten|ter|te))+ [A-ZÀ-Ý][\w-]+)?"
)
CONTENT = ("symptoms", "dx", "drugs", "care", "body", "findings", "vitals", "advice")


def _table() -> dict[str, object]:
    """The table of the language that is written: a Dutch note where both languages count."""
    return table("telegram_en.toml" if language() == ENGLISH else "telegram.toml")


def form(name: str) -> str:
    """A word of the note itself: a heading, or a denial with a place for what is denied."""
    forms, dutch = _table()["form"], table("telegram.toml")["form"]
    assert isinstance(forms, dict)
    assert isinstance(dutch, dict)
    return str(forms.get(name, dutch[name]))


@by_language
def _phrases(doctor: bool) -> tuple[tuple[re.Pattern[str], str], ...]:
    entries = _table()["phrase"]
    assert isinstance(entries, list)
    other = "patient" if doctor else "huisarts"
    mine = (entry for entry in entries if entry.get("who") != other)
    return tuple((re.compile(str(entry["from"]), re.IGNORECASE), str(entry["to"])) for entry in mine)


@by_language
def _words(name: str) -> frozenset[str]:
    entries = _table()[name]
    assert isinstance(entries, list)
    return frozenset(plain(str(entry)) for entry in entries)


@by_language
def _verbs() -> tuple[tuple[re.Pattern[str], str], ...]:
    verbs = _table()["verbs"]
    assert isinstance(verbs, dict)
    first = form("first_person")
    return tuple((re.compile(first.format(verb), re.IGNORECASE), str(third)) for verb, third in verbs.items())


@by_language
def _first_person() -> re.Pattern[str]:
    """Any of the verbs as the patient says it of herself."""
    return re.compile("|".join(pattern.pattern for pattern, _ in _verbs()), re.IGNORECASE)


@by_language
def _titled() -> re.Pattern[str]:
    """How people are addressed, with their name; capitals count."""
    return re.compile(form("titled"))


@by_language
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
        denial = (
            n and cue_pattern("answer", "bare_denial").fullmatch(part.strip()) and kept and kept[-1] == parts[n - 1]
        )  # "suf, nee, ..."
        if (
            denial
            or said_something(part)
            or (LONG and any(len(w) >= LONG for w in words(part)))
            or cue("subjective", "worry", part)
            or cue("subjective", "when", part)
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
        known = word in names or cue("talk", "introduces", text[: match.start() + 1])
        return "" if known or (related and not word.startswith(proper)) else match[0]

    first = _LEADING.match(text)
    if first and plain(first["name"]) in names and plain(first["name"]) not in terms("name_words"):
        text = form("someone") + text[first.end("name") :]  # without it, what she has would be the patient's
    return re.sub(r"\s+([,.?!])", r"\1", _NAME.sub(drop, text)).strip()


def telegram(text: str, *, prune: bool = True, doctor: bool = False) -> str:
    """One line of a note from one spoken sentence; may be empty."""
    text = without_names(_titled().sub("", text).strip().rstrip(".!?… "))
    if prune:
        text = pruned(text)
    for pattern, to in _phrases(doctor):
        text = pattern.sub(to, text)
    if not doctor and _first_person().search(text):
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
    return cue_pattern("line", "trailing").sub("", line)


def written_down(text: str) -> str:
    """A dictated sentence in written form: measurements as a huisarts types them, no names; every other word stays."""
    text = _titled().sub(lambda found: found[0].split()[0], text)  # "mevrouw De Wit" is "mevrouw"
    text = without_names(text.strip().rstrip(".!?… "))
    for pattern, to in _phrases(True):
        text = pattern.sub(to, text)
    return re.sub(r"([,;])(?:\s*[,;])+", r"\1", re.sub(r"\s+", " ", text)).strip(" ,;:-")


def stopwords() -> frozenset[str]:
    """The words a line leaves out wherever they stand."""
    return _words("stopwords")


def capital(text: str) -> str:
    """A line starts with a capital, unless it starts with an apostrophe ('s nachts) or a digit."""
    return text[:1].upper() + text[1:]


def none_of(names: Iterable[str]) -> str:
    """ "Geen kuur, foto": a first word that was only capital because it began a sentence loses its capital."""
    return capital(form("no").format(", ".join(_lowered(name) for name in names)))


def _lowered(name: str) -> str:
    first = name.split(" ", maxsplit=1)[0]
    keeps = first[1:] != first[1:].lower() or plain(first).startswith(terms("proper"))  # CT, LoSalt, Crohn
    return name if keeps else name[:1].lower() + name[1:]


def sentence(text: str) -> str:
    text = capital(text.strip())
    return text if not text or text[-1] in ".?!" else text + "."


def flat(text: str) -> str:
    return plain_same_length(text)
