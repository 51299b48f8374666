"""From values to what a page shows. No rules: those stand in ``policy`` and ``soep``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from transcribe.asr.transcript import Speaker, Suspicion, Transcript, Utterance
from transcribe.audio.pcm import Unheard
from transcribe.consult import (
    REASON_TEXT,
    STOPPING,
    TRANSITIONS,
    Actor,
    Certificate,
    Consult,
    Part,
    PartSize,
    Reason,
    Status,
)
from transcribe.contact import Contact, ContactType, Tariff
from transcribe.erasure import WHAT, ground
from transcribe.errors import N_
from transcribe.i18n import PRACTICE_ZONE
from transcribe.naming import was_edited
from transcribe.policy import (
    LIKE_BSN,
    OVER,
    RIGHTS,
    WITH_NOTE,
    Rights,
    can_go_on,
    closed_to,
    like_bsn,
    may_name_speakers,
    may_take_over,
    waits_elsewhere,
)
from transcribe.soep.check import Finding
from transcribe.soep.hearing import poorly_heard
from transcribe.soep.icpc import Proposal
from transcribe.soep.note import (
    Checked,
    Code,
    Concern,
    Exercise,
    Judged,
    Line,
    Mistake,
    Origin,
    Score,
    Section,
    part_text,
    report_text,
    section_text,
    text_hash,
)
from transcribe.soep.prescribing import unidentified
from transcribe.soep.sound import Fault, faults
from transcribe.speakers.naming import with_voices
from transcribe.video import APPS, Connection, Device, Identity, Video, VideoPresets, in_order, video_line
from transcribe.workflow import WHOLE, Earlier, Review

#: Heard a little before and after an utterance: word times are a few tenths off.
MARGIN_S = 0.3
#: Pieces of sound closer than this are played as one.
JOIN_S = 1.0

STATUS_TEXT: dict[Status, str] = {
    Status.NEW: N_("Toestemming nog vastleggen"),
    Status.CONSENTED: N_("Wacht op de opname"),
    Status.RECORDING: N_("Opname loopt"),
    Status.PAUSED: N_("Opname gepauzeerd"),
    Status.RECORDED: N_("Wordt uitgeschreven"),
    Status.TRANSCRIBED: N_("Concept wordt gemaakt"),
    Status.DRAFTED: N_("Wacht op uw controle"),
    Status.APPROVED: N_("Akkoord, nog niet gekopieerd"),
    Status.DELIVERED: N_("Gekopieerd"),
    Status.REFUSED: N_("Patiënt gaf geen toestemming"),
    Status.WITHDRAWN: N_("Toestemming ingetrokken, vernietigd"),
    Status.DISCARDED: N_("Verwijderd"),
    Status.ERASED: N_("Gewist"),
}
STOPPED_TEXT: dict[Reason, str] = {
    Reason.NO_SPEECH: N_("Geen spraak gehoord"),
    Reason.UNREADABLE: N_("Opname niet te lezen"),
    Reason.NO_MODEL: N_("Geen spraakmodel geïnstalleerd"),
    Reason.FAILED: N_("Uitschrijven mislukt"),
    Reason.SOUND_GONE: N_("Opname niet gevonden"),
}
#: As the rules name them in their sentences ("een consult met status “concept”").
STATUS_WORDS = [
    N_("nieuw"), N_("toestemming"), N_("opname loopt"), N_("pauze"), N_("opgenomen"), N_("uitgeschreven"),
    N_("concept"), N_("akkoord"), N_("gekopieerd"), N_("geweigerd"), N_("ingetrokken"), N_("verwijderd"), N_("gewist"),
]  # fmt: skip
ROLE_WORDS = [
    N_("huisarts"), N_("waarnemer"), N_("poh"), N_("assistente"), N_("praktijkmanager"), N_("beheerder"),
    N_("logbeheerder"), N_("systeem"),
]  # fmt: skip

SPEAKER_TEXT: dict[Speaker, str] = {
    Speaker.HUISARTS: N_("Huisarts"),
    Speaker.PATIENT: N_("Patiënt"),
    Speaker.BEGELEIDER: N_("Begeleider"),
    Speaker.ONBEKEND: N_("Spreker"),
}
#: To choose from.
NAMED_TEXT = SPEAKER_TEXT | {Speaker.ONBEKEND: N_("Weet ik niet")}
SUSPICION_TEXT: dict[Suspicion, str] = {
    Suspicion.REPEAT_LOOP: N_("niet gebruikt: de spraakherkenning herhaalt zichzelf"),
    Suspicion.PHANTOM: N_("niet gebruikt: waarschijnlijk niet gezegd"),
    Suspicion.OVER_SILENCE: N_("niet gebruikt: hier is geen spraak gehoord"),
    Suspicion.OTHER_LANGUAGE: N_("niet gebruikt: in een andere taal"),
    Suspicion.UNLIKELY: N_("niet gebruikt: te onzeker verstaan"),
}
SECTION_TEXT: dict[Section, str] = {
    Section.S: N_("Subjectief"),
    Section.O: N_("Objectief"),
    Section.E: N_("Evaluatie"),
    Section.P: N_("Plan"),
}
CONTACT_TEXT: dict[ContactType, str] = {
    ContactType.CONSULT: N_("Spreekuur"),
    ContactType.VIDEO: N_("Videoconsult"),
    ContactType.PHONE: N_("Telefonisch"),
    ContactType.VISIT: N_("Visite"),
}
TARIFF_TEXT: dict[Tariff, str] = {
    Tariff.CONSULT_SHORT: N_("consult korter dan 5 minuten"),
    Tariff.CONSULT: N_("consult van 5 tot 20 minuten"),
    Tariff.CONSULT_LONG: N_("consult van 20 minuten of langer"),
    Tariff.VISIT: N_("visite korter dan 20 minuten"),
    Tariff.VISIT_LONG: N_("visite van 20 minuten of langer"),
}
CONNECTION_TEXT: dict[Connection, str] = {
    Connection.GOOD: N_("goed"),
    Connection.MODERATE: N_("matig"),
    Connection.POOR: N_("slecht"),
}
DEVICE_TEXT: dict[Device, str] = {
    Device.SMARTPHONE: N_("smartphone"),
    Device.TABLET: N_("tablet"),
    Device.LAPTOP: N_("laptop"),
    Device.COMPUTER: N_("computer"),
    Device.OTHER: N_("ander toestel"),
}
IDENTITY_TEXT: dict[Identity, str] = {
    Identity.BIRTH_DATE: N_("met geboortedatum"),
    Identity.KNOWN: N_("bekende patiënt"),
    Identity.DOCUMENT: N_("met identiteitsbewijs"),
    Identity.LOGIN: N_("ingelogd in de app"),
}
#: In the form, of an application that is typed.
OTHER_APP = "anders"
MISTAKE_TEXT: dict[Mistake, str] = {
    Mistake.DENIAL_GONE: N_("Ontkenning weg"),
    Mistake.DENIAL_NEW: N_("Ontkenning erbij"),
    Mistake.SIDE: N_("Verkeerde kant"),
    Mistake.NUMBER: N_("Verkeerd getal"),
    Mistake.DOSE: N_("Verkeerde dosis"),
    Mistake.UNIT: N_("Verkeerde eenheid"),
    Mistake.DRUG: N_("Verkeerd middel"),
    Mistake.PERSON: N_("Verkeerde persoon"),
    Mistake.TIME: N_("Verkeerde tijd"),
    Mistake.SPEAKER: N_("Verkeerde rubriek: alleen de patiënt zei dit"),
    Mistake.INVENTED: N_("Verzonnen regel"),
    Mistake.LEFT_OUT: N_("Weggelaten"),
}
CONCERN_TEXT: dict[Concern, str] = {
    Concern.DAMAGED: N_("Een deel van de opname was niet te lezen. Wat daar is gezegd staat niet in het verslag."),
    Concern.UNHEARD: "",  # with the moments: in the page
    Concern.SPEAKERS: N_("Niet te horen was wie wat zei. Let op wat van u komt en wat van de patiënt."),
    Concern.GUESSED: N_("Wie wat zei is afgeleid uit stem en woorden. Kijk of niemand verwisseld is."),
}
#: What is wrong with the sound: everybody's, and somebody's. Parts of one sentence.
FAULT_TEXT: dict[Fault, tuple[str, str]] = {
    Fault.SOFT: (N_("het geluid is zacht"), N_("{who} klinkt zacht")),
    Fault.CLIPPED: (N_("het geluid is te hard en vervormt"), N_("{who} klinkt te hard en vervormd")),
    Fault.NOISY: (N_("er is veel ruis"), N_("bij {who} is veel ruis")),
    Fault.NARROW: (N_("het klinkt als een telefoon"), N_("{who} klinkt als door een telefoon")),
    Fault.HOLES: (N_("er vallen stukjes weg"), N_("van {who} vallen stukjes weg")),
    Fault.SILENT: (N_("op een van de kanalen is niemand gehoord"), N_("van {who} is niets gehoord")),
    Fault.OVERLAP: (N_("er wordt veel door elkaar gepraat"), ""),
}
WHO_TEXT: dict[Speaker, str] = {
    Speaker.HUISARTS: N_("de huisarts"),
    Speaker.PATIENT: N_("de patiënt"),
    Speaker.BEGELEIDER: N_("de begeleider"),
}
#: Fixed words of the drafter, so that the catalogue has them.
SOEP_WORDS = [
    N_("begroeting of afscheid"), N_("over de opname of de verbinding"), N_("bevestiging zonder inhoud"),
    N_("over het noteren zelf"), N_("aanwijzing tijdens het onderzoek"),
    N_("patiënt wil dit niet in het dossier"), N_("niets voor het verslag gevonden"),
    N_("“nee”, en niet duidelijk waarop"),
    N_("niet zo bedoeld: wat had gekund"),
    N_("over iemand anders"),
    N_("allergie"), N_("meting"), N_("vangnet"), N_("medicatie"), N_("afspraak"), N_("klacht"), N_("ontkend"),
    N_("slecht verstaan"), N_("niet gebruikt door het taalmodel"),
]  # fmt: skip


class Layout(StrEnum):
    """What is on the channels of a recording."""

    HUISARTS_LEFT = "huisarts-links"
    PATIENT_LEFT = "patient-links"
    MIXED = "gemengd"
    DICTATION = "dictaat"


LAYOUT_TEXT: dict[Layout, str] = {
    Layout.MIXED: N_("Gesprek, iedereen door elkaar"),
    Layout.HUISARTS_LEFT: N_("Gesprek, huisarts op het linkerkanaal, patiënt rechts"),
    Layout.PATIENT_LEFT: N_("Gesprek, patiënt op het linkerkanaal, huisarts rechts"),
    Layout.DICTATION: N_("Dictaat"),
}
LAYOUT_SPEAKERS: dict[Layout, tuple[Speaker, ...]] = {
    Layout.HUISARTS_LEFT: (Speaker.HUISARTS, Speaker.PATIENT),
    Layout.PATIENT_LEFT: (Speaker.PATIENT, Speaker.HUISARTS),
    Layout.MIXED: (Speaker.ONBEKEND,),
    Layout.DICTATION: (Speaker.HUISARTS,),
}

#: Waiting for a step of ours, not of a person.
PROCESSING = frozenset({Status.RECORDED, Status.TRANSCRIBED})


def stopped(consult: Consult) -> bool:
    return consult.status in PROCESSING and consult.reason in STOPPING


def processing(consult: Consult) -> bool:
    return consult.status in PROCESSING and consult.reason not in STOPPING


@dataclass(frozen=True, kw_only=True)
class ContactView:
    """Texts to be translated; "" where nothing is known or chosen."""

    contact: Contact
    kind: str
    minutes: int | None  # whole ones that passed: what they suggest is what the exact length suggests
    proposed: str
    chosen: str


def contact_view(contact: Contact) -> ContactView:
    return ContactView(
        contact=contact,
        kind=CONTACT_TEXT[contact.kind] if contact.kind else "",
        minutes=None if contact.length is None else int(contact.length.total_seconds() // 60),
        proposed=TARIFF_TEXT[contact.proposed] if contact.proposed else "",
        chosen=TARIFF_TEXT[contact.tariff] if contact.tariff else "",
    )


@dataclass(frozen=True, kw_only=True)
class VideoView:
    """What is recorded of a video consult, and what can be chosen."""

    video: Video
    presets: VideoPresets
    version: int = 0  # of what is recorded before there is a note
    connections = CONNECTION_TEXT
    devices = DEVICE_TEXT
    identities = IDENTITY_TEXT

    @property
    def empty(self) -> bool:
        return self.video == Video()

    @property
    def line(self) -> str:
        return video_line(self.video)

    @property
    def usual(self) -> str:
        """The line when all is in order."""
        return video_line(in_order(Video(), self.presets))

    @property
    def outside(self) -> list[str]:
        """Applications that are not on the practice's list."""
        known = (*APPS, self.video.app) if self.video.app else APPS
        return [app for app in dict.fromkeys(known) if app not in self.presets.apps]


