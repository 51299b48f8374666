"""The access log after NEN 7513: what each of our events is in the standard's words, and who saw what, for a patient.

Codes: DICOM part 16 (``DCM``); actions and outcomes of RFC 3881; objects and their life cycle as FHIR R4 AuditEvent
has them (``object-role``, ``dicom-audit-lifecycle``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import Enum, StrEnum
from uuid import UUID

from transcribe.consult import Action, Actor, AuditEvent, Emergency, Logged, Outcome, Role
from transcribe.errors import N_
from transcribe.origin import origin

#: Rows are kept for at least so many years from the moment they were written (Stcrt. 2019, 38007).
LEAST_YEARS = 5


class Act(StrEnum):
    """``EventActionCode``."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class EventType(Enum):
    """``EventID``: code and name (DCM)."""

    PATIENT_RECORD = ("110110", "Patient Record")
    QUERY = ("110112", "Query")
    EXPORT = ("110106", "Export")
    IMPORT = ("110107", "Import")
    AUTHENTICATION = ("110114", "User Authentication")
    LOG_USED = ("110101", "Audit Log Used")
    SECURITY = ("110113", "Security Alert")


class Thing(Enum):
    """What an event is about: FHIR's entity type and role, and its name."""

    CONSULT = ("2", "4", "consult")
    CONSENT = ("2", "4", "toestemming")
    SOUND = ("2", "4", "opname")
    NOTE = ("2", "3", "verslag")
    LIST = ("2", "24", "zoekvraag")
    SESSION = ("2", "6", "sessie")
    SETTINGS = ("2", "5", "instellingen")
    COPY = ("2", "4", "reservekopie")
    KEYS = ("2", "13", "sleutels")
    LOG = ("2", "13", "toegangslog")
    ACCOUNT = ("2", "11", "account")
    VOICE = ("2", "11", "stemprofiel")


class Life(Enum):
    """``ParticipantObjectDataLifeCycle``: code and name."""

    ORIGINATION = ("1", "Origination / Creation")
    AMENDMENT = ("3", "Amendment")
    VERIFICATION = ("4", "Verification")
    TRANSLATION = ("5", "Translation")
    USE = ("6", "Access / Use")
    EXPORT = ("10", "Export")
    ARCHIVING = ("13", "Archiving")
    ERASURE = ("15", "Permanent erasure / Physical destruction")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """An event of ours in the words of the standard."""

    event: EventType
    act: Act
    thing: Thing
    life: Life
    #: Of standards 3.2 (NEN 7513 chapter 6), as the table in docs/access-log.md has it.
    chapter_6: str
    #: The right of ``policy.Rights`` that it takes; "": none.
    right: str
    #: For the patient: after "who", in the past tense.
    phrase: str
    outcome: Outcome = Outcome.DONE


def _record(
    act: Act, thing: Thing, life: Life, chapter_6: str, right: str, phrase: str, outcome: Outcome = Outcome.DONE
) -> Kind:
    return Kind(
        event=EventType.PATIENT_RECORD,
        act=act,
        thing=thing,
        life=life,
        chapter_6=chapter_6,
        right=right,
        phrase=phrase,
        outcome=outcome,
    )


def _other(
    event: EventType,
    act: Act,
    thing: Thing,
    life: Life,
    chapter_6: str,
    phrase: str,
    *,
    right: str = "",
    outcome: Outcome = Outcome.DONE,
) -> Kind:
    return Kind(
        event=event, act=act, thing=thing, life=life, chapter_6=chapter_6, right=right, phrase=phrase, outcome=outcome
    )


def _account(act: Act, life: Life, chapter_6: str, phrase: str) -> Kind:
    event = EventType.AUTHENTICATION if act is Act.EXECUTE else EventType.SECURITY
    return _other(event, act, Thing.ACCOUNT, life, chapter_6, phrase)


_C, _R, _U, _D, _E = Act
_CREATED, _READ, _CHANGED, _SEEN_AND_SIGNED = Life.ORIGINATION, Life.USE, Life.AMENDMENT, Life.VERIFICATION

