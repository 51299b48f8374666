"""A server that says nothing is given up, whatever it is that keeps it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from transcribe.errors import StoreUnavailable
from transcribe.store.database import translated
from transcribe.store.impatient import impatient_engine
from transcribe.store.keys import MasterKey
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


def test_a_mistake_of_ours_stays_one(engine: Engine) -> None:
    with pytest.raises(Exception, match="nergens") as caught, engine.begin() as tx:
        tx.execute(text("SELECT nergens"))
    assert not isinstance(caught.value, OperationalError)
