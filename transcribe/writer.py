"""The only caller of ``Store.apply``: a transition that is allowed, its audit row, and the job it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from consent import Consent
from transcribe import policy
from transcribe.access_log import event_of
from transcribe.asr.transcript import Transcript
from transcribe.audio.pcm import Decoded
from transcribe.consult import (
    Action,
    Actor,
    Approval,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    Delivery,
    KeyPurpose,
    Lease,
    LedgerEntry,
    Role,
    Status,
)
from transcribe.ports import Store
from transcribe.soep.note import Note

#: Who does what no person does.
SYSTEM = Actor(name="transcribe", role=Role.SYSTEEM)
#: Names of sound in the audio store.
PCM = "pcm"


class Writer:
    """Shared by all use cases. ``need``: what a worker must have to transcribe here (see ``Job``)."""

    def __init__(
        self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), need: str = ""
    ) -> None:
        self._store = store
        self._need = need
        self.clock = clock

    def create(self, actor: Actor, consult: Consult) -> None:
        self._store.apply(Change(consult=consult, audit=self.event(actor, Action.CONSULT_CREATED, consult.id)))

    def apply(
        self,
        actor: Actor,
        consult: Consult,
        action: Action,
        *,
        detail: str = "",
        whom: str = "",
        consent: Consent | None = None,
        transcript: Transcript | None = None,
        note: Note | None = None,
        approval: Approval | None = None,
        delivery: Delivery | None = None,
        message: str | None = None,
        destroy: tuple[Certificate, ...] = (),
        decoded: Decoded | None = None,
        ledger: LedgerEntry | None = None,
        lease: Lease | None = None,
        **fields: object,
    ) -> Consult:
        """Write ``consult`` with ``fields`` changed. Raises ``WrongStatus``, ``Conflict``, ``LeaseLost``."""
        to = fields.get("status", consult.status)
        if to is not consult.status:
            assert isinstance(to, Status)
            policy.check_transition(consult, to)
            drafted_anew = {consult.status, to} == {Status.DRAFTED, Status.TRANSCRIBED}
            if consult.status is Status.DRAFTED and not drafted_anew:
                fields["waits_for"], message = "", ""  # only a draft waits for somebody
            if to not in {Status.APPROVED, Status.DELIVERED} and not drafted_anew:
                fields["passed_by"] = ""  # it stands with that signature, and with no other draft
        fields = {"expires_at": None, "stumbles": 0, **fields}  # somebody is at it
        new = replace(consult, version=consult.version + 1, changed_at=self.clock(), **fields)  # type: ignore[arg-type]
        if new.status is Status.DRAFTED and new.readers and not new.waits_for:
            new = replace(new, waits_for=new.readers[0])  # nobody else could open what waits for everybody
        job = policy.job_for(new, self._need)
        self._store.apply(
            Change(
                consult=new,
                audit=self.event(actor, action, consult.id, detail, whom),
                consent=consent,
                transcript=transcript,
                note=note,
                approval=approval,
                delivery=delivery,
                message=message,
                destroy=destroy,
                decoded=decoded,
                ledger=ledger,
                jobs=() if job is None or job == policy.job_for(consult, self._need) else (job,),
                cancel_jobs=new.status in policy.OVER,
                lease=lease,
            )
        )
        return new

    def again(self, consult: Consult) -> None:
        """A new job for a consult that wants one and has none."""
        job = policy.job_for(consult, self._need)
        if job is not None:
            new = replace(consult, version=consult.version + 1)
            self._store.apply(Change(consult=new, audit=self.event(SYSTEM, Action.RETRIED, consult.id), jobs=(job,)))

    def event(
        self, actor: Actor, action: Action, consult_id: UUID | None, detail: str = "", whom: str = ""
    ) -> AuditEvent:
        return event_of(actor, action, self.clock(), consult_id, detail, whom)

    def certificates(self, consult_id: UUID, why: str, purposes: Iterable[KeyPurpose]) -> tuple[Certificate, ...]:
        """A certificate for each of these keys that still lives."""
        destroyed = {proof.purpose for proof in self._store.certificates(consult_id)}
        now = self.clock()
        return tuple(
            Certificate(id=uuid4(), consult_id=consult_id, purpose=purpose, why=why, destroyed_at=now)
            for purpose in purposes
            if purpose not in destroyed
        )
