"""A whole recording to a transcript: speech, windows, words, utterances.

Each channel on its own: the detector's stretches are packed into windows (``windows``), recognised, marked
(``guards``) and cut into utterances; then the channels are merged in order of time. Any length costs the same memory.

With two channels a stretch can be the other speaker's voice in this microphone (or a call's echo). It is left out when
the other channel is ``ECHO_DB`` louder in nearly all of it: the same words are recognised there. Two channels with the
same sound are one mixed recording, and nobody knows who speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from transcribe.asr import guards
from transcribe.asr.transcript import Heard, HeardSegment, HeardWindow, Speaker, Suspicion, Transcript, Utterance, Word
from transcribe.asr.windows import GAP_S, MOST_S, Window, pack, split
from transcribe.audio.pcm import RATE_HZ, Pcm, Samples, Span
from transcribe.errors import NoSpeech
from transcribe.ports import Recogniser, SpeechDetector

BLOCK_S = 60.0  # read at once while looking for speech
FRAME = RATE_HZ // 50  # samples of 20 ms, for levels
PAUSE_S = 0.6  # between two words: a new utterance
SNAP_S = 1.5  # from a word's edge to the edge of its stretch: the same edge
ECHO_DB = 12.0  # a microphone across the desk hears a voice at least so much softer than its own
ECHO_SHARE = 0.9  # of the moments with sound
SAME_SOUND = 1e-3  # left minus right against left plus right (power): less is twice the same
#: A full stop that does not end a sentence.
ABBREVIATIONS = frozenset({"bijv.", "bv.", "ca.", "dhr.", "dr.", "drs.", "evt.", "m.n.", "mevr.", "mw.", "o.a."})

#: Reads samples of one voice between two moments.
Reader = Callable[[float, float], Samples]


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A channel to transcribe: who, and how to read it."""

    speaker: Speaker
    read: Reader


class SpeechTranscriber:
    """``ports.Transcriber``. As thread-safe as its recogniser: not. Deterministic as far as that is.

    ``pack_s``: stretches of speech are put together up to so many seconds (0: each alone); which is best differs by
    model and stands in its manifest.
    """

    def __init__(
        self,
        detector: SpeechDetector,
        recogniser: Recogniser,
        *,
        language: str = "nl",
        limits: guards.Limits | None = None,
        pack_s: float = MOST_S,
        gap_s: float = GAP_S,
    ) -> None:
        if not 0 <= pack_s <= MOST_S:
            raise ValueError(f"a window is at most {MOST_S} s")
        self._detector = detector
        self._recogniser = recogniser
        self._language = language
        self._limits = limits or guards.Limits()
        self._pack_s = pack_s
        self._gap_s = gap_s

    def transcribe(
        self,
        pcm: Pcm,
        speakers: Sequence[Speaker],
        *,
        missing: Sequence[Span] = (),
        heard: Sequence[HeardWindow] = (),
        keep: Callable[[HeardWindow], None] = lambda _: None,
        progress: Callable[[float], None],
    ) -> Transcript:
        """See the port. Raises ``NoSpeech`` also when nothing that was heard is credible."""
        lines = _lines(pcm, speakers)
        work: list[tuple[Window, int]] = []
        for index in range(len(lines)):
            work += [(window, index) for window in self._windows(lines, index, pcm.duration_s, progress)]
        if not work:
            raise NoSpeech()
        known = {_place(one): one.segments for one in heard if one.model == self._recogniser.name}
        found: list[list[tuple[HeardSegment, Window]]] = [[] for _ in lines]
        for window, index in sorted(work, key=lambda item: (item[0].pieces[0].span.start_s, item[1])):
            start_s, end_s = window.pieces[0].span.start_s, window.pieces[-1].span.end_s
            new = HeardWindow(model=self._recogniser.name, channel=index, start_s=start_s, end_s=end_s, segments=())
            segments = known.get(_place(new))
            if segments is None:
                samples = _sound(window, lines[index].read)
                segments = tuple(self._recogniser.recognise(samples, language=self._language))
                keep(replace(new, segments=segments))
            # a lone full stop, as some models leave at the end of a window, is nothing that was said
            found[index] += [(segment, window) for segment in segments if guards.plain(segment.text)]
            progress(end_s)
        utterances = [
            utterance
            for line, segments in zip(lines, found, strict=True)
            for utterance in _utterances(segments, line.speaker, self._limits)
        ]
        if all(utterance.suspicion is not None for utterance in utterances):
            raise NoSpeech()
        progress(pcm.duration_s)
        return Transcript(
            utterances=tuple(sorted(utterances, key=lambda u: (u.start_s, u.end_s))),
            language=self._language,
            model=self._recogniser.name,
            duration_s=pcm.duration_s,
            missing=tuple(missing),
        )

    def _windows(
        self, lines: Sequence[_Line], index: int, duration_s: float, progress: Callable[[float], None]
    ) -> Iterator[Window]:
        read = lines[index].read
        others = [line.read for i, line in enumerate(lines) if i != index]

        def blocks() -> Iterator[Samples]:
            start = 0.0
            while (samples := read(start, start + BLOCK_S)).size:
                progress(0.0)  # nothing is recognised yet, but the work can be ended here
                yield samples
                start += BLOCK_S

        found = self._detector.speech(blocks())
        spans = [Span(start_s=s.start_s, end_s=min(s.end_s, duration_s)) for s in found if s.start_s < duration_s]
        spans = [s for s in spans if not any(_is_echo(read(s.start_s, s.end_s), o(s.start_s, s.end_s)) for o in others)]
        parts = (part for span in spans for part in split(span, lambda s: _quietest(s, read)))
        return pack(parts, pack_s=self._pack_s, gap_s=self._gap_s)


