"""A practice whose people log in, on fakes."""

from __future__ import annotations

import base64
import hmac
import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from starlette.testclient import TestClient

from consent import How
from transcribe.accounts import Account, State, code_at
from transcribe.asr.transcript import Speaker
from transcribe.consult import Actor, Role, Space
from transcribe.oidc import Provider
from transcribe.ports import Entry
from transcribe.run import consent_given
from transcribe.staff import Staff
from transcribe.testing import Scripted, scripted_service
from transcribe.testing_accounts import MemoryAccounts, QuickPasswords
from transcribe.web.access import Access, MemorySessions
from transcribe.web.application import create_app

BASE = "http://localhost:8600"
KEY = "sleutel-van-deze-test-0123456789"
PASSWORD = "vier paarden op zolder"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page[:2000]
    return found[1]


def secret_in(page: str) -> bytes:
    """What an app would read from the page of a second step."""
    found = re.search(r"<code>([A-Z2-7 ]{39})</code>", page)
    assert found, page[:2000]
    return base64.b32decode(found[1].replace(" ", ""))


def link_in(page: str) -> str:
    found = re.search(r">http://[^/]+(/uitnodiging\?code=[^<]+)<", page)
    assert found, page[:2000]
    return html.unescape(found[1])


@dataclass
class Clock:
    now: datetime


