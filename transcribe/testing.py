"""Fakes that keep the promises of the ports, in memory: for tests and for trying things out. Nothing here is encrypted.

They meet the same contract tests as the real ones (``tests/contract``).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from secrets import token_bytes
from threading import RLock
from typing import BinaryIO
from uuid import UUID

from consent import Consent
from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.audio.pcm import RATE_HZ, Pcm, Span
from transcribe.consult import Approval, AuditEvent, Certificate, Change, Consult, Delivery, KeyPurpose, Status
from transcribe.errors import AudioProblem, Conflict, EmptyFile, Erased, NotFound, Unreadable
from transcribe.ports import AudioInfo, AudioStore, Decoded, Decoder, Drafter, Store, Transcriber
from transcribe.soep.note import Line, Note, Report, Section
from transcribe.workflow import Workflow


@dataclass(kw_only=True)
class _Consult:
    """All that is kept of one consult."""

    consult: Consult
    keys: dict[KeyPurpose, bytes]
    consents: list[Consent] = field(default_factory=list)
    #: with the key that seals them; None for content whose key was destroyed
    transcripts: list[tuple[KeyPurpose, Transcript | None]] = field(default_factory=list)
    notes: list[tuple[KeyPurpose, Note | None]] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)

    def copy(self) -> _Consult:
        return replace(
            self,
            keys=dict(self.keys),
            consents=list(self.consents),
            transcripts=list(self.transcripts),
            notes=list(self.notes),
            approvals=list(self.approvals),
            deliveries=list(self.deliveries),
            certificates=list(self.certificates),
        )


class MemoryStore:
    """See ``ports.Store``."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._consults: dict[UUID, _Consult] = {}
        self._events: list[AuditEvent] = []
        self._claimed: set[UUID] = set()

    def apply(self, change: Change) -> None:
        with self._lock:
            consult = change.consult
            old = self._consults.get(consult.id)
            if consult.version != (1 if old is None else old.consult.version + 1):
                raise Conflict
            if old is None:
                new = _Consult(consult=consult, keys={purpose: token_bytes(32) for purpose in KeyPurpose})
            else:
                new = old.copy()  # nothing is written when something below fails
                new.consult = consult
            if change.consent is not None:
                new.consents.append(change.consent)
            if change.transcript is not None:
                if KeyPurpose.SOURCE not in new.keys:
                    raise Erased
                new.transcripts.append((KeyPurpose.SOURCE, change.transcript))
            _put_note(new, change)
            if change.approval is not None:
                new.approvals.append(change.approval)
            if change.delivery is not None:
                new.deliveries.append(change.delivery)
            for certificate in change.destroy:
                new.certificates.append(certificate)
                _destroy(new, certificate.purpose)
            if KeyPurpose.RECORD not in new.keys:
                new.consult = replace(new.consult, patient_ref="")
            self._consults[consult.id] = new
            self._events.append(change.audit)

    def log(self, event: AuditEvent) -> None:
        with self._lock:
            self._events.append(event)

    def progress(self, consult_id: UUID, done_s: float) -> None:
        with self._lock:
            found = self._found(consult_id)
            found.consult = replace(found.consult, progress_s=done_s)

    @contextmanager
    def claim(self, consult_id: UUID) -> Iterator[bool]:
        with self._lock:
            ours = consult_id not in self._claimed
            self._claimed.add(consult_id)
        try:
            yield ours
        finally:
            if ours:
                with self._lock:
                    self._claimed.remove(consult_id)

    def consult(self, consult_id: UUID) -> Consult:
        with self._lock:
            return self._found(consult_id).consult

    def consults(self, statuses: Sequence[Status] = (), *, limit: int = 200) -> list[Consult]:
        with self._lock:
            found = [kept.consult for kept in self._consults.values()]
        wanted = [consult for consult in found if not statuses or consult.status in statuses]
        return sorted(wanted, key=lambda consult: (-consult.created_at.timestamp(), consult.id))[:limit]

    def consent(self, consult_id: UUID) -> Consent | None:
        with self._lock:
            kept = self._consults.get(consult_id)
            return kept.consents[-1] if kept and kept.consents else None

    def transcript(self, consult_id: UUID) -> Transcript | None:
        with self._lock:
            kept = self._found(consult_id)
            if kept.transcripts:
                transcript = kept.transcripts[-1][1]
                if transcript is None:
                    raise Erased
                return transcript
            self.data_key(consult_id, KeyPurpose.SOURCE)
            return None

    def note(self, consult_id: UUID) -> tuple[int, Note] | None:
        with self._lock:
            kept = self._found(consult_id)
            if kept.notes:
                note = kept.notes[-1][1]
                if note is None:
                    raise Erased
                return len(kept.notes), note
            self.data_key(consult_id, KeyPurpose.SOURCE)
            return None

    def approval(self, consult_id: UUID) -> Approval | None:
        with self._lock:
            kept = self._consults.get(consult_id)
            return kept.approvals[-1] if kept and kept.approvals else None

    def deliveries(self, consult_id: UUID) -> list[Delivery]:
        with self._lock:
            kept = self._consults.get(consult_id)
            return list(kept.deliveries) if kept else []

    def certificates(self, consult_id: UUID) -> list[Certificate]:
        with self._lock:
            kept = self._consults.get(consult_id)
            return list(kept.certificates) if kept else []

    def events(self, consult_id: UUID | None = None, *, limit: int = 1000) -> list[AuditEvent]:
        with self._lock:
            found = [event for event in self._events if consult_id is None or event.consult_id == consult_id]
        return found[max(0, len(found) - limit) :]

    def data_key(self, consult_id: UUID, purpose: KeyPurpose) -> bytes:
        with self._lock:
            key = self._found(consult_id).keys.get(purpose)
        if key is None:
            raise Erased
        return key

    def _found(self, consult_id: UUID) -> _Consult:
        if consult_id not in self._consults:
            raise NotFound
        return self._consults[consult_id]


