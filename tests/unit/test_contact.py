"""When a contact was, and the tariff class that follows: truth tables, and nights in which the clock is set."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.contact import (
    AHEAD,
    LATE,
    LONGEST,
    Contact,
    ContactType,
    Tariff,
    began_at,
    check_contact,
    ended_at,
    noon,
    read_clock,
    stopped,
)
from transcribe.errors import InvalidInput

ZONE = ZoneInfo("Europe/Amsterdam")
NINE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 9:00 in the practice
SECOND = timedelta(seconds=1)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """By the clock in the practice."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def lasting(length: timedelta, kind: ContactType | None = None) -> Contact:
    return Contact(kind=kind, began=NINE, ended=NINE + length)


@pytest.mark.parametrize(
    ("length", "consult", "visit"),
    [
        (timedelta(0), Tariff.CONSULT_SHORT, Tariff.VISIT),
        (timedelta(minutes=5) - SECOND, Tariff.CONSULT_SHORT, Tariff.VISIT),
        (timedelta(minutes=5), Tariff.CONSULT, Tariff.VISIT),
        (timedelta(minutes=20) - SECOND, Tariff.CONSULT, Tariff.VISIT),
        (timedelta(minutes=20), Tariff.CONSULT_LONG, Tariff.VISIT_LONG),
        (LONGEST, Tariff.CONSULT_LONG, Tariff.VISIT_LONG),
    ],
)
def test_only_the_length_decides_and_a_visit_has_classes_of_its_own(
    length: timedelta, consult: Tariff, visit: Tariff
) -> None:
    for kind in (None, ContactType.CONSULT, ContactType.VIDEO, ContactType.PHONE):
        assert lasting(length, kind).proposed is consult
    assert lasting(length, ContactType.VISIT).proposed is visit


def test_without_both_ends_nothing_is_proposed() -> None:
    assert Contact().proposed is None
    assert Contact(began=NINE).proposed is None
    assert Contact(ended=NINE).length is None


