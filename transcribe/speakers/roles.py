"""Which voice is the huisarts, the patient, a companion: by what each says over the whole talk. Pure.

The huisarts asks, speaks to somebody ("u", "uw"), examines and decides, and has every second turn; the patient tells of
himself ("ik heb", "mijn"); a companion of somebody else ("hij", "zij"). Each sentence has one vote; what counts is how
much more one voice asks than the next. A voice that sounds like the huisarts needs no more than that nothing is said
against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from transcribe.asr.transcript import Speaker
from transcribe.soep.language import speaking
from transcribe.soep.lexicon import cue, cue_pattern, has, plain_same_length
from transcribe.soep.memory import forget
from transcribe.soep.numbers import numbers_in
from transcribe.soep.sentences import clean, split

#: By which the huisarts is ahead of any other, in asking (-1: only tells, to 1: only asks) and share of turns.
MARGIN = 0.35
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


def roles(
    talk: Sequence[tuple[int, str]], number: int, language: str = "nl", *, doctor: int | None = None
) -> list[Speaker]:
    """The role of each of ``number`` voices, by a talk of utterances in order, each with its voice: the huisarts first;
    nobody's where that is not sure. ``doctor``: the voice that sounds like the huisarts; when the words clearly say
    that it is another one, nobody is named.
    """
    said = [[text for voice, text in talk if voice == one] for one in range(number)]
    turns = [voice for voice, _ in groupby(talk, key=lambda one: one[0])]
    try:
        with speaking(language):
            counted = [_count([s for text in texts for s in split(clean(text, language))]) for texts in said]
    finally:
        forget()
    ahead = [one.asking + turns.count(n) / max(1, len(turns)) for n, one in enumerate(counted)]
    order = sorted(range(number), key=lambda n: -ahead[n])
    found = [Speaker.ONBEKEND] * number
    clear = number > 1 and ahead[order[0]] - ahead[order[1]] >= MARGIN
    if not clear if doctor is None else clear and order[0] != doctor:
        return found
    if doctor is not None:
        order = [doctor, *(n for n in order if n != doctor)]
    found[order[0]] = Speaker.HUISARTS
    for n in sorted(order[1:], key=lambda n: -counted[n].own):
        one = counted[n]
        if one.own + one.others < LEAST_WORDS:
            continue
        if one.others > one.own:
            found[n] = Speaker.BEGELEIDER
        elif Speaker.PATIENT not in found and one.own > one.others:
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
