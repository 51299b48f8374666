"""A worker process on a real database and real files, with a recogniser that takes as long as a test wants.

    python -m tests.worker_child DATABASE_URL AUDIO_FOLDER MASTER_KEY_HEX DIARY PACE LANE STALE_S

Every window takes PACE seconds; "hog" instead holds the interpreter for 4 s in one call, "deaf" sleeps a minute in one;
"stale" finds the share gone at its first attempt; "withdrawn" has a follower that does not come back from such sound.
What it does is written to the file DIARY, a line each: begin|end, process, consult, window.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from transcribe.asr.transcript import HeardSegment, HeardWindow, Speaker, Transcript
from transcribe.audio.pcm import Pcm, Span
from transcribe.consult import Lane
from transcribe.speakers.profile import Profile
from transcribe.steps import Steps
from transcribe.store.blobs import open_blobs
from transcribe.store.keys import MasterKey
from transcribe.store.lease import Patience
from transcribe.store.postgres import PostgresStore
from transcribe.store.sound import SealedAudioStore
from transcribe.store.worker import WorkerProcess
from transcribe.testing import CONSULT, DRAFT, ScriptedDecoder, ScriptedDrafter
from transcribe.writer import Writer

WINDOW_S = 2.0


class PacedTranscriber:
    def __init__(self, diary: Path, pace: str) -> None:
        self._diary = diary
        self._pace = pace

    def transcribe(
        self,
        pcm: Pcm,
        speakers: Sequence[Speaker],
        *,
        missing: Sequence[Span] = (),
        heard: Sequence[HeardWindow] = (),
        hints: Sequence[str] = (),
        profile: Profile | None = None,
        keep: Callable[[HeardWindow], None] = lambda _: None,
        progress: Callable[[float], None],
    ) -> Transcript:
        known = {window.start_s for window in heard}
        # the first sample names the consult, so that the diary does not need its id
        name = int(pcm.read(0.0, 0.001)[0] * 32768)
        self.note("run", name, 0.0)
        start_s = 0.0
        while start_s < pcm.duration_s:
            if start_s not in known:
                self.note("begin", name, start_s)
                self._work()
                segment = HeardSegment(
                    text="ja", start_s=0, end_s=1, words=(), no_speech=0, log_probability=0, compression=1
                )
                self.note("end", name, start_s)
                keep(
                    HeardWindow(
                        model="paced", channel=0, start_s=start_s, end_s=start_s + WINDOW_S, segments=(segment,)
                    )
                )
            start_s += WINDOW_S
            progress(min(start_s, pcm.duration_s))
        self.note("ran", name, 0.0)
        return Transcript(utterances=CONSULT, model="paced", duration_s=pcm.duration_s)

    def _work(self) -> None:
        if self._pace == "hog":
            ctypes.PyDLL(None).sleep(4)  # unlike CDLL, this keeps the interpreter to itself
        elif self._pace == "deaf":
            time.sleep(60)
        elif self._pace == "stale":
            self._pace = "0"
            raise OSError(errno.ESTALE, "stale file handle")
        else:
            time.sleep(float(self._pace))

    def note(self, what: str, name: int, start_s: float) -> None:
        with self._diary.open("a") as diary:
            diary.write(f"{what} {os.getpid()} {name} {start_s} {time.monotonic()}\n")


def main(url: str, folder: str, key: str, diary: str, pace: str, lane: str, stale_s: str) -> int:
    store = PostgresStore(url, MasterKey.of(bytes.fromhex(key)))
    steps = Steps(
        store=store,
        audio=SealedAudioStore(open_blobs(folder, Path(folder))),
        decoder=ScriptedDecoder(),
        transcriber=PacedTranscriber(Path(diary), pace),
        drafter=ScriptedDrafter(DRAFT),
        writer=Writer(store),
    )
    return WorkerProcess(
        url,
        steps,
        lane=Lane(lane),
        model="paced",
        follow=lambda _: time.sleep(60) if pace == "withdrawn" else None,
        overdue=lambda: pace == "withdrawn",
        patience=Patience(stale_s=float(stale_s), silence_s=5.0),
    ).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
