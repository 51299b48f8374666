"""Every route as every role, in one's own practice and in another, from the app's own routes: one that is added without
a rule fails (docs/rights.md).
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from starlette.testclient import WebSocketDenialResponse

from tests.clinic import BASE, Clinic, Desk, token_in
from tests.integration.test_web import OPEN, api_routes, path_of
from tests.integration.test_web_tenants import FORM, OTHERWISE
from transcribe.consult import Actor, Role
from transcribe.web.application import WITH_SESSION
from transcribe.web.rights import RULES, name_of, permitted

PEOPLE = [role for role in Role if role is not Role.SYSTEEM]
SOUTH = "Zuid"
#: Each role as it is, and one that manages the accounts beside other work. A beheerder always does.
SEATS = [(role, role is Role.BEHEERDER) for role in PEOPLE] + [(Role.ASSISTENTE, True)]
#: Where it depends on the consult as well: with a draft it is for who may sign, and for who passed it on.
FINER = {"routes.discard", "ingest.go_on", "passing.take_over"}
ENDS_THE_SESSION = {"entry.logout", "account.end_sessions"}
_NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Address:
    name: str  # in ``rights.RULES``
    method: str
    pattern: str


def addresses(clinic: Clinic) -> list[Address]:
    """Of every route that needs a session."""
    return [
        Address(name=name_of(route.endpoint), method=method, pattern=route.path)
        for route in api_routes(clinic.app)
        if route.path not in OPEN
        for method in sorted(route.methods)
    ]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Of things that an address can name."""

    consult: UUID
    account: UUID
    rule: UUID


def numbers(clinic: Clinic, practice: str, colleague: Desk, owner: str) -> Numbers:
    """Of what there is in a practice; ``owner``: whose rule it is."""
    preferences = clinic.service.preferences.of(practice)
    preferences.add_rule(owner, "hoofdpijn", "cefalgie")
    account = clinic.account(colleague.login).id
    return Numbers(consult=clinic.drafted(practice), account=account, rule=preferences.rules(owner)[0].id)


def ask(desk: Desk, token: str, address: Address, of: Numbers) -> tuple[int, str]:
    path = address.pattern.replace("{account_id}", str(of.account)).replace("{rule_id}", str(of.rule))
    path = path_of(path, of.consult)
    if address.method == "PUT":
        headers = {"X-CSRF-Token": token, "Content-Type": "application/octet-stream"}
        found = desk.client.put(path, headers=headers, content=b"RIFF")
    elif address.method in {"GET", "HEAD"}:
        found = desk.client.request(address.method, path)
    else:
        found = desk.client.request(address.method, path, data={**FORM, "token": token, "rol": "poh"})
    return found.status_code, _NUMBER.sub("nummer", found.text)


def refused(address: Address, answer: tuple[int, str]) -> bool:
    status, said = answer
    return status == 403 and (address.method == "HEAD" or "mag u dit niet" in said or "Dit mag alleen" in said)


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    routes = [name_of(route.endpoint) for router in WITH_SESSION for route in router.routes]  # type: ignore[attr-defined]
    assert sorted(routes) == sorted(RULES)
    assert {one.name for one in addresses(Clinic())} | {"ingest.stream"} == set(RULES)


@pytest.mark.parametrize(("role", "manages"), SEATS)
def test_every_route_obeys_its_rule_in_every_practice(role: Role, manages: bool) -> None:
    """Who has the right gets in, in the own practice; what is of another answers as what nobody knows. Who has it not
    is told so whatever the number, and nothing changes.
    """
    clinic = Clinic()
    desk = clinic.seat("", role, manages=manages)
    name = clinic.account(desk.login).name
    person = clinic.staff.person(clinic.sessions.of(clinic.account(desk.login).id)[0])
    token = token_in(desk.client.get("/account").text)
    colleague, southern = clinic.seat("", Role.POH, name="P. Zorg"), clinic.seat(SOUTH, Role.HUISARTS, manages=True)
    south = numbers(clinic, SOUTH, southern, name)
    here, version = numbers(clinic, "", colleague, name), 0
    unknown = Numbers(consult=uuid4(), account=uuid4(), rule=uuid4())

    def state(of: Numbers, practice: str) -> object:
        rules = clinic.service.preferences.of(practice).rules(name)
        return clinic.service.store.consult(of.consult), clinic.accounts.find(of.account), rules

    before = state(south, SOUTH)
    for one in addresses(clinic):
        if one.name in ENDS_THE_SESSION:
            continue
        if clinic.service.store.consult(here.consult).version != version:  # the one before this changed it
            here = numbers(clinic, "", colleague, name)
            version = clinic.service.store.consult(here.consult).version
        own = state(here, "")
        answer = ask(desk, token, one, here)
        if not permitted(RULES[one.name], person):
            assert all(refused(one, ask(desk, token, one, of)) for of in (south, unknown)), one
            assert refused(one, answer), (one, answer[0], answer[1][:200])
            assert state(here, "") == own, one
            continue
        assert not refused(one, answer) or one.name in FINER, (one, answer[0], answer[1][:200])
        if "_id}" in one.pattern and "{text_id}" not in one.pattern:
            nobody = ask(desk, token, one, unknown)
            assert ask(desk, token, one, south) == nobody, one
            if "{rule_id}" not in one.pattern:
                assert nobody[0] == 404 or (nobody[0] >= 400 and one.pattern in OTHERWISE), one
    assert state(south, SOUTH) == before