@dataclass(frozen=True, kw_only=True)
class ConsultView:
    """A consult in a list or at the top of its page."""

    consult: Consult
    label: str  # status in plain words, to be translated
    tone: str  # "wacht", "open", "bezig", "stopt", "klaar", "over": colour and sign beside the words
    reason: str
    reader: Actor
    elsewhere: bool  # the draft waits for somebody else than the reader
    erased_at: datetime | None = None  # soon, if nobody verifies it
    silent_since: datetime | None = None  # it is recorded, and no sound comes

    @property
    def contact(self) -> ContactView:
        return contact_view(self.consult.contact)

    @property
    def held_on(self) -> date | None:
        """The day of the contact when that is another one than that on which it came here."""
        day = self.consult.contact.on(PRACTICE_ZONE)
        return None if day == self.consult.created_at.astimezone(PRACTICE_ZONE).date() else day

    @property
    def ref_warning(self) -> str:
        return LIKE_BSN if like_bsn(self.consult.patient_ref) else ""

    @property
    def closed(self) -> bool:
        """To the reader: then nothing of the patient is shown."""
        return closed_to(self.reader, self.consult)

    @property
    def can_withdraw(self) -> bool:
        return Status.WITHDRAWN in TRANSITIONS[self.consult.status]

    @property
    def can_discard(self) -> bool:
        return Status.DISCARDED in TRANSITIONS[self.consult.status]

    @property
    def can_go_on(self) -> bool:
        """By the reader: a draft goes on only by who may throw it away."""
        allowed = RIGHTS[self.reader.role]
        mine = allowed.approve and not self.elsewhere if self.consult.status is Status.DRAFTED else allowed.record
        return can_go_on(self.consult) and mine and not self.closed

    @property
    def can_erase(self) -> bool:
        return Status.ERASED in TRANSITIONS[self.consult.status] and self.consult.status in WITH_NOTE


def consult_view(
    consult: Consult, reader: Actor, *, erased_at: datetime | None = None, silent_since: datetime | None = None
) -> ConsultView:
    label = STATUS_TEXT[consult.status]
    elsewhere = waits_elsewhere(reader, consult)
    if consult.exercise and consult.status is Status.APPROVED:
        label = N_("Oefening klaar")
    if consult.reason in STOPPED_TEXT:
        label = STOPPED_TEXT[consult.reason]
    if stopped(consult):
        tone = "stopt"
    elif consult.status is Status.DELIVERED or (consult.exercise and consult.status is Status.APPROVED):
        tone = "klaar"
    elif elsewhere:
        tone = "open"
    elif consult.status in {Status.DRAFTED, Status.APPROVED, Status.NEW}:
        tone = "wacht"
    elif consult.status in OVER:
        tone = "over"
    else:
        tone = "bezig" if processing(consult) else "open"
    reason = REASON_TEXT[consult.reason] if consult.reason else ""
    return ConsultView(
        consult=consult,
        label=label,
        tone=tone,
        reason=reason,
        reader=reader,
        elsewhere=elsewhere,
        erased_at=erased_at,
        silent_since=silent_since,
    )


PART_TEXT: dict[Part, str] = {
    Part.MINE: N_("Voor u"),
    Part.CHECK: N_("Te controleren"),
    Part.ACT: N_("Vraagt iets van u"),
    Part.OTHERS: N_("Wacht op een collega"),
    Part.BUSY: N_("Bezig"),
    Part.DONE: N_("Klaar"),
}
#: Rows of a part on the worklist, and of a list that a person asked for.
ROWS, LONG_ROWS = 25, 50


