"""What a recogniser makes up: loops, subtitle phrases, text over silence, another language, the very unlikely (pure).

Whisper was trained on subtitles; over noise and silence it writes what subtitles say there, and it can get stuck. What
is not believed is marked word by word, so that a true sentence beside it stays; marked words stay in the transcript,
out of the draft. Nothing is ever deleted or changed here. ``docs/asr-windows.md`` has the figures behind the limits.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from transcribe.asr.foreign import is_foreign, is_own
from transcribe.asr.foreign import plain as plain
from transcribe.asr.transcript import Heard, HeardSegment, Suspicion

#: Phrases that Whisper is known to write over silence, noise and music, and that nobody says in a consult.
#: Compared with the words of one sentence, without accents and punctuation, anywhere in it.
PHANTOMS_ANYWHERE = (
    # Dutch
    *(
        "amara org",
        "ondertiteld door",
        "ondertiteling door",
        "ondertiteling gemaakt door",
        "ondertiteling verzorgd door",
    ),
    *("ondertitels door", "ondertitels ingediend door", "ondertitels gemaakt door", "ondertitels verzorgd door"),
    *("vertaling en ondertiteling", "tv gelderland", "nederland 1 nederland", "abonneer je op", "abonneer je nu"),
    *("abonneren op het kanaal", "abonneren op mijn kanaal", "vergeet niet te abonneren", "like en abonneer"),
    *("bedankt voor het bekijken van deze video", "bedankt voor het kijken naar deze video", "tot de volgende video"),
    *("tot in de volgende video", "zie je in de volgende video", "tot in de volgende aflevering"),
    *("liken en abonneren", "welkom bij een nieuwe video", "welkom bij deze video", "nederlandse ondertitels"),
    *("broadcast text international", "ondertiteling bti", "ondertitels bti", "tvt media", "red bee media"),
    # English
    *("subtitles by", "subtitled by", "subtitles created by", "captions by", "captioned by", "closed captioning by"),
    *("thanks for watching", "thank you for watching", "thank you so much for watching", "please subscribe"),
    *("like and subscribe", "forget to subscribe", "subscribe to my channel", "subscribe to the channel"),
    *("subscribe to our channel", "see you in the next video", "transcription by castingwords", "transcribed by https"),
    *("mooji org", "otter ai", "zeoranger co"),
    # German
    *("untertitel ard", "untertitel mdr", "untertitel ndr", "untertitel swr", "untertitel wdr", "untertitel zdf"),
    *("untertitelung", "untertitel der", "untertitel von", "untertitel im auftrag", "untertitel aufgrund", "fur funk"),
    *(
        "furs zuschauen",
        "fur s zuschauen",
        "fur das zuschauen",
        "furs ansehen",
        "abonniert den kanal",
        "kanal abonnieren",
    ),
    *("copyright wdr", "copyright ndr", "copyright swr"),
    # other subtitles of Europe and Turkey
    *("sous titres realises", "sous titres par", "sous titrage", "soustitreur com", "d avoir regarde cette video"),
    *(
        "d avoir regarde la video",
        "abonnez vous a la chaine",
        "subtitulos realizados",
        "subtitulos por",
        "subtitulado por",
    ),
    *("gracias por ver el video", "suscribete al canal", "sottotitoli", "grazie per la visione", "legendas pela"),
    *("legendas por", "obrigado por assistir", "inscreva se no canal", "napisy stworzone", "dzieki za ogladanie"),
    *("altyazı m k", "izlediginiz icin", "abone olmayı", "undertexter", "undertekster av", "danske tekster af"),
    *("titulky vytvoril",),
)
#: These can be said in earnest within a sentence; alone they are subtitles.
PHANTOMS_ALONE = frozenset(
    (
        *("bedankt voor het kijken", "dank voor het kijken", "dank u voor het kijken", "dank je wel voor het kijken"),
        *("dank u wel voor het kijken", "hartelijk dank voor het kijken", "bedankt om te kijken"),
        *("dank je wel voor het kijken en tot de volgende keer", "applaus en gejuich", "gejuich en applaus"),
        *("bedankt voor het kijken en tot de volgende keer", "bedankt voor het kijken tot de volgende keer"),
        *("ondertiteling", "ondertitels", "ondertiteld", "ondertitelaar", "muziek", "muziek speelt", "rustige muziek"),
        *("vrolijke muziek", "spannende muziek", "applaus", "gelach", "stilte", "subtitles", "music", "music playing"),
        *("upbeat music", "applause", "laughter", "silence", "inaudible", "background noise", "untertitel", "musik"),
        *("thanks for watching", "abonneer", "subscribe", "swr", "wdr", "zdf"),
    )
)
#: A broadcaster's end: "SWR 2021", "Copyright WDR 2019".
BROADCASTER = re.compile(r"(?:copyright )?(?:ard|br|mdr|ndr|nos|npo|rtl|swr|wdr|zdf)(?: (?:19|20)\d\d)?(?: fur funk)?")
#: What people say at every goodbye and Whisper over every silence: believed unless the sound or the figures are poor.
PHANTOMS_IF_DOUBTFUL = frozenset(
    (
        *("bedankt", "dank u", "dank u wel", "dank je", "dank je wel", "dankjewel", "dankuwel", "hartelijk dank"),
        *("bedankt voor het luisteren", "bedankt voor uw aandacht", "tot ziens", "dag", "doei", "tot de volgende keer"),
        *(
            "tot volgende keer",
            "bedankt en tot ziens",
            "bedankt tot ziens",
            "bedankt en tot de volgende keer",
            "fijne dag",
        ),
        *("thank you", "thank you very much", "thanks", "thank you for listening", "bye", "bye bye", "you", "the end"),
        *("see you next time", "so", "vielen dank", "danke", "danke schon", "bis zum nachsten mal", "tschuss"),
    )
)
#: Two words of another language that Whisper writes over silence; too few for ``foreign``.
FOREIGN_ALONE: Mapping[str, frozenset[str]] = {
    "en": frozenset({"thank you", "thank you so much", "thank you very much", "you", "see you next time"}),
    "de": frozenset({"vielen dank", "danke schon", "bis zum nachsten mal", "auf wiedersehen"}),
}
#: Sung or described sound, as subtitles write it.
NOT_SPOKEN = re.compile(r"^\W*[\[(*♪♫][^\])*]*[\])*♪♫]?\W*$")

#: As many times in a row is a loop, for a phrase of so many words. "Nee nee nee nee" is a person; so is "ja, ja".
LOOP = {1: 7, 2: 5, 3: 4, 4: 3, 5: 3, 6: 3, 7: 3, 8: 3}
#: The same one, two or three sentences (three words at least), so many times on end. Nothing is carried from one window
#: to the next: if the last of them was made up, so was the first.
SAME_SENTENCES = {1: 4, 2: 4, 3: 4}
#: The same word or two as sentences of their own; a listener says some of these all the time.
SAME_WORDS = {1: 8, 2: 6}
LISTENING = frozenset(
    (
        *("ja", "nee", "jawel", "he", "hm", "hmm", "mm", "mhm", "uh", "oke", "ok", "okay", "goed", "precies", "nou"),
        *("dag", "doei", "yes", "no", "yeah", "right"),
    )
)
#: So many words on end with so few different ones: a loop with small variations.
DULL_WORDS, DULL_DIFFERENT = 24, 8
SHORT_ANSWER = 4  # words; alone in its turn, it counts for no loop of this kind
DULL_TIMES, DULL_SHARE = 3, 0.75  # such words come back at least so often, and are this part of its sentences
#: Numbers on end, each as much more than the one before. A patient who counts back from 100 by sevens names six.
COUNTING = 7
#: In words from one upwards: so far somebody counts who shows how much breath there is.
IN_ONE_BREATH = 13
#: Downwards a dose is tapered ("40, 35, 30, ..."; 100 by fives to nothing is 21) and a patient counts back from 100.
TAPERED = 22
NUMBERS = {
    word: number
    for words in (
        "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien",
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen",
        "null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn funfzehn sechzehn",
    )
    for number, word in enumerate(words.split())
}
#: One word that is a loop: "hahahahahaha".
STUTTER = re.compile(r"(\w{1,8}?)\1{5,}")
STUTTER_LETTERS = 12
#: Text that packs so well is a loop of some kind (openai/whisper's own limit).
MOST_COMPRESSION = 2.4
PAUSE_S = 0.6  # between two words: a sentence of its own

#: How many seconds of a stretch lie where the voice detector heard somebody.
Speech = Callable[[float, float], float]
#: How often somebody else had begun to speak before a moment.
Turns = Callable[[float], int]
Marks = list[Suspicion | None]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Below (or above) these a segment is not believed. The calibration is in ``docs/asr-windows.md``."""

    least_speech: float = 0.5  # part of a sentence that lies where the voice detector heard somebody
    least_log_probability: float = -1.5  # mean per token
    least_word_probability: float = 0.3  # mean over the words
    weak_log_probability: float = -1.0  # together with a word probability below ``weak_word_probability``
    weak_word_probability: float = 0.5
    most_no_speech: float = 0.8  # together with a log probability below ``doubtful_log_probability``
    doubtful_log_probability: float = -0.8
    most_letters_per_s: float = 40.0  # twice the fastest speaker
    # a goodbye that Whisper also writes over silence wants better figures than these
    goodbye_speech: float = 0.8
    goodbye_no_speech: float = 0.6
    goodbye_word_probability: float = 0.5
    goodbye_s_per_word: float = 2.0


