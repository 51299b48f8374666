"""Passing on, sending back and taking over on the screens of several people on one store."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from tests.integration.test_web import BASE, CANARY, HUISARTS, KEY, House, make_house
from transcribe.consult import Action, Actor, Role, Space, Status
from transcribe.web.access import Access
from transcribe.web.application import create_app

LOCUM = Actor(name="W. 't Neem", role=Role.WAARNEMER)
NURSE = Actor(name="P. Zorg", role=Role.POH)
ASSISTANT = Actor(name="A. Balie", role=Role.ASSISTENTE)


@pytest.fixture
def houses() -> Iterator[dict[Role, House]]:
    """The web processes of four people; one store."""
    first = make_house()
    service = first.service
    with ExitStack() as stack:
        made = {}
        for actor in (HUISARTS, LOCUM, NURSE, ASSISTANT):
            access = Access(KEY)
            app = create_app(
                practices=service.practice,
                actor=actor,
                access=access,
                demo=None,
                ui_language="nl",
                max_upload_mb=1,
                idle_minutes=30,
                version="0",
                space=lambda: Space(total=100, free=50),
                min_free_percent=5,
            )
            client = stack.enter_context(TestClient(app, base_url=BASE, follow_redirects=False))
            made[actor.role] = replace(first, app=app, client=client, access=access)
            client.get(f"/start?ticket={access.ticket()}")
        yield made


@pytest.fixture
def house(houses: dict[Role, House]) -> House:
    return houses[Role.HUISARTS]


@pytest.fixture
def waiting(house: House) -> UUID:
    """For the locum."""
    consult_id = house.consult_at(Status.DRAFTED)
    answer = send(house, consult_id, "overdragen", naam=LOCUM.name, bevestigd=LOCUM.name, bericht=f"Klopt {CANARY}?")
    assert answer.status_code == 303
    return consult_id


def send(house: House, consult_id: UUID, path: str, *, htmx: bool = False, **fields: str):  # type: ignore[no-untyped-def]
    return house.post(f"/consult/{consult_id}/{path}", htmx=htmx, **{"versie": str(house.version(consult_id))} | fields)


def page(house: House, path: str) -> str:
    return html.unescape(house.client.get(path).text)


def headings(house: House, path: str = "/") -> list[str]:
    return [
        " ".join(re.sub("<[^>]*>", "", found).split())
        for found in re.findall(r"<h2[^>]*>(.*?)</h2>", page(house, path), re.S)
    ]


def test_everybody_sees_for_whom_it_waits(houses: dict[Role, House], house: House, waiting: UUID) -> None:
    other = house.consult_at(Status.DRAFTED)
    assert headings(house) == ["Te controleren 1", "Wacht op een collega 1"]
    assert headings(houses[Role.WAARNEMER]) == ["Voor u 1", "Te controleren 1"]
    assert "Wacht op W. 't Neem" in page(house, "/")
    assert "W. 't Neem" not in house.client.get("/").text  # escaped
    assert "van Dr. Proef" in page(houses[Role.WAARNEMER], "/")
    for role, part, found in (
        (Role.WAARNEMER, "voor-u", waiting),
        (Role.HUISARTS, "collega", waiting),
        (Role.HUISARTS, "controle", other),
    ):
        for answer in (houses[role].client.get(f"/?deel={part}"), houses[role].search(deel=part)):
            assert re.findall(r'id="c-([^"]+)"', answer.text) == [str(found)]


def test_who_it_does_not_wait_for_is_offered_to_take_it_over_and_nothing_else(
    houses: dict[Role, House], house: House, waiting: UUID
) -> None:
    shown = page(house, f"/consult/{waiting}")
    assert "Dit verslag wacht op W. 't Neem. Overgedragen door Dr. Proef." in " ".join(shown.split())
    assert "Ik neem het over" in shown
    for absent in ('id="akkoord"', "/overdragen", "/terugsturen", 'id="verwijderen"'):
        assert absent not in shown
    assert "Toestemming intrekken" in shown
    received = page(houses[Role.WAARNEMER], f"/consult/{waiting}")
    assert f"“Klopt {CANARY}?”" in received
    for present in ('id="akkoord"', "/overdragen", "/terugsturen"):
        assert present in received
    assert "/overnemen" not in received
    nurse = page(houses[Role.POH], f"/consult/{waiting}")
    assert "Een huisarts kan het overnemen." in nurse
    assert "/overnemen" not in nurse
    assistant = page(houses[Role.ASSISTENTE], f"/consult/{waiting}")
    assert "Wacht op W. 't Neem" in assistant
    assert "Overgedragen door Dr. Proef." in assistant
    assert CANARY not in assistant


def test_who_may_not_read_a_draft_never_has_it_waiting_for_them(houses: dict[Role, House], house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    send(house, consult_id, "overdragen", naam=ASSISTANT.name, bevestigd=ASSISTANT.name)
    assistant = houses[Role.ASSISTENTE]
    assert headings(assistant) == ["Wacht op een collega 1"]
    assert "Geen consulten gevonden." in page(assistant, "/?deel=voor-u")
    assert f"Wacht op {ASSISTANT.name}" in page(assistant, "/")
    shown = page(assistant, f"/consult/{consult_id}")
    assert "U kunt het met uw rol niet inzien." in shown
    assert "Verder opnemen" not in shown
    assert "Ik neem het over" in page(house, f"/consult/{consult_id}")


def test_a_page_that_is_behind_is_told_for_whom_it_waits(house: House, waiting: UUID) -> None:
    sha256 = house.workflow.review(HUISARTS, waiting, first=False).sha256
    asked = [
        ("regel/L1/wijzig", {"tekst": "Anders."}),
        ("regel/L2/bevestig", {"gezien": "0" * 64}),
        ("akkoord", {"sha256": sha256}),
        ("verwijderen", {}),
        ("terugsturen", {}),
    ]
    before = house.consult(waiting)
    for path, fields in asked:
        answer = send(house, waiting, path, htmx=True, **fields)
        assert answer.status_code == 409, path
        assert "Dit verslag wacht op W. 't Neem." in html.unescape(answer.text)
    assert house.consult(waiting) == before
    stale = house.client.get(f"/consult/{waiting}/stand/{before.version - 1}", headers={"HX-Request": "true"})
    assert "Dit verslag wacht op W. 't Neem." in html.unescape(stale.text)


def test_taking_over_and_sending_back_by_the_page(houses: dict[Role, House], house: House, waiting: UUID) -> None:
    answer = send(house, waiting, "overnemen", htmx=True)
    assert answer.status_code == 200
    assert 'id="akkoord"' in answer.text
    assert house.consult(waiting).waits_for == HUISARTS.name
    late = send(houses[Role.WAARNEMER], waiting, "terugsturen", htmx=True)
    assert "Dit verslag wacht op Dr. Proef." in html.unescape(late.text)
    assert send(house, waiting, "overdragen", naam=NURSE.name, bevestigd=NURSE.name).status_code == 303
    assert send(houses[Role.POH], waiting, "terugsturen", bericht="Niet voor mij.").status_code == 303
    assert "“Niet voor mij.”" in page(house, f"/consult/{waiting}")
    passing = {Action.PASSED_ON, Action.SENT_BACK, Action.TAKEN_OVER}
    assert [action for action in house.actions() if action in passing] == [
        Action.PASSED_ON, Action.TAKEN_OVER, Action.PASSED_ON, Action.SENT_BACK,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"naam": " "}, "Vul in aan wie"),
        ({"naam": "x" * 101}, "Deze naam kan niet"),
        ({"naam": "W.\0"}, "Deze naam kan niet"),
        ({"naam": HUISARTS.name}, "aan uzelf overdragen kan niet"),
        ({"naam": "W. Neem", "bericht": "x" * 501}, "te lang"),
        ({}, "formulier"),
    ],
)
def test_what_cannot_be_is_refused_in_dutch(house: House, fields: dict[str, str], said: str) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    answer = send(house, consult_id, "overdragen", htmx=True, bevestigd="W. Neem", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert house.consult(consult_id).waits_for == ""


def test_beside_the_name_stands_whose_it_must_be(house: House) -> None:
    shown = page(house, f"/consult/{house.consult_at(Status.DRAFTED)}")
    assert 'aria-describedby="overdragen-wie"' in shown
    assert 'id="overdragen-wie">De naam van een collega, nooit van een patiënt' in shown


@pytest.mark.parametrize("htmx", [True, False])
def test_a_name_that_is_new_here_is_asked_for_once(house: House, htmx: bool) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    fields = {"naam": "W. Nem", "bericht": f"Klopt {CANARY}?"}
    for confirmed in ({}, {"bevestigd": "W. Neem"}):  # a name that was changed after the question is another name
        asked = send(house, consult_id, "overdragen", htmx=htmx, **fields, **confirmed)
        assert asked.status_code == 200
        shown = html.unescape(asked.text)
        assert "Nog niemand met deze naam heeft hier gewerkt. Klopt de naam?" in shown
        assert 'name="bevestigd" value="W. Nem"' in shown
        assert f">Klopt {CANARY}?</textarea>" in shown
        assert house.consult(consult_id).waits_for == ""
    send(house, consult_id, "overdragen", htmx=htmx, **fields, bevestigd="W. Nem")
    assert house.consult(consult_id).waits_for == "W. Nem"


def test_who_may_not_edit_passes_nothing_on(houses: dict[Role, House], house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    for path, fields in (("overdragen", {"naam": "W. Neem"}), ("terugsturen", {}), ("overnemen", {})):
        assert send(houses[Role.ASSISTENTE], consult_id, path, **fields).status_code == 403
    assert (
        send(houses[Role.POH], consult_id, "overdragen", naam=HUISARTS.name, bevestigd=HUISARTS.name).status_code == 303
    )
