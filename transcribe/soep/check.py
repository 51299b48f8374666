"""Each line against its source, and what was said but is in no line. Pure; runs after every edit.

Quiet by design: a false alarm costs attention. A finding is a question to the huisarts, never advice.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.leaving_out import REASONS
from transcribe.soep.lexicon import cue, has, mentions, terms, words
from transcribe.soep.note import Line, Missed, Note
from transcribe.soep.numbers import numbers_in, plain
from transcribe.soep.sentences import clean, split
from transcribe.soep.support import (
    Polarity,
    Source,
    bare_of_denial,
    content_words,
    forget,
    measures,
    polarity,
    sides,
    source,
)


class Kind(StrEnum):
    """What is asked about a line."""

    NO_SOURCE = "geen bron"
    NUMBER = "getal"
    NEGATION = "ontkenning"
    LATERALITY = "zijde"


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: Kind
    text: str  # Dutch, for the screen


# Terms of these kinds must have been said; a line that brings its own is unsupported.
CLINICAL = ("dx", "drugs", "symptoms")


def findings(line: Line, transcript: Transcript | None) -> tuple[Finding, ...]:
    """What is not in order with a line, seen from its evidence. ``transcript`` None: the source was destroyed."""
    try:
        return _findings(line, transcript)
    finally:
        forget()


def _findings(line: Line, transcript: Transcript | None) -> tuple[Finding, ...]:
    if transcript is None:
        return () if line.confirmed else (_no_source("Geen bron: de opname is vernietigd."),)
    if not any(0 <= i < len(transcript.utterances) for i in line.evidence):
        return (_no_source("Geen bron: bij deze regel hoort geen stuk van het gesprek."),)
    evidence = source(line.evidence, transcript)
    unsupported = _unsupported(line.text, evidence)
    return (
        *((_no_source(unsupported),) if unsupported else ()),
        *_numbers(line.text, evidence),
        *(() if unsupported else _negations(line.text, evidence)),
        *_sides(line.text, evidence),
    )


def open_findings(note: Note, transcript: Transcript | None) -> Mapping[str, tuple[Finding, ...]]:
    """The findings of all lines that nobody has confirmed yet, by line id; lines without findings are not in it."""
    try:
        result = {line.id: _findings(line, transcript) for line in note.lines() if not line.confirmed}
    finally:
        forget()
    return {line_id: found for line_id, found in result.items() if found}


def _no_source(text: str) -> Finding:
    return Finding(kind=Kind.NO_SOURCE, text=text)


@functools.cache
def _allowed() -> frozenset[str]:
    return frozenset(word for entry in terms("note_words") for word in words(entry))


def _unsupported(text: str, evidence: Source) -> str:
    """Why the evidence does not carry a line, or nothing. Known clinical terms each count; other words together."""
    allowed = _allowed()
    for kind in CLINICAL:
        for found in mentions(kind, text):
            unknown = [w for w in words(found.text) if len(w) > 2 and w not in allowed and not evidence.knows(w)]
            if unknown:
                return f"Geen bron: “{found.text}” komt niet voor in het gesprek bij deze regel."
    said = content_words(text, allowed)
    unknown = [word for word in said if not evidence.knows(word)]
    if len(unknown) * 2 > len(said):
        return "Geen bron: deze regel is niet terug te vinden in het gesprek dat erbij staat."
    return ""


def _numbers(text: str, evidence: Source) -> list[Finding]:
    """Numbers that were not said, and numbers that were said of something else ("3dd" beside "3 dagen")."""
    standing, raw = evidence.numbers(), evidence.raw_numbers()
    result = []
    for number in sorted(numbers_in(text) - standing):
        if number in raw:
            why = f"Het getal {number} werd in het gesprek teruggenomen."
        else:
            why = f"Het getal {number} komt niet voor in het gesprek bij deze regel."
        result.append(Finding(kind=Kind.NUMBER, text=why))
    said = measures(evidence.text)
    units = {unit for _, unit in said}
    for number, unit in sorted(measures(text) - said):
        if number in standing and unit in units:
            why = f"Het getal {number} staat in het gesprek niet bij “{unit}”."
            result.append(Finding(kind=Kind.NUMBER, text=why))
    return result


def _negations(text: str, evidence: Source) -> list[Finding]:
    """Things the line denies and the source affirms, or the other way round."""
    result = []
    for kind in ("symptoms", "dx", "drugs", "findings", "care"):
        for found in mentions(kind, text):
            stem = plain(found.text)[:6]
            if len(stem) < 4:
                continue
            source_says = evidence.polarities(stem, plan=kind in ("drugs", "care"))
            line_says = polarity(text, found.start, found.end)
            if source_says and line_says not in source_says:
                what = "ontkend" if line_says is Polarity.DENIED else "bevestigd"
                other = "bevestigd" if line_says is Polarity.DENIED else "ontkend"
                text_ = f"“{found.text}” staat er als {what}, maar lijkt in het gesprek {other}."
                result.append(Finding(kind=Kind.NEGATION, text=text_))
    if not result:
        for word in bare_of_denial(text, evidence.text)[:1]:
            why = f"“{word}” is in het gesprek ontkend, in deze regel niet."
            result.append(Finding(kind=Kind.NEGATION, text=why))
    return list(dict.fromkeys(result))


def _sides(text: str, evidence: Source) -> list[Finding]:
    """A side that was not said, or was said of something else."""
    here, there = sides(text), sides(evidence.text)
    result = []
    for side, word in sorted(here):
        opposite = {s for s, w in there if w == word and word}
        if all(s != side for s, _ in there) or (opposite and side not in opposite):
            where = f" bij “{word}”" if word else ""
            result.append(Finding(kind=Kind.LATERALITY, text=f"“{side}”{where} komt niet overeen met het gesprek."))
    return result[:1]


def missed(note: Note, transcript: Transcript) -> tuple[Missed, ...]:
    """What was said, may belong in a note, and is in no line: drugs, allergies, measurements, safety net, agreements.

    What the patient wants out of the record is never listed.
    """
    try:
        return _missed(note, transcript)
    finally:
        forget()


def _missed(note: Note, transcript: Transcript) -> tuple[Missed, ...]:
    used = {i for line in note.lines() for i in line.evidence}
    withheld = {d.utterance for d in note.dropped if d.reason == REASONS["wish"]}
    result = []
    for index, utterance in enumerate(transcript.utterances):
        if index in used or index in withheld or utterance.suspicion is not None:
            continue
        kind = next(
            (k for s in split(clean(utterance.text, transcript.language)) if (k := _worth(s, utterance.speaker))), ""
        )
        if kind:
            result.append(Missed(utterance=index, kind=kind))
    return tuple(result)


def _worth(text: str, speaker: Speaker) -> str:
    """What kind of thing for a note a sentence holds; a question holds none."""
    if text.endswith("?"):
        return ""
    if cue("missed", "allergy", text):
        return "allergie"
    doctor = speaker is Speaker.HUISARTS
    if doctor and has("vitals", text) and numbers_in(text):
        return "meting"
    if doctor and cue("plan", "safety", text) and has("symptoms", text):
        return "vangnet"
    if has("drugs", text) and (numbers_in(text) or cue("missed", "takes", text)):
        return "medicatie"
    if doctor and cue("plan", "follow", text) and numbers_in(text):
        return "afspraak"
    return ""
