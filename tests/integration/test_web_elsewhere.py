"""Logging in at a provider, against one that runs beside us: a real OpenID provider process, our pages, our client."""

from __future__ import annotations

import html
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from tests.clinic import BASE, Clinic, Desk, token_in
from transcribe.accounts import State
from transcribe.consult import Action, Role
from transcribe.oidc import provider_of
from transcribe.settings import Settings

pytestmark = pytest.mark.skipif(
    find_spec("oidc_provider_mock") is None, reason="the extra dev installs a provider to test with"
)

DEZI = "Dezi"
HERS = "900012345"
NOT_THERE = Settings(
    data_dir=Path("/nonexistent"), oidc_issuer="http://127.0.0.1:9", oidc_name=DEZI, oidc_client_id="x"
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Only registered clients; a nonce is asked for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port), "-r", "true", "-n", "true"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{address}/.well-known/openid-configuration", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, "the provider did not start"
                time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def clinic(issuer: str, tmp_path: Any) -> Clinic:
    """A practice that is registered with it."""
    asked = {"redirect_uris": [f"{BASE}/login/terug"]}
    client = httpx.post(f"{issuer}/oauth2/clients", json=asked, timeout=10).json()
    settings = Settings(
        data_dir=tmp_path,
        oidc_issuer=httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()["issuer"],
        oidc_name=DEZI,
        oidc_client_id=client["client_id"],
        oidc_client_secret=client["client_secret"],
    )
    return Clinic(provider=lambda keyed: provider_of(settings, keyed))


@pytest.fixture
def jansen(clinic: Clinic) -> Desk:
    return clinic.set_up()


def invited(clinic: Clinic, manager: Desk, *, number: str = HERS, role: Role = Role.WAARNEMER) -> None:
    fields = {"naam": "W. Neem", "gebruikersnaam": "w.neem", "rol": role.value, "elders": number}
    assert manager.post("/medewerkers", of="/medewerkers", **fields).status_code == 200


def at_the_provider(answer: httpx.Response, number: str) -> str:
    """She logs in there, and is sent back: with what."""
    assert answer.status_code == 303, answer.text
    there = answer.headers["location"]
    back = httpx.post(there, data={"sub": number} if number else {"action": "deny"}, timeout=10)
    assert back.status_code in {302, 303}, back.text
    parts = urlsplit(back.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}" == BASE
    return f"{parts.path}?{parts.query}"


def shown(answer: Any) -> str:
    return html.unescape(" ".join(answer.text.split()))


def actions(clinic: Clinic) -> list[Action]:
    return [event.action for event in clinic.service.store.events()]


def test_who_was_invited_by_number_comes_in_without_a_password(clinic: Clinic, jansen: Desk) -> None:
    invited(clinic, jansen)
    browser = clinic.browser()
    assert f"Inloggen met {DEZI}" in browser.get("/login?naar=/toegangslog").text
    back = browser.get(at_the_provider(browser.get("/login/elders?naar=/stijl"), HERS))
    assert back.status_code == 200
    assert 'content="0;url=/stijl"' in back.text
    cookie = back.headers["set-cookie"]
    assert "SameSite=strict" in cookie
    assert "HttpOnly" in cookie
    own = shown(browser.get("/account"))
    assert "W. Neem" in own
    assert "heeft hier geen wachtwoord" in own
    assert "Huidig wachtwoord" not in own
    account = clinic.account("w.neem")
    assert (account.state, account.password, account.invitation) == (State.ACTIVE, "", b"")
    assert {Action.ACCOUNT_OPENED, Action.LOGGED_IN} <= set(actions(clinic))
    assert clinic.desk("w.neem").first_step("").status_code == 403  # no password is not an empty one


