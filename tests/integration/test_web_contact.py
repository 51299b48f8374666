"""The contact on the screens: its kind from the first form on, its time and tariff beside the signature."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from tests.integration.test_web import HUISARTS, House, make_house
from transcribe.consult import Action, Actor, Change, Role, Search, Status
from transcribe.contact import Contact, ContactType, Tariff
from transcribe.testing import confirm_seen
from transcribe.web.pages import PRACTICE_ZONE
from transcribe.web.views import CONTACT_TEXT, TARIFF_TEXT


@pytest.fixture
def house() -> Iterator[House]:
    made = make_house()
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


def clock(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-02-02T{text}").replace(tzinfo=PRACTICE_ZONE)


def with_contact(house: House, contact: Contact, status: Status = Status.DRAFTED) -> UUID:
    """As a recording that was made live leaves it."""
    consult_id = house.consult_at(status)
    old = house.consult(consult_id)
    new = replace(old, version=old.version + 1, contact=contact, created_at=clock("10:00").astimezone(UTC))
    event = house.service.writer.event(HUISARTS, Action.RECORDING_STARTED, consult_id)
    house.store.apply(Change(consult=new, audit=event))
    return consult_id


def sentence(house: House, consult_id: UUID) -> str:
    """What the page says of the contact."""
    page = house.client.get(f"/consult/{consult_id}").text
    found = re.search(r'id="contact".*?<p class="meta">(.*?)</p>', page, re.S)
    assert found
    return html.unescape(found[1]).strip()


def declare(house: House, consult_id: UUID, *, version: int | None = None, **fields: str) -> int:
    """Status of the answer; what is not given is as it was on the page."""
    page = house.client.get(f"/consult/{consult_id}").text
    shown = {name: re.search(rf'name="{name}" inputmode[^>]* value="([^"]*)"', page) for name in ("begin", "einde")}
    now = {name: found[1] if found else "" for name, found in shown.items()}
    contact = house.consult(consult_id).contact
    now |= {"soort": contact.kind or "", "tarief": contact.tariff or ""}
    asked = {"versie": str(version or house.version(consult_id)), **now, **fields}
    return int(house.post(f"/consult/{consult_id}/contact", htmx=True, **asked).status_code)


def last(house: House) -> tuple[Action, str]:
    event = house.store.events()[-1]
    return event.action, event.detail


def test_the_usual_kind_is_chosen_and_another_one_is_one_choice(house: House) -> None:
    page = house.client.get("/consult/nieuw").text
    assert re.search(r'<option value="spreekuur" selected>', page)
    offered = re.findall(r'<option value="([a-z]+)"', page.partition('name="soort"')[2].partition("</select>")[0])
    assert offered == [kind.value for kind in ContactType] == [kind.value for kind in CONTACT_TEXT]
    words = re.search(r'name="tekst" value="([^"]+)"', page)
    assert words
    form = {"kenmerk": "P-1", "tekst": words[1], "antwoord": "ja", "leeftijd": ">=16", "gever": "patiënt"}
    assert house.post("/consult/nieuw", soort="e-mail", **form).status_code == 422
    assert house.workflow.search(Search()) == []
    answer = house.post("/consult/nieuw", soort="telefonisch", **form)
    [consult] = house.workflow.search(Search())
    assert consult.contact == Contact(kind=ContactType.PHONE)
    assert "· Telefonisch" in house.client.get(answer.headers["location"]).text


def test_every_tariff_has_words() -> None:
    assert set(TARIFF_TEXT) == set(Tariff)


@pytest.mark.parametrize(
    ("contact", "said"),
    [
        (Contact(began=clock("10:02"), ended=clock("10:15:30")),
         "Contact 10:02–10:15 (13 min): voorstel consult van 5 tot 20 minuten"),
        (Contact(began=clock("10:02:50"), ended=clock("10:07:40")),
         "Contact 10:02–10:07 (4 min): voorstel consult korter dan 5 minuten"),
        (Contact(began=clock("10:02:40"), ended=clock("10:03:05")),
         "Contact 10:02–10:03 (minder dan 1 min): voorstel consult korter dan 5 minuten"),
        (Contact(kind=ContactType.VISIT, began=clock("10:00"), ended=clock("10:20")),
         "Contact 10:00–10:20 (20 min): voorstel visite van 20 minuten of langer"),
        (Contact(began=clock("10:00"), ended=clock("10:20"), tariff=Tariff.CONSULT),
         "Contact 10:00–10:20 (20 min): gekozen: consult van 5 tot 20 minuten "
         "(voorstel consult van 20 minuten of langer)"),
        (Contact(began=clock("10:00"), ended=clock("10:20"), tariff=Tariff.CONSULT_LONG),
         "Contact 10:00–10:20 (20 min): gekozen: consult van 20 minuten of langer"),
        (Contact(began=clock("10:00")), "Contact vanaf 10:00, einde niet bekend"),
        (Contact(tariff=Tariff.CONSULT), "Contacttijd niet bekend: gekozen: consult van 5 tot 20 minuten"),
    ],
)  # fmt: skip
def test_it_stands_beside_the_signature_and_on_the_signed_page(house: House, contact: Contact, said: str) -> None:
    assert sentence(house, with_contact(house, contact)) == said
    assert sentence(house, with_contact(house, contact, Status.APPROVED)) == said


def test_what_nobody_knows_can_be_filled_in_and_does_not_stand_on_the_signed_page(house: House) -> None:
    assert sentence(house, with_contact(house, Contact())) == "Contacttijd niet bekend"
    signed = with_contact(house, Contact(), Status.APPROVED)
    assert "Contacttijd" not in house.client.get(f"/consult/{signed}").text


def test_a_file_that_was_uploaded_says_nothing_of_the_contact(house: House) -> None:
    assert house.consult(house.consult_at(Status.DRAFTED)).contact == Contact()


def test_the_doctor_sets_times_kind_and_tariff(house: House) -> None:
    consult_id = with_contact(house, Contact())
    assert declare(house, consult_id, begin="10:02", einde="10:15") == 200
    assert last(house) == (Action.CONTACT_CHANGED, "begin, einde")
    assert sentence(house, consult_id) == "Contact 10:02–10:15 (13 min): voorstel consult van 5 tot 20 minuten"
    assert declare(house, consult_id, soort="visite", tarief="visite-lang", einde="10:21") == 200
    assert last(house) == (Action.CONTACT_CHANGED, "soort visite, einde, tarief visite-lang")
    assert house.consult(consult_id).contact == Contact(
        kind=ContactType.VISIT, began=clock("10:02"), ended=clock("10:21"), tariff=Tariff.VISIT_LONG
    )
    version = house.version(consult_id)
    assert declare(house, consult_id) == 200  # nothing was changed, and nothing is
    assert house.version(consult_id) == version
    assert declare(house, consult_id, begin="", einde="", tarief="") == 200
    assert last(house)[1] == "begin, einde, tarief geen"
    assert sentence(house, consult_id) == "Contacttijd niet bekend"


def test_the_day_of_a_recording_that_was_brought_in_later_is_shown_and_its_times_are_of_that_day(house: House) -> None:
    consult_id = with_contact(house, Contact(day=date(2026, 1, 30)))
    page = html.unescape(house.client.get(f"/consult/{consult_id}").text)
    head = page.partition('class="consult-head"')[2].partition("</header>")[0]
    assert "Contact van vrijdag 30 januari 2026 · toegevoegd 2 feb 2026 10:00" in head
    assert sentence(house, consult_id) == "Contact van vrijdag 30 januari 2026 · Contacttijd niet bekend"
    assert "contact van 30 jan 2026" in house.client.get("/").text
    assert declare(house, consult_id, begin="17:02", einde="17:15") == 200
    began = clock("17:02") - timedelta(days=3)
    assert house.consult(consult_id).contact == Contact(
        began=began, ended=began + timedelta(minutes=13), day=date(2026, 1, 30)
    )
    assert sentence(house, consult_id).startswith("Contact van vrijdag 30 januari 2026 · Contact 17:02–17:15 (13 min)")
    assert declare(house, consult_id, begin="", einde="") == 200
    assert house.consult(consult_id).contact == Contact(day=date(2026, 1, 30))
    signed = with_contact(house, Contact(day=date(2026, 1, 30)), Status.APPROVED)
    assert sentence(house, signed) == "Contact van vrijdag 30 januari 2026 · Contacttijd niet bekend"


def test_of_a_contact_of_the_day_itself_the_day_is_not_said_twice(house: House) -> None:
    page = house.client.get(f"/consult/{with_contact(house, Contact(began=clock('10:02'), day=date(2026, 2, 2)))}").text
    assert "Contact van " not in page


def test_seconds_that_were_measured_stay_when_something_else_is_changed(house: House) -> None:
    """10:02:50 to 10:07:40 is shorter than five minutes, however the clock shows it."""
    measured = Contact(began=clock("10:02:50"), ended=clock("10:07:40"))
    consult_id = with_contact(house, measured)
    declare(house, consult_id, soort="telefonisch")
    assert house.consult(consult_id).contact == replace(measured, kind=ContactType.PHONE)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"begin": "10:15", "einde": "10:02"}, "ligt voor het begin"),
        ({"begin": "", "einde": "10:02"}, "ook in wanneer het contact begon"),
        ({"begin": "tien uur"}, "niet te lezen"),
        ({"tarief": "visite-lang"}, "hoort niet bij dit soort contact"),
        ({"tarief": "12010"}, "Formulier"),
        ({"soort": "e-mail"}, "Formulier"),
    ],
)
def test_what_cannot_be_is_refused_in_dutch_and_changes_nothing(
    house: House, fields: dict[str, str], said: str
) -> None:
    consult_id = with_contact(house, Contact(began=clock("10:02"), ended=clock("10:15")))
    before = house.consult(consult_id)
    asked = {"versie": str(before.version), "begin": "10:02", "einde": "10:15", "soort": "", "tarief": "", **fields}
    answer = house.post(f"/consult/{consult_id}/contact", htmx=True, **asked)
    assert answer.status_code == 422
    assert said.lower() in answer.text.lower()
    assert house.consult(consult_id) == before


def test_a_contact_of_tomorrow_is_refused(house: House) -> None:
    old = house.consult(with_contact(house, Contact()))
    tomorrow = datetime.now(PRACTICE_ZONE) + timedelta(days=1)
    new = replace(old, version=old.version + 1, created_at=tomorrow.astimezone(UTC))
    house.store.apply(Change(consult=new, audit=house.service.writer.event(HUISARTS, Action.NOTE_VIEWED, old.id)))
    answer = house.post(
        f"/consult/{old.id}/contact", htmx=True, versie=str(new.version), begin=f"{tomorrow:%H:%M}", einde="", tarief=""
    )
    assert (answer.status_code, "niet later zijn dan nu" in answer.text) == (422, True)
    assert house.consult(old.id).contact == Contact()


def test_somebody_elses_change_is_not_overwritten(house: House) -> None:
    consult_id = with_contact(house, Contact())
    seen = house.version(consult_id)
    confirm_seen(house.workflow, HUISARTS, consult_id, "L2")
    assert declare(house, consult_id, version=seen, begin="10:02") == 409
    assert house.consult(consult_id).contact == Contact()


def test_after_the_signature_it_stays_as_it_was_signed(house: House) -> None:
    consult_id = with_contact(house, Contact(began=clock("10:02")), Status.APPROVED)
    assert "/contact" not in house.client.get(f"/consult/{consult_id}").text
    assert "/contact" not in house.client.get(f"/consult/{consult_id}/wijzigen").text
    assert declare(house, consult_id, begin="10:03") == 409


def test_a_practice_nurse_sees_it_and_does_not_declare_it() -> None:
    made = make_house(actor=Actor(name="P. Proef", role=Role.POH))
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        consult_id = with_contact(made, Contact(began=clock("10:02")))
        page = made.client.get(f"/consult/{consult_id}").text
        assert "Contact vanaf 10:02" in page
        assert "contact-wijzigen" not in page
        assert declare(made, consult_id, begin="10:03") == 403


def test_nothing_of_it_is_signed_or_copied(house: House) -> None:
    full = Contact(kind=ContactType.PHONE, began=clock("10:02"), ended=clock("10:15"), tariff=Tariff.CONSULT)
    consult_id = with_contact(house, full, Status.APPROVED)
    text = house.workflow.deliver(HUISARTS, consult_id)
    assert not re.search(r"telefonisch|10:02|13 min|consult", text, re.I)
