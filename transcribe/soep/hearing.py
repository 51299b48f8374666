"""Words of a line that were poorly heard: the recogniser's own doubt, where it matters (pure).

A recogniser is often sure and wrong, and colours for every doubt did not help anybody (noScribe #87). So: only words
that stand in the line itself, and only great doubt. The limit is measured, see ``LEAST``.
"""

from __future__ import annotations

from transcribe.asr.transcript import Transcript
from transcribe.soep import drugs, measures
from transcribe.soep.lexicon import words
from transcribe.soep.note import Line, Origin
from transcribe.soep.numbers import plain
from transcribe.soep.polarity import DENIAL
from transcribe.soep.sound import poor

#: A word below this probability is in doubt. In the 64 lines of the three demo consults it marks 5, each with a word
#: that was not said; at 0.35 also two right ones.
LEAST = 0.3
#: The same where the sound was poor, or two spoke at once, and the line must not be wrong: docs/sound-quality.md.
LEAST_POOR = 0.5
#: They carry nothing by themselves.
_SMALL = frozenset({"de", "het", "een", "en", "of", "te", "er", "dan", "the", "a", "and", "or", "to"})


def poorly_heard(line: Line, transcript: Transcript) -> tuple[str, ...]:
    """The words of a line that the recogniser doubted, as it heard them; none in what a person wrote."""
    if line.origin is not Origin.CONCEPT:
        return ()
    heavy, unclear = weighty(line.text), poor(transcript.sound)
    here = set(words(line.text)) | measures.numbers(line.text)
    doubted = (
        word.text.strip(".,;:?!")
        for index in line.evidence
        if 0 <= index < len(transcript.utterances)
        for utterance in (transcript.utterances[index],)
        for word in utterance.words
        if word.probability < (LEAST_POOR if heavy and (unclear or utterance.overlapped) else LEAST)
    )
    return tuple(
        dict.fromkeys(
            word
            for word in doubted
            if word.lower() not in _SMALL and not here.isdisjoint({*words(word), *measures.numbers(word)})
        )
    )


def weighty(text: str) -> bool:
    """Does a line hold what must not be wrong: a number, a dose, a denial, a drug?"""
    return bool(measures.numbers(text) or DENIAL.search(plain(text)) or drugs.named(text))
