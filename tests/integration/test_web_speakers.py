"""Saying who speaks, by the page's route: with and without work of a person in the draft."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.integration.test_web import CANARY, House, make_house
from transcribe.asr.transcript import Speaker
from transcribe.consult import Action, Actor, Role, Status


@pytest.fixture
def house() -> Iterator[House]:
    made = make_house()
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


@pytest.fixture
def draft(house: House) -> UUID:
    return house.consult_at(Status.DRAFTED)


def send(house: House, consult_id: UUID, path: str = "sprekers", **fields: str):
    return house.post(f"/consult/{consult_id}/{path}", **{"versie": str(house.version(consult_id))} | fields)


def speakers(house: House, consult_id: UUID) -> list[Speaker]:
    found = house.store.transcript(consult_id)
    assert found
    return [utterance.speaker for utterance in found.utterances]


def test_the_page_shows_each_voice_with_words_to_know_it_by(house: House, draft: UUID) -> None:
    page = house.client.get(f"/consult/{draft}").text
    assert re.findall(r'<select id="(stem-\d)"', page) == ["stem-0", "stem-1"]
    assert re.findall(r'<option value="(\w+)" selected>', page[page.index('id="sprekers"') :])[:2] == [
        "huisarts",
        "patient",
    ]
    assert f"<q>{CANARY}.</q>" in page
    assert "Het concept wordt daarna opnieuw gemaakt." in page
    assert "Wissel huisarts en patiënt" in page


def test_swapped_and_drafted_anew(house: House, draft: UUID) -> None:
    """What the selects say counts for nothing when they are swapped."""
    answer = send(house, draft, **{"stem-0": "huisarts", "stem-1": "patient", "wissel": "ja"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/consult/{draft}")
    assert speakers(house, draft) == [Speaker.PATIENT, Speaker.HUISARTS, Speaker.HUISARTS]
    assert house.workflow.consult(draft).status is Status.TRANSCRIBED
    house.service.work()
    assert house.workflow.consult(draft).status is Status.DRAFTED


def test_each_voice_by_name(house: House, draft: UUID) -> None:
    assert send(house, draft, **{"stem-0": "huisarts", "stem-1": "begeleider"}).status_code == 303
    assert speakers(house, draft) == [Speaker.HUISARTS, Speaker.BEGELEIDER, Speaker.BEGELEIDER]


def test_work_of_a_person_is_asked_about(house: House, draft: UUID) -> None:
    assert send(house, draft, "regel/L1/wijzig", tekst="Hoest.").status_code == 303
    page = house.client.get(f"/consult/{draft}").text
    assert "Laat het verslag zoals het is" in page
    refused = send(house, draft, wissel="ja")
    assert refused.status_code == 422
    assert "Dit verslag is al gewijzigd." in refused.text
    kept = send(house, draft, wissel="ja", verslag="houden")
    assert (kept.status_code, house.workflow.consult(draft).status) == (303, Status.DRAFTED)
    assert speakers(house, draft)[0] is Speaker.PATIENT
    assert "Hoest." in house.client.get(f"/consult/{draft}").text
    assert send(house, draft, wissel="ja", verslag="opnieuw").status_code == 303
    assert house.workflow.consult(draft).status is Status.TRANSCRIBED


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"stem-0": "tandarts", "stem-1": "patient"}, 422),
        ({"stem-0": "huisarts", "stem-2": "patient"}, 422),
        ({"stem-0": "huisarts"}, 404),
        ({}, 404),
        ({"wissel": "ja", "versie": "1"}, 409),
    ],
)
def test_what_no_page_sends(house: House, draft: UUID, fields: dict[str, str], status: int) -> None:
    assert send(house, draft, **fields).status_code == status
    assert house.workflow.consult(draft).status is Status.DRAFTED


def test_nothing_to_name_after_the_signature_or_for_another(house: House, draft: UUID) -> None:
    workflow, locum = house.workflow, Actor(name="W. Neem", role=Role.WAARNEMER)
    assert send(house, draft, "overdragen", naam=locum.name, bevestigd=locum.name).status_code == 303
    assert "Wie is wie?" not in house.client.get(f"/consult/{draft}").text
    assert send(house, draft, wissel="ja").status_code == 409
    signed = house.consult_at(Status.APPROVED)
    assert "Wie is wie?" not in house.client.get(f"/consult/{signed}/wijzigen").text
    assert send(house, signed, wissel="ja").status_code == 409
    assert not [event for event in house.store.events() if event.action is Action.SPEAKERS_NAMED]
    assert workflow.consult(draft).waits_for == locum.name
