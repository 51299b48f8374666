"""``transcribe record`` as a GP uses it: a real sound server as the microphone, keys, buttons, signals, kill -9."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import cli
from tests.microphone import RATE, Samples, noise, place
from tests.sound_server import SoundServer, loud, sound_server
from transcribe.app import actor_of, open_service
from transcribe.asr.transcript import Speaker
from transcribe.consult import Action, KeyPurpose, Role, Search, Status
from transcribe.record_cli import _signals
from transcribe.settings import Settings
from transcribe.store.folders import throwaway_data_dir
from transcribe.workstation.session import Order
from transcribe.writer import PCM

CONSENT = ["--consent", "mondeling", "--informed-by", "A. de Wit, assistente", "--others-informed"]
PATIENCE_S = 60.0


class Recording:
    """The command in a process of its own."""

    def __init__(self, settings: Settings, sound: SoundServer, ref: str, *more: str, keys: bool = False) -> None:
        command = [
            "record",
            "--ref",
            ref,
            *CONSENT,
            "--name",
            settings.user_name,
            "--data-dir",
            settings.data_dir,
            *more,
        ]
        base = {name: value for name, value in os.environ.items() if not name.startswith("TRANSCRIBE_")}
        self._keys, inside = pty.openpty() if keys else (-1, subprocess.DEVNULL)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "transcribe", *map(str, command)],
            stdin=inside,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=base
            | sound.environment
            | {"LANG": "C.UTF-8", "COLUMNS": "200", "TRANSCRIBE_DATABASE_URL": settings.database_url},
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.said += iter(self._process.stdout.readline, "")

    def says(self, sentence: str, after: int = 0) -> int:
        """How much it had said by then."""
        until = time.monotonic() + PATIENCE_S
        while not any(sentence in line for line in self.said[after:]):
            assert self._process.poll() is None or self._reader.is_alive(), self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.02)
        return len(self.said)

    def press(self, key: str) -> None:
        os.write(self._keys, key.encode())

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self._keys >= 0:
            os.close(self._keys)
        return code


@pytest.fixture(scope="module")
def sound() -> Iterator[SoundServer]:
    with sound_server() as server:
        yield server


@pytest.fixture
def settings(postgres_url: str) -> Iterator[Settings]:
    with throwaway_data_dir() as folder:
        yield Settings(data_dir=folder, database_url=postgres_url, user_name="Dr. Proef", user_role=Role.HUISARTS)


def play(sound: SoundServer, samples: Samples) -> None:
    """All of it was heard when this returns."""
    sound.play(samples).wait(PATIENCE_S)
    time.sleep(0.4)  # what the sound server still had


@pytest.mark.slow
def test_a_consult_at_the_machine_itself(settings: Settings, sound: SoundServer) -> None:
    before, aside, broken, after, paused, last = (
        noise(seconds, RATE, seed) for seed, seconds in enumerate((1.5, 0.6, 1.1, 0.6, 0.6, 0.6))
    )
    folder = ["--data-dir", settings.data_dir]
    first = Recording(settings, sound, "P-1")
    at = first.says("opname loopt")
    play(sound, before)
    assert "buiten verslag" in cli("record", *folder, "aside").stdout
    assert cli("record", *folder, "status", "--data-dir", settings.data_dir / "elders").returncode == 3, "the last wins"
    first.says("buiten verslag", at)
    play(sound, aside)
    first.send(signal.SIGUSR2)
    first.says("opname loopt", at)
    play(sound, broken)
    first.send(signal.SIGKILL)
    assert first.ended() == -signal.SIGKILL

    second = Recording(settings, sound, "P-1", keys=True)
    at = second.says("opname loopt")
    assert any("Van deze patiënt liep nog een opname, begonnen op" in line for line in second.said)
    play(sound, after)
    second.press(" ")
    second.says("gepauzeerd", at)
    play(sound, paused)
    second.send(signal.SIGUSR1)
    second.says("opname loopt", at)
    play(sound, last)
    assert "wordt afgerond" in cli("record", "stop", *folder).stdout
    assert second.ended() == 0, second.said
    page = next(line for line in second.said if "Opgenomen" in line)

    with open_service(settings) as service:
        (consult,) = service.workflow.search(Search(patient_ref="P-1"))
        assert consult.status is Status.RECORDED
        assert f"http://127.0.0.1:8600/consult/{consult.id}" in page
        key = service.store.data_key(consult.id, KeyPurpose.SOURCE)
        with service.workflow._audio.open(consult.id, PCM, key) as file:
            heard = loud(file.read())
        turns = [event.detail for event in service.store.events(consult.id) if event.action in TURNS]
    assert [detail.partition(":")[0] for detail in turns] == ["buiten verslag", "buiten verslag", "", ""]
    assert not list((settings.data_dir / "spool").glob("*-*"))

    # on a busy machine what is played stands still for a moment, and so does the sound server
    step = RATE // 10
    blocks = [
        piece[start : start + step]
        for piece in (before, broken[: int(0.5 * RATE)], after, last)
        for start in range(0, len(piece) - step + 1, step)
    ]
    places = [place(block, heard) for block in blocks]
    sure = [at for at, alike in places if alike > 0.9]
    assert len(sure) >= 0.6 * len(places), places
    assert sure == sorted(sure)
    for unheard in (aside, paused):
        assert all(place(unheard[at : at + step], heard)[1] < 0.5 for at in range(0, len(unheard) - step + 1, step))


TURNS = {Action.RECORDING_PAUSED, Action.RECORDING_RESUMED}


@pytest.mark.slow
def test_the_web_ends_it(settings: Settings, sound: SoundServer) -> None:
    with open_service(settings) as service:
        for ref, more, end, code, sentence in (
            ("P-8", ["--dictation"], service.recorder.finish, 0, "Opgenomen"),
            ("P-9", [], service.workflow.withdraw, 1, "gestopt en vernietigd"),
        ):
            recording = Recording(settings, sound, ref, *more)
            recording.says("opname loopt")
            (consult,) = service.workflow.search(Search(patient_ref=ref))
            assert consult.channels == ((Speaker.HUISARTS,) if more else (Speaker.ONBEKEND,))
            end(actor_of(settings), consult.id)
            assert recording.ended() == code
            assert any(sentence in line for line in recording.said), recording.said
            assert not list((settings.data_dir / "spool").glob("*-*"))
    kept = [path.parent.name for path in (settings.data_dir / "audio").rglob("pcm*")]
    assert str(consult.id) not in kept
    assert kept


def test_signals_are_buttons() -> None:
    pressed: list[Order] = []

    class Session:
        order = staticmethod(pressed.append)

    before = signal.getsignal(signal.SIGTERM)
    with _signals(Session()):  # type: ignore[arg-type]
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
    assert pressed == [Order.TOGGLE, Order.ASIDE, Order.STOP, Order.STOP, Order.STOP]
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    neither = cli("record", "--name", "x", "--data-dir", tmp_path)
    assert (neither.returncode, "--ref" in neither.stderr) == (3, True)
    assert "geen opname" in cli("record", "toggle", "--data-dir", tmp_path).stderr
    foreign = cli("record", "--ref", "P-1", "--data-dir", tmp_path, "stop")
    assert foreign.returncode != 0
    assert "horen daar niet bij" in " ".join(foreign.stderr.split())
