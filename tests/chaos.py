"""Rounds of chaos: consults are recorded, brought in and worked on, one thing breaks, and all must be as if it had not.

After each round, from outside, on the database and the files themselves: every acknowledged sample is there, each
consult was transcribed and drafted exactly once, no job ran twice at a time, the access log is whole, nothing waits,
and what was withdrawn is gone. See ``scripts/chaos.py``.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import shutil
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx

from consent import AgeClass, GivenBy, current_text
from tests.chaos_faults import Fault, Scene, make_clock
from tests.chaos_service import NotStarted, Service, Violation, own_disk, until
from tests.live_client import LiveClient
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES
from transcribe.consult import (
    STOPPING,
    Action,
    AuditEvent,
    Change,
    Consult,
    KeyPurpose,
    Lane,
    Role,
    Status,
)
from transcribe.demo import CONSULTS
from transcribe.errors import Conflict, Erased, TranscribeError
from transcribe.store.folders import make_data_dir
from transcribe.store.marked import MARK
from transcribe.store.spool import FileSpool
from transcribe.web.media import wav_header
from transcribe.web.views import Layout
from transcribe.writer import PCM

#: For everything of a round to reach its draft, beside the time that the fault itself takes.
ROUND_S = 180.0
#: For a certificate to be completed: the keeper comes by every minute.
CLEARED_S = 240.0
#: Aimed at after a withdrawal (``Harness.withdrawn_within_s``).
WITHDRAWN_S = 2.0
TOKEN = re.compile(r'name="token" value="([^"]+)"')
#: So many of the live recordings are ended and gone on with.
GOES_ON = 0.3
STEREO, MONO = Layout.HUISARTS_LEFT, Layout.MIXED


# --- sound -----------------------------------------------------------------------------------------------------------


class Sound:
    """The bundled consults, to cut pieces from: 16 kHz, two channels."""

    def __init__(self) -> None:
        self._pcm: list[tuple[bytes, list[float]]] = []
        for path in sorted(CONSULTS.glob("*.ogg")):
            with path.open("rb") as file, PyAvDecoder().decode(file, max_s=3600) as decoding:
                pcm = b"".join(decoding)
            spoken = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["utterances"]
            self._pcm.append((pcm, [one["start"] for one in spoken]))

    def piece(self, rng: random.Random, layout: Layout) -> bytes:
        """6 to 12 seconds in whole tenths, from the start of an utterance."""
        pcm, starts = rng.choice(self._pcm)
        frame = 2 * SAMPLE_BYTES
        tenths = rng.randint(60, 120)
        last = len(pcm) / frame / RATE_HZ - tenths / 10
        first = int(rng.choice([start for start in starts if start < last]) * RATE_HZ)
        piece = pcm[first * frame : (first + tenths * RATE_HZ // 10) * frame]
        if layout is STEREO:
            return piece
        # one channel of a conversation in turns is half silence: the sum has every voice
        import numpy as np

        pairs = np.frombuffer(piece, "<i2").reshape(-1, 2).astype(np.int32)
        return bytes(pairs.sum(axis=1).clip(-32768, 32767).astype("<i2").tobytes())


# --- people ----------------------------------------------------------------------------------------------------------


class Person:
    """Somebody with a browser who tries again until it works, over any number of restarts. Thread-safe."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._client = httpx.Client(base_url=service.address, timeout=30)
        self._lock = threading.Lock()
        self._token = ""
        self.stop = threading.Event()

    def close(self) -> None:
        self.stop.set()
        self._client.close()

    def create(self) -> UUID:
        words = current_text("nl")
        fields = {
            "kenmerk": f"P-{uuid4().hex[:12]}", "tekst": words.id, "antwoord": "ja",
            "leeftijd": AgeClass.FROM_16.value, "gever": GivenBy.PATIENT.value,
        }  # fmt: skip
        answer = self._insist(lambda: self._post("/consult/nieuw", fields), {303})
        return UUID(answer.headers["location"].rpartition("/")[2])

    def consent(self, consult_id: UUID) -> None:
        words = current_text("nl")
        fields = {
            "tekst": words.id, "antwoord": "ja",
            "leeftijd": AgeClass.FROM_16.value, "gever": GivenBy.PATIENT.value,
        }  # fmt: skip
        self._insist(lambda: self._post(f"/consult/{consult_id}/toestemming", fields), {303, 409})

    def begin(self, consult_id: UUID, layout: Layout) -> None:
        # 409: it was begun already, and the answer was lost
        self._insist(lambda: self._post(f"/consult/{consult_id}/opname/begin", {"layout": layout.value}), {303, 409})

    def go_on(self, consult_id: UUID) -> bool:
        """After the end, with the version that the page shows. False: not yet, or not any more."""
        try:
            seen = {"versie": str(self._service.store.consult(consult_id).version)}
        except (TranscribeError, NotStarted):
            return False
        answer = self._insist(lambda: self._post(f"/consult/{consult_id}/opname/verder", seen), {303, 409})
        return answer.status_code == 303

    def bring_in(self, consult_id: UUID, layout: Layout, file: bytes) -> None:
        def put() -> httpx.Response:
            headers = {"content-type": "application/octet-stream", "x-csrf-token": self._token}
            return self._client.put(f"/consult/{consult_id}/opname/{layout.value}", content=file, headers=headers)

        # 422: its decoder was killed, and it says so; nothing was kept then
        self._insist(put, {201, 409}, again={422})

    def withdraw(self, consult_id: UUID) -> None:
        self._insist(lambda: self._post(f"/consult/{consult_id}/intrekken", {}), {303, 409})

    def page(self, consult_id: UUID) -> str:
        return self._insist(lambda: self._client.get(f"/consult/{consult_id}"), {200}).text

    def discard(self, consult_id: UUID) -> None:
        self._insist(lambda: self._post(f"/consult/{consult_id}/verwijderen", {}), {303, 409})

    def _post(self, path: str, fields: dict[str, str]) -> httpx.Response:
        return self._client.post(path, data=fields | {"token": self._token})

    def _insist(
        self, call: Callable[[], httpx.Response], good: set[int], again: Sequence[int] | set[int] = ()
    ) -> httpx.Response:
        refused = ""
        end = time.monotonic() + ROUND_S
        while time.monotonic() < end and not self.stop.is_set():
            try:
                answer = call()
            except httpx.TransportError as problem:
                refused = type(problem).__name__
            else:
                refused = str(answer.status_code)
                logged_out = answer.headers.get("location", "").startswith("/login")
                if answer.status_code in (401, 403) or logged_out:
                    self._log_in()
                elif answer.status_code in good:
                    return answer
                elif answer.status_code < 500 and answer.status_code not in again:
                    raise Violation(f"{answer.request.method} {_shape(answer.request.url.path)}: {refused}")
            time.sleep(0.1)
        raise Violation(f"a person got no answer ({refused})")

    def _log_in(self) -> None:
        with self._lock, suppress(httpx.TransportError, AttributeError):
            if self._client.get("/").status_code != 200:
                self._client.post("/login", data={"sleutel": self._service.access_key})
            found = TOKEN.search(self._client.get("/").text)
            self._token = found[1] if found else ""


