"""Reading the access log, as every Store promises it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from consent import How, grant
from transcribe.access_log import event_of
from transcribe.consult import (
    Action,
    Actor,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    KeyPurpose,
    LogFilter,
    Outcome,
    Role,
    Status,
)
from transcribe.errors import NotFound
from transcribe.origin import Client, Origin, coming_from
from transcribe.ports import Store

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
GP = Actor(name="A. Jansen", role=Role.HUISARTS, id="u-1")
NURSE = Actor(name="P. Poh", role=Role.POH, responsible="De Linde")


def event(
    action: Action = Action.NOTE_VIEWED, consult_id: UUID | None = None, actor: Actor = GP, minutes: int = 0
) -> AuditEvent:
    return event_of(actor, action, NOW + timedelta(minutes=minutes), consult_id)


def consult(store: Store, reference: str) -> Consult:
    made = Consult(id=uuid4(), patient_ref=reference, status=Status.NEW, created_at=NOW, changed_at=NOW, version=1)
    store.apply(Change(consult=made, audit=event(Action.CONSULT_CREATED, made.id)))
    return made


def seen(store: Store, wanted: LogFilter, **place: object) -> list[int]:
    return [row.seq for row in store.logged(wanted, **place)]  # type: ignore[arg-type]


def test_a_row_comes_back_whole(store: Store) -> None:
    made = consult(store, "4711")
    given = grant(how=How.SPOKEN, informed_by="B", text_id="t", text_sha256="0", others_informed=True, now=NOW)
    store.apply(Change(consult=replace(made, version=2), audit=event(Action.CONSENT_GIVEN, made.id), consent=given))
    with coming_from(Origin(client=Client.BROWSER, address="192.0.2.7", request="0123456789abcdef")):
        told = replace(
            event_of(NURSE, Action.PASSED_ON, NOW, made.id, "L3 gewijzigd", "W. Neem"), outcome=Outcome.GRAVE
        )
    store.log(told)
    created, consented, newest = store.logged(LogFilter(), oldest_first=True)
    assert newest.event == told
    assert newest.seq == 3
    assert newest.source is not None
    assert newest.product
    assert (newest.consent_id, newest.consent_version) == (given.id, given.version)
    assert (consented.consent_id, created.consent_id) == (given.id, None)
    assert created.patient == newest.patient is not None
    assert [row.seq for row in store.logged(LogFilter())] == [3, 2, 1]
    assert store.events()[-1] == told


@pytest.fixture
def filled(store: Store) -> tuple[Store, UUID, UUID]:
    """Rows 1 and 2 make two consults, 3 to 8 follow by the minute."""
    one, other = consult(store, "4711"), consult(store, "1189")
    for number, (action, actor, consult_id) in enumerate(
        [
            (Action.NOTE_VIEWED, GP, one.id),
            (Action.NOTE_VIEWED, NURSE, one.id),
            (Action.NOTE_EDITED, GP, other.id),
            (Action.LOGGED_IN, NURSE, None),
            (Action.NOTE_VIEWED, GP, other.id),
            (Action.LOGGED_OUT, GP, None),
        ]
    ):
        store.log(event(action, consult_id, actor, minutes=number + 1))
    return store, one.id, other.id


def test_a_person_filters_it(filled: tuple[Store, UUID, UUID]) -> None:
    store, one, _ = filled
    at = NOW + timedelta(minutes=3)
    assert seen(store, LogFilter(actor="P. Poh")) == [6, 4]
    assert seen(store, LogFilter(action=Action.NOTE_VIEWED)) == [7, 4, 3]
    assert seen(store, LogFilter(consult_id=one)) == [4, 3, 1]
    assert seen(store, LogFilter(since=at)) == [8, 7, 6, 5]
    assert seen(store, LogFilter(before=at)) == [4, 3, 2, 1]
    assert seen(store, LogFilter(actor="A. Jansen", action=Action.NOTE_VIEWED, since=at)) == [7]
    assert seen(store, LogFilter(actor="Niemand")) == []
    assert store.log_actors() == ["A. Jansen", "P. Poh"]


def test_pages_go_on_where_the_one_before_ended(filled: tuple[Store, UUID, UUID]) -> None:
    store, _, _ = filled
    assert seen(store, LogFilter(), limit=3) == [8, 7, 6]
    assert seen(store, LogFilter(), after=6, limit=3) == [5, 4, 3]
    assert seen(store, LogFilter(), after=1) == []
    assert seen(store, LogFilter(), after=6, oldest_first=True) == [7, 8]
    store.log(event(Action.LOGGED_IN, minutes=-60))  # by a clock that was behind
    assert seen(store, LogFilter(), after=1) == [9]
    assert seen(store, LogFilter(), oldest_first=True) == [9, *range(1, 9)]
    with pytest.raises(NotFound):
        store.logged(LogFilter(), after=99)


def test_of_a_patient_also_what_was_erased_and_who_searched(filled: tuple[Store, UUID, UUID]) -> None:
    store, one, _ = filled
    proofs = tuple(
        Certificate(id=uuid4(), consult_id=one, purpose=purpose, why="gewist", destroyed_at=NOW)
        for purpose in KeyPurpose
    )
    gone = replace(store.consult(one), version=2, status=Status.ERASED)
    store.apply(Change(consult=gone, audit=event(Action.ERASED, one, minutes=9), destroy=proofs))
    store.log(event(Action.SEARCHED, minutes=10), patient_ref="47 11")
    assert store.consult(one).patient_ref == ""
    assert seen(store, LogFilter(patient_ref=" 4711 "), oldest_first=True) == [1, 3, 4, 9, 10]
    assert seen(store, LogFilter(patient_ref="4711", since=NOW + timedelta(minutes=9))) == [10, 9]
    assert seen(store, LogFilter(patient_ref="471")) == []
    rows = store.logged(LogFilter(patient_ref="4711"))
    assert len({row.patient for row in rows}) == 1
    assert all("4711" not in str(row) for row in rows)
