"""The page of the access log: who may see it, what it finds, what a patient gets, and that every look is in it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.clinic import Clinic
from tests.integration.test_web import HUISARTS, House, make_house
from tests.live_server import served
from transcribe import logs
from transcribe.access_log import event_of
from transcribe.consult import Action, Actor, Role, Status
from transcribe.origin import Client
from transcribe.web.access import OnePerson
from transcribe.web.access_log import ROWS
from transcribe.web.guard import Guard

NO_NAME: frozenset[str] = frozenset()
NAMED = frozenset({"scribe.example"})
ASSISTENTE = Actor(name="A. Assistente", role=Role.ASSISTENTE)


def opened(actor: Actor = HUISARTS) -> Iterator[House]:
    made = make_house(actor=actor)
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


@pytest.fixture
def house() -> Iterator[House]:
    yield from opened()


@pytest.fixture
def assistant() -> Iterator[House]:
    yield from opened(ASSISTENTE)


def shown(text: str) -> list[tuple[str, str]]:
    """Who and what, of each row on the page."""
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall(r"<td>(.*?)(?:<span|</td>)", row, re.S) for row in body.split("<tr>")[1:]]
    return [(row[1].strip(), row[2].strip()) for row in rows]


def test_who_may_not_read_it_gets_no_link_and_no_page(assistant: House) -> None:
    assert "/toegangslog" not in assistant.client.get("/").text
    assert assistant.client.get("/toegangslog").status_code == 403
    assert assistant.post("/toegangslog", wie="").status_code == 403
    assert assistant.post("/toegangslog/patient", kenmerk="HIS-4711").status_code == 403
    assert set(assistant.actions()) == {Action.LOGGED_IN}


@pytest.mark.parametrize("role", [Role.HUISARTS, Role.WAARNEMER])
def test_doctors_read_it_while_there_is_no_logbeheerder(role: Role) -> None:
    clinic = Clinic()
    manager, doctor = clinic.set_up(), clinic.seat("", role)

    def reads() -> bool:
        menu = 'href="/toegangslog"' in doctor.client.get("/account").text
        answers = [doctor.client.get("/toegangslog"), doctor.post("/toegangslog", wie="")]
        answers.append(doctor.post("/toegangslog/patient", kenmerk="HIS-4711"))
        assert [one.status_code for one in answers] == [200 if menu else 403] * 3
        assert menu or all("leest de logbeheerder" in one.text for one in answers)
        return menu

    clinic.seat("Zuid", Role.LOGBEHEERDER)
    assert reads()
    link = clinic.invite(manager, "L. Og", "l.og", Role.LOGBEHEERDER)
    assert reads(), "who was only invited reads nothing yet"
    keeper = clinic.accept(link, "l.og").enrol()
    assert not reads()
    assert keeper.status("/toegangslog") == 200
    manager.post(f"/medewerkers/{clinic.account('l.og').id}/uitschakelen")
    assert reads()


def test_the_newest_come_first_and_the_look_itself_is_the_newest(house: House) -> None:
    house.consult_at(Status.DRAFTED)
    page = house.client.get("/toegangslog").text
    assert 'href="/toegangslog"' in house.client.get("/").text
    assert shown(page)[:3] == [
        ("Dr. Proef", "toegangslog bekeken"),
        ("transcribe", "concept gemaakt"),
        ("transcribe", "uitgeschreven"),
    ]
    assert "recht: toegangslog lezen" in page
    assert "toestemming, versie 1" in page
    assert "3 uitingen" in page


def test_a_person_filters_and_pages(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    for _ in range(ROWS + 3):
        house.store.of("").log(
            event_of(Actor(name="W. Neem", role=Role.WAARNEMER), Action.LOGGED_IN, datetime.now(UTC))
        )
    found = house.post("/toegangslog", wie="W. Neem").text
    assert set(shown(found)) == {("W. Neem", "ingelogd")}
    assert len(shown(found)) == ROWS
    after = re.search(r'name="na" value="(\d+)"', found)
    assert after
    rest = house.post("/toegangslog", wie="W. Neem", na=after[1]).text
    assert len(shown(rest)) == 3
    assert 'name="na"' not in rest
    assert {what for _, what in shown(house.post("/toegangslog", wat="concept gemaakt").text)} == {"concept gemaakt"}
    of_it = house.post("/toegangslog", consult=str(consult_id)).text
    assert ("transcribe", "concept gemaakt") in shown(of_it)
    assert shown(house.post("/toegangslog", van="2020-01-01", tot="2020-01-02").text) == []
    assert "Geen regels gevonden" in house.post("/toegangslog", wie="Niemand").text


@pytest.mark.parametrize(
    "fields", [{"van": "gisteren"}, {"wat": "iets"}, {"consult": "4711"}, {"wie": "\x00"}, {"tot": "9999-12-31"}]
)
def test_what_can_not_be_read_is_refused(house: House, fields: dict[str, str]) -> None:
    assert house.post("/toegangslog", **fields).status_code == 422
    assert house.post("/toegangslog", na="999999").status_code == 404


def test_a_patient_gets_who_saw_what_in_plain_words(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    house.client.get(f"/consult/{consult_id}")
    page = house.post("/toegangslog/patient", kenmerk="his-4711").text
    plain = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Patiëntkenmerk: his-4711" in plain
    assert "Dr. Proef huisarts" in plain
    for said in ("legde uw toestemming vast", "las het verslag", "maakte dit overzicht", "Het programma zelf"):
        assert said in plain
    assert "Volgens uw toestemming, versie 1." in plain
    assert house.actions()[-1] is Action.LOG_OVERVIEW
    assert "niets met uw gegevens gedaan" in house.post("/toegangslog/patient", kenmerk="HIS-1", tot="2020-01-01").text
    assert house.post("/toegangslog/patient", kenmerk=" ").status_code == 422


def test_what_a_person_does_beside_consults_is_in_it(house: House) -> None:
    house.consult_at(Status.NEW)
    house.post("/zoeken", kenmerk="HIS-4711")
    house.post("/stijl", volgorde="gesprek", lengte="8")
    house.post("/stijl/woord", lijst="eigen", woord="macrogol")
    house.post("/logout")
    found = [(event.action, event.detail) for event in house.store.events()][-4:]
    assert found[0] == (Action.SEARCHED, "1 gevonden")
    assert found[-2:] == [(Action.SETTINGS_CHANGED, "woorden"), (Action.LOGGED_OUT, "")]
    assert "4711" not in str(house.store.events())


def test_a_request_has_a_number_in_the_answer_the_access_log_and_the_log_lines(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = []
    monkeypatch.setattr(
        "transcribe.web.access_log.overview",
        lambda *_: (lines.append(logs.JsonLines().format(_record())), [])[1],
    )
    answer = house.post("/toegangslog/patient", kenmerk="HIS-4711")
    number = answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", number)
    event = house.store.events()[-1]
    assert (event.request, event.client, event.address) == (number, Client.BROWSER, "")
    assert f'"request": "{number}"' in lines[0]
    assert house.client.get("/", headers={"X-Request-Id": "a" * 16}).headers["x-request-id"] != "a" * 16


def _record() -> logging.LogRecord:
    return logging.LogRecord("transcribe.web", logging.INFO, "", 0, "iets", (), None)


@pytest.mark.parametrize(
    ("hosts", "proxy", "peer", "forwarded", "address"),
    [
        (NO_NAME, "", "127.0.0.1", None, ""),
        (NO_NAME, "", "::1", None, ""),
        (NO_NAME, "", "192.0.2.7", None, "192.0.2.7"),
        (NO_NAME, "", "testclient", None, ""),
        # without a proxy of ours nobody is believed; with one, only what that saw itself
        (NO_NAME, "", "127.0.0.1", "198.51.100.9", ""),
        (NAMED, "", "127.0.0.1", "10.0.0.1, 198.51.100.9", "198.51.100.9"),
        (NAMED, "", "127.0.0.1", "<script>", ""),
        (NAMED, "", "192.0.2.7", "198.51.100.9", "192.0.2.7"),
        # a proxy on another machine: it, and nobody else
        (NAMED, "192.0.2.7", "192.0.2.7", "203.0.113.5, 198.51.100.9", "198.51.100.9"),
        (NAMED, "192.0.2.7", "::ffff:192.0.2.7", "198.51.100.9", "198.51.100.9"),
        (NAMED, "2001:db8::7", "2001:DB8:0::7", "2001:db8::9", "2001:db8::9"),
        (NAMED, "192.0.2.7", "192.0.2.8", "198.51.100.9", "192.0.2.8"),
        (NAMED, "192.0.2.7", "127.0.0.1", "198.51.100.9", ""),
        # what it does not say is not "on this machine"
        (NAMED, "192.0.2.7", "192.0.2.7", None, "192.0.2.7"),
        (NAMED, "192.0.2.7", "192.0.2.7", "198.51.100.9, unknown", "192.0.2.7"),
    ],
)
def test_the_address_is_that_of_the_client(
    house: House, hosts: frozenset[str], proxy: str, peer: str, forwarded: str | None, address: str
) -> None:
    from starlette.requests import HTTPConnection

    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    guard = Guard(
        house.app,
        access=house.access,
        identities=OnePerson(HUISARTS),
        idle_minutes=30,
        running=lambda _person, _consult: False,
        hosts=hosts,
        proxy=proxy,
    )
    assert guard._address(HTTPConnection({"type": "http", "client": (peer, 1), "headers": headers})) == address


@pytest.mark.parametrize(("hosts", "address"), [(NO_NAME, ""), (NAMED, "198.51.100.9")])
def test_a_process_of_this_machine_names_no_address_unless_it_is_our_proxy(hosts: frozenset[str], address: str) -> None:
    """On a socket, with the web server as the service runs it: that would believe this machine by itself."""
    house = make_house(hosts=hosts)
    with served(house.app) as base:
        answer = httpx.get(
            f"{base}/start?ticket={house.access.ticket()}",
            headers=[("X-Forwarded-For", "203.0.113.5"), ("X-Forwarded-For", "198.51.100.9")],
        )
    assert answer.status_code == 303
    assert [(event.action, event.address) for event in house.store.events()] == [(Action.LOGGED_IN, address)]
