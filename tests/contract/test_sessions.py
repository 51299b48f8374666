"""What log-in sessions promise, in memory and on PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from transcribe.errors import NotLoggedIn, StoreUnavailable
from transcribe.ports import Entry, Session, Sessions
from transcribe.store.sessions import PostgresSessions
from transcribe.web.access import LONGEST_SESSION, ON_THE_WAY, SEEN_EVERY, Access, KeyClosed, Locked, MemorySessions

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ONE = Session(digest=b"1" * 32, token="een", began=NOW, last_seen=NOW)
OTHER = Session(digest=b"2" * 32, token="ander", began=NOW, last_seen=NOW)
KEY = "sleutel-van-deze-test-0123456789"
IDLE = timedelta(minutes=30)


@pytest.fixture(params=["memory", "postgres"])
def sessions(request: pytest.FixtureRequest) -> Iterator[Sessions]:
    if request.param == "memory":
        yield MemorySessions()
        return
    with PostgresSessions(request.getfixturevalue("postgres_url")) as found:
        yield found


def test_what_was_added_is_found(sessions: Sessions) -> None:
    sessions.add(ONE)
    assert sessions.find(ONE.digest) == ONE
    assert sessions.find(OTHER.digest) is None


def test_a_sign_of_life_is_of_one_session(sessions: Sessions) -> None:
    sessions.add(ONE)
    sessions.add(OTHER)
    later = NOW + timedelta(minutes=1)
    sessions.seen(ONE.digest, later)
    found, other = sessions.find(ONE.digest), sessions.find(OTHER.digest)
    assert found is not None
    assert found.last_seen == later
    assert other == OTHER


def test_each_consult_is_heard_once(sessions: Sessions) -> None:
    sessions.add(ONE)
    first, second = uuid4(), uuid4()
    for consult_id in (first, second, first):
        sessions.heard(ONE.digest, consult_id)
    found = sessions.find(ONE.digest)
    assert found is not None
    assert found.heard == {first, second}


def test_sound_is_of_one_consult_and_no_sign_of_a_person(sessions: Sessions) -> None:
    sessions.add(ONE)
    sessions.add(OTHER)
    later = NOW + timedelta(minutes=1)
    first, second = uuid4(), uuid4()
    for consult_id in (first, second):
        sessions.sounded(ONE.digest, consult_id, later)
    assert sessions.find(ONE.digest) == replace(ONE, recording=second, sounded=later)
    assert sessions.find(OTHER.digest) == OTHER


def test_one_that_is_gone_is_no_problem(sessions: Sessions) -> None:
    sessions.add(ONE)
    sessions.remove(ONE.digest)
    sessions.remove(ONE.digest)
    sessions.seen(ONE.digest, NOW)
    sessions.heard(ONE.digest, uuid4())
    sessions.sounded(ONE.digest, uuid4(), NOW)
    assert sessions.find(ONE.digest) is None


def test_old_ones_are_forgotten(sessions: Sessions) -> None:
    sessions.add(ONE)
    sessions.add(OTHER)
    sessions.seen(OTHER.digest, NOW + timedelta(days=1))
    sessions.forget(NOW + timedelta(hours=1))
    assert sessions.find(ONE.digest) is None
    assert sessions.find(OTHER.digest) is not None


def test_a_session_keeps_whose_it_is(sessions: Sessions) -> None:
    account = uuid4()
    earlier = replace(ONE, account_id=account, epoch=4, stage=Entry.CODE)
    later = replace(OTHER, account_id=account, epoch=5, began=NOW + timedelta(minutes=1))
    for session in (earlier, later):
        sessions.add(session)
    assert sessions.find(ONE.digest) == earlier
    assert sessions.of(account) == [later, earlier]
    assert sessions.of(uuid4()) == []


def test_a_session_ends_after_a_working_day(sessions: Sessions) -> None:
    now = [NOW]
    access = Access(KEY, sessions, clock=lambda: now[0])
    session_id = access.use_key(KEY)
    while now[0] <= NOW + LONGEST_SESSION - IDLE:
        now[0] += IDLE
        access.session(session_id, idle=IDLE, passive=False)
    now[0] += IDLE
    with pytest.raises(NotLoggedIn):
        access.session(session_id, idle=IDLE, passive=False)


def test_who_is_on_the_way_in_is_not_in(sessions: Sessions) -> None:
    now = [NOW]
    access = Access(KEY, sessions, clock=lambda: now[0])
    session_id = access.use_key(KEY, Entry.SET_UP)
    with pytest.raises(NotLoggedIn):
        access.session(session_id, idle=IDLE, passive=False)
    with pytest.raises(NotLoggedIn):
        access.under_way(session_id, Entry.CODE, Entry.ENROL)
    assert access.under_way(session_id, Entry.SET_UP).stage is Entry.SET_UP
    opened = access.open(Entry.OPEN, instead_of=session_id)
    with pytest.raises(NotLoggedIn):
        access.under_way(opened, Entry.SET_UP)
    with pytest.raises(NotLoggedIn):
        access.under_way(session_id, Entry.SET_UP)  # an id is of one stage
    late = access.use_key(KEY, Entry.SET_UP)
    now[0] += ON_THE_WAY + timedelta(seconds=1)
    with pytest.raises(NotLoggedIn):
        access.under_way(late, Entry.SET_UP)


def test_a_key_that_opens_nothing_any_more_says_so() -> None:
    access = Access(KEY)
    ticket = access.ticket()
    with pytest.raises(KeyClosed):
        access.use_key(KEY, None)
    with pytest.raises(KeyClosed):
        access.use_ticket(ticket, None)


def test_a_session_survives_its_process(sessions: Sessions) -> None:
    """A new ``Access`` on the same sessions: what a web that was killed and started again is."""
    session_id = Access(KEY, sessions).use_key(KEY)
    again = Access(KEY, sessions)
    token = again.session(session_id, idle=IDLE, passive=False).token
    assert token
    again.close(session_id)
    with pytest.raises(NotLoggedIn):
        again.session(session_id, idle=IDLE, passive=False)


def test_idleness_ends_a_session_and_a_page_that_refreshes_itself_does_not_keep_it(sessions: Sessions) -> None:
    now = [NOW]
    access = Access(KEY, sessions, clock=lambda: now[0])
    session_id = access.use_key(KEY)
    now[0] += IDLE - timedelta(seconds=1)
    access.session(session_id, idle=IDLE, passive=True)
    access.session(session_id, idle=IDLE, passive=False)
    now[0] += IDLE
    access.session(session_id, idle=IDLE, passive=True)
    now[0] += timedelta(seconds=1)
    with pytest.raises(NotLoggedIn):
        access.session(session_id, idle=IDLE, passive=False)
    now[0] -= IDLE
    with pytest.raises(NotLoggedIn):
        access.session(session_id, idle=IDLE, passive=False)  # gone for good


def test_a_session_that_nobody_touches_is_locked_while_sound_comes_from_it(sessions: Sessions) -> None:
    """No request opens it again, only ``unlock``; when no sound came for so long either it is gone."""
    now = [NOW]
    access = Access(KEY, sessions, clock=lambda: now[0])
    session_id = access.use_key(KEY)
    consult_id = uuid4()

    def ask() -> Session:
        return access.session(session_id, idle=IDLE, passive=False)

    session = ask()
    now[0] += IDLE - timedelta(seconds=10)
    access.sounded(session, consult_id)
    assert access.session(session_id, idle=IDLE, passive=True).last_seen == NOW
    now[0] += timedelta(seconds=11)
    for _ in range(2):
        with pytest.raises(Locked) as locked:
            ask()
        assert locked.value.session.recording == consult_id
    assert access.left(locked.value.session, IDLE) < timedelta()
    access.unlock(locked.value.session)
    assert access.left(ask(), IDLE) == IDLE
    now[0] += IDLE
    ask()
    now[0] += IDLE + timedelta(seconds=1)
    with pytest.raises(NotLoggedIn) as over:
        ask()
    assert not isinstance(over.value, Locked)
    assert sessions.find(session.digest) is None


def test_sound_keeps_no_session_longer_than_a_working_day(sessions: Sessions) -> None:
    now = [NOW]
    access = Access(KEY, sessions, clock=lambda: now[0])
    session_id = access.use_key(KEY)
    now[0] += LONGEST_SESSION + timedelta(seconds=1)
    (session,) = [one for one in (sessions.find(hashlib.sha256(session_id.encode()).digest()),) if one]
    access.sounded(session, uuid4())
    with pytest.raises(NotLoggedIn) as over:
        access.session(session_id, idle=IDLE, passive=True)
    assert not isinstance(over.value, Locked)


def test_sound_is_not_written_with_every_look(sessions: Sessions) -> None:
    now = [NOW]
    access = Access(KEY, sessions, clock=lambda: now[0])
    sessions.add(ONE)
    consult_id = uuid4()
    access.sounded(ONE, consult_id)
    found = sessions.find(ONE.digest)
    assert found is not None
    now[0] += SEEN_EVERY / 2
    access.sounded(found, consult_id)
    assert sessions.find(ONE.digest) == found
    now[0] += SEEN_EVERY
    access.sounded(found, consult_id)
    assert sessions.find(ONE.digest) == replace(found, sounded=now[0])


def test_a_busy_session_is_not_written_with_every_request(sessions: Sessions) -> None:
    now = [NOW]
    access = Access(KEY, sessions, clock=lambda: now[0])
    session_id = access.use_key(KEY)
    now[0] += SEEN_EVERY / 2
    access.session(session_id, idle=IDLE, passive=False)
    assert access.session(session_id, idle=IDLE, passive=False).last_seen == NOW
    now[0] += SEEN_EVERY
    access.session(session_id, idle=IDLE, passive=False)
    assert access.session(session_id, idle=IDLE, passive=False).last_seen == now[0]


def test_without_a_database_there_is_an_error_that_says_so() -> None:
    with PostgresSessions("postgresql://niemand@127.0.0.1:1/niets") as away, pytest.raises(StoreUnavailable):
        away.find(ONE.digest)
