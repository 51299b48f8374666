"""The consent record of one consult (after ISO/TS 17975 and the AVG: specific, informed, provable, withdrawable).

A record is frozen; refusing or withdrawing makes the next version. A refusal holds no reason (none may be asked).
Documents that were stored before a field was there are read as well, so a new field has a default that claims nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from consent.gate import ConsentProblem
from consent.purposes import COMMON_PURPOSES, ConsentStatus, Purpose


class How(StrEnum):
    """How it was given."""

    SPOKEN = "mondeling"
    WRITTEN = "schriftelijk"
    DIGITAL = "digitaal"


class Informed(StrEnum):
    """By what the patient knew what was asked."""

    SPOKEN = "gesprek"
    LEAFLET = "folder"
    SCREEN = "wachtkamerscherm"
    PORTAL = "patiëntportaal"


class Interpreter(StrEnum):
    """Who interpreted when it was asked in another language."""

    PROFESSIONAL = "tolk"
    PHONE = "tolk op afstand"
    RELATIVE = "familie of bekende"


class Device(StrEnum):
    """What it was recorded on."""

    COMPUTER = "computer"
    MOBILE = "telefoon of tablet"


class AgeClass(StrEnum):
    """WGBO: below 12 the parents, 12 to 15 both, from 16 the patient alone."""

    UNDER_12 = "<12"
    FROM_12_TO_15 = "12-15"
    FROM_16 = ">=16"


class GivenBy(StrEnum):
    """Who agreed. Names are not stored: the relation is enough."""

    PATIENT = "patiënt"
    PARENT = "ouder of voogd"
    PATIENT_AND_PARENT = "patiënt en ouder of voogd"
    REPRESENTATIVE = "wettelijk vertegenwoordiger"


class Relation(StrEnum):
    """What whoever agreed for, or beside, the patient is to the patient."""

    PARENT = "ouder"
    GUARDIAN = "voogd"
    CURATOR = "curator"
    MENTOR = "mentor"
    PROXY = "schriftelijk gemachtigde"
    PARTNER = "partner"
    CHILD = "kind"
    SIBLING = "broer of zus"
    GRANDPARENT_OR_CHILD = "grootouder of kleinkind"


class Exception12(StrEnum):
    """Why a patient of 12 to 15 agreed without a parent (WGBO, art. 7:450 lid 2 BW)."""

    SERIOUS_HARM = "ernstig nadeel voorkomen"
    CONSIDERED_WISH = "weloverwogen wens van de patiënt"


class Withdrawer(StrEnum):
    """Who took it back."""

    PATIENT = "patiënt"
    PARENT = "ouder of voogd"
    REPRESENTATIVE = "wettelijk vertegenwoordiger"
    BYSTANDER = "iemand anders die erbij was"


#: Who may speak for a child, and for a patient of 16 or older who can't decide (WGBO, art. 7:465 BW).
FOR_A_CHILD = frozenset({Relation.PARENT, Relation.GUARDIAN})
FOR_AN_ADULT = frozenset(Relation)
#: Letters of a language, and of the name and role of somebody of the staff.
LONGEST_LANGUAGE, LONGEST_NAME = 30, 120


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Can the patient weigh this decision? Judged only when there is doubt."""

    capable: bool
    judged_by: str  # staff: name and role


@dataclass(frozen=True, kw_only=True)
class Used:
    """Words that the patient was shown, handed or told."""

    id: str  # "mondeling-nl-2026-11"
    version: str  # "2026-11"
    sha256: str  # of exactly those words


