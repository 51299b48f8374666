"""Many recordings at a time: what the page asks, what it is answered, and that each is taken in once."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import logging
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.test_web import House, make_house
from tests.integration.test_web_attacks import HOSTILE, harm
from transcribe.asr.transcript import Speaker
from transcribe.audio.together import MARK, head, shifted, together
from transcribe.batch.manifest import COLUMNS, template
from transcribe.consult import Action, Actor, KeyPurpose, Lane, Role, Search, Status

SOUND = b"RIFF of a consult"
#: A row as somebody fills it in.
FILLED = {
    "bestand": "Jansen, P. (1954).mp4", "kenmerk": "P-1", "datum": "2026-11-20", "soort": "videoconsult",
    "toestemming": "mondeling", "anderen": "geen", "geïnformeerd_door": "B. Balie (assistente)", "app": "WeSeeDo",
    "kanalen": "huisarts,patiënt",
}  # fmt: skip


@pytest.fixture
def house() -> Iterator[House]:
    made = make_house()
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


def ask(house: House, path: str, **asked: Any) -> Any:
    headers = {"X-CSRF-Token": house.token, "Accept": "application/json"}
    return house.client.post(path, json=asked, headers=headers)


def prepare(house: House, sound: bytes = SOUND, **changed: str) -> Any:
    fields = FILLED | {"sha256": hashlib.sha256(sound).hexdigest()} | changed
    return house.post("/opnamen/consult", accept="application/json", **fields)


def put(house: House, path: str, sound: bytes = SOUND) -> Any:
    headers = {"X-CSRF-Token": house.token, "Content-Type": "application/octet-stream", "Accept": "application/json"}
    return house.client.put(path, content=sound, headers=headers)


def rows(house: House, *names: str, manifest: str = "", **more: Any) -> str:
    files = [{"name": name, "size": 5} for name in names]
    answer = ask(house, "/opnamen/rijen", files=files, list=base64.b64encode(manifest.encode()).decode(), **more)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def listed(*filled: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), delimiter=";", restval="")
    writer.writeheader()
    writer.writerows(filled)
    return out.getvalue()


def consults(house: House) -> list[Status]:
    return [consult.status for consult in house.workflow.search(Search())]


# --- the page and its rows -----------------------------------------------------------------------------------------


def test_the_page_and_an_empty_list(house: House) -> None:
    assert "Opnamen toevoegen" in house.client.get("/opnamen").text
    empty = house.client.get("/opnamen/lijst.csv")
    assert empty.text == template()
    assert "attachment" in empty.headers["content-disposition"]
    made = ask(house, "/opnamen/lijst.csv", files=[{"name": "a.mp4", "size": 1}, {"name": "lees mij.txt", "size": 1}])
    assert made.text == template(["a.mp4"])


def test_each_file_gets_a_row_with_what_the_list_says_of_it(house: House) -> None:
    manifest = listed(FILLED | {"datum": "20-11-2026"}, {"bestand": "weg.mp4", "kenmerk": "P-9"}, {"kenmerk": "P-8"})
    page = rows(house, FILLED["bestand"], "b.mp4", "lees mij.pdf", manifest=manifest, number=7)
    assert re.findall(r'data-row="(\d+)"', page) == ["7", "8"]
    text = html.unescape(page)
    assert text.count("data-listed") == 1
    assert 'name="kenmerk" type="text" value="P-1"' in text
    assert 'value="2026-11-20"' in text
    assert '<option value="mondeling" selected>' in text
    assert "dit is geen opname: lees mij.pdf" in text
    assert "het bestand is niet gekozen: weg.mp4, (regel 4)" in text


def test_a_wrong_row_says_why(house: House) -> None:
    page = html.unescape(rows(house, FILLED["bestand"], manifest=listed(FILLED | {"soort": "borrel"})))
    assert "“borrel” kan niet in de kolom soort" in page
    assert '<option value="borrel" selected>' in page


def test_what_is_no_list_is_said(house: House) -> None:
    answer = ask(house, "/opnamen/rijen", files=[], list=base64.b64encode(b"naam;kenmerk\n").decode())
    assert answer.status_code == 422
    assert "bestand" in answer.json()["error"]


def test_two_files_that_differ_in_who_speaks_are_one_row(house: House) -> None:
    names = ("x - huisarts.m4a", "x - patient.m4a")
    page = html.unescape(rows(house, *names))
    assert 'data-names="["x - huisarts.m4a", "x - patient.m4a"]"' in page
    assert "Twee bestanden van één consult" in page
    assert "data-apart" in page
    assert rows(house, *names, apart=[names[0]]).count("data-row=") == 2


@pytest.mark.parametrize(
    ("first", "second", "kanalen", "chosen"),
    [
        ("x - patient.m4a", "x - huisarts.m4a", "", "patiënt,huisarts"),
        ("x - huisarts.m4a", "x - patient.m4a", "", "huisarts,patiënt"),
        ("x - patient.m4a", "x - huisarts.m4a", "gemengd", "patiënt,huisarts"),
        ("a.m4a", "b.m4a", "Patient, Huisarts", "patiënt,huisarts"),
        ("a.m4a", "b.m4a", "", ""),
    ],
)
@pytest.mark.parametrize("ref", ["P-1", ""])
def test_who_is_in_which_file_is_as_the_list_or_the_names_say(
    house: House, first: str, second: str, kanalen: str, chosen: str, ref: str
) -> None:
    """Whatever else is wrong with the row; and when neither says it, a person does."""
    row = FILLED | {"bestand": first, "tweede_bestand": second, "kanalen": kanalen, "kenmerk": ref}
    page = html.unescape(rows(house, first, second, manifest=listed(row)))
    field = page.partition('name="kanalen"')[2].partition("</select>")[0]
    assert re.findall(r'value="([^"]*)" selected', field) == ([chosen] if chosen else [])


def test_nothing_runs_of_names_and_lists_of_a_hostile_hand(house: House) -> None:
    manifest = listed(*(dict.fromkeys(COLUMNS, one) | {"bestand": f"{one}.mp4"} for one in HOSTILE))
    page = rows(house, *(f"{one}.mp4" for one in HOSTILE), *HOSTILE, manifest=manifest)
    assert harm(page) == []
    assert page.count("data-row=") == len(HOSTILE) - 1  # one has no name before its ending
    assert "49" not in page.replace("data-row", "")


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"files": "a"}, {"files": [{"name": 1, "size": 1}]}, {"files": [{"name": "a"}]}, {"files": [1]},
        {"files": [{"name": "a" * 600, "size": 1}]}, {"files": [], "list": "é"}, {"files": [], "list": 1, "number": -1},
        {"files": [], "number": "x"}, {"files": [], "apart": "x"},
    ],
)  # fmt: skip
def test_what_no_script_of_ours_asks_is_refused(house: House, asked: dict[str, Any]) -> None:
    assert ask(house, "/opnamen/rijen", **asked).status_code == 422


@pytest.mark.parametrize("path", ["/opnamen/rijen", "/opnamen/stand", "/opnamen/overzicht.csv", "/opnamen/lijst.csv"])
def test_only_json_and_not_too_much_of_it(house: House, path: str) -> None:
    token = {"X-CSRF-Token": house.token, "Accept": "application/json"}
    assert house.client.post(path, content=b"{}", headers=token | {"Content-Type": "text/plain"}).status_code == 415
    for broken in (b"", b"[]", b"[" * 100_000, b"\xff"):
        headers = token | {"Content-Type": "application/json"}
        assert house.client.post(path, content=broken, headers=headers).status_code == 422
    large = house.client.post(path, content=b" " * (9 << 20), headers=token | {"Content-Type": "application/json"})
    assert large.status_code == 413


# --- one recording -------------------------------------------------------------------------------------------------


def test_a_recording_is_taken_in_once(house: House) -> None:
    first = prepare(house).json()
    assert first["new"]
    assert put(house, first["put"]).status_code == 201
    (consult,) = house.workflow.search(Search())
    assert (consult.lane, consult.status, consult.patient_ref) == (Lane.BATCH, Status.RECORDED, "P-1")
    assert consult.channels == (Speaker.HUISARTS, Speaker.PATIENT)
    assert house.workflow.recorded_video(consult.id)[1].app == "WeSeeDo"
    given = house.workflow.consent(consult.id)
    assert given is not None
    assert given.informed_by == "B. Balie (assistente)"
    key = house.store.data_key(consult.id, KeyPurpose.SOURCE)
    with house.audio.open(consult.id, consult.upload, key) as file:
        assert file.read() == SOUND
    again = prepare(house, bestand="anders.mp4").json()
    assert (again["consult"], again["new"], "put" in again) == (first["consult"], False, False)
    assert len(consults(house)) == 1


def test_what_was_done_otherwise_is_told(house: House) -> None:
    """For another patient, with other channels, or without the consent that the row takes back."""
    put(house, prepare(house).json()["put"])
    assert "voor een ander kenmerk" in prepare(house, kenmerk="P-2").json()["error"]
    assert "met andere kanalen" in prepare(house, kanalen="patiënt,huisarts").json()["error"]
    for taken_back in ("", "weigert"):
        assert "Trek de toestemming in" in prepare(house, toestemming=taken_back).json()["error"]
    assert consults(house) == [Status.RECORDED]


def test_what_was_withdrawn_is_not_sent_again(house: House) -> None:
    found = prepare(house).json()
    put(house, found["put"])
    house.workflow.withdraw(Actor(name="B. Balie", role=Role.ASSISTENTE), UUID(found["consult"]))
    told = prepare(house, opnieuw="ja").json()
    assert (told["state"], "put" in told) == ("WITHDRAWN", False)


def test_what_was_cut_off_goes_on(house: House) -> None:
    first = prepare(house).json()
    assert consults(house) == [Status.CONSENTED]
    again = prepare(house).json()
    assert again["put"] == first["put"]
    assert put(house, again["put"]).status_code == 201
    assert consults(house) == [Status.RECORDED]


def test_without_consent_nothing_is_made(house: House) -> None:
    waits = prepare(house, toestemming="").json()
    assert waits == {"state": "NO_CONSENT", "label": "wacht op toestemming"}
    assert prepare(house, toestemming="", kenmerk="").json() == waits
    assert prepare(house, toestemming="weigert").json()["state"] == "REFUSED"
    assert consults(house) == []


def test_a_row_is_looked_at_before_anything_is_made(house: House) -> None:
    told = prepare(house, sha256="").json()
    assert (told["state"], told["hint"]) == ("READY", "")
    assert "lijkt een BSN" in prepare(house, sha256="", kenmerk="999911624").json()["hint"]
    wrong = prepare(house, kenmerk="", sha256="")  # it says that somebody agreed, and not who
    assert wrong.status_code == 422
    assert "patiëntkenmerk" in wrong.json()["error"]
    assert "Vul bij anderen in" in prepare(house, anderen="").json()["error"]
    assert prepare(house, sha256="geen").status_code == 422
    for wrong_row, told in (
        ({"app": "Onbekend"}, "niet op de lijst van de praktijk"),
        ({"huisarts": "x" * 101}, "Deze naam kan niet"),
        ({"datum": ""}, "wanneer de patiënt toestemde"),
        ({"toestemming_op": "2100-01-01T09:00"}, "niet later zijn gegeven"),
    ):
        assert told in prepare(house, sha256="", **wrong_row).json()["error"]
    assert consults(house) == []


def test_other_bytes_than_those_that_were_looked_at_are_refused(house: House) -> None:
    """A file that was changed meanwhile, or a script that lies: nothing of it is kept."""
    where = prepare(house).json()["put"]
    for other in (SOUND + b"x", MARK + b"[]", head(shifted([9, 9], None)) + b"short"):
        refused = put(house, where, other)
        assert refused.status_code == 409
        assert "veranderd" in refused.json()["error"]
    assert consults(house) == [Status.CONSENTED]
    assert put(house, where).status_code == 201


def test_a_recording_is_put_into_no_other_consult(house: House) -> None:
    mine = house.consult_at(Status.CONSENTED)
    assert put(house, f"/opnamen/{mine}/gemengd").status_code == 409
    assert house.consult(mine).status is Status.CONSENTED
    assert put(house, f"/opnamen/{uuid4()}/gemengd").status_code == 404
    where = prepare(house).json()["put"]
    assert put(house, where.rpartition("/")[0] + "/tandarts").status_code == 422


def test_a_file_that_can_not_be_used_leaves_no_empty_consult(house: House) -> None:
    refused = put(house, prepare(house, b"tekst").json()["put"], b"tekst")
    assert refused.status_code == 415
    assert "geen geluid" in refused.json()["error"]
    assert consults(house) == [Status.DISCARDED]
    assert "niet te gebruiken" in prepare(house, b"tekst").json()["error"]
    assert "put" in prepare(house, b"tekst", opnieuw="ja").json()


def test_two_files_are_one_recording(house: House) -> None:
    first, second = b"the doctor", b"the patient, longer"
    digest = together([hashlib.sha256(one).digest() for one in (first, second)]).hex()
    row = {"tweede_bestand": "b.m4a", "verschuiving": "1,5", "sha256": digest}
    found = prepare(house, **row).json()
    whole = head(shifted([len(first), len(second)], 1.5)) + first + second
    assert put(house, found["put"], whole).status_code == 201
    turned = row | {"tweede_bestand": FILLED["bestand"], "bestand": "b.m4a", "kanalen": "patiënt,huisarts"}
    assert prepare(house, **turned).json()["consult"] == found["consult"]


def test_a_consent_text_of_the_practice_counts(house: House) -> None:
    assert "kan niet in de kolom tekst" in prepare(house, tekst="mondeling-nl-1999-01").json()["error"]


# --- afterwards ----------------------------------------------------------------------------------------------------


def test_how_far_they_are(house: House) -> None:
    drafted, waiting = house.consult_at(Status.DRAFTED), house.consult_at(Status.CONSENTED)
    page = ask(house, "/opnamen/stand", consults=[str(drafted), str(waiting), str(uuid4())]).text
    assert page.count('class="row"') == 2
    assert "1 × Wacht op uw controle" in page
    assert 'href="/"' in page
    assert "data-moving" not in page
    assert "data-moving" in ask(house, "/opnamen/stand", consults=[str(house.consult_at(Status.RECORDED))]).text
    for wrong in ({}, {"consults": ["x"]}, {"consults": 3}, {"consults": [str(drafted)] * 1001}):
        assert ask(house, "/opnamen/stand", **wrong).status_code == 422


def test_what_is_closed_to_this_person_stays_closed(house: House) -> None:
    """Its row names no patient, and nothing is added to it."""
    locum = Actor(name="W. Neem", role=Role.WAARNEMER)
    first = prepare(house).json()
    consult_id = UUID(first["consult"])
    # not by ``close``: whoever prepared it would be a reader
    house.workflow._writer.apply(locum, house.consult(consult_id), Action.CLOSED, readers=(locum.name,))
    page = ask(house, "/opnamen/stand", consults=[str(consult_id)]).text
    assert "Afgeschermd consult" in page
    assert "P-1" not in page
    before = house.consult(consult_id)
    assert prepare(house).status_code == put(house, first["put"]).status_code == 403
    assert house.consult(consult_id) == before


def test_the_summary_is_that_of_the_command(house: House) -> None:
    drafted = house.consult_at(Status.DRAFTED)
    told = [
        {"bestand": "=a.mp4", "tweede_bestand": "b.mp4", "kenmerk": "P-1", "consult": str(drafted)},
        {"bestand": "c.mp4", "stand": "NO_CONSENT"},
        {"bestand": "d.mp4", "stand": "BAD_ROW", "reden": "Vul het patiëntkenmerk in."},
        {"bestand": "e.mp4", "consult": str(uuid4())},
    ]
    answer = ask(house, "/opnamen/overzicht.csv", rows=told)
    made = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
    assert [(row["bestand"], row["stand"]) for row in made] == [
        ("'=a.mp4", "concept staat klaar"),
        ("c.mp4", "wacht op toestemming"),
        ("d.mp4", "regel in de lijst klopt niet"),
        ("e.mp4", "eerder verwijderd of gewist"),
    ]
    assert made[0]["consult"] == str(drafted)
    assert made[2]["reden"] == "Vul het patiëntkenmerk in."
    for wrong in ({}, {"rows": 1}, {"rows": [1]}, {"rows": [{"stand": "ONZIN"}]}, {"rows": [{"consult": "x"}]}):
        assert ask(house, "/opnamen/overzicht.csv", **wrong).status_code == 422


def test_no_name_of_a_file_is_left_anywhere(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """It may be the name of a patient."""
    caplog.set_level(logging.DEBUG)
    name = FILLED["bestand"]
    rows(house, name, manifest=listed(FILLED))
    found = prepare(house).json()
    put(house, found["put"])
    prepare(house, kenmerk="")
    put(house, found["put"], b"tekst")
    ask(house, "/opnamen/overzicht.csv", rows=[{"bestand": name, "stand": "FAILED"}])
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "Jansen" not in said
    assert "Jansen" not in found["put"]
    events = house.store.events()
    assert [event.action for event in events if event.consult_id] == [
        Action.CONSULT_CREATED, Action.CONSENT_GIVEN, Action.VIDEO_RECORDED, Action.AUDIO_STORED,
    ]  # fmt: skip
    assert not any("Jansen" in event.detail for event in events)
