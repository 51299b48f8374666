"""The consult: its status, the transitions it may make, and the records that go with it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from uuid import UUID

from consent import Consent
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.audio.pcm import Decoded
from transcribe.contact import Contact
from transcribe.errors import N_
from transcribe.logcodes import is_code
from transcribe.origin import Client
from transcribe.soep.note import Checked, Note


class Role(StrEnum):
    HUISARTS = "huisarts"
    WAARNEMER = "waarnemer"
    POH = "poh"
    ASSISTENTE = "assistente"
    PRAKTIJKMANAGER = "praktijkmanager"
    BEHEERDER = "beheerder"
    LOGBEHEERDER = "logbeheerder"
    SYSTEEM = "systeem"  # the worker


#: Roles that see nothing clinical at all.
OFFICE = frozenset({Role.PRAKTIJKMANAGER, Role.BEHEERDER, Role.LOGBEHEERDER})


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who does something, for rules and for the access log."""

    name: str
    role: Role
    id: str = ""  # of the account; "" where there are none
    responsible: str = ""  # on whose behalf: a person or a practice; "": nobody else's


class Status(StrEnum):
    """Few statuses drive the machine; ``Reason`` explains to people."""

    NEW = "nieuw"
    CONSENTED = "toestemming"
    RECORDING = "opname loopt"
    PAUSED = "pauze"
    RECORDED = "opgenomen"
    TRANSCRIBED = "uitgeschreven"
    DRAFTED = "concept"
    APPROVED = "akkoord"
    DELIVERED = "gekopieerd"
    REFUSED = "geweigerd"
    WITHDRAWN = "ingetrokken"
    DISCARDED = "verwijderd"
    ERASED = "gewist"


#: Which status may follow which. ``docs/states.md`` is made from this dict; a test compares them.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.NEW: frozenset({Status.CONSENTED, Status.REFUSED, Status.DISCARDED}),
    Status.CONSENTED: frozenset({Status.RECORDING, Status.RECORDED, Status.WITHDRAWN, Status.DISCARDED}),
    # back to CONSENTED: nothing was recorded
    # to where it was: it went on after its end, and nothing was added
    Status.RECORDING: frozenset(
        {
            Status.PAUSED,
            Status.RECORDED,
            Status.CONSENTED,
            Status.TRANSCRIBED,
            Status.DRAFTED,
            Status.WITHDRAWN,
            Status.DISCARDED,
        }
    ),
    Status.PAUSED: frozenset(
        {
            Status.RECORDING,
            Status.RECORDED,
            Status.CONSENTED,
            Status.TRANSCRIBED,
            Status.DRAFTED,
            Status.WITHDRAWN,
            Status.DISCARDED,
        }
    ),
    # back to CONSENTED: the recording can't be used and another one takes its place
    # back to PAUSED: a consult goes on after its recording was ended
    Status.RECORDED: frozenset(
        {Status.TRANSCRIBED, Status.CONSENTED, Status.PAUSED, Status.WITHDRAWN, Status.DISCARDED}
    ),
    Status.TRANSCRIBED: frozenset({Status.DRAFTED, Status.PAUSED, Status.WITHDRAWN, Status.DISCARDED}),
    # back to TRANSCRIBED: a person said who speaks, and it is drafted anew
    Status.DRAFTED: frozenset({Status.APPROVED, Status.TRANSCRIBED, Status.PAUSED, Status.WITHDRAWN, Status.DISCARDED}),
    # back to DRAFTED: an edit after approval closes the gate
    Status.APPROVED: frozenset({Status.DELIVERED, Status.DRAFTED, Status.WITHDRAWN, Status.ERASED}),
    Status.DELIVERED: frozenset({Status.DRAFTED, Status.WITHDRAWN, Status.ERASED}),
    Status.REFUSED: frozenset({Status.ERASED}),
    Status.WITHDRAWN: frozenset({Status.ERASED}),
    Status.DISCARDED: frozenset({Status.ERASED}),
    Status.ERASED: frozenset(),
}


class Reason(StrEnum):
    """Why a consult stands where it stands. The values go into the database; the sentences are in ``REASON_TEXT``."""

    NO_SPEECH = "geen-spraak"
    UNREADABLE = "onleesbaar"
    DAMAGED = "beschadigd"  # transcribed as far as it goes
    NO_MODEL = "geen-model"
    FAILED = "mislukt"
    SOUND_GONE = "geluid-weg"  # what was stored is not found: an administrator must look
    EDITED_AFTER_APPROVAL = "gewijzigd-na-akkoord"
    UNUSABLE = "onbruikbaar"  # nothing of the recording was kept


