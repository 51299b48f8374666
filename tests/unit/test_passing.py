"""A draft that waits for a colleague: passed on, sent back, taken over. Use cases on fakes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.test_workflow import GP, POH, approved, drafted
from transcribe.consult import Action, Actor, Consult, Part, Reason, Role, Search, Status
from transcribe.contact import Contact
from transcribe.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotPassedOn,
    TextChanged,
    WaitsFor,
    WaitsForNobody,
    WrongStatus,
)
from transcribe.testing import Scripted, confirm_seen, scripted_service
from transcribe.workflow import MAX_MESSAGE, MAX_NAME

LOCUM = Actor(name="W. Neem", role=Role.WAARNEMER)
SECRET = "Graag de amoxicilline nakijken"


@pytest.fixture
def service() -> Scripted:
    return scripted_service()


@pytest.fixture
def waiting(service: Scripted) -> Consult:
    """For the locum, with a message of the GP."""
    consult = drafted(service)
    return service.workflow.pass_on(GP, consult.id, consult.version, LOCUM.name, f"  {SECRET}\n ")


def sign(service: Scripted, actor: Actor, consult: Consult) -> None:
    workflow = service.workflow
    for line_id in workflow.review(actor, consult.id).flags:
        confirm_seen(workflow, actor, consult.id, line_id)
    workflow.approve(actor, consult.id, workflow.review(actor, consult.id).sha256)


def log(service: Scripted) -> list[tuple[str, Action, str]]:
    """Of the latest things that people did to whom it waits for."""
    kinds = {Action.PASSED_ON, Action.SENT_BACK, Action.TAKEN_OVER}
    return [(event.actor, event.action, event.whom) for event in service.store.events() if event.action in kinds]


def test_a_draft_that_was_passed_on_is_the_receivers(service: Scripted, waiting: Consult) -> None:
    workflow = service.workflow
    assert (waiting.status, waiting.waits_for, waiting.passed_by) == (Status.DRAFTED, LOCUM.name, GP.name)
    review = workflow.review(LOCUM, waiting.id)
    assert review.message == SECRET
    attempts = (
        lambda: workflow.edit_line(GP, waiting.id, waiting.version, "L1", "Anders."),
        lambda: workflow.undo(GP, waiting.id, waiting.version),
        lambda: workflow.change_contact(GP, waiting.id, waiting.version, Contact()),
        lambda: workflow.approve(GP, waiting.id, review.sha256),
        lambda: workflow.discard(GP, waiting.id),
        lambda: workflow.pass_on(GP, waiting.id, waiting.version, "Z. Ander"),
        lambda: workflow.send_back(GP, waiting.id, waiting.version),
    )
    for attempt in attempts:
        with pytest.raises(WaitsFor, match="wacht op W"):
            attempt()
    assert workflow.consult(waiting.id) == waiting
    # what is typed is kept all the same
    workflow.keep_typing(GP, waiting.id, "L1", "half")
    assert [(one.editor, one.text) for one in workflow.review(GP, waiting.id).typed] == [("L1", "half")]
    sign(service, LOCUM, waiting)
    signed = workflow.consult(waiting.id)
    assert (signed.status, signed.waits_for, signed.passed_by) == (Status.APPROVED, "", GP.name)
    assert log(service) == [(GP.name, Action.PASSED_ON, "W. Neem")]


def test_it_is_sent_back_with_a_message_and_only_by_the_receiver(service: Scripted, waiting: Consult) -> None:
    workflow = service.workflow
    back = workflow.send_back(LOCUM, waiting.id, waiting.version, "Wel links?")
    assert (back.waits_for, back.passed_by) == (GP.name, LOCUM.name)
    assert workflow.review(GP, back.id).message == "Wel links?"
    with pytest.raises(WaitsFor):
        workflow.send_back(LOCUM, back.id, back.version)
    sign(service, GP, back)
    assert log(service)[-1] == (LOCUM.name, Action.SENT_BACK, "Dr. Test")


def test_what_nobody_passed_on_can_not_be_sent_back(service: Scripted) -> None:
    consult = drafted(service)
    with pytest.raises(NotPassedOn):
        service.workflow.send_back(GP, consult.id, consult.version)


def test_another_doctor_takes_it_over_with_the_message(service: Scripted, waiting: Consult) -> None:
    workflow, third = service.workflow, Actor(name="D. Derde", role=Role.HUISARTS)
    mine = workflow.take_over(third, waiting.id, waiting.version)
    assert (mine.waits_for, mine.passed_by) == (third.name, GP.name)
    assert workflow.review(third, mine.id).message == SECRET
    assert workflow.take_over(third, mine.id, waiting.version) == mine  # twice is once
    with pytest.raises(WaitsFor, match="wacht op D"):
        workflow.take_over(LOCUM, mine.id, waiting.version)  # too late: who was first is said
    assert log(service)[1:] == [(third.name, Action.TAKEN_OVER, "W. Neem")]


@pytest.mark.parametrize("who", [GP, POH])
def test_whoever_passed_it_on_takes_it_back_and_the_message_is_gone(service: Scripted, who: Actor) -> None:
    workflow, consult = service.workflow, drafted(service)
    waiting = workflow.pass_on(who, consult.id, consult.version, "W. Nem", SECRET)
    back = workflow.take_over(who, waiting.id, waiting.version)
    assert (back.waits_for, back.passed_by) == (who.name, "")
    assert service.store.message(back.id) == ""


def test_a_nurse_takes_nothing_over_from_a_doctor(service: Scripted, waiting: Consult) -> None:
    with pytest.raises(NotAllowed):
        service.workflow.take_over(POH, waiting.id, waiting.version)


def test_a_stale_page_passes_nothing_on(service: Scripted) -> None:
    workflow, consult = service.workflow, drafted(service)
    workflow.edit_line(LOCUM, consult.id, consult.version, "L1", "Van een ander.")
    with pytest.raises(Conflict):
        workflow.pass_on(GP, consult.id, consult.version, LOCUM.name)
    assert log(service) == []


def test_the_text_that_was_on_the_screen_of_another_is_not_signed(service: Scripted, waiting: Consult) -> None:
    workflow = service.workflow
    shown = workflow.review(GP, waiting.id).sha256
    workflow.edit_line(LOCUM, waiting.id, waiting.version, "L1", "Van de waarnemer.")
    workflow.take_over(GP, waiting.id, workflow.consult(waiting.id).version)
    for line_id in workflow.review(GP, waiting.id).flags:
        confirm_seen(workflow, GP, waiting.id, line_id)
    with pytest.raises(TextChanged):
        workflow.approve(GP, waiting.id, shown)


def test_only_a_draft_waits_for_somebody(service: Scripted) -> None:
    consult = approved(service)
    with pytest.raises(WrongStatus):
        service.workflow.pass_on(GP, consult.id, consult.version, LOCUM.name)


def test_who_passed_it_on_stands_with_that_signature_only(service: Scripted, waiting: Consult) -> None:
    workflow = service.workflow
    sign(service, LOCUM, waiting)
    workflow.deliver(LOCUM, waiting.id, "alles")
    signed = workflow.consult(waiting.id)
    assert (signed.status, signed.passed_by) == (Status.DELIVERED, GP.name)
    opened = workflow.edit_line(LOCUM, waiting.id, signed.version, "L1", "Toch anders.")
    assert (opened.status, opened.waits_for, opened.passed_by) == (Status.DRAFTED, "", "")
    with pytest.raises(WaitsForNobody):
        workflow.take_over(GP, opened.id, opened.version)
    with pytest.raises(NotPassedOn):
        workflow.send_back(LOCUM, opened.id, opened.version)
    sign(service, LOCUM, opened)
    assert workflow.consult(waiting.id).passed_by == ""


def test_nor_does_it_outlive_a_draft_whose_recording_goes_on(service: Scripted, waiting: Consult) -> None:
    running = service.writer.apply(LOCUM, waiting, Action.RECORDING_PAUSED, status=Status.PAUSED)
    assert (running.waits_for, running.passed_by, service.store.message(waiting.id)) == ("", "", "")


@pytest.mark.parametrize("end", ["approve", "withdraw", "discard"])
def test_the_message_ends_with_the_draft(service: Scripted, waiting: Consult, end: str) -> None:
    workflow = service.workflow
    if end == "approve":
        sign(service, LOCUM, waiting)
    elif end == "withdraw":
        workflow.withdraw(GP, waiting.id)  # the patient waits for nobody
    else:
        workflow.discard(LOCUM, waiting.id)
    assert service.store.message(waiting.id) == ""
    ended = workflow.consult(waiting.id)
    assert (ended.waits_for, ended.passed_by) == ("", GP.name if end == "approve" else "")


def test_the_message_with_a_note_that_was_reopened_goes_at_the_next_signature(service: Scripted) -> None:
    """The key of its source is gone by then, and that of the note lives on."""
    workflow, consult = service.workflow, approved(service)
    consult = workflow.edit_line(GP, consult.id, consult.version, "L1", "Toch anders.")
    assert consult.reason is Reason.EDITED_AFTER_APPROVAL
    consult = workflow.pass_on(GP, consult.id, consult.version, LOCUM.name, SECRET)
    assert workflow.review(LOCUM, consult.id).message == SECRET
    sign(service, LOCUM, consult)
    assert service.store.message(consult.id) == ""


def test_the_log_has_the_names_and_never_the_message(service: Scripted, waiting: Consult) -> None:
    workflow = service.workflow
    back = workflow.send_back(LOCUM, waiting.id, waiting.version, SECRET)
    workflow.take_over(LOCUM, back.id, back.version)
    assert [detail for _, _, detail in log(service)] == ["W. Neem", "Dr. Test", "Dr. Test"]
    assert SECRET not in repr(service.store.events())
    assert SECRET not in repr(service.store.search(Search()))


@pytest.mark.parametrize(
    ("to", "message", "problem"),
    [
        ("", "", "Vul in aan wie"),
        (" \t ", "", "Vul in aan wie"),
        ("x" * (MAX_NAME + 1), "", "Deze naam kan niet"),
        ("W.\0Neem", "", "Deze naam kan niet"),
        ("W. \u202eNeem", "", "Deze naam kan niet"),
        (GP.name, "", "aan uzelf"),
        (f" {GP.name.lower()} ", "", "aan uzelf"),
        ("W. N\u0435em", "", "Deze naam kan niet"),  # a Cyrillic letter
        ("mevr. Jansen 12-03-1950", "", "Deze naam kan niet"),
        (LOCUM.name, "x" * (MAX_MESSAGE + 1), "te lang"),
        (LOCUM.name, "Klopt \u202ezo?", "onzichtbaar"),
        (LOCUM.name, "Klopt\x00?", "onzichtbaar"),
    ],
)
def test_what_can_not_be_is_refused_in_dutch(service: Scripted, to: str, message: str, problem: str) -> None:
    consult = drafted(service)
    with pytest.raises(InvalidInput, match=problem):
        service.workflow.pass_on(GP, consult.id, consult.version, to, message)
    assert service.workflow.consult(consult.id) == consult


def test_a_name_is_written_as_its_owner_does(service: Scripted) -> None:
    approved(service)
    consult = drafted(service)
    assert service.workflow.colleagues(GP) == []
    assert service.workflow.colleagues(LOCUM) == [GP.name]
    passed = service.workflow.pass_on(LOCUM, consult.id, consult.version, "  dr.   TEST ")
    assert passed.waits_for == GP.name


def test_only_a_name_that_is_new_here_is_worth_a_question(service: Scripted) -> None:
    approved(service)
    workflow, consult = service.workflow, drafted(service)
    assert not workflow.is_new_name(LOCUM, consult.id, "dr. test")
    assert workflow.is_new_name(LOCUM, consult.id, "Dr. Tset")
    with pytest.raises(InvalidInput, match="aan uzelf"):
        workflow.is_new_name(LOCUM, consult.id, "w. neem")


def test_a_draft_finds_a_reader_who_never_worked_here_however_the_name_was_typed(service: Scripted) -> None:
    workflow, consult = service.workflow, drafted(service)
    waiting = workflow.pass_on(GP, consult.id, consult.version, "w.  neem")
    assert workflow.search(Search(part=Part.MINE, person=LOCUM.name)) == [waiting]
    assert workflow.take_over(LOCUM, waiting.id, waiting.version) == waiting  # it is already
    sign(service, LOCUM, waiting)
    assert workflow.colleagues(GP) == [LOCUM.name]


def test_a_change_takes_the_warning_away_as_every_change_does(service: Scripted) -> None:
    consult = drafted(service)
    warned = replace(consult, version=consult.version + 1, expires_at=consult.changed_at)
    service.writer.apply(GP, consult, Action.NOTE_EDITED, expires_at=warned.expires_at)
    passed = service.workflow.pass_on(GP, consult.id, consult.version + 1, LOCUM.name)
    assert passed.expires_at is None


def test_where_people_have_accounts_no_other_name_is_taken(service: Scripted) -> None:
    """What is typed here goes into the access log: it could be a sentence."""
    consult = drafted(service)
    service.workflow._staff = lambda practice: [GP.name, LOCUM.name]
    with pytest.raises(InvalidInput):
        service.workflow.pass_on(GP, consult.id, consult.version, "Heeft veel pijn")
    assert service.workflow.pass_on(GP, consult.id, consult.version, "w. neem").waits_for == LOCUM.name
