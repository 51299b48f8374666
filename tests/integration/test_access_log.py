"""The access log in PostgreSQL: a chain that shows changes, anchors that show what is missing, rows that may go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, func, insert, select, text
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from transcribe.access_log import event_of
from transcribe.consult import Action, Actor, AuditEvent, LogFilter, Role
from transcribe.log_reading import rows
from transcribe.store import tables
from transcribe.store.access_log import log_head, row_hash, start_seal, verify_chain
from transcribe.store.anchors import Kept, Verdict, judge
from transcribe.store.backup import anchor_of, back_up
from transcribe.store.blobs import FolderBlobs
from transcribe.store.key_copies import KeyCopies
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore

MASTER = MasterKey.of(os.urandom(32))
NOW = datetime.now(UTC)
GP = Actor(name="Jansen", role=Role.HUISARTS)


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    found = PostgresStore(postgres_url, MASTER)
    yield found
    found.close()


@pytest.fixture
def engine(postgres_url: str) -> Engine:
    return create_engine(postgres_url, poolclass=NullPool)


def event(number: int = 0, *, years: float = 0) -> AuditEvent:
    at = NOW + timedelta(minutes=number) - timedelta(days=365.25 * years)
    return event_of(GP, Action.NOTE_VIEWED, at, detail=f"L{number}")


def fill(store: PostgresStore, count: int = 8) -> None:
    for number in range(1, count + 1):
        store.log(event(number))


def as_owner(engine: Engine, act: Callable[[Connection], object]) -> None:
    """Whoever owns the database can take the guard away."""
    with engine.begin() as tx:
        tx.execute(text("ALTER TABLE access_log DISABLE TRIGGER append_only"))
        act(tx)
        tx.execute(text("ALTER TABLE access_log ENABLE ALWAYS TRIGGER append_only"))


def rechained(tx: Connection) -> None:
    """Every hash computed anew, as one who read this program can do."""
    before, log = bytes(32), tables.access_log
    for row in tx.execute(select(log).order_by(log.c.seq)).all():
        before = row_hash(before, row._mapping)
        tx.execute(log.update().where(log.c.seq == row.seq).values(hash=before))


def verdicts(store: PostgresStore, *kept: Kept) -> list[Verdict]:
    walked = store.walk_log([one.anchor.seq for one in kept])
    return [judge(one, walked, store.installation()) for one in kept]


def anchored(store: PostgresStore) -> Kept:
    return Kept(anchor=store.log_anchor(), where="papier", sealed=True)


# -- the chain -----------------------------------------------------------------------------------------------------


def broken_by(engine: Engine, tampering: str) -> int | None:
    """The row at which a log shows that this was done to it. It is undone."""
    with engine.connect() as tx:
        tx.execute(text("ALTER TABLE access_log DISABLE TRIGGER append_only"))
        for statement in tampering.split(";"):
            tx.execute(text(statement))
        return verify_chain(tx, MASTER)


def test_no_field_of_a_row_can_be_changed_unseen(store: PostgresStore, engine: Engine) -> None:
    fill(store, 3)
    other = {
        "Text": "'anders'",
        "DateTime": "now()",
        "Uuid": "gen_random_uuid()",
        "LargeBinary": "sha256('x')",
    }
    for column in tables.access_log.columns:
        if column.name != "seq":
            value = other.get(type(column.type).__name__, "77")
            assert broken_by(engine, f"UPDATE access_log SET {column.name} = {value} WHERE seq = 2") == 2, column
    assert store.verify_log() is None


def test_no_row_can_be_taken_out_or_moved_unseen(store: PostgresStore, engine: Engine) -> None:
    fill(store)
    for tampering, broken in (
        ("UPDATE access_log SET version = 1 WHERE seq = 3", 3),
        ("DELETE FROM access_log WHERE seq = 1", 1),
        ("DELETE FROM access_log WHERE seq = 4", 4),
        ("UPDATE access_log SET seq = 30 WHERE seq = 2; UPDATE access_log SET seq = 2 WHERE seq = 3", 2),
        ("UPDATE access_log SET seq = seq + 100 WHERE seq > 4; UPDATE access_log SET seq = seq - 99 WHERE seq > 4", 5),
        ("DELETE FROM access_log WHERE seq < 4", 1),
    ):
        assert broken_by(engine, tampering) == broken, tampering
    assert store.verify_log() is None


def test_no_row_can_be_put_in_between_unseen(store: PostgresStore, engine: Engine) -> None:
    fill(store, 4)

    def slip_in(tx: Connection) -> None:
        log = tables.access_log
        tx.execute(log.update().where(log.c.seq == 4).values(seq=5))
        forged = dict(tx.execute(select(log).where(log.c.seq == 3)).one()._mapping) | {"seq": 4, "actor": "Niemand"}
        before = tx.scalar(select(log.c.hash).where(log.c.seq == 3))
        tx.execute(insert(log).values(forged | {"hash": row_hash(before, forged)}))

    as_owner(engine, slip_in)
    assert store.verify_log() == 5, "the row behind it does not fit any more"


def test_rows_of_before_keep_verifying_and_new_ones_go_on_from_them(store: PostgresStore, engine: Engine) -> None:
    """As a database has them that comes from an older version, the name of a colleague in the detail."""
    old = {
        "version": 1, "seq": 1, "at": NOW, "actor": "Jansen", "role": "huisarts", "action": "verslag overgedragen",
        "consult_id": None, "detail": "aan W. de Neem",
    }  # fmt: skip
    rest = {"whom": "", "outcome": 0, "user_id": "", "responsible": "", "allowed_by": "", "client": "dienst"}
    rest |= {"address": "", "request": "", "product": ""}
    with engine.begin() as tx:
        tx.execute(insert(tables.access_log).values(old | rest | {"hash": row_hash(bytes(32), old)}))
    fill(store, 2)
    assert store.verify_log() is None
    first = store.events()[0]
    assert (first.action, first.detail, first.whom) == (Action.PASSED_ON, "", "W. de Neem")
    as_owner(engine, lambda tx: tx.execute(text("UPDATE access_log SET detail = 'aan W. Neem' WHERE seq = 1")))
    assert store.verify_log() == 1


# -- anchors -------------------------------------------------------------------------------------------------------


def test_rows_cut_off_at_the_end_show_by_an_anchor_and_by_nothing_else(store: PostgresStore, engine: Engine) -> None:
    fill(store, 5)
    early = anchored(store)
    fill(store, 5)
    late = anchored(store)
    as_owner(engine, lambda tx: tx.execute(text("DELETE FROM access_log WHERE seq > 7")))
    assert store.verify_log() is None
    assert verdicts(store, early, late) == [Verdict.HOLDS, Verdict.CUT_OFF]
    fill(store, 5)  # and the service goes on, past the number of the anchor
    assert store.verify_log() is None
    assert verdicts(store, early, late) == [Verdict.HOLDS, Verdict.DIFFERS]


def test_a_whole_chain_that_was_computed_anew_shows_by_an_anchor(store: PostgresStore, engine: Engine) -> None:
    fill(store)
    kept = anchored(store)

    def rewrite(tx: Connection) -> None:
        tx.execute(text("UPDATE access_log SET actor = 'Niemand' WHERE seq = 3"))
        rechained(tx)

    as_owner(engine, rewrite)
    assert store.verify_log() is None, "a chain without a key can be made anew"
    assert verdicts(store, kept) == [Verdict.DIFFERS]
    forged = replace(kept, anchor=replace(kept.anchor, hash=store.log_anchor().hash))
    assert verdicts(store, replace(forged, sealed=False)) == [Verdict.UNSEALED]


def test_another_number_for_the_database_does_not_put_the_anchors_aside(store: PostgresStore, engine: Engine) -> None:
    fill(store)
    kept = anchored(store)
    as_owner(engine, lambda tx: tx.execute(text("DELETE FROM access_log WHERE seq > 4")))
    with engine.begin() as tx:
        tx.execute(text("UPDATE installation SET id = gen_random_uuid()"))
    fill(store, 1)
    assert verdicts(store, kept) == [Verdict.CUT_OFF]


def test_an_empty_log_has_an_anchor_too(store: PostgresStore) -> None:
    kept = anchored(store)
    assert kept.anchor.seq == 0
    fill(store, 2)
    assert verdicts(store, kept) == [Verdict.HOLDS]


def test_a_backup_and_a_copy_of_the_keys_are_anchors(
    store: PostgresStore, postgres_url: str, engine: Engine, tmp_path: Path
) -> None:
    fill(store)
    file, blobs = tmp_path / "praktijk.backup", FolderBlobs(tmp_path / "audio")
    back_up(file, store=store, url=postgres_url, blobs=blobs, master_key=MASTER, actor="beheerder")
    copies = KeyCopies(store, postgres_url, MASTER)
    kept = [anchor_of(file, MASTER), *copies.anchors()]
    copies.close()
    assert [one.anchor.seq for one in kept] == [8, 9], "the copy was written again when the back-up was logged"
    assert verdicts(store, *kept) == [Verdict.HOLDS] * 2
    as_owner(engine, lambda tx: tx.execute(text("DELETE FROM access_log WHERE seq > 5")))
    assert verdicts(store, *kept) == [Verdict.CUT_OFF] * 2


# -- rows that may go ----------------------------------------------------------------------------------------------


def pruned(count: int) -> AuditEvent:
    return event_of(GP, Action.LOG_PRUNED, NOW + timedelta(hours=1), detail=f"{count} regels")


@pytest.fixture
def old(store: PostgresStore) -> PostgresStore:
    """Rows 1 to 4 of six years ago, 5 to 7 of now."""
    for number in range(1, 5):
        store.log(event(number, years=6))
    fill(store, 3)
    return store


FIVE_YEARS = NOW - timedelta(days=5 * 366)


def test_old_rows_go_and_the_chain_goes_on_from_there(old: PostgresStore) -> None:
    kept = anchored(old)
    first = Kept(anchor=replace(kept.anchor, seq=2), where="", sealed=True)
    assert old.prune_log(FIVE_YEARS, pruned) == 4
    assert [row.seq for row in rows(old, LogFilter())] == [5, 6, 7, 8]
    assert (old.events()[-1].action, old.events()[-1].detail) == (Action.LOG_PRUNED, "4 regels")
    assert old.verify_log() is None
    assert old.walk_log().first == 5
    assert verdicts(old, kept, first) == [Verdict.HOLDS, Verdict.REMOVED]
    assert old.prune_log(FIVE_YEARS, pruned) == 0, "nothing is done and nothing is logged"
    assert len(old.events()) == 4


def test_the_guard_is_back_after_it(old: PostgresStore, engine: Engine) -> None:
    old.prune_log(FIVE_YEARS, pruned)
    for table in ("access_log", "access_log_start"):
        with engine.begin() as tx, pytest.raises(DBAPIError, match="can only be added"):
            tx.execute(text(f"SET session_replication_role = replica; DELETE FROM {table}"))


def test_the_database_itself_keeps_what_is_younger_than_five_years(old: PostgresStore, engine: Engine) -> None:
    for age in ("now()", "now() - interval '4 years'", "now() - interval '5 years'"):
        with engine.begin() as tx, pytest.raises(DBAPIError, match="access log"):
            tx.execute(text(f"SELECT prune_access_log(7, {age}, '')"))
    assert len(old.events()) == 7
    assert old.verify_log() is None


def test_only_the_owner_may_prune(old: PostgresStore, engine: Engine) -> None:
    with engine.connect() as tx:
        function = "prune_access_log(bigint, timestamptz, bytea)"
        assert tx.scalar(text(f"SELECT has_function_privilege('pg_monitor', '{function}', 'EXECUTE')")) is False


def test_a_beginning_that_the_database_made_up_has_no_seal(old: PostgresStore, engine: Engine) -> None:
    """Whoever owns the database calls the function, or does by hand what it does: the seal needs the master key."""
    with engine.begin() as tx:
        tx.execute(text("SELECT prune_access_log(4, now() - interval '5 years', sha256('x'))"))
    assert old.verify_log() == 4
    assert old.walk_log().unsealed


def test_a_beginning_further_on_than_rows_that_were_removed_shows(old: PostgresStore, engine: Engine) -> None:
    def forge(tx: Connection) -> None:
        log = tables.access_log
        row = tx.execute(select(log).where(log.c.seq == 6)).one()
        seal = start_seal(MASTER, 4, tx.scalar(select(log.c.hash).where(log.c.seq == 4)))
        tx.execute(
            insert(tables.access_log_start).values(seq=6, hash=row.hash, before=func.now(), at=func.now(), seal=seal)
        )
        tx.execute(text("DELETE FROM access_log WHERE seq <= 6"))

    as_owner(engine, forge)
    assert old.verify_log() == 6


def test_an_empty_log_goes_on_from_where_it_was_pruned(store: PostgresStore, engine: Engine) -> None:
    store.log(event(1, years=6))
    with engine.begin() as tx:
        head = log_head(tx)
    assert store.prune_log(FIVE_YEARS, pruned) == 1
    with engine.begin() as tx:
        assert log_head(tx)[0] == 2
        assert tx.execute(select(tables.access_log_start.c.seq, tables.access_log_start.c.hash)).one() == head
    assert store.verify_log() is None


# -- reading a long log --------------------------------------------------------------------------------------------


def test_every_way_to_read_it_goes_by_an_index(store: PostgresStore, engine: Engine) -> None:
    many = text("""
        INSERT INTO access_log (seq, at, actor, role, action, detail, hash, version, whom, outcome, user_id,
                                responsible, allowed_by, client, address, request, product)
        SELECT n, now() - (20000 - n) * interval '20 minutes', 'Iemand ' || n % 50, 'huisarts', 'verslag bekeken', '',
               '', 1, '', 0, '', '', '', 'dienst', '', '', '' FROM generate_series(1, 20000) AS n
    """)
    with engine.begin() as tx:
        tx.execute(many)
        tx.execute(text("ANALYZE access_log"))
    asked: list[tuple[str, object]] = []
    listen(store._engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    for wanted in (
        LogFilter(),
        LogFilter(actor="Iemand 7"),
        LogFilter(action=Action.RESTORED),
        LogFilter(since=NOW - timedelta(days=200), before=NOW - timedelta(days=199)),
        LogFilter(patient_ref="4711"),
    ):
        asked.clear()
        store.logged(wanted, limit=51)
        statement, given = next(one for one in asked if "FROM access_log" in one[0] and "LIMIT" in one[0])
        with engine.connect() as tx:
            plan = tx.connection.cursor().execute(f"EXPLAIN {statement}", given).fetchall()  # type: ignore[arg-type]
        assert "Seq Scan" not in str(plan), plan
