"""What a service does, and does not, before it is open."""

from __future__ import annotations

import pytest

from transcribe.app import actor_of, open_service
from transcribe.errors import SetupProblem
from transcribe.settings import Settings
from transcribe.store.folders import throwaway_data_dir


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
