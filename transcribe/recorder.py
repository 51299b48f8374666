"""A recording that is being made: begun, paused, written, finished. What is acknowledged is in the spool, on disk.

Finishing is safe to do again at any point: the sound goes into the audio store, then one change says so and asks for
the transcript, then the spool goes. Until that change the spool is the recording.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import BinaryIO
from uuid import UUID

from consent import Purpose, require
from transcribe import policy
from transcribe.asr.transcript import Speaker
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES, Decoded, Span, Unheard, Unrecorded
from transcribe.consult import Action, Actor, Consult, KeyPurpose, Reason, Space, Status, live_on
from transcribe.contact import Contact, stopped
from transcribe.errors import (
    N_,
    Conflict,
    Erased,
    InvalidInput,
    NotFound,
    Refused,
    StoreUnavailable,
    TranscribeError,
    Unreadable,
    WrongStatus,
)
from transcribe.naming import AGAIN
from transcribe.ports import AudioStore, Growing, Recording, Spool, Store
from transcribe.reading import RandomReader
from transcribe.workflow import WITH_TRANSCRIPT, Pcm16File
from transcribe.writer import PCM, SYSTEM, Writer

log = logging.getLogger(__name__)

#: The recording is whole: nothing of it is in the spool alone.
FINISHED = frozenset({Status.RECORDED, Status.TRANSCRIBED, Status.DRAFTED, Status.APPROVED, Status.DELIVERED})
#: A paused recording is somebody's choice: it is left alone for longer.
PAUSED_IDLE = timedelta(hours=4)
#: Who goes on with a recording later than this after its end does something else than talk on.
SAME_CONTACT = timedelta(minutes=3)
#: A recording that gets no sound for so long does not run, whatever was pressed last.
SILENT = timedelta(seconds=10)
#: Sound is copied in pieces of the first length; what can't be read is found in pieces of the second.
COPY_S = 10.0
PIECE_S = 0.1
#: Another program that records on this machine lets go within this time once it is paused.
HAND_OVER_S = 5.0
#: In the access log, of a pause: what is said in it stays outside the record, at the wish of who says it.
ASIDE = "buiten verslag"
#: With the place in the recording, where that is known.
_ASIDE_AT = re.compile(rf"{ASIDE}: na ([0-9]+\.[0-9]) s")
#: So much without a single sound is no silence of people: nothing was heard there. A pause leaves one second.
GAP_S = 3.0


class TakenOver(Conflict):
    text = N_("Deze opname gaat verder op een ander scherm.")


class AlreadyStopped(Conflict):
    text = N_("Deze opname is afgerond. Wat u nu zegt wordt niet opgenomen.")


class NothingRecorded(Refused):
    text = N_(
        "Er is geen geluid opgenomen, dus er komt geen verslag. De toestemming staat nog: controleer de microfoon en "
        "begin opnieuw, of verwijder het consult."
    )


class Finishing(Conflict):
    """Whether that succeeds is not known yet: whoever records keeps what it has, and asks again."""

    text = N_("Deze opname wordt afgerond. Een moment.")


class Elsewhere(Conflict):
    text = N_("Het geluid van deze opname staat op een andere server. Rond de opname af waar zij is gemaakt.")


class CanNotGoOn(Refused):
    text = N_(
        "Met deze opname kunt u niet verder: dat kan tot het akkoord, en alleen met wat in transcribe is opgenomen. "
        "Maak een nieuw consult. Wat er is blijft bewaard."
    )


class SoundLeft(Refused):
    text = N_(
        "Er staat nog geluid van een eerdere opname van dit consult. Dat blijft bewaard. Maak voor deze opname een "
        "nieuw consult, en waarschuw de beheerder."
    )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Of a recording that is being made."""

    consult: Consult
    safe_s: float  # on disk