def _shape(path: str) -> str:
    return re.sub(r"[0-9a-f-]{36}", "ID", path)


# --- what is recorded and brought in ---------------------------------------------------------------------------------


class Taking(threading.Thread):
    """One consult that comes in, from its making until its sound is all there."""

    def __init__(self, person: Person, service: Service, pcm: bytes, layout: Layout) -> None:
        super().__init__(daemon=True)
        self._person = person
        self._service = service
        self.pcm = pcm
        self.layout = layout
        self.consult_id: UUID | None = None
        self.withdrawn = False
        self.problem = ""

    @property
    def acked(self) -> int:
        return 0

    @property
    def channels(self) -> int:
        return 2 if self.layout is STEREO else 1

    def run(self) -> None:
        try:
            self.take()
        except Violation as problem:
            self.problem = str(problem)
        except Exception as problem:  # noqa: BLE001  (told to whoever waits for us)
            self.problem = f"{type(problem).__name__}: {problem}"

    def take(self) -> None:
        raise NotImplementedError

    def broken_promises(self) -> list[str]:
        return [self.problem] if self.problem and not self.withdrawn else []


class Stream(Taking):
    """Live, over the WebSocket, faster than it was spoken. ``first_s``: ended after that, and then gone on with."""

    def __init__(
        self,
        person: Person,
        service: Service,
        pcm: bytes,
        layout: Layout,
        speed: float,
        first_s: float | None = None,
    ) -> None:
        super().__init__(person, service, pcm, layout)
        self._speed = speed
        self._frame_bytes = int(RATE_HZ * 0.1) * SAMPLE_BYTES * self.channels
        self._parts = [pcm] if first_s is None else [pcm[: round(first_s * 10) * self._frame_bytes], pcm]
        self._clients: list[LiveClient] = []

    @property
    def client(self) -> LiveClient | None:
        return self._clients[-1] if self._clients else None

    @property
    def ends(self) -> int:
        """How often it is ended."""
        return len(self._parts)

    @property
    def acked(self) -> int:
        """Frames of a tenth of a second."""
        return self.client.acked if self.client else 0

    def take(self) -> None:
        self.consult_id = self._person.create()
        self._person.begin(self.consult_id, self.layout)
        self._send(self.consult_id, self._parts[0])
        for whole in self._parts[1:]:
            until(lambda: self.withdrawn or self._goes_on(), "a recording does not go on", ROUND_S, every=0.2)
            if not self.withdrawn:
                self._send(self.consult_id, whole)

    def _goes_on(self) -> bool:
        assert self.consult_id is not None
        return self._person.go_on(self.consult_id)

    def _send(self, consult_id: UUID, pcm: bytes) -> None:
        client = LiveClient(
            base=self._service.address,
            key=self._service.access_key,
            consult_id=consult_id,
            pcm=pcm,
            speed=self._speed,
            frame_bytes=self._frame_bytes,
        )
        self._clients.append(client)
        client.start()
        while client.is_alive() and not self._person.stop.is_set():
            client.join(0.2)

    def broken_promises(self) -> list[str]:
        found = super().broken_promises()
        for client in self._clients:
            found += client.broken
            if not self.withdrawn and not client.stored:
                found.append(f"a client gave up ({client.errors[-1:]}, closed {client.closed[-3:]})")
            elif not self.withdrawn and client.acked < client.total:
                found.append(f"stored with {client.acked} of {client.total} frames acknowledged")
        return found


