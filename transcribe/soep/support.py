"""What the evidence of a line says: its words, numbers, sides, and whether a thing was affirmed or denied in it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.concepts import fold, sound, speaks_of
from transcribe.soep.conclusions import rejected
from transcribe.soep.lexicon import cue, cue_pattern, plain_same_length, table, words
from transcribe.soep.measures import measures, numbers, spoken_numbers
from transcribe.soep.memory import remembered
from transcribe.soep.numbers import numbers_in, plain, written
from transcribe.soep.polarity import DENIAL, ON_CONDITION, Polarity, polarity
from transcribe.soep.sentences import Sentence, sentences
from transcribe.soep.telegram import stopwords, telegram

_NO_FIRST = re.compile(r"^\W*nee\b", re.IGNORECASE)  # an answer to what came before, not a denial of what follows


@functools.cache
def _alike() -> tuple[tuple[str, ...], ...]:
    entries = table("concepts.toml")["exact"]
    assert isinstance(entries, list)
    return tuple(tuple(str(stem) for stem in entry) for entry in entries)


#: A complaint named by a compound may have been told apart: "rugpijn" as "pijn in mijn rug".
_HEADS = ("pijn", "klacht", "ontsteking", "infectie", "verlies", "bloeding", "jeuk", "allergie", "probleem", "ziekte")


@remembered
def looked_for(word: str) -> tuple[tuple[str, ...], ...]:
    """What to look for to find a thing in other forms and under other names, the best first."""
    flat = plain(word)
    bare = SUFFIX.sub("", flat)
    short = bare[:6] if len(bare) > 3 else flat[:4] if len(flat) > 3 else f" {flat} "
    alike = next((group for group in _alike() if flat.startswith(group)), (short,))
    head = next(((head[:6],) for head in _HEADS if head in flat[3:]), ())
    return (alike, head) if head else (alike,)


SUFFIX = re.compile(r"(?:ende|end|ingen|ing|heden|heid|elijke?|ische?|tjes?|jes?|en|er|es|e|s|t|d)$")


@dataclass(frozen=True)
class Source:
    """The evidence of one line, ready to be compared with."""

    said: tuple[Sentence, ...]  # sentences of the evidence, corrections worked in
    around: tuple[Sentence, ...]  # the same with what was said just before and after
    replies: tuple[tuple[Sentence, Sentence], ...]  # question and the sentence that answers it
    raw: str  # as transcribed
    _spoken: dict[int, bool] = field(default_factory=dict, compare=False)
    _told: dict[tuple[str, bool], set[Polarity]] = field(default_factory=dict, compare=False)  # by stem

    @functools.cached_property
    def text(self) -> str:
        return " ".join(s.text for s in self.said)

    @functools.cached_property
    def wide(self) -> str:
        return " ".join(s.text for s in self.around)

    @functools.cached_property
    def numbers(self) -> set[str]:
        """Numbers that stand: what the speaker took back is not in it."""
        return numbers_in(self.text) | numbers(self.text) | spoken_numbers(self.text)

    @functools.cached_property
    def raw_numbers(self) -> set[str]:
        return numbers_in(self.raw)

    @functools.cached_property
    def measures(self) -> set[tuple[str, str]]:
        return measures(self.text, spoken=True)

    def speaks_of(self, concept: int) -> bool:
        """Was there talk of this, in whatever words?"""
        if concept not in self._spoken:
            self._spoken[concept] = speaks_of(f"{self.wide} {self.raw}", concept)
        return self._spoken[concept]

    @functools.cached_property
    def _sound(self) -> str:
        return " ".join(sound(text) for text in (*(s.text for s in self.around), written(self.raw), self.raw))

    def knows(self, word: str) -> bool:
        """Was this word said, in this or another form, or both halves of it?"""
        wanted = fold(plain(word))
        if self._heard(wanted):
            return True
        halves = ((wanted[:n], wanted[n:]) for n in range(4, len(wanted) - 3))
        return len(wanted) >= 8 and any(self._heard(a) and self._heard(b) for a, b in halves)

    def _heard(self, wanted: str) -> bool:
        if len(wanted) < 4:
            return f" {wanted} " in f" {self._sound} "
        stem = wanted[:5] if len(wanted) > 5 else wanted[:4]
        if stem in self._sound:
            return True
        bare = fold(SUFFIX.sub("", wanted.removeprefix("ge")))
        return len(bare) >= 4 and bare[:6] in self._sound

    @functools.cached_property
    def weighed(self) -> tuple[Sentence, ...]:
        """The evidence, with the questions it answers."""
        answering = {s.turn - 1 for s in self.said}
        asked = (s for s in self.around if s.question and s.turn in answering and s not in self.said)
        return (*asked, *self.said)

    def flatly_denied(self, word: str) -> bool:
        """Does a "geen" stand right before it every time it is told?"""
        stems = next(iter(looked_for(word)), ())
        told = [
            bool(_FLAT.search(flat[:start]))
            for flat in (plain_same_length(s.text) for s in self.said if not s.question)
            for stem in stems
            for start, _ in _places(stem.strip(), flat, opening=True)
        ]
        return bool(told) and all(told)

    def answered_no(self, word: str) -> bool:
        """Was this only asked after, and the answer no?"""
        asked = [
            s for s in self.weighed for stem in looked_for(word)[:1] for t in stem if t in plain_same_length(s.text)
        ]
        return bool(asked) and all(s.question for s in asked) and self.polarities(word) == {Polarity.DENIED}

    def polarities(self, word: str, *, plan: bool = False) -> set[Polarity]:
        """How a thing is said in the evidence; empty when it is not said, several when it is not clear.

        ``plan``: a drug or a kind of care, which a huisarts can refuse.
        """
        for wanted in looked_for(word):
            found: set[Polarity] = set()
            for stem in wanted:
                if (stem, plan) not in self._told:
                    self._told[stem, plan] = self._polarities(stem, plan)
                found |= self._told[stem, plan]
            if found:
                return found
        return set()

    def _polarities(self, stem: str, plan: bool) -> set[Polarity]:
        found: set[Polarity] = set()
        answered = {id(question): answer for question, answer in self.replies}
        for n, sentence in enumerate(self.weighed):
            flat = plain_same_length(sentence.text)
            if stem.strip() not in flat:
                continue
            following = " ".join(s.text for s in self.weighed[n + 1 : n + 3])
            doctor = sentence.speaker is Speaker.HUISARTS
            spoken = _NO_FIRST.sub(lambda m: " " * len(m.group()), sentence.text)
            for start, end in _places(stem, plain_same_length(spoken)):
                if sentence.question:
                    known = cue_pattern("asking", "open_question").match(flat)  # "Waar zit de pijn?": there is pain
                    found |= {Polarity.AFFIRMED} if known else _asked(stem, sentence, answered.get(id(sentence)))
                    continue
                if doctor and any(r.start <= start < r.end for r in rejected(sentence.text, following)):
                    found.add(Polarity.DENIED)
                    continue
                if plan and _THEN.search(flat[:start]):
                    found.add(Polarity.AFFIRMED)
                    continue
                here = {polarity(spoken, start, end)}
                short = _short(spoken, doctor)  # as the drafter would write it
                here |= {polarity(short, *place) for place in _places(stem, plain_same_length(short))}
                later = (
                    s for s in self.weighed if s.utterance > sentence.utterance and s.speaker is not sentence.speaker
                )
                if any(cue("plan", "refuse_that", s.text) for s in later):
                    here = {Polarity.DENIED} if plan and not doctor else here | {Polarity.DENIED}
                firm = plan and doctor and not ON_CONDITION.search(flat)
                refused = cue("plan", "refused", sentence.text) if firm else None
                if refused and start < refused.end():
                    here = here - {Polarity.AFFIRMED} | {Polarity.DENIED}
                elif plan and doctor and cue("plan", "refuse", sentence.text):
                    here.add(Polarity.UNCLEAR)
                found |= here
        return found


_FLAT = re.compile(r"\b(?:geen|zonder) (?:\w+ )?$")
_THEN = re.compile(r"\bdan\b[^,;]*$")  # "als het na zes weken niet beter is, dan een foto"


_NO_LONGER = re.compile(r"\W*(?:al |daar ben ik mee )?gestopt\b", re.IGNORECASE)  # "Rookt u?" "Gestopt."
_NO_FEVER = re.compile(r"(?<![\d,/])3[5-7](?:,\d)?(?![\d,/])")  # degrees


def _places(stem: str, flat: str, *, opening: bool = False) -> Iterator[tuple[int, int]]:
    """Where a stem stands in a plain text: a stem between spaces as a whole word, with ``opening`` opening a word."""
    whole, wanted = stem[0] == " ", stem.strip()
    start = flat.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        opens = start == 0 or not _LETTER.match(flat, start - 1)
        if ((whole or opening) and not opens) or (whole and _LETTER.match(flat, end)):
            end = start + 1
        else:
            yield start, end
        start = flat.find(wanted, end)


_LETTER = re.compile(r"\w")


@remembered
def _short(spoken: str, doctor: bool) -> str:
    return telegram(spoken, doctor=doctor)


_ABOUT_STOPPING = re.compile(r"\b(?:stop\w*|gestopt|weglaten|afbouwen|vergeten|overslaan)\b")


def _asked(stem: str, question: Sentence, answer: Sentence | None) -> set[Polarity]:
    if answer is None:
        return {Polarity.UNCLEAR}
    if _ABOUT_STOPPING.search(plain_same_length(question.text)):
        return {Polarity.UNCLEAR}  # "Moet ik met de pil stoppen?" "Nee."
    no = cue("answer", "no", answer.text) or cue("plan", "refuse", answer.text) or _NO_LONGER.match(answer.text)
    if stem in plain_same_length(answer.text):
        return set()  # the answer itself says how it is
    if no:
        return {Polarity.DENIED}
    if stem.startswith("koorts") and _NO_FEVER.search(answer.text):
        return {Polarity.UNCLEAR}
    told = re.search(r"\bwel\b|\d", answer.text) and not DENIAL.search(plain_same_length(answer.text))
    return {Polarity.AFFIRMED} if told or cue("answer", "yes", answer.text) else {Polarity.UNCLEAR}


NEAR = 10  # utterances


class Talk:
    """A transcript that lines are compared with. Lives for one check."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self._said = tuple(sentences(transcript))
        self._answers = dict(self._replies())
        self._told: dict[int, list[int]] = {}  # by utterance: the sentences that rest on it
        for n, sentence in enumerate(self._said):
            for index in sentence.evidence:
                self._told.setdefault(index, []).append(n)
        self._sources: dict[tuple[int, ...], Source] = {}

    @functools.cached_property
    def everything(self) -> Source:
        return self.source(tuple(range(len(self.transcript.utterances))))

    def near(self, evidence: tuple[int, ...]) -> Source:
        """The evidence with what was said shortly before and after: what "de pleister" or "die pil" may mean."""
        last = len(self.transcript.utterances)
        return self.source(tuple(sorted({at for i in evidence for at in range(max(0, i - NEAR), min(last, i + NEAR))})))

    def source(self, evidence: tuple[int, ...]) -> Source:
        """The evidence of these indexes; indexes outside the transcript do not count."""
        if evidence not in self._sources:
            self._sources[evidence] = self._source(evidence)
        return self._sources[evidence]

    def _source(self, evidence: tuple[int, ...]) -> Source:
        wanted = set(evidence)
        near = {i + step for i in wanted for step in (-2, -1, 0, 1)}
        places = sorted({n for index in near for n in self._told.get(index, ())})
        around = tuple(self._said[n] for n in places)
        return Source(
            said=tuple(s for s in around if not wanted.isdisjoint(s.evidence)),
            around=around,
            replies=tuple((self._said[n], self._answers[n]) for n in places if n in self._answers),
            raw=self.transcript.text(evidence),
        )

    def _replies(self) -> Iterator[tuple[int, Sentence]]:
        """The place of each question, with the sentence that answers it."""
        for n, sentence in enumerate(self._said):
            if not sentence.question:
                continue
            unknown = sentence.speaker is Speaker.ONBEKEND
            later = (s for s in self._said[n + 1 :] if unknown or s.speaker is not sentence.speaker)
            answer = next(later, None)
            if answer is not None:
                yield n, answer


