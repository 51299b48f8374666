"""The passage of the talk that a part of a line comes closest to, and where the two say different things.

For lines in other words than were said, as a person or a language model writes: beside a word of the line there may be
no denial, side or relative in the talk ("vier uur niet plast"), while the passage as a whole has one. Quiet when
several passages are as close and do not agree.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from transcribe.soep.concepts import fold
from transcribe.soep.lexicon import cue, has, plain_same_length, table, words
from transcribe.soep.memory import remembered
from transcribe.soep.polarity import DENIAL, LATER
from transcribe.soep.support import SUFFIX, Source, sides
from transcribe.soep.telegram import stopwords


@dataclass(frozen=True)
class Passage:
    """A clause of the talk. ``denied``: None when that can't be told."""

    text: str
    stems: frozenset[str]
    denied: bool | None
    asked: bool = False


CLAUSE = 14  # words: in a longer one the denial may be about something else
_CLAUSE = re.compile(r"[,;:.!?]+(?:\s|$)|\b(?:maar|want|behalve|punt|komma|but|because)\b")
_JOINED = re.compile(r"(?= (?:en|of|and|or) )")
_ANSWER = re.compile(r"^\W*(?:nee|no|nou|ja)\b\W*")
_DENIED = re.compile(rf"{DENIAL.pattern}|\blaten staan\b")
_OPEN = re.compile(r"\b(?:niet (?:zo|alleen|meer dan|te missen|zeker)|weet (?:ik )?niet|geloof|he|toch|wel|mag)\b")
#: Words that are in too many passages to tell one from another.
_SMALL = frozenset(
    ("geen", "niet", "nooit", "zonder", "niks", "nee", "nog", "ook", "meer", "met", "bij", "van", "voor", "naar", "dan",
     "als", "dat", "maar", "want", "of", "en", "te", "op", "in", "om", "aan", "uit", "na", "tot", "nu", "wel", "dus",
     "daarna", "patient", "indien", "zo", "nodig", "door", "over", "sinds", "per", "verder", "eerder", "vanwege",
     "tegen", "no", "not")
)  # fmt: skip
_WHEN = ("dag", "dagen", "week", "weken", "maand", "maanden", "jaar", "uur", "bellen", "direct", "meteen", "terug",
         "contact", "telefonisch")  # fmt: skip


@functools.cache
def _lemmas() -> dict[str, str]:
    groups = table("concepts.toml")["forms"]
    assert isinstance(groups, list)
    return {str(form): str(group[0]) for group in groups for form in group}


@remembered
def _stem(word: str) -> str:
    """A word without its ending; forms of an irregular word as one."""
    lemma = _lemmas().get(word, word)
    bare = SUFFIX.sub("", lemma.removeprefix("ge") if len(lemma) > 5 else lemma)
    return fold(bare if len(bare) > 2 else lemma)[:6]


@remembered
def _stems(text: str) -> frozenset[str]:
    small = stopwords() | _SMALL
    return frozenset(_stem(word) for word in words(plain_same_length(text)) if word not in small)


def _telling(stems: frozenset[str]) -> frozenset[str]:
    """Without words that say when, or that somebody calls: a passage is not found by these alone."""
    when = {_stem(word) for word in _WHEN}
    return frozenset(stem for stem in stems - when if not stem.isdigit())


def passages(source: Source) -> tuple[Passage, ...]:
    """All clauses of the evidence, with the questions it answers."""
    return tuple(_passages(source))


def _passages(source: Source) -> Iterator[Passage]:
    answered = {id(question): answer for question, answer in source.replies}
    for sentence in source.weighed:
        flat = plain_same_length(sentence.text)
        if sentence.question:
            answer = answered.get(id(sentence))
            no = answer is not None and bool(cue("answer", "no", answer.text))
            yes = answer is not None and bool(cue("answer", "yes", answer.text))
            for part in _CLAUSE.split(flat):
                clear = (no or yes) and not DENIAL.search(part)
                yield Passage(text=part, stems=_stems(part), denied=no if clear else None, asked=True)
            continue
        for clause in _CLAUSE.split(_ANSWER.sub("", flat)):
            before = False
            for part in filter(str.strip, _JOINED.split(clause)):
                found = bool(_DENIED.search(part))
                unclear = (_OPEN.search(part) or len(part.split()) > CLAUSE) if found else before
                before = before or found
                yield Passage(text=part, stems=_stems(part), denied=None if unclear else found)


