"""The list of words that the recogniser should know, on the page. On the real use cases with fakes below."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.test_web import HUISARTS, House
from tests.integration.test_web_reports import opened
from transcribe.consult import Actor, Role


@pytest.fixture
def house() -> Iterator[House]:
    with opened() as made:
        yield made


def test_words_are_added_and_removed_on_the_page(house: House) -> None:
    for which, word in (("eigen", " Zonneveld "), ("praktijk", "Wijkteam  Noord"), ("praktijk", "<b>")):
        house.post("/stijl/woord", lijst=which, woord=word)
    preferences = house.service.preferences
    assert preferences.words(HUISARTS.name) == ["Zonneveld", "Wijkteam Noord"]
    page = house.client.get("/stijl").text
    assert "Zonneveld" in page
    assert "Wijkteam Noord" in page
    assert house.post("/stijl/woord/weg", lijst="praktijk", woord="Zonneveld").status_code == 303  # of the other list
    assert preferences.own_words(HUISARTS.name) == ["Zonneveld"]
    assert house.post("/stijl/woord/weg", lijst="eigen", woord="Zonneveld").status_code == 303
    assert preferences.words(HUISARTS.name) == ["Wijkteam Noord"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"lijst": "eigen", "woord": ""}, "Vul een woord"),
        ({"lijst": "eigen", "woord": "a" * 41}, "40 tekens"),
        ({"lijst": "eigen", "woord": "<|nl|>"}, "letters"),
        ({"lijst": "eigen"}, "formulier"),
        ({"lijst": "ander", "woord": "macrogol"}, "formulier"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(house: House, fields: dict[str, str], says: str) -> None:
    answer = house.post("/stijl/woord", htmx=True, **fields)
    assert answer.status_code == 422
    assert says in answer.text
    assert house.service.preferences.words(HUISARTS.name) == []


def test_a_full_list_says_so(house: House) -> None:
    for n in range(20):
        assert house.post("/stijl/woord", lijst="praktijk", woord=f"naam{n}").status_code == 303
    assert "hoogstens 20 woorden" in house.post("/stijl/woord", htmx=True, lijst="praktijk", woord="meer").text
    assert house.post("/stijl/woord", lijst="eigen", woord="meer").status_code == 303  # that one has room
    assert len(house.service.preferences.words(HUISARTS.name)) == 21


def test_who_may_not_edit_changes_no_words() -> None:
    with opened(actor=Actor(name="Assistente", role=Role.ASSISTENTE)) as made:
        assert made.post("/stijl/woord", lijst="praktijk", woord="macrogol").status_code == 403
        assert made.post("/stijl/woord/weg", lijst="praktijk", woord="macrogol").status_code == 403
        assert "/stijl/woord" not in made.client.get("/stijl").text
