"""A HIS opens a new consult: what it may, what an attacker may not, and that no reference is left on the way."""

from __future__ import annotations

import html
import io
import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from starlette.testclient import TestClient

from tests.command_line import cli
from tests.integration.test_web import BASE, HUISARTS, KEY, House, make_house
from transcribe.consult import Action, Search
from transcribe.contact import ContactType
from transcribe.run import bring_in, consent_given
from transcribe.web.his import WAITS, signature

SECRET = "geheim-van-deze-test-0123456789-abcdef"
REF = "KANARIE-4711"
#: As a browser sends a form of another site: no cookies of ours that are strict, and it says so.
FOREIGN = {"Origin": "https://his.example", "Sec-Fetch-Site": "cross-site"}
DOCS = Path(__file__).parents[2] / "docs" / "his-link.md"


@pytest.fixture
def house() -> Iterator[House]:
    made = make_house()
    made.app.state.web = replace(made.app.state.web, his_secret=SECRET)
    with made.client:
        yield made


def log_in(house: House) -> None:
    house.client.get(f"/start?ticket={house.access.ticket()}")


def form(ref: str = REF, *, secret: str = SECRET, age_s: float = 0) -> dict[str, str]:
    moment = str(int(time.time() - age_s))
    return {"kenmerk": ref, "tijd": moment, "handtekening": signature(secret, moment, ref).hex()}


def send(house: House, fields: dict[str, str], **headers: str) -> Any:
    """By hand: the test's client knows nothing of SameSite, so a form of another site must be sent without cookies."""
    kept = {cookie.name: cookie for cookie in house.client.cookies.jar}
    house.client.cookies.clear()
    answer = house.client.post("/his", data=fields, headers=FOREIGN | headers)
    answered = {header.partition("=")[0] for header in answer.headers.get_list("set-cookie")}
    for name, cookie in kept.items():
        if name not in answered:
            house.client.cookies.jar.set_cookie(cookie)
    return answer


def shown(house: House) -> str | None:
    """What stands in the field of the page of a new consult; None: the page does not come."""
    answer = house.client.get("/consult/nieuw")
    found = re.search(r'name="kenmerk" value="([^"]*)"', answer.text)
    return html.unescape(found[1]) if found else None


def test_the_his_fills_in_the_reference_once(house: House) -> None:
    log_in(house)
    answer = send(house, form())
    assert (answer.status_code, answer.headers["location"]) == (303, "/his")
    between = house.client.get("/his")
    assert 'http-equiv="refresh" content="0;url=/consult/nieuw"' in between.text
    page = house.client.get("/consult/nieuw")
    assert f'value="{REF}"' in page.text
    assert "Uit uw HIS" in page.text
    assert house.workflow.search(Search()) == []  # nothing is begun by the HIS
    assert shown(house) == ""


def test_reference_and_consent_are_still_all_there_is_to_do(house: House) -> None:
    log_in(house)
    send(house, form())
    page = house.client.get("/consult/nieuw").text
    words = re.search(r'name="tekst" value="([^"]+)"', page)
    assert words
    answer = house.post(
        "/consult/nieuw",
        kenmerk=REF,
        soort="spreekuur",
        tekst=words[1],
        antwoord="ja",
        leeftijd=">=16",
        gever="patiënt",
    )
    assert answer.status_code == 303
    [consult] = house.workflow.search(Search())
    assert (consult.patient_ref, consult.contact.kind) == (REF, ContactType.CONSULT)


