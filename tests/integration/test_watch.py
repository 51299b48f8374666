"""Readiness and figures over HTTP, on the figures of a real database."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from tests.object_server import run_object_server
from transcribe.consult import Action, AuditEvent, Role, Space
from transcribe.health import Problem
from transcribe.store import disk
from transcribe.store.blobs import open_blobs
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore
from transcribe.web import watch
from transcribe.web.watch import Watch

TOKEN = "een-geheim-van-de-bewaking"
ROOM = Space(total=1000, free=400)

WORKER = text("""
    INSERT INTO worker (id, host, pid, lane, device, model, queues, started_at, beat_at)
    VALUES (:id, 'praktijk-1', 12, 'live', 'cuda', 'large-v3', '{asr.live,note.live}', now(),
            now() - make_interval(secs => :silent_s))
""")
JOB = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES (:queue, 'concept', CAST(:status AS
        procrastinate_job_status))
""")


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    found = PostgresStore(postgres_url, MasterKey.of(os.urandom(32)))
    yield found
    found.close()


Make = Callable[..., Watch]


@pytest.fixture
def make(store: PostgresStore) -> Make:
    parts = {
        "vitals": store.vitals,
        "space": lambda: ROOM,
        "min_free_percent": 5,
        "check_key": store.check_master_key,
        "metrics_token": TOKEN,
        "fresh_s": 0,
    }
    return lambda **other: Watch(**{**parts, **other})


@pytest.fixture
def given(make: Make) -> Watch:
    return make()


def client(given: Watch | None, *, host: str = "127.0.0.1") -> TestClient:
    app = FastAPI()
    app.state.watch = given
    app.include_router(watch.router)
    return TestClient(app, client=(host, 50000))


def execute(url: str, *statements: tuple[object, dict[str, object]]) -> None:
    engine = create_engine(url)
    with engine.begin() as tx:
        for statement, values in statements:
            tx.execute(statement, values)  # type: ignore[call-overload]
    engine.dispose()


def figures(found: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(found)
        for sample in family.samples
    }


def figure(found: str, name: str, **labels: str) -> float:
    return figures(found)[(name, frozenset(labels.items()))]


def test_ready_when_nothing_is_wrong(given: Watch) -> None:
    answer = client(given).get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "problems": []}


def test_not_ready_names_every_problem(given: Watch, make: Make, postgres_url: str) -> None:
    execute(postgres_url, (JOB, {"queue": "asr.live", "status": "todo"}))
    answer = client(make(space=lambda: Space(total=100, free=1))).get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["no-worker", "disk-low"]
    execute(postgres_url, (WORKER, {"id": uuid4(), "silent_s": 0}))
    assert client(given).get("/health/ready").status_code == 200


def test_a_silent_worker_is_no_worker(given: Watch, postgres_url: str) -> None:
    execute(
        postgres_url,
        (JOB, {"queue": "asr.live", "status": "todo"}),
        (WORKER, {"id": uuid4(), "silent_s": 3600}),
    )
    assert client(given).get("/health/ready").json()["problems"] == ["no-worker"]


def test_a_database_that_is_away_is_a_code_and_no_fault(make: Make) -> None:
    away = create_engine("postgresql+psycopg://niemand@127.0.0.1:1/niets")

    def read() -> object:
        from transcribe.store.database import translated

        with translated(), away.connect():
            raise AssertionError("nobody answers there")

    given = make(vitals=read)
    assert client(given).get("/health/ready").json()["problems"] == ["database"]
    found = client(given).get("/metrics").text
    assert figure(found, "transcribe_ready") == 0
    assert figure(found, "transcribe_problem", code="database") == 1
    assert figure(found, "transcribe_disk_free_bytes") == 400