@dataclass(frozen=True, kw_only=True)
class PartView:
    """Some consults under one heading, newest first."""

    title: str
    rows: list[ConsultView]
    size: PartSize | None = None  # of the whole part; None: these are all
    part: Part | None = None
    after: UUID | None = None  # there are more; this is the last one here

    @property
    def moving(self) -> bool:
        """Something will change by itself."""
        return any(processing(view.consult) or view.consult.status is Status.RECORDING for view in self.rows)


def part_view(
    title: str,
    consults: Sequence[Consult],
    reader: Actor,
    erased_soon: Callable[[Consult], datetime | None],
    silent_since: Callable[[Consult], datetime | None],
    *,
    most: int,
    size: PartSize | None = None,
    part: Part | None = None,
) -> PartView:
    """``consults``: one more than ``most`` when there are more."""
    shown = consults[:most]
    return PartView(
        title=title,
        rows=[
            consult_view(consult, reader, erased_at=erased_soon(consult), silent_since=silent_since(consult))
            for consult in shown
        ],
        size=size,
        part=part,
        after=shown[-1].id if len(consults) > most else None,
    )


@dataclass(frozen=True, kw_only=True)
class UtteranceView:
    index: int
    speaker: str
    side: str  # the speaker's value, for colour
    start_s: float
    spans: str  # for the player
    words: str  # when each word of the text begins, in hundredths of a second after that of ``spans``; "": not known
    text: str
    note: str  # why it is not in the note
    missed: str  # what may be missed
    used: bool  # some line rests on it
    overlapped: str  # whether somebody else spoke at the same time


