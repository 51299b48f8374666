"""Which section of the note a sentence belongs to, as learned from labelled talks: a linear model beside the rules.

The rules know turns of phrase; this weighs what the tables find in a sentence, its words, what stands around it and how
far the talk is. The weights are ``rules/sections.json``, with a card of what they were made from; the recipe is
``benchmarks/sections.py``. It only proposes: what is written goes through the same rules as ever, so that a rejected
diagnosis stays rejected and what was withheld stays out. Pure Python, no randomness. Dutch only.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from transcribe.asr.transcript import Speaker
from transcribe.soep.conclusions import rejected
from transcribe.soep.leaving_out import is_instruction
from transcribe.soep.lexicon import cue, cue_names, mentions, plain_same_length
from transcribe.soep.note import Section
from transcribe.soep.sections import DOSE, Phase, declined, measured, section_of
from transcribe.soep.sentences import Sentence

#: In the order of the weights; the first is talk that belongs in no section.
LABELS: tuple[Section | None, ...] = (None, *Section)
UNIT = 100  # the weights are whole hundredths

KINDS = ("dx", "symptoms", "body", "findings", "vitals", "drugs", "care", "advice", "family", "describe")
CUES = ("evaluation", "objective", "plan", "subjective", "drop", "rejection")
#: Cues that only mean something inside a rule: a comma, a "maar".
NO_CUES = frozenset(
    {"plan.begins", "plan.changes", "objective.begins"}
    | {"rejection.part", "rejection.turned", "rejection.beside", "rejection.and"}
)
LENGTHS = (3, 5, 8, 12, 17)  # words
COUNTS = (1, 2, 3, 5, 8)
PARTS = 10  # of a talk, to tell how far it is
ENDING = 7  # letters of a word whose ending may tell what it is: "-itis", "-ing"

_TOKEN = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*|[,:;?]")
_NUMBER = re.compile(r"\d+(?:[.,/]\d+)*")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How likely each section is for one sentence; together 1. ``shares`` in the order of ``LABELS``."""

    shares: tuple[float, ...]

    def share(self, section: Section | None) -> float:
        return self.shares[LABELS.index(section)]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The trained weights: of each feature one for each label, in hundredths."""

    weights: Mapping[str, Sequence[int]]

    def judge(self, said: Sequence[Sentence]) -> dict[int, Judged]:
        """The sentences that tell something, by their place."""
        return {n: self._judged(found) for n, found in features(said).items()}

    def _judged(self, found: set[str]) -> Judged:
        own = [self.weights[name] for name in sorted(found) if name in self.weights]
        scores = [sum(column) / UNIT for column in zip(*own, self.weights[BIAS], strict=True)]
        highest = max(scores)
        raised = [math.exp(score - highest) for score in scores]
        return Judged(shares=tuple(share / sum(raised) for share in raised))


BIAS = "bias"
OTHERS = "other:"  # before the features of what patient or companion say


@functools.cache
def shipped() -> Learned:
    """The weights that come along."""
    data = json.loads(resources.files("transcribe.soep.rules").joinpath("sections.json").read_text(encoding="utf-8"))
    return Learned(weights={name: tuple(own) for name, own in data["weights"].items()})


def features(said: Sequence[Sentence]) -> dict[int, set[str]]:
    """What there is to see of each sentence that is no question, by its place in the talk.

    What others than the huisarts say has features of its own: there it is about what is worth noting.
    """
    talk = _Talk(said)
    result = {}
    for n, sentence in enumerate(said):
        if sentence.speaker is Speaker.ONBEKEND or sentence.question:
            continue
        found = talk.own(n) | talk.around(n)
        doctor = sentence.speaker is Speaker.HUISARTS
        result[n] = found if doctor else {OTHERS, *(f"{OTHERS}{name}" for name in found)}
    return result


class _Talk:
    """A talk while its features are gathered."""

    def __init__(self, said: Sequence[Sentence]) -> None:
        self.said = said
        self._own: dict[int, set[str]] = {}
        doctor = [s.speaker is Speaker.HUISARTS for s in said]
        self.asked = _counted([yes and s.question for yes, s in zip(doctor, said, strict=True)])
        instructs = [yes and is_instruction(s.text) for yes, s in zip(doctor, said, strict=True)]
        self.instructs, self.instructed = instructs, _counted(instructs)
        tells = [yes and not s.question for yes, s in zip(doctor, said, strict=True)]
        self.told = {
            section: _counted([yes and _rule(Phase.ONDERZOEK, section) in self.own(n) for n, yes in enumerate(tells)])
            for section in (Section.O, Section.E, Section.P)
        }

    def own(self, n: int) -> set[str]:
        """What the sentence itself says."""
        if n not in self._own:
            self._own[n] = set(_of_sentence(self.said[n].text))
        return self._own[n]

    def around(self, n: int) -> set[str]:
        """How far the talk is, who speaks around it, and what the huisarts says right before and after."""
        last = len(self.said)
        part = PARTS * n // last
        found = {f"part:{part}", *(f"part>={k}" for k in range(1, part + 1))}
        for step in (-2, -1, 1, 2):
            found.add(f"at{step:+}:{self._kind(n, n + step)}")
        for name, counted in (("asked", self.asked), ("instructed", self.instructed)):
            found |= {f"{name} before>={k}" for k in COUNTS if counted[n] >= k}
            found |= {f"{name} after>={k}" for k in COUNTS if counted[last] - counted[n + 1] >= k}
        for k in (1, 2, 4, 8):
            if any(self.instructs[max(0, n - k) : n]):
                found.add(f"instructed within {k}")
        for section, counted in self.told.items():
            found |= {f"{section.value} before>={k}" for k in COUNTS[:4] if counted[n] >= k}
            found |= {f"{section.value} after>={k}" for k in COUNTS[:4] if counted[last] - counted[n + 1] >= k}
        turn = [k for k in range(max(0, n - 8), min(last, n + 9)) if self.said[k].turn == self.said[n].turn]
        found |= {f"in turn:{min(3, turn.index(n))}", f"turn of:{min(5, len(turn))}"}
        for step in (-2, -1, 1):
            if 0 <= n + step < last and self.said[n + step].speaker is Speaker.HUISARTS:
                kept = ("rule:", "has:") if step == -2 else ("rule:", "has:", "cue:", "pair:^ ")
                found |= {f"{step:+}{name}" for name in self.own(n + step) if name.startswith(kept)}
        return found

    def _kind(self, n: int, other: int) -> str:
        if not 0 <= other < len(self.said):
            return "none"
        sentence = self.said[other]
        doctor = sentence.speaker is Speaker.HUISARTS
        kind = "asks" if sentence.question else "instructs" if self.instructs[other] else "tells"
        same = " same turn" if sentence.turn == self.said[n].turn else ""
        return f"{'huisarts' if doctor else 'other'} {kind}{same}"


def _counted(marks: Sequence[bool]) -> list[int]:
    """How many marks stand before each place, and at the end how many there are."""
    return [0, *itertools.accumulate(marks)]


def _rule(phase: Phase, section: Section | None) -> str:
    return f"rule:{phase.name}:{section.value if section else '-'}"


def _of_sentence(text: str) -> Iterator[str]:
    flat = plain_same_length(text)
    said = [_NUMBER.sub("0", token) for token in _TOKEN.findall(flat)]
    yield from (f"word:{token}" for token in said)
    yield from (f"pair:{a} {b}" for a, b in itertools.pairwise(["^", *said, "$"]))
    yield from (f"end:{token[-4:]}" for token in said if len(token) >= ENDING)
    for kind in KINDS:
        number = len(mentions(kind, text))
        if number:
            yield f"has:{kind}"
        if number > 1:
            yield f"has:{kind} twice"
    for group, name in _cues():
        if cue(group, name, text):
            yield f"cue:{group}.{name}"
    for phase in Phase:
        yield _rule(phase, section_of(text, phase))
    checks: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("measured", measured),
        ("declined", declined),
        ("dose", DOSE.search),
        ("number", _NUMBER.search),
        ("rejected", rejected),
    )
    yield from (f"is:{name}" for name, check in checks if check(text))
    yield f"long:{sum(len(said) >= least for least in LENGTHS)}"


@functools.cache
def _cues() -> tuple[tuple[str, str], ...]:
    return tuple((group, name) for group in CUES for name in cue_names(group) if f"{group}.{name}" not in NO_CUES)


#: Chosen by leaving out one author at a time (``benchmarks/sections.py validate``).
SAYS_NOTHING = 0.6  # of no section: more, and a sentence that the rules know nothing of stays out
REPEATED = 0.8  # of S: what the huisarts says back is in the note already, unless it surely adds something
OVERRULE = 0.6  # of another section than that of rules that are not sure
LEFT_OUT = 0.85  # of no section, though the rules have one: a line too many costs less than a line too few
UNLIKELY = 0.1
SURE = 5  # points of the rules
WORTH_NOTING = 0.7  # of S: what a patient says when the plan is made
NOT_WORTH_NOTING = 0.85  # of no section: what a patient says, and the rules would note


def decided(section: Section | None, scores: Mapping[Section, int], judged: Judged) -> Section | None:
    """The section of a sentence from that of the rules, with how strongly they hold it, and what was learned."""
    best = max(LABELS[1:], key=judged.share)
    unsure = section is None or scores[section] < SURE
    if unsure and judged.share(None) >= LEFT_OUT:
        return None
    if not unsure or (best is Section.S and judged.share(best) < REPEATED):
        return section
    if section is None:
        return best if judged.share(None) <= SAYS_NOTHING else None
    return best if judged.share(best) >= OVERRULE else section
