"""The screens on the real use cases, with fakes below: who gets in, what each page says, what never leaves."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import html
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from consent import ConsentMissing, ConsentProblem, How, Purpose, current_text, grant
from transcribe import errors
from transcribe.asr.transcript import Speaker, Utterance, Word
from transcribe.audio.pcm import RATE_HZ, Decoded, Span, Unheard, Unrecorded
from transcribe.consult import Action, Actor, Consult, Reason, Role, Search, Space, Status
from transcribe.ports import AudioInfo
from transcribe.soep.note import Answered, Dropped, Line, Missed, Note, Report, Section
from transcribe.testing import (
    MemoryAudioStore,
    MemoryStore,
    Scripted,
    ScriptedDrafter,
    ScriptedTranscriber,
    confirm_seen,
    scripted_service,
)
from transcribe.web.access import Access
from transcribe.web.application import DemoInfo, create_app
from transcribe.web.errors import STATUS, status_of
from transcribe.web.media import UnsatisfiableRange, byte_range, wav_header
from transcribe.web.pages import PRACTICE_ZONE
from transcribe.web.views import ROWS, spans
from transcribe.workflow import Workflow

KEY = "sleutel-van-deze-test-0123456789"
BASE = "http://127.0.0.1:8600"
SECONDS = 12
CANARY = "Kanariepiet Quibus hoest sinds Driekoningen"
HUISARTS = Actor(name="Dr. Proef", role=Role.HUISARTS)


# --- fakes below the use cases -------------------------------------------------------------------------------------


class FakeDecoder:
    """Twelve seconds of counting samples from any file, unless it begins with the name of what is wrong with it."""

    missing: tuple[Span, ...] = ()
    unrecorded: tuple[Unrecorded, ...] = ()

    def probe(self, source: Any) -> AudioInfo:
        head = source.read(5)
        if not head:
            raise errors.EmptyFile
        if head == b"tekst":
            raise errors.NotAudio
        return AudioInfo(duration_s=float(SECONDS), channels=2, video=False)

    @contextmanager
    def decode(self, source: Any, *, max_s: float) -> Iterator[FakeDecoding]:
        yield FakeDecoding(self.missing, self.unrecorded)


class FakeDecoding:
    channels = 2

    def __init__(self, missing: tuple[Span, ...], unrecorded: tuple[Unrecorded, ...]) -> None:
        self._missing, self._unrecorded = missing, unrecorded

    def __iter__(self) -> Iterator[bytes]:
        for second in range(SECONDS):
            yield bytes([second]) * (RATE_HZ * 4)

    def result(self) -> Decoded:
        return Decoded(duration_s=float(SECONDS), channels=2, missing=self._missing, unrecorded=self._unrecorded)


SPOKEN = (
    Utterance(speaker=Speaker.HUISARTS, start_s=0, end_s=1, text="Goedemorgen."),
    Utterance(speaker=Speaker.PATIENT, start_s=1, end_s=4, text=f"{CANARY}."),
    Utterance(speaker=Speaker.PATIENT, start_s=4, end_s=6, text="Bellen als het erger wordt."),
)
DRAFT = Note(
    reports=(
        Report(
            id="R1",
            lines=(
                Line(id="L1", section=Section.S, text=CANARY, evidence=(1,)),
                Line(id="L2", section=Section.P, text="Neusspray voorgeschreven."),
            ),
        ),
    ),
    dropped=(Dropped(utterance=0, reason="groet"),),
    next_line=3,
)


@dataclass
class House:
    """One running app and everything behind it."""

    app: FastAPI
    client: TestClient
    service: Scripted
    access: Access
    decoder: FakeDecoder
    now: list[datetime] = field(default_factory=list)

    @property
    def workflow(self) -> Workflow:
        return self.service.workflow

    @property
    def store(self) -> MemoryStore:
        return self.service.store

    @property
    def audio(self) -> MemoryAudioStore:
        assert isinstance(self.service.audio, MemoryAudioStore)
        return self.service.audio

    @property
    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.client.get("/").text)
        assert found
        return found.group(1)

    def post(self, path: str, *, htmx: bool = False, accept: str = "text/html", **fields: str) -> Any:
        headers = {"Accept": accept} | ({"HX-Request": "true"} if htmx else {})
        return self.client.post(path, data={"token": self.token, **fields}, headers=headers)

    def copy(self, consult_id: UUID, part: str, *, htmx: bool = False, accept: str = "application/json") -> Any:
        """As the page does that shows what is signed now."""
        approval = self.store.approval(consult_id)
        shown = approval.sha256 if approval else "0" * 64
        return self.post(f"/consult/{consult_id}/kopie/{part}", htmx=htmx, accept=accept, sha256=shown)

    def search(self, **fields: str) -> Any:
        """The page with what was found."""
        answer = self.post("/zoeken", **fields)
        return self.client.get(answer.headers["location"]) if answer.status_code == 303 else answer

    def consult_at(self, status: Status) -> UUID:
        """A consult brought to this status along the ordinary way."""
        consult = self.workflow.create(HUISARTS, "HIS-4711")
        if status is Status.NEW:
            return consult.id
        words = current_text()
        given = grant(
            how=How.SPOKEN,
            informed_by="Dr. Proef",
            text_id=words.id,
            text_sha256=words.sha256,
            others_informed=True,
            now=datetime.now(UTC),
        )
        self.workflow.record_consent(HUISARTS, consult.id, given)
        if status is Status.CONSENTED:
            return consult.id
        self.workflow.receive(HUISARTS, consult.id, [b"RIFF"], (Speaker.HUISARTS, Speaker.PATIENT))
        if status is Status.RECORDED:
            return consult.id
        self.service.work()
        if status is Status.DRAFTED:
            return consult.id
        confirm_seen(self.workflow, HUISARTS, consult.id, "L2")
        self.workflow.approve(HUISARTS, consult.id, self.workflow.review(HUISARTS, consult.id).sha256)
        return consult.id

    def version(self, consult_id: UUID) -> int:
        return self.store.consult(consult_id).version

    def consult(self, consult_id: UUID) -> Consult:
        return self.store.consult(consult_id)

    def stop(self, consult_id: UUID, reason: Reason) -> None:
        """As when the worker can't go on."""
        found = self.store.take()
        assert found
        self.service.steps._stop(self.consult(consult_id), reason, found[1])
        self.store.finish(found[1])

    def actions(self) -> list[Action]:
        return [event.action for event in self.store.events()]


def make_house(
    *,
    actor: Actor = HUISARTS,
    demo: DemoInfo | None = None,
    draft: Note = DRAFT,
    icpc: bool = False,
    talk: tuple[Utterance, ...] = SPOKEN,
    unheard: tuple[Span, ...] = (),
    hosts: frozenset[str] = frozenset(),
) -> House:
    decoder = FakeDecoder()
    service = scripted_service(
        decoder=decoder,
        transcriber=ScriptedTranscriber(talk, unheard=unheard),
        drafter=ScriptedDrafter(draft),
        icpc=icpc,
        space=lambda: Space(total=100, free=50),
    )
    now: list[datetime] = []
    access = Access(KEY, clock=lambda: now[-1] if now else datetime.now(UTC))
    app = create_app(
        practices=service.practice,
        actor=actor,
        access=access,
        demo=demo,
        ui_language="nl",
        max_upload_mb=1,
        idle_minutes=30,
        version="0",
        space=lambda: Space(total=100, free=50),
        min_free_percent=5,
        hosts=hosts,
    )
    client = TestClient(app, base_url=BASE, follow_redirects=False)
    return House(app=app, client=client, service=service, access=access, decoder=decoder, now=now)