class Live:
    """The one ``Recording`` of a consult in this process. A later one, or the end, takes its right to write away."""

    def __init__(self, recording: Recording, turn: str, ended: Callable[[Live], None], by: str = "") -> None:
        """``turn``: of the client that writes; it keeps it over its connections. ``by``: whose it is."""
        self.turn = turn
        self.by = by
        self._recording = recording
        self._ended = ended
        self._lock = RLock()
        self._over: Conflict | None = None

    @property
    def position(self) -> int:
        return self._recording.position

    def append(self, pcm: bytes) -> None:
        """Also raises ``TakenOver``, ``Finishing`` or ``AlreadyStopped``."""
        with self._lock:
            self._check()
            self._recording.append(pcm)

    def sync(self) -> int:
        """Also raises ``TakenOver``, ``Finishing`` or ``AlreadyStopped``."""
        with self._lock:
            self._check()
            return self._recording.sync()

    def close(self) -> None:
        self.end(AlreadyStopped())

    def end(self, why: Conflict) -> None:
        """After a sync that is under way: what it acknowledges counts."""
        with self._lock:
            if self._over is None:
                self._over = why
                self._recording.close()
        self._ended(self)

    def _check(self) -> None:
        if self._over is not None:
            raise self._over


class Recorder:
    """One object for all threads of a web process."""

    def __init__(
        self,
        *,
        store: Store,
        audio: AudioStore,
        spool: Spool,
        writer: Writer,
        space: Callable[[], Space],
        min_free_percent: float = 5.0,
        max_minutes: int = 120,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._audio = audio
        self._spool = spool
        self._writer = writer
        self._space = space
        self._min_free_percent = min_free_percent
        self._max_minutes = max_minutes
        #: how the name of a recording begins that is on this disk
        self._here = live_on(spool.name)
        self._lock = RLock()
        self._live: dict[UUID, Live] = {}
        self._looked: set[tuple[bytes, UUID]] = set()
        self._elapsed = elapsed
        #: how much there was and what was done last, and since when it is no more than that
        self._seen: dict[UUID, tuple[tuple[int, int], float]] = {}

    # --- by a person -----------------------------------------------------------------------------------------------

    def start(self, actor: Actor, consult_id: UUID, speakers: tuple[Speaker, ...]) -> Consult:
        """``speakers[i]`` is on channel i. Raises ``ConsentMissing``, ``DiskLow``, ``SoundLeft``."""
        policy.check_may_record(actor)
        if len(speakers) not in (1, 2):
            raise InvalidInput(problem=N_("Een opname heeft één of twee kanalen."))
        policy.check_status(self._store.consult(consult_id), frozenset({Status.CONSENTED}))
        require(self._store.consent(consult_id), Purpose.RECORDING)
        policy.check_space(self._space(), self._min_free_percent)
        # the place is made first: by it this machine knows which recordings are its own
        with closing(self._spool.open(consult_id, self._key(consult_id), new=True)) as recording:
            consult = self._store.consult(consult_id)  # from here on nobody else on this machine starts it
            policy.check_status(consult, frozenset({Status.CONSENTED}))
            if recording.position:
                raise SoundLeft
            try:
                return self._writer.apply(
                    actor,
                    consult,
                    Action.RECORDING_STARTED,
                    detail=f"{len(speakers)} kanalen",
                    status=Status.RECORDING,
                    channels=speakers,
                    upload=self._new_name(),
                    reason=None,
                    contact=replace(consult.contact, began=self._writer.clock(), ended=None),
                )
            except Conflict:
                self._spool.delete(consult_id)  # started on another machine, perhaps: then it is not ours
                raise

    def go_on(self, actor: Actor, consult_id: UUID, seen: int | None = None) -> Consult:
        """Paused again after the end: what comes is added to what there is, and the draft is made anew.

        For who goes on talking at the door, and for sound that came too late. Fine when it is running already. When
        nothing is added the draft comes back as it was. ``seen``: the version that the person saw; with a draft it must
        be the newest one, for what was changed in it is lost. Raises ``CanNotGoOn``, ``NotAllowed``, ``WaitsFor``,
        ``ConsentMissing``, ``DiskLow``, ``Conflict`` also while somebody else is at it.
        """
        policy.check_may_record(actor)
        consult = self._store.consult(consult_id)
        if consult.status in policy.RUNNING:
            return consult
        self._check_can_go_on(actor, consult, seen)
        key = self._key(consult_id)
        self._remove_stored(consult_id)  # what a crash left of finishing it
        with closing(self._spool.open(consult_id, key, new=True)) as recording:
            consult = self._store.consult(consult_id)  # from here on nobody else on this machine goes on with it
            if consult.status in policy.RUNNING:
                return consult
            self._check_can_go_on(actor, consult, seen)
            if recording.position:
                raise SoundLeft
            try:
                with self._audio.open(consult_id, PCM, key) as stored:
                    while piece := stored.read(int(_second(consult) * COPY_S)):
                        recording.append(piece)
                        recording.sync()
                return self._writer.apply(
                    actor,
                    consult,
                    Action.RECORDING_PAUSED,
                    detail="na afronden",
                    status=Status.PAUSED,
                    reason=None,
                    upload=consult.upload if self._is_here(consult) else self._new_name(),
                )
            except StoreUnavailable:
                raise  # it may have been written down all the same, and then this is the recording
            except BaseException as problem:
                self._spool.delete(consult_id)
                if isinstance(problem, NotFound):  # the stored sound is not there
                    raise CanNotGoOn from None
                raise

    def pause(self, actor: Actor, consult_id: UUID, *, aside: bool = False) -> Consult:
        """Fine when it is paused already. ``aside``: what is said now stays outside the record (buiten verslag): the
        access log tells when that began and how long it lasted.
        """
        detail = ""
        if aside:
            detail = ASIDE
            with suppress(NotFound, Unreadable):  # made on another machine: then the place is not known
                detail = f"{ASIDE}: na {self.progress(consult_id).safe_s:.1f} s"
        return self._turn(actor, consult_id, Status.PAUSED, Action.RECORDING_PAUSED, detail)

    def resume(self, actor: Actor, consult_id: UUID) -> Consult:
        """Fine when it is running already. Raises ``ConsentMissing``."""
        require(self._store.consent(consult_id), Purpose.RECORDING)
        since = self.aside_since(consult_id)
        detail = "" if since is None else f"{ASIDE}: {(self._writer.clock() - since).total_seconds():.0f} s"
        return self._turn(actor, consult_id, Status.RECORDING, Action.RECORDING_RESUMED, detail)

    def _turn(self, actor: Actor, consult_id: UUID, to: Status, action: Action, detail: str) -> Consult:
        policy.check_may_record(actor)
        consult = self._store.consult(consult_id)
        policy.check_status(consult, policy.RUNNING)
        if consult.status is to:
            return consult
        return self._writer.apply(actor, consult, action, status=to, detail=detail)

    def recorded_by(self, consult: Consult) -> str:
        """Who began or went on with what is recorded now; "" when nothing is."""
        if consult.status not in policy.RUNNING or consult.audio_s:
            return ""  # one that goes on after its end is recorded by nobody until somebody does so
        with self._lock:
            live = self._live.get(consult.id)
        if live is not None:
            return live.by
        begun = {Action.RECORDING_STARTED, Action.RECORDING_RESUMED}
        people = [event.actor for event in self._store.events(consult.id) if event.action in begun]
        return people[-1] if people else ""

    def aside_since(self, consult_id: UUID) -> datetime | None:
        """Since when what is said stays outside the record; None when it does not."""
        turns = {Action.RECORDING_PAUSED, Action.RECORDING_RESUMED}
        last = [event for event in self._store.events(consult_id) if event.action in turns][-1:]
        if not last or last[0].action is not Action.RECORDING_PAUSED or not last[0].detail.startswith(ASIDE):
            return None
        return last[0].at

    def client_key(self, actor: Actor, consult_id: UUID) -> bytes:
        """32 bytes with which a client seals the sound that is not safe here yet. It comes from the consult's own key,
        and goes with it. Raises ``NotFound``, ``Erased``.
        """
        policy.check_may_record(actor)
        return hmac.digest(self._key(consult_id), b"sound kept by a client" + consult_id.bytes, "sha256")

    def open(self, actor: Actor, consult_id: UUID, turn: str = "") -> Live:
        """To write sound. Raises ``ConsentMissing``, ``Conflict`` (also while it is being finished), ``Elsewhere``.

        An earlier writer in this process loses its right, unless ``turn`` says that this client wrote before and
        another one does so now: ``TakenOver``. Who comes back by itself takes nothing from whoever went on. Without a
        ``turn`` another program on this machine hands the recording over as well.

        Also while paused: what was said before the pause may still be under way. Who records does not record then.
        """
        policy.check_may_record(actor)
        self._check_running(consult_id)
        with self._lock:
            now = self._live.get(consult_id)
        if turn and now is not None and now.turn != turn:
            raise TakenOver
        self._end_live(consult_id, TakenOver())
        try:
            recording = self._mine(actor, consult_id, keep=bool(turn))
        except NotFound:
            self._check_running(consult_id)  # withdrawn or finished meanwhile
            raise Elsewhere from None
        live = Live(recording, turn or secrets.token_hex(8), lambda ended: self._forget(consult_id, ended), actor.name)
        with self._lock:
            self._live[consult_id] = live
        try:
            self._check_running(consult_id)  # ended while we opened: nothing may be left behind
        except BaseException:
            live.close()
            raise
        return live

    def finish(self, actor: Actor, consult_id: UUID) -> Consult:
        """The recording is whole: have it transcribed. Fine when it was finished already.

        Raises ``NothingRecorded`` (the consult then waits for a recording as before), ``Conflict`` while another
        process writes it and does not hand it over, ``Elsewhere``.
        """
        policy.check_may_record(actor)
        return self._finish(actor, consult_id)

    def read(self, actor: Actor, consult_id: UUID, *, first: bool) -> Pcm16File:
        """What is safe of an unfinished recording, as it would be stored. ``first``: log that somebody listens.

        Raises ``Elsewhere``.
        """
        policy.check_may_edit(actor)
        consult = self._store.consult(consult_id)
        policy.check_status(consult, policy.RUNNING)
        self._check_here(consult)
        try:
            file = self._spool.read(consult_id, self._key(consult_id))
        except NotFound:
            raise Elsewhere from None
        if first:
            self._store.log(self._writer.event(actor, Action.AUDIO_PLAYED, consult_id))
        return Pcm16File(file=io.BufferedReader(_Audible(file, _second(consult))), channels=len(consult.channels))

    # --- asked by the screen and the connection --------------------------------------------------------------------

    def progress(self, consult_id: UUID) -> Progress:
        """Raises ``NotFound``."""
        consult = self._store.consult(consult_id)
        return Progress(consult=consult, safe_s=self._size(consult_id) / _second(consult) if _second(consult) else 0.0)

    def silent_since(self, consult: Consult) -> datetime | None:
        """Since when one that runs got no sound; None when it does, and of one that is made on another machine."""
        if consult.status is not Status.RECORDING or not self._is_here(consult):
            return None
        since = max(consult.changed_at, self._spool.last_sound(consult.id) or consult.changed_at)
        return since if self._writer.clock() - since >= SILENT else None

    def growing(self, actor: Actor, consult_id: UUID, looker: bytes) -> Growing | None:
        """The note so far. ``looker``: that of one session is logged once. Raises ``WrongStatus`` after the end."""
        policy.check_may_edit(actor)
        policy.check_status(self._store.consult(consult_id), policy.RUNNING)
        found = self._store.growing(consult_id)
        if found is not None and (looker, consult_id) not in self._looked:
            self._store.log(self._writer.event(actor, Action.NOTE_VIEWED, consult_id, WITH_TRANSCRIPT))
            self._looked.add((looker, consult_id))
        return found

    def mark(self, consult: Consult, position: int, length: int) -> str:
        """SHA-256 of the ``length`` bytes of sound before ``position``; "" when they can't be read.

        By it a client knows its own sound from that of another one that went on with the recording meanwhile.
        """
        if position < length:
            return ""
        try:
            with self._spool.read(consult.id, self._key(consult.id)) as file:
                piece = _piece(file, position - length, length)
        except (NotFound, Unreadable):
            return ""
        return hashlib.sha256(piece).hexdigest() if piece else ""

    def limit(self, consult: Consult) -> int:
        """Bytes after which a recording is finished by itself."""
        return self._max_minutes * 60 * _second(consult)

    # --- now and then ----------------------------------------------------------------------------------------------

    def finish_abandoned(self, idle: timedelta = timedelta(minutes=30), *, paused: timedelta = PAUSED_IDLE) -> int:
        """Finish recordings on this machine that got no sound for so long, so that their drafts come. Returns how many.

        To be called every minute or so: it goes by what it saw the time before, so a restart only adds to the wait.
        Also removes what a crash left of recordings that were finished or erased, and of beginnings.
        """
        finished = 0
        here = self._spool.consults()
        self._seen = {consult_id: seen for consult_id, seen in self._seen.items() if consult_id in here}
        self._looked = {look for look in self._looked if look[1] in here}
        for consult_id in here:
            try:
                consult = self._store.consult(consult_id)
                if consult.upload and not self._is_here(consult) and consult.status in policy.WITH_SOURCE:
                    # a file was taken in beside it, or another machine records it: what sound there is, is nowhere else
                    self._remove_beginning(consult_id)
                    continue
                if consult.status in policy.OVER:
                    self._spool.delete(consult_id)
                elif consult.status in FINISHED:
                    self._remove_stored(consult_id)
                elif consult.status is Status.CONSENTED:
                    self._remove_beginning(consult_id)
                elif consult.status in policy.RUNNING and self._quiet(consult) > (
                    paused if consult.status is Status.PAUSED else idle
                ):
                    self._finish(SYSTEM, consult_id)
                    finished += 1
            except NothingRecorded:
                log.info("consult %s: nothing was recorded", consult_id)
            except (Conflict, Erased, NotFound):
                continue  # somebody is at it
            except StoreUnavailable:
                raise
            except (TranscribeError, OSError) as problem:  # a place on the disk that can't be read, say: of this one
                log.warning("consult %s: can't be finished (%s)", consult_id, type(problem).__name__)
        return finished

    def _remove_stored(self, consult_id: UUID) -> None:
        """What is here of a recording that is stored whole, unless it goes on just now.

        Of one that was made on another disk it is not: then the sound here is nowhere else.
        """
        try:
            with closing(self._spool.open(consult_id, self._key(consult_id))):
                consult = self._store.consult(consult_id)
                if consult.status not in policy.RUNNING and self._is_here(consult):
                    self._spool.delete(consult_id)
        except (NotFound, Conflict):
            return  # there is none, or somebody goes on with it
        except (Erased, Unreadable):  # then nobody can
            self._spool.delete(consult_id)

    def _remove_beginning(self, consult_id: UUID) -> None:
        """A place without sound says that a recording is made here, which is not so. Sound is nobody's to remove."""
        with closing(self._spool.open(consult_id, self._key(consult_id))) as recording:
            # asked while nobody can start it here
            consult = self._store.consult(consult_id)
            if recording.position == 0 and not (consult.status in policy.RUNNING and self._is_here(consult)):
                self._spool.delete(consult_id)

    def _quiet(self, consult: Consult) -> timedelta:
        """How long there was no new sound and nobody did anything. By a clock that nobody sets."""
        now_s = self._elapsed()
        found = (self._size(consult.id), consult.version)
        known, since_s = self._seen.get(consult.id, (None, now_s))
        if found != known:
            since_s = now_s
        self._seen[consult.id] = (found, since_s)
        return timedelta(seconds=now_s - since_s)

    # --- finishing -------------------------------------------------------------------------------------------------

    def _finish(self, actor: Actor, consult_id: UUID) -> Consult:
        consult = self._store.consult(consult_id)
        if consult.status in policy.RUNNING:
            self._check_here(consult)
            self._end_live(consult_id, Finishing())
            key = self._key(consult_id)
            try:
                with closing(self._mine(actor, consult_id)):  # from here on nobody adds anything
                    consult = self._store_sound(actor, consult_id, key)
                    if consult.status in FINISHED:
                        self._spool.delete(consult_id)  # before anybody can go on with it
            except NotFound:
                consult = self._store.consult(consult_id)  # finished or withdrawn meanwhile?
                if consult.status in policy.RUNNING:
                    raise Elsewhere from None
        elif consult.status in FINISHED:
            self._remove_stored(consult_id)
        policy.check_status(consult, FINISHED)
        return consult

    def _store_sound(self, actor: Actor, consult_id: UUID, key: bytes) -> Consult:
        stopped_at = self._writer.clock()
        consult = self._store.consult(consult_id)
        if consult.status not in policy.RUNNING:
            return consult
        channels = consult.channels
        own = channels.index(Speaker.HUISARTS) if len(channels) > 1 and Speaker.HUISARTS in channels else None
        copy = _Copy(second=_second(consult), channels=len(channels), own=own)
        with self._spool.read(consult_id, key) as file:
            size = file.seek(0, 2) // (SAMPLE_BYTES * len(channels)) * SAMPLE_BYTES * len(channels)
            if size:
                self._audio.write(consult_id, PCM, key, copy.pieces(file, size))
        duration_s = size / _second(consult)
        abandoned = actor == SYSTEM and consult.status is Status.RECORDING  # of a paused one the pause was the end
        left = [Unrecorded(kind=Unheard.LEFT, at_s=duration_s, length_s=0.0)] if abandoned else []
        while consult.status in policy.RUNNING:
            try:
                added = consult.audio_s != duration_s
                if size and not added and (before := self._before(consult_id, duration_s)):
                    return self._writer.apply(
                        actor,
                        consult,
                        Action.AUDIO_STORED,
                        detail="niets toegevoegd",
                        status=before,
                        reason=Reason.DAMAGED if consult.missing_s else None,
                    )
                if not size:
                    self._writer.apply(
                        actor,
                        consult,
                        Action.STEP_FAILED,
                        detail="geen geluid",
                        status=Status.CONSENTED,
                        channels=(),
                        upload="",
                        contact=replace(consult.contact, began=None),
                    )
                    self._spool.delete(consult_id)
                    raise NothingRecorded
                return self._writer.apply(
                    actor,
                    consult,
                    Action.AUDIO_STORED,
                    detail=f"{duration_s:.1f} s",
                    status=Status.RECORDED,
                    reason=None,
                    decoded=Decoded(
                        duration_s=duration_s,
                        channels=len(channels),
                        missing=tuple(copy.missing),
                        unrecorded=(*self._unrecorded(consult_id, copy, stopped_at), *left),
                    ),
                    audio_s=duration_s,
                    missing_s=copy.lost_s,
                    lost_s=copy.lost_s,
                    progress_s=0.0,
                    contact=self._over(actor, consult, stopped_at, duration_s) if added else consult.contact,
                )
            except Conflict:
                consult = self._store.consult(consult_id)  # paused or resumed meanwhile: all the same to us
        if consult.status in policy.OVER:
            self._audio.delete(consult_id)
            raise WrongStatus(status=consult.status.value)
        return consult

    def _unrecorded(self, consult_id: UUID, copy: _Copy, stopped_at: datetime) -> tuple[Unrecorded, ...]:
        """Gaps as the sound has them, asides as the access log does."""
        found = [*copy.gaps]
        began: tuple[float, datetime] | None = None
        for event in self._store.events(consult_id):
            if event.action is Action.RECORDING_PAUSED and (aside := _ASIDE_AT.fullmatch(event.detail)):
                began = float(aside[1]), event.at
            elif began and event.action in (Action.RECORDING_RESUMED, Action.AUDIO_STORED):
                found.append(_aside(began, event.at))
                began = None
        if began:
            found.append(_aside(began, stopped_at))
        return tuple(sorted(found, key=lambda one: one.at_s))

    def _before(self, consult_id: UUID, duration_s: float) -> Status | None:
        """Where a recording stood that went on without anything new; None when it is to be transcribed."""
        transcript = self._store.transcript(consult_id)
        if transcript is None or transcript.duration_s != duration_s:
            return None
        made = Status.TRANSCRIBED
        for event in self._store.events(consult_id):
            if event.action is Action.DRAFTED:
                made = Status.DRAFTED
            elif event.action is Action.TRANSCRIBED or event.detail.endswith(AGAIN):
                made = Status.TRANSCRIBED
        return made

    def _over(self, actor: Actor, consult: Consult, at: datetime, sound_s: float) -> Contact:
        """The contact, with its end. Nobody knows that of a recording that was left alone; of one that was paused when
        it was stopped it is the beginning of that pause. Who goes on soon after the end made a pause as well; what is
        added later does not change the contact, nor does it what a person declared.
        """
        if actor == SYSTEM:
            return consult.contact
        began, paused, since, stored = consult.contact.began, timedelta(0), None, False
        for event in self._store.events(consult.id):
            if event.action is Action.CONTACT_CHANGED:
                return consult.contact
            if began is None or event.at < began:
                continue
            if event.action in (Action.RECORDING_PAUSED, Action.AUDIO_STORED):
                stored |= event.action is Action.AUDIO_STORED
                since = since or event.at
            elif event.action is Action.RECORDING_RESUMED and since is not None:
                if stored and event.at - since > SAME_CONTACT:
                    return consult.contact
                paused += event.at - since
                since, stored = None, False
        end = since or at
        return replace(
            consult.contact, ended=stopped(began, end, sound_s=sound_s, paused_s=max(0.0, paused.total_seconds()))
        )

    # --- helpers ---------------------------------------------------------------------------------------------------

    def _check_running(self, consult_id: UUID) -> None:
        consult = self._store.consult(consult_id)
        try:
            policy.check_status(consult, policy.RUNNING)
        except WrongStatus:
            if consult.status in policy.OVER:
                self._spool.delete(consult_id)
            raise
        self._check_here(consult)
        require(self._store.consent(consult_id), Purpose.RECORDING)

    def _mine(self, actor: Actor, consult_id: UUID, *, keep: bool = False) -> Recording:
        """The right to write. Another program that has it lets go when it is paused, with all it heard on disk.

        ``keep``: leave it to that program. Raises ``TakenOver`` then, ``Conflict`` when it does not let go.
        """
        key = self._key(consult_id)
        try:
            return self._spool.open(consult_id, key)
        except Conflict:
            if keep:
                raise TakenOver from None
            if actor == SYSTEM:
                raise
        before = self._store.consult(consult_id).status
        self.pause(actor, consult_id)
        until_s = time.monotonic() + HAND_OVER_S
        while True:
            try:
                return self._spool.open(consult_id, key)
            except Conflict:
                if time.monotonic() > until_s:
                    if before is Status.RECORDING:
                        self.resume(actor, consult_id)
                    raise
            time.sleep(0.1)

    def _check_here(self, consult: Consult) -> None:
        """Raises ``Elsewhere`` for a recording on another disk, whatever a broken-off begin has left on this one."""
        if not self._is_here(consult):
            raise Elsewhere

    def _check_can_go_on(self, actor: Actor, consult: Consult, seen: int | None) -> None:
        if not policy.can_go_on(consult):
            raise CanNotGoOn
        policy.check_turn(actor, consult)
        policy.check_keeps(actor, consult)
        if consult.status is Status.DRAFTED:
            policy.check_may_approve(actor)  # as to throw it away
            if seen != consult.version:
                raise Conflict
        require(self._store.consent(consult.id), Purpose.RECORDING)
        policy.check_space(self._space(), self._min_free_percent)

    def _new_name(self) -> str:
        """Another one each time: what was made of an earlier, empty beginning is not of this recording."""
        return f"{self._here}{secrets.token_hex(4)}"

    def _is_here(self, consult: Consult) -> bool:
        return consult.upload.startswith(self._here)

    def _key(self, consult_id: UUID) -> bytes:
        return self._store.data_key(consult_id, KeyPurpose.SOURCE)

    def _size(self, consult_id: UUID) -> int:
        """Bytes that are safe on this machine."""
        with self._lock:
            live = self._live.get(consult_id)
        if live is not None:
            return live.position
        try:
            with self._spool.read(consult_id, self._key(consult_id)) as file:
                return file.seek(0, 2)
        except NotFound:
            return 0

    def _end_live(self, consult_id: UUID, why: Conflict) -> None:
        with self._lock:
            live = self._live.get(consult_id)
        if live is not None:
            live.end(why)

    def _forget(self, consult_id: UUID, live: Live) -> None:
        with self._lock:
            if self._live.get(consult_id) is live:
                del self._live[consult_id]


class _Copy:
    """The spool's sound with silence in the place of what can't be read."""

    def __init__(self, *, second: int, channels: int = 1, own: int | None = None) -> None:
        """``own``: the channel of the microphone here, beside one of a call. Digital silence in that one is a
        microphone that was gone; a call has it whenever nobody speaks there.
        """
        self._second = second  # bytes
        self._channels = channels
        self._own = own
        self.missing: list[Span] = []
        self.gaps: list[Unrecorded] = []
        self._since: dict[Unheard, int] = {}  # from this byte on there was no sound, or none of the microphone

    @property
    def lost_s(self) -> float:
        return sum(span.duration_s for span in self.missing)

    def pieces(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        step = int(self._second * COPY_S)
        for start in range(0, size, step):
            end = min(start + step, size)
            whole = _piece(file, start, end - start)
            if whole is None:
                yield from self._around_damage(file, start, end)
            else:
                self._hear(start, whole)
                yield whole
        self._heard(size)

    def _around_damage(self, file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
        step = int(self._second * PIECE_S)
        for at in range(start, end, step):
            length = min(step, end - at)
            piece = _piece(file, at, length)
            if piece is None:
                self._heard(at)
                self._lost(at, at + length)
            else:
                self._hear(at, piece)
            yield piece or bytes(length)

    def _hear(self, start: int, sound: bytes) -> None:
        """Is there anything in it? What the recorder fills is nothing at all; a room never is."""
        step = int(self._second * PIECE_S)
        for at in range(0, len(sound), step):
            piece = sound[at : at + step]
            anything = bool(piece.strip(b"\0"))
            self._note(Unheard.GAP, start + at, silent=not anything)
            if self._own is not None:
                mine = memoryview(piece).cast("h")[self._own :: self._channels].tobytes()
                self._note(Unheard.VOICE, start + at, silent=not mine.strip(b"\0"))

    def _note(self, kind: Unheard, at: int, *, silent: bool) -> None:
        if silent:
            self._since.setdefault(kind, at)
        else:
            self._end(kind, at)

    def _heard(self, at: int) -> None:
        for kind in (Unheard.GAP, Unheard.VOICE):  # a gap ends before the silence of one voice around it
            self._end(kind, at)

    def _end(self, kind: Unheard, at: int) -> None:
        since = self._since.pop(kind, None)
        if since is None or at - since < GAP_S * self._second:
            return
        at_s, until_s = since / self._second, at / self._second
        if kind is Unheard.VOICE:  # what neither side has sound of is told as that
            gaps = [one for one in self.gaps if one.kind is Unheard.GAP and at_s <= one.at_s < until_s]
            if until_s - at_s - sum(one.length_s for one in gaps) < GAP_S:
                return
        self.gaps.append(Unrecorded(kind=kind, at_s=at_s, length_s=until_s - at_s))

    def _lost(self, start: int, end: int) -> None:
        span = Span(start_s=start / self._second, end_s=end / self._second)
        if self.missing and self.missing[-1].end_s == span.start_s:
            span = Span(start_s=self.missing.pop().start_s, end_s=span.end_s)
        self.missing.append(span)


class _Audible(RandomReader):
    """The same to listen to."""

    def __init__(self, file: BinaryIO, second: int) -> None:
        super().__init__()
        self._file = file
        self._step = int(second * PIECE_S)
        self.size = file.seek(0, io.SEEK_END)

    def piece(self, start: int, most: int) -> bytes:
        length = min(most, self._step - start % self._step)
        return _piece(self._file, start, length) or bytes(length)

    def close(self) -> None:
        self._file.close()
        super().close()


def _piece(file: BinaryIO, start: int, length: int) -> bytes | None:
    """None when it can't be read."""
    try:
        file.seek(start)
        return file.read(length)
    except Unreadable:
        return None


def _aside(began: tuple[float, datetime], ended: datetime) -> Unrecorded:
    at_s, since = began
    return Unrecorded(kind=Unheard.ASIDE, at_s=at_s, length_s=max(0.0, (ended - since).total_seconds()))


def _second(consult: Consult) -> int:
    """Bytes."""
    return RATE_HZ * SAMPLE_BYTES * len(consult.channels)
