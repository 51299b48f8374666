"""The outside world on one page: what the use cases ask of databases, disks, decoders and models.

Everything here is synchronous. Implementations meet one contract test each (``tests/contract``), the fakes of
``transcribe.testing`` included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol
from uuid import UUID

from consent import Consent
from transcribe.asr.transcript import HeardSegment, Speaker, Transcript
from transcribe.audio.pcm import Pcm, Samples, Span
from transcribe.consult import Approval, AuditEvent, Certificate, Change, Consult, Delivery, KeyPurpose, Status
from transcribe.soep.note import Note


class Store(Protocol):
    """All state but sound. Thread-safe. One writing method: ``apply``.

    Transcript and note are sealed with the consult's SOURCE key while it lives; the patient reference, and the note
    from approval on, with its RECORD key. The Store makes both keys when a consult is created and never hands out a
    wrapped one.
    """

    def apply(self, change: Change) -> None:
        """Write a change and its audit row in one transaction.

        ``change.consult.version`` must be one more than the stored version (1 for a new consult), else ``Conflict``
        and nothing is written. Keys named in ``change.destroy`` are gone when this returns: content sealed with them
        can't be read any more, by anybody; the certificates stay. A ``note`` written together with an ``approval``,
        or when the SOURCE key is gone, is sealed with the RECORD key. Approvals, deliveries, certificates and audit
        rows can only be added.
        """
        ...

    def log(self, event: AuditEvent) -> None:
        """Add an audit row for something that changes nothing (view, play, log in)."""
        ...

    def consult(self, consult_id: UUID) -> Consult:
        """Raises ``NotFound``. ``patient_ref`` is empty once the RECORD key is destroyed."""
        ...

    def consults(self, statuses: Sequence[Status] = (), *, limit: int = 200) -> list[Consult]:
        """Newest first; all statuses when none is named."""
        ...

    def consent(self, consult_id: UUID) -> Consent | None:
        """The newest version."""
        ...

    def transcript(self, consult_id: UUID) -> Transcript | None:
        """None before there is one. Raises ``Erased`` when its key was destroyed."""
        ...

    def note(self, consult_id: UUID) -> tuple[int, Note] | None:
        """The newest version (1, 2, ...) and its number. Raises ``Erased`` when its key was destroyed."""
        ...

    def approval(self, consult_id: UUID) -> Approval | None:
        """The newest."""
        ...

    def deliveries(self, consult_id: UUID) -> list[Delivery]: ...

    def certificates(self, consult_id: UUID) -> list[Certificate]: ...

    def events(self, consult_id: UUID | None = None, *, limit: int = 1000) -> list[AuditEvent]:
        """The newest ``limit`` rows of the access log, oldest of them first; of one consult when named."""
        ...

    def data_key(self, consult_id: UUID, purpose: KeyPurpose) -> bytes:
        """32 bytes. Raises ``Erased`` when destroyed, ``NotFound`` for an unknown consult."""
        ...

    def progress(self, consult_id: UUID, done_s: float) -> None:
        """How far the recogniser is; no new version, no audit row."""
        ...

    def claim(self, consult_id: UUID) -> AbstractContextManager[bool]:
        """Exclusive work on one consult, over all processes; yields False when somebody else holds it.

        Ends by itself when the process or its connection dies.
        """
        ...


class AudioStore(Protocol):
    """Sound at rest, always encrypted with the key given; names are ours ("upload", "pcm"), never a user's."""

    def write(self, consult_id: UUID, name: str, key: bytes, chunks: Iterable[bytes]) -> int:
        """Store the whole of ``chunks`` durably (fsync) under that name, or nothing at all. Returns the bytes."""
        ...

    def open(self, consult_id: UUID, name: str, key: bytes) -> BinaryIO:
        """Seekable reader of the plain bytes. Raises ``NotFound``."""
        ...

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        """Remove one name or all of the consult; fine when there is none."""
        ...


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What a file says of itself before it is decoded."""

    duration_s: float | None  # None: the container does not say
    channels: int
    video: bool


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What came out of a file."""

    duration_s: float  # of what was written, gaps filled with silence
    channels: int  # 1 or 2
    missing: tuple[Span, ...]  # could not be decoded; silence in the PCM, or after its end (a file that was cut off)

    @property
    def damaged(self) -> bool:
        """More is missing than an imprecise header explains: over half a second and over one hundredth."""
        missing_s = sum(span.duration_s for span in self.missing)
        return missing_s > max(0.5, 0.01 * (self.duration_s + missing_s))


class Decoder(Protocol):
    """Untrusted media files to 16 kHz PCM, in a child process with bounded memory and time."""

    def probe(self, source: BinaryIO) -> AudioInfo:
        """Raises an ``AudioProblem`` that says what is wrong with the file."""
        ...

    def decode(self, source: BinaryIO, *, max_s: float) -> AbstractContextManager[Decoding]: ...


class Decoding(Protocol):
    """A running decode: iterate over PCM chunks (16 kHz, s16le, interleaved), then ask for the result."""

    @property
    def channels(self) -> int:
        """1 or 2."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Raises an ``AudioProblem`` when nothing can be decoded or the recording is longer than ``max_s``."""
        ...

    def result(self) -> Decoded:
        """Only after the last chunk."""
        ...


class SpeechDetector(Protocol):
    def speech(self, recording: Iterable[Samples]) -> list[Span]:
        """Stretches with speech, in seconds from the first sample, in order, not overlapping.

        ``recording``: consecutive pieces of one channel, so that length never costs memory. How it is cut makes no
        difference.
        """
        ...


class Recogniser(Protocol):
    """A speech model. Not thread-safe; one belongs to one worker."""

    @property
    def name(self) -> str:
        """With revision, for the transcript."""
        ...

    def recognise(self, samples: Samples, *, language: str) -> list[HeardSegment]:
        """At most 30 s of sound. Deterministic: the same sound gives the same text."""
        ...


class Transcriber(Protocol):
    def transcribe(
        self, pcm: Pcm, speakers: Sequence[Speaker], *, missing: Sequence[Span] = (), progress: Callable[[float], None]
    ) -> Transcript:
        """The whole recording, ``speakers[i]`` on channel i. Raises ``NoSpeech`` when there is none.

        ``progress`` gets the seconds done after each piece; whatever it raises ends the work (withdrawal).
        """
        ...


class Drafter(Protocol):
    """A transcript to a draft. Pure as seen from here: keeps no state between consults."""

    @property
    def name(self) -> str:
        """With version, for the note."""
        ...

    def draft(self, transcript: Transcript) -> Note: ...