class Upload(Taking):
    """A file."""

    def __init__(self, person: Person, service: Service, pcm: bytes, layout: Layout, lane: Lane) -> None:
        super().__init__(person, service, pcm, layout)
        self._lane = lane

    def take(self) -> None:
        if self._lane is Lane.BATCH:  # no screen asks for it yet
            consult_id = uuid4()
            until(lambda: self._made(consult_id), "a consult can't be made", ROUND_S, every=0.2)
            self._person.consent(consult_id)
        else:
            consult_id = self._person.create()
        self.consult_id = consult_id
        self._person.bring_in(consult_id, self.layout, wav_header(len(self.pcm), self.channels) + self.pcm)

    def _made(self, consult_id: UUID) -> bool:
        now = datetime.now(UTC)
        consult = Consult(
            id=consult_id, patient_ref="P-batch", status=Status.NEW, created_at=now, changed_at=now, version=1,
            lane=self._lane,
        )  # fmt: skip
        audit = AuditEvent(
            at=now, actor="chaos", role=Role.HUISARTS, action=Action.CONSULT_CREATED, consult_id=consult_id
        )
        try:
            self._service.store.apply(Change(consult=consult, audit=audit))
        except Conflict:
            return True  # the time before, whose answer was lost
        except (TranscribeError, NotStarted):
            return False
        return True


# --- rounds ----------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Told:
    """What came of one round."""

    number: int
    fault: str
    proof: str = ""
    seconds: float = 0.0
    consults: int = 0
    sound_s: float = 0.0
    violations: list[str] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=dict)

    def line(self) -> str:
        outcome = "; ".join(self.violations) if self.violations else "ok"
        return f"{self.number:4} {self.fault:22} {self.seconds:6.1f} s  {outcome}  ({self.proof})"


@dataclass
class Harness:
    """One service and its people over all rounds."""

    service: Service
    seed: str
    has_disk: bool  # one of its own, to fill
    kept: Path  # where the folder is copied after a violation
    away_s: float = 60.0
    withdrawn_within_s: float = WITHDRAWN_S
    told: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sound = Sound()
        self._person = Person(self.service)
        self._clock = self.service.folder / "clock"
        self._uncleared: dict[UUID, float] = {}
        self._doubled = 0

    def close(self) -> None:
        self._person.close()

    # --- one round -------------------------------------------------------------------------------------------------

    def cant(self, fault: Fault) -> str:
        """Why this fault can't be done here; empty when it can."""
        if fault.name == "disk-full" and not self.has_disk:
            return "no disk of our own to fill (needs root and mount)"
        if fault.clocked and shutil.which("cc") is None:
            return "no C compiler, to make a clock that can be set"
        return ""

    def round(self, number: int, fault: Fault) -> Told:
        rng = random.Random(f"{self.seed}/{number}")
        told = Told(number=number, fault=fault.name)
        began = time.monotonic()
        self._person.stop.clear()
        takings: list[Taking] = []
        try:
            if fault.clocked:
                self._restart(clocked=True)
            takings = self._begin(rng)
            told.consults = len(takings)
            told.sound_s = round(sum(len(one.pcm) / one.channels / SAMPLE_BYTES / RATE_HZ for one in takings), 1)
            scene = Scene(
                service=self.service,
                rng=rng,
                recordings=lambda: takings,
                withdraw=lambda one: self._withdraw(one.consult_id),
                away_s=self.away_s,
                clock=self._clock,
                figures=told.figures,
            )
            if not fault.at_once:
                time.sleep(rng.uniform(0, 4))
            told.proof = fault.strike(scene)
            told.violations += self._finished(takings)
            told.figures["whole again"] = [round(self.service.whole(), 3)]
            if not told.violations:
                told.violations += self._checked(takings, told.figures)
            if fault.clocked:
                self._restart(clocked=False)
        except Violation as problem:
            told.violations.append(str(problem))
        except Exception as problem:  # noqa: BLE001  (what can't be read is not as it should be)
            told.violations.append(f"{type(problem).__name__}: {problem}")
        finally:
            self._person.stop.set()
        if not told.violations:
            self._tidy(takings)
        told.seconds = round(time.monotonic() - began, 1)
        self.told.append(told)
        return told

    def _restart(self, *, clocked: bool) -> None:
        self.service.stop()
        self.service.start(make_clock(self.service.folder) if clocked else None)

    def _begin(self, rng: random.Random) -> list[Taking]:
        found: list[Taking] = []
        for _ in range(rng.randint(2, 4)):
            layout = rng.choice([STEREO, MONO])
            pcm = self._sound.piece(rng, layout)
            first_s = rng.uniform(2, 5) if rng.random() < GOES_ON else None
            found.append(Stream(self._person, self.service, pcm, layout, rng.uniform(2, 4), first_s))
        lanes = [*([Lane.LIVE] * rng.randint(1, 2)), *([Lane.BATCH] * rng.randint(0, 1))]
        for lane in lanes:
            layout = rng.choice([STEREO, MONO])
            found.append(Upload(self._person, self.service, self._sound.piece(rng, layout), layout, lane))
        for one in found:
            one.start()
        return found

    def _withdraw(self, consult_id: UUID | None) -> None:
        assert consult_id is not None
        self._person.withdraw(consult_id)

    def _finished(self, takings: Sequence[Taking]) -> Iterator[str]:
        """Waits until all sound is in and every draft is there."""
        end = time.monotonic() + ROUND_S
        for one in takings:
            one.join(max(0.0, end - time.monotonic()))
            yield from one.broken_promises()
            if one.is_alive():
                yield f"a recording is not in after {ROUND_S:.0f} s ({one.acked} frames acknowledged)"
        wanted = {one.consult_id for one in takings if one.consult_id and not one.withdrawn}
        stand: dict[UUID, Consult] = {}
        while time.monotonic() < end:
            with suppress(TranscribeError, NotStarted):
                stand = {one: self.service.store.consult(one) for one in wanted if one}
            if stand and all(one.status is Status.DRAFTED or one.reason in STOPPING for one in stand.values()):
                break
            time.sleep(0.1)
        for consult_id, one in stand.items():
            if one.status is not Status.DRAFTED:
                yield f"consult {consult_id} stands at {one.status} ({one.reason})"

    # --- checks ----------------------------------------------------------------------------------------------------

    def _checked(self, takings: Sequence[Taking], figures: dict[str, list[float]]) -> Iterator[str]:
        store = self.service.store
        for one in takings:
            assert one.consult_id is not None
            yield from self._withdrawn(one) if one.withdrawn else self._kept(one)
        waiting = until_nothing_waits(self.service)
        if waiting:
            yield f"jobs are left: {waiting}"
        # what was asked to stop (a withdrawal) counts as failed in the queue
        failed = self.service.rows("SELECT id FROM procrastinate_jobs WHERE status = 'failed' AND NOT abort_requested")
        if failed:
            yield f"jobs failed: {[row.id for row in failed]}"
        broken = store.verify_log()
        if broken is not None:
            yield f"the access log is broken at row {broken}"
        lost_s = self.service.rows("SELECT coalesce(sum(lost_s), 0) AS s FROM consult")[0].s
        if lost_s:
            yield f"{lost_s} s of acknowledged sound are lost"
        doubled = self.service.diary.doubled[self._doubled :]
        self._doubled += len(doubled)
        yield from doubled
        late = max((s for what, times in figures.items() if what.startswith("withdrawal") for s in times), default=0.0)
        if late > self.withdrawn_within_s:
            yield f"{late:.1f} s until nothing was left of a withdrawn consult"
        yield from self._clearing()

    def _kept(self, one: Taking) -> Iterator[str]:
        assert one.consult_id is not None
        consult_id, store = one.consult_id, self.service.store
        sound = self.service.sound(consult_id, PCM, store.data_key(consult_id, KeyPurpose.SOURCE))
        if sound != one.pcm:
            yield f"consult {consult_id}: {_difference(one.pcm, sound)}"
        done = Counter(event.action for event in store.events(consult_id))
        ends = one.ends if isinstance(one, Stream) else 1
        for action in (Action.TRANSCRIBED, Action.DRAFTED):
            if not 1 <= done[action] <= ends:  # it may go on before the work after its first end was done
                yield f"consult {consult_id}: “{action}” {done[action]} times in the access log, ended {ends} times"
        if isinstance(one, Stream) and done[Action.AUDIO_STORED] != ends:
            yield f"consult {consult_id}: stored {done[Action.AUDIO_STORED]} times, ended {ends} times"

    def _withdrawn(self, one: Taking) -> Iterator[str]:
        assert one.consult_id is not None
        if self.service.has_sound(one.consult_id):
            yield f"consult {one.consult_id}: withdrawn, and there is sound again"
        try:
            self.service.store.data_key(one.consult_id, KeyPurpose.SOURCE)
            yield f"consult {one.consult_id}: withdrawn, and its key is there"
        except Erased:
            pass

    def _clearing(self) -> Iterator[str]:
        now = time.monotonic()
        open_now = {proof.id for proof in self.service.store.uncleared()}
        self._uncleared = {proof: self._uncleared.get(proof, now) for proof in open_now}
        late = [proof for proof, since in self._uncleared.items() if now - since > CLEARED_S]
        if late:
            yield f"{len(late)} certificates are not completed after {CLEARED_S:.0f} s"

    def _tidy(self, takings: Sequence[Taking]) -> None:
        """So that the disk does not fill with what was checked: as a doctor throws a draft away."""
        self._person.stop.clear()
        for one in takings:
            if one.consult_id and not one.withdrawn:
                self._person.discard(one.consult_id)

    # --- at the end ------------------------------------------------------------------------------------------------

    def end(self) -> Told:
        """The service is stopped and started once more: the keeper comes by, and nothing of anybody is left."""
        told = Told(number=len(self.told) + 1, fault="the end", proof="the service was stopped and started again")
        began = time.monotonic()
        try:
            if code := self.service.stop():
                told.violations.append(f"the service ended with {code}")
            self.service.start()
            until(lambda: not self.service.store.uncleared(), "certificates are not completed", CLEARED_S, every=0.2)
            left = FileSpool(self.service.data_dir / "spool").consults()
            if left:
                told.violations.append(f"{len(left)} recordings are left in the spool")
            left = [path for path in (self.service.data_dir / "audio").glob("*/*") if path.name != MARK]
            if left:
                told.violations.append(f"{len(left)} files are left of what was thrown away")
        except Violation as problem:
            told.violations.append(str(problem))
        told.seconds = round(time.monotonic() - began, 1)
        self.told.append(told)
        return told


def until_nothing_waits(service: Service) -> list[tuple[int, str, str]]:
    """Jobs that wait or run half a minute after all drafts are there: there should be none.

    One that did its work, and whose end could not be written because the disk was full, is swept up after twenty.
    """
    end = time.monotonic() + 30
    while True:
        rows = service.rows(
            "SELECT id, task_name, status::text FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        )
        if not rows or time.monotonic() > end:
            return [tuple(row) for row in rows]
        time.sleep(0.1)


def _difference(sent: bytes, kept: bytes) -> str:
    same = next((i for i, (a, b) in enumerate(zip(sent, kept, strict=False)) if a != b), min(len(sent), len(kept)))
    return f"{len(sent)} bytes of sound were sent, {len(kept)} are kept; they differ from byte {same} on"


@contextmanager
def harness(seed: str, *, away_s: float = 60.0, withdrawn_within_s: float = WITHDRAWN_S) -> Iterator[Harness]:
    """A service that runs in a folder of its own; nothing of it runs afterwards. The folder stays after a violation."""
    folder = Path(tempfile.gettempdir()) / f"transcribe-chaos-{secrets.token_hex(4)}"
    make_data_dir(folder)
    kept = folder.with_name(f"{folder.name}-kept")
    service = Service(folder)
    whole = False
    try:
        with own_disk(service.disk) as mounted:
            try:
                service.start()
                found = Harness(service, seed, mounted, kept, away_s=away_s, withdrawn_within_s=withdrawn_within_s)
                with closing(found):
                    yield found
                whole = not any(one.violations for one in found.told)
            finally:
                service.clear_away()
                if not whole:
                    shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("programs-*", "socket", "ballast"))
    finally:
        shutil.rmtree(folder)


