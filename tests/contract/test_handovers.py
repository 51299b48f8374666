"""What is promised of references that a HIS handed over, in memory and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from transcribe.errors import StoreUnavailable
from transcribe.ports import Handovers
from transcribe.store.database import database_url
from transcribe.store.handovers import PostgresHandovers
from transcribe.web.his import MemoryHandovers

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=5)
SIGNATURE, OTHER = b"1" * 32, b"2" * 32


@pytest.fixture(params=["memory", "postgres"])
def handovers(request: pytest.FixtureRequest) -> Iterator[Handovers]:
    if request.param == "memory":
        yield MemoryHandovers()
        return
    with PostgresHandovers(request.getfixturevalue("postgres_url")) as found:
        yield found


def keep(handovers: Handovers, signature: bytes, handle: str, ref: str = "Müller / 12", now: datetime = NOW) -> bool:
    return handovers.keep(signature, handle, ref, now=now, until=now + (UNTIL - NOW))


def test_a_reference_is_taken_once_by_its_own_handle(handovers: Handovers) -> None:
    assert keep(handovers, SIGNATURE, "een")
    assert keep(handovers, OTHER, "ander", "P-2")
    assert handovers.take("geraden", NOW) is None
    assert handovers.take("een", NOW) == "Müller / 12"
    assert handovers.take("een", NOW) is None
    assert handovers.take("ander", NOW) == "P-2"


def test_a_signature_is_good_once_also_when_its_reference_was_taken(handovers: Handovers) -> None:
    assert keep(handovers, SIGNATURE, "een")
    assert not keep(handovers, SIGNATURE, "twee")
    assert handovers.take("twee", NOW) is None
    handovers.take("een", NOW)
    assert not keep(handovers, SIGNATURE, "drie", now=UNTIL - timedelta(seconds=1))
    assert keep(handovers, SIGNATURE, "vier", now=UNTIL)  # forgotten: by then the time that was signed is too old


def test_what_is_looked_at_stays(handovers: Handovers) -> None:
    keep(handovers, SIGNATURE, "een")
    assert handovers.look("geraden", NOW) is None
    assert handovers.look("een", NOW) == handovers.look("een", NOW) == "Müller / 12"
    assert handovers.take("een", NOW) == "Müller / 12"
    assert handovers.look("een", NOW) is None


def test_after_its_time_it_is_gone(handovers: Handovers) -> None:
    keep(handovers, SIGNATURE, "een")
    assert handovers.look("een", UNTIL) is None
    assert handovers.take("een", UNTIL) is None


def each_at_once(ask: Callable[[int], object]) -> list[object]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(4)))


def test_of_many_at_once_one_is_first(handovers: Handovers) -> None:
    kept = each_at_once(lambda number: keep(handovers, SIGNATURE, f"greep {number}"))
    assert sorted(map(bool, kept)) == [False, False, False, True]
    handle = f"greep {kept.index(True)}"
    assert sum(found is not None for found in each_at_once(lambda _: handovers.take(handle, NOW))) == 1


def test_the_database_cannot_tell_it(postgres_url: str) -> None:
    """Neither the reference nor the handle that opens it, nor the signature; after it was taken nothing is left."""
    with PostgresHandovers(postgres_url) as handovers:
        keep(handovers, SIGNATURE, "de-greep-van-de-browser", "Kanariepiet")
        engine = create_engine(database_url(postgres_url))
        with engine.connect() as connection:
            row = connection.execute(text("SELECT * FROM handover")).one()
            shown = b"".join(part for part in row if isinstance(part, bytes))
            for secret in (b"Kanariepiet", b"de-greep", SIGNATURE):
                assert secret not in shown
        assert handovers.take("de-greep-van-de-browser", NOW) == "Kanariepiet"
        with engine.connect() as connection:
            assert connection.execute(text("SELECT sealed FROM handover")).scalar_one() is None
        keep(handovers, OTHER, "later", now=UNTIL + timedelta(minutes=1))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM handover")).scalar_one() == 1  # the old one is gone
        engine.dispose()


def test_without_a_database_there_is_an_error_that_says_so() -> None:
    with PostgresHandovers("postgresql://niemand@127.0.0.1:1/niets") as away, pytest.raises(StoreUnavailable):
        away.take("een", NOW)