#: Every event there is. A new ``Action`` without a row here fails a test.
KINDS: dict[Action, Kind] = {
    Action.CONSULT_CREATED: _record(
        _C, Thing.CONSULT, _CREATED, "create record, assign identifier", "record", N_("begon een consult")
    ),
    Action.CONSENT_GIVEN: _record(
        _C, Thing.CONSENT, _CREATED, "consent profile", "record", N_("legde uw toestemming vast")
    ),
    Action.CONSENT_REFUSED: _record(
        _C, Thing.CONSENT, _CREATED, "consent profile", "record", N_("legde vast dat u geen toestemming gaf")
    ),
    Action.CONSENT_WITHDRAWN: _record(
        _D,
        Thing.CONSENT,
        Life.ERASURE,
        "consent profile, delete at the patient's request",
        "record",
        N_("legde vast dat u de toestemming introk; wat er was, is vernietigd"),
    ),
    Action.CONSENT_EXPORTED: _other(
        EventType.EXPORT,
        _R,
        Thing.CONSENT,
        Life.EXPORT,
        "copy or print, transfer to another system",
        N_("downloadde uw toestemming"),
        right="record",
    ),
    Action.RECORDING_STARTED: _record(
        _C, Thing.SOUND, _CREATED, "enter, add", "record", N_("startte de geluidsopname")
    ),
    Action.RECORDING_PAUSED: _record(
        _U, Thing.SOUND, _CHANGED, "enter, add", "record", N_("pauzeerde de geluidsopname")
    ),
    Action.RECORDING_RESUMED: _record(
        _U, Thing.SOUND, _CHANGED, "enter, add", "record", N_("hervatte de geluidsopname")
    ),
    Action.AUDIO_STORED: _record(_C, Thing.SOUND, _CREATED, "enter, add", "record", N_("bewaarde de geluidsopname")),
    Action.AUDIO_PLAYED: _record(_R, Thing.SOUND, _READ, "read", "edit", N_("beluisterde de geluidsopname")),
    Action.AUDIO_REPLACED: _record(
        _U, Thing.SOUND, _CHANGED, "enter, delete", "record", N_("verving de geluidsopname")
    ),
    Action.TRANSCRIBED: _record(
        _C, Thing.SOUND, Life.TRANSLATION, "enter, add", "", N_("schreef het gesprek automatisch uit")
    ),
    Action.DRAFTED: _record(
        _C, Thing.NOTE, _CREATED, "create record", "", N_("maakte automatisch een concept van het verslag")
    ),
    Action.STEP_FAILED: _record(
        _E, Thing.SOUND, _READ, "enter, add", "", N_("kon de opname niet verwerken"), Outcome.GRAVE
    ),
    Action.RETRIED: _record(_E, Thing.SOUND, _READ, "enter, add", "record", N_("liet de opname opnieuw verwerken")),
    Action.NOTE_VIEWED: _record(_R, Thing.NOTE, _READ, "read", "edit", N_("las het verslag")),
    Action.NOTE_EDITED: _record(_U, Thing.NOTE, _CHANGED, "enter, add, delete", "edit", N_("wijzigde het verslag")),
    Action.AMENDED: _record(
        _U, Thing.NOTE, _CHANGED, "enter, add, delete", "edit", N_("wijzigde het verslag na akkoord")
    ),
    Action.LINE_CONFIRMED: _record(
        _U, Thing.NOTE, _SEEN_AND_SIGNED, "enter, add", "edit", N_("bevestigde een regel van het verslag")
    ),
    Action.PASSED_ON: _record(_U, Thing.NOTE, _CHANGED, "authorisation", "edit", N_("gaf het verslag aan een collega")),
    Action.SENT_BACK: _record(
        _U, Thing.NOTE, _CHANGED, "authorisation", "edit", N_("stuurde het verslag terug naar een collega")
    ),
    Action.TAKEN_OVER: _record(
        _U, Thing.NOTE, _CHANGED, "authorisation", "edit", N_("nam het verslag over van een collega")
    ),
    Action.CLOSED: _record(
        _U, Thing.CONSULT, _CHANGED, "authorisation", "edit", N_("schermde het consult af voor collega's")
    ),
    Action.CLOSING_LIFTED: _record(
        _U, Thing.CONSULT, _CHANGED, "authorisation", "edit", N_("hief de afscherming van het consult op")
    ),
    Action.EMERGENCY_ACCESS: _other(
        EventType.SECURITY,
        _E,
        Thing.CONSULT,
        _READ,
        "authorisation (emergency)",
        N_("opende met noodtoegang een consult dat voor collega's was afgeschermd"),
        right="approve",
    ),
    Action.SPEAKERS_NAMED: _record(
        _U, Thing.SOUND, _CHANGED, "enter, add", "edit", N_("legde vast wie wat zei in het gesprek")
    ),
    Action.CONTACT_CHANGED: _record(
        _U, Thing.CONSULT, _CHANGED, "enter, add", "approve", N_("wijzigde soort of tijd van het consult")
    ),
    Action.VIDEO_RECORDED: _record(
        _U, Thing.CONSULT, _CHANGED, "enter, add", "record", N_("legde gegevens van het videoconsult vast")
    ),
    Action.APPROVED: _record(
        _U,
        Thing.NOTE,
        _SEEN_AND_SIGNED,
        "enter, add; delete (the source)",
        "approve",
        N_("keurde het verslag goed; opname en uitgeschreven gesprek zijn daarna vernietigd"),
    ),
    Action.COPIED: _other(
        EventType.EXPORT,
        _R,
        Thing.NOTE,
        Life.EXPORT,
        "copy or print, transfer to another system",
        N_("kopieerde het verslag naar uw dossier"),
        right="copy",
    ),
    Action.DISCARDED: _record(
        _D, Thing.CONSULT, Life.ERASURE, "delete", "record", N_("verwijderde het consult; wat er was, is vernietigd")
    ),
    Action.ERASED: _record(
        _D, Thing.CONSULT, Life.ERASURE, "delete", "approve", N_("wiste het consult; wat er was, is vernietigd")
    ),
    Action.EXPIRED: _record(
        _D, Thing.CONSULT, Life.ERASURE, "delete", "", N_("wiste het consult, want de bewaartermijn was voorbij")
    ),
    Action.ACCESS_GIVEN: _record(
        _R, Thing.CONSULT, Life.EXPORT, "export", "", N_("gaf de patiënt inzage in alles wat wordt bewaard")
    ),
    Action.SEARCHED: _other(EventType.QUERY, _E, Thing.LIST, _READ, "search", N_("zocht consulten")),
    Action.LOGGED_IN: _other(EventType.AUTHENTICATION, _E, Thing.SESSION, _READ, "log-in", N_("logde in")),
    Action.LOGGED_OUT: _other(EventType.AUTHENTICATION, _E, Thing.SESSION, _READ, "log-out", N_("logde uit")),
    Action.LOGIN_FAILED: _other(
        EventType.AUTHENTICATION,
        _E,
        Thing.SESSION,
        _READ,
        "failed log-in",
        N_("probeerde in te loggen"),
        outcome=Outcome.FAILED,
    ),
    Action.LOGGED_OUT_EVERYWHERE: _account(_E, _READ, "log-out", N_("logde overal uit")),
    Action.RECOVERY_CODE_USED: _account(_E, _READ, "log-in", N_("logde in met een herstelcode")),
    Action.PASSWORD_CHANGED: _account(_U, _CHANGED, "authorisation", N_("wijzigde het eigen wachtwoord")),
    Action.SECOND_STEP_CHANGED: _account(_U, _CHANGED, "authorisation", N_("wijzigde de eigen tweede stap")),
    Action.ACCOUNT_INVITED: _account(_C, _CREATED, "authorisation", N_("nodigde een medewerker uit")),
    Action.ACCOUNT_OPENED: _account(_C, _CREATED, "authorisation", N_("nam een uitnodiging aan")),
    Action.ACCOUNT_CHANGED: _account(_U, _CHANGED, "authorisation", N_("wijzigde de rol van een medewerker")),
    Action.ACCOUNT_DISABLED: _account(_D, _CHANGED, "authorisation", N_("schakelde een medewerker uit")),
    Action.VOICE_ENROLLED: _other(
        EventType.SECURITY,
        _C,
        Thing.VOICE,
        _CREATED,
        "consent profile",
        N_("liet met toestemming een profiel van de eigen stem maken"),
    ),
    Action.VOICE_REMOVED: _other(
        EventType.SECURITY,
        _D,
        Thing.VOICE,
        Life.ERASURE,
        "delete",
        N_("liet een stemprofiel vernietigen"),
    ),
    Action.SETTINGS_CHANGED: _other(
        EventType.SECURITY, _U, Thing.SETTINGS, _CHANGED, "configuration", N_("wijzigde de instellingen"), right="edit"
    ),
    Action.BACKED_UP: _other(
        EventType.EXPORT,
        _R,
        Thing.COPY,
        Life.ARCHIVING,
        "access outside the application",
        N_("maakte een reservekopie"),
    ),
    Action.RESTORED: _other(
        EventType.IMPORT,
        _C,
        Thing.COPY,
        _CREATED,
        "access outside the application",
        N_("zette een reservekopie terug"),
    ),
    Action.KEY_COPY_REMOVED: _other(
        EventType.SECURITY, _D, Thing.KEYS, Life.ERASURE, "keys", N_("meldde een sleutelkopie af")
    ),
    Action.MASTER_KEY_REPLACED: _other(
        EventType.SECURITY, _U, Thing.KEYS, _CHANGED, "keys", N_("verving de hoofdsleutel")
    ),
    Action.OLD_KEYS_FORGOTTEN: _other(
        EventType.SECURITY, _D, Thing.KEYS, Life.ERASURE, "keys", N_("liet vervangen hoofdsleutels vergeten")
    ),
    Action.LOG_VIEWED: _other(
        EventType.LOG_USED, _R, Thing.LOG, _READ, "log read", N_("bekeek het toegangslog"), right="logs"
    ),
    Action.LOG_OVERVIEW: _other(
        EventType.LOG_USED, _R, Thing.LOG, _READ, "log read", N_("maakte dit overzicht"), right="logs"
    ),
    Action.LOG_EXPORTED: _other(
        EventType.LOG_USED, _R, Thing.LOG, Life.EXPORT, "log export", N_("exporteerde het toegangslog"), right="logs"
    ),
    Action.LOG_VERIFIED: _other(
        EventType.LOG_USED, _R, Thing.LOG, _SEEN_AND_SIGNED, "log read", N_("rekende het toegangslog na")
    ),
    Action.LOG_PRUNED: _other(
        EventType.LOG_USED,
        _D,
        Thing.LOG,
        Life.ERASURE,
        "log deletion",
        N_("verwijderde oude regels van het toegangslog"),
    ),
}


