"""Bringing recordings in by a manifest: each once, whatever breaks in between, and nothing without consent.

The id of a consult follows from the contents of its recording. So the same recording is never taken in twice, and what
was cut off half-way goes on where it was: which steps were done is asked of the consult itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from pathlib import Path, PurePath
from uuid import UUID

from consent import ConsentMissing, ConsentProblem, ConsentStatus
from transcribe.asr.transcript import Speaker
from transcribe.audio.together import head, shifted, together
from transcribe.batch.manifest import Entry
from transcribe.batch.pairs import pairs
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
    GONE = N_("eerder verwijderd of gewist")
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
    second: Path | None = None  # of the other participant, who was recorded apart
    second_name: str = ""
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
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.path, self.second) if path is not None)

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


def usable(path: PurePath) -> bool:
    hidden = any(part.startswith((".", "~")) for part in path.parts)
    return not hidden and path.suffix.lower() in ENDINGS and not path.name.lower().endswith(UNFINISHED)


def planned(files: dict[str, Path], entries: list[Entry]) -> list[Item]:
    """Files and rows side by side; what has no row or no consent waits, and what has no file is named.

    Two files are one consult when a row says so, or when their names differ in nothing but who speaks (``pairs``) and
    no row says otherwise: both have a row of their own, or the one that there is tells who is on which channel.
    """
    sizes = {name: path.stat().st_size for name, path in files.items()}
    return [
        replace(item, path=files.get(item.name), second=files.get(item.second_name)) for item in matched(sizes, entries)
    ]


def matched(files: Mapping[str, int], entries: list[Entry], *, apart: Collection[str] = ()) -> list[Item]:
    """``planned`` for whoever has names and sizes (bytes), but no paths. ``apart``: no pairs, whatever their names."""
    known = {name.casefold(): name for name in files}
    rows = {entry.name.casefold(): entry for entry in entries}
    second_of = {key: known.get(entry.second.casefold(), "") for key, entry in rows.items() if entry.second}
    claimed = {name for name in second_of.values() if name}
    for first, second in pairs(name for name in files if name not in claimed and name not in apart):
        told = [key for key in (first.casefold(), second.casefold()) if key in rows]
        if len(told) == 2 or any(key in second_of or rows[key].layout != (Speaker.ONBEKEND,) for key in told):
            continue
        claimed.add(second)
        second_of[first.casefold()] = second
        for key in told:
            layout = (Speaker.HUISARTS, Speaker.PATIENT)
            rows[first.casefold()] = replace(rows.pop(key), name=first, second=second, layout=layout)
    items = []
    for name, size in files.items():
        if name in claimed:
            continue
        second = second_of.get(name.casefold(), "")
        item = Item(name=name, second_name=second, size=size + files.get(second, 0))
        items.append(_judged(item, rows.pop(name.casefold(), None)))
    return [
        *items,
        *(_judged(Item(name=one.name, second_name=one.second, state=State.NO_FILE), one) for one in rows.values()),
    ]


def _judged(item: Item, entry: Entry | None) -> Item:
    item = replace(item, entry=entry)
    if entry is None:
        return replace(item, state=State.NO_ROW)
    if entry.problem is not None:
        return replace(item, state=State.BAD_ROW, problem=entry.problem)
    if entry.second and not item.second_name:
        return replace(item, second_name=entry.second, state=State.NO_FILE)
    if item.state is State.NO_FILE:
        return item
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
        entry = item.entry
        assert item.path is not None
        assert entry is not None
        try:
            digest = digest_of(item)
            item = replace(item, digest=digest, size=sum(path.stat().st_size for path in item.paths))
            consult, new = self.prepare(entry, digest)
            item = replace(item, consult_id=consult.id)
            if consult.status in OVER:
                return replace(item, state=State.GONE)
            if consult.status is Status.CONSENTED:
                self.bring(consult.id, chunks(item), entry.layout)
            return self.look(item, new=new)
        except (TranscribeError, ConsentProblem, ConsentMissing, OSError) as problem:
            return replace(item, state=State.FAILED, problem=problem)

    def prepare(self, entry: Entry, digest: bytes) -> tuple[Consult, bool]:
        """The consult of this recording, with its consent and video record, and whether it is a new one. It waits for
        the recording as long as its status is CONSENTED.
        """
        consult = self._consult(digest)
        new = consult is None
        if consult is None:
            consult = self._create(entry, digest)
        elif consult.status in (Status.NEW, Status.CONSENTED):  # something is still to be written
            self._workflow.check_open(self._actor, consult.id)
        if consult.status is Status.NEW and entry.consent is not None:
            consult = self._workflow.record_consent(self._actor, consult.id, entry.consent)
        if consult.status is Status.CONSENTED and entry.app:
            seen, video = self._workflow.recorded_video(consult.id)
            if not video.app:
                video = replace(video, app=entry.app, reason=entry.app_reason)
                self._workflow.record_video(self._actor, consult.id, seen, video)
        return consult, new

    def bring(self, consult_id: UUID, chunks: Iterable[bytes], layout: tuple[Speaker, ...]) -> None:
        """The recording itself. One that can't be used leaves no empty consult."""
        try:
            self._workflow.receive(self._actor, consult_id, chunks, layout)
        except AudioProblem:
            self._workflow.discard(self._actor, consult_id)
            raise

    def belongs(self, consult_id: UUID, digest: bytes) -> bool:
        """Is that the consult of this recording, or one of them (what was erased may have been done again)?"""
        for nth in count():
            one = self._workflow.recording_id(digest, nth)
            if one == consult_id or not self._exists(one):
                return one == consult_id
        raise AssertionError

    def look(self, item: Item, *, new: bool = True) -> Item:
        """How far it is now. ``new``: it was brought in by this run."""
        assert item.consult_id is not None
        consult = self._workflow.consult(item.consult_id)
        item = replace(item, audio_s=consult.audio_s, done_s=consult.progress_s, reason=None)
        if consult.status in (Status.NEW, Status.CONSENTED):
            return replace(item, state=State.READY)
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
            if digest_of(item) != item.digest:
                return item
            for path in item.paths:
                path.unlink()
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

    def _create(self, entry: Entry, digest: bytes) -> Consult:
        nth = 0
        while self._exists(self._workflow.recording_id(digest, nth)):
            nth += 1
        return self._workflow.create(
            self._actor,
            entry.ref,
            Lane.BATCH,
            entry.contact,
            doctor=entry.doctor,
            consult_id=self._workflow.recording_id(digest, nth),
        )

    def _exists(self, consult_id: UUID) -> bool:
        try:
            self._workflow.consult(consult_id)
        except NotFound:
            return False
        return True


def digest_of(item: Item) -> bytes:
    """By which the recording is known again: as ``together.Fingerprint`` of its ``chunks``."""
    sums = []
    for path in item.paths:
        with path.open("rb") as file:
            sums.append(hashlib.file_digest(file, "sha256").digest())
    return sums[0] if len(sums) == 1 else together(sums)


def chunks(item: Item) -> Iterator[bytes]:
    """The recording as it is stored: the bytes of its file, or of its files after a head."""
    if item.second is not None:
        assert item.entry is not None
        yield head(shifted([path.stat().st_size for path in item.paths], item.entry.shift_s))
    for path in item.paths:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece
