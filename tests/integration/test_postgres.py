"""What only the real store can show: what lies in the tables, who may change it, and what is left after destruction."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from consent import How, grant
from tests.queues import PostgresQueue
from transcribe.asr.transcript import HeardSegment, HeardWindow, Speaker, Transcript, Utterance, Word
from transcribe.audio.pcm import Decoded
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
    Role,
    Search,
    Stage,
    Status,
)
from transcribe.contact import Contact
from transcribe.errors import DiskFull, SetupProblem, StoreUnavailable, Unreadable
from transcribe.soep.check import Flags
from transcribe.soep.note import Checked, Line, Note, Report, Section
from transcribe.store import codec, tables
from transcribe.store.database import database_url, translated
from transcribe.store.handovers import PostgresHandovers
from transcribe.store.keys import MasterKey
from transcribe.store.migrate import migrate
from transcribe.store.postgres import PostgresStore
from transcribe.store.preferences import PostgresPreferences
from transcribe.video import Video

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MASTER = MasterKey.of(bytes(range(32)))
CANARY = "kanariepiet in de keelholte"
PATIENT = "BSN-123456782"
NOTE = Note(reports=(Report(id="R1", lines=(Line(id="L1", section=Section.S, text=CANARY),)),))
TRANSCRIPT = Transcript(utterances=(Utterance(speaker=Speaker.PATIENT, start_s=0, end_s=1, text=CANARY),))


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    found = PostgresStore(postgres_url, MASTER)
    yield found
    found.close()


@pytest.fixture
def engine(postgres_url: str) -> Engine:
    return create_engine(postgres_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")


def event(consult_id: UUID | None = None, detail: str = "") -> AuditEvent:
    return AuditEvent(
        at=NOW, actor="Jansen", role=Role.HUISARTS, action=Action.NOTE_VIEWED, consult_id=consult_id, detail=detail
    )


def approved(store: PostgresStore) -> Consult:
    """A consult that was approved."""
    consult = Consult(id=uuid4(), patient_ref=PATIENT, status=Status.NEW, created_at=NOW, changed_at=NOW, version=1)
    agreed = grant(how=How.SPOKEN, informed_by="B", text_id="t", text_sha256="0", others_informed=True, now=NOW)
    store.apply(Change(consult=consult, audit=event(consult.id), consent=agreed, transcript=TRANSCRIPT, note=NOTE))
    signed = Approval(
        id=uuid4(),
        consult_id=consult.id,
        note_version=2,
        sha256="00",
        approved_by="Jansen",
        role=Role.HUISARTS,
        approved_at=NOW,
    )
    copy = Delivery(
        id=uuid4(), consult_id=consult.id, approval_id=signed.id, part="S", delivered_by="Jansen", delivered_at=NOW
    )
    proof = Certificate(id=uuid4(), consult_id=consult.id, purpose=KeyPurpose.SOURCE, why="akkoord", destroyed_at=NOW)
    consult = replace(consult, version=2, status=Status.APPROVED)
    store.apply(
        Change(
            consult=consult,
            audit=event(consult.id),
            note=NOTE,
            approval=signed,
            delivery=copy,
            destroy=(proof,),
            ledger=LedgerEntry(
                day=NOW.date(),
                practice="De Linde",
                drafter="d 1",
                model="m 1",
                checked=Checked(sections=(), seconds=48),
            ),
        )
    )
    store.clear((proof,), NOW)
    return consult


def half_done(store: PostgresStore, url: str) -> None:
    """A consult whose transcription has begun, with what was recorded of the video consult that it was."""
    consult = Consult(
        id=uuid4(), patient_ref=PATIENT, status=Status.RECORDED, created_at=NOW, changed_at=NOW, version=1
    )
    job = Job(stage=Stage.TRANSCRIBE, consult_id=consult.id, lane=Lane.LIVE, practice="De Linde")
    decoded = Decoded(duration_s=4.0, channels=1, missing=())
    store.apply(Change(consult=consult, audit=event(consult.id), jobs=(job,), decoded=decoded))
    queue = PostgresQueue(store, url)
    taken = queue.take()
    assert taken
    heard = HeardSegment(
        text=CANARY, start_s=0.0, end_s=2.0, words=(), no_speech=0.0, log_probability=0.0, compression=1.0
    )
    window = HeardWindow(model="m", channel=0, start_s=0.0, end_s=2.0, segments=(heard,))
    store.keep(consult.id, window, taken[1])
    store.keep_video(consult.id, 0, Video(others=CANARY, reason=CANARY), event(consult.id))
    queue.close()
    store.measured(Stage.TRANSCRIBE, 4.0, 1.0)


# -- what lies in the tables ---------------------------------------------------------------------------------------


#: Machines, browsers, who logs in, folders, what a practice sets, where the log begins: nothing of a consult is there.
NOT_OF_CONSULTS = {
    "worker", "session", "key_copy", "style", "icpc_code", "style_rule", "own_word", "video_preset", "access_log_start",
    "account", "practice", "login_try", "voice_profile",
}  # fmt: skip
QUEUE = {"procrastinate_jobs", "procrastinate_events"}


def test_no_word_of_the_patient_is_in_any_column(store: PostgresStore, postgres_url: str, engine: Engine) -> None:
    approved(store)
    half_done(store, postgres_url)
    with PostgresHandovers(postgres_url) as handovers:
        handovers.keep(b"handtekening", "greep", PATIENT, now=NOW, until=NOW + timedelta(minutes=5))
    with PostgresPreferences(postgres_url, hashed=store.lasting.fingerprint) as preferences:
        preferences.noticed("Dr. Jansen", "pijn", CANARY, uuid4())
        assert preferences.rules("Dr. Jansen") == []
    ours = {table.name for table in tables.metadata.sorted_tables}
    with engine.connect() as connection:
        for name in (ours - NOT_OF_CONSULTS) | QUEUE:
            rows = connection.execute(text(f"SELECT t::text, to_jsonb(t)::text FROM {name} t")).all()
            assert rows, f"{name} is empty: this test saw nothing of it"
            shown = str(rows)
            for secret in (CANARY, PATIENT, CANARY.encode().hex(), PATIENT.encode().hex()):
                assert secret not in shown, name


def test_a_patient_is_found_by_pseudonym(store: PostgresStore, engine: Engine) -> None:
    consult = approved(store)
    with engine.connect() as connection:
        query = text("SELECT id FROM consult WHERE patient_pseudonym = :pseudonym")
        found = connection.scalars(query, {"pseudonym": store.lasting.pseudonym(PATIENT)}).all()
    assert found == [consult.id]


def test_every_field_of_a_value_has_a_column() -> None:
    """A field that is added to a value can't be forgotten here."""
    for value, table, elsewhere in (
        (Consult, tables.consult, {"patient_ref", "contact"}),
        (Approval, tables.approval, set()),
        (Delivery, tables.delivery, set()),
        (Certificate, tables.certificate, {"cleared_at"}),
        (AuditEvent, tables.access_log, set()),
    ):
        assert {field.name for field in fields(value)} - elsewhere <= set(table.columns.keys()), table.name
    assert {f"contact_{field.name}" for field in fields(Contact)} <= set(tables.consult.columns.keys())


def ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
    """The queue's tables are its library's."""
    return not ((parents.get("table_name") or name or "") if kind != "schema" else "").startswith("procrastinate_")


def test_the_migrations_make_exactly_these_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        options = {"include_name": ours}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)
    assert found == []


def test_migrating_again_and_at_the_same_time_is_fine(postgres_url: str, engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, [postgres_url] * 3))
    PostgresStore(postgres_url, MASTER).close()


# -- what can only be added ----------------------------------------------------------------------------------------


# where a log begins that was shortened is in test_access_log
@pytest.mark.parametrize("table", [table.name for table in tables.APPEND_ONLY if table.name != "access_log_start"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET {} = {}",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "SET session_replication_role = replica; DELETE FROM {}",
    ],
)
def test_a_record_can_not_be_changed_or_removed(
    store: PostgresStore, engine: Engine, table: str, statement: str
) -> None:
    approved(store)
    column = {"access_log": "detail", "clearance": "cleared_at"}.get(table, "consult_id")
    count = text(f"SELECT count(*) FROM {table}")
    with engine.connect() as connection:
        before = connection.scalar(count)
        with pytest.raises(DBAPIError, match="can only be added"):
            connection.execute(text(statement.format(table, column, column)))
        assert connection.scalar(count) == before > 0


# -- the chain of the access log -----------------------------------------------------------------------------------


