"""Every route with what its schema allows and with what it does not (schemathesis), on the service as it is put
together, with PostgreSQL: as nobody, and as a huisarts who manages the others.

The app serves no schema; one is made of it here. What FastAPI can't know, the fields of forms, is read from the forms
of our own pages, with the values that stand in them. A route that is added is tried too.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from inspect import signature
from typing import Any
from urllib.parse import quote, unquote, urlencode
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from consent import How
from tests.clinic import BASE, PASSWORD, Clock, Desk
from tests.integration.test_web import DRAFT, OPEN, SPOKEN, api_routes, make_house
from tests.integration.test_web_attacks import harm
from transcribe.accounts import Account
from transcribe.app import Service, access_key, make_web, open_service
from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.batch.manifest import COLUMNS
from transcribe.consult import Action, Actor, AuditEvent, Change, KeyPurpose, Role, Status
from transcribe.contact import Contact, ContactType
from transcribe.ports import Entry
from transcribe.run import consent_given
from transcribe.settings import Settings
from transcribe.soep.note import Missed, Note
from transcribe.staff import _person
from transcribe.store.database import database_url
from transcribe.store.sessions import PostgresSessions
from transcribe.testing import confirm_seen
from transcribe.web.access import Access, _digest
from transcribe.web.requests import FORM_TYPE
from transcribe.web.rights import name_of
from transcribe.web.views import Layout
from transcribe.workflow import PCM

schemathesis = pytest.importorskip("schemathesis", reason="the extra dev installs it")
GenerationMode = schemathesis.GenerationMode

#: In what is sent as free text, to be found again where it must not be.
SIGN = "kanarieveer"
#: How each route is tried: by its schema or against it, with the sign in free text or as it is, so many times.
TRIED = ((GenerationMode.POSITIVE, "", 3), (GenerationMode.POSITIVE, SIGN, 2), (GenerationMode.NEGATIVE, SIGN, 2))
#: Nothing is behind them here: no worker, and a provider that is not there.
AWAY = {"/health/ready", "/login/elders"}


@dataclass
class Field:
    values: set[str] = field(default_factory=set)  # that stand in the page, or can be chosen there
    free: bool = False  # anything can be typed
    wanted: bool = False

    def schema(self) -> dict[str, object]:
        listed = {"enum": sorted(self.values)}
        if not self.free:
            return listed
        text = {"type": "string", "maxLength": 200}
        return {"anyOf": [listed, text]} if self.values else text


#: What scripts send, without a form on a page.
BY_SCRIPT: dict[str, dict[str, Field]] = {
    "/consult/{consult_id}/getypt": {
        "regel": Field(values={"L1", "nieuw-R1-S"}, free=True, wanted=True),
        "tekst": Field(free=True, wanted=True),
        "tabblad": Field(free=True),
        "begin": Field(free=True),
        "naast": Field(free=True),
    },
    "/consult/{consult_id}/opname/begin": {"layout": Field(values={one.value for one in Layout}, wanted=True)},
    "/consult/{consult_id}/opname/verder": {"versie": Field(values={"1", "2", "3"}, wanted=True)},
    "/opnamen/consult": {
        **{column: Field(free=True) for column in COLUMNS},
        "toestemming": Field(values={"", "mondeling", "weigert"}, free=True),
        "anderen": Field(values={"geen"}, free=True),
        "soort": Field(values={"videoconsult"}, free=True),
        "sha256": Field(values={"ab" * 32}, free=True),
    },
}
RAW = dict.fromkeys(
    ("/consult/{consult_id}/opname/{layout}", "/opnamen/{consult_id}/{layout}", "/stem/{version}"),
    "application/octet-stream",
)
#: Read a form that only another program sends, or that stands on a page nobody comes to here.
WITHOUT_A_PAGE = {"/his"}
STAGES = (Status.NEW, Status.CONSENTED, Status.RECORDING, Status.DRAFTED, Status.APPROVED)


# --- the forms of our pages ------------------------------------------------------------------------------------------


class FormReader(HTMLParser):
    """The fields of each form that is posted, by its address; and where the page leads."""

    TYPED = frozenset({"text", "search", "date", "datetime-local", "time", "password", "number"})

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, Field]] = {}
        self.links: set[str] = set()
        self._ids: dict[str, str] = {}
        self._loose: list[tuple[str, str, dict[str, str]]] = []  # of a form elsewhere in the page
        self._here: str | None = None
        self._select: tuple[str | None, dict[str, str]] = (None, {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        had = {name: value or "" for name, value in attrs}
        for link in (had.get("href", "") if tag == "a" else "", had.get("hx-get", "")):
            if link.startswith("/"):
                self.links.add(link.partition("#")[0])
        if tag == "form" and had.get("method", "").lower() == "post":
            self._here = had["action"]
            self.forms.setdefault(self._here, {})
            self._ids[had.get("id", "")] = self._here
        elif tag == "option":
            self._take("option", self._select[0], {**self._select[1], "value": had.get("value", "")})
        elif tag in {"input", "select", "textarea", "button"}:
            if tag == "select":
                self._select = (self._here, had)
            elif "form" in had:
                self._loose.append((had["form"], tag, had))
            else:
                self._take(tag, self._here, had)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._here = None

    def close(self) -> None:
        super().close()
        for form_id, tag, had in self._loose:
            self._take(tag, self._ids.get(form_id), had)

    def _take(self, tag: str, action: str | None, had: dict[str, str]) -> None:
        name = had.get("name", "")
        if action is None or not name or name == "token":
            return
        found = self.forms[action].setdefault(name, Field())
        kind = had.get("type", "text")
        found.free |= tag == "textarea" or (tag == "input" and kind in self.TYPED)
        found.wanted |= "required" in had or kind == "hidden"
        if tag != "textarea":
            found.values.add(had.get("value", "on" if kind in {"checkbox", "radio"} else ""))


# --- the service -----------------------------------------------------------------------------------------------------


@dataclass
class Here:
    """A service with one account that manages, and somebody's browser."""

    service: Service
    access: Access
    app: ASGIApp
    login: str
    reached: set[str] = field(default_factory=set)  # modules and names of the endpoints that requests came to

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            if (endpoint := scope.get("endpoint")) is not None:
                self.reached.add(name_of(endpoint))

    def browser(self) -> TestClient:
        return TestClient(self, base_url=BASE, follow_redirects=False, raise_server_exceptions=False)

    def account(self, login: str) -> Any:
        assert self.service.accounts is not None
        return self.service.accounts._accounts.by_login(login)

    def logged_in(self, path: str) -> tuple[TestClient, str]:
        """A browser of whoever that page is for, and the token of its forms."""
        stage, login = Entry.OPEN, self.login
        if path == "/login/code":
            stage = Entry.CODE
        elif path.startswith("/welkom"):
            stage, login = Entry.ENROL, self.invited()[0].login
        client = self.browser()
        session_id = self.access.open(stage, self.account(login))
        client.cookies.set("transcribe-8600", session_id)
        session = self.access._sessions.find(_digest(session_id))
        assert session is not None
        return client, session.token

    def invited(self) -> tuple[Account, str]:
        """Somebody new, and the code of the invitation."""
        assert self.service.accounts is not None
        number = uuid4().hex[:12]
        return self.service.accounts.invite(
            _person(self.account(self.login)), name=f"C. {number}", login=f"c{number}", role="poh", manages=False
        )

    def rule(self) -> UUID:
        preferences, name = self.service.preferences, self.actor.name
        preferences.add_rule(name, "hoofdpijn", uuid4().hex)
        return preferences.rules(name)[-1].id

    @property
    def actor(self) -> Actor:
        found: Actor = self.account(self.login).actor
        return found

    def consult_at(
        self,
        status: Status,
        *,
        kind: ContactType | None = None,
        note: Note = DRAFT,
        talk: Sequence[Utterance] = SPOKEN,
    ) -> UUID:
        workflow, actor, store = self.service.workflow, self.actor, self.service.store
        consult = workflow.create(actor, "HIS-4711", contact=Contact(kind=kind))
        if status is Status.NEW:
            return consult.id
        workflow.record_consent(actor, consult.id, consent_given(How.SPOKEN, actor.name, others_informed=True))
        if status is Status.RECORDING:
            self.service.recorder.start(actor, consult.id, (Speaker.HUISARTS, Speaker.PATIENT))
        if status in {Status.CONSENTED, Status.RECORDING}:
            return consult.id
        workflow._audio.write(consult.id, PCM, store.data_key(consult.id, KeyPurpose.SOURCE), [bytes(32_000)])
        consult = store.consult(consult.id)
        drafted = replace(consult, status=Status.DRAFTED, version=consult.version + 1)
        event = AuditEvent(
            at=datetime.now(UTC), actor="transcribe", role=Role.SYSTEEM, action=Action.DRAFTED, consult_id=consult.id
        )
        heard = Transcript(utterances=tuple(talk), model="proef@1", duration_s=12.0)
        store.apply(Change(consult=drafted, audit=event, transcript=heard, note=note))
        if status is Status.APPROVED:
            confirm_seen(workflow, actor, consult.id, "L2")
            workflow.approve(actor, consult.id, workflow.review(actor, consult.id).sha256)
        return consult.id


