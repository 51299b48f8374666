"""The consent record of one consult (after ISO/TS 17975 and the AVG: specific, informed, provable, withdrawable).

A record is frozen; refusing or withdrawing makes the next version. A refusal holds no reason (none may be asked).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4


class Purpose(StrEnum):
    """What is agreed to, each separately. The first three make the scribe work; the others are off unless given."""

    RECORDING = "opname"
    TRANSCRIPTION = "transcriptie"
    DRAFT = "concept"
    KEEP_AUDIO = "audio-bewaren"
    QUALITY = "kwaliteit"
    IMPROVEMENT = "modelverbetering"


#: The purposes one spoken "ja" covers in the common case.
COMMON_PURPOSES = frozenset({Purpose.RECORDING, Purpose.TRANSCRIPTION, Purpose.DRAFT})


class ConsentStatus(StrEnum):
    ACTIVE = "gegeven"
    REFUSED = "geweigerd"
    WITHDRAWN = "ingetrokken"


class How(StrEnum):
    SPOKEN = "mondeling"
    WRITTEN = "schriftelijk"
    DIGITAL = "digitaal"


class GivenBy(StrEnum):
    """Who may agree. Names are not stored: the relation is enough."""

    PATIENT = "patiënt"
    PARENT = "ouder of voogd"
    PATIENT_AND_PARENT = "patiënt en ouder of voogd"
    REPRESENTATIVE = "wettelijk vertegenwoordiger"


class AgeClass(StrEnum):
    """WGBO: below 12 the parents, 12 to 15 both, from 16 the patient alone."""

    UNDER_12 = "<12"
    FROM_12_TO_15 = "12-15"
    FROM_16 = ">=16"


def age_class(born: date, on: date) -> AgeClass:
    """The age class on a day; a birthday counts from the day itself.

    Somebody born on 29 February turns a year older on 1 March in years without that day (art. 1:1 Algemene
    termijnenwet gives no rule; a later day is the careful one).
    """
    if on < born:
        raise ValueError("not born yet")
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if years < 12:
        return AgeClass.UNDER_12
    return AgeClass.FROM_12_TO_15 if years < 16 else AgeClass.FROM_16


#: Who may give consent in each age class; a legal representative always may (incapacity is judged by the GP).
MAY_GIVE: dict[AgeClass, frozenset[GivenBy]] = {
    AgeClass.UNDER_12: frozenset({GivenBy.PARENT}),
    AgeClass.FROM_12_TO_15: frozenset({GivenBy.PATIENT_AND_PARENT}),
    AgeClass.FROM_16: frozenset({GivenBy.PATIENT, GivenBy.REPRESENTATIVE}),
}


@dataclass(frozen=True, kw_only=True)
class Consent:
    id: UUID
    version: int  # 1, 2, ...: a withdrawal is the next version of the same record
    status: ConsentStatus
    purposes: frozenset[Purpose]  # empty when refused or withdrawn
    age: AgeClass
    given_by: GivenBy
    how: How
    informed_by: str  # staff: name and role
    text_id: str  # which words were used, e.g. "mondeling-nl-2026-11"
    text_sha256: str  # of exactly those words
    others_informed: bool  # everybody else in the room knows and agrees
    recorded_at: datetime  # aware
    withdrawn_at: datetime | None = None

    def __post_init__(self) -> None:
        for moment in (self.recorded_at, self.withdrawn_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("moments carry a time zone")


def grant(
    *,
    purposes: frozenset[Purpose] = COMMON_PURPOSES,
    age: AgeClass = AgeClass.FROM_16,
    given_by: GivenBy = GivenBy.PATIENT,
    how: How,
    informed_by: str,
    text_id: str,
    text_sha256: str,
    others_informed: bool,
    now: datetime,
) -> Consent:
    """A new consent. Raises ``ConsentProblem`` when it can't be one: wrong person for the age, nobody informed."""
    from consent.gate import ConsentProblem

    if not informed_by.strip():
        raise ConsentProblem("Vul in wie de patiënt heeft geïnformeerd.")
    if not purposes:
        raise ConsentProblem("Kies waarvoor de patiënt toestemming geeft, of leg een weigering vast.")
    if not others_informed:
        raise ConsentProblem("Iedereen in de kamer moet weten dat er wordt opgenomen en daarmee instemmen.")
    if given_by not in MAY_GIVE[age]:
        who = " of ".join(sorted(MAY_GIVE[age]))
        raise ConsentProblem(f"Bij leeftijd {age} geeft toestemming: {who}.")
    return Consent(
        id=uuid4(),
        version=1,
        status=ConsentStatus.ACTIVE,
        purposes=purposes,
        age=age,
        given_by=given_by,
        how=how,
        informed_by=informed_by.strip(),
        text_id=text_id,
        text_sha256=text_sha256,
        others_informed=others_informed,
        recorded_at=now,
    )


def refuse(*, informed_by: str, text_id: str, text_sha256: str, now: datetime) -> Consent:
    """A refusal: recorded once, without reason. Care goes on; nothing may be recorded."""
    return Consent(
        id=uuid4(),
        version=1,
        status=ConsentStatus.REFUSED,
        purposes=frozenset(),
        age=AgeClass.FROM_16,
        given_by=GivenBy.PATIENT,
        how=How.SPOKEN,
        informed_by=informed_by.strip(),
        text_id=text_id,
        text_sha256=text_sha256,
        others_informed=False,
        recorded_at=now,
    )


def withdraw(consent: Consent, *, now: datetime) -> Consent:
    """The next version of a consent, without any purpose left."""
    return replace(
        consent, version=consent.version + 1, status=ConsentStatus.WITHDRAWN, purposes=frozenset(), withdrawn_at=now
    )
