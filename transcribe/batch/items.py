"""One recording of a batch, and how far it is. One rule says what its row, its file and its consult come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from consent import ConsentMissing, ConsentProblem, ConsentStatus
from transcribe.batch.manifest import Entry
from transcribe.consult import REASON_TEXT, STOPPING, Consult, Reason, Status
from transcribe.errors import N_, TranscribeError
from transcribe.policy import LIKE_BSN, OVER, WITH_NOTE, like_bsn


class State(StrEnum):
    """The value is a sentence for a person."""

    NO_ROW = N_("wacht op toestemming: staat niet in de lijst")
    NO_CONSENT = N_("wacht op toestemming")
    REFUSED = N_("geweigerd: niet verwerkt")
    BAD_ROW = N_("regel in de lijst klopt niet")
    NO_FILE = N_("opname niet gevonden")
    READY = N_("nog te doen")
    WAITING = N_("wacht op verwerking")
    BUSY = N_("wordt uitgeschreven")
    DONE = N_("concept staat klaar")
    BEFORE = N_("was al gedaan")
    KEPT = N_("is al verwerkt: trek de toestemming in bij het consult")
    OTHER_REF = N_("is al verwerkt voor een ander kenmerk")
    OTHER_LAYOUT = N_("is al verwerkt met andere kanalen")
    OTHER_FILE = N_("wacht: andere opname onder deze naam")
    WITHDRAWN = N_("toestemming ingetrokken: niet verwerkt")
    GONE = N_("eerder verwijderd of gewist")
    STOPPED = N_("gestopt")
    FAILED = N_("niet te gebruiken")


#: Nothing happens to it any more in this run.
SETTLED = frozenset(State) - {State.READY, State.WAITING, State.BUSY}
#: Its recording is stored.
BEGUN = frozenset({State.WAITING, State.BUSY, State.DONE, State.BEFORE, State.STOPPED})
WAITS = frozenset({State.NO_ROW, State.NO_CONSENT})
WRONG = frozenset(
    {
        State.BAD_ROW,
        State.NO_FILE,
        State.KEPT,
        State.OTHER_REF,
        State.OTHER_LAYOUT,
        State.OTHER_FILE,
        State.STOPPED,
        State.FAILED,
    }
)
#: What somebody can do about it, where the state alone does not say so.
WHAT_NOW: dict[State, str] = {
    State.OTHER_REF: N_(
        "Klopt de lijst, verwijder dan dat consult op de werklijst en geef de opdracht opnieuw met --again. Anders: "
        "verbeter het kenmerk in de lijst."
    ),
    State.OTHER_LAYOUT: N_("Wijs de sprekers aan bij het consult, of verbeter de kolom kanalen in de lijst."),
    State.OTHER_FILE: N_(
        "Dit is een andere opname dan waarvoor deze regel werd gebruikt: pas de regel in de lijst aan."
    ),
}
TOGETHER = N_(
    "De kolom kanalen past niet bij deze opname: iedereen staat door elkaar. Wijs de sprekers aan bij het consult."
)
REPLACED = N_("Het bestand is daarna veranderd; het nieuwe staat er apart in.")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One recording of the batch, and how far it is."""

    name: str
    path: Path | None = None
    second: Path | None = None  # of the other participant, who was recorded apart
    second_name: str = ""
    entry: Entry | None = None
    state: State = State.READY
    problem: TranscribeError | ConsentProblem | ConsentMissing | OSError | None = None
    reason: Reason | None = None  # why a worker stopped
    consult_id: UUID | None = None
    ref: str = ""  # of the patient, as the consult has it; "": see the row
    digest: bytes = b""
    parts: tuple[tuple[int, bytes], ...] = ()  # of each file, as it was read: bytes, SHA-256
    size: int = 0
    mark: tuple[tuple[str, int, int], ...] = ()  # of each file: path, bytes, time of change in ns
    looked: bool = False  # its contents were read, to see what is known of them
    audio_s: float | None = None
    done_s: float = 0.0
    removed: bool = False  # the original
    kept: TranscribeError | OSError | None = None  # why the original was not removed
    replaced: bool = False  # its file was changed since
    together: bool = False  # the list names who is on which channel, and it has no such channels

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.path, self.second) if path is not None)

    @property
    def whole(self) -> bool:
        """Are its files there?"""
        return self.path is not None and (self.second is not None or not self.second_name)

    @property
    def why(self) -> str:
        """A marked sentence; "" when the state says it all. Those of errors have their own parameters."""
        if self.reason:
            return REASON_TEXT[self.reason]
        if self.replaced:
            return REPLACED
        if self.together:
            return TOGETHER
        return WHAT_NOW.get(self.state, "") or (LIKE_BSN if self.entry is not None and like_bsn(self.entry.ref) else "")


def before(entry: Entry | None, *, whole: bool) -> State:
    """By its row and its files alone: nothing was read yet."""
    if entry is None:
        return State.NO_ROW
    if entry.problem is not None:
        return State.BAD_ROW
    if not whole:
        return State.NO_FILE
    if entry.consent is None:
        return State.NO_CONSENT
    return State.REFUSED if entry.consent.status is ConsentStatus.REFUSED else State.READY


def state_of(entry: Entry, consult: Consult | None, *, ended: datetime | None = None) -> State:
    """By a row that is in order, of files that are there, and the newest consult of that recording. ``ended``: when
    consent was last taken back or refused for it. READY: its sound is awaited.
    """
    state = before(entry, whole=True)
    if consult is None:
        return state
    if state is not State.READY:
        return state if consult.status in OVER or consult.status is Status.NEW else State.KEPT
    assert entry.consent is not None
    if consult.status in OVER:
        if ended is not None and entry.consent.recorded_at <= ended:
            return State.WITHDRAWN
        return State.FAILED if consult.reason is Reason.UNUSABLE else State.GONE
    if _folded(entry.ref) != _folded(consult.patient_ref):
        return State.OTHER_REF
    if _turned(entry, consult):
        return State.OTHER_LAYOUT
    return how_far(consult, new=False)


def how_far(consult: Consult, *, new: bool) -> State:
    """By the consult alone. ``new``: it was brought in by this run."""
    if consult.status in (Status.NEW, Status.CONSENTED):
        return State.READY
    if consult.status in WITH_NOTE:
        return State.DONE if new else State.BEFORE
    if consult.status in OVER:
        return State.WITHDRAWN if consult.status is Status.WITHDRAWN else State.GONE
    if consult.reason in STOPPING:
        return State.STOPPED
    return State.BUSY if consult.progress_s else State.WAITING


def _folded(ref: str) -> str:
    """Blanks and capitals do not matter, as in a search."""
    return "".join(ref.split()).casefold()


def _turned(entry: Entry, consult: Consult) -> bool:
    """Does the list say now that somebody else is on a channel? Of two files that is not known: either may have been
    the first; and what a doctor signed was heard by that doctor.
    """
    comparable = not entry.second and len(entry.layout) == len(consult.channels)
    open_ = consult.status in (Status.RECORDED, Status.TRANSCRIBED, Status.DRAFTED)
    return comparable and open_ and entry.layout != consult.channels
