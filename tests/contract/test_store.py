"""What a Store promises (``ports.Store``), on the fake and on every PostgreSQL we support."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from consent import How, grant, withdraw
from tests.queues import QueueUnderTest
from transcribe.asr.transcript import HeardSegment, HeardWindow, Speaker, Suspicion, Transcript, Utterance, Word
from transcribe.audio.pcm import Decoded, Span, Unheard, Unrecorded
from transcribe.consult import (
    Action,
    Approval,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    Delivery,
    Job,
    KeyPurpose,
    Lane,
    Lease,
    Part,
    PartSize,
    Reason,
    Role,
    Search,
    Stage,
    Status,
)
from transcribe.contact import Contact, ContactType, Tariff
from transcribe.errors import Conflict, Erased, LeaseLost, NotFound
from transcribe.policy import part_of
from transcribe.ports import Growing, Kept, Store
from transcribe.soep.check import Finding, Flags, Kind
from transcribe.soep.note import Dropped, Line, Missed, Note, Origin, Report, Section

NOW = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
TRANSCRIPT = Transcript(
    utterances=(
        Utterance(
            speaker=Speaker.PATIENT,
            start_s=0.1,
            end_s=2.75,
            text="Ik heb sinds gisteren keelpijn, “écht” 38,5 °C.",
            words=(Word(text="Ik", start_s=0.1, end_s=0.3, probability=0.987654321),),
        ),
        Utterance(speaker=Speaker.HUISARTS, start_s=3, end_s=4, text="", suspicion=Suspicion.OVER_SILENCE),
    ),
    model="demo-nl@1",
    duration_s=4.5,
    missing=(Span(start_s=4.0, end_s=4.5),),
)


def note(text: str = "Keelpijn sinds gisteren.") -> Note:
    lines = (
        Line(id="L1", section=Section.S, text=text, evidence=(0,)),
        Line(id="L2", section=Section.O, text="T 38,5", origin=Origin.HUISARTS, confirmed=True),
    )
    return Note(
        reports=(Report(id="R1", lines=lines),),
        dropped=(Dropped(utterance=1, reason="stilte"),),
        missed=(Missed(utterance=0, kind="meting"),),
        drafter="test 1",
        next_line=3,
    )


def audit(consult_id: UUID | None = None, action: Action = Action.NOTE_EDITED, detail: str = "L1") -> AuditEvent:
    return AuditEvent(
        at=NOW, actor="A. Jansen", role=Role.HUISARTS, action=action, consult_id=consult_id, detail=detail
    )


def new_consult(patient_ref: str = "12345") -> Consult:
    return Consult(id=uuid4(), patient_ref=patient_ref, status=Status.NEW, created_at=NOW, changed_at=NOW, version=1)


def created(store: Store, patient_ref: str = "12345") -> Consult:
    consult = new_consult(patient_ref)
    store.apply(Change(consult=consult, audit=audit(consult.id, Action.CONSULT_CREATED)))
    return consult


def applied(store: Store, consult: Consult, status: Status | None = None, **parts: object) -> Consult:
    """The consult after one more change."""
    after = replace(consult, version=consult.version + 1, status=status or consult.status)
    store.apply(Change(consult=after, audit=audit(consult.id), **parts))  # type: ignore[arg-type]
    return after


def approval(consult: Consult, note_version: int) -> Approval:
    return Approval(
        id=uuid4(),
        consult_id=consult.id,
        note_version=note_version,
        sha256="ab" * 32,
        approved_by="A. Jansen",
        role=Role.HUISARTS,
        approved_at=NOW,
    )


def certificate(consult: Consult, purpose: KeyPurpose, why: str = "akkoord") -> Certificate:
    return Certificate(id=uuid4(), consult_id=consult.id, purpose=purpose, why=why, destroyed_at=NOW)


def drafted(store: Store) -> Consult:
    return applied(store, created(store), Status.DRAFTED, transcript=TRANSCRIPT, note=note())


# -- consults ------------------------------------------------------------------------------------------------------


def test_a_consult_comes_back_as_it_went_in(store: Store) -> None:
    consult = created(store, "Müller / 12 34")
    assert store.consult(consult.id) == consult
    changed = replace(
        consult,
        status=Status.RECORDED,
        version=2,
        changed_at=NOW + timedelta(microseconds=1),
        reason=Reason.DAMAGED,
        channels=(Speaker.HUISARTS, Speaker.PATIENT),
        upload="upload-2",
        audio_s=180.25,
        missing_s=0.1,
        progress_s=12.5,
        lost_s=0.25,
        lane=Lane.BATCH,
        practice="De Linde",
        contact=Contact(
            kind=ContactType.VISIT,
            began=NOW,
            ended=NOW + timedelta(minutes=20),
            tariff=Tariff.VISIT_LONG,
            day=NOW.date(),
        ),
        waits_for="Dr. É. 't Hart",
        passed_by="A. Jansen",
        exercise=True,
        readers=("Dr. É. 't Hart", "A. Jansen"),
    )
    store.apply(Change(consult=changed, audit=audit(consult.id)))
    assert store.consult(consult.id) == changed


def test_an_unknown_consult_is_not_found(store: Store) -> None:
    nobody = uuid4()
    for ask in (store.consult, store.transcript, store.note):
        with pytest.raises(NotFound):
            ask(nobody)
    with pytest.raises(NotFound):
        store.data_key(nobody, KeyPurpose.SOURCE)
    with pytest.raises((NotFound, LeaseLost)):
        store.progress(nobody, 1.0, Lease(job_id=1, attempt=0))
    assert store.consent(nobody) is None
    assert store.approval(nobody) is None
    assert store.approvals(nobody) == []
    assert store.consents(nobody) == []
    assert (store.deliveries(nobody), store.certificates(nobody), store.events(nobody)) == ([], [], [])


def test_consults_are_found_newest_first_up_to_a_limit_and_further(store: Store) -> None:
    made = []
    for minute in (2, 0, 1):
        consult = replace(new_consult(), created_at=NOW + timedelta(minutes=minute))
        store.apply(Change(consult=consult, audit=audit(consult.id)))
        made.append(consult)
    late, early, middle = made
    assert store.search(Search()) == [late, middle, early]
    assert store.search(Search(), limit=2) == [late, middle]
    assert store.search(Search(), after=middle.id) == [early]
    assert store.search(Search(since=middle.created_at)) == [late, middle]
    assert store.search(Search(before=middle.created_at)) == [early]
    middle = applied(store, middle, Status.DRAFTED)
    assert store.search(Search(part=Part.CHECK)) == [middle]
    assert store.search(Search(part=Part.BUSY), after=late.id) == [early]
    with pytest.raises(NotFound):
        store.search(Search(), after=uuid4())


def test_consults_of_the_same_moment_are_all_found(store: Store) -> None:
    """Handed in together: none may fall between two pages."""
    made = set()
    for _ in range(7):
        consult = replace(new_consult(), created_at=NOW)
        store.apply(Change(consult=consult, audit=audit(consult.id)))
        made.add(consult.id)
    pages = []
    after = None
    while page := store.search(Search(), after=after, limit=3):
        pages.append(page)
        after = page[-1].id
    assert [len(page) for page in pages] == [3, 3, 1]
    assert {consult.id for page in pages for consult in page} == made


def test_a_patient_is_found_by_the_whole_reference(store: Store) -> None:
    consult = replace(new_consult(), patient_ref="HIS-47 11")
    other = replace(new_consult(), patient_ref="HIS-471")
    for one in (consult, other):
        store.apply(Change(consult=one, audit=audit(one.id)))
    assert store.search(Search(patient_ref=" his-4711 ")) == [consult]
    assert store.search(Search(patient_ref="HIS-47")) == []
    erased = replace(consult, version=2, status=Status.ERASED)
    proof = certificate(consult, KeyPurpose.RECORD)
    store.apply(Change(consult=erased, audit=audit(consult.id), destroy=(proof,)))
    assert store.search(Search(patient_ref="HIS-4711")) == [replace(erased, patient_ref="")]


def test_the_parts_of_the_worklist_are_counted(store: Store) -> None:
    assert store.sizes() == {part: PartSize(count=0, oldest=None) for part in Part}
    for number, (status, reason) in enumerate(product(Status, (None, *Reason))):
        consult = replace(new_consult(), status=status, reason=reason, created_at=NOW + timedelta(minutes=number))
        store.apply(Change(consult=consult, audit=audit(consult.id)))
    every = store.search(Search(), limit=1000)
    sizes = store.sizes()
    for part in Part:
        of_it = [consult for consult in every if part_of(consult) is part]
        assert store.search(Search(part=part), limit=1000) == of_it
        assert sizes[part] == PartSize(count=len(of_it), oldest=of_it[-1].created_at if of_it else None)
    assert sum(size.count for size in sizes.values()) == len(every) == len(Status) * (1 + len(Reason))


@pytest.mark.parametrize("version", [0, 1, 2, 4])
def test_a_change_names_the_version_it_saw_or_nothing_is_written(store: Store, version: int) -> None:
    consult = applied(store, created(store))  # version 2
    wrong = replace(consult, version=version, status=Status.DISCARDED)
    before = store.events()
    with pytest.raises(Conflict):
        store.apply(Change(consult=wrong, audit=audit(consult.id), note=note(), transcript=TRANSCRIPT))
    assert store.consult(consult.id) == consult
    assert store.note(consult.id) is None
    assert store.transcript(consult.id) is None
    assert store.events() == before


def test_a_new_consult_starts_at_version_one(store: Store) -> None:
    consult = replace(new_consult(), version=2)
    with pytest.raises(Conflict):
        store.apply(Change(consult=consult, audit=audit(consult.id)))
    with pytest.raises(NotFound):
        store.consult(consult.id)


def test_of_two_that_change_the_same_version_exactly_one_wins(store: Store) -> None:
    consult = created(store)
    start = Barrier(4)

    def change(number: int) -> bool:
        start.wait()
        try:
            applied(store, consult, note=note(f"door {number}"))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(change, range(4)))
    assert won.count(True) == 1
    assert store.note(consult.id) == (1, note(f"door {won.index(True)}"))
    assert store.consult(consult.id).version == 2
    assert len(store.events(consult.id)) == 2


def test_two_that_create_the_same_consult_make_one(store: Store) -> None:
    consult = created(store)
    with pytest.raises(Conflict):
        store.apply(Change(consult=consult, audit=audit(consult.id)))
    assert len(store.events(consult.id)) == 1


def test_progress_makes_no_version_and_no_audit_row(queue: QueueUnderTest) -> None:
    consult = recorded(queue.store)
    before = queue.store.events()
    _, lease = queue.take()
    queue.store.progress(consult.id, 33.25, lease)
    assert queue.store.consult(consult.id) == replace(consult, progress_s=33.25)
    assert queue.store.events() == before


# -- what goes with it ---------------------------------------------------------------------------------------------


def test_the_newest_consent_counts(store: Store) -> None:
    consult = created(store)
    assert store.consent(consult.id) is None
    given = grant(
        how=How.SPOKEN,
        informed_by="B. Bakker, assistente",
        text_id="t",
        text_sha256="00",
        others_informed=True,
        now=NOW,
    )
    consult = applied(store, consult, Status.CONSENTED, consent=given)
    assert store.consent(consult.id) == given
    applied(store, consult, Status.WITHDRAWN, consent=withdraw(given, now=NOW))
    assert store.consent(consult.id) == withdraw(given, now=NOW)
    assert store.consents(consult.id) == [given, withdraw(given, now=NOW)]


def test_transcript_and_note_come_back_equal_and_are_numbered(store: Store) -> None:
    consult = created(store)
    assert store.transcript(consult.id) is None
    assert store.note(consult.id) is None
    consult = applied(store, consult, transcript=TRANSCRIPT, note=note())
    assert store.transcript(consult.id) == TRANSCRIPT
    assert store.note(consult.id) == (1, note())
    second = replace(TRANSCRIPT, model="other")
    consult = applied(store, consult, note=note("anders"), transcript=second)
    assert store.note(consult.id) == (2, note("anders"))
    assert store.transcript(consult.id) == second


def test_approval_and_deliveries(store: Store) -> None:
    consult = drafted(store)
    first = approval(consult, 2)
    consult = applied(store, consult, Status.APPROVED, approval=first, note=note("definitief"))
    assert store.approval(consult.id) == first
    copies = [
        Delivery(id=uuid4(), consult_id=consult.id, approval_id=first.id, part=part, delivered_by="A", delivered_at=NOW)
        for part in ("S", "alles")
    ]
    for copy in copies:
        consult = applied(store, consult, Status.DELIVERED, delivery=copy)
    assert store.deliveries(consult.id) == copies
    second = approval(consult, 3)
    consult = applied(store, consult, Status.APPROVED, approval=second, note=note("nog eens"))
    assert store.approval(consult.id) == second
    assert store.approvals(consult.id) == [first, second]


@pytest.mark.parametrize("version", [0, 2])
def test_an_approval_is_of_the_newest_note(store: Store, version: int) -> None:
    consult = drafted(store)
    with pytest.raises(ValueError, match="note version"):
        applied(store, consult, Status.APPROVED, approval=approval(consult, version))
    assert store.approval(consult.id) is None
    assert store.consult(consult.id) == consult


# -- keys and destruction ------------------------------------------------------------------------------------------


def test_each_consult_has_two_keys_of_its_own(store: Store) -> None:
    keys = [store.data_key(created(store).id, purpose) for purpose in KeyPurpose for _ in range(2)]
    assert len(set(keys)) == 4
    assert {len(key) for key in keys} == {32}


def test_a_key_stays_the_same(store: Store) -> None:
    consult = created(store)
    before = store.data_key(consult.id, KeyPurpose.SOURCE)
    applied(store, consult)
    assert store.data_key(consult.id, KeyPurpose.SOURCE) == before


def test_what_was_destroyed_in_a_time_is_found_oldest_first(store: Store) -> None:
    consult = created(store)
    late, early = (
        replace(certificate(consult, purpose), destroyed_at=NOW + timedelta(days=days))
        for purpose, days in ((KeyPurpose.SOURCE, 2), (KeyPurpose.RECORD, 1))
    )
    applied(store, consult, destroy=(late, early))
    assert store.destroyed(NOW, NOW + timedelta(days=3)) == [early, late]
    assert store.destroyed(early.destroyed_at, late.destroyed_at) == [early]
    store.clear([early], NOW + timedelta(days=4))
    assert [one.cleared_at for one in store.destroyed(NOW, late.destroyed_at)] == [NOW + timedelta(days=4)]


def test_approval_destroys_the_source_and_keeps_the_note(store: Store) -> None:
    consult = drafted(store)
    proof = certificate(consult, KeyPurpose.SOURCE)
    applied(store, consult, Status.APPROVED, note=note("definitief"), approval=approval(consult, 2), destroy=(proof,))
    with pytest.raises(Erased):
        store.transcript(consult.id)
    with pytest.raises(Erased):
        store.data_key(consult.id, KeyPurpose.SOURCE)
    assert len(store.data_key(consult.id, KeyPurpose.RECORD)) == 32
    assert store.note(consult.id) == (2, note("definitief"))
    assert store.consult(consult.id).patient_ref == "12345"
    assert store.certificates(consult.id) == [proof]


def test_an_approved_note_is_kept_also_when_the_approval_came_without_its_text(store: Store) -> None:
    consult = drafted(store)
    applied(
        store,
        consult,
        Status.APPROVED,
        approval=approval(consult, 1),
        destroy=(certificate(consult, KeyPurpose.SOURCE),),
    )
    assert store.note(consult.id) == (1, note())


def test_an_edit_after_the_source_is_gone_is_kept_and_a_transcript_refused(store: Store) -> None:
    consult = drafted(store)
    gone = (certificate(consult, KeyPurpose.SOURCE),)
    consult = applied(store, consult, approval=approval(consult, 1), destroy=gone)
    consult = applied(store, consult, Status.DRAFTED, note=note("aangevuld"))
    assert store.note(consult.id) == (2, note("aangevuld"))
    with pytest.raises(Erased):
        applied(store, consult, transcript=TRANSCRIPT)
    assert store.consult(consult.id) == consult


def test_withdrawal_leaves_nothing_but_the_certificate(store: Store) -> None:
    consult = drafted(store)
    proof = certificate(consult, KeyPurpose.SOURCE, "intrekking")
    applied(store, consult, Status.WITHDRAWN, destroy=(proof,))
    for ask in (store.transcript, store.note):
        with pytest.raises(Erased):
            ask(consult.id)
    assert store.certificates(consult.id) == [proof]


def test_what_was_destroyed_before_there_was_any_is_erased_too(store: Store) -> None:
    consult = created(store)
    applied(store, consult, Status.DISCARDED, destroy=(certificate(consult, KeyPurpose.SOURCE),))
    for ask in (store.transcript, store.note):
        with pytest.raises(Erased):
            ask(consult.id)


def test_erasing_takes_the_patient_and_the_note(store: Store) -> None:
    consult = drafted(store)
    source, record = (certificate(consult, purpose, "gewist") for purpose in KeyPurpose)
    consult = applied(store, consult, Status.APPROVED, approval=approval(consult, 1), destroy=(source,))
    consult = applied(store, consult, Status.ERASED, destroy=(record,))
    assert store.consult(consult.id) == replace(consult, patient_ref="")
    assert store.search(Search()) == [replace(consult, patient_ref="")]
    with pytest.raises(Erased):
        store.note(consult.id)
    assert store.certificates(consult.id) == [source, record]
    # a later change (there should be none) can't bring it back
    consult = applied(store, consult)
    assert store.consult(consult.id).patient_ref == ""
    with pytest.raises(Erased):
        applied(store, consult, note=note())


def test_destroying_one_consult_leaves_the_others(store: Store) -> None:
    other, consult = drafted(store), drafted(store)
    applied(store, consult, Status.WITHDRAWN, destroy=tuple(certificate(consult, purpose) for purpose in KeyPurpose))
    assert store.note(other.id) == (1, note())
    assert store.consult(other.id) == other


# -- the access log ------------------------------------------------------------------------------------------------


def test_every_change_and_every_view_is_logged_in_order(store: Store) -> None:
    consult, other = created(store), created(store)
    applied(store, consult)
    seen = audit(consult.id, Action.NOTE_VIEWED, "")
    store.log(seen)
    login = replace(audit(None, Action.LOGGED_IN, ""), role=Role.ASSISTENTE)
    store.log(login)
    made, edited = audit(consult.id, Action.CONSULT_CREATED), audit(consult.id)
    assert store.events() == [made, audit(other.id, Action.CONSULT_CREATED), edited, seen, login]
    assert store.events(consult.id) == [made, edited, seen]
    assert store.events(limit=2) == [seen, login]
    assert store.events(consult.id, limit=2) == [edited, seen]
    assert store.events(limit=0) == []


# -- jobs and leases -----------------------------------------------------------------------------------------------


def recorded(store: Store, **fields: object) -> Consult:
    """A consult with a recording and a job."""
    consult = applied(store, applied(store, created(store)), Status.CONSENTED)
    new = replace(consult, status=Status.RECORDED, version=consult.version + 1, upload="upload-1", **fields)
    job = Job(stage=Stage.TRANSCRIBE, consult_id=new.id, lane=new.lane, practice=new.practice)
    store.apply(Change(consult=new, audit=audit(new.id), jobs=(job,)))
    return new


def window(start_s: float) -> HeardWindow:
    segment = HeardSegment(
        text="Ik heb “keelpijn”.",
        start_s=0.1,
        end_s=1.5,
        words=(),
        no_speech=0.01,
        log_probability=-0.2,
        compression=1.1,
    )
    return HeardWindow(model="m", channel=1, start_s=start_s, end_s=start_s + 2, segments=(segment,))


def test_a_job_is_taken_with_a_lease_and_ends(queue: QueueUnderTest) -> None:
    consult = recorded(queue.store)
    assert queue.store.idle() == []
    job, lease = queue.take()
    assert (job.stage, job.consult_id) == (Stage.TRANSCRIBE, consult.id)
    assert queue.take() is None
    assert [(row.waiting, row.running) for row in queue.store.vitals().queues] == [(0, 1)]
    queue.finish(lease)
    assert queue.take() is None
    assert queue.store.idle() == [consult.id]


def test_a_job_that_is_refused_with_its_change_was_never_there(queue: QueueUnderTest) -> None:
    consult = created(queue.store)
    job = Job(stage=Stage.TRANSCRIBE, consult_id=consult.id, lane=Lane.LIVE)
    with pytest.raises(Conflict):
        queue.store.apply(Change(consult=consult, audit=audit(consult.id), jobs=(job,)))
    assert queue.take() is None


def test_one_job_of_a_consult_runs_at_a_time(queue: QueueUnderTest) -> None:
    consult = recorded(queue.store)
    again = Job(stage=Stage.TRANSCRIBE, consult_id=consult.id, lane=Lane.LIVE)
    queue.store.apply(
        Change(consult=replace(consult, version=consult.version + 1), audit=audit(consult.id), jobs=(again,))
    )
    _, lease = queue.take()
    assert queue.take() is None
    queue.finish(lease)
    assert queue.take() is not None


def test_only_the_newest_attempt_writes(queue: QueueUnderTest) -> None:
    store = queue.store
    consult = recorded(store)
    _, old = queue.take()
    store.progress(consult.id, 3.5, old)
    store.keep(consult.id, window(0.0), old)
    queue.take_over(old)
    _, new = queue.take()
    assert (new.job_id, new.attempt) == (old.job_id, old.attempt + 1)
    done = replace(consult, status=Status.TRANSCRIBED, version=consult.version + 1)
    before = store.events()
    with pytest.raises(LeaseLost):
        store.apply(Change(consult=done, audit=audit(consult.id), transcript=TRANSCRIPT, lease=old))
    with pytest.raises(LeaseLost):
        store.progress(consult.id, 9.0, old)
    with pytest.raises(LeaseLost):
        store.keep(consult.id, window(5.0), old)
    assert (store.consult(consult.id).progress_s, store.events(), store.transcript(consult.id)) == (3.5, before, None)
    store.apply(Change(consult=done, audit=audit(consult.id), transcript=TRANSCRIPT, lease=new))
    assert store.transcript(consult.id) == TRANSCRIPT


def test_finished_pieces_come_back_until_the_transcript_is_there(queue: QueueUnderTest) -> None:
    store = queue.store
    consult = recorded(store)
    _, lease = queue.take()
    assert store.kept(consult.id) == Kept()
    gap = Unrecorded(kind=Unheard.GAP, at_s=2.0, length_s=4.0)
    decoded = Decoded(duration_s=8.5, channels=2, missing=(Span(start_s=1.0, end_s=1.25),), unrecorded=(gap,))
    for piece in (window(10.0), decoded, window(2.5), window(2.5)):
        store.keep(consult.id, piece, lease)
    assert store.kept(consult.id) == Kept(decoded=decoded, windows=(window(2.5), window(10.0)))
    done = replace(consult, status=Status.TRANSCRIBED, version=consult.version + 1)
    store.apply(Change(consult=done, audit=audit(consult.id), transcript=TRANSCRIPT, lease=lease))
    assert store.kept(consult.id) == Kept()


def test_pieces_of_a_recording_that_was_replaced_do_not_count(queue: QueueUnderTest) -> None:
    store = queue.store
    consult = recorded(store)
    _, lease = queue.take()
    store.keep(consult.id, window(2.5), lease)
    store.apply(
        Change(consult=replace(consult, upload="upload-2", version=consult.version + 1), audit=audit(consult.id))
    )
    assert store.kept(consult.id) == Kept()


def test_pieces_go_with_the_key(queue: QueueUnderTest) -> None:
    store = queue.store
    consult = recorded(store)
    _, lease = queue.take()
    store.keep(consult.id, window(2.5), lease)
    ended = replace(consult, status=Status.DISCARDED, version=consult.version + 1)
    store.apply(Change(consult=ended, audit=audit(consult.id), destroy=(certificate(consult, KeyPurpose.SOURCE),)))
    assert store.kept(consult.id) == Kept()
    with pytest.raises(Erased):
        store.keep(consult.id, window(5.0), lease)


def test_what_was_found_in_a_draft_is_there_until_there_is_another_talk(queue: QueueUnderTest) -> None:
    store = queue.store
    consult = recorded(store)
    _, lease = queue.take()
    assert store.flags(consult.id) is None
    found = Finding(kind=Kind.NUMBER, sentence="“{here}” of “{there}”?", here="38,5", there="39,5", more=("écht",))
    for lines in ({"a": ()}, {"a": (found,), "b": ()}):
        store.keep(consult.id, Flags(rules="r", talk="t", lines=lines), lease)
        assert store.flags(consult.id) == Flags(rules="r", talk="t", lines=lines)
    assert store.kept(consult.id) == Kept(), "no piece of the transcription"
    done = replace(consult, status=Status.TRANSCRIBED, version=consult.version + 1)
    store.apply(Change(consult=done, audit=audit(consult.id), transcript=TRANSCRIPT, lease=lease))
    assert store.flags(consult.id) is None


def test_what_was_found_in_a_draft_goes_with_its_source(queue: QueueUnderTest) -> None:
    store = queue.store
    consult = recorded(store)
    _, lease = queue.take()
    store.keep(consult.id, Flags(rules="r", talk="t", lines={}), lease)
    ended = replace(consult, status=Status.DISCARDED, version=consult.version + 1)
    store.apply(Change(consult=ended, audit=audit(consult.id), destroy=(certificate(consult, KeyPurpose.SOURCE),)))
    assert store.flags(consult.id) is None


def test_an_attempt_keeps_nothing_of_a_recording_that_goes_on(queue: QueueUnderTest) -> None:
    """Who follows it now makes the same pieces, cut elsewhere."""
    store = queue.store
    consult = recorded(store)
    _, lease = queue.take()
    store.keep(consult.id, window(2.5), lease)
    running = applied(store, consult, Status.PAUSED)
    with pytest.raises(Conflict):
        store.keep(consult.id, window(5.0), lease)
    store.keep(consult.id, window(7.5), running.upload)
    assert store.kept(consult.id) == Kept(windows=(window(2.5), window(7.5)))


def test_while_it_is_recorded_pieces_need_no_lease(store: Store) -> None:
    consult = applied(store, applied(store, created(store)), Status.CONSENTED)
    with pytest.raises(Conflict):
        store.keep(consult.id, window(0.0), "live-1")
    running = replace(consult, status=Status.RECORDING, version=consult.version + 1, upload="live-1")
    store.apply(Change(consult=running, audit=audit(consult.id)))
    assert store.growing(consult.id) is None
    store.keep(consult.id, window(0.0), "live-1")
    with pytest.raises(Conflict):
        store.keep(consult.id, window(0.5), "live-2")
    for text in ("Keelpijn.", "Keelpijn, geen koorts."):
        note = Note(reports=(Report(id="R1", lines=(Line(id="L1", section=Section.S, text=text, evidence=(0,)),)),))
        store.keep(consult.id, Growing(note=note, transcript=TRANSCRIPT), "live-1")
        assert store.growing(consult.id) == Growing(note=note, transcript=TRANSCRIPT)
    paused = replace(running, status=Status.PAUSED, version=running.version + 1)
    store.apply(Change(consult=paused, audit=audit(consult.id)))
    store.keep(consult.id, window(2.5), "live-1")
    assert store.kept(consult.id) == Kept(windows=(window(0.0), window(2.5)))

    done = replace(paused, status=Status.RECORDED, version=paused.version + 1)
    store.apply(Change(consult=done, audit=audit(consult.id)))
    with pytest.raises(Conflict):
        store.keep(consult.id, window(5.0), "live-1")
    assert store.kept(consult.id).windows == (window(0.0), window(2.5))
    ended = replace(done, status=Status.DISCARDED, version=done.version + 1)
    store.apply(Change(consult=ended, audit=audit(consult.id), destroy=(certificate(done, KeyPurpose.SOURCE),)))
    assert store.growing(consult.id) is None


def test_ending_a_consult_cancels_its_jobs(queue: QueueUnderTest) -> None:
    store = queue.store
    waiting, running = recorded(store), recorded(store)
    job, lease = queue.take()
    if job.consult_id == waiting.id:
        waiting, running = running, waiting
    for consult in (waiting, running):
        ended = replace(consult, status=Status.DISCARDED, version=consult.version + 1)
        store.apply(Change(consult=ended, audit=audit(consult.id), cancel_jobs=True))
    assert queue.take() is None
    assert queue.cancelled(lease)


def test_certificates_are_open_until_they_are_cleared(store: Store) -> None:
    consult = created(store)
    proofs = (certificate(consult, KeyPurpose.SOURCE), certificate(consult, KeyPurpose.RECORD))
    store.apply(
        Change(consult=replace(consult, status=Status.DISCARDED, version=2), audit=audit(consult.id), destroy=proofs)
    )
    assert [one for one in store.uncleared() if one.consult_id == consult.id] == list(proofs)
    store.clear(proofs[:1], NOW)
    store.clear(proofs[:1], NOW + timedelta(days=1))  # the first time counts
    assert store.certificates(consult.id) == [replace(proofs[0], cleared_at=NOW), proofs[1]]
    assert [one for one in store.uncleared() if one.consult_id == consult.id] == [proofs[1]]
    assert store.uncleared(skip=1) == []
    assert store.vitals().uncleared == 1


def test_older_finds_what_was_not_touched_since(store: Store) -> None:
    made = []
    for days in (3, 1, 2):
        consult = replace(new_consult(), changed_at=NOW - timedelta(days=days))
        store.apply(Change(consult=consult, audit=audit(consult.id)))
        made.append(consult.id)
    assert store.older([Status.NEW], NOW - timedelta(days=1.5)) == [made[0], made[2]]
    assert store.older([Status.NEW], NOW, limit=1) == [made[0]]
    assert store.older([Status.DRAFTED], NOW) == []


def test_vitals_count_and_measure(store: Store) -> None:
    consult = replace(new_consult(), status=Status.RECORDED, reason=Reason.NO_SPEECH, audio_s=60.0, lost_s=0.5)
    store.apply(Change(consult=consult, audit=audit(consult.id)))
    gone = replace(new_consult(), status=Status.WITHDRAWN, audio_s=99.0, lost_s=9.0)
    store.apply(Change(consult=gone, audit=audit(gone.id)))
    store.measured(Stage.TRANSCRIBE, 120.0, 30.0)
    found = store.vitals()
    assert found.consults == {Status.RECORDED: 1, Status.WITHDRAWN: 1}
    assert found.stopped == {Reason.NO_SPEECH: 1}
    assert (found.recorded_s, found.lost_s, found.real_time_factor) == (60.0, 0.5, 0.25)
    missing = replace(new_consult(), status=Status.RECORDED, reason=Reason.SOUND_GONE, audio_s=30.0, lost_s=0.5)
    store.apply(Change(consult=missing, audit=audit(missing.id)))
    assert store.vitals().lost_s == 30.5, "all of it"


def test_a_quiet_consult_is_noticed_and_expires(store: Store) -> None:
    now = datetime.now(UTC)
    made = []
    for days in (5, 1):
        consult = replace(new_consult(), changed_at=now - timedelta(days=days))
        store.apply(Change(consult=consult, audit=audit(consult.id)))
        made.append(consult)
    quiet, _ = made
    assert store.notice([Status.DRAFTED], now, untouched=timedelta(days=3), warned=timedelta(days=3)) == 0
    assert store.notice([Status.NEW], now, untouched=timedelta(days=3), warned=timedelta(days=3)) == 1
    assert store.notice([Status.NEW], now, untouched=timedelta(days=3), warned=timedelta(days=3)) == 0
    found = store.consult(quiet.id).expires_at
    assert found is not None
    assert abs(found - now - timedelta(days=3)) < timedelta(hours=1)
    assert store.expired([Status.NEW], now) == []
    past = replace(store.consult(quiet.id), version=2, expires_at=now - timedelta(minutes=1))
    store.apply(Change(consult=past, audit=audit(quiet.id)))
    assert store.expired([Status.NEW], now) == [quiet.id]
    assert store.expired([Status.DRAFTED], now) == []


def test_nothing_expires_while_one_of_the_two_clocks_says_it_is_early(store: Store) -> None:
    """A clock that jumps weeks ahead, the store's or the caller's, must not erase what waits for a doctor."""
    now = datetime.now(UTC)
    days = timedelta(days=1)
    consult = replace(new_consult(), changed_at=now - 5 * days)
    store.apply(Change(consult=consult, audit=audit(consult.id)))

    def notice(clock: datetime) -> int:
        return store.notice([Status.NEW], clock, untouched=3 * days, warned=3 * days)

    def moment() -> datetime:
        found = store.consult(consult.id).expires_at
        assert found is not None
        return found

    assert notice(now - 9 * days) == 0  # by the caller's it was changed in the future
    assert notice(now + 9 * days) == 1
    assert abs(moment() - now - 12 * days) < timedelta(hours=1)  # three days are left by either
    assert notice(now) == 1  # it was wrong: set again
    assert abs(moment() - now - 3 * days) < timedelta(hours=1)
    assert store.expired([Status.NEW], now + 9 * days) == []  # the store's says that there is time
    due = replace(store.consult(consult.id), version=2, expires_at=now - timedelta(minutes=1))
    store.apply(Change(consult=due, audit=audit(consult.id)))
    assert store.expired([Status.NEW], now - 9 * days) == []  # the caller's does
    assert store.expired([Status.NEW], now) == [consult.id]


def test_a_clock_that_runs_ahead_makes_no_consult_old(store: Store) -> None:
    now = datetime.now(UTC)
    days = timedelta(days=1)
    consult = replace(new_consult(), changed_at=now - days)
    store.apply(Change(consult=consult, audit=audit(consult.id)))
    assert store.notice([Status.NEW], now + 9 * days, untouched=3 * days, warned=3 * days) == 0
    assert store.consult(consult.id).expires_at is None
