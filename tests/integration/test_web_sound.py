"""What the review page says of the sound, and the page to try it with before a consult."""

from __future__ import annotations

import html
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.integration.test_web import House, make_house
from tests.integration.test_web_video import of_kind
from tests.unit.test_sound_quality import GOOD, NOISY, SOFT, pair
from transcribe.asr.transcript import Quality
from transcribe.consult import Status
from transcribe.contact import ContactType
from transcribe.testing import ScriptedTranscriber


def reviewed(sound: Quality | None, language: str = "nl") -> str:
    house = make_house()
    with house.client:
        return _page(house, sound, language)


def _page(house: House, sound: Quality | None, language: str) -> str:
    house.client.get(f"/start?ticket={house.access.ticket()}")
    transcriber = house.service.steps._transcriber
    assert isinstance(transcriber, ScriptedTranscriber)
    transcriber.sound = sound
    house.client.cookies.set("taal", language)
    page = house.client.get(f"/consult/{house.consult_at(Status.DRAFTED)}").text
    return " ".join(html.unescape(page).split())


@pytest.mark.parametrize(
    ("sound", "sentence"),
    [
        (pair(GOOD, GOOD), ">De kwaliteit van het geluid was goed.<"),
        (pair(GOOD, SOFT), ">De patiënt klinkt zacht: controleer getallen en namen extra.<"),
        (
            pair(NOISY, replace(NOISY, level_db=-80.0)),
            ">De patiënt klinkt zacht en er is veel ruis: controleer getallen en namen extra.<",
        ),
        (
            pair(GOOD, replace(NOISY, level_db=-80.0, holes_s=9.0)),
            ">De patiënt klinkt zacht, bij de patiënt is veel ruis en van de patiënt vallen stukjes weg: controleer "
            "getallen en namen extra.<",
        ),
    ],
)
def test_one_sentence_says_how_it_sounded(sound: Quality, sentence: str) -> None:
    page = reviewed(sound)
    assert sentence in page
    assert page.count('id="geluidskwaliteit"') == 1


def test_it_is_said_in_english_too() -> None:
    assert ">The patient sounds soft: check numbers and names with extra care.<" in reviewed(pair(GOOD, SOFT), "en")


def test_nothing_is_said_of_what_was_not_measured() -> None:
    assert "geluidskwaliteit" not in reviewed(None)


def test_the_way_to_a_test_and_back() -> None:
    house = make_house()
    with house.client:
        house.client.get(f"/start?ticket={house.access.ticket()}")
        consult = of_kind(house, house.consult_at(Status.CONSENTED), ContactType.VIDEO)
        assert f'href="/consult/{consult}/testgesprek"' in house.client.get(f"/consult/{consult}").text
        page = house.client.get(f"/consult/{consult}/testgesprek").text
        assert f'href="/consult/{consult}"' in page
        assert 'value="huisarts-links" checked' in page
        assert 'href="/testgesprek"' in house.client.get("/consult/nieuw").text
        assert 'value="gemengd" checked' in house.client.get("/testgesprek").text
        assert house.client.get(f"/consult/{uuid4()}/testgesprek").status_code == 404