@dataclass
class Desk:
    """One person's browser and telephone."""

    clinic: Clock
    login: str
    client: TestClient
    secret: bytes = b""
    recovery: list[str] = field(default_factory=list)

    def code(self) -> str:
        """A new one: each works once."""
        self.clinic.now += timedelta(seconds=30)
        return code_at(self.secret, int(self.clinic.now.timestamp()) // 30)

    def post(self, path: str, *, of: str = "", **fields: str) -> Any:
        """A form of the page ``of``; "" takes the token of one's own page."""
        return self.client.post(path, data={"token": token_in(self.client.get(of or "/account").text), **fields})

    def first_step(self, password: str = PASSWORD) -> Any:
        return self.client.post("/login", data={"naam": self.login, "wachtwoord": password})

    def second_step(self, code: str = "") -> Any:
        token = token_in(self.client.get("/login/code").text)
        return self.client.post("/login/code", data={"token": token, "code": code or self.code()})

    def log_in(self) -> Desk:
        assert self.first_step().status_code == 303
        assert self.second_step().headers["location"] == "/"
        return self

    def begin_set_up(self, ticket: str, **changes: str) -> Any:
        """By the link of the first start."""
        assert self.client.get(f"/start?ticket={ticket}").headers["location"] == "/welkom/begin"
        fields = {
            "praktijk": "De Linde",
            "naam": "Dr. A. Jansen",
            "rol": "huisarts",
            "gebruikersnaam": self.login,
            "wachtwoord": PASSWORD,
            "nogmaals": PASSWORD,
        }
        token = token_in(self.client.get("/welkom/begin").text)
        return self.client.post("/welkom/begin", data={"token": token} | fields | changes)

    def enrol(self, password: str = PASSWORD) -> Desk:
        """From the page of a password, or from the one after it."""
        page = self.client.get("/welkom/begin").text
        if 'name="wachtwoord"' in page:
            fields = {"token": token_in(page), "wachtwoord": password, "nogmaals": password}
            assert self.client.post("/welkom/begin", data=fields).status_code == 303
            page = self.client.get("/welkom/begin").text
        self.secret = secret_in(page)
        done = self.client.post("/welkom/code", data={"token": token_in(page), "code": self.code()})
        assert done.status_code == 200, done.text
        self.recovery = re.findall(r"<code>([a-z2-7-]{19})</code>", done.text)
        return self

    def status(self, path: str = "/account") -> int:
        answer: int = self.client.get(path).status_code
        return answer


def keyed(text: str) -> bytes:
    return hmac.digest(b"proef", text.encode(), "sha256")


class Clinic(Clock):
    """``restarted`` is a new web process on the same database."""

    def __init__(
        self,
        service: Scripted | None = None,
        *,
        provider: Callable[[Callable[[str], bytes]], Provider | None] = lambda keyed: None,
        hosts: frozenset[str] = frozenset(),
    ) -> None:
        """``provider``: where people may log in as well, made with the key of the service. ``hosts``: see
        ``create_app``.
        """
        super().__init__(now=NOW)
        self.hosts = hosts
        self.provider = provider
        self.service = service or scripted_service(clock=lambda: self.now)
        self.accounts = MemoryAccounts()
        self.sessions = MemorySessions()
        self.passwords = QuickPasswords()
        self.restart()

    def restart(self) -> None:
        self.staff = Staff(
            self.accounts,
            self.passwords,
            practice="",
            keyed=keyed,
            log=lambda practice, *event: self.service.practice(practice).workflow.log(*event),
            forget_voice=lambda practice, *whose: self.service.practice(practice).enrolment.remove(*whose),  # type: ignore[union-attr]
            clock=lambda: self.now,
        )
        self.access = Access(KEY, self.sessions, clock=lambda: self.now)
        self.app: FastAPI = create_app(
            practices=self.service.practice,
            accounts=self.staff,
            provider=self.provider(keyed),
            access=self.access,
            demo=None,
            ui_language="nl",
            max_upload_mb=1,
            idle_minutes=30,
            version="0",
            space=lambda: Space(total=100, free=50),
            min_free_percent=5,
            hosts=self.hosts,
        )

    def browser(self) -> TestClient:
        return TestClient(self.app, base_url=BASE, follow_redirects=False)

    def desk(self, login: str) -> Desk:
        """A browser that nobody logged in with."""
        return Desk(clinic=self, login=login, client=self.browser())

    def begin_set_up(self, login: str = "a.jansen", **changes: str) -> tuple[Desk, Any]:
        desk = self.desk(login)
        return desk, desk.begin_set_up(self.access.ticket(), **changes)

    def set_up(self) -> Desk:
        """The first person, a huisarts who manages the others, logged in."""
        desk, answer = self.begin_set_up()
        assert answer.status_code == 303, answer.text
        return desk.enrol()

    def invite(self, manager: Desk, name: str, login: str, role: Role, *, manages: bool = False) -> str:
        fields = {"naam": name, "gebruikersnaam": login, "rol": role.value} | ({"beheer": "ja"} if manages else {})
        answer = manager.post("/medewerkers", **fields)
        assert answer.status_code == 200, answer.text
        return link_in(answer.text)

    def accept(self, link: str, login: str) -> Desk:
        desk = self.desk(login)
        assert desk.client.get(link).status_code == 200
        assert desk.client.post("/uitnodiging", data={"code": link.partition("=")[2]}).status_code == 303
        return desk

    def colleague(self, manager: Desk, name: str, login: str, role: Role, *, manages: bool = False) -> Desk:
        """Invited and logged in."""
        return self.accept(self.invite(manager, name, login, role, manages=manages), login).enrol()

    def seat(self, practice: str, role: Role, *, manages: bool = False, name: str = "") -> Desk:
        """Somebody of any practice, logged in past the pages of the log-in."""
        name = name or f"Dr. {role.value.title()}"
        account = Account(
            id=uuid4(),
            practice=practice,
            login=f"{name}{practice}".replace(" ", "").lower(),
            name=name,
            role=role,
            manages=manages,
            state=State.ACTIVE,
            version=1,
            since=self.now,
        )
        self.accounts.add(account)
        desk = self.desk(account.login)
        desk.client.cookies.set("transcribe-8600", self.access.open(Entry.OPEN, account))
        return desk

    def drafted(self, practice: str) -> UUID:
        """A consult of any practice, with a draft."""
        workflow, actor = self.service.practice(practice).workflow, Actor(name="Dr. Proef", role=Role.HUISARTS)
        consult = workflow.create(actor, "HIS-4711")
        workflow.record_consent(actor, consult.id, consent_given(How.SPOKEN, actor.name, others_informed=True))
        workflow.receive(actor, consult.id, [b"RIFF"], (Speaker.HUISARTS, Speaker.PATIENT))
        self.service.work()
        return consult.id

    def recording(self, actor: Actor) -> UUID:
        """A consult that is being recorded."""
        consult = self.service.workflow.create(actor, "HIS-4711")
        self.service.workflow.record_consent(
            actor, consult.id, consent_given(How.SPOKEN, actor.name, others_informed=True)
        )
        self.service.recorder.start(actor, consult.id, (Speaker.HUISARTS,))
        return consult.id

    def account(self, login: str) -> Account:
        found = self.accounts.by_login(login)
        assert found is not None
        return found
