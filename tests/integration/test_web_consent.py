"""Consent on the screens: the form, its record, taking it back, and the texts for the patient."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from consent import (
    AgeClass,
    Capacity,
    Consent,
    Device,
    Exception12,
    GivenBy,
    How,
    Informed,
    Interpreter,
    Relation,
    Texts,
    Withdrawer,
)
from tests.integration.test_web import CONSENT, House, make_house
from transcribe.consult import Action, Search, Status

NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)


@pytest.fixture
def house() -> Iterator[House]:
    made = make_house()
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


def asked(house: House, *, htmx: bool = True, **fields: str) -> Any:
    return house.post("/consult/nieuw", htmx=htmx, **({"kenmerk": "HIS 1"} | CONSENT | fields))


def recorded(house: House, **fields: str) -> Consent:
    answer = asked(house, **fields)
    assert answer.status_code == 204, answer.text
    consent = house.store.consent(UUID(answer.headers["hx-redirect"].rsplit("/", 1)[1]))
    assert consent is not None
    return consent


def refused(house: House, words: str, **fields: str) -> None:
    answer = asked(house, **fields)
    assert answer.status_code == 422
    assert words in html.unescape(answer.text)
    assert house.workflow.search(Search()) == []


def at_noon(house: House) -> House:
    house.app.state.web = replace(house.app.state.web, now=lambda: NOON)
    return house


def test_the_common_case_is_a_reference_and_a_yes(house: House) -> None:
    consent = recorded(house)
    assert (consent.age, consent.given_by, consent.how) == (AgeClass.FROM_16, GivenBy.PATIENT, How.SPOKEN)
    assert (consent.informed, consent.others_present, consent.capacity) == (frozenset({Informed.SPOKEN}), False, None)
    assert consent.recorded_by == consent.informed_by == "Dr. Proef (huisarts)"
    assert consent.device is Device.COMPUTER
    assert [(one.id, one.version) for one in consent.texts] == [("mondeling-nl-2026-11-23", "2026-11-23")]


def test_everything_unusual_is_recorded(house: House) -> None:
    consent = recorded(
        house,
        gever="wettelijk vertegenwoordiger",
        relatie="mentor",
        wilsbekwaam="nee",
        beoordeeld="B. Bos (huisarts)",
        hoe="schriftelijk",
        informeerde="A. de Wit (assistente)",
        **{"info-leaflet": "ja", "info-screen": "ja", "anderen": "ja", "anderen-akkoord": "ja"},
        gesproken="Turks",
        tolk="tolk op afstand",
    )
    assert (consent.given_by, consent.relation) == (GivenBy.REPRESENTATIVE, Relation.MENTOR)
    assert consent.capacity == Capacity(capable=False, judged_by="B. Bos (huisarts)")
    assert (consent.how, consent.informed_by) == (How.WRITTEN, "A. de Wit (assistente)")
    assert consent.informed == {Informed.SPOKEN, Informed.LEAFLET, Informed.SCREEN}
    assert [one.id for one in consent.texts] == [
        "mondeling-nl-2026-11-23", "folder-nl-2026-11", "wachtkamer-nl-2026-11",
    ]  # fmt: skip
    assert (consent.language, consent.interpreter, consent.others_present) == ("Turks", Interpreter.PHONE, True)


@pytest.mark.parametrize(
    ("born", "gever", "age"),
    [
        ("2014-11-23", "ouder of voogd", AgeClass.UNDER_12),
        ("2014-11-22", "patiënt en ouder of voogd", AgeClass.FROM_12_TO_15),  # the twelfth birthday itself
        ("2010-11-23", "patiënt en ouder of voogd", AgeClass.FROM_12_TO_15),
        ("2010-11-22", "patiënt", AgeClass.FROM_16),  # the sixteenth
        ("1931-03-01", "patiënt", AgeClass.FROM_16),
    ],
)
def test_a_date_of_birth_gives_the_age_and_is_kept_nowhere(house: House, born: str, gever: str, age: AgeClass) -> None:
    consent = recorded(at_noon(house), geboren=born, gever=gever)
    assert consent.age is age
    assert born not in repr(consent)
    assert not any(born in event.detail for event in house.store.events())


def test_the_birthday_is_that_of_the_practice(house: House) -> None:
    """Half past midnight in the Netherlands is still the day before in UTC."""
    house.app.state.web = replace(house.app.state.web, now=lambda: datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    assert recorded(house, geboren="2010-11-22").age is AgeClass.FROM_16


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"geboren": "2030-01-01"}, "geboortedatum kan niet"),
        ({"geboren": "1850-01-01"}, "geboortedatum kan niet"),
        ({"geboren": "gisteren"}, "geboortedatum kan niet"),
        ({"geboren": "2013-01-01"}, "samen toestemming"),
        ({"leeftijd": "12-15"}, "kies dan de uitzondering"),
        ({"leeftijd": "<12"}, "ouder of voogd"),
        ({"gever": "wettelijk vertegenwoordiger", "relatie": "partner"}, "beoordeeld"),
        ({"gever": "wettelijk vertegenwoordiger", "wilsbekwaam": "nee", "beoordeeld": "B. Bos"}, "Kies wat"),
        ({"wilsbekwaam": "nee", "beoordeeld": "B. Bos"}, "vertegenwoordiger"),
        ({"wilsbekwaam": "ja", "beoordeeld": " "}, "wie heeft beoordeeld"),
        ({"wilsbekwaam": "misschien"}, "formulier"),
        ({"tolk": "tolk"}, "naar welke taal"),
        ({"tolk": "iemand"}, "formulier"),
        ({"gesproken": "<script>"}, "Schrijf de taal"),
        ({"informeerde": "a" * 121}, "te lang"),
        ({"hoe": "telepathisch"}, "formulier"),
        ({"tekst": "folder-nl-2025-01"}, "formulier"),
    ],
)
def test_what_cannot_be_is_said_so_and_nothing_is_made(house: House, fields: dict[str, str], words: str) -> None:
    refused(at_noon(house), words, **fields)


def test_a_patient_of_fourteen_alone_needs_the_exception(house: House) -> None:
    refused(house, "uitzondering", leeftijd="12-15")
    wish = "weloverwogen wens van de patiënt"
    assert recorded(house, leeftijd="12-15", uitzondering=wish).exception is Exception12.CONSIDERED_WISH


def test_what_belongs_to_another_choice_is_left_out(house: House) -> None:
    """The page hides it; it is still in the form that was filled in and changed back."""
    consent = recorded(house, relatie="mentor", uitzondering="ernstig nadeel voorkomen", beoordeeld="B. Bos")
    assert (consent.relation, consent.exception, consent.capacity) == (None, None, None)


def test_a_telephone_is_known_by_what_it_says(house: House) -> None:
    house.client.headers["User-Agent"] = "Mozilla/5.0 (Linux; Android 15) Mobile Safari"
    assert recorded(house).device is Device.MOBILE


def test_the_record_is_shown_and_downloaded_as_fhir(house: House) -> None:
    consult_id = house.consult_at(Status.CONSENTED)
    page = html.unescape(house.client.get(f"/consult/{consult_id}").text)
    assert "mondeling-nl-2026-11-23" in page
    answer = house.client.get(f"/consult/{consult_id}/toestemming.json")
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["content-disposition"].startswith("attachment;")
    record = json.loads(answer.text)
    assert (record["resourceType"], record["status"]) == ("Consent", "active")
    assert "HIS-4711" not in answer.text
    assert house.actions()[-1] is Action.CONSENT_EXPORTED


def test_what_has_no_consent_yet_has_nothing_to_download(house: House) -> None:
    consult_id = house.consult_at(Status.NEW)
    assert house.client.get(f"/consult/{consult_id}/toestemming.json").status_code == 404
    assert Action.CONSENT_EXPORTED not in house.actions()


@pytest.mark.parametrize("status", [Status.CONSENTED, Status.RECORDED, Status.DRAFTED, Status.APPROVED])
def test_who_took_it_back_is_recorded_and_what_was_destroyed(house: House, status: Status) -> None:
    consult_id = house.consult_at(status)
    assert "Ingetrokken door" in house.client.get(f"/consult/{consult_id}").text
    house.post(f"/consult/{consult_id}/intrekken", door="ouder of voogd")
    consent = house.store.consent(consult_id)
    assert consent is not None
    assert (consent.withdrawn_by, consent.withdrawal_recorded_by) == (Withdrawer.PARENT, "Dr. Proef (huisarts)")
    page = html.unescape(house.client.get(f"/consult/{consult_id}").text)
    assert page.count("vernietigd op") == 2
    assert "door ouder of voogd" in page
    record = json.loads(house.client.get(f"/consult/{consult_id}/toestemming.json").text)
    assert record["status"] == "inactive"
    assert len([one for one in record["extension"] if one["url"].endswith(":destroyed")]) == 2


def test_somebody_unknown_takes_nothing_back(house: House) -> None:
    consult_id = house.consult_at(Status.CONSENTED)
    assert house.post(f"/consult/{consult_id}/intrekken", door="de buurman").status_code == 422
    assert house.consult(consult_id).status is Status.CONSENTED


def test_a_refusal_holds_no_reason_and_is_shown(house: House) -> None:
    answer = house.post("/consult/nieuw", kenmerk="HIS 1", **(CONSENT | {"antwoord": "weigert", "leeftijd": "12-15"}))
    page = html.unescape(house.client.get(answer.headers["location"]).text)
    assert "Toestemming geweigerd" in page
    consent = house.store.consent(UUID(answer.headers["location"].rsplit("/", 1)[1]))
    assert consent is not None
    assert (consent.age, consent.given_by, consent.recorded_by) == (None, None, "Dr. Proef (huisarts)")


def test_the_practices_own_words_are_asked_and_recorded(house: House, tmp_path: Path) -> None:
    head = "---\nid: mondeling-praktijk-2026-12\nversion: 2026-12\nlanguage: nl\nkind: mondeling\n---\n"
    (tmp_path / "mondeling-praktijk-2026-12.md").write_text(head + "Mag ik <b>dit</b> opnemen? U mag nee zeggen.\n")
    house.app.state.web = replace(house.app.state.web, texts=Texts(tmp_path))
    page = house.client.get("/consult/nieuw").text
    assert "Mag ik &lt;b&gt;dit&lt;/b&gt; opnemen?" in page
    assert 'value="mondeling-praktijk-2026-12"' in page
    consent = recorded(house, tekst="mondeling-praktijk-2026-12")
    assert consent.text_sha256 == house.app.state.web.texts.text("mondeling-praktijk-2026-12").sha256
    assert "van uw praktijk" in house.client.get("/toestemming/teksten").text


@pytest.mark.parametrize(
    "text", ["folder-nl-2026-11", "wachtkamer-nl-2026-11", "mondeling-en-2026-11", "folder-en-2026-11"]
)
def test_a_text_is_printed_from_here_and_loads_nothing_from_elsewhere(house: House, text: str) -> None:
    page = house.client.get(f"/toestemming/tekst/{text}")
    assert page.status_code == 200
    assert "http" not in page.text
    assert text in house.client.get("/toestemming/teksten").text


@pytest.mark.parametrize("text", ["folder-nl-1999-01", "..", "%2e%2e%2freading", "folder-nl-2026-11.md"])
def test_there_is_no_other_text(house: House, text: str) -> None:
    assert house.client.get(f"/toestemming/tekst/{text}").status_code == 404