def test_a_bsn_is_taken_with_a_warning(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """It is warned of before the consult and on its page, whoever filled it in; the log does not say which it was."""
    caplog.set_level("WARNING")
    log_in(house)
    send(house, form("999911624"))
    page = house.client.get("/consult/nieuw").text
    assert "lijkt een BSN" in page
    assert ("looks like a BSN" in caplog.text, "999911624" in caplog.text) == (True, False)
    words = re.search(r'name="tekst" value="([^"]+)"', page)
    assert words
    said = {"soort": "spreekuur", "tekst": words[1], "antwoord": "ja", "leeftijd": ">=16", "gever": "patiënt"}
    answer = house.post("/consult/nieuw", kenmerk="999911624", **said)
    assert "lijkt een BSN" in house.client.get(answer.headers["location"]).text
    answer = house.post("/consult/nieuw", kenmerk="999911625", **said)
    assert "lijkt een BSN" not in house.client.get(answer.headers["location"]).text
    send(house, form())
    assert "lijkt een BSN" not in house.client.get("/consult/nieuw").text


def test_the_command_line_warns_of_a_bsn_as_well(house: House, tmp_path: Path) -> None:
    said = io.StringIO()
    consent = consent_given("mondeling", "J. Jansen", others_informed=True)
    missing = tmp_path / "weg.wav"
    with pytest.raises(FileNotFoundError):
        bring_in(house.workflow, HUISARTS, missing, ref="999911624", consent=consent, layout=(), out=Console(file=said))
    assert "lijkt een BSN" in said.getvalue()
    recorded = cli(
        "record", "--ref", "999911624", "--device", "er is er geen", "--name", "Jansen", "--data-dir", tmp_path
    )
    assert (recorded.returncode, "lijkt een BSN" in recorded.stdout) == (5, True)


def test_who_is_logged_out_logs_in_and_finds_it(house: House) -> None:
    """The reference stands in no address on the way."""
    send(house, form())
    locations = []
    answer = house.client.get("/consult/nieuw")
    locations.append(answer.headers["location"])
    answer = house.client.get(answer.headers["location"])
    back = re.search(r'name="naar" value="([^"]+)"', answer.text)
    assert back
    answer = house.client.post("/login", data={"sleutel": KEY, "naar": back[1]})
    locations.append(answer.headers["location"])
    assert locations == ["/login?naar=/consult/nieuw", "/consult/nieuw"]
    assert shown(house) == REF


def test_after_log_out_it_is_gone(house: House) -> None:
    log_in(house)
    token = house.token
    send(house, form())
    house.client.post("/logout", data={"token": token})
    log_in(house)
    assert shown(house) == ""


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (dict, "onjuist"),
        (lambda: {"kenmerk": REF}, "onjuist"),
        (lambda: form(secret="geraden-geraden-geraden-geraden!"), "onjuist"),
        (lambda: form() | {"kenmerk": "P-2"}, "onjuist"),
        (lambda: form("P-1\nP-2"), "onjuist"),
        (lambda: form(age_s=600), "verlopen"),
        (lambda: form(age_s=-600), "verlopen"),
    ],
)
def test_what_is_not_signed_now_fills_in_nothing(house: House, made: Callable[[], dict[str, str]], why: str) -> None:
    """Also a form that another site sends on behalf of somebody who is logged in."""
    log_in(house)
    answer = send(house, made())
    assert answer.headers["location"] == f"/his/{why}"
    assert not answer.cookies
    page = house.client.get(f"/his/{why}")
    assert page.status_code == 403
    assert "HIS" in page.text
    assert shown(house) == ""
    assert house.workflow.search(Search()) == []


def test_a_form_that_cannot_be_read_is_refused_without_a_page_of_its_own(house: House) -> None:
    """An answer to the post itself would stay in the browser with what was posted."""
    for content, kind in ((b"{}", "application/json"), (b"kenmerk=%ff&kenmerk=x", "application/x-www-form-urlencoded"),
                          (b"x" * 70_000, "application/x-www-form-urlencoded")):  # fmt: skip
        answer = house.client.post("/his", content=content, headers=FOREIGN | {"Content-Type": kind})
        assert (answer.status_code, answer.headers["location"]) == (303, "/his/onjuist")


def test_the_same_form_works_once_in_any_browser(house: House) -> None:
    log_in(house)
    fields = form()
    assert send(house, fields).headers["location"] == "/his"
    assert send(house, fields).headers["location"] == "/his/gebruikt"
    other = TestClient(house.app, base_url=BASE, follow_redirects=False)
    assert other.post("/his", data=fields).headers["location"] == "/his/gebruikt"
    assert shown(house) == REF
    upper = fields | {"handtekening": fields["handtekening"].upper()}
    assert send(house, upper).headers["location"] == "/his/gebruikt"  # another way to write it is no other signature


@pytest.mark.parametrize("wrong", [{"age_s": 600}, {"secret": "een-ander-geheim-0123456789-abcdefgh"}])
def test_after_a_refusal_the_patient_before_is_not_offered(house: House, wrong: dict[str, Any]) -> None:
    """The doctor opens A, is called away, and opens B, which goes wrong: the next page must not say A."""
    send(house, form("P-A"))
    assert send(house, form("P-B", **wrong)).headers["location"] in ("/his/verlopen", "/his/onjuist")
    log_in(house)
    assert shown(house) == ""


def test_a_double_click_keeps_what_it_brought(house: House) -> None:
    twice = form()
    send(house, twice)
    assert send(house, twice).headers["location"] == "/his/gebruikt"
    log_in(house)
    assert shown(house) == REF


def test_another_browser_does_not_get_it(house: House) -> None:
    """Nor one that is logged in, nor one that names a handle of its own choice (fixation)."""
    log_in(house)
    send(house, form())
    other = TestClient(house.app, base_url=BASE, follow_redirects=False)
    other.get(f"/start?ticket={house.access.ticket()}")
    other.cookies.set("transcribe-8600-his", "een-greep-naar-keuze")
    assert REF not in other.get("/consult/nieuw").text
    assert shown(house) == REF


