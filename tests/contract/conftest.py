"""The implementations that must keep the same promises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.queues import MemoryQueue, PostgresQueue, QueueUnderTest
from transcribe.ports import AudioStore, Store
from transcribe.store.blobs import Blobs, open_blobs
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore
from transcribe.store.sound import SealedAudioStore
from transcribe.testing import MemoryAudioStore, MemoryStore

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(params=["memory", "postgresql 18 (wheel)", "postgresql 15 (debian)"])
def queue(request: pytest.FixtureRequest) -> Iterator[QueueUnderTest]:
    if request.param == "memory":
        yield MemoryQueue(MemoryStore())
        return
    bin_dir = ""
    if "debian" in request.param:
        if not DEBIAN_15.is_dir():
            pytest.skip("Debian's PostgreSQL 15 is not installed (apt install postgresql-15)")
        bin_dir = str(DEBIAN_15)
    server = request.getfixturevalue("postgres_server")(bin_dir)
    with server.database() as url:
        store = PostgresStore(url, MasterKey.of(os.urandom(32)))
        found = PostgresQueue(store, url)
        yield found
        found.close()
        store.close()


@pytest.fixture
def store(queue: QueueUnderTest) -> Store:
    return queue.store


@pytest.fixture(params=["folder", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for sound, as ``--blob-store`` names it."""
    if request.param == "folder":
        return str(tmp_path / "audio")
    found: str = request.getfixturevalue("object_store")
    return found


@pytest.fixture
def blobs(location: str, tmp_path: Path) -> Blobs:
    return open_blobs(location, tmp_path)


@pytest.fixture(params=["memory", "folder", "s3"])
def audio_store(request: pytest.FixtureRequest, tmp_path: Path) -> AudioStore:
    if request.param == "memory":
        return MemoryAudioStore()
    location = str(tmp_path / "audio") if request.param == "folder" else request.getfixturevalue("object_store")
    return SealedAudioStore(open_blobs(location, tmp_path))
