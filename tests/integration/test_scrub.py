"""A destroyed key is in no file of our own database any more once its certificate is complete."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from consent import How, current_text, grant
from transcribe.app import actor_of, open_service
from transcribe.settings import Settings
from transcribe.store.folders import throwaway_data_dir

WORDS = current_text()

pytestmark = pytest.mark.slow


def test_no_file_of_the_database_holds_a_destroyed_key() -> None:
    with throwaway_data_dir() as data_dir:
        settings = Settings.from_env(data_dir=data_dir, demo=True)
        with open_service(settings) as service:
            actor = actor_of(settings)
            gone, kept = (service.workflow.create(actor, f"P-{number}") for number in (1, 2))
            keys = wrapped(service.database_url)
            assert len(keys) == 4
            # one of them may lie across the end of a page
            holding = [path for key in keys.values() for path in files_with(data_dir, key)]
            assert any("pg_wal" in path.parts for path in holding)
            given = grant(
                how=How.SPOKEN,
                informed_by="x",
                text_id=WORDS.id,
                text_sha256=WORDS.sha256,
                others_informed=True,
                now=service.keeper._writer.clock(),
            )
            service.workflow.record_consent(actor, gone.id, given)
            service.workflow.withdraw(actor, gone.id)
            engine = create_engine(service.database_url)
            with engine.connect() as backing_up:
                backing_up.execute(text("LOCK TABLE data_key IN ACCESS SHARE MODE"))
                service.keeper.tend()
                assert {proof.cleared_at for proof in service.workflow.certificates(gone.id)} == {None}
            engine.dispose()
            service.keeper.tend()
            assert all(proof.cleared_at for proof in service.workflow.certificates(gone.id))
            for purpose in ("bron", "verslag"):
                assert files_with(data_dir, keys[str(gone.id), purpose]) == []
                assert wrapped(service.database_url)[str(kept.id), purpose] == keys[str(kept.id), purpose]


def wrapped(url: str) -> dict[tuple[str, str], bytes]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT consult_id, purpose, wrapped FROM data_key")).all()
    engine.dispose()
    return {(str(row.consult_id), row.purpose): bytes(row.wrapped) for row in rows}


def files_with(folder: Path, needle: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]
