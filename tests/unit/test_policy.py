"""The rules as truth tables."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from transcribe import policy
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
from transcribe.soep.note import Line, Note, Report, Section, note_text, text_hash

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
GP = Actor(name="Dr. Test", role=Role.HUISARTS)
NOTE = Note(reports=(Report(id="R1", lines=(Line(id="L1", section=Section.S, text="Sinds 3 dagen keelpijn."),)),))
SHOWN = text_hash(note_text(NOTE))


def consult(status: Status) -> Consult:
    return Consult(id=uuid4(), patient_ref="P-1", status=status, created_at=NOW, changed_at=NOW, version=1)


def approval(**changes: object) -> Approval:
    base = Approval(
        id=uuid4(),
        consult_id=uuid4(),
        note_version=2,
        sha256=SHOWN,
        approved_by="x",
        role=Role.HUISARTS,
        approved_at=NOW,
    )
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("role", "record", "edit", "approve", "copy"),
    [
        (Role.HUISARTS, True, True, True, True),
        (Role.WAARNEMER, True, True, True, True),
        (Role.POH, True, True, False, True),
        (Role.ASSISTENTE, True, False, False, False),
        (Role.SYSTEEM, False, False, False, False),
    ],
)
def test_who_may_do_what(role: Role, record: bool, edit: bool, approve: bool, copy: bool) -> None:
    actor = Actor(name="x", role=role)
    checks = {
        policy.check_may_record: record,
        policy.check_may_edit: edit,
        policy.check_may_approve: approve,
        policy.check_may_copy: copy,
    }
    for check, allowed in checks.items():
        if allowed:
            check(actor)
        else:
            with pytest.raises(NotAllowed):
                check(actor)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("to", list(Status))
def test_only_the_transitions_of_the_table(status: Status, to: Status) -> None:
    if to in TRANSITIONS[status]:
        policy.check_transition(consult(status), to)
    else:
        with pytest.raises(WrongStatus):
            policy.check_transition(consult(status), to)


def test_every_status_has_a_row_and_can_be_reached_and_ended() -> None:
    assert set(TRANSITIONS) == set(Status)
    reached = {Status.NEW} | {to for following in TRANSITIONS.values() for to in following}
    assert reached == set(Status)
    for start in Status:  # from everywhere there is a way to ERASED: nothing stays for ever
        seen, queue = {start}, [start]
        while queue:
            for to in TRANSITIONS[queue.pop()] - seen:
                seen.add(to)
                queue.append(to)
        assert Status.ERASED in seen


def test_no_delivery_is_reached_around_approval() -> None:
    """Without APPROVED in the way, DELIVERED can't be reached from the start."""
    seen, queue = {Status.NEW}, [Status.NEW]
    while queue:
        for to in TRANSITIONS[queue.pop()] - seen - {Status.APPROVED}:
            seen.add(to)
            queue.append(to)
    assert Status.DELIVERED not in seen


@pytest.mark.parametrize(
    ("actor", "status", "note", "flags", "shown", "refusal"),
    [
        (GP, Status.DRAFTED, NOTE, {}, SHOWN, None),
        (Actor(name="x", role=Role.POH), Status.DRAFTED, NOTE, {}, SHOWN, NotAllowed),
        (GP, Status.APPROVED, NOTE, {}, SHOWN, WrongStatus),
        (GP, Status.TRANSCRIBED, NOTE, {}, SHOWN, WrongStatus),
        (GP, Status.DRAFTED, Note(reports=(Report(id="R1", lines=()),)), {}, SHOWN, NothingToApprove),
        (GP, Status.DRAFTED, NOTE, {"L1": ("geen bron",)}, SHOWN, NoteHasOpenFlags),
        (GP, Status.DRAFTED, NOTE, {}, text_hash(note_text(NOTE) + " "), TextChanged),
    ],
)
def test_when_a_note_may_be_approved(actor, status, note, flags, shown, refusal) -> None:
    if refusal is None:
        policy.check_approve(actor, consult(status), note, flags, shown)
    else:
        with pytest.raises(refusal):
            policy.check_approve(actor, consult(status), note, flags, shown)


@pytest.mark.parametrize(
    ("status", "note_version", "given", "allowed"),
    [
        (Status.APPROVED, 2, approval(), True),
        (Status.DELIVERED, 2, approval(), True),
        (Status.APPROVED, 3, approval(), False),  # edited since
        (Status.APPROVED, 2, approval(sha256=text_hash("iets anders")), False),
        (Status.APPROVED, 2, None, False),
        (Status.DRAFTED, 2, approval(), False),
        (Status.WITHDRAWN, 2, approval(), False),
        (Status.ERASED, 2, approval(), False),
    ],
)
def test_when_a_note_may_be_copied(status, note_version, given, allowed) -> None:
    if allowed:
        assert policy.check_deliver(GP, consult(status), note_version, NOTE, given) == given
    else:
        with pytest.raises(NotApproved):
            policy.check_deliver(GP, consult(status), note_version, NOTE, given)


@pytest.mark.parametrize(
    ("demo_only", "demo", "refused"),
    [(True, False, True), (True, True, False), (False, False, False), (False, True, False)],
)
def test_the_demo_model_hears_no_real_consult(demo_only: bool, demo: bool, refused: bool) -> None:
    if refused:
        with pytest.raises(DemoModelRefused):
            policy.check_model("m", demo_only=demo_only, demo=demo)
    else:
        policy.check_model("m", demo_only=demo_only, demo=demo)