def _put_note(kept: _Consult, change: Change) -> None:
    approval = change.approval
    for_record = approval is not None or KeyPurpose.SOURCE not in kept.keys
    if change.note is not None:
        purpose = KeyPurpose.RECORD if for_record else KeyPurpose.SOURCE
        if purpose not in kept.keys:
            raise Erased
        kept.notes.append((purpose, change.note))
    elif approval is not None and kept.notes:
        note = kept.notes[-1][1]
        if note is None or KeyPurpose.RECORD not in kept.keys:
            raise Erased
        kept.notes[-1] = (KeyPurpose.RECORD, note)
    if approval is not None and approval.note_version != len(kept.notes):
        raise ValueError(f"approval of note version {approval.note_version}, while the newest is {len(kept.notes)}")


def _destroy(kept: _Consult, purpose: KeyPurpose) -> None:
    kept.keys.pop(purpose, None)
    kept.transcripts = [(key, None if key is purpose else value) for key, value in kept.transcripts]
    kept.notes = [(key, None if key is purpose else value) for key, value in kept.notes]


class MemoryAudioStore:
    """See ``ports.AudioStore``. Remembers the key, so that another one is refused as the real store does."""

    def __init__(self) -> None:
        self._sound: dict[tuple[UUID, str], tuple[bytes, bytes]] = {}

    def write(self, consult_id: UUID, name: str, key: bytes, chunks: Iterable[bytes]) -> int:
        sound = b"".join(chunks)
        self._sound[consult_id, name] = (key, sound)
        return len(sound)

    def open(self, consult_id: UUID, name: str, key: bytes) -> BinaryIO:
        if (consult_id, name) not in self._sound:
            raise NotFound
        right_key, sound = self._sound[consult_id, name]
        if key != right_key:
            raise Unreadable
        return io.BytesIO(sound)

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        for kept in [kept for kept in self._sound if kept[0] == consult_id and name in (None, kept[1])]:
            del self._sound[kept]

    def names(self, consult_id: UUID) -> list[str]:
        """What is kept of a consult: for tests that ask whether something was left behind."""
        return sorted(name for owner, name in self._sound if owner == consult_id)


