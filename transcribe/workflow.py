"""What people do with a consult: routes and commands come through here.

Each method reads, asks the rules, and has the ``Writer`` apply one change whole. Sound is written before the change
that names it and removed after the change that ends it, so a crash in between leaves at most an encrypted file whose
key is gone, which ``Keeper`` removes. A worker does ``steps``; a recording that is made live goes through ``recorder``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from consent import Consent, ConsentStatus, Purpose, Texts, Withdrawer, require, sentence, used, withdraw
from consent.fhir import Destroyed, fhir_consent
from transcribe import policy
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.audio.pcm import Pcm
from transcribe.audio.together import Fingerprint
from transcribe.consult import (
    STOPPING,
    Action,
    Actor,
    Approval,
    AuditEvent,
    Certificate,
    Consult,
    Delivery,
    Emergency,
    KeyPurpose,
    Lane,
    LedgerEntry,
    LogFilter,
    Part,
    PartSize,
    Reason,
    Search,
    Space,
    Status,
    Typed,
    name_key,
    plain_name,
)
from transcribe.contact import Contact, ContactType, check_contact
from transcribe.errors import (
    N_,
    ClosedConsult,
    Conflict,
    Erased,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    TooLong,
    TranscribeError,
    Unreadable,
)
from transcribe.ledger import checked
from transcribe.ports import AudioStore, Decoder, Preferences, Spool, Store
from transcribe.soep.check import Finding, findings, open_findings
from transcribe.soep.icpc import CODED, Entry, Proposal, complete, proposals
from transcribe.soep.note import (
    Code,
    Concern,
    Exercise,
    Missed,
    Note,
    Origin,
    Score,
    Section,
    line_hash,
    note_text,
    part_text,
    text_hash,
)
from transcribe.soep.points import concerns, pressing
from transcribe.soep.style import difference
from transcribe.soep.vigilance import outcome
from transcribe.speakers.naming import channels_said
from transcribe.video import UNSEEN, Video, VideoPresets, checked_video
from transcribe.visible import all_seen, one_row
from transcribe.writer import PCM, Writer

log = logging.getLogger(__name__)

WHOLE = "alles"
#: What a destroyed key opened, in the words of an exported consent: Dutch, as its other words.
DESTROYED_TEXT = {
    KeyPurpose.SOURCE: "opname, transcript en concept",
    KeyPurpose.RECORD: "patiëntkenmerk en verslag",
}
#: Emergencies that are looked through for those to tell somebody of.
MOST_TOLD = 1000
#: Who did one of these has something to do with the consult, if it was not in an emergency.
_HOLDING = frozenset(
    {
        Action.CONSULT_CREATED,
        Action.RECORDING_STARTED,
        Action.AUDIO_STORED,
        Action.NOTE_EDITED,
        Action.LINE_CONFIRMED,
        Action.TAKEN_OVER,
        Action.APPROVED,
        Action.CLOSED,
    }
)
#: In the access log, of a note that was shown with the words it comes from.
WITH_TRANSCRIPT = "met gesprek"
#: Longest line a person may type; a note line is a telegram, not a letter.
MAX_LINE = 2000
MAX_REF = 64
LONG_LINE = N_("De regel is te lang (hoogstens 2000 tekens).")
#: Longest name of a colleague, and longest message to one.
MAX_NAME, MAX_MESSAGE = 100, 500
#: Bytes of a recording that are read at a time.
PIECE = 1 << 20
#: Names of the page's editors ("L3", "nieuw-R1-S") and of the tabs of a browser.
EDITOR = re.compile(r"[\w-]{1,64}")
#: Stretches in the drawing of a recording: about one for each two pixels of a screen.
OUTLINE = 600


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A text that was signed and copied to the HIS before the note was changed."""

    copied_at: datetime  # last
    parts: tuple[str, ...]  # as in ``Delivery``
    text: str  # "": signed and changed before this was kept


@dataclass(frozen=True, kw_only=True)
class Review:
    """Everything the review page shows, read at one moment."""

    consult: Consult
    note: Note
    transcript: Transcript | None  # None: the source was destroyed
    flags: Mapping[str, tuple[Finding, ...]]  # open findings by line id
    pressing: tuple[Missed, ...]  # what may be missed and must be answered
    concerns: tuple[Concern, ...]  # about the whole note, that nobody has said to have seen
    earlier: Earlier | None  # what of an earlier signed text is in the HIS, as long as nothing of this one is
    approval: Approval | None  # only when it still holds for this text
    deliveries: tuple[Delivery, ...]  # of that approval
    text: str  # exactly what would be copied
    sha256: str
    #: ICPC codes to choose from, by report and section; None where codes are not used
    codes: Mapping[tuple[str, Section], Sequence[Proposal]] | None = None
    message: str = ""  # that goes with a draft that was passed on
    #: on a first look: what this person typed and did not save
    typed: tuple[Typed, ...] = ()

    @property
    def seen(self) -> Mapping[str, str]:
        """By line id: what is on the screen, as its confirmation names it."""
        return {
            line.id: line_hash(line, (finding.text for finding in self.flags.get(line.id, ())))
            for line in self.note.lines()
        }


# What a new version of the note knows of the one before it. Undoing and redoing bring the marks of the version that
# they bring back, so each goes on from there.


def _edited(note: Note, version: int) -> Note:
    return replace(note, before=version, after=0)


def _undone(note: Note, version: int) -> Note:
    return replace(note, after=version)


def _redone(note: Note, _version: int) -> Note:
    return note  # its own mark says what was undone before it


