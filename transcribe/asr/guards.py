"""What a recogniser makes up: repeat loops, subtitle phrases, text over silence, the very unlikely (pure).

Whisper was trained on subtitles; over noise and silence it writes what subtitles say there, and it can get stuck. Such
a segment is marked and stays in the transcript, out of the draft. Nothing is ever deleted or changed here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from transcribe.asr.transcript import HeardSegment, Suspicion

#: Phrases that Whisper is known to write over Dutch silence, noise and music, and that nobody says in a consult.
#: Compared with the letters of the text only, anywhere in it.
PHANTOMS_ANYWHERE = (
    "amara org",
    "ondertiteld door",
    "ondertiteling door",
    "ondertiteling gemaakt door",
    "ondertitels ingediend door",
    "ondertitels gemaakt door",
    "ondertitels door",
    "vertaling en ondertiteling",
    "tv gelderland",
    "nederland 1 nederland",
    "abonneer je op",
    "abonneren op het kanaal",
    "vergeet niet te abonneren",
    "like en abonneer",
    "bedankt voor het bekijken van deze video",
    "tot de volgende video",
    "subtitles by",
    "thanks for watching",
)
#: These can be said in earnest within a sentence; alone in a segment they are subtitles.
PHANTOMS_ALONE = (
    "bedankt voor het kijken",
    "dank voor het kijken",
    "dank u voor het kijken",
    "dank je wel voor het kijken",
    "ondertiteling",
    "ondertitels",
    "ondertiteld",
    "muziek",
    "muziek speelt",
    "applaus",
    "gelach",
    "stilte",
)
#: Sung or described sound, as subtitles write it.
NOT_SPOKEN = re.compile(r"^\W*[\[(*♪♫][^\])*]*[\])*♪♫]?\W*$")

#: As many times in a row is a loop, for a phrase of so many words. "Nee nee nee nee" is a person; so is "ja, ja".
LOOP = {1: 7, 2: 5, 3: 4, 4: 3, 5: 3, 6: 3, 7: 3, 8: 3}
#: The same segment of three words or more, so many times on end.
SAME_SEGMENT = 3
#: Text that packs so well is a loop of some kind (openai/whisper's own limit).
MOST_COMPRESSION = 2.4


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Below (or above) these a segment is not believed. The calibration is in ``docs/asr-windows.md``."""

    least_speech: float = 0.5  # part of the segment's words that lies where the voice detector heard somebody
    least_log_probability: float = -1.5  # mean per token
    least_word_probability: float = 0.3  # mean over the words
    most_no_speech: float = 0.8  # together with a log probability below ``doubtful_log_probability``
    doubtful_log_probability: float = -0.8
    most_letters_per_s: float = 40.0  # twice the fastest speaker


def plain(text: str) -> str:
    """Lower-case words with single spaces: no accents, no punctuation."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.sub(r"[^\w\s]|_", " ", "".join(c for c in letters if not unicodedata.combining(c))).split())


def is_phantom(text: str) -> bool:
    words = plain(text)
    return (
        words in PHANTOMS_ALONE
        or any(f" {phrase} " in f" {words} " for phrase in PHANTOMS_ANYWHERE)
        or bool(NOT_SPOKEN.match(text))
    )


def is_loop(text: str) -> bool:
    """Does a phrase follow itself so often that no person says it?"""
    words = plain(text).split()
    for length, times in LOOP.items():
        same = 0  # words on end that equal the word one phrase earlier
        for one, two in zip(words, words[length:], strict=False):
            same = same + 1 if one == two else 0
            if same >= length * (times - 1):
                return True
    return False


def suspicion(segment: HeardSegment, *, speech_s: float, limits: Limits | None = None) -> Suspicion | None:
    """What is wrong with one segment, if anything. ``speech_s``: how much of its stretch the detector calls speech."""
    limits = limits or Limits()
    length_s = segment.end_s - segment.start_s
    if is_phantom(segment.text):
        return Suspicion.PHANTOM
    if segment.compression > MOST_COMPRESSION or is_loop(segment.text):
        return Suspicion.REPEAT_LOOP
    if length_s > 0 and speech_s / length_s < limits.least_speech:
        return Suspicion.OVER_SILENCE
    doubtful = segment.log_probability < limits.doubtful_log_probability
    if doubtful and segment.no_speech > limits.most_no_speech:
        return Suspicion.OVER_SILENCE
    if segment.log_probability < limits.least_log_probability:
        return Suspicion.UNLIKELY
    if segment.words:
        mean = sum(word.probability for word in segment.words) / len(segment.words)
        if mean < limits.least_word_probability:
            return Suspicion.UNLIKELY
    if len(segment.text) > 30 and len(segment.text) > limits.most_letters_per_s * max(length_s, 0.1):
        return Suspicion.UNLIKELY
    return None


def suspicions(
    segments: Sequence[HeardSegment], speech_s: Sequence[float], *, limits: Limits | None = None
) -> list[Suspicion | None]:
    """One answer a segment, in order; sees repeats across segments too. ``segments``: one channel, in time order."""
    found = [suspicion(segment, speech_s=s, limits=limits) for segment, s in zip(segments, speech_s, strict=True)]
    texts = [plain(segment.text) for segment in segments]
    run_start = 0
    borders = [i + 1 for i, (one, two) in enumerate(pairwise(texts)) if one != two]
    for border in [*borders, len(texts)]:
        if border - run_start >= SAME_SEGMENT and len(texts[run_start].split()) >= 3:
            # the first was perhaps said
            for i in range(run_start + 1, border):
                found[i] = found[i] or Suspicion.REPEAT_LOOP
        run_start = border
    return found