@dataclass(frozen=True, kw_only=True)
class Consent:
    """It holds for one contact, and for nothing after it."""

    id: UUID
    version: int  # 1, 2, ...: a withdrawal is the next version of the same record
    status: ConsentStatus
    purposes: frozenset[Purpose]  # empty when refused or withdrawn
    age: AgeClass | None  # None: refused, so nobody asked
    given_by: GivenBy | None
    how: How | None
    informed_by: str  # staff: name and role
    text_id: str  # which words were used first, e.g. "mondeling-nl-2026-11"
    text_sha256: str  # of exactly those words
    others_informed: bool  # everybody else in the room knows and agrees
    recorded_at: datetime  # aware
    withdrawn_at: datetime | None = None
    relation: Relation | None = None  # of whoever agreed for or beside the patient; None: not asked further
    exception: Exception12 | None = None
    capacity: Capacity | None = None  # None: there was no doubt
    others_present: bool = False
    informed: frozenset[Informed] = frozenset()
    texts: tuple[Used, ...] = ()  # all of them, the first included
    language: str = ""  # it was asked in, when not that of the words: "Turks"
    interpreter: Interpreter | None = None
    recorded_by: str = ""  # staff: name and role; set by whoever stores it
    device: Device | None = None
    withdrawn_by: Withdrawer | None = None
    withdrawal_recorded_by: str = ""  # staff: name and role

    def __post_init__(self) -> None:
        for moment in (self.recorded_at, self.withdrawn_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("moments carry a time zone")


def age_class(born: date, on: date) -> AgeClass:
    """The age class on a day; a birthday counts from the day itself.

    Somebody born on 29 February turns a year older on 1 March in years without that day (art. 1:1 Algemene
    termijnenwet gives no rule; a later day is the careful one). Raises ``ValueError`` before the birth, and for a
    birth longer ago than anybody lives.
    """
    if on < born:
        raise ValueError("not born yet")
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if years > 125:
        raise ValueError("nobody is that old")
    if years < 12:
        return AgeClass.UNDER_12
    return AgeClass.FROM_12_TO_15 if years < 16 else AgeClass.FROM_16


def check_giver(
    age: AgeClass,
    given_by: GivenBy,
    *,
    relation: Relation | None = None,
    exception: Exception12 | None = None,
    capacity: Capacity | None = None,
) -> None:
    """May this person, or these two, agree for a patient of that age? Raises ``ConsentProblem``.

    Who can't weigh the decision never gives it, and is spoken for at any age. An exception lets a patient of 12 to 15
    agree without a parent; below 12 there is none, for a recording is never urgent care.
    """
    incapable = capacity is not None and not capacity.capable
    if capacity is not None and not capacity.judged_by.strip():
        raise ConsentProblem("Vul in wie heeft beoordeeld of de patiënt dit zelf kan beslissen.")
    if exception is not None and (age is not AgeClass.FROM_12_TO_15 or given_by is not GivenBy.PATIENT or incapable):
        raise ConsentProblem(
            "Een uitzondering is er alleen als een patiënt van 12 tot en met 15 jaar zonder ouder of voogd instemt."
        )
    if given_by is GivenBy.PATIENT and relation is not None:
        raise ConsentProblem("De patiënt stemt zelf in. Laat dan leeg wie de ander is.")
    match age:
        case AgeClass.UNDER_12:
            allowed = {GivenBy.PARENT}
            problem = "Onder de 12 jaar geeft een ouder of voogd toestemming."
        case AgeClass.FROM_12_TO_15 if incapable:
            allowed = {GivenBy.PARENT}
            problem = "Kan een kind van 12 tot en met 15 jaar dit niet zelf beslissen, dan beslist een ouder of voogd."
        case AgeClass.FROM_12_TO_15:
            allowed = {GivenBy.PATIENT if exception else GivenBy.PATIENT_AND_PARENT}
            problem = (
                "Van 12 tot en met 15 jaar geven patiënt en ouder of voogd samen toestemming. Stemt de patiënt alleen "
                "in, kies dan de uitzondering."
            )
        case _ if incapable:
            allowed = {GivenBy.REPRESENTATIVE}
            problem = "Kan de patiënt dit niet zelf beslissen, dan beslist een wettelijk vertegenwoordiger."
        case _:
            allowed = {GivenBy.PATIENT}
            problem = (
                "Vanaf 16 jaar beslist de patiënt zelf. Een vertegenwoordiger kan dat alleen als is beoordeeld dat de "
                "patiënt dit niet zelf kan beslissen."
            )
    if given_by not in allowed:
        raise ConsentProblem(problem)
    if given_by is GivenBy.REPRESENTATIVE and relation not in FOR_AN_ADULT:
        raise ConsentProblem("Kies wat de vertegenwoordiger van de patiënt is.")
    if given_by in (GivenBy.PARENT, GivenBy.PATIENT_AND_PARENT) and relation not in {None, *FOR_A_CHILD}:
        raise ConsentProblem("Voor een kind beslist een ouder met gezag of een voogd.")


def grant(
    *,
    age: AgeClass = AgeClass.FROM_16,
    given_by: GivenBy = GivenBy.PATIENT,
    how: How,
    informed_by: str,
    text_id: str,
    text_sha256: str,
    others_informed: bool,
    now: datetime,
    relation: Relation | None = None,
    exception: Exception12 | None = None,
    capacity: Capacity | None = None,
    others_present: bool = False,
    informed: frozenset[Informed] = frozenset({Informed.SPOKEN}),
    texts: tuple[Used, ...] = (),
    language: str = "",
    interpreter: Interpreter | None = None,
    device: Device | None = None,
) -> Consent:
    """A new consent for all that makes the note, and nothing else (see ``COMMON_PURPOSES``).

    Raises ``ConsentProblem`` when it can't be one: wrong person for the age, nobody informed, an interpreter of no
    language.
    """
    informed_by, language = " ".join(informed_by.split()), " ".join(language.split())
    if not informed_by:
        raise ConsentProblem("Vul in wie de patiënt heeft geïnformeerd.")
    if len(informed_by) > LONGEST_NAME or (capacity and len(capacity.judged_by) > LONGEST_NAME):
        raise ConsentProblem("Een naam is te lang (hoogstens 120 tekens).")
    if not informed:
        raise ConsentProblem("Kies hoe de patiënt is geïnformeerd.")
    if not others_informed:
        raise ConsentProblem("Iedereen in de kamer moet weten dat er wordt opgenomen en daarmee instemmen.")
    if len(language) > LONGEST_LANGUAGE or (language and not language.replace(" ", "").replace("-", "a").isalpha()):
        raise ConsentProblem("Schrijf de taal als één woord, bijvoorbeeld Turks.")
    if interpreter is not None and not language:
        raise ConsentProblem("Vul in naar welke taal is getolkt.")
    check_giver(age, given_by, relation=relation, exception=exception, capacity=capacity)
    return Consent(
        id=uuid4(),
        version=1,
        status=ConsentStatus.ACTIVE,
        purposes=COMMON_PURPOSES,
        age=age,
        given_by=given_by,
        how=how,
        informed_by=informed_by,
        text_id=text_id,
        text_sha256=text_sha256,
        others_informed=others_informed,
        recorded_at=now,
        relation=relation,
        exception=exception,
        capacity=capacity,
        others_present=others_present,
        informed=informed,
        texts=texts,
        language=language,
        interpreter=interpreter,
        device=device,
    )


def refuse(
    *,
    informed_by: str,
    text_id: str,
    text_sha256: str,
    now: datetime,
    texts: tuple[Used, ...] = (),
    device: Device | None = None,
) -> Consent:
    """A refusal: recorded once, without reason. Care goes on; nothing may be recorded. Nothing more is asked."""
    return Consent(
        id=uuid4(),
        version=1,
        status=ConsentStatus.REFUSED,
        purposes=frozenset(),
        age=None,
        given_by=None,
        how=None,
        informed_by=informed_by.strip(),
        text_id=text_id,
        text_sha256=text_sha256,
        others_informed=False,
        recorded_at=now,
        texts=texts,
        device=device,
    )


def withdraw(consent: Consent, *, now: datetime, by: Withdrawer = Withdrawer.PATIENT, recorded_by: str = "") -> Consent:
    """The next version of a consent, without any purpose left: they are one chain, and none goes on alone."""
    return replace(
        consent,
        version=consent.version + 1,
        status=ConsentStatus.WITHDRAWN,
        purposes=frozenset(),
        withdrawn_at=now,
        withdrawn_by=by,
        withdrawal_recorded_by=recorded_by,
    )


def used(consent: Consent) -> tuple[Used, ...]:
    """All words that were used; of a record from before there could be more, those that it names."""
    version = "-".join(consent.text_id.split("-")[2:])
    return consent.texts or (Used(id=consent.text_id, version=version, sha256=consent.text_sha256),)


def sentence(consent: Consent | None) -> str:
    """What a note may say of it, in Dutch as the note is: from the record, and nothing that is not in it; else ""."""
    if consent is None or consent.status is not ConsentStatus.ACTIVE or not consent.purposes >= COMMON_PURPOSES:
        return ""
    other = consent.relation.value if consent.relation else None
    who = {
        GivenBy.PATIENT: "Pat.",
        GivenBy.PARENT: other or GivenBy.PARENT.value,
        GivenBy.PATIENT_AND_PARENT: f"Pat. en {other or GivenBy.PARENT.value}",
        GivenBy.REPRESENTATIVE: other or GivenBy.REPRESENTATIVE.value,
        None: "",
    }[consent.given_by]
    if not who:
        return ""
    return f"{who[:1].upper()}{who[1:]} akkoord met opname voor verslaglegging."