@pytest.mark.parametrize(
    ("began", "ended", "minutes"),
    [
        ("2026-10-25T02:50", "2026-10-25T03:05", 15),  # both after the clock was set back
        ("2026-03-29T01:55", "2026-03-29T03:05", 10),  # and forward
        ("2026-12-31T23:55", "2027-01-01T00:10", 15),
    ],
)
def test_length_is_of_real_time(began: str, ended: str, minutes: int) -> None:
    first = at(began).replace(fold=1)
    assert Contact(began=first, ended=at(ended)).length == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("contact", "sentence"),
    [
        (Contact(ended=NINE), "ook in wanneer het contact begon"),
        (lasting(-SECOND), "voor het begin"),
        (lasting(LONGEST + SECOND), "hoogstens 6 uur"),
        (Contact(kind=ContactType.VISIT, tariff=Tariff.CONSULT), "hoort niet bij dit soort contact"),
        (Contact(kind=ContactType.PHONE, tariff=Tariff.VISIT), "hoort niet bij dit soort contact"),
        (Contact(tariff=Tariff.VISIT_LONG), "hoort niet bij dit soort contact"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(contact: Contact, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        check_contact(contact, LATER)


@pytest.mark.parametrize("contact", [Contact(began=NINE), lasting(timedelta(hours=1))])
def test_it_is_not_of_later_than_now_but_for_what_clocks_differ(contact: Contact) -> None:
    latest = contact.ended or NINE
    check_contact(contact, latest - AHEAD)
    with pytest.raises(InvalidInput, match="niet later zijn dan nu"):
        check_contact(contact, latest - AHEAD - SECOND)


def test_the_choice_is_the_doctors_and_not_the_clocks() -> None:
    check_contact(Contact(), LATER)
    check_contact(Contact(began=NINE), LATER)
    for tariff in (Tariff.CONSULT_SHORT, Tariff.CONSULT, Tariff.CONSULT_LONG):
        check_contact(Contact(tariff=tariff), LATER)
        check_contact(Contact(kind=ContactType.VIDEO, began=NINE, ended=NINE, tariff=tariff), LATER)


# --- as it is typed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("10:05", time(10, 5)),
        (" 9.05 ", time(9, 5)),
        ("1005", time(10, 5)),
        ("905", time(9, 5)),
        ("00:00", time()),
        ("", None),
    ],
)
def test_a_time_is_read(text: str, clock: time | None) -> None:
    assert read_clock(text) == clock


@pytest.mark.parametrize("text", ["24:00", "10:60", "10", "tien uur", "10:05:30", "-1:00", "10:05+01:00", "١٠:٠٥"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="niet te lezen"):
        read_clock(text)


def typed(begin: time, end: time, about: datetime) -> tuple[datetime, datetime]:
    began = began_at(begin, ZONE, about=about, was=None)
    return began, ended_at(end, ZONE, began=began, was=None)


def test_a_visit_past_midnight_ends_the_next_day() -> None:
    began, ended = typed(time(23, 50), time(0, 10), at("2026-11-23T23:40"))
    assert (began, ended) == (at("2026-11-23T23:50"), at("2026-11-24T00:10"))
    # and its beginning is before midnight also when the consult was made after it
    began, ended = typed(time(23, 50), time(0, 10), at("2026-11-24T00:05"))
    assert began == at("2026-11-23T23:50")


@pytest.mark.parametrize(
    ("begin", "end"), [(time(10, 2), time(10, 1)), (time(15), time(9, 30)), (time(0, 10), time(23, 50))]
)
def test_an_end_before_the_beginning_is_refused(begin: time, end: time) -> None:
    with pytest.raises(InvalidInput, match="ligt voor het begin"):
        typed(begin, end, at("2026-11-23T12:00"))


def test_an_hour_that_comes_twice_is_the_one_that_fits() -> None:
    """The night of 25 October: after 2:59 it is 2:00 again."""
    began, ended = typed(time(2, 50), time(2, 10), at("2026-10-25T02:50"))
    assert ended - began == timedelta(minutes=20)
    second = at("2026-10-25T02:30").replace(fold=1)
    assert began_at(time(2, 20), ZONE, about=second, was=None).astimezone(UTC) == datetime(
        2026, 10, 25, 1, 20, tzinfo=UTC
    )


def test_an_hour_that_does_not_come_is_refused() -> None:
    with pytest.raises(InvalidInput, match="de klok werd verzet"):
        began_at(time(2, 30), ZONE, about=at("2026-03-29T03:10"), was=None)
    with pytest.raises(InvalidInput):
        ended_at(time(2, 30), ZONE, began=at("2026-03-29T01:50"), was=None)


def test_a_moment_known_to_the_second_stays_when_its_minute_does() -> None:
    began, ended = at("2026-11-23T10:02:40"), at("2026-11-23T10:15:10")
    assert began_at(time(10, 2), ZONE, about=NINE, was=began) == began
    assert ended_at(time(10, 15), ZONE, began=began, was=ended) == ended
    # an end typed in the minute of the beginning is no end before it
    assert ended_at(time(10, 2), ZONE, began=began, was=ended) == began
    # one that the new beginning has passed is not kept
    with pytest.raises(InvalidInput):
        ended_at(time(10, 15), ZONE, began=at("2026-11-23T11:00"), was=ended)


THREE_YEARS = timedelta(days=3 * 365)
MOMENTS = st.timedeltas(-THREE_YEARS, THREE_YEARS).map(lambda away: NINE + away)


@given(MOMENTS, st.timedeltas(timedelta(0), LONGEST))
def test_what_the_clock_showed_is_found_back(began: datetime, length: timedelta) -> None:
    """Begin and end of any contact, typed as the clock showed them, give it back to the minute."""
    began = began.replace(second=0, microsecond=0)
    ended = (began + length).replace(second=0, microsecond=0)
    shown = ended.astimezone(ZONE).time()
    found = began_at(began.astimezone(ZONE).time(), ZONE, about=began, was=None)
    assert found == began
    again = ended_at(shown, ZONE, began=began, was=None)
    assert ended - again in (timedelta(0), timedelta(hours=1))  # where an hour comes twice, the first one that fits
    assert again.astimezone(ZONE).time() == shown
    check_contact(Contact(began=found, ended=again), LATER)


@given(MOMENTS, st.times(), st.times())
def test_whatever_is_typed_becomes_a_contact_that_can_be_or_a_sentence(about: datetime, begin: time, end: time) -> None:
    begin, end = (clock.replace(second=0, microsecond=0, tzinfo=None) for clock in (begin, end))
    try:
        began, ended = typed(begin, end, about)
        check_contact(Contact(began=began, ended=ended), LATER)
    except InvalidInput:
        return
    assert timedelta(0) <= ended - began <= LONGEST
    assert began.astimezone(ZONE).time() == begin


# --- as it was recorded --------------------------------------------------------------------------------------------


def test_pauses_count_and_sound_that_waited_elsewhere_leaves_the_end_open() -> None:
    end = NINE + timedelta(minutes=13)
    assert stopped(NINE, end, sound_s=13 * 60, paused_s=0) == end
    assert stopped(NINE, end, sound_s=5 * 60, paused_s=8 * 60) == end
    assert stopped(NINE, end, sound_s=13 * 60 - LATE.total_seconds(), paused_s=0) == end
    assert stopped(NINE, end, sound_s=13 * 60 - LATE.total_seconds() - 1, paused_s=0) is None
    assert stopped(None, end, sound_s=13 * 60, paused_s=0) is None
    assert stopped(NINE, NINE + LONGEST, sound_s=60, paused_s=LONGEST.total_seconds()) == NINE + LONGEST
    late = NINE + LONGEST + timedelta(seconds=1)
    assert stopped(NINE, late, sound_s=60, paused_s=LONGEST.total_seconds()) is None


@pytest.mark.parametrize("day", ["2026-11-20", "2026-03-29", "2026-10-25"])  # the clock is set on the last two
@pytest.mark.parametrize("clock", ["00:05", "03:30", "12:00", "23:55"])
def test_a_time_of_a_day_is_on_that_day(day: str, clock: str) -> None:
    wanted = date.fromisoformat(day)
    found = began_at(time.fromisoformat(clock), ZONE, about=noon(wanted, ZONE), was=None).astimezone(ZONE)
    assert (found.date(), f"{found:%H:%M}") == (wanted, clock)


def test_the_day_of_a_contact() -> None:
    monday, sunday = date(2026, 11, 23), date(2026, 11, 22)
    assert Contact().on(ZONE) is None
    assert Contact(day=sunday).on(ZONE) == sunday
    assert Contact(day=sunday, began=at("2026-11-23T00:10")).on(ZONE) == monday, "what began is known better"