@dataclass(frozen=True, kw_only=True)
class UnrecordedView:
    at_s: float
    seconds: int
    kind: Unheard
    before: int  # the index of the utterance that comes next


@dataclass(frozen=True, kw_only=True)
class LineView:
    line: Line
    flags: tuple[Finding, ...]  # open ones
    spans: str
    start_s: float | None
    evidence: str
    doubted: str  # words that were poorly heard, where that is no finding

    @property
    def typed(self) -> bool:
        return self.line.origin is Origin.HUISARTS


@dataclass(frozen=True, kw_only=True)
class SectionView:
    section: Section
    title: str
    lines: list[LineView]
    code: Code | None = None
    offered: Sequence[Proposal] | None = None  # codes to choose from; None where none may be
    opening: tuple[str, ...] = ()  # rows that follow from what was recorded of the consent and of a video consult
    unidentified: bool = False  # it names medicines, and nobody recorded who was on the screen


@dataclass(frozen=True, kw_only=True)
class ReportView:
    id: str
    title: str  # the problem, where there are several
    sections: list[SectionView]


@dataclass(frozen=True, kw_only=True)
class CopyPart:
    part: str
    title: str  # "S", or nothing for all of it
    key: str
    empty: bool
    copied_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class CopyGroup:
    """The buttons of one report: where a contact has several, each goes to its own episode in the HIS."""

    title: str
    parts: list[CopyPart]


@dataclass(frozen=True, kw_only=True)
class EarlierView:
    """What of an older text is in the HIS, and how this one differs: "-" what goes there, "+" what comes."""

    earlier: Earlier
    parts: str  # "S, P"; "" for all of it
    changes: list[tuple[str, str]]


def earlier_view(earlier: Earlier, text: str) -> EarlierView:
    rows = difflib.ndiff(earlier.text.splitlines(), text.splitlines()) if earlier.text else ()
    return EarlierView(
        earlier=earlier,
        parts="" if WHOLE in earlier.parts else ", ".join(earlier.parts),
        changes=[(row[0], row[2:]) for row in rows if row[0] in "-+" and row[2:]],
    )


@dataclass(frozen=True, kw_only=True)
class EditsView:
    """How an approved note was checked, over all sections."""

    kept: int
    changed: int
    removed: int
    added: int
    seconds: int | None

    @property
    def drafted(self) -> int:
        return self.kept + self.changed + self.removed


