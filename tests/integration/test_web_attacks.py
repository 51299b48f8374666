"""What somebody who means harm sends, to every route there is: nothing falls over, nothing of it comes back as ours."""

from __future__ import annotations

import gzip
import html
import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.integration.test_web import BASE, HUISARTS, KEY, House, make_house, path_of, routes
from tests.integration.test_web_tenants import FORM
from transcribe.asr.transcript import Speaker, Utterance
from transcribe.consult import Action, Status
from transcribe.soep.note import Dropped, Line, Missed, Note, Report, Section
from transcribe.web.requests import FORM_TYPE, MAX_FORM_BYTES

#: Each breaks out of another place: text, an attribute with either quote, an address, a script, a template, a formula.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "javascript:alert(1)//",
    "</title></textarea></template><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "<!--<base href=//kwaad.example><meta http-equiv=refresh content=0;url=//kwaad.example>",
)
ALL = " ".join(HOSTILE)
#: And what a reader of numbers, days, addresses and names may trip over.
NASTY = (
    *HOSTILE,
    "",
    " ",
    "0",
    "-1",
    "1e9",
    "9" * 40,
    "NaN",
    "٣",
    "2026-13-45",
    "9999-12-31",
    "0000-00-00",
    "\0",
    "\r\nSet-Cookie: kwaad=1",
    "..\\..\\..\\windows",
    "../../../../etc/passwd",
    "%2e%2e%2f%00",
    "'; DROP TABLE consult; --",
    "\u202egnirts",
    "\ufeff\u200b",
    "🩺" * 200,
    "A" * 20_000,
    "L1-S",
    "R1-E-R78",
    "00000000-0000-0000-0000-000000000000",
)
FIELDS = (
    *FORM, "token", "van", "tot", "wie", "wat", "consult", "na", "deel", "maand", "bericht", "bij", "collega", "door",
    "duur", "begin", "eind", "soort", "tarief", "leeftijd", "geboren", "woord", "patroon", "vervanging", "taal",
    "terug",
    "toestemming", "antwoord", "wijze", "stem-0", "stem-1", "wissel", "verslag", "klaar", "anderen", "toelichting",
)  # fmt: skip
#: What our templates write themselves; anything else came from somebody.
OUR_SCRIPT = re.compile(r"/static/[0-9a-f]+/[\w./-]+\.js")


class Reader(HTMLParser):
    """What a browser would make of a page, as far as it could do harm."""

    def __init__(self) -> None:
        super().__init__()
        self.harm: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script" and not OUR_SCRIPT.fullmatch(given.get("src", "")):
            self.harm.append(tag)
        if tag in {"svg", "base", "iframe", "object", "embed", "style"} or (tag == "img" and "onerror" in given):
            self.harm.append(tag)
        for name, value in given.items():
            if re.fullmatch(r"on[a-z]+", name) or value.strip().lower().startswith(("javascript:", "//")):
                self.harm.append(f"{tag} {name}")


def harm(page: str) -> list[str]:
    reader = Reader()
    reader.feed(page)
    return reader.harm


def test_the_reader_sees_harm() -> None:
    assert all(harm(f"<p title=\"{one}\" id='{one}'>{one}</p>") for one in HOSTILE[:3])
    assert harm('<a href="javascript:alert(1)">x</a>')
    assert harm(HOSTILE[4])
    assert harm(HOSTILE[6].removeprefix("<!--"))
    assert not harm(f"<p title='{html.escape(ALL)}'>{html.escape(ALL)}</p>")


# --- what was said, and what a model answered ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def poisoned() -> Iterator[tuple[House, dict[Status, UUID]]]:
    """A talk, a draft, a reference, a message and an edit of a hostile hand; at each stage of a consult."""
    talk = tuple(
        Utterance(speaker=speaker, start_s=2.0 * n, end_s=2.0 * n + 1.5, text=text)
        for n, (speaker, text) in enumerate([*((Speaker.PATIENT, one) for one in HOSTILE), (Speaker.ONBEKEND, ALL)])
    )
    lines = tuple(
        Line(id=f"L{n}", section=section, text=one, evidence=(n,))
        for n, (one, section) in enumerate(zip(HOSTILE, [*Section, *Section], strict=False))
    )
    note = Note(
        reports=(Report(id="R1", title=ALL, lines=lines),),
        dropped=(Dropped(utterance=0, reason=ALL),),
        missed=(Missed(utterance=1, kind="allergie"),),
        next_line=len(lines),
    )
    made = make_house(talk=talk, draft=note, icpc=True)
    found: dict[Status, UUID] = {}
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        for status in (Status.CONSENTED, Status.RECORDED, Status.DRAFTED):
            found[status] = made.consult_at(status)
        made.workflow.pass_on(
            HUISARTS, found[Status.DRAFTED], made.version(found[Status.DRAFTED]), "W. Neem", ALL[:200]
        )
        yield made, found


@pytest.mark.parametrize("language", ["nl", "en"])
def test_nothing_that_was_said_runs(poisoned: tuple[House, dict[Status, UUID]], language: str) -> None:
    house, found = poisoned
    house.client.cookies.set("taal", language)
    pages = ["/", "/werklijst", "/toegangslog", "/vernietigd", "/stijl", "/consult/nieuw"]
    pages += [f"/consult/{one}{part}" for one in found.values() for part in ("", "/wijzigen", "/voortgang", "/groei")]
    seen = ""
    for page in pages:
        answer = house.client.get(page, follow_redirects=True)
        assert answer.status_code < 500, page
        assert harm(answer.text) == [], page
        seen += answer.text
    assert html.escape(HOSTILE[0], quote=False) in html.unescape(html.escape(seen, quote=False)).replace("&#34;", '"')
    assert "49${" not in seen  # no template was run


