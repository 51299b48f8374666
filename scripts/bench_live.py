"""How long after the last word the draft is there, and what following a consult costs.

    python scripts/bench_live.py --minutes 2 10 30 --speed 1
    python scripts/bench_live.py --minutes 2 --times 10     (for a p95)

Starts a service with the demonstration model in a folder of its own and speaks consults to it as a microphone would
(two channels, a frame each 100 ms): the bundled recordings, one after the other. Prints for each length the time from
the last frame to the draft in the database and on the screen, how far recognised text is behind speech, the processor
time of all processes of the service for a second of speech, and the memory of the worker after each quarter.
``--speed 3`` speaks three times as fast: what is behind is then told in seconds of the clock, not of speech.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.chaos import Person  # noqa: E402
from tests.chaos_service import Service  # noqa: E402
from tests.live_client import LiveClient  # noqa: E402
from transcribe.asr.transcript import HeardWindow  # noqa: E402
from transcribe.audio.decode import PyAvDecoder  # noqa: E402
from transcribe.consult import Status  # noqa: E402
from transcribe.web.views import Layout  # noqa: E402

CONSULTS = ROOT / "transcribe" / "demo" / "consults"
FRAME_BYTES = 6400
LOOK_S = 0.05


@dataclass
class Run:
    minutes: float
    draft_s: float = 0.0  # from the last frame to the draft in the database
    screen_s: float = 0.0  # ... and to a page that shows it
    lags: list[float] = field(default_factory=list)
    cpu: float = 0.0  # processor seconds for each second of speech
    memory_mb: list[float] = field(default_factory=list)
    lines: int = 0
    growing: int = 0  # lines of the note before the end


def spoken(minutes: float) -> bytes:
    """So much of the bundled consults, to a whole frame."""
    sound = b""
    for path in sorted(CONSULTS.glob("*.ogg")):
        with PyAvDecoder().decode(io.BytesIO(path.read_bytes()), max_s=900) as decoding:
            sound += b"".join(decoding)
    wanted = int(minutes * 600) * FRAME_BYTES
    return (sound * (wanted // len(sound) + 1))[:wanted]


def used(service: Service) -> tuple[float, float]:
    """Processor seconds of all its processes, MB of the largest worker."""
    seconds, memory = 0.0, 0.0
    postmaster = service.postmaster()
    processes = [psutil.Process(service.pid or 0)] + ([postmaster] if postmaster else [])
    for one in [*processes, *(child for process in processes for child in process.children(recursive=True))]:
        try:
            times = one.cpu_times()
            seconds += times.user + times.system
            if "worker" in one.cmdline():
                memory = max(memory, one.memory_info().rss / 1e6)
        except psutil.Error:
            continue
    return seconds, memory


def measure(service: Service, person: Person, sound: bytes, minutes: float, speed: float) -> Run:
    run = Run(minutes=minutes)
    consult_id = person.create()
    person.begin(consult_id, Layout.HUISARTS_LEFT)
    client = LiveClient(
        base=service.address,
        key=service.access_key,
        consult_id=consult_id,
        pcm=sound,
        speed=speed,
        frame_bytes=FRAME_BYTES,
    )
    cpu, _ = used(service)
    seen: dict[str, float] = {}
    began = time.monotonic()
    client.start()
    while client.acked < client.total:
        for row in service.rows("SELECT name FROM piece WHERE consult_id = :id", id=consult_id):
            seen.setdefault(row.name, time.monotonic())
        if len(run.memory_mb) < 4 * client.acked / client.total:
            run.memory_mb.append(used(service)[1])
        if client.acked > client.total - 20:
            windows = service.store.kept(consult_id).windows
            growing = service.store.growing(consult_id)
            run.growing = sum(1 for _ in growing.note.lines()) if growing else 0
            run.lags = lags(windows, seen, began, speed)
            break
        time.sleep(LOOK_S)
    last = began + client.total / 10 / speed
    while service.store.consult(consult_id).status is not Status.DRAFTED:
        if (consult := service.store.consult(consult_id)).reason:
            raise SystemExit(f"{minutes} min: {consult.reason}")
        time.sleep(LOOK_S)
    run.draft_s = time.monotonic() - last
    run.screen_s = page_s(person, consult_id) + run.draft_s
    run.cpu = (used(service)[0] - cpu) / (minutes * 60)
    found = service.store.note(consult_id)
    run.lines = sum(1 for _ in found[1].lines()) if found else 0
    client.join()
    return run


def lags(windows: tuple[HeardWindow, ...], seen: dict[str, float], began: float, speed: float) -> list[float]:
    """Seconds from the end of a stretch of speech to its text in the database."""
    at = {f"{one.channel}-{round(one.start_s * 1000):010}": one.end_s for one in windows}
    return [when - (began + at[name] / speed) for name, when in seen.items() if name in at]


def page_s(person: Person, consult_id: UUID) -> float:
    """How long the page with the draft takes."""
    before = time.monotonic()
    text = person.page(consult_id)
    assert "AI-concept" in text
    return time.monotonic() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 10, 30])
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--together", type=int, default=1, help="so many consults at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-live-") as folder:
        Path(folder).chmod(0o755)  # started by root, the database runs as another user
        service = Service(Path(folder))
        service.disk.mkdir()
        try:
            service.start()
            person = Person(service)
            print("minutes  after the end: draft / screen (s)  behind: median / p95 (s)  cpu s/s  worker MB  lines")
            for minutes in options.minutes:
                sound = spoken(minutes)
                for _ in range(options.times):
                    report(together(service, person, sound, minutes, options.speed, options.together))
        except BaseException:
            print(service.complaints(), file=sys.stderr)
            raise
        finally:
            service.clear_away()


def together(service: Service, person: Person, sound: bytes, minutes: float, speed: float, count: int) -> list[Run]:
    with ThreadPoolExecutor(count) as people:
        return list(people.map(lambda _: measure(service, person, sound, minutes, speed), range(count)))


def report(runs: list[Run]) -> None:
    for run in runs:
        behind = sorted(run.lags) or [float("nan")]
        memory = " ".join(f"{mb:.0f}" for mb in run.memory_mb)
        print(
            f"{run.minutes:7.0f}  {run.draft_s:24.2f} / {run.screen_s:.2f}  {statistics.median(behind):16.2f} / "
            f"{behind[int(0.95 * (len(behind) - 1))]:.2f}  {run.cpu / len(runs):14.2f}  {memory}  "
            f"{run.growing} of {run.lines}",
            flush=True,
        )


if __name__ == "__main__":
    main()