def test_a_store_of_sound_that_went_away_is_found(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_object_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        sound = open_blobs(server.address(), tmp_path)
        given = make(ask_sound=lambda: sound.names(UUID(int=0)))
        assert client(given).get("/health/ready").status_code == 200
        server.process.kill()
        assert client(given).get("/health/ready").json()["problems"] == ["sound-store"]


class Slow:
    """Answers at once, but keeps the second who asks waiting until ``go_on``."""

    def __init__(self, answer: Callable[[], object]) -> None:
        self._answer = answer
        self.asked = 0
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> object:
        self.asked += 1
        if self.asked == 2:
            self.begun.set()
            assert self.go_on.wait(60)
        return self._answer()


def test_a_disk_that_takes_no_files_is_found(make: Make, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    given = client(make(try_disk=lambda: disk.try_write(spool)))
    assert given.get("/health/ready").status_code == 200
    assert list(spool.iterdir()) == []
    spool.rmdir()
    answer = given.get("/health/ready")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["disk-write"])


def test_who_asks_while_an_answer_is_awaited_gets_the_last_one(make: Make) -> None:
    """All threads of the web would wait on a store that does not answer, and with them all screens."""
    ask = Slow(lambda: None)
    given = make(ask_sound=ask, late_s=3600)
    assert given.examine().problems == ()
    slow = threading.Thread(target=given.examine)
    slow.start()
    try:
        assert ask.begun.wait(60)
        assert given.examine().problems == (), "and does not wait"
        assert ask.asked == 2
    finally:
        ask.go_on.set()
        slow.join()
    assert given.examine().problems == ()
    assert ask.asked == 3


@pytest.mark.parametrize(
    ("part", "problem"), [("vitals", "database"), ("check_key", "database"), ("ask_sound", "sound-store")]
)
def test_an_answer_that_does_not_come_is_a_problem(store: PostgresStore, make: Make, part: str, problem: str) -> None:
    """A frozen database says nothing, and what it said before is not true any more."""
    hangs = Slow({"vitals": store.vitals}.get(part, lambda: None))
    given = make(**{part: hangs}, late_s=1.0)
    assert client(given).get("/health/ready").status_code == 200
    try:
        for _ in range(2):  # whoever asks first, and whoever asks meanwhile
            answer = client(given).get("/health/ready")
            assert (answer.status_code, answer.json()["problems"]) == (503, [problem])
        assert figure(client(given).get("/metrics").text, "transcribe_disk_free_bytes") == 400
        assert hangs.asked == 2, "and no more threads wait for it"
    finally:
        hangs.go_on.set()
    while given.examine().problems:  # until that one has its answer
        pass
    assert client(given).get("/health/ready").status_code == 200


def test_a_first_answer_that_does_not_come_is_a_problem_too(make: Make) -> None:
    go_on = threading.Event()
    given = make(vitals=lambda: go_on.wait(60) and None, late_s=0.2)
    try:
        assert given.examine().problems == given.examine().problems == (Problem.DATABASE,)
    finally:
        go_on.set()
    while given.examine().problems:
        pass


def test_a_fault_of_ours_is_told_to_who_asks(make: Make) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    given = make(vitals=broken)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            given.examine()


def test_another_master_key_is_found(store: PostgresStore, given: Watch, postgres_url: str) -> None:
    execute(
        postgres_url,
        (text("SET CONSTRAINTS ALL DEFERRED"), {}),
        (text("UPDATE lasting_key SET master = 'ander'"), {}),
        (text("UPDATE master_key SET id = 'ander'"), {}),
    )
    assert client(given).get("/health/ready").json()["problems"] == ["master-key"]


def test_the_figures_are_those_of_the_database(given: Watch, postgres_url: str) -> None:
    execute(
        postgres_url,
        (WORKER, {"id": uuid4(), "silent_s": 0}),
        (WORKER, {"id": uuid4(), "silent_s": 3600}),
        (JOB, {"queue": "asr.live", "status": "todo"}),
        (JOB, {"queue": "asr.live", "status": "todo"}),
        (JOB, {"queue": "note.live", "status": "doing"}),
        (
            text("INSERT INTO measurement (at, stage, audio_s, work_s) VALUES (now(), 'uitschrijven', 100, 25)"),
            {},
        ),
    )
    found = client(given).get("/metrics").text
    assert figure(found, "transcribe_ready") == 1
    assert figure(found, "transcribe_queue_jobs", queue="asr.live", state="waiting") == 2
    assert figure(found, "transcribe_queue_jobs", queue="note.live", state="running") == 1
    for queue in ("asr.batch", "note.batch"):
        assert figure(found, "transcribe_queue_jobs", queue=queue, state="waiting") == 0
        assert figure(found, "transcribe_queue_oldest_seconds", queue=queue) == 0
    assert figure(found, "transcribe_workers", lane="live", device="cuda", model="large-v3") == 1
    assert figure(found, "transcribe_real_time_factor") == 0.25
    assert figure(found, "transcribe_lost_seconds") == 0
    assert figure(found, "transcribe_consults", status="concept") == 0
    assert figure(found, "process_resident_memory_bytes") > 0


def test_the_age_of_the_last_backup_is_a_figure_when_there_was_one(store: PostgresStore, given: Watch) -> None:
    def told() -> str:
        return client(given).get("/metrics").text

    assert "transcribe_backup_age_seconds" not in told()
    for days in (40, 2):
        at = datetime.now(UTC) - timedelta(days=days)
        store.log(AuditEvent(at=at, actor="Beheer", role=Role.SYSTEEM, action=Action.BACKED_UP, consult_id=None))
    assert figure(told(), "transcribe_backup_age_seconds") // 3600 == 48


def test_a_keeper_that_does_not_come_by_any_more_is_found(
    store: PostgresStore, given: Watch, postgres_url: str
) -> None:
    assert "transcribe_keeper_age_seconds" not in client(given).get("/metrics").text, "there was no round yet"
    store.tended(off=timedelta(days=1))
    assert client(given).get("/health/ready").status_code == 200
    execute(postgres_url, (text("UPDATE installation SET tended_at = now() - interval '1 hour'"), {}))
    answer = client(given).get("/health/ready")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["no-keeper"])
    found = client(given).get("/metrics").text
    assert figure(found, "transcribe_keeper_age_seconds") // 60 == 60
    assert figure(found, "transcribe_problem", code="no-keeper") == 1


