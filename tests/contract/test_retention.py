"""Time in which nobody could see a warning does not count, and no clock erases anything: on the fake and on PostgreSQL.

The clock of the database is ours here: a function ``now()`` that is found before its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from transcribe import policy
from transcribe.consult import Action, AuditEvent, Change, Consult, Role, Status
from transcribe.keeper import DISTRUST_S, Keeper
from transcribe.ports import Store
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore
from transcribe.testing import MemoryAudioStore, MemorySpool, MemoryStore
from transcribe.writer import Writer

MONDAY = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = 14  # of retention
NEW = [Status.NEW]


@dataclass
class House:
    """A store whose clock is ours."""

    store: Store
    set_clock: Callable[[datetime], None]
    now: datetime = MONDAY

    def at(self, now: datetime) -> None:
        self.now = now
        self.set_clock(now)

    def consult(self, *, status: Status = Status.NEW, **parts: Any) -> UUID:
        made = Consult(
            id=uuid4(), patient_ref="P-1", status=status, created_at=self.now, changed_at=self.now, version=1
        )
        event = AuditEvent(
            at=self.now, actor="x", role=Role.HUISARTS, action=Action.CONSULT_CREATED, consult_id=made.id
        )
        self.store.apply(Change(consult=replace(made, **parts), audit=event))
        return made.id

    def moment(self, consult_id: UUID) -> datetime | None:
        return self.store.consult(consult_id).expires_at

    def keeper(self, *, trusted: bool = False) -> Keeper:
        """Of a process that starts now, or of one that has run for a while (``trusted``)."""
        started, earlier = self.now, DISTRUST_S if trusted else 0.0
        made = Keeper(
            store=self.store,
            audio=MemoryAudioStore(),
            spool=MemorySpool(),
            writer=Writer(self.store, clock=lambda: self.now),
            unverified_days=DAYS,
            elapsed=lambda: (self.now - started).total_seconds(),
        )
        made._trusted_from_s -= earlier
        return made


@pytest.fixture(params=["memory", "postgresql"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    if request.param == "memory":
        times = [MONDAY]
        yield House(MemoryStore(clock=lambda: times[0]), lambda now: times.__setitem__(0, now))
        return
    url = request.getfixturevalue("postgres_url")
    engine = create_engine(url)
    run(
        engine,
        "CREATE SCHEMA clock",
        "CREATE TABLE clock.at (at timestamptz)",
        f"INSERT INTO clock.at VALUES ('{MONDAY.isoformat()}')",
        "CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM clock.at'",
        f"ALTER DATABASE {make_url(url).database} SET search_path = clock, pg_catalog, public",
    )
    store = PostgresStore(url, MasterKey.of(os.urandom(32)))
    yield House(store, lambda now: run(engine, f"UPDATE clock.at SET at = '{now.isoformat()}'"))
    store.close()
    engine.dispose()


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as tx:
        for statement in statements:
            tx.execute(text(statement))


def test_time_off_does_not_count_for_any_date(house: House) -> None:
    soon, late = (house.consult(expires_at=MONDAY + days * DAY) for days in (1, 9))
    due = house.consult(expires_at=MONDAY - HOUR)
    house.store.tended(off=DAY)  # the first time: nobody knows how long it was off
    assert [house.moment(one) for one in (soon, late, due)] == [None, None, None]
    dates = {house.consult(expires_at=MONDAY + days * DAY): days for days in (0.5, 1, 9, -0.1)}
    house.at(MONDAY + DAY)
    for _ in range(2):
        house.store.tended(off=DAY)  # as long as a night: that counts, but what ran out in it runs out now
        assert [house.moment(one) for one in dates] == [MONDAY + days * DAY for days in (1, 1, 9, -0.1)]
    house.at(MONDAY + 6 * DAY)
    for _ in range(2):  # whoever comes by first sees to it: another keeper finds nothing to do
        house.store.tended(off=DAY)
        # never in the past: what was due when it went off is due now
        assert [house.moment(one) for one in dates] == [MONDAY + days * DAY for days in (6, 6, 14, 6)]


@pytest.mark.parametrize("jump", [30 * DAY, -30 * DAY])
def test_a_clock_that_was_set_and_set_back_erases_nothing_and_keeps_nothing_for_long(
    house: House, jump: timedelta
) -> None:
    """The clock of the database and that of the machine, one by one and together."""
    warned = house.consult(status=Status.DRAFTED, changed_at=MONDAY - 13 * DAY)
    keeper = house.keeper(trusted=True)
    keeper.expire()
    assert house.moment(warned) == MONDAY + 3 * DAY
    for database, machine in ((jump, 0 * DAY), (0 * DAY, jump), (jump, jump)):
        house.set_clock(MONDAY + database)
        house.now = MONDAY + machine
        keeper.expire()
        house.at(MONDAY)
        keeper.expire()
        found = house.moment(warned)
        assert found is not None
        assert MONDAY + 3 * DAY <= found <= MONDAY + 3 * DAY + 2 * HOUR
    for _ in range(30):  # two keepers, one of which always has just started
        house.at(house.now + 3 * HOUR)
        assert sum(one.expire() for one in (keeper, house.keeper())) == 0 or house.now >= MONDAY + 3 * DAY
    assert house.store.consult(warned).status is Status.DISCARDED


@pytest.mark.parametrize(
    ("weekdays", "most_days"),
    [([0, 1, 2, 3, 4], 21), ([0, 2, 4], 35), ([1, 3], 50)],
    ids=["mon-fri", "mon-wed-fri", "tue-thu"],
)
def test_retention_ends_where_the_service_is_often_off(house: House, weekdays: list[int], most_days: int) -> None:
    """On from eight to six: what nobody looks at is erased, after a warning that could be seen for three days."""
    consult_id = house.consult(status=Status.DRAFTED)
    seen = set()
    for days in range(most_days):
        opens = MONDAY + days * DAY
        if opens.weekday() not in weekdays:
            continue
        house.at(opens)
        keeper = house.keeper()
        while house.now < opens + 10 * HOUR:
            keeper.expire()
            found = house.store.consult(consult_id)
            if found.status is Status.DISCARDED:
                assert len(seen) >= policy.WARNED_BEFORE / DAY
                assert days >= DAYS
                return
            date = policy.expires(found, DAYS)
            assert date is not None
            assert date >= opens, "never a day in the past"
            if found.expires_at is not None:
                seen.add(days)
            house.at(house.now + 2 * HOUR)
    pytest.fail(f"still there after {most_days} days")
