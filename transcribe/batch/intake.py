"""Bringing recordings in by a manifest: each once, whatever breaks in between, and nothing without consent.

The id of a consult follows from the contents of its recording. So the same recording is never taken in twice, and what
was cut off half-way goes on where it was: which steps were done is asked of the consult itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

from consent import Consent, ConsentMissing, ConsentProblem, ConsentStatus
from transcribe.asr.transcript import Speaker
from transcribe.audio.together import Fingerprint, head, shifted, together
from transcribe.batch.items import Item, State, how_far, state_of
from transcribe.batch.manifest import Entry
from transcribe.consult import Actor, Consult, Lane, Reason, Status
from transcribe.errors import (
    N_,
    AudioProblem,
    Conflict,
    DecoderFailed,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    TranscribeError,
)
from transcribe.policy import WITH_NOTE, closed_to
from transcribe.video import Video
from transcribe.workflow import Workflow

CHUNK = 1 << 20  # bytes
#: Another program may be at the same recording: so often it is looked at anew.
TRIES = 3


class OtherRecording(Conflict):
    text = N_("Dit bestand is veranderd sinds het werd bekeken. Kies het opnieuw.")


class NotRemoved(TranscribeError):
    """An original that stays."""


class IsLink(NotRemoved):
    text = N_("Het origineel is niet verwijderd: dit is een verwijzing naar een bestand dat elders staat.")


class Changed(NotRemoved):
    text = N_("Het origineel is niet verwijderd: het is veranderd sinds het werd verwerkt.")


class NotWhole(NotRemoved):
    text = N_("Het origineel is niet verwijderd: een deel ervan was niet te lezen en ontbreekt in het verslag.")


class NotProven(NotRemoved):
    text = N_("Het origineel is niet verwijderd: het concept of de bewaarde opname is nu niet na te lezen.")


class NotWritable(NotRemoved):
    text = N_("Het origineel kon niet worden verwijderd. Controleer de rechten van de map.")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a recording by its contents. ``state`` READY: its sound is awaited in ``consult``."""

    state: State
    consult: Consult | None = None
    new: bool = False


