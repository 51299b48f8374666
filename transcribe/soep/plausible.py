"""Errors of which every word was said, of something else: what the check can't see, and a person who reads can. Pure.

``candidates`` makes them of the lines of a draft and of what was said; whoever plants them asks the
check which of them it sees.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.lexicon import cue, has, mentions, plain_same_length
from transcribe.soep.note import Line, Mistake, Planted, Section

FAMILY = re.compile(
    r"\b(?:moeder|vader|broer|broertje|zus|zusje|opa|oma|dochter|zoon|tante|oom|man|vrouw|neef|nicht|collega|partner|"
    r"buurvrouw|buurman|vriend|vriendin)\b",
    re.I,
)
SIDES = {"links": "rechts", "rechts": "links", "linker": "rechter", "rechter": "linker"}
_SIDE = re.compile(r"\b(?:linker|rechter|links|rechts)", re.I)
_LONG = r"(?:dagen|weken|maanden)"  # years are an age, or long ago
_SINCE = re.compile(rf"\b(?:sinds|al) (?:\d+ {_LONG}|\w+dag|gisteren|eergisteren|vanochtend|vannacht)\b", re.I)
_FOR = re.compile(rf"\b\d+ {_LONG}\b(?! geleden)", re.I)
_AFRAID = re.compile(r"\b(?:bang|zorgen|bezorgd|ongerust|eigen idee)\b", re.I)
#: A word shorter than this is no complaint by itself ("doof").
SHORTEST = 5
#: So far back an illness may have been named that a relative "had as well".
BEFORE = 4


def candidates(lines: Sequence[Line], transcript: Transcript, chance: random.Random) -> Iterator[Planted]:
    """Of each line at most one of each class; the lines that nobody said come after them."""
    for line in lines:
        for kind, spans in _OF_LINES.items():
            for found in spans:
                yield from _exchanged(kind, found, line, lines, chance)
        yield from _other_side(line, transcript, chance)
        yield from _own_illness(line, transcript)
    yield from _taken_on(lines, transcript)
    yield from _warned_of(lines, transcript)
    yield from _feared(lines, transcript)


# --- what was said of something else ---------------------------------------------------------------------------------


Spans = Callable[[str], Sequence[tuple[int, int]]]


def _by(pattern: re.Pattern[str]) -> Spans:
    return lambda text: [match.span() for match in pattern.finditer(text)]


def _drugs(text: str) -> Sequence[tuple[int, int]]:
    """In the place of another one, a drug has its dose."""
    return [(one.start, one.end) for one in mentions("drugs", text)]


_OF_LINES: dict[Mistake, Sequence[Spans]] = {
    Mistake.DRUG: (_drugs,),
    Mistake.DOSE: (
        _by(re.compile(r"(?<![\w,])\d+(?= ?dd)")),
        _by(re.compile(r"(?<![\d,])\d+(?:,\d+)? ?(?:mg|mcg|ml)\b")),
    ),
    Mistake.TIME: (_by(_SINCE), _by(_FOR)),
}


def _exchanged(
    kind: Mistake, spans: Spans, line: Line, lines: Sequence[Line], chance: random.Random
) -> Iterator[Planted]:
    """The line with a word of another line in the place of its own, resting on what both rest on."""
    own = spans(line.text)
    if len(own) != 1:
        return
    (start, end), mine = own[0], line.text[slice(*own[0])]
    said = plain_same_length(line.text)
    others = [
        (other, other.text[slice(*span)])
        for other in lines
        if other is not line
        for span in spans(other.text)
        if plain_same_length(other.text[slice(*span)]) not in said
    ]
    if others:
        other, theirs = chance.choice(others)
        text = line.text[:start] + _like(mine, theirs) + line.text[end:]
        yield Planted(kind=kind, right=line, wrong=replace(line, text=text, evidence=_both(line, other.evidence)))


def _other_side(line: Line, transcript: Transcript, chance: random.Random) -> Iterator[Planted]:
    """The other side, where that was said too, of something else: in this line, or beside it."""
    named = list(_SIDE.finditer(line.text))
    if not named:
        return
    turned = chance.choice(named)
    text = (
        line.text[: turned.start()] + _like(turned.group(), SIDES[turned.group().lower()]) + line.text[turned.end() :]
    )
    own = {match.group().lower()[:4] for match in named}
    said = [
        index
        for index, utterance in enumerate(transcript.utterances)
        if index not in line.evidence
        and {match.group().lower()[:4] for match in _SIDE.finditer(utterance.text)} - own
        and not utterance.text.endswith("?")
    ]
    if len(own) == 2:
        yield Planted(kind=Mistake.SIDE, right=line, wrong=replace(line, text=text))
    elif said and len(named) == 1:
        beside = min(said, key=lambda index: min((abs(index - own) for own in line.evidence), default=0))
        yield Planted(kind=Mistake.SIDE, right=line, wrong=replace(line, text=text, evidence=_both(line, (beside,))))


def _own_illness(line: Line, transcript: Transcript) -> Iterator[Planted]:
    """What a relative had stands as the patient's."""
    if line.section is not Section.S or not FAMILY.search(line.text):
        return
    told = [index for index in line.evidence if FAMILY.search(transcript.utterances[index].text)]
    for index in told[:1]:
        named = [
            (at, found.text)
            for at in range(index, max(index - BEFORE, -1), -1)
            for found in mentions("dx", transcript.utterances[at].text)
        ]
        for at, illness in named[:1]:
            parts = re.split(r"(?<=[.;]) +", line.text)
            text = " ".join(f"Eerder {illness} gehad." if FAMILY.search(part) else part for part in parts)
            yield Planted(kind=Mistake.PERSON, right=line, wrong=replace(line, text=text, evidence=_both(line, (at,))))