REASON_TEXT: dict[Reason, str] = {
    Reason.NO_SPEECH: N_("Geen spraak gehoord; er is geen verslag gemaakt. Luister de opname na of kies een andere."),
    Reason.UNREADABLE: N_("De opname kon niet worden gelezen. Kies een andere opname."),
    Reason.DAMAGED: N_("De opname is beschadigd en uitgeschreven zover zij te lezen is. Controleer het hele verslag."),
    Reason.NO_MODEL: N_("Er is geen spraakmodel voor echte consulten geïnstalleerd. De opname is veilig bewaard."),
    Reason.FAILED: N_("Het uitschrijven is mislukt. De opname is veilig bewaard en kan opnieuw worden geprobeerd."),
    Reason.SOUND_GONE: N_("De opname is niet gevonden in de opslag. Waarschuw de beheerder en probeer daarna opnieuw."),
    Reason.EDITED_AFTER_APPROVAL: N_("Gewijzigd na akkoord: kopiëren kan pas na een nieuw akkoord."),
    Reason.UNUSABLE: N_("De opname was niet te gebruiken; er is niets van bewaard."),
}

#: How the name of a recording begins that is made live.
LIVE = "live-"


def live_on(disk: str) -> str:
    """How the name of a recording begins that is made live on this disk (``Spool.name``)."""
    return f"{LIVE}{disk}-"


#: Reasons for which the worker leaves a consult alone until a person acts.
STOPPING = frozenset({Reason.NO_SPEECH, Reason.UNREADABLE, Reason.NO_MODEL, Reason.FAILED, Reason.SOUND_GONE})


class Lane(StrEnum):
    """Who waits for it. Each lane has workers of its own, so neither can starve the other."""

    LIVE = "live"  # a person waits: a consult that was just held
    BATCH = "batch"  # recordings handed in together, to be done in the quiet hours


class Stage(StrEnum):
    """A step that a worker takes; the value names the job."""

    TRANSCRIBE = "uitschrijven"  # decode and recognise
    DRAFT = "concept"  # draft and check


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work that goes into the queue in the same transaction as the change that asks for it. Ids only."""

    stage: Stage
    consult_id: UUID
    lane: Lane
    practice: str = ""  # turns are taken fairly between practices
    followed: bool = False  # it was transcribed while it was recorded: only the end is left, and somebody waits for it
    need: str = ""  # what the worker must have: "" anything, "gpu", or the name of a model


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right of one worker to write the outcome of one attempt at a job; a later attempt ends it."""

    job_id: int
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Consult:
    id: UUID
    patient_ref: str  # the practice's own reference; sealed at rest
    status: Status
    created_at: datetime  # aware
    changed_at: datetime
    version: int  # grows by one with every change; a writer names the version it saw
    reason: Reason | None = None
    #: who speaks on each channel of the recording; one entry: a mixed recording. Empty: no recording yet.
    channels: tuple[Speaker, ...] = ()
    #: name of the recording in the audio store, ours, never the user's file name; of one that was made live: its disk
    upload: str = ""
    audio_s: float | None = None  # length of the decoded recording
    missing_s: float = 0.0  # seconds that could not be decoded
    progress_s: float = 0.0  # how far the recogniser is
    stumbles: int = 0  # attempts at the present step whose worker was gone
    expires_at: datetime | None = None  # erased then, if nobody touches it; None: not noticed yet
    lost_s: float = 0.0  # acknowledged sound that could not be read back: must be 0
    lane: Lane = Lane.LIVE
    practice: str = ""
    contact: Contact = field(default_factory=Contact)
    waits_for: str = ""  # the name of whom the draft was passed on to, or who took it over; "": nobody in particular
    passed_by: str = ""  # who passed it on last; stays when it was signed
    exercise: bool = False  # a demo consult in whose draft errors are planted, to practise on
    #: names of the staff who may open it; everybody else needs an emergency. (): whoever has the role for it
    readers: tuple[str, ...] = ()


def plain_name(typed: str) -> str:
    """The name of somebody of the staff with its blanks, accents, hyphens and apostrophes written in one way."""
    return " ".join(unicodedata.normalize("NFKC", typed).translate(_SIGNS).split())


def name_key(name: str) -> str:
    """By which names of staff are compared: nobody types by heart the capitals that stand in a colleague's settings."""
    return unicodedata.normalize("NFKC", plain_name(name).casefold())


_SIGNS = str.maketrans("\u2018\u2019\u02bc\u2010\u2013", "'''--")


class Emergency(StrEnum):
    """Why somebody opens a consult that is closed to them. A list and no field: what a person types may be clinical,
    and this goes into the access log.
    """

    CARE = "spoed"
    ABSENT = "waarneming"
    PATIENT = "verzoek"
    INCIDENT = "incident"


class Part(StrEnum):
    """Of somebody's worklist: who must do something for a consult now. See ``policy.part_of``."""

    MINE = "voor-u"  # this person: the draft was passed on to them
    CHECK = "controle"  # a doctor: the draft is not verified
    ACT = "actie"  # a person: copy what was approved, or look at what stopped
    OTHERS = "collega"  # somebody else: the draft was passed on to them
    BUSY = "bezig"
    DONE = "klaar"