def _place(window: HeardWindow) -> tuple[int, int, int]:
    """Channel, and start and end in milliseconds: the voice detector cuts the same sound in the same places."""
    return window.channel, round(window.start_s * 1000), round(window.end_s * 1000)


def _lines(pcm: Pcm, speakers: Sequence[Speaker]) -> list[_Line]:
    def channel(index: int) -> Reader:
        return lambda start_s, end_s: pcm.read(start_s, end_s, index)

    if len(speakers) != pcm.channels:
        raise ValueError(f"{len(speakers)} speakers for {pcm.channels} channels")
    if pcm.channels == 2 and _same_sound(pcm):
        return [_Line(speaker=Speaker.ONBEKEND, read=channel(0))]
    return [_Line(speaker=speaker, read=channel(index)) for index, speaker in enumerate(speakers)]


def _same_sound(pcm: Pcm) -> bool:
    """Do both channels hold the same? Stops reading at the first minute that differs."""
    start, heard = 0.0, False
    while (left := pcm.read(start, start + BLOCK_S, 0)).size:
        right = pcm.read(start, start + BLOCK_S, 1)
        both = float(np.mean((left + right) ** 2))
        if float(np.mean((left - right) ** 2)) > SAME_SOUND * both:
            return False
        heard = heard or both > 0
        start += BLOCK_S
    return heard


