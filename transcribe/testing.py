"""Fakes that keep the promises of the ports, in memory: for tests and for trying things out. Nothing here is encrypted.

They meet the same contract tests as the real ones (``tests/contract``).
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import count
from secrets import token_bytes
from threading import Event, RLock, Thread
from typing import BinaryIO
from uuid import UUID, uuid4, uuid5

from consent import Consent
from transcribe import policy
from transcribe.asr.transcript import HeardWindow, Quality, Speaker, Transcript, Utterance, Voice
from transcribe.audio.microphone import Device, MicrophoneBusy, MicrophoneLost, Sound, chosen
from transcribe.audio.pcm import RATE_HZ, Decoded, Pcm, Span
from transcribe.consult import (
    Actor,
    Approval,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    Delivery,
    Job,
    KeyPurpose,
    Lease,
    LedgerEntry,
    LogFilter,
    Logged,
    Part,
    PartSize,
    Reason,
    Search,
    Space,
    Stage,
    Status,
    Typed,
    Typing,
)
from transcribe.enrolment import Enrolment
from transcribe.errors import AudioProblem, Conflict, DiskFull, EmptyFile, Erased, LeaseLost, NotFound, Unreadable
from transcribe.keeper import Keeper
from transcribe.log_reading import LogReading
from transcribe.naming import Naming
from transcribe.policy import WITH_SOURCE
from transcribe.ports import (
    MOST_COUNTED,
    AudioInfo,
    AudioStore,
    Decoder,
    Drafter,
    Growing,
    Kept,
    Piece,
    Spool,
    Transcriber,
)
from transcribe.practice import Practice, Practices
from transcribe.recorder import Recorder
from transcribe.soep.check import Flags
from transcribe.soep.note import Line, Note, Report, Section
from transcribe.soep.own_words import alphabetical
from transcribe.soep.style import Rule, Style
from transcribe.speakers.profile import Enrolled, Profile
from transcribe.steps import Interrupted, Steps
from transcribe.video import Video, VideoPresets
from transcribe.vitals import Queue, Vitals
from transcribe.workflow import Workflow
from transcribe.writer import Writer


@dataclass(kw_only=True)
class _Consult:
    """All that is kept of one consult."""

    consult: Consult
    keys: dict[KeyPurpose, bytes]
    reference: str = ""  # by which it is found, also when the patient's reference was destroyed
    consents: list[Consent] = field(default_factory=list)
    #: with the key that seals them; None for content whose key was destroyed
    transcripts: list[tuple[KeyPurpose, Transcript | None]] = field(default_factory=list)
    notes: list[tuple[KeyPurpose, Note | None]] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    typing: tuple[KeyPurpose, Typing] = (KeyPurpose.SOURCE, Typing())
    message: tuple[KeyPurpose, str] = (KeyPurpose.SOURCE, "")
    videos: list[Video] = field(default_factory=list)
    #: with the upload they are of
    pieces: list[tuple[str, Piece]] = field(default_factory=list)

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
            videos=list(self.videos),
            pieces=list(self.pieces),
        )


@dataclass(kw_only=True)
class _Job:
    """A row of the queue. Attempts are counted as the real one does: the first is 0."""

    job: Job
    lease: Lease
    running: bool = False
    cancelled: bool = False


class MemoryStore:
    """See ``ports.SystemStore``, and ``ports.Store`` for those made by ``of``."""

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = RLock()
        self._consults: dict[UUID, _Consult] = {}
        self._practice: str | None = None  # None: the system's, which sees all of them
        # with the practice that sees it, and the reference of whom it is about
        self._log: list[tuple[str | None, Logged, str]] = []
        self._installation = uuid4()
        self._jobs: dict[int, _Job] = {}
        self._job_ids = count(1)  # never the number of an earlier one: an old lease must not fit
        self._tended_at: datetime | None = None
        self._measured: list[tuple[float, float]] = []
        self._ledger: list[LedgerEntry] = []

    def of(self, practice: str) -> MemoryStore:
        found = copy(self)  # the same dicts and lists
        found._practice = practice
        return found

    def apply(self, change: Change) -> None:
        with self._lock:
            consult = change.consult
            if self._practice not in (None, consult.practice):
                raise NotFound
            if change.lease is not None:
                self._fence(change.lease)
            old = self._consults.get(consult.id)
            if old is not self._known(consult.id) or consult.version != (1 if old is None else old.consult.version + 1):
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
                new.pieces.clear()
                new.typing = (KeyPurpose.SOURCE, Typing())
            if change.decoded is not None:
                _keep(new, change.decoded)
            _put_note(new, change)
            if change.approval is not None:
                new.approvals.append(change.approval)
                if new.typing[0] in new.keys:
                    new.typing = (KeyPurpose.RECORD, new.typing[1])
            if change.delivery is not None:
                new.deliveries.append(change.delivery)
            if change.message is not None:
                new.message = (_purpose(new), change.message) if change.message else (KeyPurpose.SOURCE, "")
            for certificate in change.destroy:
                new.certificates.append(certificate)
                _destroy(new, certificate.purpose)
            new.reference = "".join(consult.patient_ref.split()).casefold() or new.reference
            if KeyPurpose.RECORD not in new.keys:
                new.consult = replace(new.consult, patient_ref="")
            self._consults[consult.id] = new
            self._append(change.audit)
            if change.ledger is not None:
                self._ledger.append(change.ledger)
            if change.cancel_jobs:
                for row in self._jobs_of(consult.id):
                    row.cancelled = True
                    if not row.running:
                        del self._jobs[row.lease.job_id]
            for job in change.jobs:
                number = next(self._job_ids)
                self._jobs[number] = _Job(job=job, lease=Lease(job_id=number, attempt=0))

    def log(self, event: AuditEvent, *, patient_ref: str = "") -> None:
        with self._lock:
            self._append(event, patient_ref)

    def _append(self, event: AuditEvent, patient_ref: str = "") -> None:
        kept = self._consults.get(event.consult_id) if event.consult_id else None
        reference = "".join(patient_ref.split()).casefold() or (kept.reference if kept else "")
        consent = kept.consents[-1] if kept and kept.consents else None
        of_consult = None if kept is None else kept.consult.practice
        whose = of_consult if self._practice is None else self._practice
        row = Logged(
            seq=len(self._log) + 1,
            event=event,
            hash=b"",
            source=self._installation,
            product="proef",
            patient=sha256(reference.encode()).digest() if reference else None,
            consent_id=consent.id if consent else None,
            consent_version=consent.version if consent else None,
            practice=whose,
        )
        self._log.append((whose, row, reference))

    def _log_here(self) -> list[tuple[Logged, str]]:
        return [(row, known) for whose, row, known in self._log if self._practice in (None, whose)]

    def progress(self, consult_id: UUID, done_s: float, lease: Lease) -> None:
        with self._lock:
            self._fence(lease)
            found = self._found(consult_id)
            found.consult = replace(found.consult, progress_s=done_s)

    def keep(self, consult_id: UUID, piece: Piece, of: Lease | str) -> None:
        with self._lock:
            if isinstance(of, Lease):
                self._fence(of)
            found = self._found(consult_id)
            recorded = found.consult.status in policy.RUNNING
            if recorded is isinstance(of, Lease) or (isinstance(of, str) and found.consult.upload != of):
                raise Conflict
            if KeyPurpose.SOURCE not in found.keys:
                raise Erased
            _keep(found, piece)

    def kept(self, consult_id: UUID) -> Kept:
        with self._lock:
            found = self._found(consult_id)
            pieces = [piece for upload, piece in found.pieces if upload == found.consult.upload]
        decoded = [piece for piece in pieces if isinstance(piece, Decoded)]
        windows = [piece for piece in pieces if isinstance(piece, HeardWindow)]
        return Kept(
            decoded=decoded[-1] if decoded else None,
            windows=tuple(sorted(windows, key=lambda window: (window.channel, window.start_s))),
        )

    def growing(self, consult_id: UUID) -> Growing | None:
        with self._lock:
            found = self._found(consult_id)
            pieces = [piece for upload, piece in found.pieces if upload == found.consult.upload]
        return next((piece for piece in pieces if isinstance(piece, Growing)), None)

    def flags(self, consult_id: UUID) -> Flags | None:
        with self._lock:
            found = self._found(consult_id)
            pieces = [piece for upload, piece in found.pieces if upload == found.consult.upload]
        return next((piece for piece in pieces if isinstance(piece, Flags)), None)

    def idle(self) -> list[UUID]:
        with self._lock:
            wanting = [kept.consult for kept in self._consults.values() if policy.stage_of(kept.consult) is not None]
            return [one.id for one in sorted(wanting, key=_created) if not self._jobs_of(one.id)]

    def older(self, statuses: Sequence[Status], before: datetime, *, limit: int = 1000) -> list[UUID]:
        with self._lock:
            found = [kept.consult for kept in self._consults.values()]
        old = [one for one in found if one.status in statuses and one.changed_at < before]
        return [one.id for one in sorted(old, key=lambda one: one.changed_at)][:limit]

    def notice(self, statuses: Sequence[Status], now: datetime, *, untouched: timedelta, warned: timedelta) -> int:
        early, late = sorted((now, self._clock()))
        with self._lock:
            quiet = [
                kept
                for kept in self._consults.values()
                if kept.consult.status in statuses
                and kept.consult.changed_at < early - untouched
                and (kept.consult.expires_at is None or kept.consult.expires_at > late + warned + timedelta(hours=1))
            ]
            for kept in quiet:
                kept.consult = replace(kept.consult, expires_at=late + warned)
        return len(quiet)

    def tended(self, *, off: timedelta) -> None:
        with self._lock:
            last, now = self._tended_at, self._clock()
            self._tended_at = now
            for kept in self._consults.values():
                moment = kept.consult.expires_at
                if last is None:
                    moment = None
                elif moment is not None and now - last > off:
                    moment = max(moment, last) + (now - last)
                elif moment is not None and last < moment < now:
                    moment = now
                kept.consult = replace(kept.consult, expires_at=moment)

    def expired(self, statuses: Sequence[Status], now: datetime, *, limit: int = 1000) -> list[UUID]:
        now = min(now, self._clock())
        with self._lock:
            found = [kept.consult for kept in self._consults.values() if kept.consult.status in statuses]
        return [one.id for one in found if one.expires_at is not None and one.expires_at < now][:limit]

    def uncleared(self, *, skip: int = 0, limit: int = 1000) -> list[Certificate]:
        with self._lock:
            proofs = [proof for one in self._consults if (kept := self._known(one)) for proof in kept.certificates]
        return [proof for proof in proofs if proof.cleared_at is None][skip : skip + limit]

    def clear(self, certificates: Sequence[Certificate], at: datetime) -> None:
        done = {certificate.id for certificate in certificates}
        with self._lock:
            for kept in self._consults.values():
                kept.certificates = [
                    replace(proof, cleared_at=proof.cleared_at or at) if proof.id in done else proof
                    for proof in kept.certificates
                ]

    def recording_id(self, digest: bytes, nth: int) -> UUID:
        return uuid5(UUID(int=0), f"{self._practice} {digest.hex()} {nth}")

    def vitals(self) -> Vitals:
        with self._lock:
            consults = [kept.consult for kept in self._consults.values()]
            waiting, running = (sum(row.running is at_work for row in self._jobs.values()) for at_work in (False, True))
            return Vitals(
                at=datetime.now(UTC),
                queues=(Queue(name="proef", waiting=waiting, running=running, oldest_s=0.0),) if self._jobs else (),
                workers=(),
                consults=Counter(consult.status for consult in consults),
                stopped=Counter(consult.reason for consult in consults if consult.reason is not None),
                recorded_s=sum(consult.audio_s or 0.0 for consult in consults if consult.status in WITH_SOURCE),
                lost_s=sum(
                    max(consult.audio_s or 0.0, consult.lost_s)
                    if consult.reason is Reason.SOUND_GONE
                    else consult.lost_s
                    for consult in consults
                    if consult.status in WITH_SOURCE
                ),
                audio_s=sum(audio_s for audio_s, _ in self._measured),
                work_s=sum(work_s for _, work_s in self._measured),
                uncleared=len(self.uncleared()),
            )

    def measured(self, stage: Stage, audio_s: float, work_s: float) -> None:
        with self._lock:
            self._measured.append((audio_s, work_s))

    def prune(self, *, jobs_before: datetime) -> int:
        return 0  # finished jobs are not kept here

    # --- the queue, for a worker on fakes --------------------------------------------------------------------------

    def take(self) -> tuple[Job, Lease] | None:
        """The oldest job that may run now, and the lease on it."""
        with self._lock:
            busy = {row.job.consult_id for row in self._jobs.values() if row.running}
            for row in self._jobs.values():
                if not row.running and row.job.consult_id not in busy:
                    row.running = True
                    return row.job, row.lease
        return None

    def finish(self, lease: Lease) -> None:
        with self._lock:
            if self._jobs[lease.job_id].lease == lease:
                del self._jobs[lease.job_id]

    def take_over(self, lease: Lease) -> None:
        """As when the worker is taken for dead: the job waits for its next attempt."""
        with self._lock:
            kept = self._consults[self._jobs[lease.job_id].job.consult_id]
            kept.consult = replace(kept.consult, stumbles=kept.consult.stumbles + 1)
            self.put_back(lease)

    def put_back(self, lease: Lease) -> None:
        """As when the worker could not go on through no fault of the consult."""
        with self._lock:
            row = self._jobs[lease.job_id]
            row.running = False
            row.lease = replace(lease, attempt=lease.attempt + 1)

    def cancelled(self, lease: Lease) -> bool:
        with self._lock:
            row = self._jobs.get(lease.job_id)
            return row is None or row.cancelled

    def _jobs_of(self, consult_id: UUID) -> list[_Job]:
        return [row for row in self._jobs.values() if row.job.consult_id == consult_id]

    def _fence(self, lease: Lease) -> None:
        row = self._jobs.get(lease.job_id)
        if row is None or not row.running or row.lease != lease:
            raise LeaseLost

    def consult(self, consult_id: UUID) -> Consult:
        with self._lock:
            return self._found(consult_id).consult

    def search(self, wanted: Search, *, after: UUID | None = None, limit: int = 100) -> list[Consult]:
        reference = "".join(wanted.patient_ref.split()).casefold()
        with self._lock:
            every = [(kept.consult, kept.reference) for kept in self._here()]
        found = [
            consult
            for consult, known in every
            if (not reference or reference == known)
            and (wanted.since is None or consult.created_at >= wanted.since)
            and (wanted.before is None or consult.created_at < wanted.before)
            and (wanted.part is None or policy.part_of(consult, wanted.person) is wanted.part)
        ]
        if after is not None:
            last = self.consult(after)
            found = [one for one in found if (one.created_at, one.id) < (last.created_at, last.id)]
        return sorted(found, key=lambda consult: (consult.created_at, consult.id), reverse=True)[:limit]

    def sizes(self, person: str = "") -> dict[Part, PartSize]:
        with self._lock:
            every = [kept.consult for kept in self._here()]
        made = {part: [one.created_at for one in every if policy.part_of(one, person) is part] for part in Part}
        return {
            part: PartSize(count=min(len(moments), MOST_COUNTED), oldest=min(moments, default=None))
            for part, moments in made.items()
        }

    def consent(self, consult_id: UUID) -> Consent | None:
        with self._lock:
            kept = self._known(consult_id)
            return kept.consents[-1] if kept and kept.consents else None

    def consents(self, consult_id: UUID) -> list[Consent]:
        with self._lock:
            kept = self._known(consult_id)
            return list(kept.consents) if kept else []

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

    def note(self, consult_id: UUID, version: int | None = None) -> tuple[int, Note] | None:
        with self._lock:
            kept = self._found(consult_id)
            number = len(kept.notes) if version is None else version
            if 0 < number <= len(kept.notes):
                note = kept.notes[number - 1][1]
                if note is None:
                    raise Erased
                return number, note
            self.data_key(consult_id, KeyPurpose.SOURCE)
            return None

    def approval(self, consult_id: UUID) -> Approval | None:
        with self._lock:
            kept = self._known(consult_id)
            return kept.approvals[-1] if kept and kept.approvals else None

    def approvals(self, consult_id: UUID) -> list[Approval]:
        with self._lock:
            kept = self._known(consult_id)
            return list(kept.approvals) if kept else []

    def deliveries(self, consult_id: UUID) -> list[Delivery]:
        with self._lock:
            kept = self._known(consult_id)
            return list(kept.deliveries) if kept else []

    def certificates(self, consult_id: UUID) -> list[Certificate]:
        with self._lock:
            kept = self._known(consult_id)
            return list(kept.certificates) if kept else []

    def destroyed(self, since: datetime, before: datetime) -> list[Certificate]:
        with self._lock:
            proofs = [proof for one in self._consults if (kept := self._known(one)) for proof in kept.certificates]
        return sorted(
            (proof for proof in proofs if since <= proof.destroyed_at < before), key=lambda proof: proof.destroyed_at
        )

    def typing(self, consult_id: UUID) -> Typing:
        with self._lock:
            purpose, typing = self._found(consult_id).typing
            return typing if purpose in self._found(consult_id).keys else Typing()

    def keep_typing(self, consult_id: UUID, typed: Typed) -> None:
        with self._lock:
            kept = self._found(consult_id)
            kept.typing = (_purpose(kept), self.typing(consult_id).typed(typed))

    def message(self, consult_id: UUID) -> str:
        with self._lock:
            purpose, message = self._found(consult_id).message
            return message if purpose in self._found(consult_id).keys else ""

    def colleagues(self, practice: str) -> list[str]:
        with self._lock:
            here = [kept for kept in self._here() if kept.consult.practice == practice]
        signed = {approval.approved_by for kept in here for approval in kept.approvals}
        waiting = [kept.consult for kept in here if kept.consult.waits_for]
        return sorted((signed | {name for one in waiting for name in (one.waits_for, one.passed_by)}) - {""})

    def video(self, consult_id: UUID) -> tuple[int, Video]:
        with self._lock:
            videos = self._found(consult_id).videos
            return len(videos), videos[-1] if videos else Video()

    def keep_video(self, consult_id: UUID, seen: int, video: Video, audit: AuditEvent) -> None:
        with self._lock:
            kept = self._found(consult_id)
            if kept.consult.status not in policy.BEFORE_NOTE or len(kept.videos) != seen:
                raise Conflict
            if KeyPurpose.SOURCE not in kept.keys:
                raise Erased
            kept.videos.append(video)
            self._append(audit)

    def ledger(self, since: date) -> list[LedgerEntry]:
        with self._lock:
            return [entry for entry in self._ledger if entry.day >= since and self._practice in (None, entry.practice)]

    def events(self, consult_id: UUID | None = None, *, limit: int = 1000) -> list[AuditEvent]:
        with self._lock:
            found = [row.event for row, _ in self._log_here() if consult_id in (None, row.event.consult_id)]
        return found[max(0, len(found) - limit) :]

    def logged(
        self, wanted: LogFilter, *, after: int | None = None, limit: int = 100, oldest_first: bool = False
    ) -> list[Logged]:
        reference = "".join(wanted.patient_ref.split()).casefold()
        with self._lock:
            every = self._log_here()
        found = [
            row
            for row, known in every
            if (not reference or reference == known)
            and wanted.consult_id in (None, row.event.consult_id)
            and (wanted.since is None or row.event.at >= wanted.since)
            and (wanted.before is None or row.event.at < wanted.before)
            and wanted.actor in ("", row.event.actor)
            and wanted.action in (None, row.event.action)
        ]
        found.sort(key=_log_place, reverse=not oldest_first)
        if after is not None:
            last = next((_log_place(row) for row, _ in every if row.seq == after), None)
            if last is None:
                raise NotFound
            found = [row for row in found if (_log_place(row) > last if oldest_first else _log_place(row) < last)]
        return found[:limit]

    def log_actors(self) -> list[str]:
        with self._lock:
            return sorted({row.event.actor for row, _ in self._log_here()})

    def data_key(self, consult_id: UUID, purpose: KeyPurpose) -> bytes:
        with self._lock:
            key = self._found(consult_id).keys.get(purpose)
        if key is None:
            raise Erased
        return key

    def _here(self) -> list[_Consult]:
        return [kept for kept in self._consults.values() if self._practice in (None, kept.consult.practice)]

    def _known(self, consult_id: UUID) -> _Consult | None:
        kept = self._consults.get(consult_id)
        return kept if kept is not None and self._practice in (None, kept.consult.practice) else None

    def _found(self, consult_id: UUID) -> _Consult:
        kept = self._known(consult_id)
        if kept is None:
            raise NotFound
        return kept


def _log_place(row: Logged) -> tuple[datetime, int]:
    return row.event.at, row.seq


def _keep(kept: _Consult, piece: Piece) -> None:
    def same(other: Piece) -> bool:
        if not isinstance(piece, HeardWindow) or not isinstance(other, HeardWindow):
            return type(piece) is type(other)
        return (piece.channel, piece.start_s) == (other.channel, other.start_s)

    upload = kept.consult.upload
    kept.pieces = [(of, other) for of, other in kept.pieces if of != upload or not same(other)]
    kept.pieces.append((upload, piece))


def _purpose(kept: _Consult) -> KeyPurpose:
    """Of the key that a draft is sealed with now. Raises ``Erased``."""
    if not kept.keys:
        raise Erased
    return KeyPurpose.SOURCE if KeyPurpose.SOURCE in kept.keys else KeyPurpose.RECORD


def _created(consult: Consult) -> datetime:
    return consult.created_at


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
    if purpose is KeyPurpose.SOURCE:
        kept.videos.clear()
        kept.pieces.clear()


class MemoryVoiceProfiles:
    """See ``ports.VoiceProfiles``."""

    def __init__(self, store: MemoryStore, practice: str = "") -> None:
        self._store = store
        self._practice = practice
        self._kept: dict[tuple[str, str], Enrolled] = {}

    def of(self, practice: str) -> MemoryVoiceProfiles:
        found = copy(self)  # the same dict
        found._practice = practice
        return found

    def find(self, owner: str) -> Enrolled | None:
        return self._kept.get((self._practice, owner))

    def keep(self, owner: str, enrolled: Enrolled, event: AuditEvent) -> None:
        self._store.of(self._practice).log(event)
        self._kept[self._practice, owner] = enrolled

    def remove(self, owner: str, event: AuditEvent) -> bool:
        if self._kept.pop((self._practice, owner), None) is None:
            return False
        self._store.of(self._practice).log(event)
        return True


class MemoryPreferences:
    """See ``ports.Preferences``."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._style = Style()
        self._rules: dict[tuple[str, str, str], Rule] = {}
        self._last: dict[tuple[str, str, str], UUID] = {}
        self._own_words: set[tuple[str, str]] = set()
        self._video_presets = VideoPresets()
        self._codes: dict[str, str] = {}
        self._others: dict[str, MemoryPreferences] = {}

    def of(self, practice: str) -> MemoryPreferences:
        return self._others.setdefault(practice, MemoryPreferences()) if practice else self

    def style(self) -> Style:
        return self._style

    def set_style(self, style: Style) -> None:
        self._style = style

    def rules(self, owner: str) -> list[Rule]:
        with self._lock:
            return [
                rule
                for key, rule in sorted(self._rules.items())
                if key[0] == owner and (rule.accepted or rule.seen > 1)
            ]

    def add_rule(self, owner: str, said: str, written: str) -> None:
        with self._lock:
            self._only(owner, said)
            known = self._rules.get((owner, said, written))
            rule = known or Rule(id=uuid4(), said=said, written=written, accepted=True)
            self._rules[owner, said, written] = replace(rule, accepted=True)

    def accept_rule(self, owner: str, rule_id: UUID) -> None:
        with self._lock:
            for rule in self.rules(owner):
                if rule.id == rule_id:
                    self.add_rule(owner, rule.said, rule.written)

    def remove_rule(self, owner: str, rule_id: UUID) -> None:
        with self._lock:
            self._rules = {k: rule for k, rule in self._rules.items() if k[0] != owner or rule.id != rule_id}

    def noticed(self, owner: str, said: str, written: str, consult_id: UUID) -> None:
        key = (owner, said, written)
        with self._lock:
            known = self._rules.get(key)
            if known is None:
                self._rules[key] = Rule(id=uuid4(), said=said, written=written, accepted=False, seen=1)
            elif self._last.get(key) != consult_id:
                self._rules[key] = replace(known, seen=known.seen + 1)
            self._last[key] = consult_id

    def own_words(self, owner: str) -> list[str]:
        with self._lock:
            return sorted((word for of, word in self._own_words if of == owner), key=alphabetical)

    def words(self, owner: str) -> list[str]:
        return list(dict.fromkeys(self.own_words(owner) + self.own_words("")))

    def add_word(self, owner: str, word: str) -> None:
        with self._lock:
            self._own_words.add((owner, word))

    def remove_word(self, owner: str, word: str) -> None:
        with self._lock:
            self._own_words.discard((owner, word))

    def video_presets(self) -> VideoPresets:
        return self._video_presets

    def set_video_presets(self, presets: VideoPresets) -> None:
        self._video_presets = presets

    def codes(self) -> dict[str, str]:
        return dict(sorted(self._codes.items()))

    def import_codes(self, codes: Mapping[str, str]) -> None:
        self._codes = dict(codes)

    def _only(self, owner: str, said: str) -> None:
        self._rules = {key: rule for key, rule in self._rules.items() if key[:2] != (owner, said) or not rule.accepted}


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
        voices: Sequence[Voice] = (),
        sound: Quality | None = None,
        unheard: Sequence[Span] = (),
        problem: Exception | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self.utterances = tuple(utterances)
        self.voices = tuple(voices)
        self.sound = sound
        self.unheard = tuple(unheard)
        self.problem = problem
        self.hints: tuple[str, ...] = ()  # as given last
        self.profile: Profile | None = None  # the same
        self.recognised = 0  # windows that were not kept from an earlier attempt
        self.meanwhile = meanwhile

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
        self.hints, self.profile = tuple(hints), profile
        if self.problem:
            raise self.problem
        half = HeardWindow(model="scripted", channel=0, start_s=0.0, end_s=pcm.duration_s / 2, segments=())
        if half not in heard:
            self.recognised += 1
            keep(half)
        progress(pcm.duration_s / 2)
        self.meanwhile()
        progress(pcm.duration_s)
        return Transcript(
            utterances=self.utterances,
            model="scripted",
            duration_s=pcm.duration_s,
            missing=tuple(missing),
            unheard=self.unheard,
            voices=self.voices,
            sound=self.sound,
        )

    def listen(
        self, speakers: Sequence[Speaker], *, heard: Sequence[HeardWindow] = (), hints: Sequence[str] = ()
    ) -> ScriptedListening:
        self.hints = tuple(hints)
        return ScriptedListening(self.utterances, len(heard))


