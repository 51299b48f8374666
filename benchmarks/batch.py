"""A batch of many recordings through ``transcribe batch``, against bare faster-whisper on the same files, in one run.

    python -m benchmarks.batch [--recordings 100] [--kills 2] [--layout both|channels|mixed] [--threads 2]
        [--workers 1] [--model FOLDER] [--alone]

Pieces of 20 to 40 seconds of the bundled demo consults in eight kinds of file; ``channels``: each side has one, and we
hear both; ``mixed``: everybody on one; ``both``: half of each. First the bare program: decoding, voice detection and
recognition by faster-whisper's ``BatchedInferencePipeline`` (batches of 8), one process, the same model, threads,
language and beam. It hears the mean of two channels, and writes text and nothing else: no consent, no sealing, no
database, no draft, no proof. Then ``transcribe batch`` from an empty folder to the last draft, killed (SIGKILL, with
all of its processes) when a third and two thirds are under way or done, and given again: its time is that of all runs
together. Then without kills.

Speech is packed into windows of 28 s, as for all models but the demo model, which hears each stretch alone and pays for
it (docs/asr-windows.md); ``--alone``: as that one does. ``--model``: a folder of another CTranslate2 model.

Printed: seconds; the ratio of the throughputs; the largest process of ours until a tenth of the recordings and at the
end (resident, MB); recordings done twice, and lost, by the table that the command writes.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from benchmarks.formats import PICTURES, Track, file_of
from models.catalog import RECORD
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ
from transcribe.demo import CONSULTS
from transcribe.store.folders import throwaway_data_dir

#: Ending, codec, with a picture.
KINDS = (
    ("wav", "pcm_s16le", False), ("mp3", "libmp3lame", False), ("m4a", "aac", False), ("ogg", "libopus", False),
    ("webm", "libopus", True), ("mp4", "aac", True), ("mov", "aac", True), ("mkv", "aac", True),
)  # fmt: skip
BATCH_SIZE, BEAM = 8, 5
POLL_S = 0.5


def rendered(folder: Path, number: int, layout: str) -> float:
    """The recordings and their list; returns the seconds of all of them."""
    chance = random.Random(7)
    whole = []
    for path in sorted(CONSULTS.glob("*.ogg")):
        with path.open("rb") as source, PyAvDecoder().decode(source, max_s=3600) as decoding:
            raw = b"".join(decoding)
        whole.append(np.frombuffer(raw, "<i2").reshape(-1, 2).astype(np.float32) / 32768)
    rows, seconds = [], 0.0
    for index in range(number):
        sound = whole[index % len(whole)]
        length = round(chance.uniform(20, 40) * RATE_HZ)
        start = chance.randrange(max(1, len(sound) - length))
        piece = sound[start : start + length]
        ending, codec, picture = KINDS[index % len(KINDS)]
        name = f"opname {index:03}.{ending}"
        video = picture and ending in PICTURES
        (folder / name).write_bytes(file_of(ending, codec, [Track(sound=piece)], video=video))
        rows.append(
            {
                "bestand": name,
                "kenmerk": f"P-{index}",
                "datum": "2026-11-20",
                "begin": "10:00",
                "toestemming": "mondeling",
                "geïnformeerd_door": "B. Balie",
                "anderen": "geen",
                "kanalen": "gemengd" if layout == "mixed" or (layout == "both" and index % 2) else "huisarts,patiënt",
            }
        )
        seconds += len(piece) / RATE_HZ
    with (folder.parent / "lijst.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return seconds


# --- the bare program, in a process of its own ---------------------------------------------------------------------

BARE = """
import sys, time
from pathlib import Path
from faster_whisper import BatchedInferencePipeline, WhisperModel
began = time.monotonic()
model, folder, threads, size, beam = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
bare = BatchedInferencePipeline(WhisperModel(model, device="cpu", compute_type="auto", cpu_threads=threads))
words = 0
for path in sorted(folder.iterdir()):
    segments, _ = bare.transcribe(str(path), language="nl", batch_size=size, beam_size=beam, word_timestamps=True)
    words += sum(len(one.words or ()) for one in segments)
