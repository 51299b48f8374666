"""``transcribe consent``: a practice's own texts, and one record taken along."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from consent import How, current_text, grant
from tests.command_line import cli
from transcribe.app import actor_of, open_service
from transcribe.settings import Settings
from transcribe.store.folders import throwaway_data_dir

OWN = """---
id: folder-lindelaan-2027-01
version: 2027-01
language: nl
kind: folder
---
# Opnemen

Wij nemen uw gesprek op. U mag nee zeggen.
"""
HARD = "Overeenkomstig de toepasselijke privacywetgeving verzoeken wij u ondubbelzinnig toestemming te verlenen."


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with throwaway_data_dir() as folder:
        yield folder


def test_a_practice_adds_its_own_text_once(data_dir: Path, tmp_path: Path) -> None:
    """Adding it again is fine; changing it is refused, for consents point at it."""
    file = tmp_path / "folder.md"
    file.write_text(OWN)
    for _ in range(2):
        done = cli("consent", "texts", "add", file, "--data-dir", data_dir)
        assert (done.returncode, done.stdout.strip()) == (0, "Tekst folder-lindelaan-2027-01 staat klaar.")
    shown = cli("consent", "texts", "list", "--data-dir", data_dir).stdout
    assert "folder-lindelaan-2027-01" in shown
    assert "mondeling-nl-2026-11-23" in shown
    file.write_text(OWN.replace("gesprek", "consult"))
    done = cli("consent", "texts", "add", file, "--data-dir", data_dir)
    assert done.returncode == 3
    assert "verandert nooit" in done.stderr
    assert (data_dir / "consent-texts" / "folder-lindelaan-2027-01.md").read_text() == OWN


def test_hard_language_and_an_older_version_are_said(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "moeilijk.md"
    file.write_text(OWN.replace("lindelaan-2027-01", "oud-2026-01").replace("2027-01", "2026-01") + HARD)
    done = cli("consent", "texts", "add", file, "--data-dir", data_dir)
    assert done.returncode == 0
    assert "leest niet makkelijk" in done.stdout
    assert "In gebruik blijft folder-lindelaan-2027-01" in done.stdout


def test_a_file_that_is_no_text_is_refused(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "los.md"
    file.write_text("Zomaar een tekst.")
    done = cli("consent", "texts", "add", file, "--data-dir", data_dir)
    assert done.returncode == 3
    assert "Begin het bestand" in done.stderr


@pytest.mark.slow
def test_one_record_is_taken_along(data_dir: Path) -> None:
    os_user = "nobody" if os.geteuid() == 0 else ""
    settings = Settings.from_env(data_dir=data_dir, user_name="Dr. Proef", os_user=os_user)
    words = current_text()
    with open_service(settings) as service:
        consult = service.workflow.create(actor_of(settings), "HIS-1")
        given = grant(
            how=How.SPOKEN,
            informed_by="Dr. Proef",
            text_id=words.id,
            text_sha256=words.sha256,
            others_informed=True,
            now=datetime.now(UTC),
        )
        service.workflow.record_consent(actor_of(settings), consult.id, given)
    done = cli("consent", "export", consult.id, "--name", "Dr. Proef", "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["resourceType"], record["status"], record["id"]) == ("Consent", "active", str(given.id))
    assert "HIS-1" not in done.stdout
    unknown = cli("consent", "export", uuid4(), "--name", "Dr. Proef", "--data-dir", data_dir)
    assert unknown.returncode == 1