class ScriptedListening:
    """Hears one utterance in every second of sound."""

    def __init__(self, utterances: Sequence[Utterance], done: int) -> None:
        self._utterances = tuple(utterances)
        self._done = done

    def advance(self, pcm: Pcm, *, keep: Callable[[HeardWindow], None]) -> bool:
        if pcm.duration_s < self._done + 1 or self._done == len(self._utterances):
            return False
        keep(HeardWindow(model="scripted", channel=0, start_s=self._done, end_s=self._done + 1, segments=()))
        self._done += 1
        return True

    def so_far(self) -> Transcript:
        return Transcript(utterances=self._utterances[: self._done], model="scripted", duration_s=self._done)


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


@dataclass(frozen=True, kw_only=True)
class Scripted:
    """A whole service on fakes."""

    store: MemoryStore
    audio: AudioStore
    spool: Spool
    writer: Writer
    practice: Practices
    workflow: Workflow  # of practice ""
    recorder: Recorder  # the same
    steps: Steps
    keeper: Keeper
    preferences: MemoryPreferences
    voices: MemoryVoiceProfiles

    def work(self) -> int:
        """Every job that can be done now. Returns how many were taken."""
        taken = 0
        while (found := self.store.take()) is not None:
            job, lease = found
            taken += 1
            try:
                self.steps.do(job.stage, job.consult_id, lease, stop=partial(self.store.cancelled, lease))
            except Interrupted:
                pass
            except Exception:  # noqa: BLE001  (as the real one does)
                self.steps.failed(job.consult_id, lease)
            self.store.finish(lease)
        return taken


