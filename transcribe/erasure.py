"""What a certificate says in words: what was destroyed, why, and by which rule."""

from __future__ import annotations

from dataclasses import dataclass

from transcribe.consult import KeyPurpose
from transcribe.errors import N_

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
