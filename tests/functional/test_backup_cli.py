"""Back-up and restore as an administrator does them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from tests.command_line import cli
from tests.integration.test_backup import OWN_TEXT
from transcribe.consult import Action, AuditEvent, Change, Consult, Role, Status
from transcribe.settings import Settings
from transcribe.store.blobs import FolderBlobs
from transcribe.store.embedded import EmbeddedPostgres
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import load_master_key
from transcribe.store.marked import mark
from transcribe.store.migrate import migrate
from transcribe.store.postgres import PostgresStore

pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with throwaway_data_dir() as folder:
        yield folder


@pytest.fixture
def other_dir() -> Iterator[Path]:
    with throwaway_data_dir() as folder:
        yield folder


def test_a_backup_is_made_checked_and_brought_back(data_dir: Path, other_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "praktijk.backup"
    refused = cli("backup", file, "--data-dir", data_dir)
    assert refused.returncode == 5, "without a master key, and none is made"
    assert "hoofdsleutel ontbreekt" in refused.stderr
    load_master_key(Settings(data_dir=data_dir))

    words = tmp_path / "mondeling.md"
    words.write_text(OWN_TEXT)
    assert cli("consent", "texts", "add", words, "--data-dir", data_dir).returncode == 0
    words.unlink()

    made = cli("backup", file, "--data-dir", data_dir)
    assert made.returncode == 0, made.stderr
    assert "Reservekopie gemaakt: 0 consulten, 0 opnamen, 1 eigen tekst" in made.stdout
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "sleutels.kopie"}
    assert cli("backup", "verify", file, "--data-dir", data_dir).returncode == 0

    shutil.copytree(data_dir / "keys", other_dir / "keys")
    demo = cli("restore", file, "--data-dir", other_dir, TRANSCRIBE_DEMO="1")
    assert demo.returncode == 1
    assert "echte praktijk en wordt niet teruggezet als een demonstratie" in demo.stderr
    back = cli("restore", file, "--data-dir", other_dir)
    assert back.returncode == 0, back.stderr
    assert "Teruggezet: 0 consulten, 0 opnamen, 1 eigen tekst" in back.stdout
    assert "mondeling-linde-2026-12" in cli("consent", "texts", "list", "--data-dir", other_dir).stdout
    assert "De sleutelkopie is van " in back.stdout
    assert f"Sleutelkopieën die hier nu bekend zijn: {tmp_path}/sleutels.kopie (" in back.stdout
    assert "Van een andere schijf met reservekopieën weet deze installatie niet." in " ".join(back.stdout.split())
    assert "gegevens" in cli("restore", file, "--data-dir", data_dir).stderr

    listed = cli("key-copies", "list", "--data-dir", other_dir)
    assert f"transcribe backup {tmp_path}/NAAM.backup --take-over" in listed.stdout
    assert "transcribe backup BESTAND --take-over" in " ".join(back.stdout.split())
    trial = cli("backup", tmp_path / "proef.backup", "--data-dir", other_dir)
    assert (trial.returncode, (tmp_path / "proef.backup").exists()) == (1, False)
    assert "herhaal deze opdracht dan met --take-over" in trial.stderr
    taken = cli("backup", tmp_path / "nieuw.backup", "--take-over", "--data-dir", other_dir)
    assert taken.returncode == 0, taken.stderr

    number = next(word for word in listed.stdout.split() if len(word) == 8)
    there = cli("key-copies", "forget", number, "--data-dir", other_dir)
    assert (there.returncode, "is er nog en is niet afgemeld" in there.stderr) == (1, True)
    (tmp_path / "sleutels.kopie").unlink()
    assert cli("key-copies", "forget", number, "--data-dir", other_dir).returncode == 0
    assert number not in cli("key-copies", "list", "--data-dir", other_dir).stdout
    assert "Niets te doen" in cli("upgrade-database", "--data-dir", other_dir).stdout

    (other_dir / "keys/master.key").unlink()
    served = cli("serve", "--data-dir", other_dir, "--port", 0)
    assert served.returncode == 5
    assert "hoofdsleutel ontbreekt" in served.stderr
    assert not (other_dir / "keys/master.key").exists(), "a new one would fit nothing that is there"


def test_a_path_is_printed_as_it_is(data_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "[bold]"
    folder.mkdir()
    load_master_key(Settings(data_dir=data_dir))
    assert cli("backup", folder / "een.backup", "--data-dir", data_dir).returncode == 0
    for command in (("key-copies", "list"), ("doctor",)):
        assert "[bold]/sleutels.kopie" in "".join(cli(*command, "--data-dir", data_dir, COLUMNS="400").stdout.split())


def test_a_damaged_backup_has_an_exit_code(data_dir: Path, tmp_path: Path) -> None:
    load_master_key(Settings(data_dir=data_dir))
    (tmp_path / "een.backup").write_bytes(b"TSCRENV1 kapot")
    (tmp_path / "sleutels.kopie").write_bytes(b"iets anders")
    done = cli("backup", "verify", tmp_path / "een.backup", "--data-dir", data_dir)
    assert done.returncode == 1
    assert "geen sleutelkopie" in done.stderr


def test_a_backup_without_the_sound_has_an_exit_code(data_dir: Path, tmp_path: Path) -> None:
    """A timetable shows nobody what was printed."""
    now, file, other = datetime.now(UTC), tmp_path / "een.backup", tmp_path / "twee.backup"
    consult = Consult(
        id=uuid4(), patient_ref="P-1", status=Status.DRAFTED, created_at=now, changed_at=now, version=1, upload="upload"
    )
    event = AuditEvent(at=now, actor="Jansen", role=Role.HUISARTS, action=Action.CONSULT_CREATED, consult_id=consult.id)
    master_key = load_master_key(Settings(data_dir=data_dir))
    with EmbeddedPostgres(data_dir, os_user="nobody" if os.geteuid() == 0 else "") as url:
        migrate(url)
        with closing(PostgresStore(url, master_key)) as store:
            store.apply(Change(consult=consult, audit=event))
            mark(FolderBlobs(data_dir / "audio"), store.installation())

    made = cli("backup", file, "--data-dir", data_dir)
    assert (made.returncode, file.exists()) == (1, True), made.stderr
    assert "Reservekopie gemaakt: 1 consult, 0 opnamen" in made.stdout
    assert "Van 1 consult is het geluid weg" in made.stderr
    assert str(consult.id) in "".join(made.stderr.split()), "somebody must be able to look it up"
    found = cli("backup", "verify", file, "--data-dir", data_dir)
    assert found.returncode == 1
    assert "Van 1 consult staat het geluid niet in deze reservekopie" in found.stderr
    assert str(consult.id) in "".join(found.stderr.split())

    elsewhere = cli("backup", other, "--data-dir", data_dir, "--blob-store", tmp_path / "leeg")
    assert (elsewhere.returncode, other.exists()) == (1, False), elsewhere.stdout
    assert "De opslag van het geluid is niet die van deze installatie" in elsewhere.stderr