@pytest.fixture
def house() -> Iterator[House]:
    made = make_house()
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


@pytest.fixture
def stranger() -> Iterator[House]:
    made = make_house()
    with made.client:
        yield made


OPEN = {
    "/health/live",
    "/health/ready",
    "/metrics",
    "/start",
    "/login",
    "/login/code",
    "/login/elders",
    "/login/terug",
    "/welkom/begin",
    "/welkom/code",
    "/uitnodiging",
    "/static/{tag}/{name:path}",
    "/his",
    "/his/{why}",
}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Method and pattern of every route."""
    return [(method, route.path) for route in api_routes(app) for method in sorted(route.methods)]


def api_routes(app: FastAPI) -> list[APIRoute]:
    """Wherever the framework keeps them."""
    found = []

    def walk(items: Iterable[Any]) -> None:
        for route in items:
            if isinstance(route, APIRoute):
                found.append(route)
            elif (inner := getattr(route, "routes", None)) is not None:
                walk(inner)
            elif (router := getattr(route, "original_router", None)) is not None:
                walk(router.routes)

    walk(app.routes)
    assert len(found) > 20
    return found


def path_of(pattern: str, consult_id: UUID | None = None) -> str:
    return (
        pattern.replace("{consult_id}", str(consult_id or uuid4()))
        .replace("{line_id}", "L1")
        .replace("{report_id}", "R1")
        .replace("{rule_id}", str(uuid4()))
        .replace("{account_id}", str(uuid4()))
        .replace("{layout}", "gemengd")
        .replace("{part}", "S")
        .replace("{version}", "1")
        .replace("{tag}", "x")
        .replace("{name:path}", "x")
    )


# --- the door ------------------------------------------------------------------------------------------------------


def test_every_page_but_the_open_ones_needs_a_session(stranger: House) -> None:
    for method, pattern in routes(stranger.app):
        if pattern in OPEN:
            continue
        answer = stranger.client.request(method, path_of(pattern))
        assert answer.status_code == 303, (method, pattern)
        assert answer.headers["location"].startswith("/login"), pattern
        script = stranger.client.request(method, path_of(pattern), headers={"Accept": "application/json"})
        assert script.status_code == 401, (method, pattern)
        fragment = stranger.client.request(method, path_of(pattern), headers={"HX-Request": "true"})
        assert fragment.status_code == 401, (method, pattern)
        assert fragment.headers["hx-redirect"] == "/login"
    assert stranger.store.events() == []


def test_every_unsafe_route_needs_the_sessions_token(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    before = house.consult(consult_id)
    for method, pattern in routes(house.app):
        if pattern in OPEN or method in {"GET", "HEAD"}:
            continue
        for data in ({}, {"token": "geraden"}, {"token": "ÿ"}):
            answer = house.client.request(method, path_of(pattern, consult_id), data=data)
            assert answer.status_code in {403, 415}, (method, pattern, data)
        header = {"X-CSRF-Token": "geraden", "Content-Type": "application/octet-stream"}
        answer = house.client.request(method, path_of(pattern, consult_id), headers=header, content=b"x")
        assert answer.status_code == 403, (method, pattern)
    assert house.consult(consult_id) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://kwaad.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
    ],
)
def test_another_site_cannot_send_our_forms(house: House, headers: dict[str, str]) -> None:
    consult_id = house.consult_at(Status.CONSENTED)
    answer = house.client.post(f"/consult/{consult_id}/intrekken", data={"token": house.token}, headers=headers)
    assert answer.status_code == 403
    assert house.consult(consult_id).status is Status.CONSENTED


def test_our_own_origin_is_fine(house: House) -> None:
    consult_id = house.consult_at(Status.CONSENTED)
    headers = {"Origin": BASE, "Sec-Fetch-Site": "same-origin"}
    answer = house.client.post(f"/consult/{consult_id}/intrekken", data={"token": house.token}, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize("host", ["kwaad.example", "127.0.0.1.kwaad.example:8600", "", "[::2]:8600"])
def test_an_unknown_host_name_gets_nothing(house: House, host: str) -> None:
    answer = house.client.get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert "Werklijst" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8600", "127.0.0.1:1", "[::1]:8600", "LOCALHOST"])
def test_loopback_names_are_known(stranger: House, host: str) -> None:
    assert stranger.client.get("/health/live", headers={"Host": host}).status_code == 200


def test_under_another_name_than_loopback_it_is_reached_by_tls() -> None:
    """Whatever our proxy says or leaves out: it speaks TLS with the browser and none with us."""
    house = make_house(hosts=frozenset({"Scribe.example"}))
    with house.client as client:
        for host, port, secure in (("scribe.example", 443, True), ("localhost:8600", 8600, False)):
            ticket = house.access.ticket()
            answer = client.get(f"/start?ticket={ticket}", headers={"Host": host, "X-Forwarded-Proto": "http"})
            name, *rules = answer.headers["set-cookie"].split("; ")
            assert name.startswith(f"transcribe-{port}=")
            assert ("Secure" in rules) is secure
            for path in ("/login", "/bestaat-niet"):
                hsts = client.get(path, headers={"Host": host}).headers.get("strict-transport-security")
                assert hsts == ("max-age=31536000" if secure else None)
            # what Starlette itself makes of an address
            there = client.get("/werklijst/", headers={"Host": host, "Cookie": name}).headers["location"]
            assert there == f"{'https' if secure else 'http'}://{host}/werklijst"
        unknown = client.get("/login", headers={"Host": "elders.example"})
        assert unknown.status_code == 400
        assert "strict-transport-security" not in unknown.headers


def test_every_answer_has_the_strict_headers(house: House) -> None:
    pages = ["/", "/login", "/health/live", "/bestaat-niet", f"/consult/{house.consult_at(Status.DRAFTED)}"]
    for path in [*pages, re.search(r'href="(/static/[^"]+\.css)"', house.client.get("/").text)[1]]:  # type: ignore[index]
        headers = house.client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=(), microphone=(self)" in headers["permissions-policy"]
        wanted = "immutable" if path.startswith("/static/") else "no-store"
        assert wanted in headers["cache-control"], path


def test_a_ticket_opens_one_session_once(stranger: House) -> None:
    ticket = stranger.access.ticket()
    page = "/consult/nieuw"
    answer = stranger.client.get(f"/start?ticket={ticket}&naar={page}")
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert answer.headers["referrer-policy"] == "no-referrer"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert stranger.client.get("/").status_code == 200
    stranger.client.cookies.clear()
    again = stranger.client.get(f"/start?ticket={ticket}")
    assert again.status_code == 403
    assert "al gebruikt" in again.text
    assert stranger.client.get("/").status_code == 303
    assert stranger.actions() == [Action.LOGGED_IN, Action.LOGIN_FAILED]


@pytest.mark.parametrize("page", ["https://kwaad.example", "//kwaad.example", "/\\kwaad", "/consult/../x", "x"])
def test_after_the_log_in_only_our_own_pages(stranger: House, page: str) -> None:
    answer = stranger.client.get("/start", params={"ticket": stranger.access.ticket(), "naar": page})
    assert answer.headers["location"] == "/"


def test_a_ticket_ends_after_an_hour(stranger: House) -> None:
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    stranger.now.append(start)
    ticket = stranger.access.ticket()
    stranger.now.append(start + timedelta(hours=1))
    assert stranger.client.get(f"/start?ticket={ticket}").status_code == 403


def test_the_key_opens_and_wrong_keys_cost_ever_more_time(stranger: House) -> None:
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    stranger.now.append(start)
    ticket = stranger.access.ticket()
    statuses = [stranger.client.post("/login", data={"sleutel": "fout"}).status_code for _ in range(7)]
    assert statuses == [403, 403, 403, 403, 403, 429, 429]
    closed = stranger.client.post("/login", data={"sleutel": KEY})
    assert closed.status_code == 429
    assert closed.headers["retry-after"] == "2"
    assert stranger.client.get("/start?ticket=geraden").status_code == 429
    assert stranger.actions() == [Action.LOGIN_FAILED] * 5
    assert stranger.client.get(f"/start?ticket={ticket}").status_code == 303  # who was invited may enter
    stranger.client.cookies.clear()
    stranger.now.append(start + timedelta(seconds=2))
    opened = stranger.client.post("/login", data={"sleutel": f" {KEY}\n", "naar": "/consult/nieuw"})
    assert (opened.status_code, opened.headers["location"]) == (303, "/consult/nieuw")
    assert KEY not in stranger.client.get("/login").text


def test_an_unattended_screen_locks_also_when_it_refreshes_itself(house: House) -> None:
    start = datetime.now(UTC)
    for minutes in range(0, 35, 5):
        house.now.append(start + timedelta(minutes=minutes))
        answer = house.client.get("/werklijst", headers={"HX-Request": "true"})
        assert answer.status_code == (200 if minutes < 30 else 401), minutes
    house.now.append(start)
    assert house.client.get("/").status_code == 303


@pytest.mark.parametrize("asked", ["groei", "voortgang", "opname/stand", "stand/1"])
def test_no_page_of_a_consult_that_refreshes_itself_keeps_a_screen_awake(house: House, asked: str) -> None:
    consult_id, start = house.consult_at(Status.CONSENTED), datetime.now(UTC)
    for minutes in range(0, 35, 5):
        house.now.append(start + timedelta(minutes=minutes))
        house.client.get(f"/consult/{consult_id}/{asked}", headers={"HX-Request": "true"})
    assert house.client.get("/").status_code == 303


def test_a_busy_screen_stays_open(house: House) -> None:
    start = datetime.now(UTC)
    for minutes in range(0, 90, 20):
        house.now.append(start + timedelta(minutes=minutes))
        assert house.client.get("/").status_code == 200


def test_logging_out_ends_the_session(house: House) -> None:
    cookies = dict(house.client.cookies)
    answer = house.post("/logout")
    assert answer.headers["location"] == "/login"
    assert '"cache"' in answer.headers["clear-site-data"]
    house.client.cookies.update(cookies)
    assert house.client.get("/").status_code == 303


def test_forms_are_small_and_urlencoded(house: House) -> None:
    token = house.token
    big = house.client.post("/taal", data={"token": token, "taal": "x" * 70_000})
    assert big.status_code == 413
    parts = house.client.post("/taal", data={"token": token}, files={"taal": b"en"})
    assert parts.status_code == 415


def test_there_are_no_generated_pages(house: House) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert house.client.get(path).status_code == 404


# --- errors --------------------------------------------------------------------------------------------------------


def all_errors() -> list[type[Exception]]:
    def below(kind: type[Exception]) -> Iterator[type[Exception]]:
        yield kind
        for sub in kind.__subclasses__():
            yield from below(sub)

    return [*below(errors.TranscribeError), ConsentMissing, ConsentProblem]


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_of_ours_has_a_status(kind: type[Exception]) -> None:
    status = status_of(kind.__new__(kind))
    assert status is not None
    assert 400 <= status < 600
    chosen = next(step for step in kind.__mro__ if step in STATUS)
    assert chosen is not errors.TranscribeError or kind is errors.TranscribeError, "decide which status it gets"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (errors.NotAllowed(role="assistente"), 403, "Als assistente mag u dit niet doen"),
        (errors.WrongStatus(status="concept"), 409, "status “concept”"),
        (errors.NoteHasOpenFlags(count=2), 409, "Nog 2 punt(en)"),
        (errors.InvalidInput(problem="Dit onderdeel is leeg."), 422, "Dit onderdeel is leeg."),
        (errors.Conflict(), 409, "intussen gewijzigd"),
        (errors.Erased(), 410, "vernietigd"),
        (errors.NotFound(), 404, "Niet gevonden"),
        (errors.SetupProblem(problem="schijf weg"), 503, "schijf weg"),
        (ConsentMissing(Purpose.RECORDING), 403, "geen toestemming"),
        (ConsentProblem("Iedereen in de kamer moet weten dat er wordt opgenomen en daarmee instemmen."), 422, "kamer"),
    ],
)
def test_an_error_is_a_dutch_page_a_fragment_or_json(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(house.workflow, "withdraw", fail)
    path = f"/consult/{uuid4()}/intrekken"
    page = house.post(path)
    fragment = house.post(path, htmx=True)
    script = house.post(path, accept="application/json")
    assert {page.status_code, fragment.status_code, script.status_code} == {status}
    assert "<!doctype html>" in page.text
    assert words in page.text
    assert fragment.text.startswith("<p ")
    assert fragment.headers["hx-retarget"] == "#melding"
    assert words in fragment.text
    assert words in script.json()["error"]


def test_an_unexpected_error_shows_a_number_and_tells_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(house.workflow, "edit_line", fail)
    with caplog.at_level(logging.DEBUG):
        answer = house.post(f"/consult/{house.consult_at(Status.CONSENTED)}/regel/L1/wijzig", versie="1", tekst=CANARY)
    assert answer.status_code == 500
    number = re.search(r"nummer: ([0-9a-f]{8})", answer.text)
    assert number
    assert CANARY not in answer.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("transcribe")]
    assert any(number.group(1) in line and "KeyError at test_web.py" in line for line in ours)
    assert CANARY not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


def test_a_disk_that_fails_is_said_and_no_more_is_promised_than_is_true(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, CANARY, CANARY)

    monkeypatch.setattr(house.workflow, "edit_line", fail)
    answer = house.post(f"/consult/{house.consult_at(Status.CONSENTED)}/regel/L1/wijzig", versie="1", tekst=CANARY)
    assert answer.status_code == 503
    assert "dit is niet bewaard" in answer.text
    assert "OSError EROFS at test_web.py" in caplog.text
    assert CANARY not in answer.text + caplog.text


def test_wrong_input_is_not_repeated(house: House) -> None:
    assert house.client.get(f"/consult/{CANARY}").status_code == 404
    assert CANARY not in house.client.get(f"/consult/{CANARY}").text
    consult_id = house.consult_at(Status.DRAFTED)
    answer = house.post(f"/consult/{consult_id}/regel/L1/wijzig", versie=CANARY, tekst="x")
    assert answer.status_code == 422
    assert CANARY not in answer.text
    assert "Het formulier is niet compleet" in answer.text


# --- from consent to draft -----------------------------------------------------------------------------------------


def test_an_empty_worklist_says_what_to_do(house: House) -> None:
    page = house.client.get("/").text
    assert "Nog geen consulten" in page
    assert "Nieuw consult" in page


def test_the_worklist_has_what_waits_for_the_doctor_first(house: House) -> None:
    # the one that still waits for its transcript last: the others need the worker
    for status in (Status.DRAFTED, Status.NEW, Status.APPROVED, Status.RECORDED):
        house.consult_at(status)
    page = house.client.get("/").text
    page = page[page.index('id="werklijst"') :]  # not the words of the search form
    order = [
        page.index(words)
        for words in ("Te controleren", "Wacht op uw controle", "Vraagt iets van u", "Akkoord, nog niet", "Bezig")
    ]
    assert order == sorted(order)
    assert "HIS-4711" in page
    assert 'hx-trigger="every 3s"' in page


def test_a_consult_is_found_by_reference_day_and_status(house: House) -> None:
    waiting, other = house.consult_at(Status.DRAFTED), house.consult_at(Status.NEW)
    today = datetime.now(PRACTICE_ZONE).date()

    def found(**fields: object) -> set[UUID]:
        answer = house.search(**{name: str(value) for name, value in fields.items()})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        return {one for one in (waiting, other) if f'id="c-{one}"' in answer.text}

    assert found() == found(kenmerk="his-4711", van=today, tot=today, deel="") == {waiting, other}
    assert found(deel="controle") == {waiting}
    assert found(kenmerk="HIS-47") == found(van=today + timedelta(days=1)) == set()
    assert "Geen consulten gevonden" in house.search(kenmerk="HIS-47").text
    for wrong in ({"van": "gisteren"}, {"deel": "x"}, {"tot": "9999-12-31"}):
        answer = house.search(**wrong)
        assert answer.status_code == 422
        assert "Kies het opnieuw" in answer.text
    assert house.client.get("/?deel=x").status_code == 422


def test_a_long_worklist_goes_on_on_another_page(house: House) -> None:
    """None falls off: the oldest is reached by going on."""
    made = [house.consult_at(Status.NEW) for _ in range(ROWS + 2)]
    page = house.client.get("/").text
    assert sum(f'id="c-{one}"' in page for one in made) == ROWS
    more = re.search(r'href="(/\?deel=bezig&amp;na=[^"]+)"', page)
    assert more is not None
    rest = house.client.get(html.unescape(more[1])).text
    assert {one for one in made if f'id="c-{one}"' in rest} == set(made[:2])
    assert "Terug naar de werklijst" in rest
    assert "Oudere tonen" not in rest


def test_a_quiet_worklist_does_not_poll(house: House) -> None:
    house.consult_at(Status.DRAFTED)
    assert "every" not in house.client.get("/werklijst").text


CONSENT = {"tekst": "mondeling-nl-2026-11-23", "leeftijd": ">=16", "gever": "patiënt", "antwoord": "ja"}


def test_consent_and_reference_on_one_page(house: House) -> None:
    page = house.client.get("/consult/nieuw").text
    assert current_text().body[:40] in page
    answer = house.post("/consult/nieuw", kenmerk=" HIS 1 ", **CONSENT)
    consult_id = UUID(answer.headers["location"].rsplit("/", 1)[1])
    assert house.consult(consult_id).status is Status.CONSENTED
    consent = house.store.consent(consult_id)
    assert consent is not None
    assert (consent.informed_by, consent.text_id) == ("Dr. Proef (huisarts)", "mondeling-nl-2026-11-23")
    assert 'type="file"' in house.client.get(f"/consult/{consult_id}").text


@pytest.mark.parametrize("answer", [None, "", "nee", "JA", "misschien"])
def test_nothing_but_an_explicit_yes_is_consent(house: House, answer: str | None) -> None:
    fields = {name: value for name, value in CONSENT.items() if name != "antwoord"}
    if answer is not None:
        fields["antwoord"] = answer
    assert house.post("/consult/nieuw", kenmerk="HIS 1", **fields).status_code >= 400
    assert house.workflow.search(Search()) == []


def test_a_refusal_is_recorded_and_ends_it(house: House) -> None:
    answer = house.post("/consult/nieuw", kenmerk="HIS 1", **(CONSENT | {"antwoord": "weigert"}))
    page = house.client.get(answer.headers["location"]).text
    assert "De weigering is vastgelegd" in page
    assert 'type="file"' not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"anderen": "ja"}, "Iedereen in de kamer"),
        ({"leeftijd": "<12"}, "ouder of voogd"),
        ({"leeftijd": "12-15", "gever": "ouder of voogd"}, "patiënt en ouder"),
        ({"kenmerk": "  "}, "Vul een patiëntkenmerk in"),
        ({"leeftijd": "oud"}, "formulier"),
        ({"tekst": "../../geheim"}, "formulier"),
    ],
)
def test_a_consent_that_cannot_be_is_said_so_and_nothing_is_made(
    house: House, fields: dict[str, str], words: str
) -> None:
    answer = house.post("/consult/nieuw", htmx=True, **({"kenmerk": "HIS 1"} | CONSENT | fields))
    assert answer.status_code == 422
    assert words in answer.text
    assert house.workflow.search(Search()) == []


def test_a_child_with_a_parent(house: House) -> None:
    fields = {"kenmerk": "HIS 1", "anderen": "ja", "anderen-akkoord": "ja"}
    answer = house.post("/consult/nieuw", **(CONSENT | fields | {"leeftijd": "<12", "gever": "ouder of voogd"}))
    assert answer.status_code == 303


def test_a_consult_without_consent_asks_for_it(house: House) -> None:
    consult_id = house.consult_at(Status.NEW)
    page = house.client.get(f"/consult/{consult_id}").text
    assert current_text().body[:40] in page
    house.post(f"/consult/{consult_id}/toestemming", **CONSENT)
    assert house.consult(consult_id).status is Status.CONSENTED


def put(house: House, consult_id: UUID, content: Any, layout: str = "huisarts-links") -> Any:
    headers = {
        "Content-Type": "application/octet-stream",
        "X-CSRF-Token": house.token,
        "Accept": "application/json",
    }
    return house.client.put(f"/consult/{consult_id}/opname/{layout}", content=content, headers=headers)


def test_an_upload_becomes_a_draft(house: House) -> None:
    consult_id = house.consult_at(Status.CONSENTED)
    answer = put(house, consult_id, iter([b"RI", b"", b"FF" * 1000]))
    assert (answer.status_code, answer.json()) == (201, {"page": f"/consult/{consult_id}"})
    assert house.consult(consult_id).channels == (Speaker.HUISARTS, Speaker.PATIENT)
    page = house.client.get(f"/consult/{consult_id}").text
    assert 'hx-trigger="every 1s"' in page
    found = house.store.take()
    assert found
    house.store.progress(consult_id, 5.0, found[1])
    assert "5 van 12 s uitgeschreven" in house.client.get(f"/consult/{consult_id}/voortgang").text
    house.store.take_over(found[1])
    house.service.work()
    assert house.client.get(f"/consult/{consult_id}/voortgang").headers["hx-refresh"] == "true"
    assert "AI-concept" in house.client.get(f"/consult/{consult_id}").text


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [(b"tekst van een brief", 415, "geen geluid"), (b"", 422, "leeg"), (b"x" * 1_000_001, 413, "groter dan 1 MB")],
)
def test_a_file_that_cannot_be_used_leaves_nothing(house: House, content: bytes, status: int, words: str) -> None:
    consult_id = house.consult_at(Status.CONSENTED)
    for body in (content, iter([content[:7], content[7:]])):
        answer = put(house, consult_id, body)
        assert answer.status_code == status
        assert words in answer.json()["error"]
    assert house.consult(consult_id).status is Status.CONSENTED
    assert house.audio.names(consult_id) == []


def test_no_consent_no_recording(house: House) -> None:
    consult_id = house.consult_at(Status.NEW)
    assert put(house, consult_id, b"RIFF").status_code == 409
    withdrawn = house.consult_at(Status.CONSENTED)
    house.workflow.withdraw(HUISARTS, withdrawn)
    assert put(house, withdrawn, b"RIFF").status_code == 409
    assert put(house, uuid4(), b"RIFF").status_code == 404
    assert put(house, withdrawn, b"RIFF", layout="anders").status_code == 404


def raw_put(house: House, path: str, messages: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """One upload message by message, as a server hands it over; gives what was answered."""
    cookie = "; ".join(f"{name}={value}" for name, value in house.client.cookies.items())
    headers = {
        "host": "127.0.0.1:8600",
        "cookie": cookie,
        "x-csrf-token": house.token,
        "content-type": "application/octet-stream",
    }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", 8600),
        "client": ("127.0.0.1", 1),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(house.app(scope, receive, send))
    return sent


def test_an_upload_is_taken_piece_by_piece(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next piece is asked for only when the one before was taken: a big file is never whole in memory."""
    steps: list[str] = []

    def take(actor: Actor, consult_id: UUID, chunks: Iterable[bytes], layout: object) -> None:
        steps.extend(f"taken {piece.decode()}" for piece in chunks)

    def give() -> Iterator[dict[str, Any]]:
        for piece in ("a", "b", "c", ""):
            steps.append(f"given {piece}")
            yield {"type": "http.request", "body": piece.encode(), "more_body": bool(piece)}

    monkeypatch.setattr(house.workflow, "receive", take)
    sent = raw_put(house, f"/consult/{house.consult_at(Status.CONSENTED)}/opname/gemengd", give())
    assert sent[0]["status"] == 201
    assert steps == ["given a", "taken a", "given b", "taken b", "given c", "taken c", "given "]