@pytest.fixture(scope="module")
def here(postgres_server: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    with postgres_server("").database() as url:
        config = Settings(
            data_dir=tmp_path_factory.mktemp("praktijk"),
            database_url=url,
            icpc=True,
            min_free_percent=0,
            oidc_issuer="http://127.0.0.1:9",
            oidc_name="Dezi",
            oidc_client_id="proef",
            allowed_hosts="127.0.0.1",
        )
        with open_service(config) as service, PostgresSessions(url) as sessions:
            access = Access(access_key(config.data_dir), sessions)
            made = Here(service=service, access=access, app=make_web(service, access), login="a.jansen")
            desk = Desk(clinic=Clock(now=datetime.now(UTC)), login=made.login, client=made.browser())
            assert desk.begin_set_up(access.ticket()).status_code == 303
            desk.enrol()
            assert service.accounts is not None
            boss = _person(made.account(made.login))
            service.accounts.invite(boss, name="P. Zorg", login="p.zorg", role="poh", manages=False)
            yield made


#: Of the schema: parts of an address that stand for something, and what there is of it.
PARTS = {"line_id": "L1", "report_id": "R1", "part": "S", "version": "1", "name": "app.css"}


def consults(here: Here) -> Iterator[UUID]:
    """In every state in which a page has other forms."""
    workflow, actor = here.service.workflow, here.actor
    yield from map(here.consult_at, STAGES)
    for status in (Status.CONSENTED, Status.DRAFTED):
        yield here.consult_at(status, kind=ContactType.VIDEO)
    yield here.consult_at(Status.DRAFTED, talk=[replace(one, speaker=Speaker.ONBEKEND) for one in SPOKEN])
    yield here.consult_at(Status.DRAFTED, note=replace(DRAFT, missed=(Missed(utterance=1, kind="allergie"),)))

    def version() -> int:
        return here.service.store.consult(made).version

    made = here.consult_at(Status.DRAFTED)
    workflow.move_line(actor, made, version(), "L1", None)
    workflow.remove_line(actor, made, version(), "L2")
    yield made
    made = here.consult_at(Status.DRAFTED)
    workflow.remove_line(actor, made, version(), "L2")
    workflow.undo(actor, made, version())
    yield made
    made = here.consult_at(Status.DRAFTED)
    closed = here.service.store.consult(made)
    workflow._writer.apply(actor, closed, Action.CLOSED, readers=("W. Neem",))  # to whoever looks
    yield made
    made = here.consult_at(Status.DRAFTED)
    workflow.pass_on(Actor(name="P. Zorg", role=Role.POH), made, version(), actor.name, "Graag nakijken.")
    yield made
    made = here.consult_at(Status.DRAFTED)
    workflow.pass_on(actor, made, version(), "P. Zorg")
    yield made
    for doctor in (actor, Actor(name="W. Neem", role=Role.WAARNEMER)):
        made = here.consult_at(Status.DRAFTED)
        workflow.close(doctor, made, version())
        yield made


def pages(here: Here) -> Iterator[str]:
    """What a huisarts who manages can come to, and who is on the way in."""
    here.rule()
    here.service.preferences.add_word(here.actor.name, "Xarelto")
    made = list(consults(here))
    todo = ["/", "/consult/nieuw", *(f"/consult/{one}" for one in made), f"/consult/{made[len(STAGES) - 1]}/wijzigen"]
    client, _ = here.logged_in("/")
    seen = {"/login/elders"}
    while todo and len(seen) < 100:
        path = todo.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = client.get(path)
        if answer.is_redirect:
            todo.append(answer.headers["location"])
        if "text/html" in answer.headers.get("content-type", ""):
            reader = FormReader()
            reader.feed(answer.text)
            todo += sorted(link for link in reader.links if not link.startswith(("/consult/", "/toestemming/")))
            yield answer.text
    for path in ("/login", f"/uitnodiging?code={here.invited()[1]}", "/login/code", "/welkom/begin"):
        client, token = here.logged_in(path)
        yield client.get(path).text
    # the page after it
    client.post("/welkom/begin", data={"token": token, "wachtwoord": PASSWORD, "nogmaals": PASSWORD})
    yield client.get("/welkom/begin").text


@pytest.fixture(scope="module")
def forms(here: Here) -> dict[str, dict[str, Field]]:
    """Fields by the pattern of the address that they are posted to."""
    patterns = {
        route.path_format: route.path_regex for route in api_routes(make_house().app) if "POST" in route.methods
    }
    found = dict(BY_SCRIPT)
    for page in pages(here):
        reader = FormReader()
        reader.feed(page)
        reader.close()
        for action, fields in reader.forms.items():
            for pattern in (one for one, regex in patterns.items() if regex.match(action)):
                known = found.setdefault(pattern, {})
                for name, one in fields.items():
                    there = known.setdefault(name, Field())
                    there.values |= one.values
                    there.free |= one.free
                    there.wanted |= one.wanted
    copy = "/consult/{consult_id}/kopie/{part}"
    found[f"{copy}/tekst"] = found[copy]  # a script asks there first, with the same form
    return found


def schema_of(forms: dict[str, dict[str, Field]]) -> dict[str, Any]:
    schema = bare_schema()
    for path, operations in schema["paths"].items():
        body: tuple[str, dict[str, object]] | None = None
        if path in RAW:
            body = RAW[path], {"type": "string", "format": "binary", "maxLength": 2000}
        elif path in forms:
            fields = forms[path]
            shape = {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: one.schema() for name, one in fields.items()},
                "required": sorted(name for name, one in fields.items() if one.wanted),
            }
            body = FORM_TYPE, shape
        for method, operation in operations.items():
            if body and method in {"post", "put"}:
                operation["requestBody"] = {"required": True, "content": {body[0]: {"schema": body[1]}}}
    return schema


