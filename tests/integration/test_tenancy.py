"""Somebody with a session in the database as the role of a practice, past all our own code. Generated over the tables:
one that is added without a policy, or without a row here, fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    Table,
    create_engine,
    delete,
    func,
    insert,
    literal,
    make_url,
    select,
    text,
    types,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from transcribe.accounts import ACCOUNT, Account, State
from transcribe.app import open_service, run_worker
from transcribe.consult import Actor, Lane, Role, Search
from transcribe.errors import NotFound, OtherSchema, SetupProblem
from transcribe.ports import Session
from transcribe.settings import Settings
from transcribe.store import tables, tenancy
from transcribe.store.accounts import PostgresAccounts
from transcribe.store.database import database_url
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import MasterKey
from transcribe.store.lasting import LastingKeys, Use, voice_key
from transcribe.store.migrate import migrate, upgrade
from transcribe.store.postgres import PostgresStore
from transcribe.store.sessions import PostgresSessions
from transcribe.store.tenancy import APP, WEB, act_for

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
NORTH, SOUTH = "Noord", "Zuid"
#: What a row may name comes first.
TABLES = sorted(
    tables.metadata.sorted_tables, key=lambda table: (table is not tables.consult, table is tables.lasting_key)
)
REFUSED = "InsufficientPrivilege"
GP = Actor(name="Dr. Noord", role=Role.HUISARTS)


def owner(url: str) -> Engine:
    return create_engine(database_url(url), poolclass=NullPool)


def row_of(table: Table, known: dict[str, dict[str, object]], practice: str, number: int) -> dict[str, object]:
    """A row with something in each column; ``known``: rows that it can refer to."""
    found: dict[str, object] = {}
    for column in table.columns:
        if column.identity is not None:
            continue
        if column.foreign_keys:
            (key,) = column.foreign_keys
            found[column.name] = known[key.column.table.name][key.column.name]
        elif column.name == "practice":
            found[column.name] = practice
        elif column.name == "consult_id":
            found[column.name] = known["consult"]["id"]
        elif table is tables.lasting_key and column.name == "name":  # of these a practice has those of its voices
            found[column.name] = voice_key(known["voice_profile"]["id"])  # type: ignore[arg-type]
        else:
            found[column.name] = value_of(column.type, number)
    return found


def value_of(kind: types.TypeEngine[object], number: int) -> object:
    if isinstance(kind, types.Uuid):
        return uuid4()
    if isinstance(kind, ARRAY):
        return []
    if isinstance(kind, types.DateTime):
        return NOW
    if isinstance(kind, types.Date):
        return NOW.date()
    if isinstance(kind, types.LargeBinary):
        return b"%d" % number
    if isinstance(kind, types.Boolean):
        return True
    if isinstance(kind, types.JSON):
        return {}
    return str(number) if isinstance(kind, types.Text) else number


def fill(url: str, practice: str, number: int) -> dict[str, dict[str, object]]:
    """A row in every table, with that practice where there is one."""
    known: dict[str, dict[str, object]] = {}
    with owner(url).begin() as tx:
        for table in TABLES:
            if table is tables.master_key:  # there is one for all practices
                known[table.name] = {"one": True, "id": "1"}
                tx.execute(insert_or_skip(table).values(id="1").on_conflict_do_nothing())
                continue
            known[table.name] = row_of(table, known, practice, number)
            tx.execute(insert(table).values(known[table.name]))
    return known


Rows = dict[str, dict[str, object]]


@pytest.fixture
def north(postgres_url: str) -> Rows:
    return fill(postgres_url, NORTH, 1)


@pytest.fixture
def south(postgres_url: str) -> Rows:
    return fill(postgres_url, SOUTH, 2)


@contextmanager
def acting(url: str, practice: str | None) -> Iterator[Connection]:
    """A session as the role of a practice. None: it says of none."""
    with owner(url).connect() as tx:
        if practice is None:
            tx.execute(text(f"SET LOCAL ROLE {APP}"))
        else:
            act_for(tx, practice)
        yield tx


def refusal(problem: DBAPIError) -> bool:
    return type(problem.orig).__name__ == REFUSED


def count(tx: Connection, table: Table) -> int | None:
    """None: it is refused."""
    try:
        with tx.begin_nested():
            return tx.scalar(select(func.count()).select_from(table))
    except DBAPIError as problem:
        if not refusal(problem):
            raise
        return None


def changed(tx: Connection, statement: Executable) -> int:
    """Rows; 0 when it is refused."""
    try:
        with tx.begin_nested():
            return tx.execute(statement).rowcount
    except DBAPIError as problem:
        if not refusal(problem):
            raise
        return 0


#: What the role of a practice can read; of all other tables it gets nothing.
READ = {
    "access_log", "approval", "certificate", "clearance", "consent", "consult", "content", "data_key", "delivery",
    "icpc_code", "lasting_key", "ledger", "own_word", "piece", "style", "style_glimpse", "style_rule", "turn",
    "video_preset", "voice_profile",
}  # fmt: skip


def test_every_table_has_row_level_security(postgres_url: str) -> None:
    with owner(postgres_url).connect() as tx:
        without = set(tx.scalars(text("SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relrowsecurity")))
    ours = {table.name for table in TABLES} | {"procrastinate_jobs", "procrastinate_events"}
    assert without & ours == set()


def test_the_role_of_a_practice_sees_its_own_rows_and_without_one_nothing(
    postgres_url: str, north: Rows, south: Rows
) -> None:
    def seen(practice: str | None) -> dict[str, int]:
        with acting(postgres_url, practice) as tx:
            counts = {table.name: count(tx, table) for table in TABLES}
        return {name: number for name, number in counts.items() if number is not None}

    nothing = dict.fromkeys(READ, 0)
    assert seen(None) == nothing
    assert seen("Elders") == nothing
    assert seen("") == nothing
    assert seen(NORTH) == seen(SOUTH) == dict.fromkeys(READ, 1)
    with acting(postgres_url, NORTH) as tx:
        assert [row.id for row in tx.execute(select(tables.consult))] == [north["consult"]["id"]]


def test_what_an_earlier_transaction_left_in_its_session_is_no_practice(postgres_url: str) -> None:
    """PostgreSQL leaves an empty text behind where a setting was; there is a practice of that name."""
    fill(postgres_url, "", 1)
    with owner(postgres_url).connect() as session:
        with session.begin():
            act_for(session, "")
            assert count(session, tables.consult) == 1
        with session.begin():
            assert session.scalar(text("SELECT current_setting('transcribe.practice', true)")) == ""
            session.execute(text(f"SET LOCAL ROLE {APP}"))
            assert count(session, tables.consult) == 0


def test_nothing_can_be_added_for_another_practice(postgres_url: str, north: Rows) -> None:
    """Neither with its name nor to its consults."""
    with acting(postgres_url, SOUTH) as tx:
        for table in TABLES:
            row = row_of(table, north, NORTH, 3)
            assert changed(tx, insert(table).values(row)) == 0, table.name


def may_add(tx: Connection, table: Table, row: dict[str, object]) -> bool:
    try:
        return changed(tx, insert(table).values(row)) != 0
    except IntegrityError:  # there is one already, which is asked after the policy
        return True


def test_the_same_can_be_added_for_ones_own_practice(postgres_url: str, north: Rows) -> None:
    """The counter-proof of the test above: there it is the practice that refuses."""
    with acting(postgres_url, NORTH) as tx:
        added = {table.name for table in TABLES if may_add(tx, table, row_of(table, north, NORTH, 3))}
    assert added == READ - {"clearance"}, "the keeper's"


def lines(url: str) -> set[str]:
    """All rows of all tables, as the owner sees them."""
    with owner(url).connect() as tx:
        return {
            f"{table.name}: {line}"
            for table in TABLES
            for line in tx.scalars(text(f"SELECT t::text FROM {table.name} AS t"))
        }


def test_nothing_of_another_practice_can_be_changed_or_removed(postgres_url: str, north: Rows) -> None:
    norths = lines(postgres_url)
    south = fill(postgres_url, SOUTH, 2)
    with acting(postgres_url, SOUTH) as tx:
        for table in TABLES:
            for column in table.columns:
                if column.identity is None:
                    value = literal(south[table.name][column.name], column.type)
                    assert changed(tx, update(table).values({column.name: value})) <= 1, f"{table.name}.{column.name}"
        for table in reversed(TABLES):
            changed(tx, delete(table))
        tx.commit()
    assert norths <= lines(postgres_url)


def test_a_consult_can_not_be_handed_to_another_practice(postgres_url: str, north: Rows) -> None:
    with acting(postgres_url, NORTH) as tx:
        assert changed(tx, update(tables.consult).values(status="nieuw")) == 1
        assert changed(tx, update(tables.consult).values(practice=SOUTH)) == 0
        assert changed(tx, update(tables.ledger).values(practice=SOUTH)) == 0


ATTEMPTS = [
    "ALTER TABLE consult DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE consult NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY practice ON consult",
    "CREATE POLICY mine ON consult USING (true)",
    f"ALTER ROLE {APP} BYPASSRLS",
    f"GRANT {WEB} TO {APP}",
    "ALTER TABLE access_log DISABLE TRIGGER append_only",
    "CREATE OR REPLACE FUNCTION current_practice() RETURNS text LANGUAGE sql RETURN 'Noord'",
    "SET row_security = off; SELECT count(*) FROM consult",
    "SET session_replication_role = replica",
    "UPDATE access_log SET actor = 'niemand'",
    "DELETE FROM access_log",
    "TRUNCATE access_log",
    "COPY consult TO PROGRAM 'true'",
    "SELECT pg_read_file('postgresql.conf')",
]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_role_of_a_practice_can_not_take_more(postgres_url: str, north: Rows, attempt: str) -> None:
    with acting(postgres_url, NORTH) as tx, pytest.raises(DBAPIError) as refused:
        tx.execute(text(attempt))
    assert refusal(refused.value)


def test_the_head_of_the_log_tells_its_number_and_hash_and_no_more(postgres_url: str, north: Rows) -> None:
    with acting(postgres_url, SOUTH) as tx:
        assert count(tx, tables.access_log) == 0
        assert dict(tx.execute(text("SELECT * FROM log_head()")).one()._mapping) == {"seq": 1, "hash": b"1"}


# -- who logs in with less ------------------------------------------------------------------------------------------


@pytest.fixture
def login(postgres_url: str) -> Iterator[str]:
    """The address of a user that is a member of the role for the web, and nothing else."""
    name = f"web_{uuid4().hex[:8]}"
    with owner(postgres_url).begin() as tx:
        tx.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 'proef' IN ROLE {WEB}"))
    yield make_url(postgres_url).set(username=name, password="proef").render_as_string(hide_password=False)
    with owner(postgres_url).begin() as tx:
        tx.execute(text(f"DROP ROLE {name}"))


def test_the_user_of_the_web_can_not_become_the_owner(postgres_url: str, login: str, north: Rows) -> None:
    with owner(postgres_url).connect() as tx:
        name = tx.scalar(text("SELECT current_user"))
    for way in (f'SET ROLE "{name}"', f'SET SESSION AUTHORIZATION "{name}"', "CREATE TABLE mine (id int)"):
        with owner(login).connect() as tx, pytest.raises(DBAPIError) as refused:
            tx.execute(text(way))
        assert refusal(refused.value)
    with owner(login).connect() as tx:
        act_for(tx, SOUTH)
        tx.execute(text("RESET ROLE"))
        assert tx.scalar(text("SELECT current_user")) == make_url(login).username
        for secret in ("patient_sealed", "patient_pseudonym"):
            with pytest.raises(DBAPIError), tx.begin_nested():
                tx.execute(text(f"SELECT {secret} FROM consult"))
        for table in (tables.content, tables.piece, tables.consent, tables.style_rule, tables.key_copy):
            assert not count(tx, table), table.name
        with pytest.raises(DBAPIError), tx.begin_nested():
            tx.execute(text("SELECT wrapped FROM data_key"))


def test_a_user_with_both_roles_sees_nothing_without_a_practice(postgres_url: str, login: str, north: Rows) -> None:
    """One could read all columns and the other see all rows: a mistake that must show, and must not help."""
    with owner(postgres_url).begin() as tx:
        tx.execute(text(f"GRANT {APP} TO {make_url(login).username}"))
    with owner(login).connect() as tx:
        assert {table.name for table in TABLES if count(tx, table)} == set()
    with pytest.raises(SetupProblem, match=f"neem hem het lidmaatschap van {APP} af"):
        migrate(login)


def test_the_user_of_the_web_lets_people_in(postgres_url: str, login: str) -> None:
    """Who somebody is, is asked before any practice speaks; and a practice sees nothing of it."""
    account = Account(
        id=uuid4(),
        practice=NORTH,
        login="a.noord",
        name="Dr. Noord",
        role=Role.HUISARTS,
        manages=True,
        state=State.ACTIVE,
        version=1,
        secret=b"12345678901234567890",
    )
    with PostgresAccounts(login, LastingKeys(_keys=dict.fromkeys(Use, bytes(32)))) as accounts:
        accounts.add_first(account, "De Linde")
        changed = replace(account, since=NOW, version=2)
        accounts.save(changed)
        assert accounts.used()
        assert accounts.by_login("a.noord") == changed
        assert accounts.title(NORTH) == "De Linde"
        assert accounts.count_try(b"k", ACCOUNT, NOW) is None
        accounts.take_back(b"k", whole=True)
    with acting(postgres_url, NORTH) as tx:
        assert [count(tx, table) for table in (tables.account, tables.login_try, tables.practice)] == [None] * 3


def test_the_web_works_for_a_user_who_owns_nothing(postgres_url: str, login: str) -> None:
    with throwaway_data_dir() as data_dir:
        settings = Settings.from_env(data_dir=data_dir, demo=True, database_url=postgres_url, practice=NORTH)
        with open_service(settings) as system:
            consult = system.workflow.create(GP, "P-1")
            elsewhere = system.practice(SOUTH).workflow.create(GP, "P-2")
        with open_service(settings.model_copy(update={"database_url": login})) as service:
            assert service.workflow.consult(consult.id) == consult
            with pytest.raises(NotFound):
                service.workflow.consult(elsewhere.id)
            assert service.practice(SOUTH).workflow.search(Search()) == [elsewhere]
            service.preferences.add_word(GP.name, "Zorgbeeld")
            assert service.preferences.words(GP.name) == ["Zorgbeeld"]
            discarded = service.workflow.discard(GP, consult.id)
            assert service.workflow.certificates(discarded.id)
            # asked by no practice
            service.ask_sound()
            assert sum(service.store.vitals().consults.values()) == 2
            assert service.store.practices_of([consult.id, elsewhere.id]) == {NORTH, SOUTH}
            assert service.finish_abandoned() == 0
            service.handovers.keep(b"s", "h" * 32, "P-9", now=NOW, until=NOW + timedelta(minutes=5))
            assert service.handovers.take("h" * 32, NOW) == "P-9"
            with PostgresSessions(login) as sessions:
                session = Session(digest=b"d" * 32, token="t", began=NOW, last_seen=NOW)
                sessions.add(session)
                sessions.heard(session.digest, consult.id)
                found = sessions.find(session.digest)
                assert found == replace(session, heard=frozenset({consult.id}))
                sessions.forget(NOW + timedelta(days=1))
                assert sessions.find(session.digest) is None
        with pytest.raises(SetupProblem, match="eigenaar"):
            run_worker(settings.model_copy(update={"database_url": login}), Lane.LIVE)
        with open_service(settings) as system:
            assert system.store.verify_log() is None


def test_the_user_of_the_web_waits_until_the_tables_are_of_this_version(postgres_url: str, login: str) -> None:
    with owner(postgres_url).begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0009'"))
    with pytest.raises(SetupProblem, match="eerdere versie"):
        migrate(login)
    with owner(postgres_url).begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    with pytest.raises(OtherSchema):
        migrate(login)
    with owner(postgres_url).begin() as tx:
        tx.execute(text(f"REVOKE ALL ON alembic_version FROM {WEB}"))
    with pytest.raises(SetupProblem, match=WEB):
        migrate(login)


# -- making the roles -----------------------------------------------------------------------------------------------


def test_the_owner_of_a_database_needs_not_be_the_owner_of_the_server(postgres_url: str) -> None:
    """He may make roles, or somebody made them for him; if not he is told what to ask for."""
    name = f"eigenaar_{uuid4().hex[:8]}"
    other = f"test_{uuid4().hex[:12]}"
    admin = create_engine(database_url(postgres_url), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 'proef'"))
        connection.execute(text(f"CREATE DATABASE {other} OWNER {name}"))
    url = make_url(postgres_url).set(username=name, password="proef", database=other)
    address = url.render_as_string(hide_password=False)
    try:
        with pytest.raises(SetupProblem, match=f"GRANT {APP} TO"):
            migrate(address)
        with admin.connect() as connection:
            connection.execute(text(f"GRANT {APP} TO {name}"))
        migrate(address)
        migrate(address)
        with closing(PostgresStore(address, MasterKey.of(bytes(32)))) as store:
            assert store.of(NORTH).search(Search()) == []
            assert store.search(Search()) == []
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {other} WITH (FORCE)"))
            connection.execute(text(f"DROP ROLE {name}"))


def test_a_role_that_may_too_much_is_refused(postgres_url: str) -> None:
    with owner(postgres_url).connect() as tx:
        tx.execute(text(f"ALTER ROLE {APP} BYPASSRLS"))
        with pytest.raises(SetupProblem, match="te veel"):
            tenancy.make_roles(tx)
        tx.rollback()
        tx.execute(text(f"GRANT pg_read_all_data TO {APP}"))
        with pytest.raises(SetupProblem, match="te veel"):
            tenancy.make_roles(tx)
        tx.rollback()
        tenancy.make_roles(tx)


def test_rows_of_before_are_of_the_practice_they_were_of(postgres_url: str) -> None:
    """A database of the version before this one: the log is not touched, and who worked here sees what he saw."""
    name = f"test_{uuid4().hex[:12]}"
    admin = create_engine(database_url(postgres_url), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    address = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    try:
        with owner(address).begin() as tx:
            upgrade(tx, "0009")
            here, there = (_old_consult(tx, practice) for practice in ("", SOUTH))
            for seq, consult_id in enumerate((here, there, None), start=1):
                tx.execute(_OLD_EVENT, {"seq": seq, "at": NOW, "consult": consult_id})
            tx.execute(text("INSERT INTO style_glimpse VALUES ('w', 'c')"))
        migrate(address)
        with closing(PostgresStore(address, MasterKey.of(bytes(32)))) as store:
            for practice, consult_id in (("", here), (SOUTH, there)):
                assert store.of(practice).consult(consult_id).practice == practice
                assert [event.consult_id for event in store.of(practice).events()] == [consult_id]
            assert len(store.events()) == 3
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


_OLD_EVENT = text("""
    INSERT INTO access_log (seq, at, actor, role, action, consult_id, detail, hash)
    VALUES (:seq, :at, 'Dr. Noord', 'huisarts', 'verslag bekeken', :consult, '', '')
""")


def _old_consult(tx: Connection, practice: str) -> UUID:
    consult_id = uuid4()
    tx.execute(
        text("""
            INSERT INTO consult (id, status, part, created_at, changed_at, version, channels, upload, missing_s,
                                 progress_s, stumbles, lost_s, lane, practice, exercise)
            VALUES (:id, 'nieuw', 'bezig', :at, :at, 1, '{}', '', 0, 0, 0, 0, 'live', :practice, false)
        """),
        {"id": consult_id, "at": NOW, "practice": practice},
    )
    return consult_id