# --- lines that nobody said -----------------------------------------------------------------------------------------


def _taken_on(lines: Sequence[Line], transcript: Transcript) -> Iterator[Planted]:
    """A drug that the patient named, as if the huisarts had gone on with it."""
    planned = [line for line in lines if line.section is Section.P and line.evidence]
    prescribed = " ".join(plain_same_length(line.text) for line in planned)
    home = next((line for line in planned if has("drugs", line.text)), planned[-1] if planned else None)
    for index, utterance in enumerate(transcript.utterances):
        if utterance.speaker is Speaker.HUISARTS or home is None or cue("missed", "allergy", utterance.text):
            continue
        for found in mentions("drugs", utterance.text):
            if plain_same_length(found.text) not in prescribed:
                yield _invented(home, f"{found.text.capitalize()} continueren.", _both(home, (index,)))


def _warned_of(lines: Sequence[Line], transcript: Transcript) -> Iterator[Planted]:
    """What the patient has to call for, as if it were there."""
    told = [line for line in lines if line.section is Section.S]
    noted = " ".join(plain_same_length(line.text) for line in told)
    for index, utterance in enumerate(transcript.utterances):
        if utterance.speaker is not Speaker.HUISARTS or not told or not cue("plan", "safety", utterance.text):
            continue
        named = [found.text for found in mentions("symptoms", utterance.text)]
        named = [one for one in named if len(one) >= SHORTEST and plain_same_length(one)[:5] not in noted]
        if named:
            yield _invented(told[-1], f"{' en '.join(named).capitalize()}.", (index,))


def _feared(lines: Sequence[Line], transcript: Transcript) -> Iterator[Planted]:
    """What the patient is afraid of, as if the huisarts thought of it."""
    concluded = [line for line in lines if line.section is Section.E and line.evidence]
    thought = " ".join(plain_same_length(line.text) for line in concluded)
    for index, utterance in enumerate(transcript.utterances):
        if utterance.speaker is Speaker.HUISARTS or not concluded or not _AFRAID.search(utterance.text):
            continue
        for found in mentions("dx", utterance.text):
            if plain_same_length(found.text)[:6] not in thought and not has("family", utterance.text):
                yield _invented(concluded[0], f"DD {found.text}.", _both(concluded[0], (index,)))


def _invented(home: Line, text: str, evidence: tuple[int, ...]) -> Planted:
    return Planted(kind=Mistake.INVENTED, right=None, wrong=replace(home, id="X", text=text, evidence=evidence))


def _both(line: Line, more: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({*line.evidence, *more}))


def _like(old: str, new: str) -> str:
    """With a capital where the old one had it."""
    return new[:1].upper() + new[1:] if old[:1].isupper() else new[:1].lower() + new[1:]