class Intake:
    """One writer at a time for one recording; two programs with the same folder end with one consult."""

    def __init__(self, workflow: Workflow, actor: Actor, *, again: bool = False) -> None:
        """``again``: what was done before and then erased is done once more."""
        self._workflow = workflow
        self._actor = actor
        self._again = again

    def take(self, item: Item, earlier: Item | None = None) -> Item:
        """As far as the queue of the workers; of what has no consent, whether it was done all the same. ``earlier``:
        what its row was used for before; of any other recording the row says nothing.

        Never raises for what is wrong with this recording alone. Raises ``StoreUnavailable``.
        """
        item = replace(item, looked=True)
        for left in reversed(range(TRIES)):
            try:
                return self._take(item, earlier)
            except StoreUnavailable:
                raise
            except (TranscribeError, ConsentProblem, ConsentMissing, OSError) as problem:
                if left and isinstance(problem, Conflict) and not isinstance(problem, OtherRecording):
                    continue
                return replace(item, state=State.FAILED, problem=problem)
        raise AssertionError

    def _take(self, item: Item, earlier: Item | None) -> Item:
        entry = item.entry
        assert entry is not None
        try:
            self.check(entry)  # a row that can't be is no reason to read three hours of video
        except InvalidInput as problem:
            return replace(item, state=State.BAD_ROW, problem=problem)
        parts = read(item.paths)
        digest = whole(parts)
        item = replace(item, digest=digest, parts=parts, size=sum(size for size, _ in parts))
        if earlier is not None and digest != earlier.digest and not goes_on(item.paths, earlier.parts):
            return replace(item, state=State.OTHER_FILE)
        known = self.prepare(entry, digest)
        if known.consult is None:
            return replace(item, state=known.state)
        item = replace(item, consult_id=known.consult.id)
        if known.state is not State.READY:
            return self._told(item, known.consult, known.state)
        try:
            self.bring(known.consult.id, chunks(item), entry.layout)
        except OtherRecording:
            if known.new:  # of what was there a moment ago nothing will come
                self._workflow.discard(self._actor, known.consult.id)
            raise
        return self.look(item)

    def check(self, entry: Entry) -> None:
        """Raises ``InvalidInput`` for what a row says and this practice does not know: nothing is made of it."""
        video = Video(app=entry.app, reason=entry.app_reason)
        self._workflow.check_import(self._actor, entry.ref, doctor=entry.doctor, video=video)

    def prepare(self, entry: Entry, digest: bytes) -> Known:
        """What is known of this recording. When its sound is awaited there is a consult for it afterwards, with its
        consent and video record.
        """
        self.check(entry)
        consult, nth, ended = self._newest(digest)
        state = state_of(entry, consult, ended=ended)
        if consult is not None and state is State.OTHER_LAYOUT:  # unless somebody set it right since, at the consult
            right = replace(consult, channels=self._workflow.channels(consult.id))
            state = state_of(entry, right, ended=ended)
        if self._again and consult is not None and state in (State.GONE, State.FAILED):
            consult, nth, state = None, nth + 1, State.READY
        if state is not State.READY or entry.consent is None:
            return Known(state=state, consult=consult)
        new = consult is None
        if consult is None:
            consult = self._create(entry, self._workflow.recording_id(digest, nth))
        else:  # something is still to be written
            self._workflow.check_open(self._actor, consult.id)
        if consult.status is Status.NEW:
            consult = self._workflow.record_consent(self._actor, consult.id, entry.consent)
        if entry.app:
            seen, video = self._workflow.recorded_video(consult.id)
            if not video.app:
                video = replace(video, app=entry.app, reason=entry.app_reason)
                self._workflow.record_video(self._actor, consult.id, seen, video)
        return Known(state=state, consult=consult, new=new)

    def bring(self, consult_id: UUID, pieces: Iterable[bytes], layout: tuple[Speaker, ...]) -> None:
        """The recording itself, and no other: raises ``OtherRecording``. One that can't be used leaves no empty
        consult, and is known again; what the decoder could not do on this machine, now, may pass.
        """
        try:
            self._workflow.receive(self._actor, consult_id, self._same(consult_id, pieces), layout)
        except DecoderFailed:
            raise
        except AudioProblem:
            self._workflow.discard(self._actor, consult_id, Reason.UNUSABLE)
            raise

    def _same(self, consult_id: UUID, pieces: Iterable[bytes]) -> Iterator[bytes]:
        made = Fingerprint()
        try:
            for piece in pieces:
                made.update(piece)
                yield piece
            digest = made.digest()
        except ValueError:
            raise OtherRecording from None
        if not self.belongs(consult_id, digest):
            raise OtherRecording

    def belongs(self, consult_id: UUID, digest: bytes) -> bool:
        """Is that the consult of this recording, or one of them (what was erased may have been done again)?"""
        for nth in count():
            one = self._workflow.recording_id(digest, nth)
            if one == consult_id or self._consult(one) is None:
                return one == consult_id
        raise AssertionError

    def look(self, item: Item, *, new: bool = True) -> Item:
        """How far it is now. ``new``: it was brought in by this run."""
        assert item.consult_id is not None
        consult = self._workflow.consult(item.consult_id)
        return self._told(item, consult, how_far(consult, new=new))

    def _told(self, item: Item, consult: Consult, state: State) -> Item:
        """``item`` in this state, with what its consult says of itself."""
        done = consult.status in WITH_NOTE
        reason = Reason.DAMAGED if done and consult.missing_s else consult.reason
        layout = item.entry.layout if item.entry else ()
        return replace(
            item,
            state=state,
            problem=None,
            reason=reason if reason is Reason.DAMAGED or state in (State.STOPPED, State.FAILED) else None,
            together=len(layout) > 1 and consult.channels == (Speaker.ONBEKEND,),
            ref="" if closed_to(self._actor, consult) else consult.patient_ref,
            audio_s=consult.audio_s,
            done_s=(consult.audio_s or 0.0) if done else consult.progress_s,
        )

    def remove_source(self, item: Item) -> Item:
        """Only what is proven: the draft can be read back, and the file is still the one that it was made of.

        Raises ``StoreUnavailable``.
        """
        if item.removed or not item.paths or item.consult_id is None or not item.digest:
            return item
        if item.state not in (State.DONE, State.BEFORE):
            return item
        try:
            self._remove(item, item.consult_id)
        except StoreUnavailable:
            raise
        except NotRemoved as problem:
            return replace(item, kept=problem)
        except OSError:
            return replace(item, kept=NotWritable())
        return replace(item, removed=True, kept=None)

    def _remove(self, item: Item, consult_id: UUID) -> None:
        if any(path.is_symlink() for path in item.paths):
            raise IsLink  # and what it points to was not named
        if item.reason is Reason.DAMAGED:
            raise NotWhole  # whoever finds a better copy, or can mend this one, still needs it
        try:
            self._workflow.proven(consult_id, item.digest)
        except StoreUnavailable:
            raise
        except (TranscribeError, OSError) as problem:
            raise NotProven from problem
        if whole(read(item.paths)) != item.digest:
            raise Changed
        remove(item.paths)

    def _newest(self, digest: bytes) -> tuple[Consult | None, int, datetime | None]:
        """The newest consult of this recording, which one of them it is (or would be), and when consent was last taken
        back or refused for one of them.
        """
        found: Consult | None = None
        ended: list[datetime] = []
        for nth in count():
            one = self._consult(self._workflow.recording_id(digest, nth))
            if one is None:
                return found, max(nth - 1, 0), max(ended, default=None)
            found = one
            if (moment := _ended(self._workflow.consent(one.id))) is not None:
                ended.append(moment)
        raise AssertionError

    def _create(self, entry: Entry, consult_id: UUID) -> Consult:
        return self._workflow.create(
            self._actor, entry.ref, Lane.BATCH, entry.contact, doctor=entry.doctor, consult_id=consult_id
        )

    def _consult(self, consult_id: UUID) -> Consult | None:
        try:
            return self._workflow.consult(consult_id)
        except NotFound:
            return None


