"""What an administrator reads of the service."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from transcribe.consult import Lane, Space
from transcribe.health import Examined
from transcribe.settings import Settings
from transcribe.status import GONE_S, Standing, ask_sound, shown
from transcribe.vitals import Vitals, WorkerVitals

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
WORKER = WorkerVitals(
    id=uuid4(),
    host="praktijk-1",
    pid=12,
    lane=Lane.LIVE,
    device="cpu",
    model="large-v3",
    queues=("asr.live",),
    started_at=NOW,
    beat_s=0.4,
)
QUIET = Vitals(at=NOW, queues=(), workers=(), consults={}, stopped={}, recorded_s=0, lost_s=0)
WELL = Standing(
    address="http://127.0.0.1:8600",
    web=True,
    stopped=False,
    found=Examined(vitals=QUIET, space=Space(total=20 * 10**9, free=4 * 10**8), problems=()),
    oldest_draft=None,
    backed_up=timedelta(hours=3),
)


def told(standing: Standing) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        for part in shown(standing, str):
            console.print(part)
    return captured.get()


def with_workers(*silent_s: float) -> Standing:
    workers = tuple(replace(WORKER, pid=100 + number, beat_s=beat) for number, beat in enumerate(silent_s))
    return replace(WELL, found=replace(WELL.found, vitals=replace(QUIET, workers=workers)))


def test_workers_that_are_long_gone_are_counted_and_not_listed() -> None:
    found = told(with_workers(0.4, 60, GONE_S, 3000))
    assert "praktijk-1 100" in found
    assert "praktijk-1 101" in found, "a silent one is worth a look"
    assert "praktijk-1 102" not in found
    assert "praktijk-1 103" not in found
    assert "Langer dan 5 minuten niets gehoord van: 2." in found
    assert "Langer dan" not in told(with_workers(0.4, 60))


def test_little_room_is_not_told_as_none() -> None:
    assert "2 % vrij (0.4 GB)" in told(WELL)


def test_no_backup_at_all_is_something_to_do_but_not_in_the_demonstration() -> None:
    never = replace(WELL, backed_up=None)
    assert "transcribe backup BESTAND" in told(never)
    assert "transcribe backup BESTAND" not in told(WELL)
    assert "transcribe backup BESTAND" not in told(replace(never, demo=True))
    unknown = replace(never, found=replace(WELL.found, vitals=None))
    assert "transcribe backup BESTAND" not in told(unknown), "nobody looked"


@pytest.fixture(params=["", "elders"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    place = str(tmp_path / request.param) if request.param else ""
    return Settings(data_dir=tmp_path / "data", blob_store=place)


def test_a_look_at_a_folder_of_sound_makes_none(settings: Settings) -> None:
    folder = Path(settings.blob_store) if settings.blob_store else settings.data_dir / "audio"
    with pytest.raises(OSError):
        ask_sound(settings)
    assert not folder.exists()
    folder.mkdir(parents=True)
    ask_sound(settings)