def _levels(samples: Samples) -> Samples:
    """Power of every 20 ms, shape [n]."""
    whole = samples[: samples.size // FRAME * FRAME]
    return np.asarray(np.mean(whole.reshape(-1, FRAME) ** 2, axis=1), np.float32)


def _is_echo(own: Samples, other: Samples) -> bool:
    ours, theirs = _levels(own), _levels(other)
    if not ours.size:
        return False
    sounding = ours > 0.01 * ours.max()  # within 20 dB of the loudest
    louder = theirs > ours * 10 ** (ECHO_DB / 10)
    return bool(np.mean(louder[sounding]) >= ECHO_SHARE) if sounding.any() else False


def _quietest(span: Span, read: Reader) -> float:
    """The moment of the softest 0.1 s."""
    levels = _levels(read(span.start_s, span.end_s))
    if levels.size < 5:
        return span.end_s
    smooth = np.convolve(levels, np.ones(5), "valid")
    return span.start_s + (int(np.argmin(smooth)) + 2.5) * FRAME / RATE_HZ


def _sound(window: Window, read: Reader) -> Samples:
    """The window's samples: its pieces, and silence between."""
    samples = np.zeros(round(window.duration_s * RATE_HZ), np.float32)
    for piece in window.pieces:
        sound = read(piece.span.start_s, piece.span.end_s)
        at = round(piece.at_s * RATE_HZ)
        sound = sound[: samples.size - at]
        samples[at : at + sound.size] = sound
    return samples


def _utterances(
    heard: Sequence[tuple[HeardSegment, Window]], speaker: Speaker, limits: guards.Limits
) -> Iterator[Utterance]:
    """One channel's segments, in order, to utterances: cut at the end of a sentence, at a pause, at a mark."""
    speech_s = [window.speech_s(segment.start_s, segment.end_s) for segment, window in heard]
    marks = guards.suspicions([segment for segment, _ in heard], speech_s, limits=limits)
    timed: list[tuple[Word, Span]] = []
    of: list[Suspicion | None] = []
    for (segment, window), suspicion in zip(heard, marks, strict=True):
        found = list(_timed(segment, window, timed[-1][0].end_s if timed else 0.0))
        timed += found
        of += [suspicion] * len(found)
    snapped = list(_snapped(timed))
    words: list[Word] = []
    mark: Suspicion | None = None
    for index, (word, suspicion) in enumerate(zip(snapped, of, strict=True)):
        # pauses are measured before snapping, which makes them shorter
        if words and (suspicion is not mark or _ends(timed[index - 1][0], timed[index][0])):
            yield _utterance(words, speaker, mark)
            words = []
        mark = suspicion
        words.append(word)
    if words:
        yield _utterance(words, speaker, mark)


def _snapped(timed: Sequence[tuple[Word, Span]]) -> Iterator[Word]:
    """The first word of a stretch begins with it and the last ends with it, if they were near.

    The voice detector knows where speech ends to a tenth of a second; attention puts the last word's end up to a second
    too early, and a source that is played must not lose the end of its last word.
    """
    before_s = 0.0  # nothing starts before the word before has ended
    for index, (word, span) in enumerate(timed):
        first = index == 0 or timed[index - 1][1] != span
        last = index + 1 == len(timed) or timed[index + 1][1] != span
        start_s, end_s = word.start_s, word.end_s
        if first and start_s - span.start_s <= SNAP_S:
            start_s = min(start_s, span.start_s)
        if last and span.end_s - end_s <= SNAP_S:
            following_s = timed[index + 1][0].start_s if index + 1 < len(timed) else span.end_s
            end_s = max(end_s, min(span.end_s, following_s))
        start_s = max(start_s, before_s)
        before_s = end_s = max(end_s, start_s)
        yield replace(word, start_s=start_s, end_s=end_s)


def _timed(segment: HeardSegment, window: Window, after_s: float) -> Iterator[tuple[Word, Span]]:
    """The segment's words in recording time, each with its piece: never before ``after_s``, never back."""
    words: Iterable[Heard] = segment.words or (
        Heard(text=segment.text, start_s=segment.start_s, end_s=segment.end_s, probability=0.0),
    )
    piece = 0
    for word in words:
        piece = max(piece, window.piece((word.start_s + word.end_s) / 2))
        start_s = max(after_s, window.to_recording(word.start_s, piece))
        end_s = max(start_s, window.to_recording(word.end_s, piece))
        after_s = end_s
        timed = Word(text=word.text, start_s=start_s, end_s=end_s, probability=word.probability)
        yield timed, window.pieces[piece].span


def _ends(last: Word, following: Word) -> bool:
    """Does an utterance end between these two words?"""
    sentence = last.text.endswith((".", "?", "!", "…")) and last.text.lower() not in ABBREVIATIONS
    return sentence or following.start_s - last.end_s >= PAUSE_S


def _utterance(words: Sequence[Word], speaker: Speaker, suspicion: Suspicion | None) -> Utterance:
    return Utterance(
        speaker=speaker,
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        text=" ".join(word.text for word in words),
        words=tuple(words),
        suspicion=suspicion,
    )
