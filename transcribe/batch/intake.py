"""Bringing recordings in by a manifest: each once, whatever breaks in between, and nothing without consent.

The id of a consult follows from the contents of its recording. So the same recording is never taken in twice, and what
was cut off half-way goes on where it was: which steps were done is asked of the consult itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from pathlib import Path
from uuid import UUID

from consent import ConsentMissing, ConsentProblem, ConsentStatus
from transcribe.batch.manifest import Entry
from transcribe.consult import REASON_TEXT, STOPPING, Actor, Consult, Lane, Reason, Status
from transcribe.errors import N_, AudioProblem, NotFound, TranscribeError
from transcribe.policy import OVER, WITH_NOTE
from transcribe.workflow import Workflow

CHUNK = 1 << 20  # bytes
#: What may be a recording.
ENDINGS = frozenset(
    {".mp4", ".mkv", ".webm", ".mov", ".m4a", ".mp3", ".ogg", ".opus", ".oga", ".wav", ".flac", ".aac", ".3gp", ".w64"}
)
#: A file that somebody is still writing, by its name.
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp")


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
    GONE = N_("eerder verwijderd of gewist (opnieuw: --again)")
    STOPPED = N_("gestopt")
    FAILED = N_("niet te gebruiken")


#: Nothing happens to it any more in this run.
SETTLED = frozenset(State) - {State.READY, State.WAITING, State.BUSY}
WAITS = frozenset({State.NO_ROW, State.NO_CONSENT})
WRONG = frozenset({State.BAD_ROW, State.NO_FILE, State.STOPPED, State.FAILED})


@dataclass(frozen=True, kw_only=True)
class Item:
    """One recording of the batch, and how far it is."""

    name: str
    path: Path | None = None
    entry: Entry | None = None
    state: State = State.READY
    problem: TranscribeError | ConsentProblem | ConsentMissing | OSError | None = None
    reason: Reason | None = None  # why a worker stopped
    consult_id: UUID | None = None
    digest: bytes = b""
    size: int = 0
    audio_s: float | None = None
    done_s: float = 0.0
    removed: bool = False  # the original

    @property
    def why(self) -> str:
        """A marked sentence; "" when the state says it all. Those of errors have their own parameters."""
        return REASON_TEXT[self.reason] if self.reason else ""


def recordings(places: list[Path]) -> dict[str, Path]:
    """What is there to bring in, by its name in a manifest: relative to the folder that was named."""
    found: dict[str, Path] = {}
    for place in places:
        if place.is_dir():
            inside = sorted(path for path in place.rglob("*") if path.is_file() and usable(path.relative_to(place)))
            found |= {path.relative_to(place).as_posix(): path for path in inside}
        else:
            found[place.name] = place
    return found


def usable(path: Path) -> bool:
    hidden = any(part.startswith((".", "~")) for part in path.parts)
    return not hidden and path.suffix.lower() in ENDINGS and not path.name.lower().endswith(UNFINISHED)


def planned(files: dict[str, Path], entries: list[Entry]) -> list[Item]:
    """Files and rows side by side; what has no row or no consent waits, and what has no file is named."""
    by_name = {entry.name.casefold(): entry for entry in entries}
    items = [_item(name, path, by_name.pop(name.casefold(), None)) for name, path in files.items()]
    missing = [Item(name=entry.name, entry=entry, state=State.NO_FILE) for entry in by_name.values()]
    return [*items, *missing]


def _item(name: str, path: Path, entry: Entry | None) -> Item:
    item = Item(name=name, path=path, entry=entry, size=path.stat().st_size)
    if entry is None:
        return replace(item, state=State.NO_ROW)
    if entry.problem is not None:
        return replace(item, state=State.BAD_ROW, problem=entry.problem)
    if entry.consent is None:
        return replace(item, state=State.NO_CONSENT)
    if entry.consent.status is ConsentStatus.REFUSED:
        return replace(item, state=State.REFUSED)
    return item


class Intake:
    """One writer at a time for one recording; two programs with the same folder end with one consult."""

    def __init__(self, workflow: Workflow, actor: Actor, *, again: bool = False) -> None:
        """``again``: what was done before and then erased is done once more."""
        self._workflow = workflow
        self._actor = actor
        self._again = again

    def take(self, item: Item) -> Item:
        """As far as the queue of the workers. Never raises for what is wrong with this recording alone."""
        assert item.path is not None
        try:
            digest = digest_of(item.path)
            item = replace(item, digest=digest, size=item.path.stat().st_size)
            consult = self._consult(digest)
            new = consult is None
            if consult is None:
                consult = self._create(item, digest)
            item = replace(item, consult_id=consult.id)
            if consult.status in OVER:
                return replace(item, state=State.GONE)
            return self.look(self._bring(item, consult), new=new)
        except (TranscribeError, ConsentProblem, ConsentMissing, OSError) as problem:
            return replace(item, state=State.FAILED, problem=problem)

    def look(self, item: Item, *, new: bool = True) -> Item:
        """How far it is now. ``new``: it was brought in by this run."""
        assert item.consult_id is not None
        consult = self._workflow.consult(item.consult_id)
        item = replace(item, audio_s=consult.audio_s, done_s=consult.progress_s, reason=None)
        if consult.status in WITH_NOTE:
            return replace(item, state=State.DONE if new else State.BEFORE, done_s=consult.audio_s or 0.0)
        if consult.status in OVER:
            return replace(item, state=State.GONE)
        if consult.reason in STOPPING:
            return replace(item, state=State.STOPPED, reason=consult.reason)
        return replace(item, state=State.BUSY if consult.progress_s else State.WAITING)

    def remove_source(self, item: Item) -> Item:
        """Only what is proven: the draft can be read back, and the file is still the one that it was made of."""
        if item.removed or item.path is None or item.consult_id is None or not item.digest:
            return item
        if item.state not in (State.DONE, State.BEFORE):
            return item
        try:
            self._workflow.proven(item.consult_id)
            if digest_of(item.path) != item.digest:
                return item
            item.path.unlink()
        except (TranscribeError, OSError) as problem:
            return replace(item, problem=problem)
        return replace(item, removed=True)

    def _consult(self, digest: bytes) -> Consult | None:
        """The newest of this recording."""
        found: Consult | None = None
        for nth in count():
            try:
                found = self._workflow.consult(self._workflow.recording_id(digest, nth))
            except NotFound:
                return None if self._again and found is not None and found.status in OVER else found
        raise AssertionError

    def _create(self, item: Item, digest: bytes) -> Consult:
        assert item.entry is not None
        nth = 0
        while self._exists(self._workflow.recording_id(digest, nth)):
            nth += 1
        return self._workflow.create(
            self._actor,
            item.entry.ref,
            Lane.BATCH,
            item.entry.contact,
            doctor=item.entry.doctor,
            consult_id=self._workflow.recording_id(digest, nth),
        )

    def _exists(self, consult_id: UUID) -> bool:
        try:
            self._workflow.consult(consult_id)
        except NotFound:
            return False
        return True

    def _bring(self, item: Item, consult: Consult) -> Item:
        """What is still to be done of consent, video record and recording."""
        assert item.entry is not None
        assert item.path is not None
        assert item.entry.consent is not None
        if consult.status is Status.NEW:
            consult = self._workflow.record_consent(self._actor, consult.id, item.entry.consent)
        if consult.status is not Status.CONSENTED:
            return item
        if item.entry.app:
            seen, video = self._workflow.recorded_video(consult.id)
            if not video.app:
                video = replace(video, app=item.entry.app, reason=item.entry.app_reason)
                self._workflow.record_video(self._actor, consult.id, seen, video)
        try:
            self._workflow.receive(self._actor, consult.id, chunks(item.path), item.entry.layout)
        except AudioProblem:
            self._workflow.discard(self._actor, consult.id)  # a file that can't be used leaves no empty consult
            raise
        return item


def digest_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


__all__ = ["SETTLED", "WAITS", "WRONG", "Intake", "Item", "State", "planned", "recordings"]
