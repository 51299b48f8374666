"""A consult of another practice is not there, whatever is asked: on the fake and on every PostgreSQL we support."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from consent import How, grant
from tests.queues import QueueUnderTest
from transcribe.asr.transcript import HeardWindow, Speaker, Transcript, Utterance
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
    LedgerEntry,
    LogFilter,
    Part,
    Role,
    Search,
    Stage,
    Status,
    Typed,
)
from transcribe.errors import Conflict, NotFound
from transcribe.ports import Growing, Store, SystemStore
from transcribe.soep.check import Flags
from transcribe.soep.note import Checked, Line, Note, Report, Section
from transcribe.video import Video

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TRANSCRIPT = Transcript(utterances=(Utterance(speaker=Speaker.PATIENT, start_s=0, end_s=1, text="Ik heb keelpijn."),))
NOTE = Note(reports=(Report(id="R1", lines=(Line(id="L1", section=Section.S, text="Keelpijn."),)),))
WINDOW = HeardWindow(model="demo-nl@1", channel=0, start_s=0.0, end_s=1.0, segments=())
NORTH, SOUTH = "Noord", "Zuid"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What somebody of another practice may have come to know of one, and names to the store."""

    drafted: UUID
    signed: UUID
    begun: UUID
    recorded: UUID  # while it is recorded
    transcribing: UUID
    lease: Lease


def audit(consult_id: UUID | None) -> AuditEvent:
    return AuditEvent(
        at=NOW, actor="Dr. Noord", role=Role.HUISARTS, action=Action.NOTE_VIEWED, consult_id=consult_id, detail=""
    )


def made(store: Store, status: Status, practice: str = NORTH, **fields: object) -> Consult:
    consult = Consult(
        id=uuid4(),
        patient_ref="4711",
        status=status,
        created_at=NOW,
        changed_at=NOW,
        version=1,
        practice=practice,
        **fields,  # type: ignore[arg-type]
    )
    given = grant(
        how=How.SPOKEN, informed_by="Dr. Noord", text_id="t", text_sha256="ab" * 32, others_informed=True, now=NOW
    )
    store.apply(Change(consult=consult, audit=audit(consult.id), consent=given))
    return consult


def changed(store: Store, consult: Consult, **parts: object) -> Consult:
    after = replace(consult, version=consult.version + 1)
    store.apply(Change(consult=after, audit=audit(consult.id), **parts))  # type: ignore[arg-type]
    return after


def fill(queue: QueueUnderTest) -> Known:
    """A practice with something in every place."""
    north = queue.store.of(NORTH)
    drafted = made(north, Status.DRAFTED, waits_for="W. Noord", passed_by="Dr. Noord")
    changed(north, drafted, transcript=TRANSCRIPT, note=NOTE, message="graag tekenen")
    north.log(replace(audit(drafted.id), actor="W. Noord"))
    north.keep_typing(drafted.id, Typed(by="Dr. Noord", editor="L1", text="Keelpijn rechts."))
    signed = made(north, Status.DELIVERED)
    approval = Approval(
        id=uuid4(),
        consult_id=signed.id,
        note_version=1,
        sha256="ab" * 32,
        approved_by="Dr. Noord",
        role=Role.HUISARTS,
        approved_at=NOW,
    )
    entry = LedgerEntry(
        day=NOW.date(), practice=NORTH, drafter="d", model="m", checked=Checked(sections=(), seconds=None)
    )
    signed = changed(north, signed, note=NOTE, approval=approval, ledger=entry)
    changed(
        north,
        signed,
        delivery=Delivery(
            id=uuid4(), consult_id=signed.id, approval_id=approval.id, part="S", delivered_by="N", delivered_at=NOW
        ),
        destroy=(
            Certificate(id=uuid4(), consult_id=signed.id, purpose=KeyPurpose.SOURCE, why="akkoord", destroyed_at=NOW),
        ),
    )
    begun = made(north, Status.CONSENTED)
    north.keep_video(begun.id, 0, Video(app="zorgbeeld"), audit(begun.id))
    recorded = made(north, Status.RECORDING, upload="live-1")
    north.keep(recorded.id, WINDOW, "live-1")
    north.keep(recorded.id, Growing(note=NOTE, transcript=TRANSCRIPT), "live-1")
    north.keep(recorded.id, Flags(rules="r", talk="t", lines={}), "live-1")
    transcribing = made(north, Status.RECORDED, upload="upload-1")
    job = Job(stage=Stage.TRANSCRIBE, consult_id=transcribing.id, lane=Lane.LIVE, practice=NORTH)
    changed(north, transcribing, jobs=(job,))
    taken = queue.take()
    assert taken is not None
    assert taken[0].consult_id == transcribing.id
    return Known(
        drafted=drafted.id,
        signed=signed.id,
        begun=begun.id,
        recorded=recorded.id,
        transcribing=transcribing.id,
        lease=taken[1],
    )


