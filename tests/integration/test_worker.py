"""Worker processes on a real database: killed, stopped, frozen, deaf. Nothing is done twice, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from consent import How, current_text, grant
from transcribe.asr.transcript import Speaker
from transcribe.audio.pcm import RATE_HZ, Decoded
from transcribe.consult import (
    Action,
    Actor,
    AuditEvent,
    Change,
    Consult,
    Job,
    KeyPurpose,
    Lane,
    Reason,
    Role,
    Stage,
    Status,
)
from transcribe.store.blobs import open_blobs
from transcribe.store.database import database_url
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore
from transcribe.store.sound import SealedAudioStore
from transcribe.writer import PCM

GP = Actor(name="Dr. Test", role=Role.HUISARTS)
WORDS = current_text()
#: The sessions that leases hang on.
LEASES = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
PATIENCE_S = 60  # of the test; nothing here needs more than some seconds


@dataclass(kw_only=True)
class House:
    """A store, and worker processes on it."""

    url: str
    folder: Path
    key: bytes
    store: PostgresStore
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    made: int = 0

    @property
    def diary(self) -> Path:
        return self.folder / "diary"

    def worker(self, pace: str = "0.1", lane: Lane = Lane.LIVE, stale_s: float = 60.0) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.worker_child", self.url, str(self.folder / "audio"), self.key.hex()]
        arguments = [str(self.diary), pace, lane.value, str(stale_s)]
        child = subprocess.Popen([*command, *arguments], cwd=Path(__file__).parents[2])
        self.children.append(child)
        before = len(self.store.vitals().workers)
        wait(lambda: len(self.store.vitals().workers) > before or child.poll() is not None)
        assert child.poll() is None
        return child

    def recorded(self, windows: int = 1, lane: Lane = Lane.LIVE, practice: str = "") -> UUID:
        """A consult of ``windows`` times two seconds that wants to be transcribed."""
        now = datetime.now(UTC)
        self.made += 1
        consult = Consult(
            id=uuid4(), patient_ref="P-1", status=Status.NEW, created_at=now, changed_at=now, version=1,
            lane=lane, practice=practice,
        )  # fmt: skip
        consent = grant(
            how=How.SPOKEN, informed_by="x", text_id=WORDS.id, text_sha256=WORDS.sha256, others_informed=True, now=now
        )
        self.store.apply(Change(consult=consult, audit=event(consult)))
        consult = replace(consult, version=2, status=Status.CONSENTED)
        self.store.apply(Change(consult=consult, audit=event(consult), consent=consent))
        key = self.store.data_key(consult.id, KeyPurpose.SOURCE)
        pcm = self.made.to_bytes(2, "little") * (2 * RATE_HZ * windows)
        SealedAudioStore(open_blobs(str(self.folder / "audio"), self.folder)).write(consult.id, PCM, key, [pcm])
        consult = replace(consult, version=3, status=Status.RECORDED, channels=(Speaker.HUISARTS,))
        decoded = Decoded(duration_s=2.0 * windows, channels=1, missing=())
        job = Job(stage=Stage.TRANSCRIBE, consult_id=consult.id, lane=lane, practice=practice)
        self.store.apply(Change(consult=consult, audit=event(consult), decoded=decoded, jobs=(job,)))
        return consult.id

    def drafted(self, consult_id: UUID) -> bool:
        return self.store.consult(consult_id).status is Status.DRAFTED

    def notes(self, *kinds: str) -> list[list[str]]:
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        return [line.split() for line in lines if line.split()[0] in kinds]

    def began(self, count: int = 1) -> bool:
        return len(self.notes("begin")) >= count

    def actions(self, consult_id: UUID) -> Counter[Action]:
        return Counter(one.action for one in self.store.events(consult_id))

    def done_twice(self) -> int:
        """Windows. A worker that dies between doing one and keeping it (the diary is apart from that) leaves one."""
        done = Counter((name, start) for _, _, name, start, _ in self.notes("end"))
        return sum(count > 1 for count in done.values())

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        conninfo = database_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(conninfo, autocommit=True)


def event(consult: Consult) -> AuditEvent:
    return AuditEvent(
        at=datetime.now(UTC), actor="x", role=Role.HUISARTS, action=Action.CONSULT_CREATED, consult_id=consult.id
    )


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


@pytest.fixture
def house(postgres_url: str, tmp_path: Path) -> Iterator[House]:
    key = os.urandom(32)
    (tmp_path / "audio").mkdir()
    store = PostgresStore(postgres_url, MasterKey.of(key))
    found = House(url=postgres_url, folder=tmp_path, key=key, store=store)
    yield found
    for child in found.children:
        if child.poll() is None:
            child.send_signal(signal.SIGCONT)
            child.kill()
        child.wait()
    store.close()


def test_a_recording_becomes_a_draft_by_itself(house: House) -> None:
    house.worker()
    consult_id = house.recorded(windows=3)
    wait(lambda: house.drafted(consult_id))
    assert [start for *_, start, _ in house.notes("end")] == ["0.0", "2.0", "4.0"]
    found = house.store.vitals()
    assert (found.consults, found.workers[0].queues) == (
        {Status.DRAFTED: 1},
        ("asr.live", "asr.live.paced", "end.live", "end.live.paced", "note.live"),
    )
    assert found.audio_s == 6.0


def test_a_killed_worker_is_replaced_and_what_it_had_done_is_kept(house: House) -> None:
    first = house.worker("0.3")
    consult_id = house.recorded(windows=6)
    wait(lambda: len(house.notes("end")) >= 2)
    house.worker("0.3")
    first.kill()
    wait(lambda: house.drafted(consult_id))
    assert house.done_twice() <= 1
    assert house.actions(consult_id)[Action.DRAFTED] == house.actions(consult_id)[Action.TRANSCRIBED] == 1


def test_a_worker_that_is_asked_to_stop_hands_over_and_ends_well(house: House) -> None:
    first = house.worker("0.3")
    consult_id = house.recorded(windows=6)
    wait(lambda: len(house.notes("end")) >= 2)
    house.worker("0.3")
    first.terminate()
    assert first.wait(PATIENCE_S) == 0
    wait(lambda: house.drafted(consult_id))
    assert house.done_twice() == 0
    assert house.actions(consult_id)[Action.DRAFTED] == 1


def test_a_job_that_holds_the_interpreter_is_not_taken_for_dead(house: House) -> None:
    busy = house.worker("hog", stale_s=60.0)
    consult_id = house.recorded(windows=1)
    wait(house.began)
    house.worker("hog")
    wait(lambda: house.drafted(consult_id))
    assert {int(pid) for _, pid, *_ in house.notes("run")} == {busy.pid}


def test_a_frozen_worker_loses_its_work_and_ends_when_it_wakes(house: House) -> None:
    frozen = house.worker("0.5", stale_s=60.0)
    consult_id = house.recorded(windows=4)
    wait(lambda: len(house.notes("end")) >= 1)
    frozen.send_signal(signal.SIGSTOP)
    house.worker("0.1", stale_s=2.0)
    wait(lambda: house.drafted(consult_id))
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(PATIENCE_S) == 70
    counted = house.actions(consult_id)
    assert counted[Action.DRAFTED] == counted[Action.TRANSCRIBED] == 1
    assert house.store.consult(consult_id).reason is None


def test_a_withdrawal_ends_a_step_that_does_not_listen(house: House) -> None:
    deaf = house.worker("deaf")
    consult_id = house.recorded()
    wait(house.began)
    consult = house.store.consult(consult_id)
    ended = replace(consult, status=Status.WITHDRAWN, version=consult.version + 1)
    house.store.apply(Change(consult=ended, audit=event(ended), cancel_jobs=True))
    assert deaf.wait(PATIENCE_S) == 70
    house.worker()
    time.sleep(2)  # would it be taken again?
    assert len(house.notes("run")) == 1
    assert [queue for queue in house.store.vitals().queues if queue.running] == []


def test_a_lost_database_session_ends_the_worker(house: House) -> None:
    worker = house.worker("0.2")
    consult_id = house.recorded(windows=10)
    wait(house.began)
    with house.connect() as connection:
        connection.execute(LEASES.replace("pid", "pg_terminate_backend(pid)", 1))
    assert worker.wait(PATIENCE_S) == 70
    house.worker("0.1")
    wait(lambda: house.drafted(consult_id))
    assert house.done_twice() <= 1


def test_a_database_that_is_silent_ends_the_worker(house: House) -> None:
    worker = house.worker("0.2")
    house.recorded(windows=100)
    wait(house.began)
    with house.connect() as connection:
        pid = connection.execute(LEASES).fetchone()[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert worker.wait(PATIENCE_S) == 70
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_full_disk_makes_no_worker_take_another_for_dead(house: House) -> None:
    """Signs of life can't be written then."""
    first, second = house.worker("0.3", stale_s=2.0), house.worker("0.3", stale_s=2.0)
    with house.connect() as connection:
        connection.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$"
        )
        connection.execute("CREATE TRIGGER full_disk BEFORE UPDATE ON worker EXECUTE FUNCTION full_disk()")
        consult_id = house.recorded(windows=20)
        wait(lambda: house.drafted(consult_id))
        connection.execute("DROP TRIGGER full_disk ON worker")
    assert (first.poll(), second.poll()) == (None, None)
    assert house.done_twice() == 0