@dataclass(frozen=True, kw_only=True)
class _Sentence:
    """Words ``first`` to ``end`` (not included) of one segment."""

    segment: int
    first: int
    end: int
    text: str
    start_s: float
    end_s: float
    turn: int  # the same as long as nobody else speaks


def is_phantom(text: str) -> bool:
    """``text``: one sentence."""
    words = plain(text)
    return (
        words in PHANTOMS_ALONE
        or any(f" {phrase} " in f" {words} " for phrase in PHANTOMS_ANYWHERE)
        or bool(BROADCASTER.fullmatch(words))
        or bool(NOT_SPOKEN.match(text))
    )


def is_loop(text: str) -> bool:
    """Does a phrase follow itself so often that no person says it?"""
    return any(True for _ in _loops(plain(text).split()))


def marks(
    segments: Sequence[HeardSegment],
    speech: Sequence[Speech],
    *,
    turns: Sequence[Turns] = (),
    language: str | None = None,
    limits: Limits | None = None,
) -> list[tuple[Suspicion | None, ...]]:
    """What is wrong with each word of each segment, if anything; one answer for a segment without words.

    ``segments``: one channel, in time order. ``speech``: for each how much of a stretch, in its own times, is speech.
    ``turns``: for each how often another channel had begun to speak: four questions may get the same answer. Empty:
    there is no other one. ``language``: of the talk; None: any will do.
    """
    limits = limits or Limits()
    found: list[Marks] = []
    sentences: list[_Sentence] = []
    for index, (segment, speech_s) in enumerate(zip(segments, speech, strict=True)):
        parts = list(_sentences(segment, index, turns[index] if turns else lambda _: 0))
        found.append(_of_segment(segment, parts, speech_s, language, limits))
        sentences += parts
    _mark_repeats(sentences, found)
    _mark_dull(sentences, found)
    _mark_compressed(segments, sentences, found)
    return [tuple(one) for one in found]


