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

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.command_line import cli
from transcribe.access_log import event_of
from transcribe.consult import Action, Actor, Role
from transcribe.settings import Settings
from transcribe.store.anchors import FILE, write_file
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import load_master_key
from transcribe.store.postgres import PostgresStore

pytestmark = pytest.mark.slow

GP = Actor(name="=Dr. A. Jansen", role=Role.HUISARTS)  # a name that a spreadsheet would compute


@pytest.fixture
def where(postgres_url: str) -> Iterator[tuple[Path, str]]:
    """A data folder with its database, and four rows in the log."""
    with throwaway_data_dir() as data_dir:
        store = PostgresStore(postgres_url, load_master_key(Settings(data_dir=data_dir)))
        now = datetime.now(UTC)
        store.log(event_of(GP, Action.LOGGED_IN, now - timedelta(days=6 * 366)))
        store.log(event_of(GP, Action.SEARCHED, now, detail="2 gevonden"), patient_ref="4711")
        store.log(event_of(GP, Action.LOGGED_OUT, now))
        store.close()
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
    assert (found.returncode, "1 ankers" in found.stdout) == (0, True), found.stderr
    assert "klopt" in found.stdout


def test_a_log_that_was_cut_off_is_found_out(where: tuple[Path, str]) -> None:
    data_dir, url = where
    paper = log(where, "anchor").stdout.strip()
    master_key = load_master_key(Settings(data_dir=data_dir))
    store = PostgresStore(url, master_key)
    write_file(data_dir, store.log_anchor(), master_key)  # as the keeper does
    store.close()
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
