"""What is promised of the voices of doctors, in memory and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from transcribe.consult import Action, AuditEvent, Role
from transcribe.errors import StoreUnavailable, Unreadable
from transcribe.ports import VoiceProfiles
from transcribe.speakers.profile import Enrolled, Profile
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore
from transcribe.store.voice_profiles import PostgresVoiceProfiles
from transcribe.testing import MemoryStore, MemoryVoiceProfiles

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
GP, OTHER = "Dr. A. Jansen", "W. Neem"
MASTER = MasterKey.of(bytes(range(32)))


@dataclass(frozen=True, kw_only=True)
class Kept:
    profiles: VoiceProfiles
    actions: Callable[[], list[Action]]


@pytest.fixture(params=["memory", "postgres"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Kept(profiles=MemoryVoiceProfiles(memory), actions=lambda: [event.action for event in memory.events()])
        return
    url = request.getfixturevalue("postgres_url")
    store = PostgresStore(url, MASTER)
    with PostgresVoiceProfiles(url, store.master_key) as found:
        yield Kept(profiles=found, actions=lambda: [event.action for event in store.events()])
    store.close()


def voice(pitch: float, text: str = "1") -> Enrolled:
    mean = (*(0.1 * n for n in range(14)), pitch)
    return Enrolled(profile=Profile(mean=mean, voiced_s=31.4), agreed_at=NOW, text=text)


def event(action: Action, actor: str = GP) -> AuditEvent:
    return AuditEvent(at=NOW, actor=actor, role=Role.HUISARTS, action=action)


MADE, GONE = event(Action.VOICE_ENROLLED), event(Action.VOICE_REMOVED)


def test_a_profile_is_found_back_by_its_owner_alone(kept: Kept) -> None:
    kept.profiles.keep(GP, voice(7.0), MADE)
    assert kept.profiles.find(GP) == voice(7.0)
    assert kept.profiles.find(OTHER) is None
    assert kept.profiles.of("Zuid").find(GP) is None
    assert kept.actions() == [Action.VOICE_ENROLLED]


def test_a_new_one_takes_its_place(kept: Kept) -> None:
    for pitch in (7.0, 7.5):
        kept.profiles.keep(GP, voice(pitch), MADE)
    assert kept.profiles.find(GP) == voice(7.5)


def test_a_removed_one_is_gone_and_logged_once(kept: Kept) -> None:
    kept.profiles.keep(GP, voice(7.0), MADE)
    kept.profiles.keep(OTHER, voice(6.5), event(Action.VOICE_ENROLLED, OTHER))
    assert not kept.profiles.of("Zuid").remove(GP, GONE)
    assert kept.profiles.remove(GP, GONE)
    assert not kept.profiles.remove(GP, GONE)
    assert kept.profiles.find(GP) is None
    assert kept.profiles.find(OTHER) is not None
    assert kept.actions() == [Action.VOICE_ENROLLED, Action.VOICE_ENROLLED, Action.VOICE_REMOVED]
    kept.profiles.keep(GP, voice(7.0, "2"), MADE)
    assert kept.profiles.find(GP) == voice(7.0, "2")


# --- on PostgreSQL ---------------------------------------------------------------------------------------------------


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with create_engine(url, poolclass=NullPool).begin() as tx:
        found = tx.execute(text(statement))
        return [tuple(row) for row in found] if found.returns_rows else []


@pytest.fixture
def here(postgres_url: str) -> Iterator[PostgresVoiceProfiles]:
    store = PostgresStore(postgres_url, MASTER)
    with PostgresVoiceProfiles(postgres_url, store.master_key, "Noord") as found:
        yield found
    store.close()


def test_it_is_sealed_with_a_key_of_its_own_that_goes_with_it(here: PostgresVoiceProfiles, postgres_url: str) -> None:
    for owner in (GP, OTHER):
        here.keep(owner, voice(7.0), MADE)
    names = "SELECT name FROM lasting_key WHERE name LIKE 'voice %'"
    assert len(rows(postgres_url, names)) == 2
    sealed = rows(postgres_url, "SELECT sealed FROM voice_profile")
    assert all(b"mean" not in bytes(one) and b"7.0" not in bytes(one) for (one,) in sealed)  # type: ignore[call-overload]
    here.keep(GP, voice(7.1), MADE)
    assert len(rows(postgres_url, names)) == 2, "the key of the one before is destroyed"
    here.remove(GP, GONE)
    assert len(rows(postgres_url, names)) == 1
    assert rows(postgres_url, f"SELECT DISTINCT sealed IS NULL FROM voice_profile WHERE owner = '{GP}'") == [(True,)]


def test_one_practice_reaches_no_key_of_another(here: PostgresVoiceProfiles, postgres_url: str) -> None:
    """Past our own code, as the role of a practice; nor a key that is for something else."""
    here.keep(GP, voice(7.0), MADE)
    south = here.of("Zuid")
    with south._begin() as tx:
        assert tx.execute(text("SELECT name FROM lasting_key")).all() == []
        assert tx.execute(text("DELETE FROM lasting_key")).rowcount == 0
    with here._begin() as tx:
        assert len(tx.execute(text("SELECT name FROM lasting_key")).all()) == 1
    assert here.find(GP) == voice(7.0)


def test_in_the_place_of_another_it_reads_as_nothing(here: PostgresVoiceProfiles, postgres_url: str) -> None:
    for owner, pitch in ((GP, 7.0), (OTHER, 6.5)):
        here.keep(owner, voice(pitch), MADE)
    rows(
        postgres_url,
        "UPDATE voice_profile AS one SET sealed = (SELECT sealed FROM voice_profile o WHERE o.owner <> one.owner)",
    )
    with pytest.raises(Unreadable):
        here.find(GP)


def test_without_a_database_it_says_so() -> None:
    nowhere = PostgresVoiceProfiles("postgresql+psycopg://localhost:1/nergens", MASTER)
    with nowhere, pytest.raises(StoreUnavailable):
        nowhere.find(GP)