def test_a_stranger_and_who_was_disabled_do_not(clinic: Clinic, jansen: Desk) -> None:
    invited(clinic, jansen)
    browser = clinic.browser()
    refused = browser.get(at_the_provider(browser.get("/login/elders"), "900099999"))
    assert refused.status_code == 403
    assert "staat hier niet bij de medewerkers" in shown(refused)
    assert actions(clinic)[-1] is Action.LOGIN_FAILED
    assert browser.get("/account").status_code in {303, 401}
    hers = clinic.browser()
    hers.get(at_the_provider(hers.get("/login/elders"), HERS))
    assert hers.get("/account").status_code == 200
    token = token_in(jansen.client.get("/medewerkers").text)
    jansen.client.post(f"/medewerkers/{clinic.account('w.neem').id}/uitschakelen", data={"token": token})
    assert hers.get("/account").status_code in {303, 401}
    assert hers.get(at_the_provider(hers.get("/login/elders"), HERS)).status_code == 403


def test_an_answer_opens_once_and_in_the_browser_that_asked(clinic: Clinic, jansen: Desk) -> None:
    invited(clinic, jansen)
    hers, his = clinic.browser(), clinic.browser()
    answer = at_the_provider(hers.get("/login/elders"), HERS)
    his.get("/login/elders")
    for thief in (clinic.browser(), his):
        assert thief.get(answer).status_code == 403
    assert hers.get(answer).status_code == 200
    assert "Begin opnieuw" in shown(hers.get(answer))  # the back button: she is in, and the code is spent
    assert hers.get("/account").status_code == 200


def test_who_thinks_better_of_it_is_told_so(clinic: Clinic, jansen: Desk) -> None:
    browser = clinic.browser()
    refused = browser.get(at_the_provider(browser.get("/login/elders"), ""))
    assert refused.status_code == 403
    assert f"Het inloggen met {DEZI} is niet gelukt" in shown(refused)


def test_a_session_that_a_stranger_planted_is_not_opened(clinic: Clinic, jansen: Desk) -> None:
    invited(clinic, jansen)
    browser = clinic.browser()
    planted = "geplant" * 6
    browser.cookies.set(f"transcribe-{urlsplit(BASE).port}", planted)
    browser.get(at_the_provider(browser.get("/login/elders"), HERS))
    thief = TestClient(clinic.app, base_url=BASE, follow_redirects=False)
    thief.cookies.set(f"transcribe-{urlsplit(BASE).port}", planted)
    assert thief.get("/account").status_code in {303, 401}


@pytest.mark.parametrize("page", ["https://elders.example/", "//elders.example", "/login/terug", "/onbekend"])
def test_it_goes_on_to_pages_of_ours_alone(clinic: Clinic, jansen: Desk, page: str) -> None:
    invited(clinic, jansen)
    browser = clinic.browser()
    back = browser.get(at_the_provider(browser.get(f"/login/elders?naar={page}"), HERS))
    assert 'content="0;url=/"' in back.text


def test_two_people_do_not_have_one_number(clinic: Clinic, jansen: Desk) -> None:
    invited(clinic, jansen)
    fields = {"naam": "K. Klein", "gebruikersnaam": "k.klein", "rol": "poh", "elders": HERS}
    refused = jansen.post("/medewerkers", of="/medewerkers", **fields)
    assert "staat al bij een andere medewerker" in shown(refused)
    assert clinic.accounts.by_login("k.klein") is None


def test_somebody_with_a_password_may_come_in_either_way(clinic: Clinic, jansen: Desk) -> None:
    account = clinic.account("a.jansen")
    fields = {"rol": "huisarts", "beheer": "ja", "elders": HERS}
    jansen.post(f"/medewerkers/{account.id}/rol", of="/medewerkers", **fields)
    browser = clinic.browser()
    browser.get(at_the_provider(browser.get("/login/elders"), HERS))
    assert "Dr. A. Jansen" in shown(browser.get("/account"))
    jansen.log_in()