# --- every route -----------------------------------------------------------------------------------------------------

ENDS = {"/logout"}
_SAID = logging.getLogger("transcribe")


@pytest.fixture(scope="module")
def besieged() -> Iterator[House]:
    made = make_house(icpc=True)
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


ROUTES = sorted(one for one in routes(make_house().app) if one[1] not in ENDS and "static" not in one[1])


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(ROUTES),
    fields=st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(NASTY), max_size=6),
    whole=st.booleans(),
    htmx=st.booleans(),
    status=st.sampled_from([Status.CONSENTED, Status.DRAFTED, Status.APPROVED]),
)
def test_no_route_falls_over(
    besieged: House, route: tuple[str, str], fields: dict[str, str], whole: bool, htmx: bool, status: Status
) -> None:
    """Fields that are missing, too long, of another kind or hostile: an answer in words, and never a page of 500."""
    method, pattern = route
    if not besieged.client.get("/sessie").is_success:
        besieged.client.get(f"/start?ticket={besieged.access.ticket()}")
    path = path_of(pattern, besieged.consult_at(status))
    headers = {"HX-Request": "true"} if htmx else {}
    given_fields = {**(FORM if whole else {}), "token": besieged.token, **fields}
    if method in {"GET", "HEAD"}:
        answer = besieged.client.request(method, path, params=fields, headers=headers)
    elif method == "PUT":
        answer = besieged.client.put(path, content=b"\0" * 64, headers={"X-CSRF-Token": besieged.token})
    else:
        answer = besieged.client.request(method, path, data=given_fields, headers=headers)
    assert answer.status_code < 500 or answer.status_code == 503, (method, pattern, fields, answer.text[:300])
    assert "kwaad" not in answer.cookies
    if "text/html" in answer.headers.get("content-type", ""):
        assert harm(answer.text) == [], (method, pattern, fields)
    to = answer.headers.get("location", answer.headers.get("hx-redirect", "/"))
    assert to.startswith("/"), to
    assert not to.startswith("//"), to


@pytest.mark.parametrize(
    "path",
    [
        "/static/x/../../../settings.py",
        "/static/x/%2e%2e/%2e%2e/settings.py",
        "/static/x/..%2f..%2fpages.py",
        "/static/x//etc/passwd",
        "/static/x/app.css%00.js",
        "/toestemming/tekst/..%2f..%2fsettings.py",
        "/toestemming/tekst/%2e%2e",
        "/consult/..%2f..%2fetc/audio",
    ],
)
def test_no_path_leads_out(besieged: House, path: str) -> None:
    tag = besieged.app.state.web.pages.static.tag
    answer = besieged.client.get(path.replace("/x/", f"/{tag}/"))
    assert answer.status_code in {303, 404, 422}
    assert "import" not in answer.text


@pytest.mark.parametrize(
    "page", ["/%0d%0aSet-Cookie:%20kwaad=1", "/stijl%0d%0aLocation:%20//kwaad.example", "/%09/kwaad"]
)
def test_no_header_is_written_by_an_address(page: str) -> None:
    made = make_house()
    with made.client:
        answer = made.client.get(f"/start?ticket={made.access.ticket()}&naar={page}")
    assert answer.headers["location"] == "/"
    assert "kwaad" not in str(answer.headers)


#: Fields of which something comes back in a header: where to go on, a cookie.
@pytest.mark.parametrize(
    ("path", "field"), [("/taal", "terug"), ("/taal", "taal"), ("/login", "naar"), ("/login", "sleutel")]
)
@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\0", "%0d%0a"])
def test_no_header_is_written_by_a_field(besieged: House, path: str, field: str, ending: str) -> None:
    fields = {"token": besieged.token, "taal": "nl", "sleutel": KEY, "terug": "/", "naar": "/"}
    fields[field] = f"/werklijst{ending}Set-Cookie: kwaad=1{ending}{ending}<script>"
    with TestClient(besieged.app, base_url=BASE, follow_redirects=False) as client:
        client.cookies = besieged.client.cookies
        answer = client.post(path, data=fields)
    assert answer.status_code in {303, 403, 429}
    assert "kwaad" not in str(answer.headers)


def test_a_packed_form_is_not_unpacked(besieged: House) -> None:
    """A hundred megabytes in a hundred kilobytes: read as it stands there, which is no form."""
    path = f"/consult/{besieged.consult_at(Status.DRAFTED)}/regel"
    packed = gzip.compress(b"tekst=" + b"a" * 40_000_000)
    assert len(packed) < MAX_FORM_BYTES
    headers = {"Content-Type": FORM_TYPE, "Content-Encoding": "gzip"}
    answer = besieged.client.post(path, content=packed, headers=headers)
    assert answer.status_code in {403, 422}


def test_a_large_body_is_refused_before_it_is_read(besieged: House) -> None:
    path = f"/consult/{besieged.consult_at(Status.DRAFTED)}/regel"
    answer = besieged.client.post(
        path, content=b"a" * 1_000_000, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 413


def test_all_that_was_tried_left_the_log_whole(besieged: House) -> None:
    """It names what was done by us, with nothing of what was sent."""
    besieged.post("/zoeken", kenmerk=HOSTILE[0])
    for event in besieged.store.events():
        assert event.action in Action
        assert not any(sign in event.detail for sign in "<>{}\0\r\n")
