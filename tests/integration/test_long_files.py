"""A recording of three hours is taken in as it comes, by the limits of a service that nobody set up."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consent import How, current_text, grant
from transcribe.app import Service, open_service
from transcribe.asr.transcript import Speaker
from transcribe.consult import Actor, Role, Status
from transcribe.errors import TooLong
from transcribe.settings import Settings

GP = Actor(name="T. Arts", role=Role.HUISARTS)
WORDS = current_text("nl")
RATE_HZ = 4000


@pytest.fixture
def service(postgres_server: Callable[[str], Any], tmp_path: Path) -> Iterator[Service]:
    with (
        postgres_server("").database() as url,
        open_service(Settings(data_dir=tmp_path, database_url=url, min_free_percent=0)) as made,
    ):
        yield made


def silence(minutes: int) -> Iterator[bytes]:
    """8 bits, one channel."""
    size = minutes * 60 * RATE_HZ
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, RATE_HZ, 1, 8)
    yield struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)
    for _ in range(minutes):
        yield b"\x80" * 60 * RATE_HZ


@pytest.mark.parametrize(("minutes", "taken"), [(180, True), (241, False)])
def test_three_hours(service: Service, minutes: int, taken: bool) -> None:
    consult = service.workflow.create(GP, "P-1")
    consent = grant(
        how=How.SPOKEN, informed_by="B", text_id=WORDS.id, text_sha256=WORDS.sha256, others_informed=True,
        now=datetime.now(UTC),
    )  # fmt: skip
    service.workflow.record_consent(GP, consult.id, consent)
    if taken:
        done = service.workflow.receive(GP, consult.id, silence(minutes), (Speaker.ONBEKEND,))
        assert (done.status, done.audio_s) == (Status.RECORDED, minutes * 60)
    else:
        with pytest.raises(TooLong, match="240"):
            service.workflow.receive(GP, consult.id, silence(minutes), (Speaker.ONBEKEND,))
