"""What a service does, and does not, before it is open."""

from __future__ import annotations

import pytest

from transcribe.app import actor_of, open_service
from transcribe.errors import SetupProblem
from transcribe.settings import Settings
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.marked import NotOurPlace


def test_the_first_place_of_the_sound_is_remembered(postgres_url: str) -> None:
    """After that an empty folder, as a share that is not mounted leaves, is never taken for it."""
    with throwaway_data_dir() as data_dir:
        settings = Settings.from_env(data_dir=data_dir, demo=True, database_url=postgres_url)
        with open_service(settings) as service:
            assert not service.store.has_place()
            service.ask_sound()
            assert service.store.has_place()
        (data_dir / "audio").rename(data_dir / "away")
        with open_service(settings) as service:
            with pytest.raises(NotOurPlace):
                service.ask_sound()
            (data_dir / "audio").rmdir()
            (data_dir / "away").rename(data_dir / "audio")
            service.ask_sound()


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
