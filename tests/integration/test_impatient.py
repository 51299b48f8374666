"""A server that says nothing is given up, whatever it is that keeps it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from transcribe import doctor
from transcribe.app import open_service
from transcribe.errors import SetupProblem, StoreUnavailable
from transcribe.settings import Settings
from transcribe.store import backup, impatient
from transcribe.store.backup import restore
from transcribe.store.blobs import FolderBlobs
from transcribe.store.copying import copy_out
from transcribe.store.database import translated
from transcribe.store.impatient import impatient_engine
from transcribe.store.key_copies import KeyCopies
from transcribe.store.keys import MasterKey
from transcribe.store.migrate import migrate
from transcribe.store.postgres import PostgresStore

BACKEND = text("SELECT pg_backend_pid()")


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    found = impatient_engine(postgres_url, silence_s=0.5, pool_pre_ping=True, pool_size=1, max_overflow=0)
    yield found
    found.dispose()


def test_a_statement_without_an_answer_is_given_up_and_its_connection_with_it(engine: Engine) -> None:
    with engine.begin() as tx:
        before = tx.scalar(BACKEND)
    with pytest.raises(StoreUnavailable), translated(), engine.begin() as tx:
        tx.execute(text("SELECT pg_sleep(600)"))
    with engine.begin() as tx:
        assert tx.scalar(BACKEND) != before


def test_a_frozen_server_is_given_up_also_when_it_is_asked_whether_it_is_there(engine: Engine) -> None:
    with engine.begin() as tx:
        backend = psutil.Process(tx.scalar(BACKEND))
    backend.send_signal(signal.SIGSTOP)
    thawed = threading.Timer(60, backend.send_signal, [signal.SIGCONT])  # who waits for ever has failed by then
    thawed.start()
    try:
        with engine.begin() as tx:
            assert tx.scalar(BACKEND) != backend.pid, "on another connection"
    finally:
        thawed.cancel()
        backend.send_signal(signal.SIGCONT)


def test_what_answers_all_the_while_may_take_its_time(postgres_url: str) -> None:
    engine = impatient_engine(postgres_url, silence_s=2)
    try:
        with engine.connect() as connection:  # longer than what the server gathers before it sends
            found = connection.execute(text("SELECT repeat('a', 20000), pg_sleep(0.3) FROM generate_series(1, 10)"))
            assert len(found.all()) == 10
    finally:
        engine.dispose()


def test_a_server_that_takes_no_visitors_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://niemand@127.0.0.1:{silent.getsockname()[1]}/niets?sslmode=disable"
        with pytest.raises(StoreUnavailable):
            PostgresStore(url, MasterKey.of(os.urandom(32)))


def test_no_command_waits_for_ever_for_a_server_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system takes connections for a frozen PostgreSQL, and nobody ever says anything."""
    monkeypatch.setitem(impatient.CONNECT, "connect_timeout", 2)
    copy = SimpleNamespace(opening=lambda key: key)
    monkeypatch.setattr(backup, "read_copy", lambda *_: copy)
    monkeypatch.setattr(backup, "open_envelope", lambda *_: (None, BytesIO()))
    master_key, blobs = MasterKey.of(bytes(32)), FolderBlobs(tmp_path)
    with socket.create_server(("127.0.0.1", 0), backlog=20) as silent:
        url = f"postgresql://niemand@127.0.0.1:{silent.getsockname()[1]}/niets?sslmode=disable"
        settings = Settings(data_dir=tmp_path / "data", database_url=url)
        commands: list[Callable[[], object]] = [
            lambda: migrate(url),
            lambda: KeyCopies(None, url, master_key).places(),  # type: ignore[arg-type]
            lambda: backup._snapshot(url).__enter__(),
            lambda: restore(tmp_path, tmp_path, url=url, blobs=blobs, master_key=master_key, actor="x"),
            lambda: open_service(settings).__enter__(),
        ]
        with ThreadPoolExecutor(max_workers=len(commands) + 1) as threads:
            (examined,) = threads.submit(lambda: list(doctor._database(settings))).result()
            tried = [threads.submit(command) for command in commands]
    assert all(isinstance(one.exception(), StoreUnavailable | SetupProblem) for one in tried)
    assert (examined.level, "of de server loopt" in examined.advice) == (doctor.Level.WRONG, True)


def test_a_server_that_freezes_in_the_middle_of_a_backup_ends_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "LONG_WORK_S", 0.5)

    def save() -> None:
        with backup._snapshot(postgres_url) as tx:
            frozen = psutil.Process(tx.scalar(BACKEND))
            frozen.send_signal(signal.SIGSTOP)
            thawed = threading.Timer(60, frozen.send_signal, [signal.SIGCONT])
            thawed.start()
            try:
                list(copy_out(tx, "consult", ["id"]))
            finally:
                thawed.cancel()
                frozen.send_signal(signal.SIGCONT)

    with pytest.raises(StoreUnavailable):
        save()


def test_a_mistake_of_ours_stays_one(engine: Engine) -> None:
    with pytest.raises(Exception, match="nergens") as caught, engine.begin() as tx:
        tx.execute(text("SELECT nergens"))
    assert not isinstance(caught.value, OperationalError)