@dataclass(frozen=True, kw_only=True)
class PartSize:
    count: int
    oldest: datetime | None  # when it was made; None: there is none


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a person looks for; what is left open does not matter."""

    patient_ref: str = ""  # as a whole; blanks and capitals do not matter
    since: datetime | None = None  # made then or later
    before: datetime | None = None
    part: Part | None = None
    person: str = ""  # whose worklist that is a part of


@dataclass(frozen=True, kw_only=True)
class Space:
    """Of the disk that recordings go to, in bytes."""

    total: int
    free: int


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Immutable: who agreed to exactly which text, and when. Its own record, not a query on the access log."""

    id: UUID
    consult_id: UUID
    note_version: int
    sha256: str  # of note_text(note)
    approved_by: str
    role: Role
    approved_at: datetime


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A recorded copy to the HIS."""

    id: UUID
    consult_id: UUID
    approval_id: UUID
    part: str  # "S", "O", "E", "P" or "alles"
    delivered_by: str
    delivered_at: datetime


class KeyPurpose(StrEnum):
    """Each consult has two data keys."""

    SOURCE = "bron"  # audio, transcript, draft: destroyed at approval, withdrawal, discard
    RECORD = "verslag"  # patient reference and approved note: destroyed when the consult is erased


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """Proof that content was destroyed: what, when, why. Stays when everything else is gone."""

    id: UUID
    consult_id: UUID
    purpose: KeyPurpose
    why: str  # "akkoord", "intrekking", "verwijderd", ... (``erasure.GROUNDS``)
    destroyed_at: datetime
    #: When what the key could open was gone as well: the files, and every copy of the key that we keep. None: at work.
    cleared_at: datetime | None = None


class Action(StrEnum):
    """What is logged (NEN 7513 ch. 6). The value is stored."""

    CONSULT_CREATED = N_("consult aangemaakt")
    CONSENT_GIVEN = N_("toestemming vastgelegd")
    CONSENT_REFUSED = N_("weigering vastgelegd")
    CONSENT_WITHDRAWN = N_("toestemming ingetrokken")
    CONSENT_EXPORTED = N_("toestemming gedownload")
    RECORDING_STARTED = N_("opname gestart")
    RECORDING_PAUSED = N_("opname gepauzeerd")
    RECORDING_RESUMED = N_("opname hervat")
    AUDIO_STORED = N_("opname bewaard")
    AUDIO_PLAYED = N_("opname beluisterd")
    AUDIO_REPLACED = N_("opname vervangen")
    TRANSCRIBED = N_("uitgeschreven")
    DRAFTED = N_("concept gemaakt")
    STEP_FAILED = N_("verwerking gestopt")
    RETRIED = N_("verwerking opnieuw gestart")
    NOTE_VIEWED = N_("verslag bekeken")
    NOTE_EDITED = N_("verslag gewijzigd")
    AMENDED = N_("verslag gewijzigd na akkoord")  # the approval does not hold any more
    LINE_CONFIRMED = N_("regel bevestigd")
    PASSED_ON = N_("verslag overgedragen")
    SENT_BACK = N_("verslag teruggestuurd")
    TAKEN_OVER = N_("verslag overgenomen")
    CLOSED = N_("consult afgeschermd")
    CLOSING_LIFTED = N_("afscherming opgeheven")
    EMERGENCY_ACCESS = N_("noodtoegang genomen")
    SPEAKERS_NAMED = N_("sprekers benoemd")
    CONTACT_CHANGED = N_("contact gewijzigd")
    VIDEO_RECORDED = N_("videogegevens vastgelegd")
    APPROVED = N_("verslag geaccordeerd")
    COPIED = N_("verslag gekopieerd")
    DISCARDED = N_("consult verwijderd")
    ERASED = N_("consult gewist")
    EXPIRED = N_("bewaartermijn verlopen")
    ACCESS_GIVEN = N_("inzage gegeven")
    SEARCHED = N_("consulten gezocht")
    LOGGED_IN = N_("ingelogd")
    LOGGED_OUT = N_("uitgelogd")
    LOGIN_FAILED = N_("inloggen mislukt")
    LOGGED_OUT_EVERYWHERE = N_("overal uitgelogd")
    RECOVERY_CODE_USED = N_("herstelcode gebruikt")
    PASSWORD_CHANGED = N_("wachtwoord gewijzigd")
    SECOND_STEP_CHANGED = N_("tweede stap gewijzigd")
    ACCOUNT_INVITED = N_("medewerker uitgenodigd")
    ACCOUNT_OPENED = N_("medewerker toegelaten")
    ACCOUNT_CHANGED = N_("medewerker gewijzigd")
    ACCOUNT_DISABLED = N_("medewerker uitgeschakeld")
    VOICE_ENROLLED = N_("stemprofiel gemaakt")
    VOICE_REMOVED = N_("stemprofiel vernietigd")
    SETTINGS_CHANGED = N_("instellingen gewijzigd")
    BACKED_UP = N_("reservekopie gemaakt")
    RESTORED = N_("reservekopie teruggezet")
    KEY_COPY_REMOVED = N_("sleutelkopie afgemeld")
    MASTER_KEY_REPLACED = N_("hoofdsleutel vervangen")
    OLD_KEYS_FORGOTTEN = N_("oude hoofdsleutels vergeten")
    LOG_VIEWED = N_("toegangslog bekeken")
    LOG_OVERVIEW = N_("overzicht voor patiënt gemaakt")
    LOG_EXPORTED = N_("toegangslog geëxporteerd")
    LOG_VERIFIED = N_("toegangslog nagerekend")
    LOG_PRUNED = N_("oude regels toegangslog verwijderd")


class Outcome(IntEnum):
    """``EventOutcomeIndicator`` of DICOM and NEN 7513."""

    DONE = 0
    FAILED = 4
    GRAVE = 8


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """What a row of the access log tells. Holds ids, counts, codes and names of staff, never clinical text.

    Raises ``ValueError`` for a ``detail`` that is not made of the words and codes of ``logcodes``.
    """

    at: datetime
    actor: str
    role: Role
    action: Action
    consult_id: UUID | None = None
    detail: str = ""  # a code or a count: "L3", "S", "12 regels"
    whom: str = ""  # name of the colleague that it went to or came from
    outcome: Outcome = Outcome.DONE
    user_id: str = ""
    responsible: str = ""  # see ``Actor``
    allowed_by: str = ""  # the right of ``policy.Rights`` that this takes; "": none
    client: Client = Client.SERVICE
    address: str = ""  # see ``Origin``
    request: str = ""

    def __post_init__(self) -> None:
        if not is_code(self.detail):
            raise ValueError("this is no detail for the access log: see logcodes.py")


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A row of the access log, with what the store knew of it when it was written."""

    seq: int
    event: AuditEvent
    hash: bytes
    source: UUID | None = None  # the installation that wrote it; None: a row of before
    product: str = ""  # version of the program that wrote it
    patient: bytes | None = None  # pseudonym
    consent_id: UUID | None = None  # on which the consult went, and its version
    consent_version: int | None = None
    practice: str | None = None  # None: it names none, being of the whole installation or of before