def test_an_upload_that_breaks_off_leaves_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    consult_id = house.consult_at(Status.CONSENTED)

    def give() -> Iterator[dict[str, Any]]:
        yield {"type": "http.request", "body": CANARY.encode(), "more_body": True}
        yield {"type": "http.disconnect"}

    with caplog.at_level(logging.DEBUG, logger="transcribe"):
        assert raw_put(house, f"/consult/{consult_id}/opname/gemengd", give()) == []
    assert house.consult(consult_id).status is Status.CONSENTED
    assert house.audio.names(consult_id) == []
    assert [record.getMessage() for record in caplog.records if record.name == "transcribe.web.guard"] == [
        "a client went away"
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [(Reason.NO_SPEECH, "Geen spraak gehoord"), (Reason.NO_MODEL, "transcribe models pull")],
)
def test_a_stop_says_why_and_what_to_do(house: House, reason: Reason, words: str) -> None:
    consult_id = house.consult_at(Status.RECORDED)
    house.stop(consult_id, reason)
    page = house.client.get(f"/consult/{consult_id}").text
    for text in (words, "Opnieuw proberen", "Andere opname kiezen", 'id="verwijderen"', "Terug naar de werklijst"):
        assert text in page
    house.post(f"/consult/{consult_id}/opnieuw")
    assert house.consult(consult_id).reason is None