def _words(segment: HeardSegment) -> Sequence[Heard]:
    alone = Heard(text=segment.text, start_s=segment.start_s, end_s=segment.end_s, probability=1.0)
    return segment.words or (alone,)


def _sentences(segment: HeardSegment, index: int, turn: Turns) -> Iterator[_Sentence]:
    """Cut after a full stop and at a pause, as utterances are."""
    words = _words(segment)
    first = 0
    for end, word in enumerate(words, 1):
        if end == len(words) or word.text.endswith((".", "?", "!", "…")) or words[end].start_s - word.end_s >= PAUSE_S:
            yield _Sentence(
                segment=index,
                first=first,
                end=end,
                text=" ".join(w.text for w in words[first:end]),
                start_s=words[first].start_s,
                end_s=word.end_s,
                turn=turn(words[first].start_s),
            )
            first = end


def _of_segment(
    segment: HeardSegment, sentences: Sequence[_Sentence], speech_s: Speech, language: str | None, limits: Limits
) -> Marks:
    whole = _of_figures(segment, limits)
    foreign = language if language is not None and is_foreign(segment.text, language) else None
    found: Marks = []
    for sentence in sentences:
        mark = _of_sentence(sentence, segment, speech_s, language, limits) or whole
        if mark is None and foreign is not None and not is_own(sentence.text, foreign):
            mark = Suspicion.OTHER_LANGUAGE  # too short to tell by itself
        found += [mark] * (sentence.end - sentence.first)
    words = [(word, n) for n, heard in enumerate(_words(segment)) for word in plain(heard.text).split()]
    spoken = [word for word, _ in words]
    for run in _repeating(spoken):  # what comes after a loop is not believed either
        first = next(s.first for s in sentences if s.end > words[run.start][1])
        found[first:] = [mark or Suspicion.REPEAT_LOOP for mark in found[first:]]
    for run in _counting(spoken):  # a person may have counted: only these sentences
        first = next(s.first for s in sentences if s.end > words[run.start][1])
        end = next(s.end for s in sentences if s.end > words[run.stop - 1][1])
        found[first:end] = [mark or Suspicion.REPEAT_LOOP for mark in found[first:end]]
    return found


