"""What a patient may ask of us: to see all that is kept (AVG art. 15), and to have it erased (art. 17).

A draft that no doctor has verified is no statement about a patient yet, and promise 2 says that it is nobody's copy. So
it stays out of what is handed over unless a doctor decides otherwise, and then every row of it says what it is. See
docs/adr/0022-rights-of-a-patient.md.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from consent import Consent
from transcribe import policy
from transcribe.asr.transcript import Transcript
from transcribe.consult import (
    TRANSITIONS,
    Action,
    Actor,
    Approval,
    AuditEvent,
    Certificate,
    Consult,
    Delivery,
    KeyPurpose,
    Search,
    Status,
)
from transcribe.erasure import ON_REQUEST
from transcribe.errors import Conflict, Erased, NotFound, TranscribeError
from transcribe.ports import AudioStore, Spool, Store
from transcribe.soep.note import Note, note_text, text_hash
from transcribe.video import Video
from transcribe.workflow import Pcm16File
from transcribe.writer import PCM, Writer

log = logging.getLogger(__name__)

#: Somebody may be at work in it: a recording grows, a worker hands in its piece.
TRIES = 20
_MANY = 1_000_000  # rows of the access log of one consult


@dataclass(frozen=True, kw_only=True)
class KeptNote:
    version: int
    note: Note
    approval: Approval | None  # of exactly this text; None: a draft


@dataclass(frozen=True, kw_only=True)
class Held:
    """All that is kept of one consult, but its sound."""

    consult: Consult
    consents: tuple[Consent, ...]
    transcript: Transcript | None
    notes: tuple[KeptNote, ...]
    drafts: int  # versions of the note that no doctor approved; not in ``notes`` unless asked for
    message: str
    video: Video | None
    approvals: tuple[Approval, ...]
    deliveries: tuple[Delivery, ...]
    certificates: tuple[Certificate, ...]
    events: tuple[AuditEvent, ...]


class PatientRights:
    def __init__(self, *, store: Store, audio: AudioStore, spool: Spool, writer: Writer) -> None:
        self._store = store
        self._audio = audio
        self._spool = spool
        self._writer = writer

    def consults(self, patient_ref: str) -> list[Consult]:
        """All of this patient, newest first: also those that were erased, of which the proof is kept."""
        wanted, found = Search(patient_ref=patient_ref), list[Consult]()
        while page := self._store.search(wanted, after=found[-1].id if found else None):
            found += page
        return found

    def give_access(self, actor: Actor, consults: Sequence[Consult], *, decided_by: str) -> None:
        """To be called before anything is handed over: nobody sees what is not in the access log.

        ``decided_by``: the doctor who decided that drafts go along; "" when they do not.
        """
        detail = "met concepten" if decided_by else ""
        for consult in consults:
            self._store.log(self._writer.event(actor, Action.ACCESS_GIVEN, consult.id, detail, decided_by))

    def held(self, consult_id: UUID, *, drafts: bool) -> Held:
        approvals = self._store.approvals(consult_id)
        versions = self._versions(consult_id, approvals)
        return Held(
            consult=self._store.consult(consult_id),
            consents=tuple(self._store.consents(consult_id)),
            transcript=self._transcript(consult_id),
            notes=tuple(one for one in versions if drafts or one.approval),
            drafts=sum(one.approval is None for one in versions),
            message=self._store.message(consult_id),
            video=self._video(consult_id),
            approvals=tuple(approvals),
            deliveries=tuple(self._store.deliveries(consult_id)),
            certificates=tuple(self._store.certificates(consult_id)),
            events=tuple(self._store.events(consult_id, limit=_MANY)),
        )

    def sound(self, consult: Consult) -> Pcm16File | None:
        """The stored recording; None when there is none (any more), or none yet."""
        if consult.status not in policy.STORED:
            return None
        try:
            key = self._store.data_key(consult.id, KeyPurpose.SOURCE)
            return Pcm16File(file=self._audio.open(consult.id, PCM, key), channels=len(consult.channels) or 1)
        except (Erased, NotFound):
            return None

    def erase(self, actor: Actor, consult_id: UUID) -> bool:
        """Destroy all of this consult at the patient's request, whoever is at work in it. May be done again.

        Returns whether there was anything left. Raises ``Conflict`` when somebody else was first all the time.
        """
        for _ in range(TRIES):
            consult = self._store.consult(consult_id)
            proofs = self._writer.certificates(consult_id, ON_REQUEST, KeyPurpose)
            if proofs:
                following = TRANSITIONS[consult.status]
                to = next((one for one in (Status.DISCARDED, Status.ERASED) if one in following), consult.status)
                try:
                    self._writer.apply(
                        actor, consult, Action.ERASED, detail=ON_REQUEST, status=to, reason=None, destroy=proofs
                    )
                except Conflict:
                    continue
            self._remove_sound(consult_id)  # also when the key was gone already: whoever was stopped here comes back
            return bool(proofs)
        raise Conflict

    def _remove_sound(self, consult_id: UUID) -> None:
        """Its key is gone already; the keeper does this again until the certificate is complete."""
        try:
            self._spool.delete(consult_id)
            self._audio.delete(consult_id)
        except (TranscribeError, OSError) as problem:
            log.warning("consult %s: sound can't be removed now (%s)", consult_id, type(problem).__name__)

    def _versions(self, consult_id: UUID, approvals: Sequence[Approval]) -> list[KeptNote]:
        """Those that can still be read, oldest first."""
        try:
            newest = self._store.note(consult_id)
        except Erased:
            newest = None
        if newest is None:
            return []
        found = []
        for version in range(1, newest[0] + 1):
            try:
                kept = self._store.note(consult_id, version)
            except Erased:  # a draft that went at the approval
                continue
            if kept is not None:
                signed = (version, text_hash(note_text(kept[1])))
                approval = next((one for one in approvals if (one.note_version, one.sha256) == signed), None)
                found.append(KeptNote(version=version, note=kept[1], approval=approval))
        return found

    def _transcript(self, consult_id: UUID) -> Transcript | None:
        try:
            return self._store.transcript(consult_id)
        except Erased:
            return None

    def _video(self, consult_id: UUID) -> Video | None:
        version, video = self._store.video(consult_id)
        return video if version else None
