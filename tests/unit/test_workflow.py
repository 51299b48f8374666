"""The use cases on fakes: what each leaves behind, above all when something goes wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from uuid import UUID

import pytest

from consent import ConsentMissing, How, current_text, grant
from transcribe.asr.transcript import Speaker
from transcribe.audio.pcm import Span
from transcribe.consult import Action, Actor, Change, KeyPurpose, Lease, Reason, Role, Search, Space, Stage, Status
from transcribe.errors import (
    Conflict,
    DecoderFailed,
    DiskLow,
    EmptyFile,
    Erased,
    InvalidInput,
    LeaseLost,
    NoAudioTrack,
    NoSpeech,
    NotApproved,
    NotAudio,
    NoteHasOpenFlags,
    NotFound,
    StoreUnavailable,
    TextChanged,
    TooLong,
    TranscribeError,
    Unreadable,
    WrongStatus,
)
from transcribe.health import Problem, problems_of
from transcribe.soep import check
from transcribe.soep.check import open_findings
from transcribe.soep.note import Origin, Section
from transcribe.steps import MOST_STUMBLES, Interrupted, Later
from transcribe.testing import (
    CONSULT,
    MemoryStore,
    ScriptedDecoder,
    ScriptedTranscriber,
    confirm_seen,
    scripted_service,
)
from transcribe.writer import PCM

GP = Actor(name="Dr. Test", role=Role.HUISARTS)
POH = Actor(name="P. Test", role=Role.POH)
BOTH = (Speaker.HUISARTS, Speaker.PATIENT)
WORDS = current_text()


def spoken_consent():
    return grant(
        how=How.SPOKEN,
        informed_by="Dr. Test",
        text_id=WORDS.id,
        text_sha256=WORDS.sha256,
        others_informed=True,
        now=datetime.now(UTC),
    )


def consented(workflow):
    consult = workflow.create(GP, "P-1")
    return workflow.record_consent(GP, consult.id, spoken_consent())


def recorded(workflow, layout=(Speaker.HUISARTS,)):
    return workflow.receive(GP, consented(workflow).id, [b"sound"], layout)


def taken(service):
    """The job that waits, as a worker takes it."""
    found = service.store.take()
    assert found
    return found


def drafted(service):
    workflow = service.workflow
    consult = recorded(workflow)
    service.work()
    return workflow.consult(consult.id)


def approved(service):
    workflow = service.workflow
    consult = drafted(service)
    for line_id in workflow.review(GP, consult.id).flags:
        confirm_seen(workflow, GP, consult.id, line_id)
    workflow.approve(GP, consult.id, workflow.review(GP, consult.id).sha256)
    return workflow.consult(consult.id)


# --- consent and recording -----------------------------------------------------------------------------------------


def test_a_look_at_a_draft_asks_nothing_anew(monkeypatch):
    service = scripted_service()
    consult = drafted(service)
    review = service.workflow.review(GP, consult.id)
    assert review.flags == open_findings(review.note, review.transcript) != {}
    monkeypatch.setattr(check, "_findings", lambda *_: pytest.fail("it was found when the draft was made"))
    assert service.workflow.review(GP, consult.id).flags == review.flags


@pytest.mark.parametrize("reference", ["", "   ", "x" * 65])
def test_a_consult_needs_a_reference(reference: str) -> None:
    service = scripted_service()
    workflow, store = service.workflow, service.store
    with pytest.raises(InvalidInput):
        workflow.create(GP, reference)
    assert store.search(Search()) == []


def test_no_audio_without_consent() -> None:
    service = scripted_service()
    workflow, audio = service.workflow, service.audio
    consult = workflow.create(GP, "P-1")
    with pytest.raises((ConsentMissing, WrongStatus)):
        workflow.receive(GP, consult.id, [b"sound"], BOTH)
    assert audio.names(consult.id) == []


@pytest.mark.parametrize("problem", [NotAudio(), NoAudioTrack()], ids=lambda problem: type(problem).__name__)
def test_a_file_that_is_no_recording_leaves_nothing_behind(problem) -> None:
    service = scripted_service(decoder=ScriptedDecoder(probe_problem=problem))
    workflow, audio = service.workflow, service.audio
    consult = consented(workflow)
    with pytest.raises(type(problem)):
        workflow.receive(GP, consult.id, [b"sound"], BOTH)
    assert audio.names(consult.id) == []
    assert workflow.consult(consult.id) == consult


def test_an_empty_file_leaves_nothing_behind() -> None:
    service = scripted_service()
    workflow, audio = service.workflow, service.audio
    consult = consented(workflow)
    with pytest.raises(EmptyFile):
        workflow.receive(GP, consult.id, [], BOTH)
    assert audio.names(consult.id) == []


def test_an_upload_that_breaks_off_leaves_nothing_behind() -> None:
    def chunks():
        yield b"sound"
        raise ConnectionError

    service = scripted_service()
    workflow, audio = service.workflow, service.audio
    consult = consented(workflow)
    with pytest.raises(ConnectionError):
        workflow.receive(GP, consult.id, chunks(), BOTH)
    assert audio.names(consult.id) == []
    assert workflow.consult(consult.id).status is Status.CONSENTED


def test_a_recording_of_three_hours_is_refused_with_its_length() -> None:
    service = scripted_service(decoder=ScriptedDecoder(seconds=3 * 3600))
    workflow, audio = service.workflow, service.audio
    consult = consented(workflow)
    with pytest.raises(TooLong) as refusal:
        workflow.receive(GP, consult.id, [b"sound"], BOTH)
    assert refusal.value.params == {"minutes": 180, "maximum": 120}
    assert audio.names(consult.id) == []


@pytest.mark.parametrize(
    ("channels", "layout", "expected"),
    [
        (2, BOTH, BOTH),
        (2, (Speaker.PATIENT, Speaker.HUISARTS), (Speaker.PATIENT, Speaker.HUISARTS)),
        (2, (Speaker.HUISARTS,), (Speaker.HUISARTS,)),  # everything together
        (1, (Speaker.HUISARTS,), (Speaker.HUISARTS,)),  # a dictation
        (1, BOTH, (Speaker.ONBEKEND,)),  # two were declared, one is there: nobody knows who speaks
    ],
)
def test_who_is_on_which_channel(channels, layout, expected) -> None:
    service = scripted_service(decoder=ScriptedDecoder(channels=channels))
    workflow = service.workflow
    consult = recorded(workflow, layout)
    assert consult.channels == expected
    service.work()
    assert workflow.play(GP, consult.id, first=False).channels == len(expected)


# --- the worker ----------------------------------------------------------------------------------------------------


def test_from_recording_to_draft() -> None:
    service = scripted_service()
    store = service.store
    consult = drafted(service)
    assert (consult.status, consult.reason, consult.audio_s) == (Status.DRAFTED, None, 8.0)
    actions = [event.action for event in store.events(consult.id)]
    assert actions == [
        Action.CONSULT_CREATED,
        Action.CONSENT_GIVEN,
        Action.AUDIO_STORED,
        Action.TRANSCRIBED,
        Action.DRAFTED,
    ]


def test_silence_gives_no_note_and_can_be_replaced() -> None:
    silence = ScriptedTranscriber((), problem=NoSpeech())
    service = scripted_service(transcriber=silence)
    workflow, store, audio = service.workflow, service.store, service.audio
    consult = recorded(workflow)
    service.work()
    stopped = workflow.consult(consult.id)
    assert (stopped.status, stopped.reason) == (Status.RECORDED, Reason.NO_SPEECH)
    assert store.note(consult.id) is None
    assert service.work() == 0
    assert workflow.play(GP, consult.id, first=True).channels == 1  # "luister de opname na" must be possible
    silence.problem, silence.utterances = None, CONSULT
    workflow.receive(GP, consult.id, [b"another"], (Speaker.HUISARTS,))
    assert stopped.upload not in audio.names(consult.id)
    service.work()
    assert workflow.consult(consult.id).status is Status.DRAFTED


def test_a_replacement_that_is_no_recording_keeps_the_first_one() -> None:
    decoder = ScriptedDecoder()
    service = scripted_service(transcriber=ScriptedTranscriber((), problem=NoSpeech()), decoder=decoder)
    workflow, audio = service.workflow, service.audio
    consult = recorded(workflow)
    service.work()
    before = audio.names(consult.id)
    with pytest.raises(EmptyFile):
        workflow.receive(GP, consult.id, [], BOTH)
    assert audio.names(consult.id) == before
    assert workflow.consult(consult.id).reason is Reason.NO_SPEECH


def test_a_damaged_recording_is_used_as_far_as_it_goes_and_says_so() -> None:
    service = scripted_service(decoder=ScriptedDecoder(missing=(Span(start_s=4, end_s=8),)))
    consult = drafted(service)
    assert (consult.status, consult.reason, consult.missing_s) == (Status.DRAFTED, Reason.DAMAGED, 4.0)


def test_a_step_that_breaks_keeps_the_recording_and_can_be_tried_again() -> None:
    transcriber = ScriptedTranscriber(CONSULT, problem=RuntimeError("out of memory"))
    service = scripted_service(transcriber=transcriber)
    workflow, audio = service.workflow, service.audio
    consult = recorded(workflow)
    service.work()
    stopped = workflow.consult(consult.id)
    assert (stopped.status, stopped.reason) == (Status.RECORDED, Reason.FAILED)
    assert stopped.upload in audio.names(consult.id)
    assert service.work() == 0  # it does not try for ever
    transcriber.problem = None
    workflow.retry(GP, consult.id)
    service.work()
    assert workflow.consult(consult.id).status is Status.DRAFTED


def test_without_a_model_the_recording_waits() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = recorded(workflow)
    transcriber, service.steps._transcriber = service.steps._transcriber, None
    service.work()
    assert workflow.consult(consult.id).reason is Reason.NO_MODEL
    service.steps._transcriber = transcriber
    workflow.retry(GP, consult.id)
    service.work()
    assert workflow.consult(consult.id).status is Status.DRAFTED


def test_a_withdrawal_in_the_middle_ends_the_work_and_destroys_everything() -> None:
    transcriber = ScriptedTranscriber(CONSULT)
    service = scripted_service(transcriber=transcriber)
    workflow, store, audio = service.workflow, service.store, service.audio
    consult = recorded(workflow)
    transcriber.meanwhile = lambda: workflow.withdraw(GP, consult.id) and None
    assert service.work() == 1
    assert workflow.consult(consult.id).status is Status.WITHDRAWN
    assert audio.names(consult.id) == []
    with pytest.raises(Erased):
        store.note(consult.id)
    for purpose in KeyPurpose:
        with pytest.raises(Erased):
            store.data_key(consult.id, purpose)
    assert {proof.why for proof in store.certificates(consult.id)} == {"intrekking"}


def test_a_withdrawal_while_the_recording_is_decoded_leaves_no_file() -> None:
    service = scripted_service(transcriber=ScriptedTranscriber(CONSULT))
    consult = recorded(service.workflow)
    write = service.audio.write

    def late(*arguments) -> int:
        service.workflow.withdraw(GP, consult.id)
        return write(*arguments)

    service.audio.write = late
    service.work()
    assert service.workflow.consult(consult.id).status is Status.WITHDRAWN
    assert service.audio.names(consult.id) == []


def test_a_worker_that_must_stop_leaves_the_step_for_the_next() -> None:
    service = scripted_service()
    consult = recorded(service.workflow)
    job, lease = taken(service)
    with pytest.raises(Interrupted):
        service.steps.do(job.stage, consult.id, lease, stop=lambda: True)
    service.store.take_over(lease)
    assert service.workflow.consult(consult.id).status is Status.RECORDED
    service.work()
    assert service.workflow.consult(consult.id).status is Status.DRAFTED


def test_the_next_attempt_goes_on_where_the_last_one_stopped() -> None:
    transcriber = ScriptedTranscriber(CONSULT)
    decoder = ScriptedDecoder()
    service = scripted_service(transcriber=transcriber, decoder=decoder)
    consult = recorded(service.workflow)

    def die() -> None:
        raise KeyboardInterrupt

    transcriber.meanwhile = die
    job, lease = taken(service)
    with pytest.raises(KeyboardInterrupt):
        service.steps.do(job.stage, consult.id, lease)
    service.store.take_over(lease)
    service.steps._decoder = None  # it is not decoded twice
    transcriber.meanwhile = lambda: None
    service.work()
    assert service.workflow.consult(consult.id).status is Status.DRAFTED
    assert transcriber.recognised == 1


def test_a_worker_whose_job_was_taken_over_writes_nothing() -> None:
    transcriber = ScriptedTranscriber(CONSULT)
    service = scripted_service(transcriber=transcriber)
    consult = recorded(service.workflow)
    job, lease = taken(service)
    transcriber.meanwhile = lambda: service.store.take_over(lease)
    with pytest.raises(LeaseLost):
        service.steps.do(job.stage, consult.id, lease)
    assert service.workflow.consult(consult.id).status is Status.RECORDED
    transcriber.meanwhile = lambda: None
    service.work()
    drafts = [event for event in service.store.events(consult.id) if event.action is Action.DRAFTED]
    assert len(drafts) == 1


def test_a_recording_that_takes_its_worker_down_every_time_is_left_to_a_person() -> None:
    service = scripted_service()
    consult = recorded(service.workflow)
    for _ in range(MOST_STUMBLES):
        _, lease = taken(service)
        service.store.take_over(lease)
    service.work()
    assert service.workflow.consult(consult.id).reason is Reason.FAILED
    assert service.work() == 0
    service.workflow.retry(GP, consult.id)
    service.work()
    assert service.workflow.consult(consult.id).status is Status.DRAFTED


def test_a_database_or_a_store_that_is_away_for_long_is_not_the_recordings_fault() -> None:
    transcriber = ScriptedTranscriber(CONSULT, problem=StoreUnavailable())
    service = scripted_service(transcriber=transcriber)
    consult = recorded(service.workflow)
    for _ in range(3 * MOST_STUMBLES):
        job, lease = taken(service)
        with pytest.raises(StoreUnavailable):
            service.steps.do(job.stage, consult.id, lease)
        service.store.put_back(lease)
    transcriber.problem = None
    service.work()
    assert service.workflow.consult(consult.id).status is Status.DRAFTED


def test_a_decoder_that_was_killed_is_given_another_chance_and_not_for_ever() -> None:
    service = scripted_service(decoder=ScriptedDecoder(decode_problem=DecoderFailed()))
    consult = recorded(service.workflow)
    for _ in range(20):  # an outage: nothing of the recording's doing
        service.store.put_back(taken(service)[1])
    for _ in range(2):
        job, lease = taken(service)
        with pytest.raises(Later):
            service.steps.do(job.stage, consult.id, lease)
        service.store.put_back(lease)
    service.work()
    assert service.workflow.consult(consult.id).reason is Reason.UNREADABLE


def test_a_job_that_is_no_longer_needed_does_nothing() -> None:
    service = scripted_service()
    consult = drafted(service)
    before = service.store.events()
    service.steps.do(Stage.TRANSCRIBE, consult.id, Lease(job_id=99, attempt=0))
    service.steps.do(Stage.DRAFT, consult.id, Lease(job_id=99, attempt=0))
    assert service.store.events() == before


# --- the keeper ----------------------------------------------------------------------------------------------------


def test_sound_left_by_a_crash_is_swept_away_and_the_proof_completed() -> None:
    service = scripted_service()
    workflow, store, audio = service.workflow, service.store, service.audio
    consult = drafted(service)
    workflow.discard(GP, consult.id)
    audio.write(consult.id, "left-over", b"k" * 32, [b"x"])  # as if the delete had not been reached
    assert {proof.cleared_at for proof in store.certificates(consult.id)} == {None}
    service.keeper.tend()
    assert audio.names(consult.id) == []
    assert all(proof.cleared_at for proof in store.certificates(consult.id))


def test_a_proof_waits_until_the_key_is_out_of_the_files() -> None:
    service = scripted_service()
    consult = drafted(service)
    service.workflow.discard(GP, consult.id)
    service.keeper._scrub = lambda: False  # a back-up reads the table of keys
    service.keeper.tend()
    assert {proof.cleared_at for proof in service.store.certificates(consult.id)} == {None}
    service.keeper._scrub = lambda: True
    service.keeper.tend()
    assert all(proof.cleared_at for proof in service.store.certificates(consult.id))


def test_a_proof_waits_for_every_copy_of_the_key() -> None:
    service = scripted_service()
    consult = drafted(service)
    service.workflow.discard(GP, consult.id)
    asked = []
    service.keeper._forget_keys = lambda proofs: asked.append(proofs) or []
    service.keeper.tend()
    assert [proof.consult_id for proof in asked[-1]] == [consult.id, consult.id]
    assert {proof.cleared_at for proof in service.store.certificates(consult.id)} == {None}


def test_a_consult_that_nobody_verifies_is_erased_in_time_and_not_before() -> None:
    now = [datetime(2026, 11, 22, 7, 0, tzinfo=UTC)]
    service = scripted_service(clock=lambda: now[0])
    consult = drafted(service)
    for days in (11.1, 0.9, 0.9, 0.9):
        now[0] += timedelta(days=days)
        service.keeper.tend()
        assert service.workflow.consult(consult.id).status is Status.DRAFTED
    now[0] += timedelta(days=0.5)
    service.keeper.tend()  # it ran out since then: at the next round it goes
    now[0] += timedelta(minutes=1)
    service.keeper.tend()
    assert service.workflow.consult(consult.id).status is Status.DISCARDED
    assert {proof.why for proof in service.store.certificates(consult.id)} == {"bewaartermijn"}
    assert service.audio.names(consult.id) == []
    with pytest.raises(Erased):
        service.store.transcript(consult.id)


def test_nothing_is_erased_without_three_days_of_warning() -> None:
    now = [datetime(2026, 11, 22, 7, 0, tzinfo=UTC)]
    service = scripted_service(clock=lambda: now[0])
    consult = drafted(service)
    now[0] += timedelta(days=100)  # the machine was off; nobody can have seen a warning
    service.keeper.tend()
    found = service.workflow.consult(consult.id)
    assert (found.status, found.expires_at) == (Status.DRAFTED, now[0] + timedelta(days=3))
    now[0] += timedelta(days=2)
    service.workflow.add_line(GP, consult.id, found.version, Section.P, "Zo nodig terug.")
    now[0] += timedelta(days=2)
    service.keeper.tend()
    found = service.workflow.consult(consult.id)
    assert (found.status, found.expires_at) == (Status.DRAFTED, None)  # somebody is at it


def test_a_warning_that_ran_out_while_the_service_was_off_begins_anew() -> None:
    now = [datetime(2026, 11, 22, 7, 0, tzinfo=UTC)]
    service = scripted_service(clock=lambda: now[0])
    consult = drafted(service)
    now[0] += timedelta(days=11.1)
    service.keeper.tend()
    assert service.workflow.consult(consult.id).expires_at == now[0] + timedelta(days=3)
    now[0] += timedelta(days=20)  # a holiday
    service.keeper.tend()
    found = service.workflow.consult(consult.id)
    assert (found.status, found.expires_at) == (Status.DRAFTED, now[0] + timedelta(days=3))
    for _ in range(8):  # off every night, and just then the moment passes: that is no reason to keep it for ever
        now[0] += timedelta(hours=15)
        service.keeper.tend()
    assert service.workflow.consult(consult.id).status is Status.DISCARDED


def test_a_recording_is_kept_when_nobody_knows_whether_it_was_written_down(monkeypatch) -> None:
    """The database goes away in the very moment of its commit: it knows of the recording, we were not told."""
    service = scripted_service()
    consult = consented(service.workflow)

    def written_and_gone(store: MemoryStore, change: Change, apply=MemoryStore.apply) -> None:
        apply(store, change)
        raise StoreUnavailable

    with monkeypatch.context() as away:
        away.setattr(MemoryStore, "apply", written_and_gone)
        with pytest.raises(StoreUnavailable):
            service.workflow.receive(GP, consult.id, [b"sound"], (Speaker.HUISARTS,))
    while service.work():
        pass
    assert service.workflow.consult(consult.id).status is Status.DRAFTED


@pytest.mark.parametrize("problem", [NotFound, Unreadable])
def test_what_was_decoded_and_is_gone_or_damaged_is_decoded_again(
    problem: type[TranscribeError], monkeypatch: pytest.MonkeyPatch
) -> None:
    transcriber = ScriptedTranscriber(CONSULT, problem=Interrupted())
    service = scripted_service(transcriber=transcriber)
    consult = recorded(service.workflow)
    service.work()
    assert service.store.kept(consult.id).decoded is not None
    transcriber.problem = None
    service.keeper.tend()
    opened, problems = service.audio.open, [problem]

    def damaged(consult_id: UUID, name: str, key: bytes) -> BinaryIO:
        if name == PCM and problems:
            raise problems.pop()
        return opened(consult_id, name, key)

    monkeypatch.setattr(service.audio, "open", damaged)
    service.work()
    assert service.workflow.consult(consult.id).status is Status.DRAFTED


def test_a_recording_that_is_not_where_it_was_stored_is_told_and_not_tried_for_ever() -> None:
    service = scripted_service()
    consult = recorded(service.workflow)
    service.audio.delete(consult.id)
    while service.work():
        pass
    stopped = service.workflow.consult(consult.id)
    assert (stopped.status, stopped.reason) == (Status.RECORDED, Reason.SOUND_GONE)
    assert problems_of(service.store.vitals()) == [Problem.LOST_SOUND]
    service.keeper.tend()
    assert not service.work()


def test_a_clock_that_was_set_erases_nothing_for_an_hour() -> None:
    now, ran_s = [datetime(2026, 11, 22, 7, 0, tzinfo=UTC)], [0.0]
    service = scripted_service(clock=lambda: now[0], elapsed=lambda: ran_s[0])
    consult = drafted(service)
    now[0] += timedelta(days=30)
    for _ in range(2):
        ran_s[0] += 1790
        now[0] += timedelta(seconds=1790)
        service.keeper.tend()
        assert service.workflow.consult(consult.id).status is Status.DRAFTED
    now[0] -= timedelta(days=30)  # somebody put it right
    ran_s[0] += 7200
    now[0] += timedelta(seconds=7200)
    service.keeper.tend()
    assert service.workflow.consult(consult.id).status is Status.DRAFTED
    for days in (35, *4 * [0.9], 0.1):
        ran_s[0] += days * 86_400
        now[0] += timedelta(days=days)
        service.keeper.tend()
    assert service.workflow.consult(consult.id).status is Status.DISCARDED


def test_an_approved_note_is_not_erased_by_the_keeper() -> None:
    now = [datetime(2026, 11, 22, 7, 0, tzinfo=UTC)]
    service = scripted_service(clock=lambda: now[0])
    consult = approved(service)
    now[0] += timedelta(days=400)
    service.keeper.tend()
    assert service.workflow.consult(consult.id).status is Status.APPROVED


def test_a_consult_whose_job_is_gone_gets_a_new_one() -> None:
    service = scripted_service()
    consult = recorded(service.workflow)
    service.store._jobs.clear()  # as after a restore
    assert service.work() == 0
    service.keeper.tend()
    service.work()
    assert service.workflow.consult(consult.id).status is Status.DRAFTED


def test_with_a_disk_that_is_nearly_full_no_new_recording_is_begun() -> None:
    service = scripted_service(space=lambda: Space(total=1000, free=49))
    consult = consented(service.workflow)
    with pytest.raises(DiskLow) as low:
        service.workflow.receive(GP, consult.id, [b"sound"], BOTH)
    assert low.value.params == {"percent": 4}
    assert service.workflow.consult(consult.id).status is Status.CONSENTED


# --- the note ------------------------------------------------------------------------------------------------------


def test_a_line_without_source_blocks_approval_until_it_is_handled() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    review = workflow.review(GP, consult.id)
    assert set(review.flags) == {"L3"}
    with pytest.raises(NoteHasOpenFlags):
        workflow.approve(GP, consult.id, review.sha256)
    workflow.remove_line(GP, consult.id, consult.version, "L3")
    review = workflow.review(GP, consult.id)
    assert not review.flags
    workflow.approve(GP, consult.id, review.sha256)
    assert workflow.consult(consult.id).status is Status.APPROVED


def test_editing_a_confirmed_line_takes_the_confirmation_away() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    consult = confirm_seen(workflow, GP, consult.id, "L3")
    assert not workflow.review(GP, consult.id).flags
    workflow.edit_line(GP, consult.id, consult.version, "L3", "Longembolie.")
    review = workflow.review(GP, consult.id)
    assert set(review.flags) == {"L3"}
    assert review.note.line("L3").origin is Origin.HUISARTS


def test_a_typed_line_has_no_source_and_says_so() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    workflow.add_line(GP, consult.id, consult.version, Section.P, "Controle over 2 weken.")
    assert set(workflow.review(GP, consult.id).flags) == {"L3", "L5"}


def test_a_removed_line_can_be_put_back() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    before = workflow.review(GP, consult.id).text
    consult = workflow.remove_line(GP, consult.id, consult.version, "L2")
    assert "38,4" not in workflow.review(GP, consult.id).text
    workflow.restore_line(GP, consult.id, consult.version, "L2")
    assert workflow.review(GP, consult.id).text == before


def test_two_tabs_do_not_overwrite_each_other() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    workflow.edit_line(GP, consult.id, consult.version, "L2", "T 38,5.")
    with pytest.raises(Conflict):
        workflow.edit_line(GP, consult.id, consult.version, "L2", "T 38,6.")
    assert "T 38,5." in workflow.review(GP, consult.id).text


@pytest.mark.parametrize("line_id", ["L99", "", "L2' or 1=1"])
def test_an_unknown_line_is_not_found(line_id: str) -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    with pytest.raises(NotFound):
        workflow.edit_line(GP, consult.id, consult.version, line_id, "x")


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001])
def test_a_line_that_can_not_be(text: str) -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    with pytest.raises(InvalidInput):
        workflow.edit_line(GP, consult.id, consult.version, "L2", text)


# --- sign-off ------------------------------------------------------------------------------------------------------


def test_approval_destroys_the_source_and_keeps_the_note() -> None:
    service = scripted_service()
    workflow, store, audio = service.workflow, service.store, service.audio
    consult = approved(service)
    assert audio.names(consult.id) == []
    with pytest.raises(Erased):
        store.transcript(consult.id)
    with pytest.raises(Erased):
        workflow.play(GP, consult.id, first=False)
    assert [proof.purpose for proof in store.certificates(consult.id)] == [KeyPurpose.SOURCE]
    assert workflow.deliver(GP, consult.id, "O") == "T 38,4."
    assert workflow.consult(consult.id).status is Status.DELIVERED


def test_what_was_not_on_the_screen_is_not_signed() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    consult = workflow.remove_line(GP, consult.id, consult.version, "L3")
    seen = workflow.review(GP, consult.id).sha256
    workflow.edit_line(GP, consult.id, consult.version, "L2", "T 38.4.")  # somebody else, meanwhile
    consult = workflow.consult(consult.id)
    for line_id in workflow.review(GP, consult.id).flags:
        consult = confirm_seen(workflow, GP, consult.id, line_id)
    with pytest.raises(TextChanged):
        workflow.approve(GP, consult.id, seen)


def test_an_edit_after_approval_closes_the_gate() -> None:
    service = scripted_service()
    workflow, store = service.workflow, service.store
    consult = approved(service)
    workflow.deliver(GP, consult.id)
    consult = workflow.consult(consult.id)
    consult = workflow.edit_line(GP, consult.id, consult.version, "L2", "T 38,5.")
    assert (consult.status, consult.reason) == (Status.DRAFTED, Reason.EDITED_AFTER_APPROVAL)
    with pytest.raises(NotApproved):
        workflow.deliver(GP, consult.id)
    review = workflow.review(GP, consult.id)
    assert review.approval is None
    assert set(review.flags) == {"L2"}, "only the line that changed wants a look: its source is gone"
    consult = confirm_seen(workflow, GP, consult.id, "L2")
    second = workflow.approve(GP, consult.id, workflow.review(GP, consult.id).sha256)
    assert store.approval(consult.id) == second
    assert "T 38,5." in workflow.deliver(GP, consult.id)


def test_a_poh_may_edit_and_not_sign() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    consult = workflow.remove_line(POH, consult.id, consult.version, "L3")
    from transcribe.errors import NotAllowed

    with pytest.raises(NotAllowed):
        workflow.approve(POH, consult.id, workflow.review(POH, consult.id).sha256)


@pytest.mark.parametrize("end", ["withdraw", "discard"])
def test_what_ends_a_consult_destroys_its_content(end: str) -> None:
    service = scripted_service()
    workflow, store, audio = service.workflow, service.store, service.audio
    consult = drafted(service)
    getattr(workflow, end)(GP, consult.id)
    assert audio.names(consult.id) == []
    assert {proof.purpose for proof in store.certificates(consult.id)} == set(KeyPurpose)
    assert workflow.consult(consult.id).patient_ref == ""
    with pytest.raises(WrongStatus):
        workflow.review(GP, consult.id)


def test_an_erased_consult_keeps_its_certificates_and_its_log() -> None:
    service = scripted_service()
    workflow, store = service.workflow, service.store
    consult = approved(service)
    workflow.deliver(GP, consult.id)
    workflow.erase(GP, consult.id)
    with pytest.raises(Erased):
        store.note(consult.id)
    assert {proof.why for proof in store.certificates(consult.id)} == {"akkoord", "gewist"}
    assert store.events(consult.id)[-1].action is Action.ERASED


def test_the_log_holds_no_words_of_the_consult() -> None:
    service = scripted_service()
    workflow, store = service.workflow, service.store
    consult = approved(service)
    workflow.deliver(GP, consult.id)
    logged = " ".join(f"{event.actor} {event.detail}" for event in store.events())
    for word in ("keelpijn", "koorts", "paracetamol", "38,4", "P-1"):
        assert word not in logged.lower()


def test_values_are_frozen() -> None:
    consult = drafted(scripted_service())
    with pytest.raises(AttributeError):
        consult.status = Status.APPROVED
    assert replace(consult, version=9).version == 9


def test_only_a_doctor_throws_a_draft_away() -> None:
    service = scripted_service()
    workflow = service.workflow
    consult = drafted(service)
    from transcribe.errors import NotAllowed

    with pytest.raises(NotAllowed):
        workflow.discard(POH, consult.id)
    workflow.discard(GP, consult.id)


@pytest.mark.parametrize("trouble", [StoreUnavailable, OSError])
@pytest.mark.parametrize("end", ["withdraw", "discard"])
def test_what_was_done_is_not_called_failed_when_its_sound_can_not_be_reached(monkeypatch, trouble, end) -> None:
    service = scripted_service()
    consult = consented(service.workflow)
    service.recorder.start(GP, consult.id, BOTH)
    service.audio.write(consult.id, "pcm", b"k" * 32, [b"x"])

    def away(*_):
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(service.audio, "delete", away)
        ended = getattr(service.workflow, end)(GP, consult.id)
    assert ended.status is service.workflow.consult(consult.id).status is not Status.RECORDING
    assert service.spool.consults() == []  # what is on this machine goes all the same
    assert service.audio.names(consult.id) == ["pcm"]
    service.keeper.tend()
    assert service.audio.names(consult.id) == []
    assert all(proof.cleared_at for proof in service.store.certificates(consult.id))


def test_a_signature_stands_when_the_sound_can_not_be_reached(monkeypatch) -> None:
    service = scripted_service()

    def away(*_):
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(service.audio, "delete", away)
        consult = approved(service)
    assert consult.status is Status.APPROVED
    assert service.audio.names(consult.id) != []
    service.keeper.tend()
    assert service.audio.names(consult.id) == []


def test_a_file_that_is_no_sound_is_said_also_when_it_can_not_be_removed(monkeypatch) -> None:
    service = scripted_service(decoder=ScriptedDecoder(probe_problem=NotAudio()))

    def away(*_):
        raise StoreUnavailable

    monkeypatch.setattr(service.audio, "delete", away)
    with pytest.raises(NotAudio):
        recorded(service.workflow)


def test_a_proof_that_can_not_be_completed_holds_up_no_other(monkeypatch) -> None:
    service = scripted_service()
    stuck, other = drafted(service), drafted(service)
    delete = service.audio.delete

    def away(consult_id, name=None):
        if consult_id == stuck.id:
            raise StoreUnavailable
        delete(consult_id, name)

    def open_purposes(consult):
        return {proof.purpose for proof in service.store.certificates(consult.id) if not proof.cleared_at}

    monkeypatch.setattr(service.audio, "delete", away)
    for consult in (stuck, other):
        service.workflow.discard(GP, consult.id)
    service.audio.write(other.id, "left-over", b"k" * 32, [b"x"])
    for _ in range(2):
        service.keeper.tend()
        assert open_purposes(stuck) == {KeyPurpose.SOURCE}, "its sound is still there"
        assert open_purposes(other) == set()
        assert service.audio.names(other.id) == []
    monkeypatch.setattr(service.audio, "delete", delete)
    service.keeper.tend()
    assert service.audio.names(stuck.id) == []
    assert open_purposes(stuck) == set()