class Workflow:
    """One object for all threads."""

    def __init__(
        self,
        *,
        store: Store,
        audio: AudioStore,
        spool: Spool,
        decoder: Decoder,
        writer: Writer,
        space: Callable[[], Space],
        min_free_percent: float = 5.0,
        max_minutes: int = 120,
        practice: str = "",
        preferences: Preferences | None = None,
        icpc: bool = False,
        consent_line: bool = False,
        demo: bool = False,
        staff: Callable[[str], list[str]] | None = None,
    ) -> None:
        """``staff``: names of those with an account who read drafts in a practice. As long as there are none a draft
        can be passed on to any name.
        """
        self._staff = staff or (lambda _: [])
        self._store = store
        self._audio = audio
        self._spool = spool
        self._decoder = decoder
        self._writer = writer
        self._space = space
        self._min_free_percent = min_free_percent
        self._max_minutes = max_minutes
        self._practice = practice
        self._preferences = preferences
        self._icpc = icpc
        self._consent_line = consent_line
        self._demo = demo

    # --- reading ---------------------------------------------------------------------------------------------------

    def consult(self, consult_id: UUID) -> Consult:
        return self._store.consult(consult_id)

    def sizes(self, person: str = "") -> dict[Part, PartSize]:
        """Of the parts of that person's worklist."""
        return self._store.sizes(person)

    def search(self, wanted: Search, *, after: UUID | None = None, limit: int = 100) -> list[Consult]:
        """Newest first; ``after``: those that come after this one."""
        return self._store.search(wanted, after=after, limit=limit)

    def consent(self, consult_id: UUID) -> Consent | None:
        return self._store.consent(consult_id)

    def certificates(self, consult_id: UUID) -> list[Certificate]:
        return self._store.certificates(consult_id)

    def destroyed(self, since: datetime, before: datetime) -> list[Certificate]:
        """The proofs of what was destroyed from ``since`` on and before ``before``, oldest first."""
        return self._store.destroyed(since, before)

    def exercises(self, actor: Actor) -> list[Score]:
        """How those of this person in the last year went, oldest first."""
        since = (self._writer.clock() - timedelta(days=365)).date()
        scores = [entry.checked.exercise for entry in self._store.ledger(since)]
        return [score for score in scores if score and score.by == name_key(actor.name)]

    def review(self, actor: Actor, consult_id: UUID, *, first: bool = True) -> Review:
        """The note with its sources. ``first``: log that somebody looks (not when a page shows its own edit)."""
        policy.check_may_edit(actor)
        consult = self._store.consult(consult_id)
        policy.check_status(consult, policy.WITH_NOTE)
        review = self._review(consult)
        if not first:
            return review
        detail = WITH_TRANSCRIPT if review.transcript is not None else ""
        self._store.log(self._writer.event(actor, Action.NOTE_VIEWED, consult_id, detail))
        typed = tuple(one for one in self._store.typing(consult_id).texts if one.by == actor.name)
        return replace(review, typed=typed)

    def play(self, actor: Actor, consult_id: UUID, *, first: bool) -> Pcm16File:
        """The decoded recording as a seekable file of PCM. ``first``: log that somebody listens."""
        policy.check_may_edit(actor)
        consult = self._store.consult(consult_id)
        key = self._store.data_key(consult_id, KeyPurpose.SOURCE)
        file = self._audio.open(consult_id, PCM, key)
        if first:
            self._store.log(self._writer.event(actor, Action.AUDIO_PLAYED, consult_id))
        return Pcm16File(file=file, channels=len(consult.channels) or 1)

    def outline(self, actor: Actor, consult_id: UUID) -> bytes:
        """How loud the recording is along its length, to draw: see ``Pcm.outline``. Says nothing of what was said, so
        it is no listening; it is made when asked for and kept nowhere.
        """
        file = self.play(actor, consult_id, first=False)
        with file.file as pcm:
            return Pcm(pcm, channels=file.channels).outline(OUTLINE)

    def log(self, actor: Actor, action: Action, detail: str = "", whom: str = "") -> None:
        """What is about no consult: log-in and its kind, settings."""
        self._store.log(self._writer.event(actor, action, None, detail, whom))

    def find(self, actor: Actor, wanted: Search, *, limit: int = 100) -> list[Consult]:
        """``search`` by a person who looks for somebody: that is logged, the patient as a pseudonym."""
        found = self._store.search(wanted, limit=limit)
        event = self._writer.event(actor, Action.SEARCHED, None, f"{len(found)} gevonden")
        self._store.log(event, patient_ref=wanted.patient_ref)
        return found

    # --- before the recording --------------------------------------------------------------------------------------

    def create(
        self,
        actor: Actor,
        patient_ref: str,
        lane: Lane = Lane.LIVE,
        contact: Contact | None = None,
        *,
        exercise: bool = False,
        doctor: str = "",
        consult_id: UUID | None = None,
    ) -> Consult:
        """``exercise``: errors will be planted in its draft, to practise on; in a demonstration only. ``doctor``: for
        whom the draft will be. ``consult_id``: a new one when there is none; raises ``Conflict`` when it is taken.
        """
        policy.check_may_record(actor)
        if exercise:
            policy.check_exercise(demo=self._demo)
        patient_ref = _ref(patient_ref)
        now = self._writer.clock()
        contact = contact or Contact()
        check_contact(contact, now)
        doctor = self._name(doctor) if doctor else ""
        consult = Consult(
            id=consult_id or uuid4(),
            patient_ref=patient_ref,
            status=Status.NEW,
            created_at=now,
            changed_at=now,
            version=1,
            lane=lane,
            practice=self._practice,
            contact=contact,
            waits_for="" if name_key(doctor) == name_key(actor.name) else doctor,
            exercise=exercise,
        )
        self._writer.create(actor, consult)
        return consult

    def check_import(self, actor: Actor, patient_ref: str, *, doctor: str, video: Video) -> None:
        """Raises ``InvalidInput`` for what ``create`` or ``record_video`` would refuse: nothing is half-made of it."""
        policy.check_may_record(actor)
        _ref(patient_ref)
        if doctor:
            self._name(doctor)
        checked_video(video, self.video_presets())

    def record_consent(self, actor: Actor, consult_id: UUID, consent: Consent) -> Consult:
        """A consent or a refusal, once, before anything is recorded."""
        policy.check_may_record(actor)
        consult = self._store.consult(consult_id)
        refused = consent.status is ConsentStatus.REFUSED
        to = Status.REFUSED if refused else Status.CONSENTED
        policy.check_transition(consult, to)
        policy.check_status(consult, frozenset({Status.NEW}))  # CONSENTED is also reached from RECORDED
        action = Action.CONSENT_REFUSED if refused else Action.CONSENT_GIVEN
        consent = replace(consent, recorded_by=_named(actor))
        return self._writer.apply(actor, consult, action, status=to, consent=consent)

    # --- the recording ---------------------------------------------------------------------------------------------

    def receive(self, actor: Actor, consult_id: UUID, chunks: Iterable[bytes], layout: tuple[Speaker, ...]) -> Consult:
        """Take in a recording: consent first, then the encrypted disk, then a look at the file, then the status.

        ``layout`` names the speaker of each channel, or one speaker for everything together. A file that can't be
        used leaves nothing behind, and the consult as it was. Raises ``ConsentMissing`` or an ``AudioProblem``.
        """
        policy.check_may_record(actor)
        consult = self._store.consult(consult_id)
        replacing = consult.status is Status.RECORDED and consult.reason in STOPPING
        policy.check_status(consult, frozenset({Status.RECORDED if replacing else Status.CONSENTED}))
        policy.check_keeps(actor, consult)
        require(self._store.consent(consult_id), Purpose.RECORDING)
        policy.check_space(self._space(), self._min_free_percent)
        key = self._store.data_key(consult_id, KeyPurpose.SOURCE)
        name = f"upload-{uuid4().hex[:12]}"
        self._audio.write(consult_id, name, key, chunks)
        try:
            with self._audio.open(consult_id, name, key) as file:
                info = self._decoder.probe(file)
            if info.duration_s is not None and info.duration_s > self._max_minutes * 60:
                raise TooLong(minutes=round(info.duration_s / 60), maximum=self._max_minutes)
            channels = layout if len(layout) in (1, info.channels) else (Speaker.ONBEKEND,)
            if replacing:
                consult = self._writer.apply(
                    actor, consult, Action.AUDIO_REPLACED, status=Status.CONSENTED, reason=None
                )
            recorded = self._writer.apply(
                actor,
                consult,
                Action.AUDIO_STORED,
                status=Status.RECORDED,
                reason=None,
                channels=channels,
                upload=name,
                audio_s=info.duration_s,
                missing_s=0.0,
                progress_s=0.0,
            )
        except StoreUnavailable:
            # the database may have written it all the same, and then this is the recording. What nobody names is sealed
            # and goes with the rest of the consult's sound.
            raise
        except BaseException:
            self._remove(consult_id, name)
            raise
        if replacing:
            self._remove(consult_id, consult.upload)
        return recorded

    def channels(self, consult_id: UUID) -> tuple[Speaker, ...]:
        """Who speaks on each channel of the recording, as a person said of what was heard."""
        return channels_said(self._store.consult(consult_id).channels, self._transcript(consult_id))

    def recording_id(self, digest: bytes, nth: int) -> UUID:
        """See ``Store.recording_id``: by it the same recording is not taken in twice."""
        return self._store.recording_id(digest, nth)

    def proven(self, consult_id: UUID, digest: bytes) -> None:
        """Before the original is thrown away: the draft is there and can be read, and the stored recording, read to its
        end, is the one of this ``Fingerprint``. A signed note stands for itself: its recording was destroyed with the
        signature. Raises what is wrong.
        """
        if self._store.note(consult_id) is None:
            raise NotFound
        consult = self._store.consult(consult_id)
        try:
            key = self._store.data_key(consult_id, KeyPurpose.SOURCE)
        except Erased:
            if self._store.approval(consult_id) is None:
                raise
            return
        stored = Fingerprint()
        try:
            with self._audio.open(consult_id, consult.upload, key) as file:
                while piece := file.read(PIECE):
                    stored.update(piece)
            same = stored.digest() == digest
        except ValueError:
            same = False
        if not same:
            raise Unreadable

    def recorded_video(self, consult_id: UUID) -> tuple[int, Video]:
        """What is known of a video consult that is being recorded, and the version to be replaced."""
        found = self._store.note(consult_id)  # there is one when it goes on after its end
        return self._video(consult_id, found[1] if found else None)

    def record_video(self, actor: Actor, consult_id: UUID, seen: int, video: Video) -> None:
        """Before there is a note; ``seen``: the version that was on the screen. It waits for the note."""
        policy.check_may_record(actor)
        consult = self._store.consult(consult_id)
        policy.check_status(consult, policy.BEFORE_NOTE)
        _check_video(consult)
        audit = self._writer.event(actor, Action.VIDEO_RECORDED, consult_id)
        self._store.keep_video(consult_id, seen, checked_video(video, self.video_presets()), audit)

    def video_presets(self) -> VideoPresets:
        return self._preferences.video_presets() if self._preferences else VideoPresets()

    def retry(self, actor: Actor, consult_id: UUID) -> Consult:
        """Have the worker try once more after a stop."""
        policy.check_may_record(actor)
        consult = self._store.consult(consult_id)
        policy.check_status(consult, frozenset({Status.RECORDED, Status.TRANSCRIBED}))
        if consult.reason not in STOPPING:
            return consult
        return self._writer.apply(actor, consult, Action.RETRIED, reason=None, progress_s=0.0)

    # --- the note --------------------------------------------------------------------------------------------------

    def edit_line(self, actor: Actor, consult_id: UUID, version: int, line_id: str, text: str) -> Consult:
        """Another text for a line. It is the person's own now, and checked against its evidence again."""
        text = _clean(text)

        def change(note: Note) -> Note:
            line = note.line(line_id)
            if line.text == text:
                return note
            return note.with_line(replace(line, text=text, origin=Origin.HUISARTS, confirmed=False))

        changed: list[tuple[str, str]] = []

        def noticing(note: Note) -> Note:
            if note.line(line_id).origin is Origin.CONCEPT and (found := difference(note.line(line_id).text, text)):
                changed.append(found)
            return change(note)

        consult = self._edit(actor, consult_id, version, noticing, Action.NOTE_EDITED, f"{line_id} gewijzigd")
        # mending what was planted says nothing of how a doctor writes
        for said, written in () if consult.exercise else changed:
            self._notice(actor, said, written, consult_id)
        return consult

    def add_line(
        self,
        actor: Actor,
        consult_id: UUID,
        version: int,
        section: Section,
        text: str,
        *,
        report_id: str | None = None,
        evidence: tuple[int, ...] = (),
    ) -> Consult:
        """A new line; ``evidence`` when it was taken from utterances. Without a report, the one nearest to those."""
        text = _clean(text)

        def change(note: Note) -> Note:
            if not note.reports:
                raise KeyError(report_id)
            home = report_id or (note.nearest(evidence[0]) if evidence else note.reports[0]).id
            added = note.adding(home, section, text, evidence, Origin.HUISARTS)
            return replace(added, missed=tuple(item for item in added.missed if item.utterance not in evidence))

        return self._edit(actor, consult_id, version, change, Action.NOTE_EDITED, f"{section.value} toegevoegd")

    def remove_line(self, actor: Actor, consult_id: UUID, version: int, line_id: str) -> Consult:
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.without_line(line_id),
            Action.NOTE_EDITED,
            f"{line_id} verwijderd",
        )

    def restore_line(self, actor: Actor, consult_id: UUID, version: int, line_id: str) -> Consult:
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.restoring(line_id),
            Action.NOTE_EDITED,
            f"{line_id} teruggezet",
        )

    def move_line(self, actor: Actor, consult_id: UUID, version: int, line_id: str, report_id: str | None) -> Consult:
        """A line to another report, or (None) to a new one: a problem that the draft did not see."""
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.moving(line_id, report_id),
            Action.NOTE_EDITED,
            f"{line_id} naar {report_id or 'nieuw deelcontact'}",
        )

    def place_line(self, actor: Actor, consult_id: UUID, version: int, line_id: str, section: Section) -> Consult:
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.placing(line_id, section),
            Action.NOTE_EDITED,
            f"{line_id} naar {section.value}",
        )

    def shift_line(self, actor: Actor, consult_id: UUID, version: int, line_id: str, by: int) -> Consult:
        """One place up (-1) or down (1) among the lines of its section."""
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.shifting(line_id, by),
            Action.NOTE_EDITED,
            f"{line_id} verschoven",
        )

    def split_line(
        self, actor: Actor, consult_id: UUID, version: int, line_id: str, first: str, second: str
    ) -> Consult:
        """One line that says two things becomes two, as the person cut (and perhaps changed) it."""
        first, second = _clean(first), _clean(second)
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.splitting(line_id, first, second),
            Action.NOTE_EDITED,
            f"{line_id} gesplitst",
        )

    def join_line(self, actor: Actor, consult_id: UUID, version: int, line_id: str) -> Consult:
        """A line and the next one of its section become one."""

        def change(note: Note) -> Note:
            joined = note.joining(line_id)
            _clean(joined.line(line_id).text)
            return joined

        return self._edit(actor, consult_id, version, change, Action.NOTE_EDITED, f"{line_id} samengevoegd")

    def undo(self, actor: Actor, consult_id: UUID, version: int) -> Consult:
        """The note as it was before its last edit, as a new version; again: before the one before that.

        Raises ``NotFound`` when there is nothing to undo: the draft, or the text that was approved.
        """
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: self._earlier(consult_id, note.before),
            Action.NOTE_EDITED,
            "ongedaan gemaakt",
            mark=_undone,
        )

    def redo(self, actor: Actor, consult_id: UUID, version: int) -> Consult:
        """What was undone last, as a new version; again: what was undone before that.

        Raises ``NotFound`` when nothing was undone, or the note was edited since.
        """
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: self._earlier(consult_id, note.after),
            Action.NOTE_EDITED,
            "opnieuw gedaan",
            mark=_redone,
        )

    def _earlier(self, consult_id: UUID, note_version: int) -> Note:
        """Raises KeyError for 0: there is none."""
        found = self._store.note(consult_id, note_version) if note_version else None
        if found is None:
            raise KeyError(note_version)
        return found[1]

    def merge_report(self, actor: Actor, consult_id: UUID, version: int, report_id: str) -> Consult:
        """Two reports that are about one problem become one."""
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.merging(report_id),
            Action.NOTE_EDITED,
            f"{report_id} samengevoegd",
        )

    def code_report(
        self, actor: Actor, consult_id: UUID, version: int, report_id: str, section: Section, code: str
    ) -> Consult:
        """An ICPC code for the S or E of a report, as a person chose it; none with an empty ``code``."""
        if not self._icpc or section not in CODED:
            raise NotFound
        entry = next((one for one in self.code_table() if one.code == code), None)
        if code and entry is None:
            raise InvalidInput(problem=N_("Deze ICPC-code staat niet in de tabel."))
        chosen = Code(section=section, code=entry.code, title=entry.title) if entry else None
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.coding(report_id, section, chosen),
            Action.NOTE_EDITED,
            f"{report_id} code bij {section.value}",
        )

    def code_table(self) -> tuple[Entry, ...]:
        """Every code a person may choose."""
        return complete(self._preferences.codes() if self._preferences else {})

    def confirm_line(self, actor: Actor, consult_id: UUID, version: int, line_id: str, shown: str) -> Consult:
        """The person has seen this line's flag and stands for the line as it is. ``shown``: what that was
        (``Review.seen``). Raises ``LineChanged`` for another line or another flag.
        """

        def change(note: Note) -> Note:
            line = note.line(line_id)
            asked = () if line.confirmed else findings(line, self._transcript(consult_id))
            policy.check_confirm(line, (one.text for one in asked), shown)
            return note.with_line(replace(line, confirmed=True))

        return self._edit(
            actor,
            consult_id,
            version,
            change,
            Action.LINE_CONFIRMED,
            line_id,
        )

    def dismiss(self, actor: Actor, consult_id: UUID, version: int, utterance: int) -> Consult:
        """What was listed as missed there need not be in the note."""
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note.dismissing(utterance),
            Action.NOTE_EDITED,
            f"uiting {utterance} hoeft niet",
        )

    def see(self, actor: Actor, consult_id: UUID, version: int, concern: Concern) -> Consult:
        """The person knows what is wrong with the source, and checks the note with that in mind."""
        return self._edit(
            actor,
            consult_id,
            version,
            lambda note: note if concern in note.seen else replace(note, seen=(*note.seen, concern)),
            Action.NOTE_EDITED,
            f"{concern.value} gezien",
        )

    def change_contact(self, actor: Actor, consult_id: UUID, version: int, contact: Contact) -> Consult:
        """Kind, times and tariff as the doctor declares them, before the signature."""
        policy.check_may_approve(actor)
        check_contact(contact, self._writer.clock())
        consult = self._store.consult(consult_id)
        policy.check_status(consult, frozenset({Status.DRAFTED}))
        policy.check_turn(actor, consult)
        if consult.version != version:
            raise Conflict
        old = consult.contact
        if contact == old:
            return consult
        changed = [
            word
            for word, now, before in (
                (f"soort {contact.kind or 'geen'}", contact.kind, old.kind),
                ("begin", contact.began, old.began),
                ("einde", contact.ended, old.ended),
                (f"tarief {contact.tariff or 'geen'}", contact.tariff, old.tariff),
            )
            if now != before
        ]
        return self._writer.apply(actor, consult, Action.CONTACT_CHANGED, detail=", ".join(changed), contact=contact)

    def change_video(self, actor: Actor, consult_id: UUID, version: int, video: Video) -> Consult:
        """Of a consult with a note, whose first line follows from it: an edit as any other, after approval too."""
        _check_video(self._store.consult(consult_id))
        video = checked_video(video, self.video_presets())
        return self._edit(
            actor, consult_id, version, lambda note: replace(note, video=video), Action.VIDEO_RECORDED, "verslag"
        )

    def keep_typing(
        self,
        actor: Actor,
        consult_id: UUID,
        editor: str,
        text: str,
        *,
        tab: str = "",
        began: str | None = None,
        beside: str = "",
    ) -> None:
        """What somebody is typing: it is on the page again after a reload, a lost session, a machine that fails.

        The rest as in ``Typed``.
        """
        policy.check_may_edit(actor)
        policy.check_status(self._store.consult(consult_id), policy.WITH_NOTE)
        if not (EDITOR.fullmatch(editor) and all(EDITOR.fullmatch(name) for name in (tab, beside) if name)):
            raise NotFound
        if max(len(text), len(began or "")) > MAX_LINE:
            raise InvalidInput(problem=LONG_LINE)
        typed = Typed(by=actor.name, editor=editor, text=text, tab=tab, began=began, beside=beside)
        self._store.keep_typing(consult_id, typed)

    def _edit(
        self,
        actor: Actor,
        consult_id: UUID,
        version: int,
        change: Callable[[Note], Note],
        action: Action,
        detail: str,
        *,
        mark: Callable[[Note, int], Note] = _edited,
    ) -> Consult:
        """``mark``: has the new note know of the version that it takes the place of."""
        consult = self._store.consult(consult_id)
        policy.check_edit(actor, consult)
        policy.check_turn(actor, consult)
        if consult.version != version:
            raise Conflict
        note_version, old = self._kept_note(consult)
        try:
            new = change(old)
        except KeyError as unknown:
            raise NotFound from unknown
        if consult.contact.kind is not ContactType.VIDEO:
            # what was recorded of a video consult is not shown now: no edit changes it, undoing neither
            new = replace(new, video=old.video, video_version=old.video_version)
        if new == old:
            return consult
        copied = consult.status is Status.DELIVERED
        new = mark(replace(new, in_his=note_version if copied else old.in_his), note_version)
        if consult.status is Status.DRAFTED:
            return self._writer.apply(actor, consult, action, detail=detail, note=new)
        # an edit after approval closes the gate; the lines that were approved need no second look
        return self._writer.apply(
            actor,
            consult,
            Action.AMENDED,
            detail=detail,
            status=Status.DRAFTED,
            reason=Reason.EDITED_AFTER_APPROVAL,
            note=new,
        )

    # --- passing on ------------------------------------------------------------------------------------------------

    def colleagues(self, actor: Actor) -> list[str]:
        """Whom this person may want to pass a draft on to."""
        return [name for key, name in self._known().items() if key != name_key(actor.name)]

    def is_new_name(self, actor: Actor, consult_id: UUID, to: str) -> bool:
        """Is nobody known here by this name? Then it is worth a question first. Raises what ``pass_on`` does."""
        to = self._name(to)
        policy.check_pass_on(actor, self._store.consult(consult_id), to)
        return name_key(to) not in self._known()

    def pass_on(self, actor: Actor, consult_id: UUID, version: int, to: str, message: str = "") -> Consult:
        """The draft waits for a colleague from now on: nobody else signs or changes it without taking it over."""
        consult = self._store.consult(consult_id)
        to = self._name(to)
        policy.check_pass_on(actor, consult, to)
        return self._hand(actor, consult, version, Action.PASSED_ON, to, message)

    def send_back(self, actor: Actor, consult_id: UUID, version: int, message: str = "") -> Consult:
        """To whoever passed it on."""
        consult = self._store.consult(consult_id)
        policy.check_send_back(actor, consult)
        return self._hand(actor, consult, version, Action.SENT_BACK, consult.passed_by, message)

    def take_over(self, actor: Actor, consult_id: UUID, version: int) -> Consult:
        """It waits for this person from now on. Raises ``WaitsFor`` when somebody else was first."""
        consult = self._store.consult(consult_id)
        policy.check_take_over(actor, consult)
        if name_key(consult.waits_for) == name_key(actor.name):
            return consult
        # back where it came from: the message was for somebody else, and there is nobody to send it back to
        own = name_key(consult.passed_by) == name_key(actor.name)
        try:
            if consult.version != version:
                raise Conflict
            return self._writer.apply(
                actor,
                consult,
                Action.TAKEN_OVER,
                whom=consult.waits_for,
                waits_for=actor.name,
                readers=policy.with_reader(actor, consult, actor.name),
                passed_by="" if own else consult.passed_by,
                message="" if own else None,
            )
        except Conflict:
            policy.check_turn(actor, self._store.consult(consult_id))
            raise

    def _hand(self, actor: Actor, consult: Consult, version: int, action: Action, to: str, message: str) -> Consult:
        """``message`` may be clinical: it is sealed as the note is, and goes with the draft."""
        message = " ".join(message.split())
        if len(message) > MAX_MESSAGE:
            raise InvalidInput(problem=N_("Het bericht is te lang (hoogstens 500 tekens)."))
        if not all_seen(message):
            raise InvalidInput(problem=UNSEEN)
        if consult.version != version:
            raise Conflict
        readers = policy.with_reader(actor, consult, to)
        return self._writer.apply(
            actor, consult, action, whom=to, waits_for=to, passed_by=actor.name, message=message, readers=readers
        )

    def _name(self, typed: str) -> str:
        """As a colleague spells it who worked here before: by that name a draft finds its reader."""
        name = plain_name(typed)
        if not name:
            raise InvalidInput(problem=N_("Vul in aan wie u het verslag overdraagt."))
        if len(name) > MAX_NAME or not all_seen(name):
            raise InvalidInput(problem=N_("Deze naam kan niet. Gebruik hoogstens 100 gewone tekens."))
        known = self._known().get(name_key(name))
        if known is None:
            if self._staff(self._practice):  # it goes into the access log, where nothing is typed freely
                raise InvalidInput(problem=N_("Deze naam is hier niet bekend. Kies een collega uit de lijst."))
            policy.check_name(name)
        return known or name

    def _names(self) -> list[str]:
        """Of who reads drafts; as long as nobody has an account, of who signed or passed one on."""
        return self._staff(self._practice) or self._store.colleagues(self._practice)

    def _known(self) -> dict[str, str]:
        """Who worked here before, by key; of two spellings the one that comes first: that with capitals."""
        return {name_key(one): one for one in reversed(self._names())}

    # --- kept from colleagues --------------------------------------------------------------------------------------

    def is_open(self, actor: Actor, consult: Consult) -> bool:
        """May this person open it now? In an emergency too: that stands in the access log and nowhere else, and
        what is not on record opens nothing.
        """
        return not policy.closed_to(actor, consult) or self.emergency_until(actor, consult.id) is not None

    def check_open(self, actor: Actor, consult_id: UUID, *, urgent: bool = False) -> None:
        """``urgent``: for what an emergency opens as well. Raises ``ClosedConsult``, ``NotInEmergency``."""
        consult = self._store.consult(consult_id)
        if not self.is_open(actor, consult):
            raise ClosedConsult
        if not urgent:
            policy.check_keeps(actor, consult)

    def emergency_until(self, actor: Actor, consult_id: UUID) -> datetime | None:
        """When this person's emergency ends; None: there is none."""
        now = self._writer.clock()
        wanted = LogFilter(
            since=now - policy.EMERGENCY_LASTS, action=Action.EMERGENCY_ACCESS, consult_id=consult_id, actor=actor.name
        )
        own = [row.event.at for row in self._store.logged(wanted) if row.event.user_id == actor.id]
        return max((at + policy.EMERGENCY_LASTS for at in own if at <= now), default=None)

    def open_in_emergency(self, actor: Actor, consult_id: UUID, why: Emergency) -> None:
        """For ``policy.EMERGENCY_LASTS``. Those to whom it is not closed are told."""
        policy.check_emergency(actor, self._store.consult(consult_id))
        if self.emergency_until(actor, consult_id) is not None:
            return  # told once: a hundred of them would hide another one
        self._store.log(self._writer.event(actor, Action.EMERGENCY_ACCESS, consult_id, why.value))

    def emergencies(self, consult_id: UUID) -> list[AuditEvent]:
        """All there were, oldest first."""
        wanted = LogFilter(action=Action.EMERGENCY_ACCESS, consult_id=consult_id)
        return [row.event for row in self._store.logged(wanted, oldest_first=True)]

    def emergencies_to_tell(self, actor: Actor) -> list[tuple[Consult, AuditEvent]]:
        """Of others, lately, in consults that this person keeps; newest first."""
        since = self._writer.clock() - policy.EMERGENCY_TOLD
        rows = self._store.logged(LogFilter(since=since, action=Action.EMERGENCY_ACCESS), limit=MOST_TOLD)
        others = [row.event for row in rows if name_key(row.event.actor) != name_key(actor.name)]
        told = [(self._store.consult(event.consult_id), event) for event in others if event.consult_id is not None]
        return [(consult, event) for consult, event in told if name_key(actor.name) in self._keepers(consult)]

    def _keepers(self, consult: Consult) -> set[str]:
        """Whose it is, by key; of a consult that is open again those who had closed it."""
        names: Iterable[str] = consult.readers
        if not names:
            closed = self._store.logged(LogFilter(action=Action.CLOSED, consult_id=consult.id))
            names = (row.event.actor for row in closed)
        return {name_key(name) for name in names}

    def close(self, actor: Actor, consult_id: UUID, version: int) -> Consult:
        """Only this person opens it from now on, who held it, and whoever it is passed on to."""
        consult = self._store.consult(consult_id)
        policy.check_close(actor, consult)
        if consult.version != version:
            raise Conflict
        events = self._store.events(consult_id)
        urgent = {name_key(event.actor) for event in events if event.action is Action.EMERGENCY_ACCESS}
        held = (
            event.actor
            for event in events
            if event.action in _HOLDING and event.role in policy.CAREGIVERS and name_key(event.actor) not in urgent
        )
        readers = {name_key(name): name for name in (*held, actor.name)} | {name_key(actor.name): actor.name}
        first = readers.pop(name_key(actor.name))  # for whom its draft waits
        return self._writer.apply(actor, consult, Action.CLOSED, readers=(first, *readers.values()))

    def lift(self, actor: Actor, consult_id: UUID, version: int) -> Consult:
        """Back to the practice. Raises ``NotInEmergency``."""
        consult = self._store.consult(consult_id)
        policy.check_may_edit(actor)
        policy.check_keeps(actor, consult)
        if consult.version != version:
            raise Conflict
        if not consult.readers:
            return consult
        waits_for = "" if policy.part_of(consult, actor.name) is Part.MINE else consult.waits_for
        return self._writer.apply(actor, consult, Action.CLOSING_LIFTED, readers=(), waits_for=waits_for)

    # --- sign-off and after ----------------------------------------------------------------------------------------

    def approve(self, actor: Actor, consult_id: UUID, shown_sha256: str) -> Approval:
        """Sign exactly the text that was shown. The source is destroyed with it: audio, transcript, draft."""
        consult = self._store.consult(consult_id)
        policy.check_may_approve(actor)
        policy.check_status(consult, frozenset({Status.DRAFTED}))
        note_version, note = self._note(consult)
        transcript = self._transcript(consult_id)
        asked = (*self._flags(consult.id, note, transcript), *pressing(note, transcript), *concerns(note, transcript))
        policy.check_approve(actor, consult, note, asked, shown_sha256)
        now = self._writer.clock()
        approval = Approval(
            id=uuid4(),
            consult_id=consult_id,
            note_version=note_version + 1,
            sha256=shown_sha256,
            approved_by=actor.name,
            role=actor.role,
            approved_at=now,
        )
        signed = replace(
            note,
            reports=tuple(
                replace(report, lines=tuple(replace(line, confirmed=True) for line in report.lines))
                for report in note.reports
            ),
            # what was left out is part of the draft, and goes with it
            dropped=(),
            missed=(),
            dismissed=(),
            removed=(),
            before=0,
            after=0,
            signed=note.signed + 1,
            planted=(),
            exercise=self._outcome(consult_id, note) if consult.exercise else None,
        )
        entry = self._ledger(actor, consult, note, now, signed.exercise)
        if entry is not None:
            signed = replace(signed, checked=entry.checked)
        self._writer.apply(
            actor,
            consult,
            Action.APPROVED,
            detail=approval.sha256[:12],
            status=Status.APPROVED,
            reason=None,
            note=signed,
            approval=approval,
            ledger=entry,
            destroy=self._writer.certificates(consult_id, "akkoord", (KeyPurpose.SOURCE,)),
        )
        self._remove(consult_id)
        return approval

    def deliver(self, actor: Actor, consult_id: UUID, part: str = WHOLE, *, shown: str | None = None) -> str:
        """The text for the HIS: everything, or a part as ``part_text`` names them. Each copy is recorded.

        ``shown``: the SHA-256 of the whole text that is on the screen. Raises ``CopyChanged``.
        """
        consult, approval, text = self._signed_text(actor, consult_id, part, shown)
        delivery = Delivery(
            id=uuid4(),
            consult_id=consult_id,
            approval_id=approval.id,
            part=part,
            delivered_by=actor.name,
            delivered_at=self._writer.clock(),
        )
        self._writer.apply(actor, consult, Action.COPIED, detail=part, status=Status.DELIVERED, delivery=delivery)
        return text

    def copy_text(self, actor: Actor, consult_id: UUID, part: str = WHOLE, *, shown: str | None = None) -> str:
        """What ``deliver`` gives, under the same rules, for who has yet to bring it to a clipboard: no copy so far."""
        return self._signed_text(actor, consult_id, part, shown)[2]

    def _signed_text(
        self, actor: Actor, consult_id: UUID, part: str, shown: str | None
    ) -> tuple[Consult, Approval, str]:
        consult = self._store.consult(consult_id)
        policy.check_may_copy(actor)
        policy.check_status(consult, policy.WITH_NOTE)
        note_version, note = self._note(consult)
        approval = policy.check_deliver(actor, consult, note_version, note, self._store.approval(consult_id), shown)
        try:
            text = note_text(note) if part == WHOLE else part_text(note, part)
        except KeyError as unknown:
            raise InvalidInput(problem=N_("Kies S, O, E, P of alles.")) from unknown
        if not text:
            raise InvalidInput(problem=N_("Dit onderdeel is leeg."))
        return consult, approval, text

    def withdraw(self, actor: Actor, consult_id: UUID, by: Withdrawer = Withdrawer.PATIENT) -> Consult:
        """The consent is taken back, ``by`` whom: everything of this consult is destroyed; the proof stays."""
        policy.check_may_record(actor)
        consult = self._store.consult(consult_id)
        policy.check_transition(consult, Status.WITHDRAWN)
        consent = self._store.consent(consult_id)
        if consent is None:
            raise NotFound
        return self._end(
            actor,
            consult,
            Status.WITHDRAWN,
            Action.CONSENT_WITHDRAWN,
            "intrekking",
            consent=withdraw(consent, now=self._writer.clock(), by=by, recorded_by=_named(actor)),
        )

    def export_consent(self, actor: Actor, consult_id: UUID, texts: Texts) -> dict[str, Any]:
        """The consent or refusal as FHIR, with what was destroyed since. Raises ``NotFound`` when there is none."""
        policy.check_may_record(actor)
        self._store.consult(consult_id)
        consent = self._store.consent(consult_id)
        if consent is None:
            raise NotFound
        words = [found for one in used(consent) if (found := texts.known(one.id, one.sha256))]
        destroyed = [
            Destroyed(number=one.id, what=DESTROYED_TEXT[one.purpose], at=one.destroyed_at)
            for one in self._store.certificates(consult_id)
        ]
        self._store.log(self._writer.event(actor, Action.CONSENT_EXPORTED, consult_id, f"versie {consent.version}"))
        return fhir_consent(consent, consult_id, words=words, destroyed=destroyed)

    def discard(self, actor: Actor, consult_id: UUID, reason: Reason | None = None) -> Consult:
        """No note will come of this consult: destroy what there is. A draft is thrown away by a doctor only."""
        policy.check_may_record(actor)
        consult = self._store.consult(consult_id)
        if consult.status in policy.WITH_NOTE:
            policy.check_may_approve(actor)
        policy.check_transition(consult, Status.DISCARDED)
        if consult.status in policy.WITH_SOURCE:  # without a recording there is nothing that waits for anybody
            policy.check_turn(actor, consult)
        policy.check_keeps(actor, consult)
        return self._end(actor, consult, Status.DISCARDED, Action.DISCARDED, "verwijderd", reason=reason)

    def erase(self, actor: Actor, consult_id: UUID) -> Consult:
        """The note is in the HIS: destroy our copy as well."""
        policy.check_may_approve(actor)
        consult = self._store.consult(consult_id)
        policy.check_transition(consult, Status.ERASED)
        policy.check_keeps(actor, consult)
        return self._end(actor, consult, Status.ERASED, Action.ERASED, "gewist")

    def _end(
        self,
        actor: Actor,
        consult: Consult,
        to: Status,
        action: Action,
        why: str,
        consent: Consent | None = None,
        reason: Reason | None = None,
    ) -> Consult:
        ended = self._writer.apply(
            actor,
            consult,
            action,
            status=to,
            reason=reason,
            consent=consent,
            destroy=self._writer.certificates(consult.id, why, tuple(KeyPurpose)),
        )
        self._remove(consult.id)
        return ended

    # --- helpers ---------------------------------------------------------------------------------------------------

    def _ledger(
        self, actor: Actor, consult: Consult, note: Note, now: datetime, exercise: Exercise | None
    ) -> LedgerEntry | None:
        """None when the draft is gone: it was signed before."""
        try:
            draft, transcript = self._drafted(consult.id, note), self._store.transcript(consult.id)
        except Erased:
            return None
        if transcript is None:
            return None
        counts = checked(draft, replace(note, exercise=exercise), self._store.events(consult.id), now)
        if counts.exercise:
            counts = replace(counts, exercise=replace(counts.exercise, by=name_key(actor.name)))
        return LedgerEntry(
            day=now.astimezone(UTC).date(),
            practice=consult.practice,
            drafter=note.drafter,
            model=transcript.model,
            checked=counts,
        )

    def _drafted(self, consult_id: UUID, note: Note) -> Note:
        """The draft that it goes back to: the newest, when a recording went on and there were more."""
        while note.before:
            found = self._store.note(consult_id, note.before)
            if found is None:
                raise NotFound
            note = found[1]
        return note

    def _outcome(self, consult_id: UUID, note: Note) -> Exercise:
        """Told before the source is destroyed, in words of it: its patient is invented."""
        draft, transcript = self._drafted(consult_id, note), self._store.transcript(consult_id)
        if transcript is None:
            raise NotFound
        return outcome(draft, note, transcript, open_findings(draft, transcript))

    def _notice(self, actor: Actor, said: str, written: str, consult_id: UUID) -> None:
        """A change of words that may become a rule. The edit itself is done: nothing may fail for this."""
        if self._preferences is None:
            return
        try:
            self._preferences.noticed(actor.name, said, written, consult_id)
        except TranscribeError as problem:
            log.warning("a change of words was not counted (%s)", type(problem).__name__)

    def _codes(self, note: Note) -> Mapping[tuple[str, Section], Sequence[Proposal]] | None:
        if not self._icpc:
            return None
        table = self.code_table()
        return {(report.id, part): proposals(report, part, table) for report in note.reports for part in CODED}

    def _remove(self, consult_id: UUID, name: str | None = None) -> None:
        """Sound that nobody can open any more, or that no change names. What can't be reached is left to ``Keeper``:
        what the person asked for is done.
        """
        try:
            if name is None:
                self._spool.delete(consult_id)
            self._audio.delete(consult_id, name)
        except (TranscribeError, OSError) as problem:
            log.warning("consult %s: sound is removed later (%s)", consult_id, type(problem).__name__)

    def _note(self, consult: Consult) -> tuple[int, Note]:
        """The newest, with its version, as it is shown and signed: a draft of another kind of contact has nothing of a
        video consult, and says of the consent what the record says. What was signed stays as it was.
        """
        version, note = self._kept_note(consult)
        if consult.status is Status.DRAFTED:
            note = replace(note, agreed=sentence(self._store.consent(consult.id)) if self._consent_line else "")
        if consult.status is Status.DRAFTED and consult.contact.kind is not ContactType.VIDEO:
            return version, replace(note, video=None)
        return version, note

    def _kept_note(self, consult: Consult) -> tuple[int, Note]:
        """As the next version goes on from it. A draft takes over what was recorded of the video consult before it was
        there, and keeps what was changed since while it is of another kind of contact: that may be set back.
        """
        found = self._store.note(consult.id)
        if found is None:
            raise NotFound
        if consult.status is not Status.DRAFTED or consult.contact.kind is not ContactType.VIDEO:
            return found
        version, note = found
        video_version, video = self._video(consult.id, note)
        return version, replace(note, video=video, video_version=video_version)

    def _video(self, consult_id: UUID, note: Note | None) -> tuple[int, Video]:
        """What was recorded last: beside the recorder, with its version, or in the note since then."""
        version, video = self._store.video(consult_id)
        if note is not None and note.video_version >= version:
            return version, note.video or Video()
        return version, video

    def _copied_before(self, consult_id: UUID, note: Note, deliveries: Sequence[Delivery]) -> Earlier | None:
        """``deliveries``: oldest first, none of the text that is shown."""
        if not deliveries:
            return None
        last = deliveries[-1]
        parts = tuple(dict.fromkeys(one.part for one in deliveries if one.approval_id == last.approval_id))
        found = self._store.note(consult_id, note.in_his) if note.in_his else None
        return Earlier(copied_at=last.delivered_at, parts=parts, text=note_text(found[1]) if found else "")

    def _transcript(self, consult_id: UUID) -> Transcript | None:
        try:
            return self._store.transcript(consult_id)
        except Erased:
            return None

    def _flags(self, consult_id: UUID, note: Note, transcript: Transcript | None) -> Mapping[str, tuple[Finding, ...]]:
        known = None if transcript is None else self._store.flags(consult_id)
        return open_findings(note, transcript, known)

    def _review(self, consult: Consult) -> Review:
        note_version, note = self._note(consult)
        transcript = self._transcript(consult.id)
        approval = self._store.approval(consult.id)
        text = note_text(note)
        sha256 = text_hash(text)
        if approval is not None and (approval.note_version != note_version or approval.sha256 != sha256):
            approval = None
        deliveries = self._store.deliveries(consult.id)
        current = tuple(one for one in deliveries if approval is not None and one.approval_id == approval.id)
        return Review(
            consult=consult,
            note=note,
            transcript=transcript,
            flags=self._flags(consult.id, note, transcript),
            pressing=pressing(note, transcript),
            concerns=concerns(note, transcript),
            earlier=None if current else self._copied_before(consult.id, note, deliveries),
            approval=approval,
            deliveries=current,
            text=text,
            sha256=sha256,
            codes=self._codes(note),
            message=self._store.message(consult.id) if consult.waits_for else "",
        )


@dataclass(frozen=True, kw_only=True)
class Pcm16File:
    """Raw PCM to serve: 16 kHz s16le, ``channels`` interleaved."""

    file: BinaryIO
    channels: int


def _check_video(consult: Consult) -> None:
    if consult.contact.kind is not ContactType.VIDEO:
        raise InvalidInput(problem=N_("Dit is geen videoconsult. Kies eerst “Videoconsult” als soort contact."))


def _ref(typed: str) -> str:
    """Raises ``InvalidInput``."""
    ref = one_row(typed)
    if not ref:
        raise InvalidInput(problem=N_("Vul een patiëntkenmerk in, bijvoorbeeld het nummer uit uw HIS."))
    if len(ref) > MAX_REF:
        raise InvalidInput(problem=N_("Het patiëntkenmerk is te lang (hoogstens 64 tekens)."))
    return ref


def _named(actor: Actor) -> str:
    return f"{actor.name} ({actor.role.value})"


def _clean(text: str) -> str:
    text = one_row(text)
    if not text:
        raise InvalidInput(problem=N_("De regel is leeg. Verwijder de regel als die weg mag."))
    if len(text) > MAX_LINE:
        raise InvalidInput(problem=LONG_LINE)
    return text
