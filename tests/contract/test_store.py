"""What a Store promises (``ports.Store``), on the fake and on every PostgreSQL we support."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from consent import How, grant, withdraw
from transcribe.asr.transcript import Speaker, Suspicion, Transcript, Utterance, Word
from transcribe.audio.pcm import Span
from transcribe.consult import (
    Action,
    Approval,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    Delivery,
    KeyPurpose,
    Reason,
    Role,
    Status,
)
from transcribe.errors import Conflict, Erased, NotFound
from transcribe.ports import Store
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
    with pytest.raises(NotFound):
        store.progress(nobody, 1.0)
    assert store.consent(nobody) is None
    assert store.approval(nobody) is None
    assert (store.deliveries(nobody), store.certificates(nobody), store.events(nobody)) == ([], [], [])


def test_consults_are_listed_newest_first_by_status_up_to_a_limit(store: Store) -> None:
    made = []
    for minute in (2, 0, 1):
        consult = replace(new_consult(), created_at=NOW + timedelta(minutes=minute))
        store.apply(Change(consult=consult, audit=audit(consult.id)))
        made.append(consult)
    late, early, middle = made
    assert store.consults() == [late, middle, early]
    assert store.consults(limit=2) == [late, middle]
    middle = applied(store, middle, Status.CONSENTED)
    assert store.consults([Status.CONSENTED, Status.DRAFTED]) == [middle]
    assert store.consults([Status.NEW]) == [late, early]


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


def test_progress_makes_no_version_and_no_audit_row(store: Store) -> None:
    consult = created(store)
    store.progress(consult.id, 33.25)
    assert store.consult(consult.id) == replace(consult, progress_s=33.25)
    assert len(store.events()) == 1


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
    assert store.consults() == [replace(consult, patient_ref="")]
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


# -- claims --------------------------------------------------------------------------------------------------------


def test_a_consult_is_claimed_by_one_at_a_time(store: Store) -> None:
    consult, other = created(store), created(store)
    with store.claim(consult.id) as first:
        assert first
        with store.claim(consult.id) as second, store.claim(other.id) as elsewhere:
            assert not second
            assert elsewhere
        with store.claim(consult.id) as third:
            assert not third  # the one who got no did not release it
    with store.claim(consult.id) as again:
        assert again


def test_a_claim_ends_with_an_error_in_the_work(store: Store) -> None:
    consult = created(store)
    with pytest.raises(ZeroDivisionError), store.claim(consult.id):
        raise ZeroDivisionError
    with store.claim(consult.id) as again:
        assert again


def test_changes_go_on_while_a_consult_is_claimed(store: Store) -> None:
    consult = created(store)
    with store.claim(consult.id):
        applied(store, consult, note=note())
    assert store.note(consult.id) == (1, note())
