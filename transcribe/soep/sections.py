"""Which section a sentence of the huisarts belongs to, by cues and by how far the consult is."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum

from transcribe.soep.conclusions import weighed
from transcribe.soep.lexicon import any_of, cue, cue_pattern, has, mentions, plain_same_length, words
from transcribe.soep.note import Section
from transcribe.soep.sentences import Sentence


class Phase(Enum):
    """How far a consult is: it asks, examines, then concludes and plans."""

    ANAMNESE = 1
    ONDERZOEK = 2
    BELEID = 3


PRESSURE = re.compile(r"(?<![\d/])\d{2,3}/\d{2,3}(?![\d/])")
DOSE = re.compile(r"\b\d+dd\b|\b\d+(?:,\d+)? ?(?:mg|mcg|ml)(?!\w)")


def declined(text: str) -> bool:
    """ "Geen antibioticum": a denial right before a drug or a kind of care."""
    flat = plain_same_length(text)
    found = (*mentions("drugs", text), *mentions("care", text))
    return any(cue_pattern("negation", "before").search(flat[: m.start]) for m in found)


def measured(text: str) -> bool:
    """A vital sign or a result with its number right behind it: "pols 68", "kalium 4,4", "156/92"."""
    return PRESSURE.search(text) is not None or any(
        re.match(r"(?: \w+){0,2}:? \d", text[found.end :]) for found in mentions("vitals", text)
    )


def weights(text: str, phase: Phase) -> dict[Section, int]:
    """How strongly a sentence of the huisarts belongs to each section."""
    number = bool(re.search(r"\d", text))
    drug, care, dx = has("drugs", text), has("care", text), has("dx", text)
    o = e = p = s = 0
    if measured(text) or (has("vitals", text) and number):
        o += 3
    if measured(text) and not drug and cue("objective", "result", text):
        o += 3  # "Het lab van vorige week: kreatinine 90": what was measured is no plan
    if cue("objective", "say", text):
        o += 3 if phase is Phase.ANAMNESE and cue("objective", "perceived", text) else 2
    if has("findings", text):
        o += 2 if has("body", text) else 1
    spoken_to = cue("objective", "spoken_to", text)
    if (
        phase is not Phase.BELEID
        and not spoken_to
        and not (dx and e)
        and any_of(("findings", "body", "symptoms"), text)
    ):
        o += 2  # a statement to nobody: the huisarts says aloud what he finds
    if phase is Phase.ONDERZOEK and not spoken_to and cue("objective", "bare", text):
        o += 2  # "Geen ulceratie.": also when the word is in no table
    if len(mentions("findings", text)) > 1:
        o += 1
    if phase is Phase.ONDERZOEK and any_of(("findings", "body", "vitals"), text):
        o += 1
    if phase is Phase.ONDERZOEK and not o and not cue("objective", "aside", text) and _says_something(text):
        o += 2  # looks and says what is seen, in words of no table
    if phase is not Phase.ANAMNESE and cue("evaluation", "ruled_out", text):
        e += 5
    if phase is not Phase.ANAMNESE and weighed(text):
        e += 5
    judged = phase is not Phase.ANAMNESE and not drug and not number and cue("evaluation", "judged", text) is not None
    if dx and cue("evaluation", "conclude", text):
        e += 3
    if dx and cue("evaluation", "reject", text):
        e += 3
    if dx and phase is not Phase.ANAMNESE:
        e += 1
        if cue("evaluation", "begins", text) and not drug:
            e += 2  # "Ja, een longaanval."
            o = min(o, 2)
    if phase is not Phase.ANAMNESE and cue("evaluation", "names", text) and not number and not care:
        e += 2 if has("findings", text) and has("body", text) else 4
        o = min(o, 3)  # "Dit noemen we een ...": also a name that is in no table
    caused = cue("evaluation", "cause", text) is not None and phase is not Phase.ANAMNESE
    if caused and (dx or drug or has("symptoms", text)):
        e += 4
    if cue("evaluation", "generic", text) and dx and not number:
        o = 0
    if cue("objective", "say", text) and not cue("evaluation", "think", text):
        e = 0  # "ik zie een lichte verzakking" is a finding
    if judged:
        e, o = e + 4, min(o, 3)  # "De suiker is goed ingesteld."
    if cue("plan", "safety", text):
        p += 4
    if drug and cue("plan", "medication", text):
        p += 3
    if drug and number:
        p += 2
    if care and number:
        p += 1
    if cue("plan", "prescribes", text) and cue("plan", "stepped", text):
        p += 5
    if cue("plan", "keeps", text) and cue("plan", "left_alone", text):
        p += 3
    if care and cue("plan", "refer", text):
        p += 3
    if care and cue("plan", "test", text):
        p += 2
    if cue("plan", "follow", text):
        p += 2
    if (drug or care) and (cue("plan", "refuse", text) or declined(text)):
        p += 3
    if phase is not Phase.ANAMNESE and DOSE.search(text):
        p += 3
    if cue("plan", "wait", text):
        p += 2
    if has("advice", text) and cue("plan", "advise", text):
        p += 2
    if phase is Phase.BELEID:
        if any_of(("advice", "drugs", "care"), text):
            p += 1
        if has("advice", text) and len(mentions("advice", text)) >= 2:
            p += 1
        o -= 1
    if dx and phase is not Phase.ANAMNESE and cue("evaluation", "firm", text):
        e += 2
    if caused and drug and not number:
        p = min(p, 2)
    if phase is Phase.ANAMNESE and cue("subjective", "self_summary", text) and not cue("plan", "prescribes", text):
        s += 8 if drug else 4  # what is used already is no plan
    if drug and cue("subjective", "list", text):
        s += 8  # the huisarts reads what is used already
    if measured(text) and cue("subjective", "at_home", text):
        s += 8
    if phase is not Phase.ANAMNESE and cue("plan", "order", text):
        p += 4 if drug else 2
    if dx and phase is not Phase.ANAMNESE and len(words(text)) <= 7 and not number and not care and not drug:
        e += 1  # "Ja, weer een gewone blaasontsteking.": a name and hardly anything else
    if phase is not Phase.ANAMNESE and cue("evaluation", "surely", text) and not number and not care:
        e, o, p = e + 6, min(o, 3), min(p, 3)  # in the words with which a conclusion is told, whatever it is
    if phase is not Phase.ANAMNESE and cue("evaluation", "surely_not", text) and not number and not care and not drug:
        e, o = e + 5, min(o, 3)
    if phase is not Phase.ANAMNESE and (drug or care) and cue("plan", "order_you", text):
        p += 4
    if phase is not Phase.ANAMNESE and drug and cue("plan", "out", text):
        p += 5
    return {Section.S: s, Section.O: o, Section.E: e, Section.P: p}


LONG = 6  # letters of a word that says something


def _says_something(text: str) -> bool:
    """At least three words, one of them long: no "Een beetje." """
    said = words(text)
    return len(said) >= 3 and max(map(len, said)) >= LONG


def is_told(text: str) -> bool:
    """May this be a conclusion in words that are in no table: "Het is een flinke ..."?"""
    built = any(cue("evaluation", name, text) for name in ("telling", "surely", "names", "begins"))
    if not built or not _says_something(text) or re.search(r"\d", text):
        return False
    return not (any_of(("drugs", "care", "vitals"), text) or cue("plan", "safety", text) or cue("drop", "check", text))


def section_of(text: str, phase: Phase) -> Section | None:
    """The section, or None when the sentence is talk that no section asks for."""
    if len(words(text)) < 2:
        return None
    scores = weights(text, phase)
    order = {
        Phase.ANAMNESE: (Section.S, Section.O, Section.P, Section.E),
        Phase.ONDERZOEK: (Section.O, Section.E, Section.P, Section.S),
        Phase.BELEID: (Section.P, Section.E, Section.O, Section.S),
    }[phase]
    if phase is Phase.ANAMNESE and cue("objective", "say", text) and has("findings", text):
        scores[Section.O] += 1
    best = max(order, key=lambda section: (scores[section], -order.index(section)))
    if best is Section.E and phase is Phase.ANAMNESE and cue("evaluation", "known", text):
        return Section.S  # the huisarts reads the history from the record
    enough = {Phase.ANAMNESE: 3, Phase.ONDERZOEK: 2, Phase.BELEID: 1 if best is Section.P else 2}[phase]
    return best if scores[best] >= enough else None


def split_mixed(sentence: Sentence, phase: Phase) -> list[Sentence]:
    """A sentence that concludes and decides in one breath, as two: "Het is ..., dus daar geef ik ... voor." """
    found = cue("plan", "follows", sentence.text)
    if found and phase is not Phase.BELEID:
        first, second = sentence.text[: found.start()] + ".", sentence.text[found.end() :].strip()
        if section_of(first, Phase.ONDERZOEK) is Section.O and section_of(second, Phase.ONDERZOEK) is Section.E:
            return [replace(sentence, text=first), replace(sentence, text=second)]
    at = cue("plan", "therefore", sentence.text)
    if at is None or phase is Phase.ANAMNESE:
        return [sentence]
    first, second = sentence.text[: at.start()] + ".", sentence.text[at.end() :].strip()
    one, two = section_of(first, phase), section_of(second, phase)
    if one is Section.E and two is Section.P and weights(second, phase)[Section.P] >= 3:
        return [replace(sentence, text=first), replace(sentence, text=second)]
    return [sentence]
