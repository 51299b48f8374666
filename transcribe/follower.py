"""Transcribing and drafting while a consult is going on: at its end only the last words are left to do.

A worker follows the recordings that are made on its machine, one piece of work for each in turn. What it makes is kept
as an attempt at a finished recording keeps it (``HeardWindow``), and the job that comes after the end goes on from
there. So nothing depends on it: a recording that nobody followed is transcribed after its end. When the machine is
slower than speech, work gets behind and catches up later; sound waits on the disk and is never passed over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from consent import ConsentMissing, Purpose, require
from transcribe import policy
from transcribe.asr.transcript import HeardWindow, Transcript
from transcribe.audio.pcm import Pcm
from transcribe.consult import Consult, KeyPurpose, live_on
from transcribe.errors import Conflict, StoreUnavailable, TranscribeError
from transcribe.ports import Following, Growing, Listening, Spool, SystemStore, Transcriber
from transcribe.soep.note import Note
from transcribe.speakers.naming import channels_said

log = logging.getLogger(__name__)

#: Between two looks at what there is to do.
LOOK_S = 0.5
#: The growing note is written anew no more often than this, and takes no more than this part of the time.
DRAFT_S = 3.0
DRAFT_SHARE = 0.1
#: After trouble of the database or a disk.
AGAIN_S = 5.0


class _Followed:
    """One recording."""

    def __init__(self, *, sound: Following, listening: Listening, consult: Consult) -> None:
        self.sound = sound
        self.listening = listening
        self.consult = consult  # as it was then: one that was begun anew is another recording
        self.fresh = False  # something was heard since the last draft
        self.draft_at_s = 0.0


class Follower:
    """Used by one thread. ``draft`` makes the growing note of a consult, in the practice's style; ``hints`` are words
    that may be said in it.
    """

    def __init__(
        self,
        *,
        store: SystemStore,
        spool: Spool,
        transcriber: Transcriber,
        draft: Callable[[UUID, Transcript], Note],
        hints: Callable[[Consult], Sequence[str]] = lambda _: (),
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._spool = spool
        self._here = live_on(spool.name)
        self._transcriber = transcriber
        self._draft = draft
        self._hints = hints
        self._elapsed = elapsed
        self._followed: dict[UUID, _Followed] = {}
        self._left: dict[UUID, float] = {}  # not ours when we last looked
        self._at: UUID | None = None  # whose sound is in the recogniser

    def run(self, wait: Callable[[float], bool]) -> None:
        """Until ``wait`` says that it is time to stop."""
        pause_s = 0.0
        while not wait(pause_s):
            try:
                pause_s = 0.0 if self.look() else LOOK_S
            except Exception as trouble:  # noqa: BLE001  (of the machine, not of one recording; it may pass)
                log.error("following failed (%s)", type(trouble).__name__)
                pause_s = AGAIN_S
        for consult_id in list(self._followed):
            self._leave(consult_id)

    def overdue(self) -> bool:
        """Is there sound in the recogniser that nobody may use any more? Asked by another thread, now and then."""
        consult_id = self._at
        if consult_id is None:
            return False
        try:
            over = self._store.consult(consult_id).status in policy.OVER
        except StoreUnavailable:
            return False  # leases end the process when that lasts
        except TranscribeError:  # erased
            over = True
        return over and self._at == consult_id

    def look(self) -> bool:
        """One piece of work for each recording that is made here. False when there was none to do.

        Raises ``StoreUnavailable``; ``OSError`` when the disk of the recordings is not there.
        """
        here = set(self._spool.consults())
        for consult_id in [one for one in self._followed if one not in here]:
            self._leave(consult_id)
        now_s = self._elapsed()
        self._left = {one: at_s for one, at_s in self._left.items() if one in here and now_s - at_s < AGAIN_S}
        busy = False
        for consult_id in here - self._left.keys():
            try:
                followed = self._followed.get(consult_id) or self._begin(consult_id)
                self._at = consult_id
                busy |= self._advance(consult_id, followed)
            except StoreUnavailable:
                raise
            except (TranscribeError, ConsentMissing) as why:  # finished, withdrawn, unreadable, another worker's
                log.debug("consult %s: not followed (%s)", consult_id, type(why).__name__)
                self._leave(consult_id, now_s)
            except Exception as error:  # noqa: BLE001  (the others go on; what is left of this one its job does)
                # the type only: a message could carry words of the consult
                log.error("consult %s: not followed (%s)", consult_id, type(error).__name__)
                self._leave(consult_id, now_s)
            finally:
                self._at = None
        return busy

    def _begin(self, consult_id: UUID) -> _Followed:
        consult = self._store.consult(consult_id)
        policy.check_status(consult, policy.RUNNING)
        require(self._store.consent(consult_id), Purpose.TRANSCRIPTION)
        if not consult.upload.startswith(self._here):
            raise Conflict
        sound = self._spool.follow(consult_id, self._store.data_key(consult_id, KeyPurpose.SOURCE))
        if sound is None:
            raise Conflict
        try:
            kept = self._store.kept(consult_id)
            channels = channels_said(consult.channels, self._store.transcript(consult_id))
            listening = self._transcriber.listen(channels, heard=kept.windows, hints=self._hints(consult))
        except BaseException:
            sound.close()
            raise
        followed = _Followed(sound=sound, listening=listening, consult=consult)
        self._followed[consult_id] = followed
        return followed

    def _advance(self, consult_id: UUID, followed: _Followed) -> bool:
        made_of = followed.consult.upload

        def keep(window: HeardWindow) -> None:
            self._store.keep(consult_id, window, made_of)
            followed.fresh = True

        with followed.sound.read() as file:
            worked = followed.listening.advance(Pcm(file, channels=len(followed.consult.channels)), keep=keep)
        now_s = self._elapsed()
        # also while there is more to hear: a machine that is behind must not keep the note from growing
        if followed.fresh and now_s >= followed.draft_at_s:
            transcript = followed.listening.so_far()
            bare = tuple(replace(utterance, words=()) for utterance in transcript.utterances)
            note = self._draft(consult_id, transcript)
            self._store.keep(consult_id, Growing(note=note, transcript=replace(transcript, utterances=bare)), made_of)
            took_s = self._elapsed() - now_s
            followed.fresh, followed.draft_at_s = False, now_s + max(DRAFT_S, took_s / DRAFT_SHARE)
        return worked

    def _leave(self, consult_id: UUID, now_s: float | None = None) -> None:
        """``now_s``: not to be looked at again for a while."""
        followed = self._followed.pop(consult_id, None)
        if followed is not None:
            followed.sound.close()
        if now_s is not None:
            self._left[consult_id] = now_s