@pytest.fixture(scope="module")
def schema(forms: dict[str, dict[str, Field]]) -> Any:
    return schemathesis.openapi.from_dict(schema_of(forms))


def bare_schema() -> dict[str, Any]:
    """What FastAPI knows by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a route with two methods, whose operations have one id
        return make_house().app.openapi()


ROUTES = api_routes(make_house().app)
OPERATIONS = sorted((path, method) for path, operations in bare_schema()["paths"].items() for method in operations)


#: As the schema writes the addresses that ask for no session.
OPENED = {route.path_format for route in ROUTES if route.path in OPEN}


def route_at(path: str, method: str) -> APIRoute:
    return next(route for route in ROUTES if route.path_format == path and method.upper() in route.methods)


def test_the_schema_has_every_route() -> None:
    """None is left out of it (``include_in_schema``): it would not be tried."""
    assert set(OPERATIONS) == {(route.path_format, method.lower()) for route in ROUTES for method in route.methods}


def test_every_route_that_reads_a_form_has_one_on_a_page(forms: dict[str, dict[str, Field]]) -> None:
    """Else its fields are not tried."""
    reads = {route.path_format for route in ROUTES if "fields" in signature(route.endpoint).parameters}
    assert sorted(reads - set(forms) - WITHOUT_A_PAGE) == []


# --- the requests ----------------------------------------------------------------------------------------------------


def text_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def send(
    client: TestClient,
    case: Any,
    *,
    parts: dict[str, str] | None = None,
    token: str = "",
    sign: str = SIGN,
    free: Collection[str] = (),
    htmx: bool = False,
) -> Any:
    """``parts``: of the address, what there is of them; ``sign``: at the end of each ``free`` field and query."""
    address = case.path
    for name, value in (case.path_parameters or {}).items():
        address = address.replace(f"{{{name}}}", (parts or {}).get(name) or quote(unquote(text_of(value)), safe=""))
    query = {name: text_of(value) + sign for name, value in (case.query or {}).items()}
    headers = ({"X-CSRF-Token": token} if token else {}) | ({"HX-Request": "true"} if htmx else {})
    content = b""
    if isinstance(case.body, dict):
        fields = {name: text_of(value) + (sign if name in free else "") for name, value in case.body.items()}
        content = urlencode({"token": token, **fields}, errors="surrogatepass").encode()
    elif isinstance(case.body, bytes | str | list | int | float):
        content = case.body if isinstance(case.body, bytes) else text_of(case.body).encode(errors="surrogatepass")
    if case.method.upper() in {"POST", "PUT"}:
        headers["Content-Type"] = case.media_type or FORM_TYPE
    return client.request(case.method.upper(), address, params=query, content=content, headers=headers)


def check(answer: Any, path: str) -> None:
    assert answer.status_code < 500 or (answer.status_code == 503 and path in AWAY), answer.text[:500]
    assert "kwaad" not in str(answer.headers)
    if "text/html" in answer.headers.get("content-type", ""):
        assert [one for one in harm(answer.text) if one != "svg"] == []  # ours, for the camera of a telephone


def logged(caplog: pytest.LogCaptureFixture, here: Here) -> str:
    """All that the service said, but for names of staff in the access log."""
    ours = [one for one in caplog.records if not one.name.startswith("httpx")]  # the browser of this test
    lines = [f"{one.getMessage()} {one.exc_text or ''}" for one in ours]
    query = """
        SELECT (to_jsonb(row) - 'actor' - 'whom')::text FROM access_log AS row
        UNION ALL SELECT args::text FROM procrastinate_jobs
    """
    with create_engine(database_url(here.service.database_url), poolclass=NullPool).connect() as connection:
        return "\n".join([*lines, *connection.scalars(text(query))])


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda one: one)
def test_no_route_falls_over(
    here: Here,
    schema: Any,
    forms: dict[str, dict[str, Field]],
    path: str,
    method: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """For somebody who may do all there is to do, with things that are there: nothing breaks, nothing runs, and
    nothing of what was sent is in a log.
    """
    operation = schema[path][method]
    endpoint = name_of(route_at(path, method).endpoint)
    free = {name for name, one in forms.get(path, {}).items() if one.free}
    tag = here.app.state.web.pages.static.tag  # type: ignore[attr-defined]
    here.reached.clear()
    caplog.set_level(logging.DEBUG)

    def attempt(case: Any, data: st.DataObject, sign: str, there: bool) -> None:
        client, token = here.logged_in(path)
        parts = {}
        if there:
            parts = {**PARTS, "tag": tag}
            if "{consult_id}" in path:
                parts["consult_id"] = str(here.consult_at(data.draw(st.sampled_from(STAGES))))
            if "{account_id}" in path:
                parts["account_id"] = str(here.invited()[0].id)
            if "{rule_id}" in path:
                parts["rule_id"] = str(here.rule())
        htmx = data.draw(st.booleans())
        check(send(client, case, parts=parts, token=token, sign=sign, free=free, htmx=htmx), path)

    for mode, sign, most in TRIED:
        strategy = operation.as_strategy(generation_mode=mode)
        there = st.booleans() if mode is GenerationMode.NEGATIVE else st.just(True)

        @settings(max_examples=most, suppress_health_check=list(HealthCheck), database=None)
        @given(case=strategy, data=st.data(), sign=st.just(sign), there=there)
        def attempts(case: Any, data: st.DataObject, sign: str, there: bool) -> None:
            attempt(case, data, sign, there)

        try:
            attempts()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # it takes nothing that could be wrong
    assert endpoint in here.reached
    assert SIGN not in logged(caplog, here)


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if one[0] not in OPENED], ids=lambda one: one)
def test_nobody_gets_in(here: Here, schema: Any, path: str, method: str) -> None:
    """Without a session the answer is the log-in, whatever is sent."""
    client = here.browser()
    here.reached.clear()

    @settings(max_examples=2, suppress_health_check=list(HealthCheck), database=None)
    @given(case=schema[path][method].as_strategy())
    def attempts(case: Any) -> None:
        answer = send(client, case)
        check(answer, path)
        assert answer.status_code in {303, 401}

    attempts()
    assert not here.reached
