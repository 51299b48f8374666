"""The page of what was destroyed: what it proves, and what it does not tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.integration.test_web_exercise import House, house
from tests.unit.test_exercise import GP, drafted, signed
from transcribe.erasure import GROUNDS


@pytest.fixture
def made() -> House:
    return house()


def test_it_proves_what_was_destroyed_and_tells_nothing_of_a_patient(made: House) -> None:
    service = made.service
    consult_id = drafted(service, exercise=False)
    signed(service, consult_id)
    reference = service.store.consult(consult_id).patient_ref
    service.workflow.erase(GP, consult_id)
    page = made.get("/vernietigd")
    assert "2 bewijzen, waarvan 0 compleet" in page
    assert page.count(str(consult_id)[:8]) >= 2
    assert GROUNDS["gewist"].rule in page
    assert "nog niet" in page
    assert reference not in page
    service.keeper.clear()
    assert "2 bewijzen, waarvan 2 compleet" in made.get("/vernietigd")
    assert f"{datetime.now(UTC):%Y}" in page
    assert 'href="/vernietigd"' in made.get(f"/consult/{consult_id}")


def test_another_month_is_one_step_away(made: House) -> None:
    page = made.get("/vernietigd?maand=2026-01")
    assert "Vernietigd in januari 2026" in page
    assert "In deze maand is niets vernietigd." in page
    assert 'href="/vernietigd?maand=2025-12"' in page
    assert 'href="/vernietigd?maand=2026-02"' in page
    assert "Volgende maand" not in made.get("/vernietigd")
    assert "Schrijf de maand als 2026-11." in made.get("/vernietigd?maand=%3Cb%3E")
