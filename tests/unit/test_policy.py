"""The rules as truth tables."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe import policy
from transcribe.consult import TRANSITIONS, Actor, Approval, Consult, Part, Role, Status, name_key, plain_name
from transcribe.errors import (
    CopyChanged,
    DemoModelRefused,
    ExerciseNotCopied,
    ExerciseRefused,
    InvalidInput,
    NotAllowed,
    NotApproved,
    NoteHasOpenFlags,
    NothingToApprove,
    NotPassedOn,
    TextChanged,
    WaitsFor,
    WaitsForNobody,
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


# --- passing on ----------------------------------------------------------------------------------------------------

LOCUM = Actor(name="W. Neem", role=Role.WAARNEMER)
NURSE = Actor(name="P. Zorg", role=Role.POH)
ASSISTANT = Actor(name="A. Balie", role=Role.ASSISTENTE)


@pytest.mark.parametrize(
    ("actor", "status", "waits_for", "passed_by", "pass_on", "send_back", "take_over", "approve"),
    [
        # nobody in particular
        (GP, Status.DRAFTED, "", "", None, NotPassedOn, WaitsForNobody, None),
        (GP, Status.DRAFTED, "", GP.name, None, NotPassedOn, WaitsForNobody, None),
        (NURSE, Status.DRAFTED, "", "", None, NotPassedOn, NotAllowed, NotAllowed),
        (ASSISTANT, Status.DRAFTED, "", "", NotAllowed, NotAllowed, NotAllowed, NotAllowed),
        # it waits for this person
        (GP, Status.DRAFTED, GP.name, LOCUM.name, None, None, None, None),
        (NURSE, Status.DRAFTED, NURSE.name, LOCUM.name, None, None, NotAllowed, NotAllowed),
        (GP, Status.DRAFTED, GP.name, "", None, NotPassedOn, None, None),
        (ASSISTANT, Status.DRAFTED, ASSISTANT.name, GP.name, NotAllowed, NotAllowed, NotAllowed, NotAllowed),
        # it waits for somebody else
        (GP, Status.DRAFTED, LOCUM.name, NURSE.name, WaitsFor, WaitsFor, None, WaitsFor),
        (GP, Status.DRAFTED, LOCUM.name, GP.name, WaitsFor, WaitsFor, None, WaitsFor),
        (LOCUM, Status.DRAFTED, GP.name, "", WaitsFor, WaitsFor, None, WaitsFor),
        (NURSE, Status.DRAFTED, LOCUM.name, GP.name, WaitsFor, WaitsFor, NotAllowed, NotAllowed),
        (NURSE, Status.DRAFTED, LOCUM.name, NURSE.name, WaitsFor, WaitsFor, None, NotAllowed),
        (ASSISTANT, Status.DRAFTED, LOCUM.name, GP.name, NotAllowed, NotAllowed, NotAllowed, NotAllowed),
        # no draft
        (GP, Status.TRANSCRIBED, "", "", WrongStatus, WrongStatus, WrongStatus, WrongStatus),
        (GP, Status.APPROVED, "", LOCUM.name, WrongStatus, WrongStatus, WrongStatus, WrongStatus),
        (GP, Status.WITHDRAWN, "", "", WrongStatus, WrongStatus, WrongStatus, WrongStatus),
    ],
)
def test_whose_turn_it_is(actor, status, waits_for, passed_by, pass_on, send_back, take_over, approve) -> None:
    draft = replace(consult(status), waits_for=waits_for, passed_by=passed_by)
    checks = {
        lambda: policy.check_pass_on(actor, draft, "C. Ollega"): pass_on,
        lambda: policy.check_send_back(actor, draft): send_back,
        lambda: policy.check_take_over(actor, draft): take_over,
        lambda: policy.check_approve(actor, draft, NOTE, {}, SHOWN): approve,
    }
    for check, refusal in checks.items():
        if refusal is None:
            check()
        else:
            with pytest.raises(refusal):
                check()


def test_nobody_passes_a_draft_on_to_themselves() -> None:
    for name in (GP.name, GP.name.lower(), f" {GP.name}  "):
        with pytest.raises(InvalidInput, match="aan uzelf"):
            policy.check_pass_on(GP, consult(Status.DRAFTED), name)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("w.  neem", "W. Neem"),
        ("Ｗ. Neem", "W. Neem"),
        ("Andre\u0301", "André"),
        ("a. \u2019t hart\u2010straße", "A. 't Hart-Strasse"),
    ],
)
def test_a_name_is_the_same_however_it_is_typed(typed: str, name: str) -> None:
    assert name_key(typed) == name_key(name)
    draft = replace(consult(Status.DRAFTED), waits_for=typed, passed_by=typed)
    assert policy.part_of(draft, name) is Part.MINE
    assert not policy.waits_elsewhere(Actor(name=name, role=Role.POH), draft)
    assert policy.may_take_over(Actor(name=name, role=Role.POH), draft)


@given(st.text())
def test_nor_does_it_matter_how_its_accents_and_blanks_are_written(name: str) -> None:
    for form in ("NFC", "NFD", "NFKD"):
        assert name_key(f" {unicodedata.normalize(form, name)}\t") == name_key(name)
    assert name_key(plain_name(name)) == name_key(name)


def test_nothing_waits_for_who_may_not_read_it() -> None:
    draft = replace(consult(Status.DRAFTED), waits_for=ASSISTANT.name)
    assert policy.waits_elsewhere(ASSISTANT, draft)
    assert policy.part_of(draft, policy.receiver(ASSISTANT)) is Part.OTHERS


@pytest.mark.parametrize("name", ["W. Neem", "Dr. É. van 't Hart-Dağlı", "Ó Briain", "В. Иванова", "山田"])
def test_what_may_be_the_name_of_a_colleague(name: str) -> None:
    policy.check_name(name)


@pytest.mark.parametrize(
    "name", ["W. N\u0435em", "mevr. Jansen 12-03-1950", "W. Neem <wn>", "a@b", "...", "W. Ne\u200bem", "Andre \u0301"]
)
def test_what_is_no_name_of_a_colleague(name: str) -> None:
    with pytest.raises(InvalidInput, match="Deze naam kan niet"):
        policy.check_name(name)


@pytest.mark.parametrize(
    ("status", "waits_for", "part"),
    [
        (Status.DRAFTED, "", Part.CHECK),
        (Status.DRAFTED, GP.name, Part.MINE),
        (Status.DRAFTED, LOCUM.name, Part.OTHERS),
        (Status.APPROVED, "", Part.ACT),
    ],
)
def test_in_which_part_of_whose_worklist(status, waits_for, part) -> None:
    draft = replace(consult(status), waits_for=waits_for)
    assert policy.part_of(draft, GP.name) is part
    assert policy.part_of(draft) is (Part.OTHERS if waits_for else part)


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


def test_a_text_that_is_not_on_the_screen_is_not_copied() -> None:
    signed = approval()
    assert policy.check_deliver(GP, consult(Status.APPROVED), 2, NOTE, signed, signed.sha256) == signed
    with pytest.raises(CopyChanged):
        policy.check_deliver(GP, consult(Status.APPROVED), 2, NOTE, signed, text_hash("van daarvoor"))


@pytest.mark.parametrize("status", list(Status))
def test_the_text_of_an_exercise_is_never_copied(status: Status) -> None:
    with pytest.raises(ExerciseNotCopied):
        policy.check_deliver(GP, replace(consult(status), exercise=True), 2, NOTE, approval())


@pytest.mark.parametrize("demo", [True, False])
def test_errors_are_planted_in_a_demonstration_only(demo: bool) -> None:
    if demo:
        policy.check_exercise(demo=demo)
    else:
        with pytest.raises(ExerciseRefused):
            policy.check_exercise(demo=demo)


@pytest.mark.parametrize("exercise", [True, False])
@pytest.mark.parametrize("status", list(Status))
def test_a_note_may_be_changed_while_there_is_one_and_an_exercise_until_it_is_signed(
    status: Status, exercise: bool
) -> None:
    allowed = {Status.DRAFTED} if exercise else {Status.DRAFTED, Status.APPROVED, Status.DELIVERED}
    if status in allowed:
        policy.check_edit(GP, replace(consult(status), exercise=exercise))
    else:
        with pytest.raises(WrongStatus):
            policy.check_edit(GP, replace(consult(status), exercise=exercise))


def test_the_recording_of_an_exercise_does_not_go_on() -> None:
    made_live = replace(consult(Status.DRAFTED), upload="live-x")
    assert policy.can_go_on(made_live)
    assert not policy.can_go_on(replace(made_live, exercise=True))


def test_a_signed_exercise_asks_nothing_more() -> None:
    signed = consult(Status.APPROVED)
    assert policy.part_of(signed) is Part.ACT
    assert policy.part_of(replace(signed, exercise=True)) is Part.DONE
    assert policy.part_of(replace(consult(Status.DRAFTED), exercise=True)) is Part.CHECK


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


# --- a reference that is a BSN --------------------------------------------------------------------------------------

WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)
NINE_DIGITS = st.text("0123456789", min_size=9, max_size=9)


@pytest.mark.parametrize(
    "ref", ["999911624", "999911120", " 9999.11.132 ", "999-911-624", "BSN 999911624", "p999911624x"]
)
def test_the_test_numbers_are_recognised_however_they_are_written(ref: str) -> None:
    assert policy.like_bsn(ref)


@pytest.mark.parametrize(
    "ref", ["", "P-4711", "999911625", "99991162", "9999116240", "0999911624", "000000000", "12345"]
)
def test_what_is_no_bsn_is_not_taken_for_one(ref: str) -> None:
    assert not policy.like_bsn(ref)


@given(NINE_DIGITS.filter(lambda digits: digits != "0" * 9))
def test_nine_digits_are_like_a_bsn_when_their_weighted_sum_is_a_multiple_of_eleven(digits: str) -> None:
    assert policy.like_bsn(digits) == (sum(int(one) * by for one, by in zip(digits, WEIGHTS, strict=True)) % 11 == 0)


@given(NINE_DIGITS.filter(policy.like_bsn), st.integers(0, 8), st.integers(1, 9))
def test_one_other_digit_is_another_number(digits: str, place: int, more: int) -> None:
    other = str((int(digits[place]) + more) % 10)
    assert not policy.like_bsn(digits[:place] + other + digits[place + 1 :])


@given(st.text())
def test_any_reference_gets_an_answer(ref: str) -> None:
    assert policy.like_bsn(ref) in {True, False}