def closest(part: str, among: tuple[Passage, ...]) -> tuple[Passage, ...]:
    """The passages that share most words with a part of a line; none where that says too little."""
    wanted = _stems(part)
    best: list[Passage] = []
    most = (0, 0)
    for passage in among:
        shared = wanted & passage.stems
        told = (len(_telling(shared)), len(shared))
        if told[0] and told > most:
            most, best = told, [passage]
        elif told[0] and told == most:
            best.append(passage)
    enough = most[1] > 1 or len(wanted) == 1
    return tuple([passage for passage in best if not passage.asked] or best) if enough else ()


@dataclass(frozen=True)
class Part:
    """A piece of a line between commas, "of" and "en", with what stands before and after it in its statement."""

    text: str
    before: str
    after: str


def parts(line: str) -> Iterator[Part]:
    flat = plain_same_length(line)
    for match in re.finditer(r"(?:(?! (?:of|en) )[^.,;()]|[.,](?=\d))+", flat):
        if match.group().strip():
            before = re.split(r"[.;](?:\s|$)", flat[: match.start()])[-1]
            after = re.split(r"[.,;()](?:\s|$)", flat[match.end() :])[0]
            yield Part(text=match.group().strip(), before=before, after=after)


_SAYS_IT_ITSELF = re.compile(r"(?:vrij|loos)\b|\bon\w+")


def denied_there(line: str, among: tuple[Passage, ...]) -> str:
    """A part of the line that denies nothing, while all the passages it comes closest to do."""
    for part in parts(line):
        later = LATER.search(part.text)
        if _DENIED.search(part.text) or (later and later.group() != "weg") or _SAYS_IT_ITSELF.search(part.text):
            continue
        if DENIAL.search(part.before) or re.search(r"\b(?:niet|nooit)$", part.after):
            continue  # the denial of another part may reach it
        best = closest(part.text, among)
        if best and all(passage.denied for passage in best):
            return part.text
    return ""


_ALARM = re.compile(r"\b(?:bel\w*|terug|contact|eerder|112|hap|spoed)\b.*\b(?:bij|als|indien)\b")
_NO_SUCH = re.compile(r"\bgeen (\w+)")


def denied_alarm(line: str, among: tuple[Passage, ...]) -> str:
    """What is no reason to call in the line ("terug bij geen koorts"), and was said without a denial."""
    for part in parts(line):
        no = _NO_SUCH.search(part.text)
        if no is None or not _ALARM.search(f"{part.before} {part.text}"):
            continue
        about = [passage for passage in among if passage.stems & _stems(part.text)]
        if about and all(passage.denied is False for passage in about):
            return no[1]
    return ""


_OWN = re.compile(r"\b(?:ik|mij|me|zelf|u|uw|patient\w*|i)\b")


def relative_there(line: str, among: tuple[Passage, ...]) -> tuple[str, str]:
    """What the line says of the patient, and the passage of the talk that says it of a relative."""
    for part in parts(line):
        patient = re.search(r"\bpatient\w*\b", part.text)
        if patient is None or "volgens" in part.text:
            continue
        said = part.text[patient.end() :]
        best = closest(said, among) or closest(next(iter(re.findall(r"\w{5,}", said)), ""), among)
        if best and all(has("family", passage.text) and not _OWN.search(passage.text) for passage in best):
            return said.strip(), best[0].text.strip()
    return "", ""


_SIDE = re.compile(r"\b(?:links|rechts|linker|rechter)")


def turned_side(line: str, source: Source) -> tuple[str, str]:
    """A side of the line, and the thing with it, where the sentences closest to that part name only the other side."""
    for part in parts(line):
        mine = {side for side, _ in sides(part.text)}
        if len(mine) != 1:
            continue
        wanted = _stems(_SIDE.sub(" ", part.text))
        best: list[set[str]] = []
        most = 0
        for sentence in source.said:
            shared = wanted & _stems(_SIDE.sub(" ", plain_same_length(sentence.text)))
            if sentence.question or not shared or len(shared) < most:
                continue
            best = [] if len(shared) > most else best
            most = len(shared)
            best.append({side for side, _ in sides(sentence.text)})
        if best and all(len(said) == 1 and said != mine for said in best):
            return mine.pop(), part.text
    return "", ""