def test_a_provider_that_is_away_keeps_nobody_out(clinic: Clinic, jansen: Desk) -> None:
    clinic.provider = lambda keyed: provider_of(NOT_THERE, keyed)
    clinic.restart()
    browser = clinic.browser()
    away = browser.get("/login/elders")
    assert away.status_code == 503
    assert f"{DEZI} is nu niet te bereiken" in shown(away)
    assert "Gebruikersnaam" in away.text


def cursor(answer: Any) -> str:
    """Where it stands when the page is there."""
    found = re.findall(r"<(\w+)[^>]*? autofocus[^>]*>", answer.text)
    assert len(found) == 1, found
    return str(found[0])


def test_the_cursor_is_where_people_go_on(clinic: Clinic, jansen: Desk) -> None:
    """At the button of the provider; in the user name for who was typing there, and when the provider is away."""
    browser = clinic.browser()
    assert cursor(browser.get("/login")) == "a"
    assert cursor(browser.get(at_the_provider(browser.get("/login/elders"), ""))) == "a"  # thought better of it
    assert cursor(browser.post("/login", data={"naam": "a.jansen", "wachtwoord": "onjuist"})) == "input"
    clinic.provider = lambda keyed: provider_of(NOT_THERE, keyed)
    clinic.restart()
    assert cursor(clinic.browser().get("/login/elders")) == "input"


def test_without_a_provider_there_is_no_such_page() -> None:
    clinic = Clinic()
    clinic.set_up()
    browser = clinic.browser()
    assert cursor(browser.get("/login")) == "input"
    assert "/login/elders" not in browser.get("/login").text
    assert browser.get("/login/elders").status_code == 404
    assert browser.get("/login/terug").status_code == 404


def test_a_new_invitation_takes_the_number_away(clinic: Clinic, jansen: Desk) -> None:
    """Whoever has her card or her account there would be in before she is."""
    invited(clinic, jansen)
    assert f"Ook het nummer bij {DEZI} vervalt" in shown(jansen.client.get("/medewerkers"))
    answer = jansen.post(f"/medewerkers/{clinic.account('w.neem').id}/uitnodigen", of="/medewerkers")
    assert answer.status_code == 200
    browser = clinic.browser()
    assert browser.get(at_the_provider(browser.get("/login/elders"), HERS)).status_code == 403
    assert clinic.account("w.neem").state is State.INVITED
    # and it is free to be written down again, for her or for who has it now
    fields = {"rol": "waarnemer", "elders": HERS}
    jansen.post(f"/medewerkers/{clinic.account('w.neem').id}/rol", of="/medewerkers", **fields)
    assert browser.get(at_the_provider(browser.get("/login/elders"), HERS)).status_code == 200


def test_one_writes_down_the_own_number_and_keeps_the_own_role(clinic: Clinic, jansen: Desk) -> None:
    own = clinic.account("a.jansen").id
    page = shown(jansen.client.get("/medewerkers"))
    assert "Uw eigen rol en uw eigen beheer wijzigt een andere beheerder" in page
    assert f'id="rol-{own}"' not in page
    answer = jansen.post(f"/medewerkers/{own}/rol", of="/medewerkers", rol="huisarts", beheer="ja", elders="900")
    assert answer.status_code == 303
    assert clinic.account("a.jansen").elsewhere == "900"


def test_behind_a_proxy_one_is_sent_back_over_tls(clinic: Clinic) -> None:
    clinic.hosts = frozenset({"scribe.example"})
    clinic.restart()
    answer = clinic.browser().get("/login/elders", headers={"Host": "scribe.example"})
    assert parse_qs(urlsplit(answer.headers["location"]).query)["redirect_uri"] == [
        "https://scribe.example/login/terug"
    ]
    assert "; Secure" in answer.headers["set-cookie"]
    here = clinic.browser().get("/login/elders")
    assert parse_qs(urlsplit(here.headers["location"]).query)["redirect_uri"] == [f"{BASE}/login/terug"]
    assert "; Secure" not in here.headers["set-cookie"]