class ScriptedWorker:
    """A thread that does the jobs of a service on fakes."""

    def __init__(self, scripted: Scripted, *, poll_s: float = 0.1) -> None:
        self._scripted = scripted
        self._poll_s = poll_s
        self._stop = Event()
        self._thread = Thread(target=self._loop, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def _loop(self) -> None:
        while not self._stop.wait(self._poll_s):
            self._scripted.work()


def scripted_service(
    *,
    store: MemoryStore | None = None,
    audio: AudioStore | None = None,
    decoder: Decoder | None = None,
    transcriber: Transcriber | None = None,
    drafter: Drafter | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    elapsed: Callable[[], float] | None = None,
    space: Callable[[], Space] = lambda: Space(total=100, free=50),
    icpc: bool = False,
    consent_line: bool = False,
    demo: bool = False,
) -> Scripted:
    """A service on fakes; anything given takes a fake's place. ``elapsed``: the clock that only runs forward."""
    store = store or MemoryStore(clock=clock)
    audio = audio or MemoryAudioStore()
    decoder = decoder or ScriptedDecoder()
    spool = MemorySpool(clock=clock)
    writer = Writer(store, clock=clock)
    preferences = MemoryPreferences()
    voices = MemoryVoiceProfiles(store)

    def practice(name: str) -> Practice:
        own = store.of(name)
        own_writer = Writer(own, clock=clock)
        return Practice(
            name=name,
            workflow=Workflow(
                store=own,
                audio=audio,
                spool=spool,
                decoder=decoder,
                writer=own_writer,
                space=space,
                practice=name,
                preferences=preferences.of(name),
                icpc=icpc,
                consent_line=consent_line,
                demo=demo,
            ),
            recorder=Recorder(store=own, audio=audio, spool=spool, writer=own_writer, space=space),
            preferences=preferences.of(name),
            log_reading=LogReading(own, own_writer),
            naming=Naming(store=own, writer=own_writer),
            enrolment=Enrolment(profiles=voices.of(name), decoder=decoder, writer=own_writer),
        )

    practices = Practices(practice)
    return Scripted(
        store=store,
        audio=audio,
        spool=spool,
        writer=writer,
        practice=practices,
        workflow=practices("").workflow,
        recorder=practices("").recorder,
        steps=Steps(
            store=store,
            audio=audio,
            decoder=decoder,
            transcriber=transcriber or ScriptedTranscriber(CONSULT),
            drafter=drafter or ScriptedDrafter(DRAFT),
            writer=writer,
            preferences=preferences,
            voices=voices,
            demo=demo,
        ),
        keeper=Keeper(
            store=store, audio=audio, spool=spool, writer=writer, elapsed=elapsed or (lambda: clock().timestamp())
        ),
        preferences=preferences,
        voices=voices,
    )


def confirm_seen(workflow: Workflow, actor: Actor, consult_id: UUID, line_id: str) -> Consult:
    """What somebody does who looks at a line and confirms it as it is now."""
    review = workflow.review(actor, consult_id, first=False)
    return workflow.confirm_line(actor, consult_id, review.consult.version, line_id, review.seen.get(line_id, ""))


class MemorySpool:
    """See ``ports.Spool``. ``full`` is a full disk, for as long as it is true."""

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.name = token_bytes(8).hex()
        self.full = False
        self.clock = clock
        self.last: dict[UUID, datetime] = {}
        self._lock = RLock()
        self._sound: dict[UUID, tuple[bytes, bytearray]] = {}
        self._writers: dict[UUID, MemoryRecording] = {}
        self._followed: dict[UUID, bytearray] = {}

    def open(self, consult_id: UUID, key: bytes, *, new: bool = False) -> MemoryRecording:
        with self._lock:
            if consult_id in self._writers:
                raise Conflict
            if not new and consult_id not in self._sound:
                raise NotFound
            right_key, sound = self._sound.setdefault(consult_id, (key, bytearray()))
            if key != right_key:
                raise Unreadable
            writer = MemoryRecording(self, consult_id, sound)
            self._writers[consult_id] = writer
            return writer

    def read(self, consult_id: UUID, key: bytes) -> BinaryIO:
        with self._lock:
            if consult_id not in self._sound:
                raise NotFound
            right_key, sound = self._sound[consult_id]
            if key != right_key:
                raise Unreadable
            return io.BytesIO(bytes(sound))

    def last_sound(self, consult_id: UUID) -> datetime | None:
        with self._lock:
            return self.last.get(consult_id)

    def delete(self, consult_id: UUID) -> None:
        with self._lock:
            self._sound.pop(consult_id, None)
            self.last.pop(consult_id, None)
            self._followed.pop(consult_id, None)
            writer = self._writers.pop(consult_id, None)
            if writer is not None:
                writer.erased = True

    def follow(self, consult_id: UUID, key: bytes) -> MemoryFollowing | None:
        with self._lock:
            if consult_id not in self._sound:
                raise NotFound
            if consult_id in self._followed:
                return None
            sound = self._followed[consult_id] = self._sound[consult_id][1]

        def is_there() -> bool:
            return self._followed.get(consult_id) is sound

        def read() -> BinaryIO:
            with self._lock:
                if not is_there():
                    raise NotFound
                return self.read(consult_id, key)

        def close() -> None:
            with self._lock:
                if is_there():
                    del self._followed[consult_id]

        return MemoryFollowing(read=read, close=close)

    def consults(self) -> list[UUID]:
        with self._lock:
            return sorted(self._sound)

    def ended(self, consult_id: UUID, writer: MemoryRecording) -> None:
        with self._lock:
            if self._writers.get(consult_id) is writer:
                del self._writers[consult_id]


@dataclass(frozen=True, kw_only=True)
class MemoryFollowing:
    """See ``ports.Following``."""

    read: Callable[[], BinaryIO]
    close: Callable[[], None]


class MemoryRecording:
    """See ``ports.Recording``. What was not synced goes with it, as in a crash."""

    def __init__(self, spool: MemorySpool, consult_id: UUID, sound: bytearray) -> None:
        self._spool = spool
        self._consult_id = consult_id
        self._sound = sound
        self._waiting = bytearray()
        self._closed = False
        self.erased = False

    @property
    def position(self) -> int:
        return len(self._sound)

    def append(self, pcm: bytes) -> None:
        self._check()
        self._waiting += pcm

    def sync(self) -> int:
        self._check()
        waiting = bytes(self._waiting)
        self._waiting.clear()
        if waiting and self._spool.full:
            raise DiskFull
        self._sound += waiting
        if waiting:
            self._spool.last[self._consult_id] = self._spool.clock()
        return self.position

    def close(self) -> None:
        self._closed = True
        self._spool.ended(self._consult_id, self)

    def _check(self) -> None:
        if self._closed:
            raise ValueError("the recording is closed")
        if self.erased:
            raise NotFound


class ScriptedMicrophone:
    """See ``audio.microphone.Microphone``. Hears what is in ``script`` and then silence, faster than a real one, by a
    clock of its own (``clock``, ``wait``).

    A call in the script is made when the sound before it was heard; while it returns False there is silence.
    """

    def __init__(self, *script: bytes | Callable[[], object]) -> None:
        self.script = list(script)
        self.plugged = True
        self.busy = False
        self.now_s = 100.0

    def devices(self) -> list[Device]:
        names = ["ingebouwd", "Kraag", "Kraag USB"] if self.plugged else []
        return [Device(index=index, name=name, channels=1, default=index == 0) for index, name in enumerate(names)]

    def open(self, device: str) -> ScriptedCapture:
        found = chosen(self.devices(), device)
        if self.busy:
            raise MicrophoneBusy(name=found.name)
        return ScriptedCapture(self, found.name)

    def clock(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self._act()

    def heard(self) -> bytes | None:
        if self._act():
            return None
        if self.script and isinstance(self.script[0], bytes):
            said, self.script[0] = self.script[0][:MOST_HEARD], self.script[0][MOST_HEARD:]
            if not self.script[0]:
                del self.script[0]
            return said
        time.sleep(0.001)
        return bytes(MOST_HEARD)

    def _act(self) -> bool:
        act = self.script[0] if self.script else b""
        if isinstance(act, bytes):
            return False
        done = act() is not False
        if done:
            del self.script[0]
        return done


#: Bytes that a ``ScriptedMicrophone`` gives at once: 50 ms.
MOST_HEARD = RATE_HZ // 20 * 2


class ScriptedCapture:
    def __init__(self, microphone: ScriptedMicrophone, name: str) -> None:
        self._microphone = microphone
        self.name = name
        self.waiting_s = 0.0

    def take(self, timeout_s: float) -> Sound | None:
        if not self._microphone.plugged:
            raise MicrophoneLost
        pcm = self._microphone.heard()
        if pcm is None:
            return None
        self._microphone.now_s += len(pcm) / 2 / RATE_HZ
        return Sound(pcm=pcm, until_s=self._microphone.now_s)

    def close(self) -> None:
        pass