@dataclass(frozen=True, kw_only=True)
class LogFilter:
    """Which rows of the access log a person wants; what is left open does not matter."""

    since: datetime | None = None
    before: datetime | None = None
    actor: str = ""
    action: Action | None = None
    consult_id: UUID | None = None
    patient_ref: str = ""  # as a whole; blanks and capitals do not matter


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What one person typed in one editor of the page and did not save."""

    by: str
    editor: str  # the page's own name for it: a line, or the place of a new one
    text: str
    tab: str = ""  # of the browser: two of them show one page
    began: str | None = None  # what stood there when the typing began; None: that was not kept
    beside: str = ""  # the editor of a new line in the same section: for when the line is gone


@dataclass(frozen=True, kw_only=True)
class Typing:
    """All of that, of one consult. No part of the note, and never copied."""

    texts: tuple[Typed, ...] = ()

    def typed(self, new: Typed) -> Typing:
        """With that in the place of what was in its editor; an empty text clears it."""
        others = tuple(one for one in self.texts if (one.by, one.editor, one.tab) != (new.by, new.editor, new.tab))
        return Typing(texts=(*others, new) if new.text else others)


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """What became of one draft. Nothing of a patient, and not which consult."""

    day: date  # of the approval, UTC
    practice: str
    drafter: str  # name and version
    model: str  # of the recogniser, with revision
    checked: Checked


@dataclass(frozen=True, kw_only=True)
class Change:
    """One decided change, applied whole or not at all: the new consult and whatever goes with it."""

    consult: Consult  # as it will be; ``version`` is the one after the change
    audit: AuditEvent
    consent: Consent | None = None
    transcript: Transcript | None = None
    note: Note | None = None
    approval: Approval | None = None
    delivery: Delivery | None = None
    message: str | None = None  # that goes with the draft, in the place of the one before; "": there is none any more
    destroy: tuple[Certificate, ...] = ()  # data keys to destroy, with their certificates
    decoded: Decoded | None = None  # the recording is there as PCM
    ledger: LedgerEntry | None = None
    jobs: tuple[Job, ...] = ()  # to enqueue with it
    cancel_jobs: bool = False  # those of this consult that wait or run
    lease: Lease | None = None  # of the worker that decided this; None: a person did