@pytest.mark.parametrize("role", PEOPLE)
def test_the_recording_connection_obeys_its_rule(role: Role) -> None:
    clinic = Clinic()
    desk = clinic.seat("", role, manages=role is Role.BEHEERDER)
    person = clinic.staff.person(clinic.sessions.of(clinic.account(desk.login).id)[0])
    may = permitted(RULES["ingest.stream"], person)
    own = clinic.recording(Actor(name="Dr. Proef", role=Role.HUISARTS))
    for consult_id in (own, clinic.drafted(SOUTH), uuid4()):
        path = f"{BASE.replace('http', 'ws')}/consult/{consult_id}/opname"
        connection = desk.client.websocket_connect(path, headers={"Origin": BASE})
        if may:
            with connection as socket:
                assert (socket.receive_json().get("code") == "refused") is (consult_id != own)
        else:
            with pytest.raises(WebSocketDenialResponse) as denied, connection:
                pass
            assert denied.value.status_code == 403


def test_no_form_of_another_site_or_session_is_taken() -> None:
    """Forged requests, on every route that changes something, for whoever may most: no token, a guessed one, and the
    right one of somebody else's session.
    """
    clinic = Clinic()
    desk, other = clinic.seat("", Role.HUISARTS, manages=True), clinic.seat("", Role.WAARNEMER, manages=True)
    colleague = clinic.seat("", Role.POH, name="P. Zorg")
    here = numbers(clinic, "", colleague, clinic.account(desk.login).name)
    theirs = token_in(other.client.get("/account").text)
    accounts = clinic.accounts.of("")
    consult, people = clinic.service.store.consult(here.consult), len(clinic.sessions.of(accounts[0].id))
    for one in addresses(clinic):
        if one.method in {"GET", "HEAD"}:
            continue
        for token in ("", "geraden", theirs):
            status, said = ask(desk, token, one, here)
            assert status == 403, (one, token)
            assert "kwam niet van een pagina van transcribe" in html.unescape(said), one
    assert clinic.service.store.consult(here.consult) == consult
    assert clinic.accounts.of("") == accounts
    assert len(clinic.sessions.of(accounts[0].id)) == people


def test_office_roles_see_no_consult() -> None:
    clinic = Clinic()
    for role in (Role.PRAKTIJKMANAGER, Role.BEHEERDER, Role.LOGBEHEERDER):
        desk = clinic.seat("", role, manages=role is Role.BEHEERDER)
        assert desk.client.get("/").headers["location"] == "/account"
        page = desk.client.get("/account").text
        assert "ziet u geen consulten" in page
        assert "Werklijst" not in page
        assert ("/medewerkers" in page) is (role is Role.BEHEERDER)
        for path in ("/werklijst", "/consult/nieuw", "/stijl"):
            assert desk.status(path) == 403


def test_an_error_page_leads_on_and_never_to_itself() -> None:
    """Who opens what is not for her is not sent there again."""
    clinic = Clinic()
    desk = clinic.seat("", Role.POH)
    page = desk.client.get("/medewerkers").text
    assert "Dit mag alleen" in page
    assert '<a class="button" href="/">Naar de werklijst</a>' in page
    assert 'aria-current="page"' not in page, "nor does the menu say that she is elsewhere"
