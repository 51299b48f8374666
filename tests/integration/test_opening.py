"""What a service does, and does not, before it is open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from transcribe.app import actor_of, open_service
from transcribe.errors import DiskFull, SetupProblem
from transcribe.settings import Settings
from transcribe.store.blobs import Blobs, FolderBlobs
from transcribe.store.crypto import Sink
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import MasterKey
from transcribe.store.marked import MarkedBlobs, NotOurPlace
from transcribe.store.postgres import PostgresStore


def write(blobs: Blobs) -> None:
    with blobs.write(uuid4(), "pcm") as target:
        target.write(b"a")


def test_the_first_place_of_the_sound_is_remembered(postgres_url: str) -> None:
    """After that an empty folder, as a share that is not mounted leaves, is never taken for it."""
    with throwaway_data_dir() as data_dir:
        settings = Settings.from_env(data_dir=data_dir, demo=True, database_url=postgres_url)
        with open_service(settings) as service:
            service.ask_sound()
            assert not service.store.has_place(), "looking claims nothing: the setting may still be changed"
            write(MarkedBlobs(FolderBlobs(data_dir / "audio"), service.store))
            assert service.store.has_place()
        (data_dir / "audio").rename(data_dir / "away")
        with open_service(settings) as service:
            with pytest.raises(NotOurPlace):
                service.ask_sound()
            (data_dir / "audio").rmdir()
            (data_dir / "away").rename(data_dir / "audio")
            service.ask_sound()


def test_a_place_that_is_away_keeps_no_service_from_starting(postgres_url: str, tmp_path: Path) -> None:
    """An unplugged disk: notes can be read and recordings go to the spool, and it is told as what it is."""
    (tmp_path / "disk").mkdir()
    with throwaway_data_dir() as data_dir:
        place = str(tmp_path / "disk" / "sound")
        settings = Settings.from_env(data_dir=data_dir, demo=True, database_url=postgres_url, blob_store=place)
        with open_service(settings) as service:
            write(MarkedBlobs(FolderBlobs(Path(place)), service.store))
        (tmp_path / "disk").rename(tmp_path / "away")
        with open_service(settings) as service:
            with pytest.raises(NotOurPlace):
                service.ask_sound()
            (tmp_path / "away").rename(tmp_path / "disk")
            service.ask_sound()


@pytest.mark.parametrize("same", [True, False])
def test_of_machines_that_start_together_one_makes_the_first_place(
    postgres_url: str, tmp_path: Path, same: bool
) -> None:
    """With two settings by mistake, the other one is told at once; with one setting, both are fine."""
    both_looked = Barrier(2)

    class Machine(PostgresStore):
        def has_place(self) -> bool:
            found = super().has_place()
            both_looked.wait(timeout=30)
            return found

    folders = [tmp_path / "een", tmp_path / ("een" if same else "twee")]
    with closing(Machine(postgres_url, MasterKey.of(bytes(32)))) as store, ThreadPoolExecutor() as threads:
        tries = [threads.submit(write, MarkedBlobs(FolderBlobs(folder), store)) for folder in folders]
        refused = [isinstance(one.exception(), NotOurPlace) for one in tries]
        assert sorted(refused) == ([False, False] if same else [False, True])
        marked = [store.installation() in FolderBlobs(folder).consults() for folder in folders]
        assert marked == ([True, True] if same else [not one for one in refused])


def test_a_mark_that_can_not_be_put_makes_no_first_place(postgres_url: str, tmp_path: Path) -> None:
    class Full(FolderBlobs):
        def write(self, consult_id: UUID, name: str) -> AbstractContextManager[Sink]:
            raise DiskFull

    with closing(PostgresStore(postgres_url, MasterKey.of(bytes(32)))) as store:
        with pytest.raises(DiskFull):
            write(MarkedBlobs(Full(tmp_path / "vol"), store))
        assert not store.has_place()
        write(MarkedBlobs(FolderBlobs(tmp_path / "ruim"), store))


def test_no_master_key_is_made_for_a_database_that_has_another(postgres_url: str) -> None:
    """A new machine with an empty folder, before the administrator brought the key: nothing may be left behind."""
    with throwaway_data_dir() as first, throwaway_data_dir() as second:
        settings = [Settings.from_env(data_dir=one, demo=True, database_url=postgres_url) for one in (first, second)]
        with open_service(settings[0]) as service:
            consult = service.workflow.create(actor_of(settings[0]), "P-1")
        with pytest.raises(SetupProblem, match="hoofdsleutel ontbreekt"), open_service(settings[1]):
            pass
        assert not (second / "keys" / "master.key").exists()
        (second / "keys").mkdir(mode=0o700, exist_ok=True)
        (second / "keys" / "master.key").write_bytes((first / "keys" / "master.key").read_bytes())
        (second / "keys" / "master.key").chmod(0o600)
        with open_service(settings[1]) as service:
            assert service.store.consult(consult.id).patient_ref == "P-1"