@dataclass(frozen=True, kw_only=True)
class JudgedView:
    """A planted error and what became of it; texts of the page to be translated, those of the note as they are."""

    judged: Judged
    title: str
    said: list[tuple[str, str]]  # who and what


@dataclass(frozen=True, kw_only=True)
class ExerciseView:
    exercise: Exercise
    score: Score
    alone: list[JudgedView]  # of which the check said nothing
    flagged: list[JudgedView]


def exercise_view(exercise: Exercise) -> ExerciseView:
    """What was missed goes first."""
    errors = [
        JudgedView(
            judged=one,
            title=MISTAKE_TEXT[one.planted.kind],
            said=[(SPEAKER_TEXT[speaker], text) for speaker, text in one.said],
        )
        for one in sorted(exercise.judged, key=lambda one: one.caught)
    ]
    return ExerciseView(
        exercise=exercise,
        score=exercise.score,
        alone=[one for one in errors if not one.judged.planted.flagged],
        flagged=[one for one in errors if one.judged.planted.flagged],
    )


@dataclass(frozen=True, kw_only=True)
class PracticeView:
    """How a series of exercises went: errors that the check said nothing of, and those of which it did."""

    times: int
    planted: int
    caught: int
    flagged: int
    flagged_caught: int


def practice_view(scores: Sequence[Score]) -> PracticeView:
    return PracticeView(
        times=len(scores),
        planted=sum(score.planted for score in scores),
        caught=sum(score.caught for score in scores),
        flagged=sum(score.flagged for score in scores),
        flagged_caught=sum(score.flagged_caught for score in scores),
    )


@dataclass(frozen=True, kw_only=True)
class MomentView:
    """A stretch of the recording, to listen to."""

    at_s: float
    spans: str


@dataclass(frozen=True, kw_only=True)
class VoiceView:
    """One voice of a talk, to say whose it is."""

    number: int
    speaker: Speaker
    says: str  # the longest: by it a person knows who it is


@dataclass(frozen=True, kw_only=True)
class FaultView:
    """Something that is wrong with the sound; texts to be translated."""

    text: str  # with a place for who, when that is known
    who: str


@dataclass(frozen=True, kw_only=True)
class ReviewView:
    review: Review
    head: ConsultView
    rights: Rights
    may_take_over: bool
    earlier: EarlierView | None
    reports: list[ReportView]
    flagged: list[LineView]
    concerns: list[tuple[Concern, str]]  # each with its sentence, to be translated
    pressing: list[UtteranceView]  # may be missed, and must be answered
    utterances: list[UtteranceView]
    unheard: list[MomentView]  # where somebody spoke and no words were understood
    unrecorded: list[UnrecordedView]
    missed: list[UtteranceView]  # the others, which may stay open
    dropped: list[UtteranceView]
    removed: list[LineView]
    copies: list[CopyGroup]
    whole: CopyPart  # everything at once
    edits: EditsView | None
    video: VideoView | None  # None: no video consult
    exercise: ExerciseView | None  # of one that was signed
    voices: list[VoiceView]  # to name; none where that can't be done
    sound: list[FaultView] | None  # what is wrong with it; None: not known
    edited: bool

    @property
    def consult(self) -> Consult:
        return self.review.consult

    @property
    def talk(self) -> str:
        """Another one when the conversation is another one."""
        return text_hash("\n".join(f"{one.side} {one.text}" for one in self.utterances))[:12]

    @property
    def swappable(self) -> bool:
        return {Speaker.HUISARTS, Speaker.PATIENT} <= {voice.speaker for voice in self.voices}

    @property
    def asked(self) -> int:
        """How many things a signature waits for."""
        return len(self.flagged) + len(self.concerns) + len(self.pressing)

    @property
    def gaps(self) -> list[UnrecordedView]:
        return [one for one in self.unrecorded if one.kind is Unheard.GAP]

    @property
    def deaf(self) -> list[UnrecordedView]:
        """Where the microphone of the huisarts was away while the call went on."""
        return [one for one in self.unrecorded if one.kind is Unheard.VOICE]

    @property
    def left_at_s(self) -> float | None:
        """Until where there is sound of a recording that nobody stopped."""
        return next((one.at_s for one in self.unrecorded if one.kind is Unheard.LEFT), None)