#: Of an emergency access, for the patient: as ``Kind.phrase``, with the reason that was given.
EMERGENCIES: dict[Emergency, str] = {
    Emergency.CARE: N_("opende met noodtoegang een afgeschermd consult, omdat u op dat moment zorg nodig had"),
    Emergency.ABSENT: N_(
        "opende met noodtoegang een afgeschermd consult, omdat wie het consult hield er niet was en het verslag niet "
        "kon wachten"
    ),
    Emergency.PATIENT: N_("opende met noodtoegang een afgeschermd consult, omdat u daarom vroeg"),
    Emergency.INCIDENT: N_(
        "opende met noodtoegang een afgeschermd consult, omdat een klacht of een incident werd onderzocht"
    ),
}


def event_of(
    actor: Actor, action: Action, at: datetime, consult_id: UUID | None = None, detail: str = "", whom: str = ""
) -> AuditEvent:
    """What ``actor`` does now, from where they do it."""
    kind, here = KINDS[action], origin()
    return AuditEvent(
        at=at,
        actor=actor.name,
        role=actor.role,
        action=action,
        consult_id=consult_id,
        detail=detail,
        whom=whom,
        outcome=kind.outcome,
        user_id=actor.id,
        responsible=actor.responsible,
        allowed_by="" if actor.role is Role.SYSTEEM else kind.right,
        client=here.client,
        address=here.address,
        request=here.request,
    )


