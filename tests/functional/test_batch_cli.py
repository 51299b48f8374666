"""``transcribe batch`` as an assistant uses it: a folder, a list, and a program that may be killed at any moment."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import cli
from tests.excerpts import excerpt
from transcribe.store.folders import throwaway_data_dir

NAMES = ("keelpijn", "rugpijn", "blaasontsteking")
#: Each participant in a file.
APART = "rugpijn"
FIRST = f"{APART} - huisarts.wav"
#: Of the complaint, behind the greetings.
EXCERPT_S = (15.0, 35.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The first sentences of three consults, as a video call is recorded: the huisarts left, the patient right; and of
    one of them each in a file of their own.
    """
    made = tmp_path / "opnamen"
    made.mkdir()
    for name in NAMES:
        whole = excerpt(name, *EXCERPT_S)
        if name == APART:
            for channel, who in enumerate(("huisarts", "patient")):
                (made / f"{name} - {who}.wav").write_bytes(one_channel(whole, channel))
        else:
            (made / f"{name}.wav").write_bytes(whole)
    return made


def one_channel(whole: bytes, channel: int) -> bytes:
    made = io.BytesIO()
    with wave.open(io.BytesIO(whole)) as source, wave.open(made, "wb") as file:
        file.setparams(source.getparams()._replace(nchannels=1))
        frames = np.frombuffer(source.readframes(source.getnframes()), "<i2").reshape(-1, 2)
        file.writeframes(frames[:, channel].tobytes())
    return made.getvalue()


def filled(folder: Path, target: Path, *names: str) -> Path:
    """A list as ``--template`` makes it, with the consent of these filled in."""
    done = cli("batch", folder, "--template", target)
    assert done.returncode == 0, done.stderr
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [row["bestand"] for row in rows] == sorted(FIRST if name == APART else f"{name}.wav" for name in NAMES)
    assert [row["tweede_bestand"] for row in rows if row["tweede_bestand"]] == [f"{APART} - patient.wav"]
    for row in rows:
        row["kenmerk"] = f"P-{row['bestand'][0]}"
        if row["bestand"].removesuffix(".wav").removesuffix(" - huisarts") in names:
            row |= {
                "datum": "2026-11-20", "toestemming": "mondeling", "geïnformeerd_door": "B. Balie", "anderen": "geen",
                "kanalen": "huisarts,patiënt",
            }  # fmt: skip
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return target


@pytest.mark.slow
def test_a_folder_becomes_drafts_once_and_what_has_no_consent_waits(
    demo_dir: Path, folder: Path, tmp_path: Path
) -> None:
    """Two of three recordings have their consent written down. The second time nothing is done twice; then the third
    has its consent too, and the originals go once their drafts are proven.
    """
    listed = filled(folder, tmp_path / "lijst.csv", "keelpijn", "rugpijn")
    options = ("--demo", "--data-dir", demo_dir, "--manifest", listed, "--summary")
    first = cli("batch", folder, *options, tmp_path / "een.json")
    assert first.returncode == 6, first.stdout + first.stderr
    rows = {row["bestand"]: row for row in json.loads((tmp_path / "een.json").read_text())}
    assert rows["keelpijn.wav"]["stand"] == rows[FIRST]["stand"] == "concept staat klaar"
    assert rows[FIRST]["tweede_bestand"] == f"{APART} - patient.wav"
    assert rows["blaasontsteking.wav"]["stand"] == "wacht op toestemming"
    assert rows["blaasontsteking.wav"]["consult"] == ""
    assert (tmp_path / "een.json").stat().st_mode & 0o777 == 0o600

    listed.unlink()
    filled(folder, listed, *NAMES)
    second = cli("batch", folder, *options, tmp_path / "twee.csv", "--delete-source")
    assert second.returncode == 0, second.stdout + second.stderr
    with (tmp_path / "twee.csv").open(encoding="utf-8-sig", newline="") as file:
        again = {row["bestand"]: row for row in csv.DictReader(file, delimiter=";")}
    assert again["keelpijn.wav"]["stand"] == "was al gedaan"
    assert again["keelpijn.wav"]["consult"] == rows["keelpijn.wav"]["consult"]
    assert again["blaasontsteking.wav"]["stand"] == "concept staat klaar"
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_killed_in_the_middle_and_given_again(folder: Path, tmp_path: Path) -> None:
    listed = filled(folder, tmp_path / "lijst.csv", *NAMES)
    with throwaway_data_dir() as empty:
        killed_twice(["batch", folder, "--demo", "--data-dir", empty, "--manifest", listed], tmp_path / "uit.json")


def environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TRANSCRIBE_")}
    return ours | ({"TRANSCRIBE_OS_USER": "nobody"} if os.geteuid() == 0 else {})


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "transcribe", *map(str, arguments)]


def commands_below(pid: int) -> bytes:
    """Of the processes that it started, by whichever of its threads."""
    children = [child for each in Path(f"/proc/{pid}/task").glob("*/children") for child in each.read_text().split()]
    return b"".join(Path(f"/proc/{child}/cmdline").read_bytes() for child in children)


def killed_twice(arguments: list[object], summary: Path) -> None:
    for after_s in (4.0, 7.0):
        killed = subprocess.Popen(
            command(*arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(after_s)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    done = cli(*arguments, "--summary", summary)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(summary.read_text())
    assert {row["stand"] for row in rows} <= {"concept staat klaar", "was al gedaan"}
    assert len({row["consult"] for row in rows}) == len(NAMES)


@pytest.mark.slow
def test_a_service_manager_stops_it_and_has_the_summary(folder: Path, tmp_path: Path) -> None:
    with throwaway_data_dir() as empty:
        watching = subprocess.Popen(
            command("batch", folder, "--watch", "--demo", "--data-dir", empty, "--summary", tmp_path / "uit.json"),
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            patience = time.monotonic() + 60
            while b"worker" not in commands_below(watching.pid):
                assert watching.poll() is None
                assert time.monotonic() < patience
                time.sleep(0.1)
            watching.terminate()
            said, _ = watching.communicate(timeout=60)
        finally:
            watching.kill()
    assert watching.returncode in {6, 130}, said
    assert isinstance(json.loads((tmp_path / "uit.json").read_text()), list)


def test_what_can_not_be_is_said(data_dir: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "leeg").mkdir()
    empty = cli("batch", tmp_path / "leeg", "--demo", "--data-dir", data_dir)
    assert empty.returncode == 3
    assert "geen opnamen gevonden" in empty.stderr
    (tmp_path / "lijst.csv").write_text("naam;kenmerk\n")
    wrong = cli("batch", folder, "--manifest", tmp_path / "lijst.csv", "--demo", "--data-dir", data_dir)
    assert wrong.returncode == 3
    assert "kolom" in wrong.stderr
    (tmp_path / "goed.csv").write_text("bestand;kenmerk\n")
    over = ("--manifest", tmp_path / "goed.csv", "--summary", tmp_path / "goed.csv")
    overwritten = cli("batch", folder, *over, "--demo", "--data-dir", data_dir)
    assert overwritten.returncode == 3
    assert "overschrijven" in overwritten.stderr
    assert (tmp_path / "goed.csv").read_text() == "bestand;kenmerk\n"
    (tmp_path / "dinsdag").mkdir()
    (tmp_path / "dinsdag" / "keelpijn.wav").write_bytes(b"another")
    twice = cli("batch", folder, tmp_path / "dinsdag", "--demo", "--data-dir", data_dir)
    assert twice.returncode == 3
    assert "Twee opnamen heten hier" in twice.stderr
    there = cli("batch", folder, "--template", tmp_path / "lijst.csv")
    assert there.returncode == 3
    assert "is er al" in there.stderr
    assert (tmp_path / "lijst.csv").read_text() == "naam;kenmerk\n"