def _ended(consent: Consent | None) -> datetime | None:
    """When it was taken back, or refused."""
    if consent is None or consent.status is ConsentStatus.ACTIVE:
        return None
    return consent.withdrawn_at or consent.recorded_at


def remove(paths: tuple[Path, ...]) -> None:
    """All of them or none: of a pair of files the one without the other would never be known again."""
    if len(paths) == 1:
        paths[0].unlink()
        return
    aside: list[tuple[Path, Path]] = []
    try:
        for path in paths:
            hidden = path.with_name(f".{uuid4().hex}")
            path.rename(hidden)
            aside.append((path, hidden))
    except OSError:
        for path, hidden in aside:
            hidden.rename(path)
        raise
    for _, hidden in aside:
        hidden.unlink()


def read(paths: tuple[Path, ...]) -> tuple[tuple[int, bytes], ...]:
    """Of each: bytes, SHA-256. Raises ``OSError``."""
    found = []
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            found.append((file.tell(), digest))
    return tuple(found)


def whole(parts: tuple[tuple[int, bytes], ...]) -> bytes:
    """By which the recording is known again: as ``together.Fingerprint`` of its ``chunks``."""
    return parts[0][1] if len(parts) == 1 else together([digest for _, digest in parts])


def goes_on(paths: tuple[Path, ...], parts: tuple[tuple[int, bytes], ...]) -> bool:
    """Do these files hold all that was read before: a recorder that went on, or the other half of a pair that came?

    Raises ``OSError``.
    """
    return all(any(_first(path, size) == digest for path in paths) for size, digest in parts)


def _first(path: Path, size: int) -> bytes:
    """SHA-256 of so many bytes."""
    made = hashlib.sha256()
    with path.open("rb") as file:
        while size and (piece := file.read(min(size, CHUNK))):
            made.update(piece)
            size -= len(piece)
    return made.digest()


def chunks(item: Item) -> Iterator[bytes]:
    """The recording as it is stored: the bytes of its file, or of its files after a head."""
    if item.second is not None:
        assert item.entry is not None
        yield head(shifted([path.stat().st_size for path in item.paths], item.entry.shift_s))
    for path in item.paths:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece
