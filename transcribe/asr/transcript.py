"""What was heard: words in utterances, each with its speaker and its place in the recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from transcribe.asr.windows import Piece, Window
from transcribe.audio.pcm import Span, Unrecorded


class Speaker(StrEnum):
    """Who speaks. The values are those of the benchmark's consults."""

    HUISARTS = "huisarts"
    PATIENT = "patient"
    BEGELEIDER = "begeleider"
    ONBEKEND = "onbekend"


class Suspicion(StrEnum):
    """Why an utterance is kept out of the draft. It stays in the transcript, marked."""

    REPEAT_LOOP = "herhaling"  # the recogniser repeats itself
    PHANTOM = "fantoom"  # subtitle phrases that Whisper invents ("Ondertiteld door ...")
    OVER_SILENCE = "stilte"  # text where the voice detector heard none
    OTHER_LANGUAGE = "taal"  # not the language of the talk
    UNLIKELY = "onzeker"  # very low probability


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One word from the recogniser, in seconds from the first sample it was given."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, kw_only=True)
class HeardSegment:
    text: str
    start_s: float
    end_s: float
    words: tuple[Heard, ...]
    no_speech: float  # probability 0..1
    log_probability: float  # mean per token
    compression: float  # gzip ratio of the text: high means a repeat loop


@dataclass(frozen=True, kw_only=True)
class HeardWindow:
    """What one model made of one stretch of one channel: the piece of work that a crash never makes us do again.

    Sound of that channel before ``end_s`` is dealt with.
    """

    model: str
    channel: int
    start_s: float  # of the recording
    end_s: float
    segments: tuple[HeardSegment, ...]
    pieces: tuple[Piece, ...] = ()  # of a window of several stretches; else it is one, from start to end

    @property
    def window(self) -> Window:
        alone = Piece(span=Span(start_s=self.start_s, end_s=self.end_s), at_s=0.0)
        return Window(pieces=self.pieces or (alone,))


@dataclass(frozen=True, kw_only=True)
class Word:
    text: str
    start_s: float
    end_s: float
    probability: float  # 0..1, the recogniser's own


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One of the voices on a channel that holds several."""

    guessed: Speaker  # by what it says
    said: Speaker | None = None  # who it is, by a person who knows better

    @property
    def speaker(self) -> Speaker:
        return self.said or self.guessed


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One turn, or a part of one, by one speaker. Its index in the transcript is its name in evidence."""

    speaker: Speaker
    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()
    suspicion: Suspicion | None = None
    voice: int | None = None  # of the transcript's; None where the channel tells, or nothing does
    overlapped: bool = False  # somebody else speaks at the same time; where that can't be heard it is not said


#: Of two channels one is silent: less speech on it than this, while there is a talk on the other (seconds).
SILENT_S, TALK_S = 1.0, 10.0


@dataclass(frozen=True, kw_only=True)
class ChannelQuality:
    """How one channel sounds: levels in dB under full scale (dBFS), measured by ``asr/quality``."""

    speaker: Speaker  # whose channel it is
    spoken_s: float  # seconds of speech
    level_db: float | None  # of speech; None: there is none
    noise_db: float | None  # where nobody speaks, the median; None: there is no such place
    snr_db: float | None  # speech over noise; None: one of the two is not known
    clipped: float  # share of the samples of speech that are at full scale
    bandwidth_hz: float | None  # up to where speech is heard; None: noise hides it
    holes_s: float  # inside speech: silence that begins and ends all at once, as a lost packet does


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Of a recording. What is missing from it altogether stands in the transcript."""

    channels: tuple[ChannelQuality, ...]
    #: of the time in which anybody speaks: how much of it both do; None: on one channel that can't be known
    overlap: float | None


@dataclass(frozen=True, kw_only=True)
class Transcript:
    utterances: tuple[Utterance, ...]
    language: str = "nl"
    model: str = ""  # name and revision of the recogniser
    duration_s: float = 0.0  # of the recording
    missing: tuple[Span, ...] = ()  # seconds that could not be decoded
    unheard: tuple[Span, ...] = ()  # somebody spoke, and the recogniser wrote nothing: see ``asr/unheard``
    unrecorded: tuple[Unrecorded, ...] = ()  # what was never in the recording
    dictation: bool = False  # the huisarts said that this is one
    voices: tuple[Voice, ...] = ()  # that were told apart on one channel
    sound: Quality | None = None  # None: not measured

    @property
    def missing_s(self) -> float:
        return sum(span.duration_s for span in self.missing)

    def text(self, indexes: Iterable[int]) -> str:
        """The utterances of these indexes, in order, as one string."""
        return " ".join(self.utterances[i].text for i in sorted(set(indexes)) if 0 <= i < len(self.utterances))
