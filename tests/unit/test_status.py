"""What an administrator reads of the service."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

from transcribe.consult import STOPPING, Lane, Reason, Space, Status
from transcribe.health import Examined, Problem
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
QUIET = Vitals(at=NOW, queues=(), workers=(), consults={}, stopped={}, recorded_s=0, lost_s=0, backup_s=3600)
WELL = Standing(
    address="http://127.0.0.1:8600",
    web=True,
    stopped=False,
    found=Examined(vitals=QUIET, space=Space(total=20 * 10**9, free=4 * 10**8), problems=()),
    oldest_draft=None,
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


def with_vitals(**other: Any) -> Standing:
    return replace(WELL, found=replace(WELL.found, vitals=replace(QUIET, **other)))


@pytest.mark.parametrize(
    ("backup_s", "said"), [(None, "nog nooit een back-up"), (5 * 86_400, "laatste back-up is oud")]
)
def test_no_backup_or_an_old_one_is_something_to_do_but_not_in_the_demonstration(
    backup_s: float | None, said: str
) -> None:
    due = with_vitals(backup_s=backup_s)
    assert said in told(due)
    assert not due.well
    assert WELL.well
    unknown = replace(due, found=replace(WELL.found, vitals=None))  # nobody looked
    for other in (WELL, with_vitals(backup_s=3 * 86_400), replace(due, demo=True), unknown):
        assert "transcribe backup BESTAND" not in told(other)
        assert other.well


@pytest.mark.parametrize(
    "other",
    [
        replace(WELL, web=False),
        replace(WELL, copies=("De sleutelkopie loopt achter.",)),
        replace(WELL, found=replace(WELL.found, problems=(Problem.DISK_LOW,))),
        with_vitals(stopped={Reason.NO_MODEL: 1}),
    ],
)
def test_with_something_to_do_it_is_not_well(other: Standing) -> None:
    assert not other.well


def test_what_waits_by_itself_or_for_a_doctor_is_well() -> None:
    by_itself = {reason: 1 for reason in Reason if reason not in STOPPING}
    assert with_vitals(stopped=by_itself, consults={Status.DRAFTED: 3}, uncleared=2).well


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
    assert list(folder.iterdir()) == []


def test_a_folder_of_sound_that_is_read_only_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(settings.blob_store) if settings.blob_store else settings.data_dir / "audio"
    folder.mkdir(parents=True)
    asked: list[tuple[Path, int]] = []
    monkeypatch.setattr(os, "access", lambda *given: asked.append(given))
    with pytest.raises(OSError, match="Read-only"):
        ask_sound(settings)
    assert asked == [(folder, os.W_OK)]
