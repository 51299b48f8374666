"""The contact itself: what kind it was, from when to when, and the tariff class that its length suggests.

Lengths are of real time: a night in which the clock is set is as long as it is. The classes are those of the NZa: a
consult, in whatever form, shorter than 5 minutes, from 5 up to 20, or of 20 and longer; a visite shorter than 20
minutes, or of 20 and longer. Which class is declared is the doctor's choice; a proposal is no more than that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from transcribe.errors import N_, InvalidInput

SHORT = timedelta(minutes=5)
LONG = timedelta(minutes=20)
#: No contact lasts longer: an end that seems further away is one before the beginning, or a slip of the pen.
LONGEST = timedelta(hours=6)
DAY = timedelta(days=1)
#: Sound that comes in later than it was said by more than this: then the stop says nothing of the contact's end.
LATE = timedelta(minutes=1)
#: The clocks of the machines that wrote the times down may differ so much.
AHEAD = timedelta(minutes=5)
CLOCK = re.compile(r"([01]?[0-9]|2[0-3])[:.]?([0-5][0-9])")

END_FIRST = N_("Het einde van het contact ligt voor het begin. Controleer de tijden.")


class ContactType(StrEnum):
    """The value is stored. What is written (e-mail, a letter) is not recorded, so it is none of these."""

    CONSULT = "spreekuur"
    VIDEO = "videoconsult"
    PHONE = "telefonisch"
    VISIT = "visite"


class Tariff(StrEnum):
    """The value is stored."""

    CONSULT_SHORT = "consult-kort"  # < 5 min
    CONSULT = "consult-midden"  # 5 - < 20 min
    CONSULT_LONG = "consult-lang"  # >= 20 min
    VISIT = "visite-kort"  # < 20 min
    VISIT_LONG = "visite-lang"  # >= 20 min


VISITS = (Tariff.VISIT, Tariff.VISIT_LONG)
CONSULTS = (Tariff.CONSULT_SHORT, Tariff.CONSULT, Tariff.CONSULT_LONG)


@dataclass(frozen=True, kw_only=True)
class Contact:
    """What is not known is None. Pauses, and what stays outside the record, are part of it."""

    kind: ContactType | None = None
    began: datetime | None = None  # aware
    ended: datetime | None = None
    tariff: Tariff | None = None  # that the doctor chose
    day: date | None = None  # in the practice; of a recording that was brought in later

    @property
    def length(self) -> timedelta | None:
        # between zones of one name Python subtracts what the clock says
        return None if self.began is None or self.ended is None else _real(self.began, self.ended)

    def on(self, zone: tzinfo) -> date | None:
        """The day on which it was, in the practice."""
        return self.day if self.began is None else self.began.astimezone(zone).date()

    @property
    def proposed(self) -> Tariff | None:
        """What its length suggests."""
        if self.length is None:
            return None
        if self.kind is ContactType.VISIT:
            return Tariff.VISIT if self.length < LONG else Tariff.VISIT_LONG
        if self.length < SHORT:
            return Tariff.CONSULT_SHORT
        return Tariff.CONSULT if self.length < LONG else Tariff.CONSULT_LONG


def check_contact(contact: Contact, now: datetime) -> None:
    """Raises ``InvalidInput`` for what can't be, or not yet."""
    if contact.ended is not None and contact.began is None:
        raise InvalidInput(problem=N_("Vul ook in wanneer het contact begon."))
    if contact.length is not None and contact.length < timedelta(0):
        raise InvalidInput(problem=END_FIRST)
    if contact.length is not None and contact.length > LONGEST:
        raise InvalidInput(problem=N_("Een contact duurt hoogstens 6 uur. Controleer de tijden."))
    latest = contact.ended or contact.began
    if latest is not None and _real(now, latest) > AHEAD:
        raise InvalidInput(problem=N_("Het contact kan niet later zijn dan nu. Controleer de tijden."))
    if contact.tariff is not None and (contact.tariff in VISITS) != (contact.kind is ContactType.VISIT):
        raise InvalidInput(problem=N_("Dit tarief hoort niet bij dit soort contact. Kies een ander tarief."))


def stopped(began: datetime | None, at: datetime, *, sound_s: float, paused_s: float) -> datetime | None:
    """The end of a contact whose recording, of so much sound and so long paused, was stopped at that moment.

    None when most of the time before the stop is neither, for then the sound waited elsewhere and its end is not known,
    and when it lasted longer than any contact does.
    """
    if began is None or _real(began, at) - timedelta(seconds=sound_s + paused_s) > LATE or _real(began, at) > LONGEST:
        return None
    return at


def read_clock(text: str) -> time | None:
    """ "9:05", "09.05" or "905"; None for nothing. Raises ``InvalidInput``."""
    if not text.strip():
        return None
    found = CLOCK.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(problem=N_("Een tijd is niet te lezen. Schrijf uren en minuten, bijvoorbeeld 10:05."))
    return time(int(found[1]), int(found[2]))


def noon(day: date, zone: tzinfo) -> datetime:
    """The middle of that day in the practice, also when the clock is set in its night."""
    start, end = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + DAY))
    return start + (end - start) / 2


def began_at(clock: time, zone: tzinfo, *, about: datetime, was: datetime | None) -> datetime:
    """The moment nearest to ``about`` at which the clock in the practice said so, whatever its day.

    A moment that was known to the second stays when its minute does. Raises ``InvalidInput`` for a time that the clock
    skipped that night.
    """
    if was is not None and _minute(was, zone) == clock:
        return was
    moment = min(_moments(clock, about, zone), key=lambda one: abs(_real(about, one)))
    if abs(_real(about, moment)) > DAY * 0.6:
        raise InvalidInput(problem=N_("Die tijd was er die nacht niet: de klok werd verzet. Controleer de tijden."))
    return moment


def ended_at(clock: time, zone: tzinfo, *, began: datetime, was: datetime | None) -> datetime:
    """The first moment from the beginning on at which the clock in the practice said so: perhaps after midnight.

    Raises ``InvalidInput`` when that is so far away that it must be meant before the beginning.
    """
    if was is not None and _minute(was, zone) == clock and timedelta(0) <= _real(began, was) <= LONGEST:
        return was
    minute = timedelta(seconds=began.second, microseconds=began.microsecond)
    later = [one for one in _moments(clock, began, zone) if _real(began, one) >= -minute]
    moment = min(later, key=lambda one: _real(began, one))
    if _real(began, moment) > DAY - LONGEST:
        raise InvalidInput(problem=END_FIRST)
    return moment if _real(began, moment) > timedelta(0) else began


def _minute(moment: datetime, zone: tzinfo) -> time:
    return moment.astimezone(zone).time().replace(second=0, microsecond=0)


def _moments(clock: time, about: datetime, zone: tzinfo) -> Iterator[datetime]:
    """When the clock said so, from a day before to two days after: twice in a night in which it was set back."""
    day: date = about.astimezone(zone).date()
    for days in (-1, 0, 1, 2):
        for fold in (0, 1):
            moment = datetime.combine(day + days * DAY, clock, zone).replace(fold=fold)
            seen = moment.astimezone(UTC)
            if seen.astimezone(zone).time() == clock:
                yield seen


def _real(start: datetime, end: datetime) -> timedelta:
    return end.astimezone(UTC) - start.astimezone(UTC)