_SIDE = re.compile(r"(?P<left>links|linker|li|left)|(?P<right>rechts|rechter|re|right)")


@remembered
def comma_parts(text: str) -> list[list[str]]:
    """The words of each comma part, plain, without the small ones that a note leaves out."""
    small = stopwords()
    parts = re.split(r"[,;.!?:()]+(?:\s|$)|\(", plain_same_length(text))
    return [[word for word in words(part) if word not in small] for part in parts if part]


_SMALL = frozenset(
    {"naar", "aan", "van", "bij", "meer", "minder", "ook", "nog", "dan", "als", "goed", "tot", "met", "iets"}
)


@remembered
def sides(text: str) -> set[tuple[str, str]]:
    """Sides with the words around them: {("links", "knie"), ("links", "pijnlijk")}; "" when a side stands alone."""
    result: set[tuple[str, str]] = set()
    parts = comma_parts(text)
    for n, part in enumerate(parts):
        for k, word in enumerate(part):
            match = _SIDE.match(word)
            if match is None or (match.group() in ("li", "re", "left", "right") and word != match.group()):
                continue
            side = "links" if match["left"] else "rechts"
            tail = word[match.end() :]
            following = part[k + 1 : k + 3] or (parts[n + 1][:2] if k == 0 and n + 1 < len(parts) else [])
            near = [tail] if len(tail) > 1 else [*following, *part[max(0, k - 1) : k]]
            near = [other for other in near if other not in _SMALL]
            result |= {(side, other[:6]) for other in near if len(other) > 2 and not _SIDE.match(other)} or {(side, "")}
    return result


_TOKEN = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_DIGIT = re.compile(r"\d")


def content_words(text: str, allowed: frozenset[str], *, least: int = 4) -> list[tuple[str, int]]:
    """The words of a line that must come from somewhere, of so many letters at least, with their place."""
    flat = plain_same_length(text)
    return [
        (match.group(), match.start())
        for match in _TOKEN.finditer(flat)
        if len(match.group()) >= least and match.group() not in allowed and not _DIGIT.search(match.group())
    ]