def _of_sentence(
    sentence: _Sentence, segment: HeardSegment, speech_s: Speech, language: str | None, limits: Limits
) -> Suspicion | None:
    length_s = sentence.end_s - sentence.start_s
    share = speech_s(sentence.start_s, sentence.end_s) / length_s if length_s > 0 else 1.0
    words = plain(sentence.text)
    if is_phantom(sentence.text):
        return Suspicion.PHANTOM
    if share < limits.least_speech:
        return Suspicion.OVER_SILENCE
    if language is not None and (
        is_foreign(sentence.text, language)
        or any(words in alone for other, alone in FOREIGN_ALONE.items() if other != language)
    ):
        return Suspicion.OTHER_LANGUAGE
    if words in PHANTOMS_IF_DOUBTFUL and _is_poor(sentence, segment, share, limits):
        return Suspicion.PHANTOM
    if len(sentence.text) > 30 and len(sentence.text) > limits.most_letters_per_s * max(length_s, 0.1):
        return Suspicion.UNLIKELY
    return None


def _is_poor(sentence: _Sentence, segment: HeardSegment, share: float, limits: Limits) -> bool:
    """Not what a goodbye looks like that was really said."""
    words = segment.words[sentence.first : sentence.end]
    return (
        share < limits.goodbye_speech
        or segment.no_speech > limits.goodbye_no_speech
        or sum(word.probability for word in words) < limits.goodbye_word_probability * len(words)
        or sentence.end_s - sentence.start_s > limits.goodbye_s_per_word * (sentence.end - sentence.first)
    )


def _of_figures(segment: HeardSegment, limits: Limits) -> Suspicion | None:
    """What the recogniser itself thinks of a segment."""
    if segment.log_probability < limits.doubtful_log_probability and segment.no_speech > limits.most_no_speech:
        return Suspicion.OVER_SILENCE
    sure = sum(word.probability for word in segment.words) / len(segment.words) if segment.words else 1.0
    if segment.log_probability < limits.least_log_probability or sure < limits.least_word_probability:
        return Suspicion.UNLIKELY
    if segment.log_probability < limits.weak_log_probability and sure < limits.weak_word_probability:
        return Suspicion.UNLIKELY
    return None


def _runs(items: Sequence[str], times: Mapping[int, int]) -> Iterator[range]:
    """Where a phrase of so many items follows itself so many times. A stretch may be found more than once."""
    for length, least in times.items():
        same = 0  # items on end that equal the one a phrase earlier
        for index in range(length, len(items)):
            same = same + 1 if items[index] == items[index - length] else 0
            if same >= length * (least - 1):
                yield range(index - same - length + 1, index + 1)


