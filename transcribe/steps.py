"""What a worker does with a job: a recording to a transcript, a transcript to a draft.

Every outcome is written under the lease of the attempt that made it. A worker that was taken for dead and wakes later
can't write: its lease is over (``LeaseLost``). Finished pieces are kept as they come; the next attempt goes on there.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO
from uuid import UUID

from consent import Purpose, require
from transcribe import policy
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.audio.pcm import Decoded, Pcm, mixed
from transcribe.consult import LIVE, STOPPING, Action, Consult, KeyPurpose, Lane, Lease, Reason, Role, Stage, Status
from transcribe.errors import AudioProblem, Conflict, DecoderFailed, Erased, NoSpeech, NotFound, Unreadable
from transcribe.ports import AudioStore, Decoder, Drafter, Preferences, SystemStore, Transcriber, VoiceProfiles
from transcribe.soep.agreeing import without_claims
from transcribe.soep.check import flags_of
from transcribe.soep.memory import remembering
from transcribe.soep.missed import missed
from transcribe.soep.note import Note
from transcribe.soep.planting import with_errors
from transcribe.soep.style import apply_style
from transcribe.speakers.naming import channels_said
from transcribe.speakers.profile import Profile
from transcribe.vitals import STALE_S
from transcribe.writer import PCM, SYSTEM, Writer

log = logging.getLogger(__name__)

#: Workers that may be gone in the middle of a step before a person must look: a recording that takes its worker down
#: each time must not do so for ever.
MOST_STUMBLES = 10
#: Attempts that a decoder may break off before the recording is taken for unreadable.
DECODER_TRIES = 3


class Interrupted(Exception):
    """The worker was asked to stop in the middle of a step: the job goes back into the queue."""


class Later(Exception):
    """The job goes back into the queue for a moment: another worker has what it needs, or its decoder was killed."""


class Steps:
    """One for each worker: ``transcriber`` is not thread-safe."""

    def __init__(
        self,
        *,
        store: SystemStore,
        audio: AudioStore,
        decoder: Decoder,
        transcriber: Transcriber | None,
        drafter: Drafter,
        writer: Writer,
        preferences: Preferences | None = None,
        voices: VoiceProfiles | None = None,
        max_minutes: int = 120,
        demo: bool = False,
    ) -> None:
        self._store = store
        self._audio = audio
        self._decoder = decoder
        self._transcriber = transcriber
        self._drafter = drafter
        self._writer = writer
        self._preferences = preferences
        self._voices = voices
        self._max_minutes = max_minutes
        self._demo = demo
        self._warm = False  # was a note checked by this process?
        self._broken_off: Counter[UUID] = Counter()  # by their decoder, in this process

    def do(self, stage: Stage, consult_id: UUID, lease: Lease, *, stop: Callable[[], bool] = lambda: False) -> None:
        """One attempt at one job. Fine when the consult needs it no more.

        A withdrawal in the middle ends the work quietly: what it made goes with the destroyed key. ``stop`` is asked
        after each piece of sound. Raises ``Interrupted``, ``Later``, ``LeaseLost``, ``StoreUnavailable``,
        ``DiskFull``: none of them says anything of the consult, which is done again by a later attempt. Whatever else
        happens is the consult's: it is marked.
        """
        try:
            consult = self._store.consult(consult_id)
        except NotFound:
            return
        if policy.stage_of(consult) is not stage:
            return
        try:
            if consult.stumbles >= MOST_STUMBLES:
                self._stop(consult, Reason.FAILED, lease)
            elif stage is Stage.TRANSCRIBE:
                self._transcribe(consult, lease, stop)
            else:
                self._draft(consult, lease)
        except (Conflict, Erased, NotFound) as error:
            if self._store.consult(consult_id).version != consult.version:
                log.info("consult %s: work ended, it was changed meanwhile (%s)", consult_id, type(error).__name__)
                self._tidy(consult_id)
                return
            log.error("consult %s: what it needs is not there (%s)", consult_id, type(error).__name__)
            gone = stage is Stage.TRANSCRIBE and isinstance(error, NotFound)
            with suppress(Conflict):  # changed just now after all
                self._stop(consult, Reason.SOUND_GONE if gone else Reason.FAILED, lease)

    def _another_can(self, consult: Consult) -> bool:
        """Does a living worker of this lane have a model?"""
        workers = self._store.vitals().workers
        return any(one.model and one.lane is consult.lane and one.beat_s < STALE_S for one in workers)

    def _tidy(self, consult_id: UUID) -> None:
        """What was decoded while the key was destroyed goes at once, not when the keeper comes by."""
        if any(proof.purpose is KeyPurpose.SOURCE for proof in self._store.certificates(consult_id)):
            self._audio.delete(consult_id)

    def growing(self, drafter: Drafter, consult_id: UUID, transcript: Transcript) -> Note:
        """The draft so far of a consult that is going on."""
        note = self._styled(self._store.consult(consult_id), self._written(drafter, transcript))
        if not self._warm:
            self._warm = True
            flags_of(note, transcript)  # half a second for its tables and patterns, before somebody waits for it
        return note

    def hints(self, consult: Consult) -> list[str]:
        """Words of the practice and the doctor that may be said."""
        if self._preferences is None:
            return []
        return self._preferences.of(consult.practice).words(self._doctor(consult))

    def _profile(self, consult: Consult) -> Profile | None:
        """How the doctor sounds whose recording it is, and who agreed to that; not one who only looked."""
        if self._voices is None:
            return None
        try:
            found = self._voices.of(consult.practice).find(self._held_by(consult))
        except Unreadable:
            log.error("consult %s: the voice profile of its doctor can't be read", consult.id)
            return None
        return None if found is None else found.profile

    def failed(self, consult_id: UUID, lease: Lease) -> None:
        """The worker could not go on: keep the status, say so, leave the recording where it is."""
        consult = self._store.consult(consult_id)
        if policy.stage_of(consult) is not None:
            self._stop(consult, Reason.FAILED, lease)

    def _transcribe(self, consult: Consult, lease: Lease, stop: Callable[[], bool]) -> None:
        require(self._store.consent(consult.id), Purpose.TRANSCRIPTION)
        if self._transcriber is None:
            if self._another_can(consult):
                raise Later
            return self._stop(consult, Reason.NO_MODEL, lease)
        began = time.monotonic()
        key = self._store.data_key(consult.id, KeyPurpose.SOURCE)
        kept = self._store.kept(consult.id)
        try:
            decoded, pcm = self._decoded(consult, kept.decoded, key, lease, stop)
            speakers = channels_said(_speakers(consult, decoded), self._before(consult))
            with pcm as file:
                transcript = self._transcriber.transcribe(
                    Pcm(file, channels=decoded.channels),
                    speakers,
                    missing=decoded.missing,
                    heard=kept.windows,
                    hints=self.hints(consult),
                    profile=self._profile(consult) if set(speakers) == {Speaker.ONBEKEND} else None,
                    keep=lambda window: self._store.keep(consult.id, window, lease),
                    progress=lambda done_s: self._progress(consult, done_s, lease, stop),
                )
        except NoSpeech:
            return self._stop(consult, Reason.NO_SPEECH, lease)
        except DecoderFailed:
            # its process ended: killed, or by this very recording, which shows when it does so each time
            self._broken_off[consult.id] += 1
            if self._broken_off[consult.id] < DECODER_TRIES:
                raise Later from None
            del self._broken_off[consult.id]
            return self._stop(consult, Reason.UNREADABLE, lease)
        except AudioProblem:
            return self._stop(consult, Reason.UNREADABLE, lease)
        self._broken_off.pop(consult.id, None)
        self._writer.apply(
            SYSTEM,
            consult,
            Action.TRANSCRIBED,
            detail=f"{len(transcript.utterances)} uitingen",
            lease=lease,
            status=Status.TRANSCRIBED,
            reason=Reason.DAMAGED if decoded.damaged else None,
            transcript=replace(transcript, unrecorded=decoded.unrecorded),
            channels=speakers,
            audio_s=decoded.duration_s,
            missing_s=transcript.missing_s,
            progress_s=decoded.duration_s,
        )
        fresh_s = decoded.duration_s - sum(window.end_s - window.start_s for window in kept.windows)
        self._store.measured(Stage.TRANSCRIBE, max(fresh_s, 0.0), time.monotonic() - began)
        return None

    def _before(self, consult: Consult) -> Transcript | None:
        """Of a recording that went on: the transcript until then. What takes the place of a recording has none."""
        return self._store.transcript(consult.id) if consult.upload.startswith(LIVE) else None

    def _decoded(
        self, consult: Consult, known: Decoded | None, key: bytes, lease: Lease, stop: Callable[[], bool]
    ) -> tuple[Decoded, BinaryIO]:
        """Decoded once, and again when that is gone or damaged while the recording itself is there."""
        if known is not None:
            try:
                return known, self._audio.open(consult.id, PCM, key)
            except (NotFound, Unreadable):
                if not consult.upload:
                    raise
        return self._decode(consult, key, lease, stop), self._audio.open(consult.id, PCM, key)

    def _decode(self, consult: Consult, key: bytes, lease: Lease, stop: Callable[[], bool]) -> Decoded:
        """The upload to PCM in the audio store, once."""
        with (
            self._audio.open(consult.id, consult.upload, key) as file,
            self._decoder.decode(file, max_s=self._max_minutes * 60) as decoding,
        ):
            # one voice is declared for everything together: its channels become one
            mix = decoding.channels > len(consult.channels)

            def chunks() -> Iterator[bytes]:
                for chunk in decoding:
                    if stop():
                        raise Interrupted
                    yield chunk

            self._audio.write(consult.id, PCM, key, mixed(chunks()) if mix else chunks())
            decoded = decoding.result()
        if mix:
            decoded = replace(decoded, channels=1)
        self._store.keep(consult.id, decoded, lease)
        return decoded

    def _draft(self, consult: Consult, lease: Lease) -> None:
        require(self._store.consent(consult.id), Purpose.DRAFT)
        transcript = self._store.transcript(consult.id)
        if transcript is None:
            raise NotFound
        with remembering():
            note = self._styled(consult, self._written(self._drafter, transcript))
            if consult.exercise:
                policy.check_exercise(demo=self._demo)
                # by its id: another attempt at this job plants the same
                note = with_errors(note, transcript, random.Random(consult.id.int))  # noqa: S311  (no secret)
            note = replace(note, missed=missed(note, transcript))
            self._store.keep(consult.id, flags_of(note, transcript), lease)
        before = self._store.note(consult.id)
        if before is not None:  # the recording went on: what was recorded in the draft before this one still holds
            note = replace(note, video=before[1].video, video_version=before[1].video_version)
        lines = sum(1 for _ in note.lines())
        self._writer.apply(
            SYSTEM, consult, Action.DRAFTED, detail=f"{lines} regels", lease=lease, status=Status.DRAFTED, note=note
        )

    def _written(self, drafter: Drafter, transcript: Transcript) -> Note:
        """Whatever wrote it: it claims no consent. What the huisarts alone dictates is left, and asked about."""
        note = drafter.draft(transcript)
        dictated = {utterance.speaker for utterance in transcript.utterances} == {Speaker.HUISARTS}
        return note if dictated else without_claims(note)

    def _styled(self, consult: Consult, note: Note) -> Note:
        """The draft in the style of the practice, with the rules of the doctor whose consult it is."""
        if self._preferences is None:
            return note
        preferences = self._preferences.of(consult.practice)
        return apply_style(note, preferences.style(), preferences.rules(self._doctor(consult)))

    def _doctor(self, consult: Consult) -> str:
        """Whose consult it is, as the access log names him; "" when nobody was at it."""
        if named := _meant_for(consult):
            return named
        people = [event for event in self._store.events(consult.id) if event.role is not Role.SYSTEEM]
        doctors = [event for event in people if policy.RIGHTS[event.role].approve] or people
        return doctors[-1].actor if doctors else ""

    def _held_by(self, consult: Consult) -> str:
        """The doctor who is heard in it; "" when that is not known: it was no doctor who brought it in."""
        if named := _meant_for(consult):
            return named
        made = {Action.RECORDING_STARTED, Action.RECORDING_RESUMED, Action.AUDIO_STORED}
        people = [event for event in self._store.events(consult.id) if event.action in made]
        return next((event.actor for event in reversed(people) if policy.RIGHTS[event.role].approve), "")

    def _progress(self, consult: Consult, done_s: float, lease: Lease, stop: Callable[[], bool]) -> None:
        """Called by the transcriber after each piece: the place where a withdrawal ends the work."""
        if stop():
            raise Interrupted
        if self._store.consult(consult.id).version != consult.version:
            raise Conflict
        self._store.progress(consult.id, done_s, lease)

    def _stop(self, consult: Consult, reason: Reason, lease: Lease) -> None:
        assert reason in STOPPING
        self._writer.apply(SYSTEM, consult, Action.STEP_FAILED, detail=reason.value, lease=lease, reason=reason)


def _meant_for(consult: Consult) -> str:
    """One of many recordings is not always brought in by the doctor whom it is of: the list names him, or nobody."""
    return consult.waits_for if consult.lane is Lane.BATCH else ""


def _speakers(consult: Consult, decoded: Decoded) -> tuple[Speaker, ...]:
    known = len(consult.channels) == decoded.channels
    return consult.channels if known else (Speaker.ONBEKEND,) * decoded.channels
