"""A recording to a transcript, whole or while it is being made: speech, windows, words, utterances.

Each channel on its own: the detector's stretches are packed into windows (``windows``), recognised, marked
(``guards``) and cut into utterances; then the channels are merged in order of time. Any length costs the same memory.
There is one way through a recording, from its beginning to its end: that of a live one stops where the sound does, and
goes on from there.

With two channels a stretch, or a part of one, can be the other speaker's voice in this microphone (or a call's echo).
It is left out: the same words are recognised there (``echo``). Two channels with the same sound are one mixed
recording. Of one of those the voices are told apart when all of it was heard (``speakers``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Lock

import numpy as np

from transcribe.asr import guards
from transcribe.asr.echo import FRAME, LATEST_S, levels, own_parts
from transcribe.asr.quality import measured
from transcribe.asr.transcript import (
    SILENT_S,
    TALK_S,
    Heard,
    HeardSegment,
    HeardWindow,
    Speaker,
    Suspicion,
    Transcript,
    Utterance,
    Word,
)
from transcribe.asr.unheard import unheard
from transcribe.asr.windows import GAP_S, MOST_S, Window, pack, split
from transcribe.audio.pcm import RATE_HZ, Pcm, Samples, Span
from transcribe.errors import NoSpeech
from transcribe.ports import Ear, Recogniser, SpeechDetector
from transcribe.speakers.overlap import between_channels
from transcribe.speakers.profile import Profile
from transcribe.speakers.telling import told_apart

BLOCK_S = 60.0  # read at once while looking for speech
WARM_S = 2.0  # of sound before the place where listening goes on
WAIT_S = 4.0  # while it is recorded: speech does not wait longer than this for more of its window
PAUSE_S = 0.6  # between two words: a new utterance
SNAP_S = 1.5  # from a word's edge to the edge of its stretch: the same edge
SAME_SOUND = 1e-3  # left minus right against left plus right (power): less is twice the same
#: A full stop that does not end a sentence.
ABBREVIATIONS = frozenset({"bijv.", "bv.", "ca.", "dhr.", "dr.", "drs.", "evt.", "m.n.", "mevr.", "mw.", "o.a."})

#: Reads samples of one voice between two moments.
Reader = Callable[[float, float], Samples]


class InTurn:
    """A recogniser for several threads: one window at a time, so that nobody waits for longer than that."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._lock = Lock()
        self.name = recogniser.name

    def recognise(self, samples: Samples, *, language: str, hints: Sequence[str] = ()) -> list[HeardSegment]:
        with self._lock:
            return self._recogniser.recognise(samples, language=language, hints=hints)