def order(faults: Sequence[Fault], rounds: int, seed: str) -> list[Fault]:
    """Each as often as the others, in any order."""
    rng = random.Random(f"{seed}/order")
    found: list[Fault] = []
    while len(found) < rounds:
        found += rng.sample(list(faults), len(faults))
    return found[:rounds]


# --- what is told at the end -----------------------------------------------------------------------------------------


def summary(told: Sequence[Told]) -> str:
    """Rounds by fault, and every figure with its median, 95th percentile and maximum."""
    lines = [f"{'fault':24}{'rounds':>8}{'violations':>12}{'median s':>10}"]
    for name in sorted({one.fault for one in told}):
        these = [one for one in told if one.fault == name]
        wrong = sum(len(one.violations) for one in these)
        lines.append(f"{name:24}{len(these):8}{wrong:12}{statistics.median(one.seconds for one in these):10.1f}")
    lines += ["", f"{'seconds':36}{'n':>5}{'median':>9}{'p95':>9}{'max':>9}"]
    for name, found in sorted(figures(told).items()):
        at = sorted(found)
        p95 = at[min(len(at) - 1, int(0.95 * len(at)))]
        lines.append(f"{name:36}{len(at):5}{statistics.median(at):9.2f}{p95:9.2f}{at[-1]:9.2f}")
    consults, sound_s = sum(one.consults for one in told), sum(one.sound_s for one in told)
    wrong = sum(len(one.violations) for one in told)
    lines += ["", f"{len(told)} rounds, {consults} consults, {sound_s:.0f} s of sound, {wrong} violations"]
    return "\n".join(lines)


def figures(told: Sequence[Told]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in told:
        for name, values in one.figures.items():
            found.setdefault(name, []).extend(values)
    return found


def report(told: Sequence[Told], seed: str) -> str:
    """JSON."""
    return json.dumps({"seed": seed, "rounds": [asdict(one) for one in told], "figures": figures(told)}, indent=1)
