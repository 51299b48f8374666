"""What the keeper does on a real database of which a row is damaged, and what an administrator is then told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from transcribe import doctor
from transcribe.consult import Action, AuditEvent, Change, Consult, KeyPurpose, Role, Search, Status
from transcribe.doctor import Level
from transcribe.keeper import Keeper
from transcribe.settings import Settings
from transcribe.store.blobs import FolderBlobs
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import MasterKey, load_master_key
from transcribe.store.marked import MarkedBlobs
from transcribe.store.postgres import PostgresStore
from transcribe.testing import MemoryAudioStore, MemorySpool
from transcribe.writer import Writer

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=30)


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(postgres_url, MasterKey.of(os.urandom(32)))) as found:
        yield found


def add(store: PostgresStore, status: Status) -> UUID:
    made = Consult(id=uuid4(), patient_ref="P-1", status=status, created_at=LONG_AGO, changed_at=LONG_AGO, version=1)
    made = replace(made, expires_at=NOW - timedelta(hours=1) if status is Status.DRAFTED else None)
    event = AuditEvent(at=NOW, actor="x", role=Role.HUISARTS, action=Action.CONSULT_CREATED, consult_id=made.id)
    store.apply(Change(consult=made, audit=event))
    return made.id


def damage(url: str, table: str, column: str, where: str) -> None:
    with create_engine(url, poolclass=NullPool).begin() as tx:
        tx.execute(
            text(f"UPDATE {table} SET {column} = set_byte({column}, 20, 255 - get_byte({column}, 20)) WHERE {where}")
        )


def keeper(store: PostgresStore) -> Keeper:
    found = Keeper(store=store, audio=MemoryAudioStore(), spool=MemorySpool(), writer=Writer(store))
    found._trusted_from_s = 0.0
    store.tended(off=timedelta(days=1))
    return found


@pytest.mark.parametrize("status", [Status.DRAFTED, Status.RECORDED])
@pytest.mark.parametrize("damaged", ["reference", "key"])
def test_one_damaged_row_does_not_keep_the_others_waiting(
    store: PostgresStore, postgres_url: str, status: Status, damaged: str
) -> None:
    at_work = keeper(store)
    bad, good = add(store, status), add(store, status)
    if damaged == "reference":
        damage(postgres_url, "consult", "patient_sealed", f"id = '{bad}'")
    else:
        damage(postgres_url, "data_key", "wrapped", f"consult_id = '{bad}' AND purpose = '{KeyPurpose.RECORD.value}'")
    done = at_work.expire() if status is Status.DRAFTED else at_work.requeue()
    assert done == (2 if damaged == "reference" else 1)
    if status is Status.DRAFTED:
        assert store.consult(good).status is Status.DISCARDED
    else:
        assert store.idle() == ([] if damaged == "reference" else [bad])
    assert {found.id for found in store.search(Search())} == {bad, good}


def test_a_reference_that_can_not_be_read_is_not_written_over(store: PostgresStore, postgres_url: str) -> None:
    """Somebody may still repair it, and by its pseudonym the patient is still found."""
    consult_id = add(store, Status.RECORDED)
    damage(postgres_url, "consult", "patient_sealed", f"id = '{consult_id}'")
    assert store.consult(consult_id).patient_ref == ""
    keeper(store).requeue()
    damage(postgres_url, "consult", "patient_sealed", f"id = '{consult_id}'")  # twice is as it was
    assert [found.patient_ref for found in store.search(Search(patient_ref="P-1"))] == ["P-1"]


def test_the_doctor_knows_a_share_that_is_not_mounted(postgres_url: str) -> None:
    with throwaway_data_dir() as data_dir:
        settings = Settings(data_dir=data_dir, database_url=postgres_url)
        with closing(PostgresStore(postgres_url, load_master_key(settings))) as store:
            (new,) = doctor._sound(settings)
            assert (new.level, "blijkt pas" in new.found) == (Level.GOOD, False)
            with MarkedBlobs(FolderBlobs(data_dir / "audio"), store).write(uuid4(), "pcm") as target:
                target.write(b"a")
        (found,) = doctor._sound(settings)
        assert found.level is Level.GOOD
        (data_dir / "audio").rename(data_dir / "away")
        (missing,) = doctor._sound(settings)
        assert (missing.level, list((data_dir / "audio").iterdir())) == (Level.WRONG, [])
        assert "niet die van deze installatie" in missing.found


def test_the_doctor_says_what_it_could_not_look_at(tmp_path: Path) -> None:
    (found,) = doctor._sound(Settings(data_dir=tmp_path / "data"))
    assert found.level is Level.GOOD
    assert "blijkt pas als de dienst loopt" in found.found