@dataclass(frozen=True, kw_only=True)
class ScriptedDecoder:
    """Takes any bytes for ``seconds`` of near-silence; raises a problem at the probe or the decode when told to."""

    seconds: float = 8.0
    channels: int = 1
    missing: tuple[Span, ...] = ()
    probe_problem: AudioProblem | None = None
    decode_problem: AudioProblem | None = None

    def probe(self, source: BinaryIO) -> AudioInfo:
        if not source.read(1):
            raise EmptyFile
        if self.probe_problem:
            raise self.probe_problem
        return AudioInfo(duration_s=self.seconds, channels=self.channels, video=False)

    @contextmanager
    def decode(self, source: BinaryIO, *, max_s: float) -> Iterator[ScriptedDecoding]:
        yield ScriptedDecoding(script=self)


@dataclass(frozen=True, kw_only=True)
class ScriptedDecoding:
    script: ScriptedDecoder

    @property
    def channels(self) -> int:
        return self.script.channels

    def __iter__(self) -> Iterator[bytes]:
        if self.script.decode_problem:
            raise self.script.decode_problem
        for _ in range(int(self.script.seconds)):
            yield b"\x01\x00" * RATE_HZ * self.script.channels

    def result(self) -> Decoded:
        return Decoded(duration_s=self.script.seconds, channels=self.script.channels, missing=self.script.missing)


class ScriptedTranscriber:
    """Gives the utterances it was made with; calls ``meanwhile`` half-way, where a test may withdraw the consent."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        *,
        problem: Exception | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self.utterances = tuple(utterances)
        self.problem = problem
        self.meanwhile = meanwhile

    def transcribe(
        self,
        pcm: Pcm,
        speakers: Sequence[Speaker],
        *,
        missing: Sequence[Span] = (),
        progress: Callable[[float], None],
    ) -> Transcript:
        if self.problem:
            raise self.problem
        progress(pcm.duration_s / 2)
        self.meanwhile()
        progress(pcm.duration_s)
        return Transcript(
            utterances=self.utterances, model="scripted", duration_s=pcm.duration_s, missing=tuple(missing)
        )


class ScriptedDrafter:
    """Gives the same note for every transcript."""

    name = "scripted 1"

    def __init__(self, note: Note) -> None:
        self.note = note

    def draft(self, transcript: Transcript) -> Note:
        return self.note


def utterances(*spoken: tuple[Speaker, str]) -> tuple[Utterance, ...]:
    """Turns of two seconds each, one after the other."""
    return tuple(
        Utterance(speaker=speaker, start_s=2.0 * i, end_s=2.0 * i + 1.8, text=text)
        for i, (speaker, text) in enumerate(spoken)
    )


#: A short consult for tests: question and answer, a measurement, a plan.
CONSULT = utterances(
    (Speaker.PATIENT, "Ik heb sinds drie dagen last van keelpijn."),
    (Speaker.HUISARTS, "Heeft u koorts gehad?"),
    (Speaker.PATIENT, "Nee, geen koorts."),
    (Speaker.HUISARTS, "De temperatuur is achtendertig komma vier."),
    (Speaker.HUISARTS, "U mag paracetamol nemen, driemaal daags vijfhonderd milligram."),
)

#: A draft of it in which one line (L3) says what nobody said, and must therefore be flagged.
DRAFT = Note(
    reports=(
        Report(
            id="R1",
            lines=(
                Line(id="L1", section=Section.S, text="Sinds 3 dagen keelpijn, geen koorts.", evidence=(0, 1, 2)),
                Line(id="L2", section=Section.O, text="T 38,4.", evidence=(3,)),
                Line(id="L3", section=Section.E, text="Longontsteking."),
                Line(id="L4", section=Section.P, text="Paracetamol 3dd500mg.", evidence=(4,)),
            ),
        ),
    ),
    drafter=ScriptedDrafter.name,
    next_line=5,
)


def scripted_workflow(
    *,
    store: Store | None = None,
    audio: AudioStore | None = None,
    decoder: Decoder | None = None,
    transcriber: Transcriber | None = None,
    drafter: Drafter | None = None,
) -> tuple[Workflow, Store, AudioStore]:
    """A workflow on fakes; anything given takes a fake's place."""
    store = store or MemoryStore()
    audio = audio or MemoryAudioStore()
    workflow = Workflow(
        store=store,
        audio=audio,
        decoder=decoder or ScriptedDecoder(),
        transcriber=transcriber or ScriptedTranscriber(CONSULT),
        drafter=drafter or ScriptedDrafter(DRAFT),
    )
    return workflow, store, audio