def taken_over(store: Store, consult_id: UUID) -> None:
    """As somebody of this practice would write it who knows no more than the number."""
    mine = Consult(
        id=consult_id,
        patient_ref="",
        status=Status.DISCARDED,
        created_at=NOW,
        changed_at=NOW,
        version=3,
        practice=SOUTH,
    )
    store.apply(Change(consult=mine, audit=audit(consult_id), cancel_jobs=True, note=NOTE))


#: Each method of the port as it is called with what is known of the other practice. A list: each is called.
CASES: dict[str, list[Callable[[Store, Known], object]]] = {
    "apply": [
        lambda store, known: taken_over(store, known.drafted),
        lambda store, known: changed(store, made(store, Status.NEW, practice=NORTH)),
    ],
    "consult": [lambda store, known: store.consult(known.drafted)],
    "search": [
        lambda store, known: store.search(Search()),
        lambda store, known: store.search(Search(patient_ref="4711")),
        lambda store, known: store.search(Search(part=Part.MINE, person="W. Noord")),
        lambda store, known: store.search(Search(), after=known.drafted),
    ],
    "sizes": [lambda store, known: store.sizes("W. Noord")],
    "consent": [lambda store, known: store.consent(known.drafted)],
    "transcript": [lambda store, known: store.transcript(known.drafted)],
    "note": [
        lambda store, known: store.note(known.drafted),
        lambda store, known: store.note(known.drafted, 1),
    ],
    "consents": [lambda store, known: store.consents(known.drafted)],
    "approval": [lambda store, known: store.approval(known.signed)],
    "approvals": [lambda store, known: store.approvals(known.signed)],
    "destroyed": [lambda store, known: store.destroyed(NOW.replace(year=2000), NOW.replace(year=2100))],
    "deliveries": [lambda store, known: store.deliveries(known.signed)],
    "certificates": [lambda store, known: store.certificates(known.signed)],
    "typing": [lambda store, known: store.typing(known.drafted)],
    "keep_typing": [
        lambda store, known: store.keep_typing(known.drafted, Typed(by="Dr. Zuid", editor="L1", text="iets anders"))
    ],
    "message": [lambda store, known: store.message(known.drafted)],
    "colleagues": [lambda store, known: store.colleagues(NORTH)],
    "video": [lambda store, known: store.video(known.begun)],
    "keep_video": [lambda store, known: store.keep_video(known.begun, 1, Video(app="anders"), audit(known.begun))],
    "ledger": [lambda store, known: store.ledger(date.min)],
    "events": [
        lambda store, known: store.events(known.drafted),
        lambda store, known: store.events(),
    ],
    "data_key": [lambda store, known: store.data_key(known.drafted, KeyPurpose.SOURCE)],
    "progress": [lambda store, known: store.progress(known.transcribing, 1.0, known.lease)],
    "keep": [
        lambda store, known: store.keep(known.recorded, replace(WINDOW, start_s=1.0, end_s=2.0), "live-1"),
        lambda store, known: store.keep(known.transcribing, WINDOW, known.lease),
    ],
    "kept": [lambda store, known: store.kept(known.recorded)],
    "growing": [lambda store, known: store.growing(known.recorded)],
    "flags": [lambda store, known: store.flags(known.recorded)],
    "recording_id": [lambda store, known: store.recording_id(bytes(32), 0)],
    "logged": [
        lambda store, known: store.logged(LogFilter(consult_id=known.drafted)),
        lambda store, known: store.logged(LogFilter()),
    ],
    "log_actors": [lambda store, known: store.log_actors()],
    # last: what was asked in vain is in the log of who asked
    "log": [lambda store, known: store.log(replace(audit(known.drafted), actor="Dr. Zuid"))],
}
WRITES = {"apply", "log", "progress", "keep", "keep_typing", "keep_video"}
#: Those that answer the same to all: nothing, or what does not depend on what is there.
ALIKE = {"log"}