def _loops(words: Sequence[str]) -> Iterator[range]:
    """Loops within one segment."""
    yield from _repeating(words)
    yield from _counting(words)


def _repeating(words: Sequence[str]) -> Iterator[range]:
    """Phrases, and one word that stutters."""
    yield from _runs(words, LOOP)
    for index, word in enumerate(words):
        if len(word) >= STUTTER_LETTERS and STUTTER.fullmatch(word):
            yield range(index, index + 1)


def _counting(words: Sequence[str]) -> Iterator[range]:
    numbers = [NUMBERS.get(word, int(word) if word.isdecimal() and len(word) <= 6 else None) for word in words]
    start, step = 0, 0
    for index, (one, two) in enumerate(pairwise(numbers), 1):
        if one is None or two is None or two == one or two - one != step:
            start, step = index - 1, two - one if one is not None and two is not None else 0
        aloud = step == 1 and words[start] in {"een", "één"}
        if step and index - start + 1 >= (TAPERED if step < 0 else IN_ONE_BREATH if aloud else COUNTING):
            yield range(start, index + 1)


def _mark(found: list[Marks], sentence: _Sentence) -> None:
    marked = found[sentence.segment]
    for word in range(sentence.first, sentence.end):
        marked[word] = marked[word] or Suspicion.REPEAT_LOOP


def _mark_repeats(sentences: Sequence[_Sentence], found: list[Marks]) -> None:
    """Sentences that come again and again, in one segment or in many. Not what answers somebody else each time."""
    texts = [plain(sentence.text) for sentence in sentences]
    lengths = [len(text.split()) for text in texts]
    for run in _runs(texts, SAME_SENTENCES):
        if max(lengths[index] for index in run) >= 3 and not _answers(sentences, run):
            for index in run:
                _mark(found, sentences[index])
    for run in _runs(texts, SAME_WORDS):
        listening = all(word in LISTENING for index in run for word in texts[index].split())
        if not listening and not _answers(sentences, run):
            for index in run:
                _mark(found, sentences[index])


def _answers(sentences: Sequence[_Sentence], run: range) -> bool:
    """Did somebody else speak before each but the first?"""
    return len({sentences[index].turn for index in run}) == len(run)


def _mark_dull(sentences: Sequence[_Sentence], found: list[Marks]) -> None:
    """A loop that changes a word now and then: sentences of little but the words that come back all the time."""
    alone = Counter(sentence.turn for sentence in sentences)
    left = [
        sentence
        for sentence in sentences
        if found[sentence.segment][sentence.first] is None
        and not (len(alone) > 1 and alone[sentence.turn] == 1 and sentence.end - sentence.first <= SHORT_ANSWER)
    ]
    words = [(word, index) for index, sentence in enumerate(left) for word in plain(sentence.text).split()]
    counts = Counter(word for word, _ in words[: DULL_WORDS - 1])
    for (old, first), (new, last) in zip(words, words[DULL_WORDS - 1 :], strict=False):
        counts[new] += 1
        if len(counts) <= DULL_DIFFERENT and not counts.keys() <= LISTENING:
            for index in range(first, last + 1):
                own = plain(left[index].text).split()
                if sum(counts[word] >= DULL_TIMES for word in own) >= DULL_SHARE * len(own):
                    _mark(found, left[index])
        counts[old] -= 1
        if not counts[old]:
            del counts[old]


def _mark_compressed(segments: Sequence[HeardSegment], sentences: Sequence[_Sentence], found: list[Marks]) -> None:
    """The recogniser's own figure is of a whole window: it counts when what was marked does not explain it."""
    packed = [segment.compression > MOST_COMPRESSION for segment in segments]
    start = 0
    while start < len(segments):
        end = start + 1
        while packed[start] and end < len(segments) and packed[end]:
            end += 1
        if packed[start]:
            left = [s for s in sentences if start <= s.segment < end and found[s.segment][s.first] is None]
            text = " ".join(sentence.text for sentence in left).encode()
            if text and len(text) > MOST_COMPRESSION * len(zlib.compress(text)):
                for sentence in left:
                    _mark(found, sentence)
        start = end
