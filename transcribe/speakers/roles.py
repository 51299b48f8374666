"""Which voice is the huisarts, the patient, a companion: by what each says over the whole talk. Pure.

The huisarts asks, speaks to somebody ("u", "uw"), examines and decides; the patient tells of himself ("ik heb",
"mijn"); a companion of somebody else ("hij", "zij"). Each sentence has one vote; what counts is how much more one voice
asks than the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transcribe.asr.transcript import Speaker
from transcribe.soep.language import speaking
from transcribe.soep.lexicon import cue, cue_pattern, has, plain_same_length
from transcribe.soep.memory import forget
from transcribe.soep.numbers import numbers_in
from transcribe.soep.sentences import clean, split

MARGIN = 0.35  # by which the huisarts asks more than any other, on a scale of -1 (only tells) to 1 (only asks)
FEW_VOTES = 6  # with no more than these the scale shrinks to half of it
LEAST_WORDS = 3  # for oneself or for others, to tell a patient from a companion
#: Cues of the huisarts: speaking to somebody, what is done and found, what will be done and when to come back.
ASKS = (
    *(("roles", "huisarts"), ("voices", "spoken_to"), ("drop", "instruction"), ("objective", "say")),
    *(("plan", "test"), ("plan", "follow"), ("plan", "safety")),
)


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What one voice said, counted."""

    asks: int
    tells: int
    own: int  # words for oneself
    others: int  # words for somebody else

    @property
    def asking(self) -> float:
        """-1 (only tells) to 1 (only asks), nearer to 0 when there is little to go by."""
        return (self.asks - self.tells) / (self.asks + self.tells + FEW_VOTES)


def roles(voices: Sequence[Sequence[str]], language: str = "nl") -> list[Speaker]:
    """The role of each voice, by its utterances: the huisarts first; nobody's where that is not sure."""
    try:
        with speaking(language):
            said = [_count([s for text in texts for s in split(clean(text, language))]) for texts in voices]
    finally:
        forget()
    found = [Speaker.ONBEKEND] * len(said)
    order = sorted(range(len(said)), key=lambda n: -said[n].asking)
    if len(order) < 2 or said[order[0]].asking - said[order[1]].asking < MARGIN:
        return found
    found[order[0]] = Speaker.HUISARTS
    for n in sorted(order[1:], key=lambda n: -said[n].own):
        if said[n].own + said[n].others < LEAST_WORDS:
            continue
        if said[n].others > said[n].own:
            found[n] = Speaker.BEGELEIDER
        elif Speaker.PATIENT not in found and said[n].own > said[n].others:
            found[n] = Speaker.PATIENT
    return found


def _count(sentences: Sequence[str]) -> _Said:
    asks = tells = 0
    for text in sentences:
        doctor = text.endswith("?") or any(cue(section, name, text) for section, name in ASKS) or _measured(text)
        other = cue("roles", "patient", text) is not None
        asks += doctor and not other
        tells += other and not doctor
    own, others = (
        sum(len(cue_pattern("voices", kind).findall(plain_same_length(text))) for text in sentences)
        for kind in ("own", "others")
    )
    return _Said(asks=asks, tells=tells, own=own, others=others)


def _measured(text: str) -> bool:
    return has("vitals", text) and bool(numbers_in(text))
