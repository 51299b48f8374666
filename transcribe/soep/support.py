"""What the evidence of a line says: its words, numbers, sides, and whether a thing was affirmed or denied in it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import Enum

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep import lexicon
from transcribe.soep.conclusions import rejected
from transcribe.soep.lexicon import cue, cue_pattern, pairs, plain_same_length, words
from transcribe.soep.numbers import numbers_in, plain, written
from transcribe.soep.sentences import Sentence, sentences
from transcribe.soep.telegram import stopwords, telegram


class Polarity(Enum):
    AFFIRMED = 1
    DENIED = 2


_NEGATIONS = r"(?:geen|niet|nooit|zonder|noch|niks|nergens|ontkent|nee|not|no|never|without|evenmin)"
_DENIAL = re.compile(rf"\b{_NEGATIONS}\b")
_TURN = re.compile(r"\b(?:maar|wel|behalve|omdat|want|toch|echter)\b|[;:]")


def _denied_from_before(before: str) -> bool:
    """A denial reaches over commas only along a list: "geen koorts, hoest, oorpijn"."""
    last = max((m.end() for m in _DENIAL.finditer(before)), default=None)
    if last is None or _TURN.search(before, last):
        return False
    return all(len(part.split()) <= 3 for part in before[last:].split(",")[1:])


def polarity(text: str, start: int, end: int) -> Polarity:
    """Is a thing said with or without a denial? Looks in its own sentence."""
    flat = plain_same_length(text)
    left = max((m.end() for m in re.finditer(r"[.!?]\s", flat[:start])), default=0)
    if _denied_from_before(flat[left:start]) or cue_pattern("negation", "after").match(flat[end:]):
        return Polarity.DENIED
    clause = re.split(r"[,;.!?]", flat[end:])[0]
    return Polarity.DENIED if re.search(r"\b(?:niet|nooit|niks)\b(?! alleen)", clause) else Polarity.AFFIRMED


_NO_FIRST = re.compile(r"^\W*nee\b", re.IGNORECASE)  # an answer to what came before, not a denial of what follows


@dataclass(frozen=True)
class Source:
    """The evidence of one line, ready to be compared with."""

    said: tuple[Sentence, ...]  # sentences of the evidence, corrections worked in
    replies: tuple[tuple[Sentence, Sentence], ...]  # question and the sentence that answers it
    raw: str  # as transcribed

    @property
    def text(self) -> str:
        return " ".join(s.text for s in self.said)

    def numbers(self) -> set[str]:
        """Numbers that stand: what the speaker took back is not in it."""
        return numbers_in(self.text)

    def raw_numbers(self) -> set[str]:
        return numbers_in(self.raw)

    def knows(self, word: str) -> bool:
        """Was this word said, in this or another form?"""
        flat = plain(written(self.raw) + " " + self.text)
        wanted = plain(word)
        stem = wanted[:5] if len(wanted) > 5 else wanted[:4]
        if stem in flat:
            return True
        return any(re.search(said, flat) for short, said in pairs("same") if wanted.startswith(short))

    def polarities(self, stem: str, *, plan: bool) -> set[Polarity]:
        """How a thing is said in the evidence; empty when it is not said, both when it is not clear.

        ``plan``: a drug or a kind of care, which a huisarts can refuse.
        """
        found: set[Polarity] = set()
        answered = {id(question): answer for question, answer in self.replies}
        for n, sentence in enumerate(self.said):
            following = self.said[n + 1].text if n + 1 < len(self.said) else ""
            doctor = sentence.speaker is Speaker.HUISARTS
            spoken = _NO_FIRST.sub(lambda m: " " * len(m.group()), sentence.text)
            flat = plain_same_length(spoken)
            for match in re.finditer(re.escape(stem), flat):
                if sentence.question:
                    found |= _asked(stem, answered.get(id(sentence)))
                    continue
                if doctor and any(r.start <= match.start() < r.end for r in rejected(sentence.text, following)):
                    found.add(Polarity.DENIED)
                    continue
                found.add(polarity(spoken, match.start(), match.end()))
                short = telegram(spoken, doctor=doctor)  # as the drafter would write it
                found |= {
                    polarity(short, m.start(), m.end()) for m in re.finditer(re.escape(stem), plain_same_length(short))
                }
                later = (s for s in self.said if s.utterance > sentence.utterance and s.speaker is not sentence.speaker)
                if any(cue("plan", "refuse_that", s.text) for s in later):
                    found.add(Polarity.DENIED)
                if not plan or not doctor:
                    continue
                refused = cue("plan", "refused", sentence.text)
                if refused and match.start() < refused.end():
                    found.discard(Polarity.AFFIRMED)
                    found.add(Polarity.DENIED)
                elif cue("plan", "refuse", sentence.text):
                    found.add(Polarity.DENIED)
        return found


def _asked(stem: str, answer: Sentence | None) -> set[Polarity]:
    if answer is None:
        return {Polarity.AFFIRMED, Polarity.DENIED}
    no = cue("answer", "no", answer.text) or cue("plan", "refuse", answer.text)
    if stem in plain_same_length(answer.text):
        return set()  # the answer itself says how it is
    if no:
        return {Polarity.DENIED}
    if cue("answer", "yes", answer.text):
        return {Polarity.AFFIRMED}
    return {Polarity.AFFIRMED, Polarity.DENIED}


@functools.lru_cache(maxsize=8)
def _sentences(transcript: Transcript) -> tuple[Sentence, ...]:
    return tuple(sentences(transcript))


def source(evidence: tuple[int, ...], transcript: Transcript) -> Source:
    """The evidence of these indexes; indexes outside the transcript do not count."""
    everything = _sentences(transcript)
    wanted = set(evidence)
    said = tuple(s for s in everything if wanted & set(s.evidence))
    replies = []
    for n, sentence in enumerate(everything):
        if sentence.question and sentence in said:
            later = (
                s
                for s in everything[n + 1 :]
                if s.speaker is not sentence.speaker or sentence.speaker is Speaker.ONBEKEND
            )
            answer = next(later, None)
            if answer is not None:
                replies.append((sentence, answer))
    return Source(said=said, replies=tuple(replies), raw=transcript.text(evidence))


_SIDE = re.compile(r"(?P<left>links|linker|li)|(?P<right>rechts|rechter|re)")
_NEGATION_WORDS = frozenset({"geen", "niet", "nooit", "niks", "zonder", "nergens"})


def _parts(text: str) -> list[list[str]]:
    """The words of each comma part, plain, without the small ones that a note leaves out."""
    small = stopwords()
    parts = re.split(r"[,;.!?:]+(?:\s|$)", plain_same_length(text))
    return [[word for word in words(part) if word not in small] for part in parts if part]


def sides(text: str) -> set[tuple[str, str]]:
    """Sides with the words around them: {("links", "knie"), ("links", "pijnlijk")}; "" when a side stands alone."""
    result: set[tuple[str, str]] = set()
    parts = _parts(text)
    for n, part in enumerate(parts):
        for k, word in enumerate(part):
            match = _SIDE.match(word)
            if match is None or (match.group() in ("li", "re") and word != match.group()):
                continue
            side = "links" if match["left"] else "rechts"
            tail = word[match.end() :]
            following = part[k + 1 : k + 3] or (parts[n + 1][:2] if k == 0 and n + 1 < len(parts) else [])
            near = [tail] if len(tail) > 1 else [*following, *part[max(0, k - 1) : k]]
            result |= {(side, other[:6]) for other in near if len(other) > 2 and not _SIDE.match(other)} or {(side, "")}
    return result


def bare_of_denial(line: str, evidence: str) -> list[str]:
    """Words that always stand beside a denial in the evidence, and in a comma part without one in the line."""
    denied: dict[str, bool] = {}
    for part in _parts(evidence):
        for k, word in enumerate(part):
            beside = bool(_NEGATION_WORDS & {*part[max(0, k - 1) : k], *part[k + 1 : k + 2]})
            denied[word] = denied.get(word, True) and beside
    result = []
    for sentence in re.split(r"[.!?]\s", line):
        covered = False  # "Geen koorts, hoest": the denial goes on along the list
        for part in _parts(sentence):
            covered = bool(_NEGATION_WORDS & set(part)) or "nee" in part or (covered and len(part) <= 3)
            if not covered:
                result += [word for word in part if len(word) > 2 and denied.get(word)]
    return result


_UNIT = r"(?:dd|mg|mcg|ml|cm|mm|kg|%|x\b|dag|we(?:ek|ken)|maand|jaar|uur|minu|tablet|zakje|puf|druppel|capsule|avond)"
_MEASURE = re.compile(rf"(?<![\d,/])(\d+(?:,\d+)?)(?:-(\d+))? ?({_UNIT})")


def measures(text: str) -> set[tuple[str, str]]:
    """Numbers with what they count: {("3", "dd"), ("500", "mg")}."""
    return {
        (number, unit[:3])
        for first, second, unit in _MEASURE.findall(written(plain_same_length(text)))
        for number in (first, second)
        if number
    }


def content_words(text: str, allowed: frozenset[str]) -> list[str]:
    """The words of a line that must come from somewhere."""
    return [w for w in words(text) if len(w) > 3 and not re.search(r"\d", w) and w not in allowed]


def forget() -> None:
    """Drop the transcripts and texts that were kept for speed."""
    _sentences.cache_clear()
    lexicon.forget()
