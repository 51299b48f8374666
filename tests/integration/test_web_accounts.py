"""Logging in, the set-up and invitations by the pages, and what somebody who means harm tries with them."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from starlette.websockets import WebSocketDisconnect

from tests.clinic import BASE, KEY, PASSWORD, Clinic, Desk, secret_in, token_in
from transcribe.accounts import ACCOUNT, INVITATION_LIFE, RECOVERY_CODES, TOTAL, State, code_at
from transcribe.consult import Action, Actor, Role
from transcribe.staff import readers
from transcribe.web.access import LONGEST_SESSION
from transcribe.web.guard import LOG_IN


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.fixture
def jansen(clinic: Clinic) -> Desk:
    return clinic.set_up()


@pytest.fixture
def neem(clinic: Clinic, jansen: Desk) -> Desk:
    return clinic.colleague(jansen, "W. Neem", "w.neem", Role.WAARNEMER)


def shown(answer: object) -> str:
    return html.unescape(" ".join(answer.text.split()))  # type: ignore[attr-defined]


def actions(clinic: Clinic) -> list[Action]:
    return [event.action for event in clinic.service.store.events()]


# --- the set-up ----------------------------------------------------------------------------------------------------


def test_without_the_link_or_the_key_nobody_sets_up(clinic: Clinic) -> None:
    stranger = clinic.browser()
    assert stranger.get("/welkom/begin").headers["location"] == "/login"
    for path in ("/welkom/begin", "/welkom/code"):
        assert stranger.post(path, data={"token": "x", "naam": "x"}).headers["location"] == "/login"
    assert "Toegangssleutel" in stranger.get("/login").text
    assert stranger.post("/login", data={"sleutel": "geraden" * 5}).status_code == 403
    assert not clinic.accounts.used()


def test_the_key_opens_the_set_up_and_nothing_else(clinic: Clinic) -> None:
    client = clinic.browser()
    assert client.post("/login", data={"sleutel": KEY}).headers["location"] == "/welkom/begin"
    assert client.get("/").headers["location"] == "/login"
    assert "Transcribe inrichten" in client.get("/welkom/begin").text


def test_the_first_person_is_in_and_manages(clinic: Clinic, jansen: Desk) -> None:
    account = clinic.account("a.jansen")
    assert (account.name, account.role, account.manages) == ("Dr. A. Jansen", Role.HUISARTS, True)
    assert clinic.accounts.title("") == "De Linde"
    assert "Dr. A. Jansen, huisarts" in shown(jansen.client.get("/"))
    assert jansen.status("/medewerkers") == 200
    assert actions(clinic) == [Action.ACCOUNT_OPENED, Action.LOGGED_IN]
    assert len(jansen.recovery) == RECOVERY_CODES


def test_after_it_the_key_and_the_link_open_nothing(clinic: Clinic) -> None:
    late, early = clinic.access.ticket(), clinic.browser()
    early.get(f"/start?ticket={clinic.access.ticket()}")  # opened, and left open
    token = token_in(early.get("/welkom/begin").text)
    clinic.set_up()
    client = clinic.browser()
    assert client.get(f"/start?ticket={late}").status_code == 403
    assert client.post("/login", data={"sleutel": KEY}).status_code == 403
    assert "Toegangssleutel" not in client.get("/login").text
    assert early.get("/welkom/begin").headers["location"] == "/login"
    fields = {"token": token, "praktijk": "x", "naam": "x", "rol": "huisarts", "gebruikersnaam": "indringer"}
    fields |= {"wachtwoord": PASSWORD, "nogmaals": PASSWORD}
    assert early.post("/welkom/begin", data=fields).headers["location"] == "/login"
    assert [one.login for one in clinic.accounts.of("")] == ["a.jansen"]


def test_of_two_who_set_up_one_is_the_first(clinic: Clinic) -> None:
    first, _ = clinic.begin_set_up("eerste")
    second, _ = clinic.begin_set_up("tweede")
    second.enrol()
    assert first.client.get("/welkom/begin").headers["location"] == "/login"
    assert [one.login for one in clinic.accounts.of("")] == ["tweede"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"praktijk": " "}, "Vul de naam van de praktijk in"),
        ({"naam": ""}, "Vul een naam in"),
        ({"rol": "systeem"}, "Kies een rol uit de lijst"),
        ({"gebruikersnaam": "a b"}, "Kies een gebruikersnaam"),
        ({"wachtwoord": "kort", "nogmaals": "kort"}, "12 tekens of meer"),
        ({"wachtwoord": "delinde-2026!", "nogmaals": "delinde-2026!"}, "te raden"),
        ({"nogmaals": "vijf paarden op zolder"}, "niet gelijk"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(clinic: Clinic, changes: dict[str, str], said: str) -> None:
    _, answer = clinic.begin_set_up(**changes)
    assert answer.status_code == 422
    assert said in shown(answer)
    assert changes.get("praktijk", "De Linde") in answer.text
    assert PASSWORD not in answer.text
    assert not clinic.accounts.of("")


def test_a_wrong_first_code_lets_nobody_in(clinic: Clinic) -> None:
    desk, _ = clinic.begin_set_up()
    page = desk.client.get("/welkom/begin").text
    answer = desk.client.post("/welkom/code", data={"token": token_in(page), "code": "000000"})
    assert answer.status_code == 403
    assert secret_in(answer.text) == secret_in(page)  # the app need not be set up anew
    assert desk.client.get("/").headers["location"] == "/login"
    assert not clinic.accounts.used()


# --- logging in ----------------------------------------------------------------------------------------------------


def test_a_password_and_a_code_open_a_session(clinic: Clinic, jansen: Desk) -> None:
    jansen.client.post("/logout", data={"token": token_in(jansen.client.get("/account").text)})
    assert jansen.client.get("/account").headers["location"] == "/login?naar=/account"
    assert jansen.first_step().headers["location"] == "/login/code?naar=%2F"
    assert jansen.client.get("/").headers["location"] == "/login"  # half-way is not in
    assert jansen.second_step().headers["location"] == "/"
    assert jansen.status() == 200


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        ("/consult/nieuw", "/consult/nieuw"),
        ("/toegangslog", "/toegangslog"),
        ("https://kwaad.example/", "/"),
        ("//kwaad.example", "/"),
        ("/consult/nieuw?x=1", "/"),
    ],
)
def test_a_deep_link_outlives_both_steps_and_leads_nowhere_else(
    clinic: Clinic, jansen: Desk, asked: str, opened: str
) -> None:
    desk = Desk(clinic=clinic, login="a.jansen", client=clinic.browser(), secret=jansen.secret)
    page = desk.client.get("/login", params={"naar": asked}).text
    kept = html.unescape(re.findall(r'name="naar" value="([^"]*)"', page)[0])
    first = desk.client.post("/login", data={"naam": desk.login, "wachtwoord": PASSWORD, "naar": kept})
    page = desk.client.get(first.headers["location"]).text
    kept = html.unescape(re.findall(r'name="naar" value="([^"]*)"', page)[0])
    fields = {"token": token_in(page), "code": desk.code(), "naar": kept}
    assert desk.client.post("/login/code", data=fields).headers["location"] == opened
    # nor when the form itself was tampered with
    again = Desk(clinic=clinic, login="a.jansen", client=clinic.browser(), secret=jansen.secret)
    again.first_step()
    fields = {"token": token_in(again.client.get("/login/code").text), "code": again.code(), "naar": asked}
    assert again.client.post("/login/code", data=fields).headers["location"] == opened


def test_a_recovery_code_opens_one_once(clinic: Clinic, jansen: Desk) -> None:
    first, second = clinic.desk("a.jansen"), clinic.desk("a.jansen")
    for desk in (first, second):
        desk.first_step()
    assert first.second_step(jansen.recovery[0].upper()).status_code == 303
    assert second.second_step(jansen.recovery[0]).status_code == 403
    assert Action.RECOVERY_CODE_USED in actions(clinic)
    assert "U heeft nog 9 herstelcodes." in shown(first.client.get("/account"))


def test_a_code_that_was_seen_is_worth_nothing(clinic: Clinic, jansen: Desk) -> None:
    """Whoever looked over the shoulder types the same code at once."""
    thief = clinic.desk("a.jansen")
    thief.first_step()
    code = jansen.code()
    jansen.first_step()
    assert jansen.second_step(code).status_code == 303
    assert thief.second_step(code).status_code == 403
    before = code_at(jansen.secret, int(clinic.now.timestamp()) // 30 - 1)
    assert thief.second_step(before).status_code == 403


def test_no_session_id_goes_along_to_another_stage(clinic: Clinic, jansen: Desk) -> None:
    """Fixation: an id that somebody planted in the browser, or saw before, opens nothing after the log-in."""
    desk = clinic.desk("a.jansen")
    desk.secret = jansen.secret
    desk.client.cookies.set("transcribe-8600", "geplant", domain="localhost.local")
    seen = ["geplant"]
    desk.client.cookies.clear()
    desk.client.get("/login", headers={"Cookie": "transcribe-8600=geplant"})
    desk.first_step()
    seen.append(desk.client.cookies["transcribe-8600"])
    desk.second_step()
    opened = desk.client.cookies["transcribe-8600"]
    assert opened not in seen
    stranger = clinic.browser()
    for session_id in seen:
        answer = stranger.get("/account", headers={"Cookie": f"transcribe-8600={session_id}"})
        assert answer.status_code == 303
    desk.post(
        "/account/wachtwoord", huidig=PASSWORD, wachtwoord="vijf ezels in de kelder", nogmaals="vijf ezels in de kelder"
    )
    assert desk.status() == 200
    assert desk.client.cookies["transcribe-8600"] != opened
    assert stranger.get("/account", headers={"Cookie": f"transcribe-8600={opened}"}).status_code == 303


def test_nobody_learns_which_names_there_are(clinic: Clinic, jansen: Desk, neem: Desk) -> None:
    """One answer, and one look at a password, for a wrong password, a name that nobody has, and an account that is not
    in use.
    """
    jansen.post(f"/medewerkers/{clinic.account('w.neem').id}/uitschakelen")
    clinic.invite(jansen, "P. Zorg", "p.zorg", Role.POH)
    answers = set()
    for login in ("a.jansen", "niemand", "w.neem", "p.zorg", "", "x" * 5000):
        before = clinic.passwords.asked
        answer = clinic.desk(login).first_step("fout wachtwoord")
        assert clinic.passwords.asked == before + 1
        answers.add((answer.status_code, answer.text))
    assert len(answers) == 1
    assert clinic.desk("w.neem").first_step().status_code == 403  # the right one
    failed = [event for event in clinic.service.store.events() if event.action is Action.LOGIN_FAILED]
    assert {event.actor for event in failed} == {"Dr. A. Jansen", "W. Neem", "P. Zorg", "onbekend"}
    assert all(event.detail == "" for event in failed)  # a password that was typed for a name is in no log


def test_guessing_is_slowed_down_over_a_restart_and_the_doctor_gets_in(clinic: Clinic, jansen: Desk) -> None:
    for _ in range(ACCOUNT.free):
        assert clinic.desk("a.jansen").first_step("fout wachtwoord").status_code == 403
    clinic.restart()
    refused = clinic.desk("a.jansen").first_step(PASSWORD)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) <= 2
    for _ in range(20):  # on and on, whenever it is possible
        clinic.desk("a.jansen").first_step("fout wachtwoord")
        clinic.now += timedelta(minutes=1)
    assert clinic.desk("a.jansen").first_step(PASSWORD).status_code == 429
    jansen.client.app = clinic.app  # type: ignore[attr-defined]
    known = Desk(clinic=clinic, login="a.jansen", client=clinic.browser(), secret=jansen.secret)
    known.client.cookies = jansen.client.cookies  # the browser in which she logged in before
    assert known.first_step().status_code == 303
    clinic.now += ACCOUNT.longest
    assert clinic.desk("a.jansen").first_step(PASSWORD).status_code == 303  # and another one, after some minutes


def test_strangers_together_are_slowed_down(clinic: Clinic, jansen: Desk) -> None:
    for number in range(TOTAL.free):
        assert clinic.desk(f"naam{number}").first_step().status_code == 403
    assert clinic.desk("weer.iemand").first_step().status_code == 429
    assert clinic.desk("a.jansen").first_step().status_code == 429
    clinic.now += TOTAL.longest
    assert clinic.desk("a.jansen").first_step().status_code == 303


def test_a_browser_that_says_it_is_known_is_not_believed(clinic: Clinic, jansen: Desk, neem: Desk) -> None:
    mark = neem.client.cookies["transcribe-8600-bekend"]
    for forged in ("", "x", "a.b", mark, f"{mark}0", "é.é"):
        desk = clinic.desk("a.jansen")
        cookie = {"Cookie": f"transcribe-8600-bekend={forged}".encode()}
        desk.client.post("/login", data={"naam": "a.jansen", "wachtwoord": "fout wachtwoord"}, headers=cookie)
    assert clinic.desk("a.jansen").first_step().status_code == 429


def test_codes_can_not_be_guessed_either(clinic: Clinic, jansen: Desk) -> None:
    thief = clinic.desk("a.jansen")
    thief.first_step()
    for _ in range(ACCOUNT.free):
        assert thief.second_step("000000").status_code == 403
    right = code_at(jansen.secret, int(clinic.now.timestamp()) // 30 + 1)
    assert thief.second_step(right).status_code == 429
    clinic.now += timedelta(seconds=1)
    assert thief.second_step(right).status_code == 303


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://kwaad.example"}, {"Origin": "null"}]
)
def test_another_site_logs_nobody_in(clinic: Clinic, jansen: Desk, headers: dict[str, str]) -> None:
    """Log-in CSRF: the doctor would dictate into the account of an attacker."""
    client = clinic.browser()
    fields = {"naam": "a.jansen", "wachtwoord": PASSWORD}
    assert client.post("/login", data=fields, headers=headers).status_code == 403
    for path in ("/login/code", "/uitnodiging", "/welkom/begin", "/welkom/code"):
        assert client.post(path, data={"code": "x"}, headers=headers).status_code == 403
    assert "transcribe-8600" not in client.cookies


def test_the_second_step_needs_the_token_of_its_page(clinic: Clinic, jansen: Desk) -> None:
    desk = clinic.desk("a.jansen")
    desk.first_step()
    assert desk.client.post("/login/code", data={"code": jansen.code()}).status_code == 403
    assert desk.client.post("/login/code", data={"code": jansen.code(), "token": "geraden"}).status_code == 403


# --- invitations ---------------------------------------------------------------------------------------------------


def test_an_invitation_lets_one_person_in_once(clinic: Clinic, jansen: Desk) -> None:
    link = clinic.invite(jansen, "W. Neem", "w.neem", Role.WAARNEMER)
    assert "Welkom, W. Neem" in shown(clinic.browser().get(link))  # looking uses nothing
    second = clinic.accept(link, "w.neem")
    first = clinic.accept(link, "w.neem").enrol()
    assert "W. Neem, waarnemer" in shown(first.client.get("/"))
    assert second.client.get("/welkom/begin").headers["location"] == "/login"
    for answer in (clinic.browser().get(link), clinic.browser().post("/uitnodiging", data={"code": link[18:]})):
        assert answer.status_code == 403
        assert "al gebruikt of verlopen" in shown(answer)


def test_an_invitation_ends_after_three_days(clinic: Clinic, jansen: Desk) -> None:
    link = clinic.invite(jansen, "W. Neem", "w.neem", Role.WAARNEMER)
    clinic.now += INVITATION_LIFE
    assert clinic.browser().get(link).status_code == 403


def test_behind_a_proxy_the_link_is_one_that_opens() -> None:
    clinic = Clinic(hosts=frozenset({"scribe.example"}))
    jansen = clinic.set_up()
    jansen.client.base_url = "http://scribe.example"  # as the proxy asks us
    jansen.client.cookies.set("transcribe-443", jansen.client.cookies["transcribe-8600"])
    answer = jansen.post("/medewerkers", naam="W. Neem", gebruikersnaam="w.neem", rol="poh")
    assert ">https://scribe.example/uitnodiging?code=" in answer.text


@pytest.mark.parametrize("code", ["", "x", "é", "0" * 43])
def test_an_invitation_is_not_guessed(clinic: Clinic, jansen: Desk, code: str) -> None:
    assert clinic.browser().get("/uitnodiging", params={"code": code}).status_code == 403


def test_a_new_invitation_ends_everything_before_it(clinic: Clinic, jansen: Desk, neem: Desk) -> None:
    """The telephone is lost: neither its codes nor the old password open anything, and open screens close."""
    answer = jansen.post(f"/medewerkers/{clinic.account('w.neem').id}/uitnodigen")
    link = re.search(r"/uitnodiging\?code=[\w-]+", answer.text)
    assert link
    assert neem.status() == 303
    assert clinic.desk("w.neem").first_step().status_code == 403
    again = clinic.accept(link[0], "w.neem").enrol("vijf ezels in de kelder")
    assert again.status() == 200
    assert again.secret != neem.secret


def test_two_people_never_have_one_login_or_name(clinic: Clinic, jansen: Desk) -> None:
    for name, login in (("Iemand anders", "A.JANSEN"), ("dr. a. jansen", "jansen2")):
        answer = jansen.post("/medewerkers", naam=name, gebruikersnaam=login, rol="poh")
        assert answer.status_code == 422
    assert len(clinic.accounts.of("")) == 1


# --- in mid-session ------------------------------------------------------------------------------------------------


def test_who_is_disabled_is_out_at_once(clinic: Clinic, jansen: Desk, neem: Desk) -> None:
    assert neem.status("/") == 200
    jansen.post(f"/medewerkers/{clinic.account('w.neem').id}/uitschakelen")
    assert neem.client.get("/").headers["location"] == "/login"
    assert clinic.account("w.neem").state is State.DISABLED
    assert clinic.account("w.neem").password == ""


def test_drafts_wait_for_who_reads_them_and_is_not_gone(clinic: Clinic, jansen: Desk, neem: Desk) -> None:
    clinic.invite(jansen, "P. Zorg", "p.zorg", Role.POH)
    clinic.seat("", Role.ASSISTENTE, name="B. Balie")
    clinic.seat("Zuid", Role.HUISARTS, name="Z. Zuid")
    assert readers(clinic.accounts, "") == ["Dr. A. Jansen", "P. Zorg", "W. Neem"]
    jansen.post(f"/medewerkers/{clinic.account('w.neem').id}/uitschakelen")
    assert readers(clinic.accounts, "") == ["Dr. A. Jansen", "P. Zorg"]


def test_an_open_recording_of_who_is_disabled_is_closed(clinic: Clinic, jansen: Desk, neem: Desk) -> None:
    """The sound that came in is kept; the recording waits for somebody else to go on with it or to end it."""
    consult_id = clinic.recording(Actor(name="W. Neem", role=Role.WAARNEMER))
    with neem.client.websocket_connect(
        f"ws://localhost:8600/consult/{consult_id}/opname", headers={"Origin": BASE}
    ) as socket:
        socket.receive_json()
        jansen.post(f"/medewerkers/{clinic.account('w.neem').id}/uitschakelen")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == LOG_IN


def test_another_role_is_another_session(clinic: Clinic, jansen: Desk, neem: Desk) -> None:
    cookie = neem.client.cookies["transcribe-8600"]
    jansen.post(f"/medewerkers/{clinic.account('w.neem').id}/rol", rol="assistente")
    assert neem.status() == 303
    neem.log_in()
    assert neem.client.cookies["transcribe-8600"] != cookie
    assert "W. Neem, assistente" in shown(neem.client.get("/"))


def test_logging_out_everywhere(clinic: Clinic, jansen: Desk) -> None:
    elsewhere = Desk(clinic=clinic, login="a.jansen", client=clinic.browser(), secret=jansen.secret).log_in()
    assert "(dit scherm)" in jansen.client.get("/account").text
    assert jansen.client.get("/account").text.count("laatst gebruikt") == 2
    jansen.post("/account/uitloggen")
    assert (jansen.status(), elsewhere.status()) == (303, 303)


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(clinic: Clinic, jansen: Desk) -> None:
    elsewhere = Desk(clinic=clinic, login="a.jansen", client=clinic.browser(), secret=jansen.secret).log_in()
    new = {"wachtwoord": "vijf ezels in de kelder", "nogmaals": "vijf ezels in de kelder"}
    wrong = jansen.post("/account/wachtwoord", huidig="fout wachtwoord", **new)
    assert wrong.status_code == 403
    assert "Uw huidige wachtwoord klopt niet." in shown(wrong)
    assert elsewhere.status() == 200
    assert jansen.post("/account/wachtwoord", huidig=PASSWORD, **new).status_code == 303
    assert (jansen.status(), elsewhere.status()) == (200, 303)
    assert clinic.desk("a.jansen").first_step().status_code == 403


def test_a_new_telephone_needs_the_password_and_ends_the_old_codes(clinic: Clinic, jansen: Desk) -> None:
    page = jansen.client.get("/account/tweede-stap").text
    old, new = jansen.secret, secret_in(page)
    jansen.secret = new
    assert jansen.post("/account/tweede-stap", huidig="fout wachtwoord", code=jansen.code()).status_code == 403
    done = jansen.post("/account/tweede-stap", huidig=PASSWORD, code=jansen.code())
    assert done.status_code == 200
    assert len(set(re.findall(r"<code>([a-z2-7-]{19})</code>", done.text)) | set(jansen.recovery)) == 2 * RECOVERY_CODES
    desk = clinic.desk("a.jansen")
    desk.first_step()
    assert desk.second_step(jansen.recovery[0]).status_code == 403
    desk.secret = old
    assert desk.second_step().status_code == 403
    desk.secret = new
    assert desk.second_step().status_code == 303


def test_a_session_ends_after_a_working_day(clinic: Clinic, jansen: Desk) -> None:
    until = clinic.now + LONGEST_SESSION
    while clinic.now <= until - timedelta(minutes=20):
        clinic.now += timedelta(minutes=20)
        assert jansen.status() == 200
    clinic.now += timedelta(minutes=20)
    assert jansen.status() == 303


def test_somebody_always_manages(clinic: Clinic, jansen: Desk, neem: Desk) -> None:
    own = clinic.account("a.jansen").id
    for path in ("uitschakelen", "uitnodigen"):
        answer = jansen.post(f"/medewerkers/{own}/{path}")
        assert answer.status_code == 409, path
        assert "Er moet iemand blijven" in shown(answer)
    assert jansen.status("/medewerkers") == 200


@pytest.mark.parametrize("role", [Role.BEHEERDER, Role.HUISARTS])
def test_nobody_changes_the_own_role_or_the_own_beheer(clinic: Clinic, jansen: Desk, role: Role) -> None:
    beheer = clinic.colleague(jansen, "B. Heer", "b.heer", role, manages=True)
    before = clinic.account("b.heer")
    page = shown(beheer.client.get("/medewerkers"))
    assert page.count("Uw eigen rol en uw eigen beheer wijzigt een andere beheerder") == 1
    assert f"/medewerkers/{before.id}/rol" not in page
    wanted = [{"rol": "poh", "beheer": "ja"}, {"rol": "poh"}, {"rol": "waarnemer"}]
    for fields in [*wanted, {"rol": role.value}] if role is not Role.BEHEERDER else wanted:
        answer = beheer.post(f"/medewerkers/{before.id}/rol", **fields)
        assert answer.status_code == 403, fields
        assert "wijzigt een andere beheerder" in shown(answer)
    assert clinic.account("b.heer") == before
    assert Action.ACCOUNT_CHANGED not in actions(clinic)
    # a colleague's page says it of the colleague, and changes this one
    assert f"/medewerkers/{before.id}/rol" in jansen.client.get("/medewerkers").text
    assert jansen.post(f"/medewerkers/{before.id}/rol", rol="poh").status_code == 303
    assert clinic.account("b.heer").role is Role.POH
