"""The implementations that must keep the same promises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from transcribe.ports import AudioStore, Store
from transcribe.store.files import FileAudioStore
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore
from transcribe.testing import MemoryAudioStore, MemoryStore

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(params=["memory", "postgresql 18 (wheel)", "postgresql 15 (debian)"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    bin_dir = ""
    if "debian" in request.param:
        if not DEBIAN_15.is_dir():
            pytest.skip("Debian's PostgreSQL 15 is not installed (apt install postgresql-15)")
        bin_dir = str(DEBIAN_15)
    server = request.getfixturevalue("postgres_server")(bin_dir)
    with server.database() as url:
        found = PostgresStore(url, MasterKey.of(os.urandom(32)))
        yield found
        found.close()


@pytest.fixture(params=["memory", "files"])
def audio_store(request: pytest.FixtureRequest, tmp_path: Path) -> AudioStore:
    return MemoryAudioStore() if request.param == "memory" else FileAudioStore(tmp_path / "audio")
