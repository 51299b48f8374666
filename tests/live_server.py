"""The web app with a recording under way, on a real socket: in a thread of a test, or in a process to be killed.

``python -m tests.live_server FOLDER PORT [N]``: the spool is in FOLDER, everything else is new at each start; N
recordings are under way, of the consults with the numbers 1 to N.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import uvicorn
from fastapi import FastAPI

from consent import How, current_text, grant
from transcribe.app import web_config
from transcribe.asr.transcript import Speaker
from transcribe.consult import Action, Actor, AuditEvent, Change, Consult, KeyPurpose, Role, Space, Status, live_on
from transcribe.log_reading import LogReading
from transcribe.naming import Naming
from transcribe.ports import Spool
from transcribe.practice import Practice
from transcribe.recorder import Recorder
from transcribe.store.spool import FileSpool
from transcribe.testing import MemoryAudioStore, MemorySpool, MemoryStore, ScriptedDecoder
from transcribe.web.access import Access, MemorySessions
from transcribe.web.application import create_app
from transcribe.workflow import Workflow
from transcribe.writer import Writer

KEY = "sleutel-van-deze-test-0123456789"
GP = Actor(name="Dr. Proef", role=Role.HUISARTS)
CONSULT = UUID(int=1)
ONE, BOTH = (Speaker.ONBEKEND,), (Speaker.HUISARTS, Speaker.PATIENT)


class Store(MemoryStore):
    """With data keys that are the same after a restart."""

    def data_key(self, consult_id: UUID, purpose: KeyPurpose) -> bytes:
        super().data_key(consult_id, purpose)
        return consult_id.bytes * 2


@dataclass
class LiveHouse:
    spool: Spool = field(default_factory=MemorySpool)
    max_minutes: int = 60

    def __post_init__(self) -> None:
        self.store, self.audio = Store(), MemoryAudioStore()
        self.space = Space(total=100, free=50)
        writer = Writer(self.store)
        self.workflow = Workflow(
            store=self.store,
            audio=self.audio,
            spool=self.spool,
            decoder=ScriptedDecoder(),
            writer=writer,
            space=lambda: self.space,
        )
        self.recorder = Recorder(
            store=self.store,
            audio=self.audio,
            spool=self.spool,
            writer=writer,
            space=lambda: self.space,
            max_minutes=self.max_minutes,
        )
        self.ahead = timedelta()  # of the clock that sessions go by
        self.sessions = MemorySessions()
        self.access = Access(KEY, self.sessions, clock=lambda: datetime.now(UTC) + self.ahead)
        self.app: FastAPI = create_app(
            practices=lambda _: Practice(
                name="",
                workflow=self.workflow,
                recorder=self.recorder,
                log_reading=LogReading(self.store, writer),
                naming=Naming(store=self.store, writer=writer),
            ),
            actor=GP,
            access=self.access,
            demo=None,
            ui_language="nl",
            max_upload_mb=1,
            idle_minutes=30,
            version="0",
            space=lambda: self.space,
            min_free_percent=5.0,
        )

    def begin(
        self, consult_id: UUID = CONSULT, *, status: Status = Status.RECORDING, speakers: tuple[Speaker, ...] = ONE
    ) -> UUID:
        """A consult that is being recorded."""
        now = datetime.now(UTC)
        words = current_text()
        consult = Consult(
            id=consult_id,
            patient_ref="P-1",
            status=status,
            created_at=now,
            changed_at=now,
            version=1,
            channels=speakers,
            upload=f"{live_on(self.spool.name)}1",
        )
        event = AuditEvent(at=now, actor=GP.name, role=GP.role, action=Action.RECORDING_STARTED, consult_id=consult_id)
        given = grant(
            how=How.SPOKEN,
            informed_by=GP.name,
            text_id=words.id,
            text_sha256=words.sha256,
            others_informed=True,
            now=now,
        )
        self.store.apply(Change(consult=consult, audit=event, consent=given))
        self.spool.open(consult_id, self.store.data_key(consult_id, KeyPurpose.SOURCE), new=True).close()
        return consult_id

    def heard(self, consult_id: UUID = CONSULT) -> bytes:
        """What is safe of a running recording."""
        with self.spool.read(consult_id, consult_id.bytes * 2) as file:
            return file.read()


def server(app: FastAPI) -> uvicorn.Server:
    config = web_config(app)
    config.timeout_graceful_shutdown = 2
    return uvicorn.Server(config)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of the app, while it runs in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = server(app)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(10)


def main(folder: Path, port: int, count: int = 1) -> None:
    house = LiveHouse(FileSpool(folder))
    for number in range(1, count + 1):
        house.begin(UUID(int=number))
    listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
    print("ready", flush=True)
    server(house.app).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
