"""Sound over a real connection: what is acknowledged is safe, whatever breaks; who may send, and what each is told."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
import socket as sockets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.live_client import HEAD, LiveClient
from tests.live_server import BOTH, CONSULT, GP, KEY, LiveHouse, served
from transcribe.asr.transcript import Speaker
from transcribe.consult import Consult, Space, Status
from transcribe.errors import DiskFull, StoreUnavailable
from transcribe.store.spool import FileSpool
from transcribe.testing import MemorySpool
from transcribe.web import guard, ingest
from transcribe.web.pages import hour
from transcribe.writer import PCM

FRAME = 3200
PAGE = f"/consult/{CONSULT}"


@pytest.fixture
def house() -> LiveHouse:
    return LiveHouse()


@pytest.fixture
def base(house: LiveHouse) -> Iterator[str]:
    with served(house.app) as address:
        yield address


def frames(count: int, size: int = FRAME) -> bytes:
    """Each another one."""
    return b"".join(number.to_bytes(4, "big") * (size // 4) for number in range(count))


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def cookie(house: LiveHouse, base: str) -> str:
    return f"transcribe-{base.rpartition(':')[2]}={house.access.use_key(KEY)}"


class Line:
    """One connection by hand."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, *numbers: int, size: int = FRAME) -> None:
        for number in numbers:
            self.socket.send(HEAD.pack(number) + number.to_bytes(4, "big") * (size // 4))

    def say(self, **order: object) -> None:
        self.socket.send(json.dumps(order))

    def hear(self, *keys: str) -> dict[str, Any]:
        """The next message with one of these; the next at all without any."""
        while True:
            message: dict[str, Any] = json.loads(self.socket.recv(timeout=30))
            if not keys or set(keys) & set(message):
                return message

    def acknowledged(self, number: int) -> None:
        while self.hear("ack")["ack"] < number:
            pass

    def closed(self) -> int:
        """The code, after whatever was still said."""
        with pytest.raises(ConnectionClosed) as closed:
            self._rest()
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code

    def _rest(self) -> None:
        while True:
            self.socket.recv(timeout=30)


@contextmanager
def line(house: LiveHouse, base: str, consult_id: UUID = CONSULT, turn: str = "") -> Iterator[Line]:
    url = f"{base.replace('http', 'ws')}/consult/{consult_id}/opname{turn and f'?beurt={turn}'}"
    headers = {"Cookie": cookie(house, base)}
    with connect(url, origin=base, additional_headers=headers, proxy=None) as socket:  # type: ignore[arg-type]
        yield Line(socket)


# --- sound ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speakers", [(Speaker.ONBEKEND,), BOTH])
def test_a_recording_comes_over_whole(house: LiveHouse, base: str, speakers: tuple[Speaker, ...]) -> None:
    house.begin(speakers=speakers)
    size = FRAME * len(speakers)
    client = LiveClient(base, KEY, CONSULT, frames(1500, size), speed=0, frame_bytes=size)
    client.run()
    assert client.stored == {"stored": True, "page": PAGE, "frames": 1500}
    assert (client.broken, client.errors, client.connections) == ([], [], 1)
    consult = house.store.consult(CONSULT)
    assert (consult.status, consult.audio_s, consult.lost_s) == (Status.RECORDED, 150.0, 0.0)
    with house.audio.open(CONSULT, PCM, CONSULT.bytes * 2) as file:
        assert file.read() == client.pcm


def test_what_is_acknowledged_is_in_the_spool(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        hello = client.hear()
        assert re.fullmatch("[0-9a-f]{16}", hello.pop("turn"))
        assert hello == {
            "resume_from": 0,
            "frame_bytes": FRAME,
            "channels": 1,
            "most_frames": 36_000,
            "paused": False,
            "aside": False,
            "mark": "",
        }
        client.send(0, 1, 2)
        client.acknowledged(3)
        assert house.heard() == frames(3)
    with line(house, base) as client:
        assert client.hear()["resume_from"] == 3


def test_what_came_before_a_connection_broke_is_not_asked_for_again(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(*range(5))
    until(lambda: house.heard() == frames(5))


def test_frames_that_come_twice_count_once_and_a_gap_is_asked_for(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(0, 1, 0, 1, 5, 6, 7)
        assert client.hear("wanted") == {"wanted": 2}
        client.send(1, 2, 3, 3, 4, 5, 6, 7)
        client.acknowledged(8)
        assert house.heard() == frames(8)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0\0\0\0",
        HEAD.pack(0) + bytes(FRAME + 2),
        "",
        "[]",
        '"end"',
        '{"end": -1}',
        '{"end": "1"}',
        '{"end": true}',
        "{" * 5000,
        "[" * 999,
    ],
)
def test_what_is_no_frame_and_no_order_ends_the_connection(house: LiveHouse, base: str, message: str | bytes) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(0)
        client.socket.send(message)
        assert client.hear("error")["code"] == "refused"
        assert client.closed() == ingest.NO_FURTHER
    until(lambda: house.heard() == frames(1))


def test_the_end_may_be_said_before_the_last_frame_has_come(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.say(end=3)
        client.send(0, 1, 2)
        assert client.hear("stored")["frames"] == 3
        assert client.closed() == ingest.DONE
    with line(house, base) as client:  # it did not hear the answer, and asks again
        assert client.hear() == {"stored": True, "page": PAGE, "frames": 3}


def test_a_recording_that_is_long_enough_is_finished_by_itself() -> None:
    house = LiveHouse(max_minutes=1)
    house.begin()
    with served(house.app) as base:
        client = LiveClient(base, KEY, CONSULT, frames(650), speed=0, finish=False)
        client.run()
        assert client.stored is not None
        assert client.stored["frames"] == 600
        assert house.store.consult(CONSULT).audio_s == 60.0


def test_an_empty_recording_is_said_in_words(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.say(end=0)
        answer = client.hear("error")
        assert answer["code"] == "nothing"
        assert "geen geluid" in answer["error"]
    assert house.store.consult(CONSULT).status is Status.CONSENTED


# --- what happens meanwhile ----------------------------------------------------------------------------------------


def test_pause_takes_all_that_was_said_before_it(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(0, 1)
        client.say(pause=True)
        assert client.hear("paused") == {"paused": True, "ack": 2}
        assert house.store.consult(CONSULT).status is Status.PAUSED
        client.say(resume=True)
        assert client.hear("paused") == {"paused": False, "ack": 2}
        assert house.store.consult(CONSULT).status is Status.RECORDING


def test_a_pause_on_another_screen_is_told(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        house.recorder.pause(GP, CONSULT)
        assert client.hear("paused")["paused"] is True
        client.send(0)  # said before it was told
        client.acknowledged(1)
    with line(house, base) as client:
        assert client.hear()["paused"] is True


def test_words_outside_the_record_on_another_screen_are_told_as_such(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        house.recorder.pause(GP, CONSULT, aside=True)
        assert client.hear("paused") == {"paused": True, "aside": True}
        house.recorder.resume(GP, CONSULT)
        assert client.hear("paused") == {"paused": False, "aside": False}


def test_a_look_that_an_order_overtook_is_no_news(house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the microphone is on again, for a moment, while what is said stays outside the record."""
    read, go_on, look = threading.Event(), threading.Event(), house.workflow.consult

    def slow(consult_id: UUID) -> Consult:
        found = look(consult_id)
        if not read.is_set():
            read.set()
            assert go_on.wait(10)
        return found

    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(0)
        monkeypatch.setattr(house.workflow, "consult", slow)
        assert read.wait(10)
        client.say(pause=True, aside=True)
        assert client.hear("paused") == {"paused": True, "ack": 1}
        go_on.set()
        time.sleep(0.3)  # for what must not come
        client.say(resume=True)
        assert client.hear("paused") == {"paused": False, "ack": 1}


def test_a_newer_connection_takes_over(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as first:
        first.hear()
        first.send(0)
        first.acknowledged(1)
        with line(house, base) as second:
            assert second.hear()["resume_from"] == 1
            first.send(1)
            answer = first.hear("error")
            assert answer["code"] == "taken-over"
            assert "ander scherm" in answer["error"]
            assert first.closed() == ingest.NO_FURTHER
            second.send(1)
            second.acknowledged(2)


@pytest.mark.parametrize("sending", [True, False])
def test_withdrawal_ends_the_recording_and_says_so(house: LiveHouse, base: str, sending: bool) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(0)
        client.acknowledged(1)
        house.workflow.withdraw(GP, CONSULT)
        if sending:
            client.send(1)
        answer = client.hear("error")
        assert answer["code"] == "destroyed"
        assert "vernietigd" in answer["error"]
        assert client.closed() == ingest.NO_FURTHER
    assert house.spool.consults() == []
    with line(house, base) as client:
        assert client.hear()["code"] == "destroyed"


def test_the_end_on_another_screen_is_told(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(0)
        client.acknowledged(1)
        house.recorder.finish(GP, CONSULT)
        assert client.hear("stored")["frames"] == 1


def test_a_full_disk_is_said_and_the_recording_goes_on_when_there_is_room(
    house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "RETRY_S", 0.02)
    assert isinstance(house.spool, MemorySpool)
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(0)
        client.acknowledged(1)
        house.spool.full = True
        client.send(1, 2)
        answer = client.hear("error")
        assert answer["code"] == "disk"
        assert "schijf" in answer["error"]
        client.send(3)
        house.spool.full = False
        client.acknowledged(4)
        assert house.heard() == frames(4)


def test_a_client_that_sends_faster_than_the_disk_takes_loses_nothing(
    house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "RETRY_S", 0.02)
    monkeypatch.setattr(ingest, "MOST_WAITING", 20)
    assert isinstance(house.spool, MemorySpool)
    house.begin()
    house.spool.full = True
    client = LiveClient(base, KEY, CONSULT, frames(400), speed=0)
    client.start()
    until(lambda: client.errors)
    house.spool.full = False
    client.join(30)
    assert client.stored is not None
    assert client.broken == []
    with house.audio.open(CONSULT, PCM, CONSULT.bytes * 2) as file:
        assert file.read() == client.pcm


def test_sound_is_kept_safe_while_the_database_is_away(
    house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "LOOK_S", 0.01)
    house.begin()
    away = True
    real = house.store.consult

    def consult(consult_id: UUID) -> Any:
        if away:
            raise StoreUnavailable
        return real(consult_id)

    with line(house, base) as client:
        client.hear()
        monkeypatch.setattr(house.store, "consult", consult)
        for number in range(5):
            client.send(number)
            client.acknowledged(number + 1)
        client.say(pause=True)
        assert client.hear("error")["code"] == "not-done"
        client.say(end=5)
        assert client.hear("error")["code"] == "unavailable"
        assert client.closed() == ingest.TRY_AGAIN
    later = LiveClient(base, KEY, CONSULT, frames(5), speed=0)
    later.start()
    until(lambda: ingest.TRY_AGAIN in later.closed or later.errors)
    away = False
    later.join(30)
    assert later.stored is not None
    assert house.store.consult(CONSULT).audio_s == 0.5


def test_words_outside_the_record_are_a_pause_that_the_log_tells_of(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.send(0)
        client.say(pause=True, aside=True)
        assert client.hear("paused") == {"paused": True, "ack": 1}
    with line(house, base) as client:
        hello = client.hear()
        assert (hello["paused"], hello["aside"]) == (True, True)
        client.say(resume=True)
        assert client.hear("paused")["paused"] is False
    with line(house, base) as client:
        assert client.hear()["aside"] is False
    assert [event.detail.partition(":")[0] for event in house.store.events(CONSULT)][-2:] == ["buiten verslag"] * 2


def test_who_comes_back_does_not_disturb_who_went_on(house: LiveHouse, base: str) -> None:
    house.begin()
    with line(house, base) as first:
        turn = first.hear()["turn"]
        first.send(0)
        first.acknowledged(1)
    with line(house, base, turn=turn) as again:
        hello = again.hear()
        assert (hello["turn"], hello["resume_from"]) == (turn, 1)
        assert hello["mark"] == hashlib.sha256(frames(1)).hexdigest()
        with line(house, base) as other:
            assert other.hear()["turn"] != turn
            with line(house, base, turn=turn) as back:
                assert back.hear()["code"] == "taken-over"
                assert back.closed() == ingest.NO_FURTHER
            other.send(1)
            other.acknowledged(2)


def test_a_client_gets_its_key_while_the_consult_has_one(house: LiveHouse, browser: TestClient) -> None:
    house.begin()
    answer = browser.get(f"{PAGE}/opname/sleutel")
    assert (answer.status_code, len(answer.content), answer.headers["cache-control"]) == (200, 32, "no-store")
    house.workflow.withdraw(GP, CONSULT)
    assert browser.get(f"{PAGE}/opname/sleutel").status_code == 410
    browser.cookies.clear()
    assert browser.get(f"{PAGE}/opname/sleutel", headers={"Accept": "application/json"}).status_code == 401


# --- who may send --------------------------------------------------------------------------------------------------


def test_only_our_own_page_gets_a_connection(house: LiveHouse, base: str) -> None:
    house.begin()
    live = f"{base.replace('http', 'ws')}/consult/{CONSULT}/opname"
    headers = {"Cookie": cookie(house, base)}
    other_name = live.replace("127.0.0.1", "localhost")
    for url, origin in (
        (live, None),
        (live, "https://elders.example"),
        (live, "null"),
        (live, base.replace("127.0.0.1", "localhost")),
        (other_name.replace("/opname", "/anders"), base.replace("127.0.0.1", "localhost")),
        (live + "/x", base),
    ):
        with pytest.raises(InvalidStatus) as refused:
            connect(url, origin=origin, additional_headers=headers, proxy=None)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
    assert house.heard() == b""


def test_another_name_for_this_machine_gets_no_connection(house: LiveHouse) -> None:
    house.begin()
    client = TestClient(house.app, base_url="http://kwaad.example")
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect(f"{PAGE}/opname", headers={"Origin": "http://kwaad.example"}),
    ):
        pass
    assert refused.value.code == guard.FORBIDDEN


def test_without_a_session_there_is_no_connection(house: LiveHouse, base: str) -> None:
    house.begin()
    live = f"{base.replace('http', 'ws')}/consult/{CONSULT}/opname"
    for headers in ({}, {"Cookie": f"transcribe-{base.rpartition(':')[2]}=verzonnen"}):
        with connect(live, origin=base, additional_headers=headers, proxy=None) as socket:  # type: ignore[arg-type]
            assert Line(socket).closed() == guard.LOG_IN


def test_an_unknown_consult_is_said_and_nothing_is_thrown_away_for_it(house: LiveHouse, base: str) -> None:
    with line(house, base, UUID(int=9)) as client:
        assert client.hear()["code"] == "refused"
        assert client.closed() == ingest.NO_FURTHER


def test_before_the_start_and_without_consent_nothing_is_taken(house: LiveHouse, base: str) -> None:
    house.begin(status=Status.CONSENTED)
    with line(house, base) as client:
        answer = client.hear()
        assert answer["code"] == "refused"
        assert client.closed() == ingest.NO_FURTHER
    assert house.heard() == b""


def test_the_end_of_a_session_ends_the_connection_and_a_new_one_goes_on(
    house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LIVE_CHECK_S", 0.0)
    house.begin()
    client = LiveClient(base, KEY, CONSULT, frames(60), speed=4.0)
    client.start()
    until(lambda: client.acked > 10)
    house.access.close(client._cookie.partition("=")[2])
    client.join(30)
    assert client.closed == [guard.LOG_IN]
    assert (client.logins, client.connections, client.broken) == (2, 2, [])
    assert client.stored is not None
    assert client.stored["frames"] == 60


@pytest.mark.parametrize("talking", [True, False])
def test_who_logs_out_is_not_recorded_any_longer(
    house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch, talking: bool
) -> None:
    """Without a word from the client, too; what came before it is safe."""
    assert guard.LIVE_CHECK_S <= 2.0
    monkeypatch.setattr(guard, "LIVE_CHECK_S", 0.05)
    house.begin()
    session = house.access.use_key(KEY)
    url = f"{base.replace('http', 'ws')}{PAGE}/opname"
    headers = {"Cookie": f"transcribe-{base.rpartition(':')[2]}={session}"}
    with connect(url, origin=base, additional_headers=headers, proxy=None) as socket:  # type: ignore[arg-type]
        client = Line(socket)
        client.hear()
        client.send(0)
        client.acknowledged(1)
        if talking:
            client.send(1)
        house.access.close(session)
        assert client.closed() == guard.LOG_IN
    until(lambda: house.heard() == frames(1 + talking))


def test_a_session_lives_by_the_sound_and_not_by_the_connection(
    house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does either say that a person is there."""
    monkeypatch.setattr(guard, "LIVE_CHECK_S", 0.01)
    asked: list[bool] = []
    sounded: list[UUID] = []
    real = house.access.session

    def session(session_id: str, *, idle: Any, passive: bool) -> Any:
        asked.append(passive)
        return real(session_id, idle=idle, passive=passive)

    monkeypatch.setattr(house.access, "session", session)
    monkeypatch.setattr(house.access, "sounded", lambda _, consult_id: sounded.append(consult_id))
    house.begin()
    with line(house, base) as client:
        client.hear()
        client.say(pause=True)
        client.hear("paused")
        client.say(resume=True)
        client.hear("paused")
        until(lambda: len(asked) > 3)
        assert sounded == []
        client.send(0)
        client.acknowledged(1)
        until(lambda: sounded == [CONSULT])
    assert set(asked) == {True}


def test_the_sound_does_not_wait_for_the_session(house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is asked for it beside the sound: one that hangs, or is away, keeps nobody from being recorded."""
    monkeypatch.setattr(guard, "LIVE_CHECK_S", 0.01)
    house.begin()
    answers = threading.Event()

    def session(*_: object, **__: object) -> Any:
        answers.wait(30)
        raise StoreUnavailable

    with line(house, base) as client:
        client.hear()
        monkeypatch.setattr(house.access, "session", session)
        try:
            client.send(0, 1, 2)
            client.acknowledged(3)
        finally:
            answers.set()
        client.send(3)
        client.acknowledged(4)


@contextmanager
def logged() -> Iterator[list[logging.LogRecord]]:
    """What our own loggers say meanwhile."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    ours = logging.getLogger("transcribe")
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield records
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)


def test_a_recording_that_ends_as_it_should_leaves_nothing_to_its_client(house: LiveHouse, base: str) -> None:
    house.begin()
    with logged() as records:
        with line(house, base) as client:
            client.hear()
            client.send(0)
            client.say(end=1)
            assert client.hear("stored")["frames"] == 1
            assert client.closed() == ingest.DONE
        with line(house, base) as again:
            assert again.hear()["stored"] is True
    assert [record.getMessage() for record in records if "frames of a recording" in record.msg] == []


@pytest.mark.parametrize("sent", ["websocket.accept", "websocket.send"])
def test_a_client_that_is_gone_is_no_error(house: LiveHouse, sent: str) -> None:
    """A server says so with an ``OSError`` when we send (ASGI)."""
    house.begin()
    cookies = f"transcribe-80={house.access.use_key(KEY)}"
    headers = {"Host": "127.0.0.1", "Origin": "http://127.0.0.1", "Cookie": cookies}
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": f"{PAGE}/opname",
        "raw_path": f"{PAGE}/opname".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "subprotocols": [],
    }
    tried: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        tried.append(message["type"])
        if message["type"] == sent:
            raise ConnectionResetError

    with logged() as records:
        anyio.run(house.app, scope, receive, send)
    assert tried[-1] == sent
    assert [record for record in records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("trouble", [DiskFull, StoreUnavailable])
def test_who_records_is_told_to_come_back_when_finishing_fails(
    house: LiveHouse, base: str, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    house.begin()

    def fails(*_: object) -> int:
        raise trouble

    client = LiveClient(base, KEY, CONSULT, frames(60), speed=4.0)
    client.start()
    until(lambda: client.acked > 5)
    with monkeypatch.context() as patch:
        patch.setattr(house.audio, "write", fails)
        with pytest.raises(trouble):
            house.recorder.finish(GP, CONSULT)
        assert house.store.consult(CONSULT).status is Status.RECORDING
    client.join(30)
    assert set(client.closed) <= {ingest.TRY_AGAIN}
    assert (client.given_up, client.broken) == (False, [])
    assert client.stored is not None
    assert client.stored["frames"] == 60


def test_the_recording_of_another_machine_is_refused_and_the_client_keeps_its_sound(
    house: LiveHouse, base: str
) -> None:
    house.begin()
    house.spool.delete(CONSULT)  # it lies elsewhere
    with line(house, base) as client:
        answer = client.hear()
        assert answer["code"] == "elsewhere"
        assert "andere server" in answer["error"]
        assert client.closed() == ingest.TRY_AGAIN
    assert house.spool.consults() == []


# --- pages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(house: LiveHouse) -> Iterator[TestClient]:
    with TestClient(house.app, base_url="http://127.0.0.1:8600", follow_redirects=False) as client:
        client.get(f"/start?ticket={house.access.ticket()}")
        yield client


def post(browser: TestClient, path: str, **fields: str) -> Any:
    token = re.search(r'name="token" value="([^"]+)"', browser.get("/").text)
    assert token
    return browser.post(path, data={"token": token[1], **fields})


def test_a_recording_can_be_led_without_scripts(house: LiveHouse, browser: TestClient) -> None:
    house.begin(status=Status.CONSENTED)
    assert post(browser, f"{PAGE}/opname/begin", layout="huisarts-links").headers["location"] == PAGE
    assert house.store.consult(CONSULT).channels == BOTH
    live = house.recorder.open(GP, CONSULT)
    live.append(bytes(2 * 32_000 * 65))
    live.sync()
    page = browser.get(PAGE).text
    assert "Opname loopt" in page
    assert "Toestemming intrekken" in page
    assert "1:05 veilig opgeslagen" in browser.get(f"{PAGE}/opname/stand").text
    for name, label, status in (
        ("pauze", "Pauze", Status.PAUSED),
        ("hervat", "Hervat", Status.RECORDING),
        ("afronden", "Afronden", Status.RECORDED),
    ):
        assert f">{label}</button>" in browser.get(PAGE).text
        assert post(browser, f"{PAGE}/opname/{name}").status_code == 303
        assert house.store.consult(CONSULT).status is status
    gone = browser.get(f"{PAGE}/opname/stand")
    assert (gone.status_code, gone.headers["hx-refresh"]) == (204, "true")
    assert ">Verder opnemen</button>" in browser.get(PAGE).text
    assert post(browser, f"{PAGE}/opname/verder").status_code == 422
    assert post(browser, f"{PAGE}/opname/verder", versie="1").status_code == 303
    assert house.store.consult(CONSULT).status is Status.PAUSED
    assert "1:05 veilig opgeslagen" in browser.get(f"{PAGE}/opname/stand").text


def test_a_recording_to_which_no_sound_comes_is_not_said_to_run(
    house: LiveHouse, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Her laptop is gone; whoever looks at the worklist, or at the consult on another screen, sees since when."""
    house.begin()
    began = house.store.consult(CONSULT).changed_at
    monkeypatch.setattr(house.recorder._writer, "clock", lambda: began + timedelta(seconds=9))
    pages = ("/", "/werklijst", PAGE, f"{PAGE}/opname/stand")
    assert ["Opname loopt" in browser.get(page).text for page in pages] == [True] * 4
    monkeypatch.setattr(house.recorder._writer, "clock", lambda: began + timedelta(seconds=11))
    said = f"Geen geluid sinds {hour(began)}"
    assert [said in browser.get(page).text for page in pages] == [True, True, False, True]
    assert "Opname loopt" not in browser.get("/").text
    assert "every 3s" in browser.get("/").text


def test_a_client_adds_what_came_too_late(house: LiveHouse, base: str) -> None:
    """It was finished without the last of it; the same frames, sent again behind it, are the rest and nothing twice."""
    sound = frames(50)
    first = LiveClient(base=base, key=KEY, consult_id=house.begin(), pcm=sound[: 30 * FRAME], speed=0)
    first.start()
    first.join()
    assert house.store.consult(CONSULT).audio_s == 3.0
    house.recorder.go_on(GP, CONSULT)
    rest = LiveClient(base=base, key=KEY, consult_id=CONSULT, pcm=sound, speed=0)
    rest.start()
    rest.join()
    assert (first.broken, rest.broken) == ([], [])
    assert house.audio.open(CONSULT, PCM, CONSULT.bytes * 2).read() == sound


def test_a_start_needs_consent_and_a_layout(house: LiveHouse, browser: TestClient) -> None:
    house.begin(status=Status.CONSENTED)
    assert post(browser, f"{PAGE}/opname/begin").status_code == 422
    assert post(browser, f"{PAGE}/opname/begin", layout="anders").status_code == 422
    fresh = house.workflow.create(GP, "P-2").id
    assert post(browser, f"/consult/{fresh}/opname/begin", layout="gemengd").status_code == 409
    assert browser.post(f"{PAGE}/opname/begin", data={"layout": "gemengd"}).status_code == 403


def test_every_page_warns_of_a_disk_that_gets_full(house: LiveHouse, browser: TestClient) -> None:
    house.begin(status=Status.CONSENTED)
    pages = ("/", "/consult/nieuw", PAGE)
    warning = "4 % schijfruimte vrij"
    for page in pages:
        assert warning not in browser.get(page).text
    house.space = Space(total=1000, free=49)
    for page in pages:
        assert warning in browser.get(page).text
    answer = post(browser, f"{PAGE}/opname/begin", layout="gemengd")
    assert warning in answer.text
    assert house.store.consult(CONSULT).status is Status.CONSENTED


# --- kill -9 -------------------------------------------------------------------------------------------------------


@contextmanager
def process(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.live_server", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == b"ready\n"
            yield started
        finally:
            started.kill()


@pytest.mark.slow
def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    with sockets.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    seed = random.randrange(10_000)
    print("seed", seed)
    moments = random.Random(seed)
    spool = FileSpool(tmp_path / "spool")
    client = LiveClient(f"http://127.0.0.1:{port}", KEY, CONSULT, frames(600), speed=20.0, finish=False)
    client.start()
    heard = b""
    for spoken in (200, 400):
        goal = spoken - moments.randrange(1, 190)
        client.most = spoken
        with process(tmp_path / "spool", port):
            until(lambda goal=goal: client.acked >= goal)  # type: ignore[misc]
        with spool.read(CONSULT, CONSULT.bytes * 2) as file:
            heard = file.read()
        assert len(heard) >= client.acked * FRAME
        assert heard == client.pcm[: len(heard)]
    client.most = None
    with process(tmp_path / "spool", port):
        until(lambda: client.acked == client.total)
    client.stop()
    with spool.read(CONSULT, CONSULT.bytes * 2) as file:
        assert file.read() == client.pcm
    assert client.broken == []
    assert (client.connections, client.logins) == (3, 3)