def test_this_machine_reads_the_figures_without_a_token(given: Watch) -> None:
    assert client(given).get("/metrics").status_code == 200
    assert client(given, host="::1").get("/metrics").status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_request_through_a_proxy_needs_the_token(given: Watch, header: str) -> None:
    assert client(given).get("/metrics", headers={header: "10.0.0.9"}).status_code == 401
    both = {header: "10.0.0.9", "Authorization": f"Bearer {TOKEN}"}
    assert client(given).get("/metrics", headers=both).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer ", 401),
        ("Bearer ééé", 401),
    ],
)
def test_another_machine_needs_the_token(given: Watch, authorization: str, status: int) -> None:
    headers = {"Authorization": authorization.encode()}
    assert client(given, host="10.0.0.9").get("/metrics", headers=headers).status_code == status


def test_without_a_token_no_other_machine_gets_in(make: Make) -> None:
    nobody = make(metrics_token="")
    headers = {"Authorization": "Bearer "}
    assert client(nobody, host="10.0.0.9").get("/metrics", headers=headers).status_code == 401


def test_an_app_that_is_not_watched_has_no_such_pages() -> None:
    assert client(None).get("/health/ready").status_code == 404
    assert client(None).get("/metrics").status_code == 404


def test_asking_often_does_not_ask_the_database_often(make: Make, store: PostgresStore) -> None:
    asked = []

    def read() -> object:
        asked.append(1)
        return store.vitals()

    often = client(make(vitals=read, fresh_s=3600))
    for path in ("/health/ready", "/metrics", "/health/ready"):
        assert often.get(path).status_code == 200
    assert len(asked) == 1
