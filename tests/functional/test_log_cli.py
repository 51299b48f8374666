"""The access log as an administrator handles it at the command line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.command_line import cli
from transcribe.access_log import event_of
from transcribe.consult import Action, Actor, Change, Consult, Role, Status
from transcribe.settings import Settings
from transcribe.store.anchors import FILE, write_file
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import load_master_key
from transcribe.store.postgres import PostgresStore

pytestmark = pytest.mark.slow

GP = Actor(name="=Dr. A. Jansen", role=Role.HUISARTS)  # a name that a spreadsheet would compute


@pytest.fixture
def where(postgres_url: str) -> Iterator[tuple[Path, str]]:
    """A data folder with its database, three rows in the log, and an anchor as the keeper writes it."""
    with throwaway_data_dir() as data_dir:
        whole = PostgresStore(postgres_url, load_master_key(Settings(data_dir=data_dir)))
        store = whole.of("")
        now = datetime.now(UTC)
        store.log(event_of(GP, Action.LOGGED_IN, now - timedelta(days=6 * 366)))
        store.log(event_of(GP, Action.SEARCHED, now, detail="2 gevonden"), patient_ref="4711")
        store.log(event_of(GP, Action.EMERGENCY_ACCESS, now, detail="waarneming"), patient_ref="4711")
        write_file(data_dir, whole.log_anchor(), whole.master_key)
        whole.close()
        yield data_dir, postgres_url


def log(where: tuple[Path, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return cli("log", *arguments, "--data-dir", where[0], "--database-url", where[1])


def test_it_is_shown_exported_and_verified_and_each_of_those_is_in_it(where: tuple[Path, str], tmp_path: Path) -> None:
    shown = log(where, "show", "--person", GP.name)
    assert shown.returncode == 0, shown.stderr
    assert "consulten gezocht 2 gevonden" in shown.stdout

    assert log(where, "export", "--out", tmp_path / "log.csv").returncode == 0
    assert log(where, "export", "--out", tmp_path / "log.csv").returncode == 3, "what is there is not written over"
    with (tmp_path / "log.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert rows[0]["gebruiker"] == "'=Dr. A. Jansen"
    assert [row["handeling"] for row in rows[-2:]] == ["toegangslog bekeken", "toegangslog geëxporteerd"]
    assert (tmp_path / "log.csv").stat().st_mode & 0o077 == 0
    assert log(where, "export", "--format", "fhir", "--out", tmp_path / "log.json").returncode == 0
    entries = json.loads((tmp_path / "log.json").read_text())["entry"]
    assert [one["resource"]["action"] for one in entries[:3]] == ["E", "E", "E"]

    assert log(where, "verify").returncode == 0
    found = log(where, "verify", "--anchor", log(where, "anchor").stdout.strip())
    assert (found.returncode, "2 ankers" in found.stdout) == (0, True), found.stderr
    assert "klopt" in found.stdout
    assert "Het nieuwste anker is van" in found.stdout


def test_a_log_that_was_cut_off_is_found_out(where: tuple[Path, str]) -> None:
    data_dir, url = where
    paper = log(where, "anchor").stdout.strip()
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as tx:
        tx.execute(text("ALTER TABLE access_log DISABLE TRIGGER append_only"))
        tx.execute(text("DELETE FROM access_log WHERE seq = 3"))
    by_file = log(where, "verify")
    assert (by_file.returncode, "het einde van het log is afgekapt" in by_file.stderr) == (1, True)
    (data_dir / FILE).write_text("anker van niets\n")
    by_paper = log(where, "verify", "--anchor", paper)
    assert by_paper.returncode == 1
    assert "het bestand is veranderd" in by_paper.stderr
    assert "die regel is nu een andere" in by_paper.stderr, "that it was verified stands there now"
    assert log(where, "verify", "--anchor", "iets").returncode == 3


def test_a_log_of_which_all_anchors_are_gone_is_wrong(where: tuple[Path, str]) -> None:
    paper = log(where, "anchor").stdout.strip()
    (where[0] / FILE).unlink()
    for more in ((), ("--anchor", paper)):
        found = log(where, "verify", *more)
        assert (found.returncode, "het bestand is weggehaald" in found.stderr) == (1, True)
        assert "Het toegangslog klopt:" not in found.stdout
    (where[0] / FILE).touch()
    assert log(where, "verify").returncode == 1, "emptied"


def test_an_installation_that_just_began_needs_no_anchor(postgres_url: str) -> None:
    with throwaway_data_dir() as data_dir:
        store = PostgresStore(postgres_url, load_master_key(Settings(data_dir=data_dir)))
        store.log(event_of(GP, Action.LOGGED_IN, datetime.now(UTC) - timedelta(minutes=50)))
        store.close()
        found = log((data_dir, postgres_url), "verify")
        assert (found.returncode, "0 ankers" in found.stdout) == (0, True), found.stderr


def test_a_practice_is_told_of_its_own_and_the_installation_of_all(where: tuple[Path, str], tmp_path: Path) -> None:
    """Two practices share a database, and in both of them somebody has the same number."""
    data_dir, url = where
    whole = PostgresStore(url, load_master_key(Settings(data_dir=data_dir)))
    other = Actor(name="Z. Elders", role=Role.HUISARTS)
    whole.of("Zuid").log(event_of(other, Action.SEARCHED, datetime.now(UTC)), patient_ref="4711")
    consult = Consult(
        id=uuid4(),
        patient_ref="1",
        status=Status.NEW,
        created_at=datetime.now(UTC),
        changed_at=datetime.now(UTC),
        version=1,
        practice="Zuid",
    )
    begun = event_of(other, Action.CONSULT_CREATED, datetime.now(UTC), consult.id)
    whole.of("Zuid").apply(Change(consult=consult, audit=begun))
    whole.log(event_of(Actor(name="root", role=Role.SYSTEEM), Action.BACKED_UP, datetime.now(UTC)))
    whole.close()

    def of(practice: str, *arguments: object, answers: str = "") -> str:
        ran = cli(
            "log", *arguments, "--data-dir", data_dir, "--database-url", url,
            answers=answers, TRANSCRIBE_PRACTICE=practice,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    for practice, ours, theirs in (("", GP.name, other.name), ("Zuid", other.name, GP.name)):
        told = of(practice, "patient", answers="4711\n")
        assert (ours in told, theirs in told) == (True, False)
        told = of(practice, "show")
        assert (ours in told, theirs in told, "reservekopie" in told) == (True, False, False)
        for form in ("csv", "fhir"):
            of(practice, "export", "--format", form, "--out", tmp_path / f"{practice}.{form}")
            told = (tmp_path / f"{practice}.{form}").read_text(encoding="utf-8-sig")
            assert (ours in told, theirs in told) == (True, False)

    told = of("", "show", "--all")
    assert (GP.name in told, other.name in told, "reservekopie" in told, "Zuid" in told) == (True, True, True, True)
    of("", "export", "--all", "--out", tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert {row["praktijk"] for row in rows} == {"", "Zuid", "(geen)"}
    assert {row["praktijk"] for row in rows if row["gebruiker"] == other.name} == {"Zuid"}
    assert rows[-1]["detail"] == "alles csv"
    of("", "export", "--all", "--format", "fhir", "--out", tmp_path / "all.json")
    entries = [one["resource"] for one in json.loads((tmp_path / "all.json").read_text())["entry"]]
    assert {one["source"].get("site") for one in entries if one["agent"][0]["name"] == other.name} == {"Zuid"}

    # whose consult is asked for is told that somebody did
    of("", "show", "--all", "--consult", consult.id)
    assert "toegangslog bekeken alles" in of("Zuid", "show", "--consult", consult.id)


def test_a_patients_reference_is_read_from_the_input(where: tuple[Path, str]) -> None:
    data_dir, url = where
    base = {name: value for name, value in os.environ.items() if not name.startswith("TRANSCRIBE_")}
    asked = subprocess.run(
        [sys.executable, "-m", "transcribe", "log", "patient", "--data-dir", str(data_dir), "--database-url", url],
        input="47 11\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=base | {"LANG": "C.UTF-8", "COLUMNS": "200"},
    )
    assert asked.returncode == 0, asked.stderr
    assert "zocht consulten" in asked.stdout
    assert "omdat wie het consult hield er niet was en het verslag niet kon wachten" in asked.stdout
    assert "maakte dit overzicht" in asked.stdout
    assert log(where, "patient").returncode == 3, "nothing on the input"
    assert "4711" not in log(where, "show").stdout


def test_old_rows_go_and_young_ones_never(where: tuple[Path, str]) -> None:
    last_year = f"{datetime.now(UTC) - timedelta(days=366):%Y-%m-%d}"
    assert log(where, "prune", "--before", last_year).returncode == 3
    kept = log(where, "prune")
    assert (kept.returncode, "0 regels van vóór" in kept.stdout) == (0, True), kept.stderr
    five_years = f"{datetime.now(UTC) - timedelta(days=5 * 366):%Y-%m-%d}"
    gone = log(where, "prune", "--before", five_years)
    assert (gone.returncode, "1 regels van vóór" in gone.stdout) == (0, True), gone.stderr
    assert log(where, "verify").returncode == 0
