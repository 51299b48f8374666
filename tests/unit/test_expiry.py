"""The warning before an unverified consult is erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from transcribe.consult import Actor, Consult, Role, Status
from transcribe.policy import UNVERIFIED, WARNED_BEFORE
from transcribe.web.pages import day
from transcribe.web.requests import Web
from transcribe.web.views import part_view

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAYS = 14


def consult(status: Status, changed_at: datetime) -> Consult:
    return Consult(
        id=uuid4(), patient_ref="P-1", status=status, created_at=changed_at, changed_at=changed_at, version=1
    )


@pytest.fixture
def web() -> Web:
    parts = dict.fromkeys(Web.__dataclass_fields__)
    return Web(**{**parts, "unverified_days": DAYS, "now": lambda: NOW})  # type: ignore[arg-type]


@pytest.mark.parametrize("status", list(Status))
def test_only_what_nobody_verified_is_warned_about(web: Web, status: Status) -> None:
    found = consult(status, NOW - timedelta(days=DAYS - 1))
    expected = NOW + timedelta(days=1) if status in UNVERIFIED else None
    assert web.erased_soon(found) == expected


@pytest.mark.parametrize(
    ("left", "warned"),
    [
        (WARNED_BEFORE + timedelta(seconds=1), False),
        (WARNED_BEFORE, True),
        (timedelta(0), True),
        (-timedelta(hours=1), True),
    ],
)
def test_the_warning_comes_in_time(web: Web, left: timedelta, warned: bool) -> None:
    found = consult(Status.DRAFTED, NOW + left - timedelta(days=DAYS))
    assert (web.erased_soon(found) is not None) is warned


def test_the_worklist_carries_it(web: Web) -> None:
    old, young = (consult(Status.DRAFTED, NOW - timedelta(days=days)) for days in (DAYS - 1, 1))
    reader = Actor(name="Dr. Test", role=Role.HUISARTS)
    rows = part_view("", [old, young], reader, web.erased_soon, lambda _: None, most=9).rows
    by_id = {view.consult.id: view.erased_at for view in rows}
    assert by_id == {old.id: NOW + timedelta(days=1), young.id: None}


def test_the_day_is_the_practices_own() -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
    assert day(late, language="nl") == "26 november"
    assert day(late, language="en") in {"26 November", "November 26"}