def test_a_whole_log_verifies_also_when_many_write_at_once(store: PostgresStore) -> None:
    assert store.verify_log() is None
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.log(event(detail=str(number))), range(40)))
    approved(store)
    assert store.verify_log() is None
    assert sorted(int(seen.detail) for seen in store.events()[:40]) == list(range(40))


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE access_log SET detail = 'L9' WHERE seq = 3", 3),
        ("UPDATE access_log SET actor = 'Pietersen' WHERE seq = 3", 3),
        ("UPDATE access_log SET at = at + interval '1 microsecond' WHERE seq = 1", 1),
        ("UPDATE access_log SET role = 'iemand' WHERE seq = 2", 2),
        ("UPDATE access_log SET consult_id = gen_random_uuid() WHERE seq = 2", 2),
        ("UPDATE access_log SET hash = sha256('') WHERE seq = 4", 4),
        ("DELETE FROM access_log WHERE seq = 1", 1),
        ("DELETE FROM access_log WHERE seq = 3", 3),
        ("UPDATE access_log SET seq = CASE seq WHEN 2 THEN 30 WHEN 3 THEN 2 ELSE seq END WHERE seq IN (2, 3)", 2),
    ],
)
def test_tampering_by_the_one_who_owns_the_database_shows(
    store: PostgresStore, engine: Engine, tampering: str, broken: int
) -> None:
    for number in range(5):
        store.log(event(detail=f"L{number}"))
    with engine.connect() as connection:
        connection.execute(text("ALTER TABLE access_log DISABLE TRIGGER append_only"))
        connection.execute(text(tampering))
    assert store.verify_log() == broken


# -- keys ----------------------------------------------------------------------------------------------------------


def test_a_destroyed_key_is_gone_and_its_dead_row_cleared_away(store: PostgresStore, engine: Engine) -> None:
    consult = approved(store)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT purpose FROM data_key")).scalars().all()
        assert rows == [KeyPurpose.RECORD.value]
        sealed_with_source = connection.scalars(text("SELECT blob FROM content WHERE purpose = 'bron'")).all()
        assert sealed_with_source == [None, None]
        vacuums = text("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'data_key'")
        assert connection.scalar(vacuums) == 1
    assert store.consult(consult.id).patient_ref == PATIENT


def test_the_database_of_another_master_key_is_refused(store: PostgresStore, postgres_url: str) -> None:
    approved(store)
    with pytest.raises(SetupProblem, match="hoofdsleutel"):
        PostgresStore(postgres_url, MasterKey.of(os.urandom(32)))


def test_an_old_version_in_the_place_of_the_newest_is_refused(store: PostgresStore, engine: Engine) -> None:
    """The same key opens both; the place that is sealed in does not match."""
    consult = approved(store)
    for version in (3, 4):
        consult = replace(consult, version=version)
        store.apply(Change(consult=consult, audit=event(consult.id), note=NOTE))
    assert store.note(consult.id) == (4, NOTE)
    with engine.connect() as connection:
        connection.execute(
            text("UPDATE content SET blob = old.blob FROM content old WHERE content.version = 4 AND old.version = 3")
        )
    with pytest.raises(Unreadable):
        store.note(consult.id)


# -- errors, and nothing of the patient in them --------------------------------------------------------------------


def test_what_would_not_come_back_equal_is_refused_at_the_door(store: PostgresStore) -> None:
    consult = approved(store)
    nan = Word(text=CANARY, start_s=0, end_s=1, probability=float("nan"))
    wrong = replace(TRANSCRIPT, utterances=(replace(TRANSCRIPT.utterances[0], words=(nan,)),))
    consult = replace(consult, id=uuid4(), version=1)
    with pytest.raises(ValueError) as told:
        store.apply(Change(consult=consult, audit=event(consult.id), transcript=wrong))
    assert CANARY not in str(told.value)
    assert consult.id not in [kept.id for kept in store.search(Search())]


