"""Who may do what, and when: pure rules that raise a sentence a person can read. Tests are truth tables."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass

from transcribe.consult import TRANSITIONS, Actor, Approval, Consult, Role, Status
from transcribe.errors import (
    DemoModelRefused,
    NotAllowed,
    NotApproved,
    NoteHasOpenFlags,
    NothingToApprove,
    TextChanged,
    WrongStatus,
)
from transcribe.soep.note import Note, note_text, text_hash

EVERYBODY = frozenset({Role.HUISARTS, Role.WAARNEMER, Role.POH, Role.ASSISTENTE})
CAREGIVERS = frozenset({Role.HUISARTS, Role.WAARNEMER, Role.POH})
DOCTORS = frozenset({Role.HUISARTS, Role.WAARNEMER})


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What a role may do."""

    record: bool  # start consults, record consent and withdrawal, bring in recordings
    edit: bool  # read and change the note, listen
    approve: bool
    copy: bool


RIGHTS: dict[Role, Rights] = {
    role: Rights(record=role in EVERYBODY, edit=role in CAREGIVERS, approve=role in DOCTORS, copy=role in CAREGIVERS)
    for role in Role
}

#: Statuses in which there is a note to read.
WITH_NOTE = frozenset({Status.DRAFTED, Status.APPROVED, Status.DELIVERED})
#: Statuses in which the recording must be there, or is on its way.
WITH_SOURCE = frozenset({Status.RECORDING, Status.PAUSED, Status.RECORDED, Status.TRANSCRIBED, Status.DRAFTED})


def check_may_record(actor: Actor) -> None:
    if not RIGHTS[actor.role].record:
        raise NotAllowed(role=actor.role.value)


def check_may_edit(actor: Actor) -> None:
    if not RIGHTS[actor.role].edit:
        raise NotAllowed(role=actor.role.value)


def check_may_approve(actor: Actor) -> None:
    if not RIGHTS[actor.role].approve:
        raise NotAllowed(role=actor.role.value)


def check_may_copy(actor: Actor) -> None:
    if not RIGHTS[actor.role].copy:
        raise NotAllowed(role=actor.role.value)


def check_transition(consult: Consult, to: Status) -> None:
    """Raises ``WrongStatus`` unless ``TRANSITIONS`` allows it."""
    if to not in TRANSITIONS[consult.status]:
        raise WrongStatus(status=consult.status.value)


def check_status(consult: Consult, allowed: frozenset[Status]) -> None:
    if consult.status not in allowed:
        raise WrongStatus(status=consult.status.value)


def check_approve(actor: Actor, consult: Consult, note: Note, open_flags: Mapping[str, Sized], shown: str) -> None:
    """The gate before a signature: a doctor, a draft, every flag handled, and exactly the text that was on the screen.

    ``shown`` is the SHA-256 of the text the person saw.
    """
    check_may_approve(actor)
    check_transition(consult, Status.APPROVED)
    if not any(True for _ in note.lines()):
        raise NothingToApprove
    if open_flags:
        raise NoteHasOpenFlags(count=len(open_flags))
    if text_hash(note_text(note)) != shown:
        raise TextChanged


def check_deliver(actor: Actor, consult: Consult, note_version: int, note: Note, approval: Approval | None) -> Approval:
    """The gate before a copy: an approval of exactly this version and exactly this text. Returns it."""
    check_may_copy(actor)
    if (
        consult.status not in {Status.APPROVED, Status.DELIVERED}
        or approval is None
        or approval.note_version != note_version
        or approval.sha256 != text_hash(note_text(note))
    ):
        raise NotApproved
    return approval


def check_model(name: str, *, demo_only: bool, demo: bool) -> None:
    """A demonstration model never hears a real consult."""
    if demo_only and not demo:
        raise DemoModelRefused(model=name)