def test_another_recording_takes_the_place_of_a_bad_one(house: House) -> None:
    consult_id = house.consult_at(Status.RECORDED)
    house.stop(consult_id, Reason.UNREADABLE)
    assert put(house, consult_id, b"RIFF", layout="gemengd").status_code == 201
    assert house.consult(consult_id).channels == (Speaker.ONBEKEND,)


# --- review --------------------------------------------------------------------------------------------------------


def test_flags_are_first_and_block_the_signature(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    page = house.client.get(f"/consult/{consult_id}").text
    assert "1 punt vraagt uw aandacht" in page
    assert page.index("aandacht") < page.index("regel-L1")
    assert re.search(r'<button id="akkoord"[^>]* disabled', page)
    assert "Geen bron" in page
    sha256 = re.search(r'name="sha256" value="(\w+)"', page)[1]  # type: ignore[index]
    refused = house.post(f"/consult/{consult_id}/akkoord", sha256=sha256)
    assert refused.status_code == 409
    assert house.consult(consult_id).status is Status.DRAFTED


def test_the_note_shows_its_source_what_was_left_out_and_what_will_be_copied(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcribe.steps.missed", lambda *_: (Missed(utterance=2, kind="vangnet"),))
    house.decoder.missing = (Span(start_s=6, end_s=8.5),)
    page = house.client.get(f"/consult/{house.consult_at(Status.DRAFTED)}").text
    assert 'data-evidence="1" ' in page
    assert 'data-spans="0.70-4.30"' in page
    assert "groet" in page
    assert "Mogelijk gemist: vangnet" in page
    assert "Een deel van de opname was niet te lezen." in page
    assert "Er ontbreekt 2.5 s" in page
    assert "beschadigd" in page
    assert f"S: {CANARY}\nP: Neusspray voorgeschreven.</pre>" in page


@pytest.mark.parametrize(
    ("lost", "dutch", "english"),
    [
        (
            (Span(start_s=3.5, end_s=5.0),),
            "Op 0:03 is gesproken, maar daar zijn geen woorden verstaan.",
            "Somebody spoke at 0:03, but no words were understood there.",
        ),
        (
            (Span(start_s=3.5, end_s=5.0), Span(start_s=66.0, end_s=68.0)),
            "Op 2 plaatsen is gesproken, maar daar zijn geen woorden verstaan.",
            "Somebody spoke in 2 places, but no words were understood there.",
        ),
    ],
)
def test_where_somebody_spoke_and_no_words_were_understood(lost: tuple[Span, ...], dutch: str, english: str) -> None:
    house = make_house(unheard=lost)
    with house.client:
        house.client.get(f"/start?ticket={house.access.ticket()}")
        base = f"/consult/{house.consult_at(Status.DRAFTED)}"
        consult_id = UUID(base.rpartition("/")[2])
        page = house.client.get(base).text
        assert dutch in page
        assert 'data-play="3.20-5.30" aria-label="Luister vanaf 0:03"' in page
        section = page[page.index('id="zaak-onverstaan"') :].partition("</li>")[0]
        assert section.count("data-play=") == len(lost)
        seen = house.workflow.review(HUISARTS, consult_id).seen["L2"]
        house.post(f"{base}/regel/L2/bevestig", htmx=True, versie=str(house.version(consult_id)), gezien=seen)
        sha256 = house.workflow.review(HUISARTS, consult_id).sha256
        assert house.post(f"{base}/akkoord", sha256=sha256).status_code == 409
        house.post("/taal", taal="en", terug="/")
        assert english in house.client.get(base).text
        done = house.post(f"{base}/gezien/onverstaan", htmx=True, versie=str(house.version(consult_id)))
        assert (done.status_code, english in done.text) == (200, False)
        assert house.post(f"{base}/akkoord", sha256=sha256).status_code == 303


def test_what_may_be_missed_and_harms_is_answered_before_the_signature(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = (Missed(utterance=2, kind="vangnet"), Missed(utterance=0, kind="klacht"))
    monkeypatch.setattr("transcribe.steps.missed", lambda *_: listed)
    house.decoder.missing = (Span(start_s=6, end_s=8.5),)
    consult_id = house.consult_at(Status.DRAFTED)
    base = f"/consult/{consult_id}"

    def act(path: str, **fields: str) -> str:
        answer = house.post(base + path, htmx=True, versie=str(house.version(consult_id)), **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def signs() -> int:
        sha256 = house.workflow.review(HUISARTS, consult_id).sha256
        return int(house.post(f"{base}/akkoord", sha256=sha256).status_code)

    page = house.client.get(base).text
    assert "3 punten vragen uw aandacht" in page  # a line, the damage, the safety net; the complaint may stay open
    assert "1 keer mogelijk gemist, mag open blijven" in page
    act("/regel/L2/bevestig", gezien=house.workflow.review(HUISARTS, consult_id).seen["L2"])
    assert signs() == 409
    act("/gezien/beschadigd")
    assert signs() == 409
    assert "1 keer mogelijk gemist staat nog open" in act("/hoeft-niet", uiting="2")
    assert "1 punt vraagt uw aandacht" in act("/ongedaan")
    assert signs() == 409
    act("/hoeft-niet", uiting="2")
    assert signs() == 303
    (entry,) = house.store.ledger(datetime.now(UTC).date() - timedelta(days=1))
    assert entry.checked.missed == Answered(taken=0, dismissed=1, open=1)


def test_what_was_not_listed_cannot_be_dismissed(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    answer = house.post(f"/consult/{consult_id}/hoeft-niet", versie=str(house.version(consult_id)), uiting="1")
    assert answer.status_code == 404


def test_a_reopened_note_says_what_the_his_has_until_it_is_copied_anew(house: House) -> None:
    consult_id = house.consult_at(Status.APPROVED)
    base = f"/consult/{consult_id}"
    assert 'id="eerder"' not in house.client.get(base).text
    house.workflow.deliver(HUISARTS, consult_id)
    house.workflow.edit_line(HUISARTS, consult_id, house.version(consult_id), "L2", "Rust.")
    page = house.client.get(base).text
    assert "vervang dat in het HIS" in page
    assert "<del>P: Neusspray voorgeschreven.</del>" in page
    assert "<ins>P: Rust.</ins>" in page
    assert "AI-concept" not in page
    confirm_seen(house.workflow, HUISARTS, consult_id, "L2")
    house.workflow.approve(HUISARTS, consult_id, house.workflow.review(HUISARTS, consult_id).sha256)
    page = house.client.get(base).text
    assert "vervang dat in het HIS" in page
    assert "Bij het eerste akkoord:" in page
    house.workflow.deliver(HUISARTS, consult_id)
    assert 'id="eerder"' not in house.client.get(base).text


def test_what_was_found_can_be_gone_back_to_and_by_nobody_else(house: House) -> None:
    house.consult_at(Status.NEW)
    answer = house.post("/zoeken", kenmerk="HIS-4711")
    place = answer.headers["location"]
    assert answer.status_code == 303
    assert "4711" not in place
    for _ in range(2):
        page = house.client.get(place)
        assert page.status_code == 200
        assert "HIS-4711" in page.text
    assert house.actions().count(Action.SEARCHED) == 1
    house.client.cookies.clear()
    house.client.get(f"/start?ticket={house.access.ticket()}")
    assert house.client.get(place).headers["location"] == "/"


def test_the_answer_to_an_edit_leaves_the_conversation_out(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    assert house.client.get(f"/consult/{consult_id}").text.count('class="utterance ') == len(SPOKEN)
    path = f"/consult/{consult_id}/regel/L2/bevestig"
    seen = house.workflow.review(HUISARTS, consult_id).seen["L2"]
    answer = house.post(path, htmx=True, versie=str(house.version(consult_id)), gezien=seen)
    assert "data-talk" in answer.text
    assert 'class="utterance ' not in answer.text


def test_nothing_of_a_note_goes_to_the_maker_of_the_browser(house: House) -> None:
    """Neither to its spelling service nor to its translator."""
    page = house.client.get(f"/consult/{house.consult_at(Status.DRAFTED)}").text
    assert re.search("<html[^>]* translate=.no.", page)
    areas = re.findall("<textarea[^>]*>", page)
    assert areas
    assert all('spellcheck="false"' in area for area in areas)


def test_a_page_that_is_not_there_leads_to_the_worklist(house: House) -> None:
    page = house.client.get(f"/consult/{uuid4()}")
    assert page.status_code == 404
    assert 'class="button" href="/"' in page.text


def test_what_was_not_recorded_is_told_where_it_is_signed(house: House) -> None:
    house.decoder.unrecorded = (
        Unrecorded(kind=Unheard.GAP, at_s=0.5, length_s=10.0),
        Unrecorded(kind=Unheard.ASIDE, at_s=9.0, length_s=40.0),
    )
    page = house.client.get(f"/consult/{house.consult_at(Status.DRAFTED)}").text
    assert re.search(r'id="niet-opgenomen">Van 10 s .*\s+<span class="gap">0:00–0:10</span>', page)
    talk = page[page.index('id="gesprek-') :]
    places = [talk.index(text) for text in ('id="uiting-0"', "10 s niet opgenomen", 'id="uiting-1"')]
    assert places == sorted(places)
    assert talk.rindex('id="uiting-') < talk.index("buiten verslag, 40 s")


def test_a_recording_that_nobody_stopped_says_where_the_rest_may_be(house: House) -> None:
    house.decoder.unrecorded = (Unrecorded(kind=Unheard.LEFT, at_s=float(SECONDS), length_s=0.0),)
    page = house.client.get(f"/consult/{house.consult_at(Status.DRAFTED)}").text
    assert f'id="niet-gestopt">Niemand heeft deze opname gestopt. Na 0:{SECONDS} kwam' in page
    talk = page[page.index('id="gesprek-') :]
    assert talk.rindex('id="uiting-') < talk.index("hierna kwam geen geluid meer binnen")


def test_lines_are_edited_confirmed_removed_put_back_and_added(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    base = f"/consult/{consult_id}"

    def act(path: str, **fields: str) -> str:
        answer = house.post(base + path, htmx=True, versie=str(house.version(consult_id)), **fields)
        assert answer.status_code == 200, answer.text
        assert answer.text.lstrip().startswith("<article")
        return str(answer.text)

    seen = house.workflow.review(HUISARTS, consult_id, first=False).seen["L2"]
    assert "bevestigd" in act("/regel/L2/bevestig", gezien=seen)
    page = act("/regel/L2/wijzig", tekst="Neusspray <b>2 dd</b>")
    assert "Neusspray &lt;b&gt;2 dd&lt;/b&gt;" in page
    assert "vraagt uw aandacht" in page
    assert "1 regel verwijderd" in act("/regel/L2/verwijder")
    assert "1 regel verwijderd" not in act("/regel/L2/terug")
    assert "Zo nodig terug." in act("/regel", onderdeel="P", verslag="R1", tekst="Zo nodig terug.")
    act("/uiting", neem="2-P")
    line = house.store.note(consult_id)[1].line("L4")  # type: ignore[index]
    assert (line.text, line.evidence, line.section) == ("Bellen als het erger wordt.", (2,), Section.P)


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/regel/L9/bevestig", {"gezien": "0" * 64}, 404),
        ("/regel/L2/bevestig", {}, 422),
        ("/regel/L2/bevestig", {"gezien": "0" * 64}, 409),
        ("/regel", {"onderdeel": "X", "tekst": "x"}, 422),
        ("/regel", {"onderdeel": "S", "tekst": " "}, 422),
        ("/regel", {"onderdeel": "S", "tekst": "x", "verslag": "R9"}, 404),
        ("/uiting", {"neem": "99-S"}, 404),
        ("/uiting", {"neem": "-1-S"}, 422),
        ("/uiting", {"neem": "1"}, 422),
        ("/kopie/X", {"sha256": "0" * 64}, 409),
    ],
)
def test_what_is_not_there_cannot_be_changed(house: House, path: str, fields: dict[str, str], status: int) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    before = house.version(consult_id)
    answer = house.post(f"/consult/{consult_id}{path}", htmx=True, versie=str(before), **fields)
    assert answer.status_code == status
    assert house.version(consult_id) == before


def test_two_tabs_do_not_overwrite_each_other(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    old = str(house.version(consult_id))
    assert house.post(f"/consult/{consult_id}/regel/L1/wijzig", versie=old, tekst="eerste").status_code == 303
    second = house.post(f"/consult/{consult_id}/regel/L1/wijzig", htmx=True, versie=old, tekst="tweede")
    assert second.status_code == 409
    assert "intussen gewijzigd" in second.text


def test_an_open_page_hears_of_what_happened_elsewhere(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    version = house.version(consult_id)
    ask = f"/consult/{consult_id}/stand"
    assert house.client.get(f"{ask}/{version}").status_code == 204
    confirm_seen(house.workflow, HUISARTS, consult_id, "L2")
    assert "intussen gewijzigd" in house.client.get(f"{ask}/{version}").text
    house.workflow.approve(HUISARTS, consult_id, house.workflow.review(HUISARTS, consult_id).sha256)
    assert house.client.get(f"{ask}/{version}").headers["hx-refresh"] == "true"  # what it shows was destroyed
    signed = house.version(consult_id)
    assert "hx-refresh" not in house.client.get(f"{ask}/{signed}").headers
    house.workflow.deliver(HUISARTS, consult_id)
    assert house.client.get(f"{ask}/{signed}").headers["hx-refresh"] == "true"
    house.workflow.withdraw(HUISARTS, consult_id)
    assert house.client.get(f"{ask}/{version}").headers["hx-refresh"] == "true"


def test_only_the_shown_text_is_signed(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    confirm_seen(house.workflow, HUISARTS, consult_id, "L2")
    shown = house.workflow.review(HUISARTS, consult_id).sha256
    house.workflow.edit_line(HUISARTS, consult_id, house.version(consult_id), "L1", "anders")
    confirm_seen(house.workflow, HUISARTS, consult_id, "L1")
    answer = house.post(f"/consult/{consult_id}/akkoord", sha256=shown)
    assert answer.status_code == 409
    assert "gewijzigd sinds u het zag" in answer.text


def test_from_approval_to_copy_and_back(house: House) -> None:
    consult_id = house.consult_at(Status.APPROVED)
    base = f"/consult/{consult_id}"
    page = house.client.get(base).text
    assert "Akkoord van Dr. Proef" in page
    assert "Opname, transcript en concept" in page
    copied = house.copy(consult_id, "S")
    assert copied.json()["text"] == CANARY
    assert re.fullmatch(r"\d\d:\d\d", copied.json()["at"])
    assert "gekopieerd" in house.client.get(base).text
    assert house.copy(consult_id, "O").status_code == 422
    assert CANARY in house.copy(consult_id, "alles", accept="text/html").text

    change = house.client.get(f"{base}/wijzigen").text
    assert "vervalt het akkoord" in change
    assert house.consult(consult_id).status is Status.DELIVERED
    version = str(house.version(consult_id))
    assert house.post(f"{base}/regel/L1/wijzig", versie=version, tekst="anders").status_code == 303
    assert house.copy(consult_id, "S").status_code == 409
    reopened = house.client.get(base).text
    assert "Gewijzigd na akkoord" in reopened
    assert "Kopieer S" not in reopened
    assert house.client.get(f"{base}/wijzigen").headers["location"] == base


def test_withdrawal_destroys_and_shows_the_certificates(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    assert "Ja, intrekken en vernietigen" in house.client.get(f"/consult/{consult_id}").text
    house.post(f"/consult/{consult_id}/intrekken")
    page = house.client.get(f"/consult/{consult_id}").text
    assert "De toestemming is ingetrokken" in page
    assert page.count("vernietigd op") == page.count("wat er nog ligt van bestanden") == 2
    one = house.store.certificates(consult_id)[0]
    house.store.clear([one], one.destroyed_at)
    cleared = house.client.get(f"/consult/{consult_id}").text
    assert (cleared.count("vernietigd op"), cleared.count("wat er nog ligt van bestanden")) == (2, 1)
    assert "HIS-4711" not in page
    assert CANARY not in page
    assert house.client.get(f"/consult/{consult_id}/audio").status_code == 410


@pytest.mark.parametrize(("path", "status"), [("verwijderen", Status.DRAFTED), ("wissen", Status.APPROVED)])
def test_discard_and_erase(house: House, path: str, status: Status) -> None:
    consult_id = house.consult_at(status)
    house.post(f"/consult/{consult_id}/{path}")
    assert house.consult(consult_id).status in {Status.DISCARDED, Status.ERASED}
    assert "de sleutels ervan bestaan hier niet meer" in house.client.get(f"/consult/{consult_id}").text


def test_an_assistant_sees_the_list_but_no_note() -> None:
    house = make_house(actor=Actor(name="A. Proef", role=Role.ASSISTENTE))
    house.client.get(f"/start?ticket={house.access.ticket()}")
    consult_id = house.consult_at(Status.DRAFTED)
    page = house.client.get(f"/consult/{consult_id}")
    assert page.status_code == 200
    assert CANARY not in page.text
    assert house.client.get(f"/consult/{consult_id}/audio").status_code == 403


def test_no_draft_text_leaves_by_another_route_than_the_review_page(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    review = {f"/consult/{consult_id}"}
    for method, pattern in routes(house.app):
        path = path_of(pattern, consult_id)
        if method != "GET" or path in review:
            continue
        assert CANARY not in house.client.get(path).text, path
    for part in "SOEP":
        answer = house.copy(consult_id, part)
        assert answer.status_code == 409
        assert CANARY not in answer.text
    assert CANARY in house.client.get(f"/consult/{consult_id}").text


# --- listening -----------------------------------------------------------------------------------------------------


def test_the_recording_is_a_wav_that_can_be_entered_anywhere(house: House) -> None:
    path = f"/consult/{house.consult_at(Status.DRAFTED)}/audio"
    size = 44 + SECONDS * RATE_HZ * 4
    whole = house.client.get(path)
    assert whole.status_code == 200
    assert len(whole.content) == size == int(whole.headers["content-length"])
    assert whole.content[:44] == wav_header(size - 44, 2)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"] == "no-store"
    second = 44 + 5 * RATE_HZ * 4
    for header, first, last in [
        (f"bytes={second}-{second + 9}", second, second + 9),
        ("bytes=40-47", 40, 47),
        ("bytes=0-0", 0, 0),
        ("bytes=-3", size - 3, size - 1),
        (f"bytes={size - 2}-", size - 2, size - 1),
        (f"bytes=4-{size * 2}", 4, size - 1),
    ]:
        part = house.client.get(path, headers={"Range": header})
        assert part.status_code == 206, header
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.content == whole.content[first : last + 1]
    beyond = house.client.get(path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    head = house.client.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(size))
    assert house.actions().count(Action.AUDIO_PLAYED) == 1


@pytest.mark.parametrize("header", ["", "bytes=", "bytes=-", "bytes=9-4", "bytes=0-1,3-4", "items=0-1", "bytes=a-b"])
def test_a_range_that_makes_no_sense_is_the_whole(header: str) -> None:
    assert byte_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be(header: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        byte_range(header, 100)


def test_near_pieces_are_played_as_one() -> None:
    assert spans([(4, 5), (0, 1), (1.5, 2)]) == "0.00-2.30 3.70-5.30"
    assert spans([]) == ""


# --- pages in general ----------------------------------------------------------------------------------------------


def test_a_demo_says_so_on_every_page() -> None:
    house = make_house(demo=DemoInfo(model="demo-nl 2", wer_demo="9 %", wer_open="87 %"))
    house.client.get(f"/start?ticket={house.access.ticket()}")
    consult_id = house.consult_at(Status.DRAFTED)
    for path in ("/", "/login", "/consult/nieuw", f"/consult/{consult_id}", "/bestaat-niet"):
        page = house.client.get(path).text
        for words in ("Demo, niet voor patiënten", "synthetische stemmen", "9 %", "87 %"):
            assert words in page, path


def test_the_screens_speak_english_when_asked(house: House) -> None:
    answer = house.post("/taal", taal="en", terug="/consult/nieuw")
    assert answer.headers["location"] == "/consult/nieuw"
    page = house.client.get("/consult/nieuw").text
    assert '<html lang="en"' in page
    assert "New consultation" in page
    assert current_text("en").body[:40] in page
    house.post("/taal", taal="xx")
    assert '<html lang="en"' in house.client.get("/").text


def test_no_title_and_no_address_names_a_patient(house: House) -> None:
    for status in (Status.CONSENTED, Status.DRAFTED, Status.APPROVED):
        page = house.client.get(f"/consult/{house.consult_at(status)}").text
        assert "HIS-4711" not in re.search(r"<title>(.*?)</title>", page, re.DOTALL)[1]  # type: ignore[index]
        assert not [link for link in re.findall(r'(?:href|action|src)="([^"]*)"', page) if "HIS" in link or "?" in link]


WEB = Path(__file__).parents[2] / "transcribe" / "web"


def test_templates_hold_no_script_or_style_of_their_own() -> None:
    """The content security policy would stop it, in front of the user."""
    for path in (WEB / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|\son[a-z]+=|hx-on|javascript:|js:|<style|<script(?![^>]*\bsrc=)", text), (
            path.name
        )


def test_vendored_files_are_what_they_were() -> None:
    vendor = WEB / "static" / "vendor"
    listed = dict(line.split("  ")[::-1] for line in (vendor / "SHA256SUMS").read_text().splitlines())
    present = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in vendor.iterdir()}
    present.pop("SHA256SUMS")
    assert present == listed


def fetched(house: House, page: str) -> int:
    """Bytes of the static files that a page loads, as they go over the line."""
    static = house.app.state.web.pages.static
    wanted, seen = set(re.findall(r'(?:src|href)="/static/\w+/([^"]+)"', page)), set[str]()
    while wanted:
        seen.add(name := wanted.pop())
        text = static.get(name).body.decode()
        assert not re.search(r'^import [^"]*"\./', text, re.MULTILINE), f"{name} waits for other files"
        wanted |= set(re.findall(r'url\("([^"]+)"\)', text)) - seen
    assert "review.page.js" in seen
    return sum(len(static.get(name).packed) for name in seen)


def test_a_page_waits_for_two_scripts_and_a_style(house: House) -> None:
    """Over a slow line each further file is a wait."""
    page = house.client.get(f"/consult/{house.consult_at(Status.DRAFTED)}").text
    named = re.findall(r'(?:src|href)="/static/[^"/]+/([^"]+\.(?:js|css))"', page)
    assert sorted(named) == ["app.css", "review.page.js", "vendor/htmx-4.0.1.min.js"]
    assert "modulepreload" not in page


#: By whom a page is asked for: the person.
AS_A_BROWSER = {"Sec-Fetch-Site": "none"}


def test_a_review_page_is_light(house: House) -> None:
    """Everything a first visit fetches but the sound; on the wire, as a browser asks for it."""
    page = house.client.get(f"/consult/{house.consult_at(Status.DRAFTED)}", headers=AS_A_BROWSER)
    assert fetched(house, page.text) < 45_000
    assert int(page.headers["content-length"]) < 9_000
    css = re.search(r'href="(/static/[^"]+\.css)"', page.text)[1]  # type: ignore[index]
    plain = house.client.get(css, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert house.client.get(css).text == plain.text


def test_a_page_is_compressed_for_our_own_pages_and_for_the_person_alone(house: House) -> None:
    """Who makes her browser ask again and again sees from the lengths nothing of what is in the answers."""
    page = f"/consult/{house.consult_at(Status.DRAFTED)}"
    packed = {}
    for asks in ("same-origin", "none", "same-site", "cross-site", ""):
        answer = house.client.get(page, headers={"Sec-Fetch-Site": asks} if asks else {})
        assert CANARY in answer.text
        packed[asks] = "content-encoding" in answer.headers
    assert packed == {"same-origin": True, "none": True, "same-site": False, "cross-site": False, "": False}
    unasked = house.client.get(page, headers={"Sec-Fetch-Site": "none", "Accept-Encoding": "identity"})
    assert "content-encoding" not in unasked.headers


def test_the_review_page_of_a_long_talk_is_light() -> None:
    """Twelve and a half minutes in 250 utterances, 24 lines: the page, and the answer to each edit."""
    words = ["daar", "heb", "ik", "nu", "al", "wat", "langer", "last", "van"]
    talk = tuple(
        Utterance(
            speaker=(Speaker.HUISARTS, Speaker.PATIENT)[i % 2],
            start_s=3 * i,
            end_s=3 * i + 2.8,
            text=" ".join(words),
            words=tuple(
                Word(text=word, start_s=3 * i + 0.3 * j, end_s=3 * i + 0.3 * j + 0.3, probability=0.9)
                for j, word in enumerate(words)
            ),
        )
        for i in range(250)
    )
    lines = tuple(
        Line(id=f"L{i}", section=list(Section)[i % 4], text="Heeft daar al langer last van.", evidence=(10 * i,))
        for i in range(24)
    )
    made = make_house(draft=Note(reports=(Report(id="R1", lines=lines),), next_line=24), talk=talk)
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        consult_id = made.consult_at(Status.DRAFTED)
        made.client.headers.update(AS_A_BROWSER)
        page = made.client.get(f"/consult/{consult_id}")
        packed = fetched(made, page.text)
        path = f"/consult/{consult_id}/regel/L0/verwijder"
        answer = made.post(path, htmx=True, versie=str(made.version(consult_id)))
    assert answer.status_code == 200
    assert int(page.headers["content-length"]) + packed < 80_000
    assert int(answer.headers["content-length"]) < 12_000


def test_the_catalogues_are_complete_and_fresh() -> None:
    from transcribe.locale.__main__ import LANGUAGES, missing, po_path, read, sentences, updated

    for language in LANGUAGES:
        catalog = updated(language)
        assert [message.id for message in missing(catalog)] == [], "run: python -m transcribe.locale"
        for path in (po_path(language), po_path(language).with_suffix(".mo")):
            assert sentences(read(path)) == sentences(catalog), "run: python -m transcribe.locale"