def methods(port: type) -> set[str]:
    return {name for name in vars(port) if not name.startswith("_")}


def outcome(case: Callable[[Store, Known], object], store: Store, known: Known) -> object:
    try:
        return case(store, known)
    except Exception as problem:  # noqa: BLE001  (which one it is, is compared)
        return type(problem)


def unknown(known: Known) -> Known:
    return Known(
        drafted=uuid4(), signed=uuid4(), begun=uuid4(), recorded=uuid4(), transcribing=uuid4(), lease=known.lease
    )


def test_every_method_of_the_store_has_a_case() -> None:
    assert set(CASES) == methods(Store)


def test_a_consult_of_another_practice_is_as_one_that_nobody_knows(queue: QueueUnderTest) -> None:
    known = fill(queue)
    north, south = queue.store.of(NORTH), queue.store.of(SOUTH)

    def everything() -> list[object]:
        return [outcome(case, north, known) for name in CASES if name not in WRITES for case in CASES[name]]

    before = everything()
    for name, cases in CASES.items():
        for case in cases:
            assert outcome(case, south, known) == outcome(case, south, unknown(known)), name
    assert everything() == before
    for name, cases in CASES.items():
        for case in cases:
            if name not in ALIKE:
                asked_in_vain = outcome(case, south, known)
                assert outcome(case, north, known) != asked_in_vain, f"{name}: this case could not fail"


def test_what_was_asked_in_vain_is_in_the_log_of_who_asked(queue: QueueUnderTest) -> None:
    known = fill(queue)
    north, south = queue.store.of(NORTH), queue.store.of(SOUTH)
    before = north.events()
    south.log(audit(known.drafted))
    assert south.events() == [audit(known.drafted)]
    assert north.events() == before
    assert queue.store.events()[-1:] == south.events()


def test_what_the_system_does_is_in_the_log_of_the_practice_of_the_consult(queue: QueueUnderTest) -> None:
    known = fill(queue)
    event = replace(audit(known.drafted), actor="transcribe", role=Role.SYSTEEM)
    queue.store.log(event)
    queue.store.log(replace(event, consult_id=None))
    assert queue.store.of(NORTH).events()[-1] == event
    assert queue.store.of(SOUTH).events() == []


def test_a_practice_makes_consults_of_its_own_only(queue: QueueUnderTest) -> None:
    south = queue.store.of(SOUTH)
    with pytest.raises(NotFound):
        made(south, Status.NEW, practice=NORTH)
    assert queue.store.search(Search()) == []
    own = made(south, Status.NEW, practice=SOUTH)
    with pytest.raises(NotFound):
        south.apply(Change(consult=replace(own, version=2, practice=NORTH), audit=audit(own.id)))
    assert queue.store.search(Search()) == [own]
    assert queue.store.of(NORTH).search(Search()) == []


def test_a_number_that_another_practice_uses_already_is_refused(queue: QueueUnderTest) -> None:
    known = fill(queue)
    stolen = replace(queue.store.of(NORTH).consult(known.begun), version=1, practice=SOUTH)
    with pytest.raises(Conflict):
        queue.store.of(SOUTH).apply(Change(consult=stolen, audit=audit(stolen.id)))
    assert queue.store.of(NORTH).consult(known.begun).practice == NORTH


def test_the_practice_without_a_name_is_one_like_the_others(queue: QueueUnderTest) -> None:
    known = fill(queue)
    nameless = queue.store.of("")
    own = made(nameless, Status.NEW, practice="")
    assert nameless.search(Search()) == [own]
    with pytest.raises(NotFound):
        nameless.consult(known.drafted)


def test_the_system_sees_all(queue: QueueUnderTest) -> None:
    system: SystemStore = queue.store
    known = fill(queue)
    own = made(system.of(SOUTH), Status.NEW, practice=SOUTH)
    assert {known.drafted, own.id} <= {consult.id for consult in system.search(Search())}