def test_what_another_version_found_in_a_draft_does_not_count(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A review is opened all the same: it is found anew."""
    consult = Consult(
        id=uuid4(),
        patient_ref=PATIENT,
        created_at=NOW,
        changed_at=NOW,
        version=1,
        status=Status.RECORDING,
        upload="live-1",
    )
    store.apply(Change(consult=consult, audit=event(consult.id)))
    store.keep(consult.id, Flags(rules="r", talk="t", lines={}), "live-1")
    assert store.flags(consult.id) == Flags(rules="r", talk="t", lines={})

    def refused(*_: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr(codec, "decode", refused)
    assert store.flags(consult.id) is None


def test_no_value_shows_in_an_error_or_a_log(
    store: PostgresStore, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.connect() as connection:
        connection.execute(text("ALTER TABLE content ADD CHECK (false)"))
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DBAPIError) as told:
        approved(store)
    shown = f"{told.value}{told.value!r}{told.value.__cause__}{caplog.text}"
    assert CANARY not in shown
    assert PATIENT not in shown
    assert "parameters hidden" in shown


def test_a_lost_connection_is_repaired_at_the_next_call(store: PostgresStore, engine: Engine) -> None:
    consult = approved(store)
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database()"
            )
        )
    assert store.consult(consult.id) == consult


@pytest.mark.parametrize("state", ["53100", "53200", "57014", "58030", "40001", "XX000", "25006", "25P02"])
def test_trouble_of_the_server_is_never_taken_for_trouble_with_the_consult(engine: Engine, state: str) -> None:
    raised = text(f"DO $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{state}'; END $$")
    expected = DiskFull if state == "53100" else StoreUnavailable
    with pytest.raises(expected), translated(), engine.begin() as connection:
        connection.execute(raised)


def test_a_disk_that_is_full_for_the_queue_is_full(store: PostgresStore, engine: Engine) -> None:
    """The queue has errors of its own around those of the driver."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER full_disk BEFORE INSERT ON procrastinate_jobs EXECUTE FUNCTION full_disk()")
        )
    consult = Consult(
        id=uuid4(), patient_ref=PATIENT, status=Status.RECORDED, created_at=NOW, changed_at=NOW, version=1
    )
    job = Job(stage=Stage.TRANSCRIBE, consult_id=consult.id, lane=Lane.LIVE)
    with pytest.raises(DiskFull):
        store.apply(Change(consult=consult, audit=event(consult.id), jobs=(job,)))


@pytest.mark.parametrize("state", ["22021", "23505", "42601", "P0001"])
def test_a_mistake_of_ours_is_not_taken_for_an_outage(engine: Engine, state: str) -> None:
    raised = text(f"DO $$ BEGIN RAISE EXCEPTION 'mistake' USING ERRCODE = '{state}'; END $$")
    with pytest.raises(DBAPIError), translated(), engine.begin() as connection:
        connection.execute(raised)


def test_a_server_that_is_not_there_is_said_in_words(postgres_url: str) -> None:
    nowhere = database_url(postgres_url).update_query_dict({"host": "/nowhere"}).render_as_string(hide_password=False)
    with pytest.raises(StoreUnavailable, match="niet bereikbaar"):
        PostgresStore(nowhere, MASTER)
    with pytest.raises(StoreUnavailable):
        migrate(nowhere)


@pytest.mark.parametrize(
    "given", ["postgres://u:geheim@h/d", "postgresql://u:geheim@h/d", "postgresql+psycopg://u@h/d"]
)
def test_an_address_as_administrators_write_it(given: str) -> None:
    assert database_url(given).drivername == "postgresql+psycopg"


@pytest.mark.parametrize("given", ["sqlite:///x", "mysql://u:geheim@h/d", "geheim", "postgresql://u:geheim@h:poort/d"])
def test_any_other_address_is_refused_without_showing_it(given: str) -> None:
    with pytest.raises(SetupProblem) as told:
        database_url(given)
    assert "geheim" not in str(told.value)


# -- one at a time -------------------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore

store = PostgresStore(sys.argv[1], MasterKey.of(bytes(range(32))))
with store.alone("keeper") as ours:
    print(ours, flush=True)
    time.sleep(60)
"""


def test_a_task_is_done_by_one_process_until_that_ends(store: PostgresStore, postgres_url: str) -> None:
    command = [sys.executable, "-c", HOLDER, postgres_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        with store.alone("keeper") as ours, store.alone("another task") as other:
            assert (ours, other) == (False, True)
        holder.send_signal(signal.SIGKILL)
    for _ in range(100):
        with store.alone("keeper") as ours:
            if ours:
                return
    pytest.fail("the lock outlived its process")


def test_finished_jobs_are_pruned_with_their_events(store: PostgresStore, postgres_url: str, engine: Engine) -> None:
    half_done(store, postgres_url)
    queue = PostgresQueue(store, postgres_url)
    with engine.connect() as connection:
        job_id = connection.scalar(text("SELECT id FROM procrastinate_jobs"))
    queue.finish(Lease(job_id=job_id, attempt=0))
    half_done(store, postgres_url)  # one that still runs
    assert store.prune(jobs_before=datetime.now(UTC) - timedelta(days=1)) == 0
    assert store.prune(jobs_before=datetime.now(UTC) + timedelta(minutes=1)) == 1
    queue.close()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 1
        assert (
            connection.scalar(text("SELECT count(*) FROM procrastinate_events WHERE job_id = :id"), {"id": job_id}) == 0
        )
