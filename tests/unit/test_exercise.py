"""An exercise through the use cases: from a bundled consult to the outcome and the counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from consent import How, current_text, grant
from transcribe.asr.transcript import Speaker
from transcribe.consult import Action, Actor, Change, KeyPurpose, Reason, Role, Status
from transcribe.errors import Erased, ExerciseNotCopied, ExerciseRefused, InvalidInput, WrongStatus
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Mistake, Score, note_text
from transcribe.testing import Scripted, ScriptedTranscriber, confirm_seen, scripted_service, utterances

GP = Actor(name="Dr. Test", role=Role.HUISARTS)
TALK = utterances(
    (Speaker.PATIENT, "Ik heb al drie weken last van mijn rechterknie. Traplopen gaat moeilijk."),
    (Speaker.PATIENT, "Ik heb geen koorts gehad, wel ben ik moe."),
    (Speaker.HUISARTS, "Ik zie geen zwelling. De flexie is honderddertig graden."),
    (Speaker.HUISARTS, "De bloeddruk is honderdveertig over negentig."),
    (Speaker.HUISARTS, "Ik denk aan artrose van de rechterknie."),
    (Speaker.HUISARTS, "U mag naproxen nemen, tweemaal daags vijfhonderd milligram, zeven dagen."),
)


def service(*, demo: bool = True) -> Scripted:
    return scripted_service(transcriber=ScriptedTranscriber(TALK), drafter=ExtractiveDrafter(), demo=demo)


def drafted(made: Scripted, *, exercise: bool) -> UUID:
    consult = made.workflow.create(GP, "OEFENING-1", exercise=exercise)
    words = current_text()
    given = grant(
        how=How.SPOKEN,
        informed_by=GP.name,
        text_id=words.id,
        text_sha256=words.sha256,
        others_informed=True,
        now=datetime.now(UTC),
    )
    made.workflow.record_consent(GP, consult.id, given)
    made.workflow.receive(GP, consult.id, [b"RIFF"], (Speaker.HUISARTS, Speaker.PATIENT))
    made.work()
    return consult.id


def version(made: Scripted, consult_id: UUID) -> int:
    return made.store.consult(consult_id).version


def signed(made: Scripted, consult_id: UUID) -> None:
    for line_id in made.workflow.review(GP, consult_id).flags:
        confirm_seen(made.workflow, GP, consult_id, line_id)
    for missed in made.workflow.review(GP, consult_id).pressing:
        made.workflow.dismiss(GP, consult_id, version(made, consult_id), missed.utterance)
    made.workflow.approve(GP, consult_id, made.workflow.review(GP, consult_id).sha256)


def test_an_ordinary_consult_of_the_demonstration_gets_no_errors() -> None:
    made = service()
    with_errors, without = drafted(made, exercise=True), drafted(made, exercise=False)
    assert made.store.note(with_errors)[1].planted
    note = made.store.note(without)[1]
    assert note.planted == ()
    assert note == replace(ExtractiveDrafter().draft(made.store.transcript(without)), missed=note.missed)
    signed(made, without)
    assert made.store.note(without)[1].exercise is None
    assert made.workflow.exercises(GP) == []
    assert made.workflow.deliver(GP, without)


def test_outside_a_demonstration_there_are_no_exercises() -> None:
    made = service(demo=False)
    with pytest.raises(ExerciseRefused):
        made.workflow.create(GP, "OEFENING-1", exercise=True)
    # nor does a worker plant anything, wherever such a consult came from
    consult = made.store.consult(drafted(made, exercise=False))
    recorded = replace(
        consult, exercise=True, version=consult.version + 1, status=Status.TRANSCRIBED, reason=Reason.FAILED
    )
    made.store.apply(Change(consult=recorded, audit=made.writer.event(GP, Action.RETRIED, consult.id)))
    made.workflow.retry(GP, consult.id)
    made.work()
    assert made.store.consult(consult.id).reason is Reason.FAILED
    assert made.store.note(consult.id)[1].planted == ()


def test_the_outcome_is_told_at_the_signature_and_counted_without_content() -> None:
    made = service()
    consult_id = drafted(made, exercise=True)
    planted = made.store.note(consult_id)[1].planted
    one = next(one for one in planted if one.wrong and one.kind is not Mistake.LEFT_OUT)
    assert one.wrong is not None
    made.workflow.remove_line(GP, consult_id, version(made, consult_id), one.wrong.id)
    signed(made, consult_id)

    note = made.store.note(consult_id)[1]
    assert note.planted == ()
    assert note.exercise is not None
    assert [judged.planted for judged in note.exercise.judged] == list(planted)
    assert {judged.planted for judged in note.exercise.judged if judged.caught} == {one}
    assert any(judged.said for judged in note.exercise.judged)
    with pytest.raises(Erased):
        made.store.data_key(consult_id, KeyPurpose.SOURCE)

    (score,) = made.workflow.exercises(GP)
    assert made.workflow.exercises(replace(GP, name="Dr. Ander")) == []
    flagged = sum(other.flagged for other in planted)
    assert score == Score(
        planted=len(planted) - flagged,
        by="dr. test",
        caught=int(not one.flagged),
        flagged=flagged,
        flagged_caught=int(one.flagged),
        touched=0,
    )
    (entry,) = made.store.ledger(datetime.now(UTC).date())
    assert entry.checked.exercise == score


def test_an_exercise_ends_at_the_signature() -> None:
    made = service()
    consult_id = drafted(made, exercise=True)
    with pytest.raises(ExerciseNotCopied):
        made.workflow.deliver(GP, consult_id)
    signed(made, consult_id)
    for part in ("alles", "S"):
        with pytest.raises(ExerciseNotCopied):
            made.workflow.deliver(GP, consult_id, part)
    line = next(made.store.note(consult_id)[1].lines())
    with pytest.raises(WrongStatus):
        made.workflow.edit_line(GP, consult_id, version(made, consult_id), line.id, "Anders.")
    made.workflow.erase(GP, consult_id)
    assert len(made.workflow.exercises(GP)) == 1


def test_mending_an_error_teaches_the_style_nothing() -> None:
    made = service()
    for _ in range(3):
        consult_id = drafted(made, exercise=True)
        line = next(made.store.note(consult_id)[1].lines())
        text = line.text.replace("rechterknie", "linkerknie")
        made.workflow.edit_line(GP, consult_id, version(made, consult_id), line.id, text + " Anders.")
    assert made.preferences.rules(GP.name) == []


def test_the_text_that_is_signed_holds_nothing_of_the_outcome() -> None:
    made = service()
    consult_id = drafted(made, exercise=True)
    before = made.workflow.review(GP, consult_id).text
    signed(made, consult_id)
    assert note_text(made.store.note(consult_id)[1]) == before


def test_an_exercise_is_passed_on_to_nobody() -> None:
    made = scripted_service(transcriber=ScriptedTranscriber(utterances()), drafter=ExtractiveDrafter(), demo=True)
    exercise = drafted(made, exercise=True)
    with pytest.raises(InvalidInput, match="Een oefening is voor uzelf"):
        made.workflow.pass_on(GP, exercise, made.store.consult(exercise).version, "W. Neem")