def review_view(
    review: Review, actor: Actor, *, presets: VideoPresets, erased_at: datetime | None = None
) -> ReviewView:
    note, transcript = review.note, review.transcript
    asked = unidentified(note)
    utterances = utterance_views(review)

    def line_view(line: Line) -> LineView:
        return _line_view(line, review.flags.get(line.id, ()), transcript)

    reports = [
        ReportView(
            id=report.id,
            title=report.title,
            sections=[
                SectionView(
                    section=section,
                    title=SECTION_TEXT[section],
                    lines=[line_view(line) for line in report.section(section)],
                    code=next((one for one in report.codes if one.section is section), None),
                    offered=(review.codes or {}).get((report.id, section)),
                    opening=note.opening if section is Section.S and report is note.reports[0] else (),
                    unidentified=section is Section.P and report.id in asked,
                )
                for section in Section
            ],
        )
        for report in note.reports
    ]
    pressing = {item.utterance for item in review.pressing}
    lines = [line for report in reports for section in report.sections for line in section.lines]
    return ReviewView(
        review=review,
        head=consult_view(review.consult, actor, erased_at=erased_at),
        rights=RIGHTS[actor.role],
        may_take_over=may_take_over(actor, review.consult),
        earlier=earlier_view(review.earlier, review.text) if review.earlier else None,
        reports=reports,
        flagged=[line for line in lines if line.flags],
        concerns=[(concern, CONCERN_TEXT[concern]) for concern in review.concerns],
        pressing=[utterance for utterance in utterances if utterance.index in pressing],
        utterances=utterances,
        unheard=_unheard(transcript),
        unrecorded=_unrecorded(transcript),
        missed=[utterance for utterance in utterances if utterance.missed and utterance.index not in pressing],
        dropped=[utterance for utterance in utterances if utterance.note],
        removed=[line_view(line) for _, line in note.removed],
        copies=_copies(review),
        whole=_copy(review, "alles", "", "" if len(note.reports) > 1 else "a", review.text),
        edits=None if note.checked is None else _edits(note.checked),
        video=None if note.video is None else VideoView(video=note.video, presets=presets),
        exercise=None if note.exercise is None else exercise_view(note.exercise),
        voices=_voices(review, actor),
        sound=_sound(transcript),
        edited=was_edited(note),
    )


def _voices(review: Review, actor: Actor) -> list[VoiceView]:
    if review.transcript is None or not may_name_speakers(actor, review.consult):
        return []
    transcript = with_voices(review.transcript)
    found = []
    for number, voice in enumerate(transcript.voices):
        said = [utterance.text for utterance in transcript.utterances if utterance.voice == number]
        found.append(VoiceView(number=number, speaker=voice.speaker, says=max(said, key=len)))
    return found


def _sound(transcript: Transcript | None) -> list[FaultView] | None:
    if transcript is None or transcript.sound is None:
        return None
    return [
        FaultView(text=FAULT_TEXT[one.fault][1], who=WHO_TEXT[one.speaker])
        if one.speaker in WHO_TEXT and FAULT_TEXT[one.fault][1]
        else FaultView(text=FAULT_TEXT[one.fault][0], who="")
        for one in faults(transcript.sound)
    ]


def _edits(checked: Checked) -> EditsView:
    return EditsView(
        kept=sum(one.kept for one in checked.sections),
        changed=sum(one.changed for one in checked.sections),
        removed=sum(one.removed for one in checked.sections),
        added=sum(one.added for one in checked.sections),
        seconds=checked.seconds,
    )


#: Channels tell it; of voices on one channel it is a guess.
_OVERLAPPED = {True: N_("door elkaar gesproken"), False: N_("misschien door elkaar gesproken")}