def test_the_way_in_opens_no_session_and_touches_none(house: House) -> None:
    answer = send(house, form())
    assert list(answer.cookies) == ["transcribe-8600-his"]
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/consult/nieuw", "Max-Age=300"))
    assert house.client.get("/").status_code == 303  # to the log-in
    log_in(house)
    before = house.token
    send(house, form("P-2"))
    assert house.token == before


def test_what_waited_too_long_is_not_shown(house: House) -> None:
    log_in(house)
    send(house, form())
    later = datetime.now(UTC) + WAITS
    house.app.state.web = replace(house.app.state.web, now=lambda: later)
    assert shown(house) == ""


def test_an_address_can_carry_no_reference(house: House) -> None:
    log_in(house)
    assert REF not in house.client.get("/consult/nieuw", params=form()).text
    assert house.client.get("/his", params=form()).text.count(REF) == 0
    assert house.client.post("/his", params=form()).headers["location"] == "/his/onjuist"


def test_no_other_address_takes_a_form_of_another_site(house: House) -> None:
    """Also not one that looks like it."""
    log_in(house)
    for path in ("/consult/nieuw", "/his/", "/his/onjuist", "/login", "//his"):
        answer = house.client.post(path, data=form() | {"token": house.token}, headers=FOREIGN)
        assert answer.status_code == 403, path


def test_without_a_secret_there_is_no_way_in() -> None:
    made = make_house()
    with made.client:
        answer = made.client.post("/his", data=form(secret=""), headers=FOREIGN)
        assert answer.headers["location"] == "/his/uit"
        assert "staat niet aan" in made.client.get("/his/uit").text
        assert made.client.get("/his/iets").status_code == 404


def test_the_reference_is_in_no_address_log_or_access_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Sent well, sent badly, sent twice, with a log-in in between: the canary is on the one page and nowhere else."""
    caplog.set_level(logging.DEBUG)
    addresses: list[str] = []
    pages: list[str] = []
    house.client.event_hooks["request"] = [lambda request: addresses.append(str(request.url))]
    house.client.event_hooks["response"] = [
        lambda answer: addresses.extend([answer.headers.get("location", ""), answer.headers.get("set-cookie", "")])
    ]
    fields = form()
    for one in (form() | {"kenmerk": REF + "X"}, form(age_s=999), fields, fields):
        pages.append(send(house, one).text)
    pages += [house.client.get(path).text for path in ("/his", "/his/onjuist", "/his/verlopen", "/his/gebruikt")]
    pages.append(house.client.get("/login?naar=/consult/nieuw").text)
    house.client.post("/login", data={"sleutel": KEY, "naar": "/consult/nieuw"})
    assert shown(house) == REF
    pages.append(house.client.get("/consult/nieuw").text)
    logged = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("transcribe")
    )  # the test's own client logs addresses too: those are looked at above
    assert logged.count("the HIS handed a consult over") == 1
    assert logged.count("the HIS was refused: gebruikt") == 1
    rows = "\n".join(f"{event.action} {event.detail} {event.actor}" for event in house.store.events())
    assert Action.LOGGED_IN in rows
    for where, text in {
        "addresses": "\n".join(addresses),
        "log": logged,
        "access log": rows,
        "pages": "".join(pages),
    }.items():
        assert REF not in text, where
        assert fields["handtekening"] not in text, where
    for answer in (house.client.get("/his"), house.client.get("/consult/nieuw")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_script_of_the_documentation_signs_as_the_service_checks(house: House, tmp_path: Path) -> None:
    """It is run as it stands there, with a browser that only copies the page."""
    script = re.search(r"^```sh\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    assert script
    (tmp_path / "his.key").write_text(SECRET, encoding="ascii")
    (tmp_path / "browser").write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/seen.html\n', encoding="ascii")
    (tmp_path / "browser").chmod(0o755)
    subprocess.run(
        ["sh", "-c", script[1].replace("sleep 10", "sleep 0"), "sh", REF],
        env={
            "PATH": os.environ["PATH"],
            "TMPDIR": str(tmp_path),
            "BROWSER": str(tmp_path / "browser"),
            "TRANSCRIBE_HIS_KEY": str(tmp_path / "his.key"),
        },
        check=True,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["browser", "his.key", "seen.html"]  # nothing is left
    page = (tmp_path / "seen.html").read_text(encoding="utf-8")
    assert 'action="http://127.0.0.1:8600/his"' in page
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    log_in(house)
    assert send(house, fields).headers["location"] == "/his"
    assert shown(house) == REF
    assert len(script[1].strip().splitlines()) <= 12


def test_a_later_hand_over_takes_the_place_of_one_that_was_not_used(house: House) -> None:
    """The last patient that was opened in the HIS is the one on the page."""
    log_in(house)
    send(house, form("P-1"))
    send(house, form("P-2"))
    assert shown(house) == "P-2"
    assert shown(house) == ""