class SpeechTranscriber:
    """``ports.Transcriber``. As thread-safe as its recogniser. Deterministic as far as that is.

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
        self.recogniser = recogniser
        self.language = language
        self.limits = limits or guards.Limits()
        self.pack_s = pack_s
        self.gap_s = gap_s

    def transcribe(
        self,
        pcm: Pcm,
        speakers: Sequence[Speaker],
        *,
        missing: Sequence[Span] = (),
        heard: Sequence[HeardWindow] = (),
        hints: Sequence[str] = (),
        profile: Profile | None = None,
        keep: Callable[[HeardWindow], None] = lambda _: None,
        progress: Callable[[float], None],
    ) -> Transcript:
        """See the port. Raises ``NoSpeech`` also when nothing that was heard is credible."""
        speakers = _speakers(pcm, speakers)
        listening = self._listening(speakers, heard, hints, live=False)
        while listening.advance(pcm, keep=keep):
            progress(listening.done_s)
        transcript = listening.so_far()
        if all(utterance.suspicion is not None for utterance in transcript.utterances):
            raise NoSpeech()
        if len(speakers) > 1:
            transcript = replace(transcript, utterances=between_channels(transcript.utterances))
        alone = _alone(speakers, listening.speech())
        if alone is not None:
            nobody = tuple(replace(utterance, speaker=Speaker.ONBEKEND) for utterance in transcript.utterances)
            transcript = told_apart(replace(transcript, utterances=nobody), _reader(pcm, alone), profile=profile)
        sound = measured(pcm.read, pcm.duration_s, speakers, listening.speech())
        progress(pcm.duration_s)
        return replace(transcript, duration_s=pcm.duration_s, missing=tuple(missing), sound=sound)

    def listen(
        self, speakers: Sequence[Speaker], *, heard: Sequence[HeardWindow] = (), hints: Sequence[str] = ()
    ) -> Listening:
        """See the port."""
        return self._listening(speakers, heard, hints, live=True)

    def _listening(
        self, speakers: Sequence[Speaker], heard: Sequence[HeardWindow], hints: Sequence[str], *, live: bool
    ) -> Listening:
        channels = []
        for index, speaker in enumerate(speakers):
            windows = _dealt_with([one for one in heard if one.channel == index], self.recogniser.name)
            channels.append(
                _Channel(index=index, speaker=speaker, ear=self._detector.listen(live=live), windows=windows)
            )
        return Listening(self, channels, hints=tuple(hints), live=live)


class _Channel:
    """How far one voice was heard."""

    def __init__(self, *, index: int, speaker: Speaker, ear: Ear, windows: list[HeardWindow]) -> None:
        self.index = index
        self.speaker = speaker
        self.windows = windows
        self.spans: list[Span] = []  # speech that waits for its window
        self.ended = False
        self._ear = ear
        settled_s = windows[-1].end_s if windows else 0.0
        # the detector needs a moment to get used to the sound
        self._from_s = self.fed_s = max(0.0, settled_s - WARM_S)
        self._ear.cut(settled_s - self._from_s)

    @property
    def settled_s(self) -> float:
        """There is nothing left to recognise before this moment."""
        if self.spans:
            return self.spans[0].start_s
        return self.fed_s if self._ear.open_s is None else self._from_s + self._ear.open_s

    def feed(self, read: Reader) -> list[Span]:
        """The speech that ended in the next stretch of sound."""
        samples = read(self.fed_s, self.fed_s + BLOCK_S)
        self.fed_s += samples.size / RATE_HZ
        return self._shifted(self._ear.more(samples)) + list(self._cut(read))

    def end(self) -> list[Span]:
        self.ended = True
        return self._shifted(self._ear.end())

    def _cut(self, read: Reader) -> Iterator[Span]:
        """Of a stretch that goes on for longer than a window can hold."""
        until_s = self._from_s + self._ear.judged_s  # of what was fed later nobody knows yet whether it goes on
        while self._ear.open_s is not None and until_s - (start_s := self._from_s + self._ear.open_s) > MOST_S:
            part = next(split(Span(start_s=start_s, end_s=until_s), lambda span: _quietest(span, read)))
            self._ear.cut(part.end_s - self._from_s)
            yield part

    def _shifted(self, spans: Iterable[Span]) -> list[Span]:
        return [Span(start_s=self._from_s + s.start_s, end_s=self._from_s + s.end_s) for s in spans]


class Listening:
    """``ports.Listening``; of a whole recording too: that is one of which no more will come.

    Each voice is heard from its beginning to its end, and no stretch twice: what is known of it is how far it got.
    """

    def __init__(
        self, of: SpeechTranscriber, channels: Sequence[_Channel], *, hints: tuple[str, ...], live: bool
    ) -> None:
        self._of = of
        self._channels = channels
        self._hints = hints
        self._live = live

    @property
    def done_s(self) -> float:
        """Seconds of the recording that are done, in all voices."""
        return min(channel.settled_s for channel in self._channels)

    def advance(self, pcm: Pcm, *, keep: Callable[[HeardWindow], None]) -> bool:
        """See the port. Length costs no memory: a minute is read at most."""
        channels = sorted(self._channels, key=lambda one: one.settled_s)
        for channel in channels:
            windows = list(pack(channel.spans, pack_s=self._of.pack_s, gap_s=self._of.gap_s))
            if windows and (len(windows) > 1 or channel.ended or not self._of.pack_s):
                self._hear(channel, windows[0], pcm, keep)
                return True
        for channel in channels:
            if pcm.frames > round(channel.fed_s * RATE_HZ):
                self._feed(channel, pcm)
                return True
        for channel in channels:
            if not self._live and not channel.ended:
                self._take(channel, channel.end(), pcm)
                return True
            if self._live and channel.spans and channel.fed_s - channel.spans[0].end_s >= WAIT_S:
                window = next(pack(channel.spans, pack_s=self._of.pack_s, gap_s=self._of.gap_s))
                self._hear(channel, window, pcm, keep)
                return True
        return False

    def so_far(self) -> Transcript:
        """See the port."""
        utterances = [
            utterance
            for channel in self._channels
            for utterance in _utterances(
                _segments(channel.windows),
                channel.speaker,
                self._of.language,
                self._of.limits,
                others=_begun(other for other in self._channels if other is not channel),
            )
        ]
        lost = [span for channel in self._channels for span in unheard(channel.windows)]
        return Transcript(
            utterances=tuple(sorted(utterances, key=lambda u: (u.start_s, u.end_s))),
            unheard=tuple(sorted(lost, key=lambda span: (span.start_s, span.end_s))),
            language=self._of.language,
            model=self._of.recogniser.name,
            duration_s=max(channel.fed_s for channel in self._channels),
            dictation=[channel.speaker for channel in self._channels] == [Speaker.HUISARTS],
        )

    def speech(self) -> list[list[Span]]:
        """Of each channel: where somebody spoke that was recognised."""
        return [[piece.span for one in channel.windows for piece in one.window.pieces] for channel in self._channels]

    def _feed(self, channel: _Channel, pcm: Pcm) -> None:
        self._take(channel, channel.feed(_reader(pcm, channel.index)), pcm)

    def _take(self, channel: _Channel, found: Sequence[Span], pcm: Pcm) -> None:
        read = _reader(pcm, channel.index)
        others = [_reader(pcm, other.index) for other in self._channels if other is not channel]
        for span in found:
            for own in _own(span, read, others):
                channel.spans += split(own, lambda part: _quietest(part, read))

    def _hear(self, channel: _Channel, window: Window, pcm: Pcm, keep: Callable[[HeardWindow], None]) -> None:
        samples = _sound(window, _reader(pcm, channel.index))
        heard = HeardWindow(
            model=self._of.recogniser.name,
            channel=channel.index,
            start_s=window.pieces[0].span.start_s,
            end_s=window.pieces[-1].span.end_s,
            segments=tuple(self._of.recogniser.recognise(samples, language=self._of.language, hints=self._hints)),
            pieces=window.pieces if len(window.pieces) > 1 else (),
        )
        keep(heard)
        channel.windows.append(heard)
        del channel.spans[: len(window.pieces)]


def _dealt_with(windows: Sequence[HeardWindow], model: str) -> list[HeardWindow]:
    """Those of one channel that this model made, in order, up to the first that does not fit."""
    fitting: list[HeardWindow] = []
    for one in sorted(windows, key=lambda one: one.start_s):
        if one.model != model or (fitting and one.start_s < fitting[-1].end_s - 1e-6):
            break
        fitting.append(one)
    return fitting


def _segments(windows: Sequence[HeardWindow]) -> list[tuple[HeardSegment, Window]]:
    # a lone full stop, as some models leave at the end of a window, is nothing that was said
    return [(segment, one.window) for one in windows for segment in one.segments if guards.plain(segment.text)]


def _alone(speakers: Sequence[Speaker], speech: Sequence[Sequence[Span]]) -> int | None:
    """The channel on which everybody is: the only one, of a recording that says so; or one of two, when nobody is heard
    on the other. There the other side may be on this one as well (a microphone beside a loudspeaker, a plug in the
    wrong hole): who it says is on it is not believed.
    """
    if list(speakers) == [Speaker.ONBEKEND]:
        return 0
    spoken = [sum(span.duration_s for span in spans) for spans in speech]
    if len(spoken) != 2 or not (min(spoken) < SILENT_S and max(spoken) >= TALK_S):
        return None
    return spoken.index(max(spoken))


def _reader(pcm: Pcm, index: int) -> Reader:
    return lambda start_s, end_s: pcm.read(start_s, end_s, index)


def _speakers(pcm: Pcm, speakers: Sequence[Speaker]) -> Sequence[Speaker]:
    """Who is on which channel; one when both channels hold the same sound."""
    if len(speakers) != pcm.channels:
        raise ValueError(f"{len(speakers)} speakers for {pcm.channels} channels")
    return [Speaker.ONBEKEND] if pcm.channels == 2 and _same_sound(pcm) else speakers


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


def _own(span: Span, read: Reader, others: Sequence[Reader]) -> Sequence[Span]:
    """What of a stretch is no echo of another channel."""
    spans = [span]
    for other in others:
        spans = [
            Span(start_s=one.start_s + start_s, end_s=min(one.start_s + end_s, one.end_s))
            for one in spans
            for start_s, end_s in own_parts(
                read(one.start_s, one.end_s), other(max(0.0, one.start_s - LATEST_S), one.end_s)
            )
        ]
    return spans


def _quietest(span: Span, read: Reader) -> float:
    """The moment of the softest 0.1 s."""
    power = levels(read(span.start_s, span.end_s))
    if power.size < 5:
        return span.end_s
    smooth = np.convolve(power, np.ones(5), "valid")
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


def _begun(channels: Iterable[_Channel]) -> list[float]:
    """When these began to speak, each time, in order."""
    return sorted(
        piece.span.start_s for channel in channels for heard in channel.windows for piece in heard.window.pieces
    )


def _turns(window: Window, others: Sequence[float]) -> guards.Turns:
    return lambda at_s: bisect_right(others, window.to_recording(at_s, window.piece(at_s)))


def _utterances(
    heard: Sequence[tuple[HeardSegment, Window]],
    speaker: Speaker,
    language: str,
    limits: guards.Limits,
    *,
    others: Sequence[float],
) -> Iterator[Utterance]:
    """One channel's segments, in order, to utterances: cut at the end of a sentence, at a pause, at a mark.

    ``others``: when other channels began to speak.
    """
    segments, windows = [segment for segment, _ in heard], [window for _, window in heard]
    marks = guards.marks(
        segments,
        [window.speech_s for window in windows],
        turns=[_turns(window, others) for window in windows] if others else (),
        language=language,
        limits=limits,
    )
    timed: list[tuple[Word, Span]] = []
    of: list[Suspicion | None] = []
    for (segment, window), suspicions in zip(heard, marks, strict=True):
        found = list(_timed(segment, window, timed[-1][0].end_s if timed else 0.0))
        timed += found
        of += suspicions
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