def utterance_views(review: Review) -> list[UtteranceView]:
    transcript, note = review.transcript, review.note
    if transcript is None:
        return []
    dropped = {item.utterance: item.reason for item in note.dropped}
    missed = {item.utterance: item.kind for item in note.missed}
    used = {index for line in note.lines() for index in line.evidence}
    return [
        UtteranceView(
            index=index,
            speaker=SPEAKER_TEXT[utterance.speaker],
            side=utterance.speaker.value,
            start_s=utterance.start_s,
            spans=spans([(utterance.start_s, utterance.end_s)]),
            words=word_times(utterance),
            text=utterance.text,
            note=SUSPICION_TEXT[utterance.suspicion] if utterance.suspicion else dropped.get(index, ""),
            missed=missed.get(index, ""),
            overlapped=_OVERLAPPED[utterance.voice is None] if utterance.overlapped else "",
            used=index in used,
        )
        for index, utterance in enumerate(transcript.utterances)
    ]


def _unheard(transcript: Transcript | None) -> list[MomentView]:
    found = transcript.unheard if transcript else ()
    return [MomentView(at_s=one.start_s, spans=spans([(one.start_s, one.end_s)])) for one in found]


def _unrecorded(transcript: Transcript | None) -> list[UnrecordedView]:
    if transcript is None:
        return []
    return [
        UnrecordedView(
            at_s=one.at_s,
            seconds=max(1, round(one.length_s)),
            kind=one.kind,
            before=sum(utterance.start_s < one.at_s for utterance in transcript.utterances),
        )
        for one in transcript.unrecorded
    ]


def word_times(utterance: Utterance) -> str:
    """The page finds the words by their blanks, so they must be the same ones."""
    if [word.text for word in utterance.words] != utterance.text.split():
        return ""
    start_s = max(0.0, utterance.start_s - MARGIN_S)
    return " ".join(str(round(100 * (word.start_s - start_s))) for word in utterance.words)


def spans(pieces: Iterable[tuple[float, float]]) -> str:
    """Moments to play, in order, near ones joined: "12.30-15.10 40.00-41.50"."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(pieces):
        if joined and start - joined[-1][1] < JOIN_S:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return " ".join(f"{max(0.0, start - MARGIN_S):.2f}-{end + MARGIN_S:.2f}" for start, end in joined)


def _line_view(line: Line, flags: tuple[Finding, ...], transcript: Transcript | None) -> LineView:
    known = [
        transcript.utterances[index]
        for index in line.evidence
        if transcript is not None and 0 <= index < len(transcript.utterances)
    ]
    return LineView(
        line=line,
        flags=flags,
        spans=spans((utterance.start_s, utterance.end_s) for utterance in known),
        start_s=min((utterance.start_s for utterance in known), default=None),
        evidence=" ".join(str(index) for index in line.evidence),
        doubted=", ".join(poorly_heard(line, transcript)) if transcript and not flags and not line.confirmed else "",
    )


def _copies(review: Review) -> list[CopyGroup]:
    """The buttons after approval. With one report: its sections; with several: each report and its sections."""
    note = review.note
    if len(note.reports) == 1:
        parts = [_copy(review, one.value, one.value, one.value.lower(), section_text(note, one)) for one in Section]
        return [CopyGroup(title="", parts=parts)]
    return [
        CopyGroup(
            title=report.title,
            parts=[
                *(
                    _copy(
                        review,
                        f"{report.id}-{one.value}",
                        one.value,
                        one.value.lower(),
                        part_text(note, f"{report.id}-{one.value}"),
                    )
                    for one in Section
                ),
                _copy(review, report.id, "", "a", report_text(note, report)),
            ],
        )
        for report in note.reports
    ]


def _copy(review: Review, part: str, title: str, key: str, text: str) -> CopyPart:
    """One button, with when it was last used."""
    last = {delivery.part: delivery.delivered_at for delivery in review.deliveries}
    return CopyPart(part=part, title=title, key=key, empty=not text, copied_at=last.get(part))


@dataclass(frozen=True, kw_only=True)
class CertificateView:
    what: str
    why: str
    rule: str  # by which it was done; "" for a reason of before that nobody knows any more
    certificate: Certificate


def certificate_views(certificates: Iterable[Certificate]) -> list[CertificateView]:
    return [
        CertificateView(
            what=WHAT[certificate.purpose],
            why=ground(certificate.why).why,
            rule=ground(certificate.why).rule,
            certificate=certificate,
        )
        for certificate in certificates
    ]
