"""What an administrator does when a patient asks: the commands, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from consent import How, current_text, grant
from tests.command_line import cli
from transcribe.accounts import Account, State
from transcribe.app import open_service
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.consult import Action, Actor, KeyPurpose, Role, Status
from transcribe.errors import Erased
from transcribe.settings import Settings
from transcribe.store.accounts import PostgresAccounts
from transcribe.store.blobs import FolderBlobs
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.marked import MarkedBlobs
from transcribe.store.sound import SealedAudioStore
from transcribe.testing import CONSULT, DRAFT
from transcribe.writer import PCM, Writer

pytestmark = pytest.mark.slow

GP = Actor(name="Dr. Jansen", role=Role.HUISARTS)
WORDS = current_text()
PATIENT = "HIS-4711"


@pytest.fixture
def settings(postgres_url: str) -> Iterator[Settings]:
    with throwaway_data_dir() as folder:
        yield Settings(data_dir=folder, database_url=postgres_url)


@pytest.fixture
def here(settings: Settings) -> tuple[object, ...]:
    return ("--data-dir", settings.data_dir, "--database-url", settings.database_url)


def add(settings: Settings, *patients: str, running: bool = False) -> list[UUID]:
    """A consult of each, with a draft, or being recorded."""
    made = []
    with open_service(settings) as service:
        for patient in patients:
            consult = service.workflow.create(GP, patient)
            given = grant(
                how=How.SPOKEN,
                informed_by="Dr. Jansen",
                text_id=WORDS.id,
                text_sha256=WORDS.sha256,
                others_informed=True,
                now=datetime.now(UTC),
            )
            consult = service.workflow.record_consent(GP, consult.id, given)
            if running:
                service.recorder.start(GP, consult.id, (Speaker.ONBEKEND,))
                live = service.recorder.open(GP, consult.id)
                live.append(b"\1\0" * 16_000)
                live.sync()
                live.close()
            else:
                blobs = MarkedBlobs(FolderBlobs(settings.data_dir / "audio"), service.store)
                key = service.store.data_key(consult.id, KeyPurpose.SOURCE)
                SealedAudioStore(blobs).write(consult.id, PCM, key, [bytes(32_000)])
                words = Transcript(utterances=CONSULT, duration_s=1.0)
                writer = Writer(service.store)
                consult = writer.apply(GP, consult, Action.AUDIO_STORED, status=Status.RECORDED, upload="u")
                consult = writer.apply(GP, consult, Action.TRANSCRIBED, status=Status.TRANSCRIBED, transcript=words)
                writer.apply(GP, consult, Action.DRAFTED, status=Status.DRAFTED, note=DRAFT)
            made.append(consult.id)
    return made


def test_all_of_a_patient_in_one_file(settings: Settings, here: tuple[object, ...], tmp_path: Path) -> None:
    """A patient asks what the practice keeps. The administrator types the reference, gets one private file, and hears
    that a draft is not in it; the access log tells of it, and nothing tells the reference.
    """
    mine, _ = add(settings, PATIENT, "HIS-1")
    path = tmp_path / "inzage.zip"
    done = cli("inzage", "--out", path, *here, answers=f"{PATIENT}\n")
    assert done.returncode == 0, done.stderr
    assert "1 consult, 1 met geluid" in done.stdout
    assert "concept dat geen arts heeft vastgesteld" in done.stdout
    assert PATIENT not in done.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as file:
        (consult,) = json.loads(file.read("gegevens.json"))["consulten"]
        assert len(file.read(f"geluid/{mine}.wav")) == 32_044
    assert consult["nummer"] == str(mine)
    assert (consult["verslagen"], consult["concepten_niet_meegegeven"]) == ([], 1)
    again = cli("inzage", "--out", path, *here, answers=f"{PATIENT}\n")
    assert (again.returncode, "is er al" in again.stderr) == (3, True)
    drafts = cli("inzage", "--out", tmp_path / "b.zip", "--with-drafts", "Dr. Jansen", *here, answers=f"{PATIENT}\n")
    assert drafts.returncode == 0, drafts.stderr
    with open_service(settings) as service:
        given = [event for event in service.store.events(mine) if event.action is Action.ACCESS_GIVEN]
        assert (given[-1].detail, given[-1].whom) == ("met concepten", "Dr. Jansen")
        assert not any(PATIENT in f"{event.detail}{event.actor}" for event in service.store.events())
    nobody = cli("inzage", "--out", tmp_path / "c.zip", *here, answers="HIS-9999\n")
    assert (nobody.returncode, "niets gevonden" in nobody.stdout) == (1, True)
    empty = cli("inzage", *here, answers="\n")
    assert (empty.returncode, "Vul het patiëntkenmerk in" in empty.stderr) == (3, True)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["b.zip", "inzage.zip"]


def test_who_decides_that_drafts_go_along_is_a_doctor_of_the_practice(
    settings: Settings, here: tuple[object, ...], tmp_path: Path
) -> None:
    """The name stays in the access log for good: where people have accounts, not every name will do."""
    (mine,) = add(settings, PATIENT)
    with (
        open_service(settings) as service,
        PostgresAccounts(service.database_url, service.store.lasting) as accounts,
    ):
        for name, role, state, practice in (
            ("Dr. A. Jansen", Role.HUISARTS, State.ACTIVE, ""),
            ("P. Poh", Role.POH, State.ACTIVE, ""),
            ("Dr. N. Nieuw", Role.HUISARTS, State.INVITED, ""),
            ("Dr. W. Weg", Role.WAARNEMER, State.DISABLED, ""),
            ("Dr. Z. Zuid", Role.HUISARTS, State.ACTIVE, "Zuid"),
        ):
            login = name.lower().replace(" ", "")
            account = Account(
                id=uuid4(),
                practice=practice,
                login=login,
                name=name,
                role=role,
                manages=False,
                state=state,
                version=1,
                invitation=login.encode(),
            )
            accounts.add(account)
        before = service.store.log_anchor().seq
    path = tmp_path / "inzage.zip"
    for name in ("Niemand", "P. Poh", "Dr. N. Nieuw", "Dr. W. Weg", "Dr. Z. Zuid"):
        refused = cli("inzage", "--out", path, "--with-drafts", name, *here, answers=f"{PATIENT}\n")
        assert (refused.returncode, "Zo heet geen huisarts of waarnemer" in refused.stderr) == (3, True), name
    assert not path.exists()
    with open_service(settings) as service:
        assert service.store.log_anchor().seq == before, "nothing is in the log of it"
    done = cli("inzage", "--out", path, "--with-drafts", "dr. a.  jansen", *here, answers=f"{PATIENT}\n")
    assert done.returncode == 0, done.stderr
    with open_service(settings) as service:
        assert service.store.events(mine)[-1].whom == "Dr. A. Jansen"


def test_a_patient_is_erased(settings: Settings, here: tuple[object, ...], tmp_path: Path) -> None:
    """A patient asks to be forgotten. What goes and what stays is shown, a word is typed, and it is proven; the list of
    the month tells of it. Another patient's consult is not touched.
    """
    first, other = add(settings, PATIENT, "HIS-1")
    (second,) = add(settings, PATIENT, running=True)
    refused = cli("wis-patient", *here, answers=f"{PATIENT}\nja\n")
    assert (refused.returncode, "Er is niets gewist" in refused.stdout) == (1, True)
    assert "Blijven: de toestemming, de vernietigingsbewijzen" in refused.stdout
    done = cli("wis-patient", *here, answers=f"{PATIENT}\nWIS 2\n")
    assert done.returncode == 0, done.stderr
    assert "Gewist: 2 consulten. Vernietigingsbewijzen: 4, waarvan 0 nog niet compleet." in done.stdout
    with open_service(settings) as service:
        for consult_id in (first, second):
            for purpose in KeyPurpose:
                with pytest.raises(Erased):
                    service.store.data_key(consult_id, purpose)
        assert service.store.consult(other).patient_ref == "HIS-1"
        assert service.store.transcript(other) is not None
    assert not list((settings.data_dir / "spool").glob(f"{second}*"))
    again = cli("wis-patient", *here, answers=f"{PATIENT}\nWIS 2\n")
    assert (again.returncode, "Vernietigingsbewijzen: 4," in again.stdout) == (0, True)

    listed = cli("erased", *here)
    assert "4 bewijzen: 4 compleet, 0 nog niet." in listed.stdout, listed.stderr
    table = tmp_path / "gewist.csv"
    month = f"{datetime.now(UTC):%Y-%m}"
    assert cli("erased", "--month", month, "--csv", table, *here).returncode == 0
    rows = table.read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 5
    assert all("op verzoek van de patiënt" in row and PATIENT not in row for row in rows[1:])
    wrong = cli("erased", "--month", "november", *here)
    assert (wrong.returncode, "2026-11" in wrong.stderr) == (3, True)


_KILLED = """
import os, signal, sys
from transcribe.rights import PatientRights
real, done = PatientRights.erase, []
def erase(self, actor, consult_id):
    done.append(real(self, actor, consult_id))
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
PatientRights.erase = erase
from transcribe.__main__ import main
main()
"""


def test_an_erasure_that_was_killed_is_finished_by_the_next(settings: Settings, here: tuple[object, ...]) -> None:
    consults = add(settings, *[PATIENT] * 4)
    command = [sys.executable, "-c", _KILLED, "wis-patient", *map(str, here)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRANSCRIBE_")}
    killed = subprocess.run(
        command, input=f"{PATIENT}\nWIS 4\n", text=True, capture_output=True, check=False, timeout=120, env=environment
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with open_service(settings) as service:
        assert sum(len(service.store.certificates(one)) for one in consults) == 4
    done = cli("wis-patient", *here, answers=f"{PATIENT}\nWIS 4\n")
    assert "Vernietigingsbewijzen: 8, waarvan 0 nog niet compleet." in done.stdout, done.stderr


def test_the_master_key_is_replaced(settings: Settings, here: tuple[object, ...], tmp_path: Path) -> None:
    """An administrator replaces the master key: not while the service runs, and afterwards all reads as before."""
    (consult_id,) = add(settings, PATIENT)
    assert cli("backup", tmp_path / "een.backup", *here).returncode == 0
    with open_service(settings):
        refused = cli("keys", "rotate", *here)
    assert (refused.returncode, "de dienst loopt nog" in refused.stderr) == (5, True)
    done = cli("keys", "rotate", *here)
    assert done.returncode == 0, done.stderr
    assert "De hoofdsleutel is vervangen" in done.stdout
    assert "Bewaar nu een kopie van de nieuwe hoofdsleutel" in done.stdout
    with open_service(settings) as service:
        assert service.store.consult(consult_id).patient_ref == PATIENT
        assert service.store.note(consult_id) == (1, DRAFT)
    assert cli("backup", "verify", tmp_path / "een.backup", "--data-dir", settings.data_dir).returncode == 0
    forgotten = cli("keys", "forget-old", *here)
    assert "1 oude hoofdsleutel(s) vergeten" in " ".join(forgotten.stdout.split()), forgotten.stderr
    assert cli("backup", "verify", tmp_path / "een.backup", "--data-dir", settings.data_dir).returncode == 1
    (tmp_path / "sleutels.kopie").unlink()
    again = cli("keys", "rotate", *here)
    assert "nog met de oude hoofdsleutel verzegeld of nu niet te vinden" in again.stdout, again.stderr
    away = cli("keys", "forget-old", *here)
    assert (away.returncode, "Sluit die schijven aan" in away.stderr) == (5, True)
    assert cli("keys", "reseal", "--data-dir", settings.data_dir).returncode == 5
