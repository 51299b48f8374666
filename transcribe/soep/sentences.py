"""A transcript as a list of cleaned sentences, each knowing its utterance, its speaker and its turn."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace

from transcribe.asr.transcript import Speaker, Suspicion, Transcript
from transcribe.soep import corrections, numbers_en
from transcribe.soep.language import ENGLISH
from transcribe.soep.lexicon import cue, cue_pattern, has, mentions, terms
from transcribe.soep.numbers import plain, written
from transcribe.soep.roles import speakers


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """One sentence. ``evidence`` is its utterance, and those of corrections that were worked into it."""

    evidence: tuple[int, ...]
    speaker: Speaker
    turn: int  # utterances in a row by one speaker are one turn
    text: str
    problem: int = 0  # of the contact, counted from 0; see problems.py
    place: int = 0  # how many utterances with words were heard before it, well or poorly
    marked: int = 0  # how many before it were taken for made up
    start_s: float = 0.0  # of its utterance, in seconds of the recording without what the recogniser made up
    end_s: float = 0.0

    @property
    def utterance(self) -> int:
        return self.evidence[-1]

    @functools.cached_property
    def question(self) -> bool:
        """Asked with a question mark, or in the words of a question: a recogniser may leave the mark out."""
        if self.text.rstrip().endswith("?"):
            return True
        worded = self.speaker is Speaker.HUISARTS and cue("talk", "asks", self.text) is not None
        return worded and cue("plan", "safety", self.text) is None


_SPLIT = re.compile(r"(?<=[.!?…])\s+")


def clean(text: str, language: str = "nl") -> str:
    """Hesitations out and numbers in written form."""
    text = text.replace("’", "'").replace("…", "...")
    text = cue_pattern("talk", "broken_off").sub(", ", text)
    text = cue_pattern("talk", "hesitation").sub("", text)
    text = numbers_en.written(text) if language == ENGLISH else written(text)
    return re.sub(r"\s+", " ", text).strip()


def split(text: str) -> list[str]:
    """The sentences of a text."""
    return [part.strip() for part in _SPLIT.split(text) if re.search(r"\w", part)]


def without_fillers(text: str) -> str:
    text = cue_pattern("talk", "filler").sub("", text)
    text = re.sub(r"\s+([,.!?])", r"\1", re.sub(r"\s+", " ", text))
    return re.sub(r",(?=[,.!?])|^[,\s]+", "", text).strip()


_INTRODUCED = re.compile(r"(?P<relation>[\w'’]+),? (?P<name>[A-ZÀ-Ý][a-zà-ÿ]+)\b(?!-)")


def relations(transcript: Transcript) -> dict[str, tuple[str, int]]:
    """Names that were introduced with a relation ("haar broertje Tijn"), with that relation and where it was said."""
    found: dict[str, tuple[str, int]] = {}
    for index, utterance in enumerate(transcript.utterances):
        for match in _INTRODUCED.finditer(utterance.text):
            person = plain(match["name"]) in terms("names") or not match["name"].lower().startswith(terms("proper"))
            if person and has("family", match["relation"]) and match["relation"][0].islower():
                found.setdefault(match["name"], (match["relation"], index))
    return found


def renamed(text: str, index: int, known: dict[str, tuple[str, int]]) -> tuple[str, tuple[int, ...]]:
    """A sentence with the relation in place of a name, and the utterances that takes."""
    evidence = {index}
    for name, (relation, where) in known.items():
        if re.search(rf"\b{relation},? {name}\b", text):
            text = re.sub(rf"\b{relation},? {name}\b", relation, text)
        elif re.search(rf"\b{name}\b", text) and where != index:
            text = re.sub(rf"\b{name}\b", relation, text)
            evidence.add(where)
    return text, tuple(sorted(evidence))


def sentences(transcript: Transcript) -> list[Sentence]:
    """All sentences that may be used, in order, with self-corrections worked in."""
    roles = speakers(transcript)
    known = relations(transcript)
    turns: list[list[Sentence]] = []
    places = _places(transcript)
    previous: Speaker | None = None
    for index, utterance in enumerate(transcript.utterances):
        if utterance.suspicion is not None:
            continue
        if roles[index] is not previous or not turns:
            turns.append([])
            previous = roles[index]
        for part in split(clean(utterance.text, transcript.language)):
            named, evidence = renamed(cue_pattern("talk", "tag").sub(".", part), index, known)
            if turns[-1] and _denial_goes_on(turns[-1][-1].text, named):
                begun = turns[-1].pop()
                named, evidence = f"{begun.text.rstrip(' .')} {named}", tuple(sorted({*begun.evidence, *evidence}))
            turns[-1].append(Sentence(evidence=evidence, speaker=roles[index], turn=len(turns) - 1, text=named))
    result = []
    for turn in turns:
        for corrected in corrections.apply([(s.evidence, s.text) for s in turn]):
            evidence, text = corrected
            text = without_fillers(text)
            if turn and re.search(r"\w", text):
                own = [i for i in evidence if i >= turn[0].evidence[0]] or evidence[-1:]
                first, last = places[own[0]], places[own[-1]]
                sentence = replace(turn[0], evidence=evidence, text=text)
                result.append(
                    replace(sentence, place=first.count, marked=first.marked, start_s=first.start_s, end_s=last.end_s)
                )
    return [_about(sentence, result[max(0, n - 2) : n]) for n, sentence in enumerate(result)]


def _denial_goes_on(text: str, following: str) -> bool:
    """ "Nee, geen" and, behind a pause, "oorpijn.": apart the second would say the opposite."""
    if cue("answer", "cut_off", text) is None or (text.endswith(".") and not text.endswith("...")):
        return False
    return following[:1].islower() or len(following.split()) == 1


BREATH_S = 1.0  # seconds between two utterances in which nothing else was said


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where an utterance stands among what was said, as if the recogniser had made nothing up."""

    count: int  # utterances with words before it; what was heard too poorly for the note is counted too
    marked: int  # utterances before it that were taken for made up
    start_s: float
    end_s: float


def _places(transcript: Transcript) -> list[_Place]:
    result: list[_Place] = []
    count, marked, made_up_s, before_s = 0, 0, 0.0, 0.0
    for utterance in transcript.utterances:
        start_s, end_s = utterance.start_s - made_up_s, utterance.end_s - made_up_s
        result.append(_Place(count=count, marked=marked, start_s=start_s, end_s=end_s))
        if utterance.suspicion not in (None, Suspicion.UNLIKELY):
            marked += 1
            pause_s = utterance.start_s - before_s
            made_up_s += end_s - start_s + (pause_s if 0 < pause_s <= BREATH_S else 0.0)
        else:
            count += re.search(r"\w", without_fillers(clean(utterance.text, transcript.language))) is not None
        before_s = utterance.end_s
    return result


def _about(sentence: Sentence, before: list[Sentence]) -> Sentence:
    """ "M'n buurvrouw. Die heeft een depressie gehad.": "die" is the buurvrouw, not the patient."""
    start = cue_pattern("talk", "pronoun").match(sentence.text)
    if sentence.speaker is not Speaker.PATIENT or start is None or has("family", sentence.text):
        return sentence
    spoke = [(other, m) for other in before if other.turn == sentence.turn for m in mentions("family", other.text)]
    people = [(other, m) for other, m in spoke if m.text[0].islower()]
    if not people:
        return sentence
    previous, person = people[-1]
    text = f"{person.text} {sentence.text[start.end() :].strip()}"
    return replace(sentence, text=text, evidence=tuple(sorted({*sentence.evidence, *previous.evidence})))