def test_a_share_that_went_stale_says_nothing_of_the_consult(house: House) -> None:
    house.worker("stale")
    consult_id = house.recorded()
    wait(lambda: house.drafted(consult_id))
    assert house.actions(consult_id)[Action.STEP_FAILED] == 0


def test_a_worker_ends_that_is_deep_in_sound_that_was_withdrawn(house: House) -> None:
    assert house.worker("withdrawn").wait(PATIENCE_S) == 70


def test_live_work_does_not_wait_for_a_batch_nor_the_other_way_round(house: House) -> None:
    house.worker("0.3", lane=Lane.BATCH)
    house.worker("0.1", lane=Lane.LIVE)
    batch = [house.recorded(windows=2, lane=Lane.BATCH) for _ in range(6)]
    wait(house.began)
    live = [house.recorded(windows=2) for _ in range(3)]
    wait(lambda: all(house.drafted(one) for one in live))
    assert not all(house.drafted(one) for one in batch)
    wait(lambda: all(house.drafted(one) for one in batch))


def test_a_practice_with_many_recordings_does_not_keep_another_waiting(house: House) -> None:
    many = [house.recorded(practice="De Linde") for _ in range(8)]
    one = house.recorded(practice="De Beuk")
    house.worker("0.05")
    wait(lambda: house.drafted(one))
    order = [name for _, _, name, *_ in house.notes("run")]
    assert order.index("9") <= 1, order
    wait(lambda: all(house.drafted(each) for each in many))
    late = house.recorded(practice="De Linde")
    wait(lambda: house.drafted(late))


def test_work_that_needs_what_no_worker_has_waits_and_is_seen(house: House) -> None:
    house.worker()
    consult_id = house.recorded()
    wait(lambda: house.drafted(consult_id))
    consult = house.store.consult(consult_id)
    job = Job(stage=Stage.TRANSCRIBE, consult_id=consult_id, lane=Lane.LIVE, need="gpu")
    again = replace(consult, version=consult.version + 1, status=Status.RECORDED)
    house.store.apply(Change(consult=again, audit=event(again), jobs=(job,)))
    time.sleep(1)
    assert house.store.vitals().unserved == ("asr.live.gpu",)
    assert house.store.consult(consult_id).reason is not Reason.FAILED