print(time.monotonic() - began, words)
"""


def bare(folder: Path, model: Path, threads: int) -> float:
    """Seconds, from the start of the process to the last text."""
    began = time.monotonic()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(model), str(folder), str(threads), str(BATCH_SIZE), str(BEAM)],
        check=True, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    took = time.monotonic() - began
    print(f"bare: {took:.1f} s ({done.stdout.split()[1]} words)", flush=True)
    return took


# --- ours -----------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """``transcribe batch`` in one data folder, over all times that it was started."""

    folder: Path
    data: Path
    options: list[str]
    threads: int
    took_s: float = 0.0
    memory: list[tuple[int, float]] = field(
        default_factory=list
    )  # recordings that were decoded, MB of the largest process

    def go(self, until: int) -> int | None:
        """Until so many recordings are under way or done, then killed; 0: to its end. Its exit code, when it ended."""
        command = [sys.executable, "-P", "-m", "transcribe", "batch", str(self.folder), "--data-dir", str(self.data)]
        command += ["--manifest", str(self.folder.parent / "lijst.csv"), *self.options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRANSCRIBE_")}
        environment.pop("OMP_NUM_THREADS", None)
        if self.threads:
            environment |= {"OMP_NUM_THREADS": str(self.threads)}
        if os.geteuid() == 0:
            environment["TRANSCRIBE_OS_USER"] = "nobody"
        began = time.monotonic()
        log = (self.folder.parent / "uitvoer.txt").open("ab")
        with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as started:
            while started.poll() is None:
                time.sleep(POLL_S)
                done = self._drafts(started.pid)
                if until and done is not None and done >= until:
                    kill(started.pid)
                    break
        self.took_s += time.monotonic() - began
        return started.returncode if not until else None

    def _drafts(self, pid: int) -> int | None:
        """How many recordings were decoded, which is when their transcription begins."""
        family = [psutil.Process(pid)]
        with suppress(psutil.NoSuchProcess):
            family += family[0].children(recursive=True)
        largest = 0
        for one in family:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                largest = max(largest, one.memory_info().rss)
        done = len(list((self.data / "audio").glob("*/pcm*"))) if (self.data / "audio").is_dir() else 0
        self.memory.append((done, largest / 1e6))
        return done


def kill(pid: int) -> None:
    """It and all that it started, as a power cut does, but for the database, which has its own story."""
    family = []
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=20)


def with_model(data: Path, model: Path, *, pack_s: float) -> None:
    """As this data folder's own model, for demonstrations: what is measured is no consult."""
    place = data / "models" / "demo-nl"
    place.mkdir(parents=True)
    rows = ["demo_only = true", 'language = "nl"', 'licence = ""', 'revision = "bench"', f"pack_s = {pack_s}"]
    rows += ["hints = false", "[sha256]"]
    for file in model.iterdir():
        if file.is_file():
            (place / file.name).symlink_to(file.resolve())
    (place / RECORD).write_text("\n".join(rows) + "\n", encoding="utf-8")


def counted(summary: Path, number: int) -> tuple[int, int]:
    """Recordings that were done twice, and that were lost."""
    rows = json.loads(summary.read_text(encoding="utf-8"))
    ready = [row for row in rows if row["stand"] in ("concept staat klaar", "was al gedaan")]
    consults = Counter(row["consult"] for row in ready)
    return sum(count - 1 for count in consults.values()), number - len(ready)


def ours(
    folder: Path, number: int, kills: int, model: tuple[Path, float], *, threads: int, workers: int
) -> tuple[float, list[str]]:
    with throwaway_data_dir() as data:
        with_model(data, model[0], pack_s=model[1])
        summary = folder.parent / f"overzicht-{kills}.json"
        run = Run(
            folder=folder,
            data=data,
            options=["--demo", "--workers", str(workers), "--summary", str(summary)],
            threads=threads if workers == 1 else 0,  # several share the processors by themselves
        )
        for nth in range(1, kills + 1):
            run.go(number * nth // (kills + 1))
        code = run.go(0)
        twice, lost = counted(summary, number)
        early = [mb for done, mb in run.memory if done <= max(1, number // 10)]
        late = [mb for done, mb in run.memory if done >= number - 1]
        largest = f"{max(early, default=0):.0f} / {max(late, default=0):.0f}"
        return run.took_s, [f"{run.took_s:.1f}", str(code), largest, str(twice), str(lost)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=100)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--layout", choices=("both", "channels", "mixed"), default="both")
    parser.add_argument("--model", type=Path, default=Path(__file__).parents[1] / "models" / "demo-nl")
    parser.add_argument("--alone", action="store_true", help="each stretch of speech in a window of its own")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="opnamen-") as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "opnamen"
        folder.mkdir()
        seconds = rendered(folder, args.recordings, args.layout)
        print(f"{args.recordings} recordings, {seconds:.0f} s, {args.threads} threads", flush=True)
        base = bare(folder, args.model, args.threads)
        columns = ("", "s", "exit code", "largest process, MB: first / last", "twice", "lost", "ratio to bare")
        print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
        model = (args.model, 0.0 if args.alone else 28.0)
        for kills in dict.fromkeys((args.kills, 0)):
            took, row = ours(folder, args.recordings, kills, model, threads=args.threads, workers=args.workers)
            print(f"| killed {kills} times | " + " | ".join(row) + f" | {base / took:.2f} |", flush=True)


if __name__ == "__main__":
    main()