# -- who saw what, for the patient -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Deed:
    """Something that one person did on one day, once or more often."""

    phrase: str  # Dutch, marked
    first: datetime
    last: datetime
    times: int
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """One person on one day, and on what ground."""

    name: str
    role: Role
    responsible: str
    deeds: tuple[Deed, ...]
    #: It was done under the patient's consent, in these versions; () where there was none yet, or none is needed.
    consents: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Day:
    day: date
    visitors: tuple[Visitor, ...]


def overview(rows: Iterable[Logged], zone: tzinfo) -> list[Day]:
    """Merged per day and person, all in order of time (NEN 7513 chapter 9 allows the merging). ``rows``: any order."""
    days: dict[date, dict[tuple[str, Role], list[Logged]]] = {}
    for row in sorted(rows, key=lambda row: (row.event.at, row.seq)):
        people = days.setdefault(row.event.at.astimezone(zone).date(), {})
        people.setdefault((row.event.actor, row.event.role), []).append(row)
    return [
        Day(day=day, visitors=tuple(_visitor(name, role, theirs) for (name, role), theirs in people.items()))
        for day, people in sorted(days.items())
    ]


def _visitor(name: str, role: Role, rows: list[Logged]) -> Visitor:
    deeds: dict[tuple[Action, str], list[Logged]] = {}
    for row in rows:
        deeds.setdefault((row.event.action, _phrase(row.event)), []).append(row)
    return Visitor(
        name=name,
        role=role,
        responsible=next((row.event.responsible for row in reversed(rows) if row.event.responsible), ""),
        deeds=tuple(
            Deed(
                phrase=phrase,
                first=theirs[0].event.at,
                last=theirs[-1].event.at,
                times=len(theirs),
                failed=theirs[-1].event.outcome is not Outcome.DONE,
            )
            for (_, phrase), theirs in deeds.items()
        ),
        consents=tuple(sorted({row.consent_version for row in rows if row.consent_version is not None})),
    )


def _phrase(event: AuditEvent) -> str:
    """An emergency with its reason; one that is no reason of ours is not told: the row was tampered with."""
    if event.action is Action.EMERGENCY_ACCESS and event.detail in set(Emergency):
        return EMERGENCIES[Emergency(event.detail)]
    return KINDS[event.action].phrase
