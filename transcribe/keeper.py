"""What has to be done now and then, by whichever worker is first: ended recordings, retention, left-overs, lost jobs.

Everything here may be done twice, or stopped half-way and done again.

Erasing goes in one order, whoever asks for it: the key is destroyed together with its certificate (one transaction, so
there is no moment at which one is true without the other); then the files and the copies of the key go; then the
certificate is completed (``cleared_at``). A crash in between leaves it incomplete, and the next round goes on there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from transcribe import policy
from transcribe.consult import Action, Certificate, KeyPurpose, Status
from transcribe.errors import StoreUnavailable, TranscribeError
from transcribe.ports import AudioStore, Spool, SystemStore
from transcribe.writer import SYSTEM, Writer

log = logging.getLogger(__name__)

#: Finished jobs are kept for whoever looks into a fault.
KEEP_JOBS = timedelta(days=7)
EXPIRED = "bewaartermijn"
#: A clock that is set by more than this is not believed for a while, nor is that of a process that has just started.
JUMP_S = 600.0
DISTRUST_S = 3600.0
#: A service that did not run for so long was not just switched off for the night.
OFF = timedelta(days=1)


class Keeper:
    """``forget_keys`` brings the copies of the keys up to date, and returns the certificates of keys that are in none;
    ``scrub`` takes them out of the database's own files. ``forget_voices`` does both for keys of voice profiles.
    ``anchor`` notes how far the access log is, out of its reach.
    """

    def __init__(
        self,
        *,
        store: SystemStore,
        audio: AudioStore,
        spool: Spool,
        writer: Writer,
        unverified_days: int = 14,
        forget_keys: Callable[[Sequence[Certificate]], Sequence[Certificate]] = lambda proofs: proofs,
        keep_jobs: timedelta = KEEP_JOBS,
        forget_voices: Callable[[], int] = lambda: 0,
        scrub: Callable[[], bool] = lambda: True,
        anchor: Callable[[], object] = lambda: None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._audio = audio
        self._spool = spool
        self._writer = writer
        self._unverified_days = unverified_days
        self._forget_keys = forget_keys
        self._forget_voices = forget_voices
        self._keep_jobs = keep_jobs
        self._scrub = scrub
        self._anchor = anchor
        self._elapsed = elapsed
        self._offset_s = writer.clock().timestamp() - elapsed()
        # also after a start: a machine that has just booted may not have its time yet
        self._trusted_from_s = elapsed() + DISTRUST_S
        self._emptied: set[UUID] = set()  # certificates that wait for a copy of a key, and whose sound we removed

    def tend(self) -> None:
        """One round. One thing that fails does not keep the others waiting."""
        for task in (self.expire, self.clear, self.voices, self.requeue, self.prune, self.anchor):
            try:
                task()
            except TranscribeError as problem:
                log.warning("keeping: %s failed (%s)", task.__name__, type(problem).__name__)

    def expire(self) -> int:
        """Erase consults that nobody verified in time. Returns how many.

        Not while the clock may be wrong: one that jumps weeks ahead would erase everything that waits for a doctor.
        """
        self._store.tended(off=OFF)
        clock_was_set = self._clock_was_set()
        statuses = tuple(policy.UNVERIFIED)
        now = self._writer.clock()
        # people are warned first, and for three days, whatever any clock said before
        quiet = policy.untouched(self._unverified_days)
        self._store.notice(statuses, now, untouched=quiet, warned=policy.WARNED_BEFORE)
        if clock_was_set:
            return 0
        return sum(self._expire(one) for one in self._store.expired(statuses, now))

    def _clock_was_set(self) -> bool:
        """Has it been off the clock that only runs forward, within the last hour? Also after a machine's sleep."""
        elapsed_s = self._elapsed()
        offset_s = self._writer.clock().timestamp() - elapsed_s
        if abs(offset_s - self._offset_s) > JUMP_S:
            log.warning("the clock was set: nothing expires for an hour")
            self._offset_s, self._trusted_from_s = offset_s, elapsed_s + DISTRUST_S
        return elapsed_s < self._trusted_from_s

    def _expire(self, consult_id: UUID) -> bool:
        try:
            consult = self._store.consult(consult_id)
            if consult.expires_at is None or consult.status not in policy.UNVERIFIED:
                return False  # somebody was at it just now
            self._writer.apply(
                SYSTEM,
                consult,
                Action.EXPIRED,
                status=Status.DISCARDED,
                reason=None,
                destroy=self._writer.certificates(consult_id, EXPIRED, KeyPurpose),
            )
        except StoreUnavailable:
            raise
        except TranscribeError as problem:  # somebody is at it after all, or it can't be read
            log.warning("consult %s: not expired (%s)", consult_id, type(problem).__name__)
            return False
        return True

    def clear(self) -> int:
        """Complete the certificates of destroyed keys. Returns how many."""
        self._forget_keys(())  # copies on a disk that is back
        cleared = waiting = 0
        # by the thousand, past those that wait for a copy that is out of reach
        while proofs := self._store.uncleared(skip=waiting):
            emptied = {proof.id for proof in proofs if proof.id not in self._emptied and self._remove_sound(proof)}
            # what came in while it waited for a copy goes as well
            gone = [
                proof
                for proof in self._forget_keys(proofs)
                if proof.id in emptied or (proof.id in self._emptied and self._remove_sound(proof))
            ]
            if gone and not self._scrub():
                gone = []  # somebody reads the keys just now: the next round tries again
            self._store.clear(gone, self._writer.clock())
            cleared += len(gone)
            waiting += len(proofs) - len(gone)
            self._emptied |= emptied
            self._emptied -= {proof.id for proof in gone}
        return cleared

    def _remove_sound(self, proof: Certificate) -> bool:
        """Is it gone? One that can't be reached now does not keep the others waiting."""
        if proof.purpose is KeyPurpose.SOURCE:
            try:
                self._spool.delete(proof.consult_id)
                self._audio.delete(proof.consult_id)
            except (TranscribeError, OSError) as problem:
                log.warning("consult %s: sound can't be removed (%s)", proof.consult_id, type(problem).__name__)
                return False
        return True

    def voices(self) -> int:
        """Nothing is left of the keys of voice profiles that were removed. Returns of how many that is so now."""
        return self._forget_voices()

    def requeue(self) -> int:
        """A job for every consult that wants one and has none. Returns how many."""
        return sum(self._again(one) for one in self._store.idle())

    def _again(self, consult_id: UUID) -> bool:
        try:
            self._writer.again(self._store.consult(consult_id))
        except StoreUnavailable:
            raise
        except TranscribeError as problem:
            log.warning("consult %s: no job made (%s)", consult_id, type(problem).__name__)
            return False
        return True

    def prune(self) -> int:
        return self._store.prune(jobs_before=self._writer.clock() - self._keep_jobs)

    def anchor(self) -> None:
        try:
            self._anchor()
        except OSError as problem:
            log.warning("keeping: no anchor of the access log (%s)", type(problem).__name__)
