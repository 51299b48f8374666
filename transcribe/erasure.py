"""What a certificate says in words: what was destroyed, why, and by which rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from transcribe.consult import KeyPurpose
from transcribe.errors import N_, InvalidInput
from transcribe.i18n import PRACTICE_ZONE

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")

#: As ``Certificate.why``: the patient asked for it (AVG art. 17).
ON_REQUEST = "verzoek"

WHAT: dict[KeyPurpose, str] = {
    KeyPurpose.SOURCE: N_("Opname, transcript en concept"),
    KeyPurpose.RECORD: N_("Patiëntkenmerk en verslag"),
}


@dataclass(frozen=True, kw_only=True)
class Ground:
    why: str
    rule: str


#: By ``Certificate.why``.
GROUNDS: dict[str, Ground] = {
    "akkoord": Ground(
        why=N_("na akkoord"), rule=N_("Opname, transcript en concept gaan weg zodra de arts het verslag akkoord geeft.")
    ),
    "intrekking": Ground(
        why=N_("toestemming ingetrokken"), rule=N_("Is de toestemming ingetrokken, dan gaat alles van het consult weg.")
    ),
    "verwijderd": Ground(
        why=N_("consult verwijderd"), rule=N_("Van een consult waar geen verslag van komt, wordt niets bewaard.")
    ),
    "gewist": Ground(
        why=N_("verslag gewist"), rule=N_("Het verslag staat in het HIS; een tweede exemplaar is niet nodig.")
    ),
    "vervangen": Ground(why=N_("opname vervangen"), rule=N_("Van een opname die is vervangen, blijft niets.")),
    "bewaartermijn": Ground(
        why=N_("bewaartermijn verlopen"),
        rule=N_("Een concept dat niemand controleert, wordt na de bewaartermijn gewist."),
    ),
    ON_REQUEST: Ground(
        why=N_("op verzoek van de patiënt"), rule=N_("De patiënt vroeg om gegevenswissing (AVG artikel 17).")
    ),
}


def ground(why: str) -> Ground:
    return GROUNDS.get(why, Ground(why=why, rule=""))


def month_of(text: str) -> tuple[datetime, datetime]:
    """First moment of that month in the practice, and of the next. Raises ``InvalidInput``."""
    found = _MONTH.fullmatch(text)
    if not found:
        raise InvalidInput(problem=N_("Schrijf de maand als 2026-11."))
    year, month = int(found[1]), int(found[2])
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(year, month, 1, tzinfo=PRACTICE_ZONE), datetime(*following, 1, tzinfo=PRACTICE_ZONE)
