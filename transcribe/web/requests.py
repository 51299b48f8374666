"""What routes share: the parts of the app, the session, and forms that were checked."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from consent import Texts
from transcribe import policy
from transcribe.accounts import Person
from transcribe.consult import Actor, Consult
from transcribe.errors import InvalidInput, NotFound, TooManyTries, TranscribeError
from transcribe.log_reading import LogReading
from transcribe.naming import Naming
from transcribe.oidc import Provider
from transcribe.ports import Handovers, Preferences, Session
from transcribe.practice import Practice
from transcribe.recorder import Recorder
from transcribe.staff import Staff
from transcribe.web.access import Access, ForgedRequest, Identities
from transcribe.web.errors import BAD_FORM, is_htmx, status_of
from transcribe.web.guard import SAFE, cookie_name
from transcribe.web.pages import PRACTICE_ZONE, Pages
from transcribe.web.rights import check_right, rule_of
from transcribe.workflow import Workflow

#: A form holds a line of a note, never more.
MAX_FORM_BYTES = 64 * 1024
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Web:
    """Everything the routes work with.

    What they do goes through ``workflow``, ``recorder``, ``naming``, ``log_reading`` and ``preferences``, which are
    those of one practice: that of whoever the request is from.
    """

    practices: Callable[[str], Practice]
    practice: str
    actor: Actor  # whoever the request is from
    person: Person | None  # the same, with what goes beyond a role; None: nobody is logged in
    identities: Identities
    accounts: Staff | None  # None: a demonstration has no accounts
    provider: Provider | None  # where people may log in as well
    access: Access
    pages: Pages
    max_upload_mb: int
    idle: timedelta  # so long without a person, and a session is locked or ends
    unverified_days: int
    handovers: Handovers
    his_secret: str  # "": there is no link with a HIS
    texts: Texts  # for the patient
    recordings: Sequence[Path]  # of demo consults, to practise on; none outside a demonstration
    now: Callable[[], datetime]

    @property
    def workflow(self) -> Workflow:
        return self.practices(self.practice).workflow

    @property
    def recorder(self) -> Recorder:
        return self.practices(self.practice).recorder

    @property
    def naming(self) -> Naming:
        return self.practices(self.practice).naming

    @property
    def log_reading(self) -> LogReading:
        return self.practices(self.practice).log_reading

    @property
    def preferences(self) -> Preferences | None:
        return self.practices(self.practice).preferences

    def of(self, person: Person) -> Web:
        """What a request of that person works with, in the practice of that person and no other."""
        return replace(self, actor=person.actor, person=person, practice=person.practice)

    @property
    def staff(self) -> Staff:
        """Raises ``NotFound`` where there are no accounts."""
        if self.accounts is None:
            raise NotFound
        return self.accounts

    def erased_soon(self, consult: Consult) -> datetime | None:
        """When this consult is erased unverified, if that is near enough to warn for."""
        at = policy.expires(consult, self.unverified_days)
        if at is None or at - self.now() > policy.WARNED_BEFORE:
            return None
        return max(at, self.now())  # the keeper moves a moment that passed while the service was off


class Fields(dict[str, str]):
    """The fields of one form."""

    def number(self, name: str) -> int:
        try:
            return int(self[name])
        except (KeyError, ValueError) as missing:
            raise InvalidInput(problem=BAD_FORM) from missing

    def text(self, name: str) -> str:
        if name not in self:
            raise InvalidInput(problem=BAD_FORM)
        return self[name]

    def ticked(self, name: str) -> bool:
        return name in self

    def day(self, name: str, *, days: int = 0) -> datetime | None:
        """The beginning of that day in the practice, or of so many days later; None when none was given.

        Raises ``ValueError``, ``OverflowError``.
        """
        given = self.get(name, "")
        if not given:
            return None
        return datetime.combine(date.fromisoformat(given) + timedelta(days=days), time(), PRACTICE_ZONE)


def web_of(connection: HTTPConnection) -> Web:
    web: Web = connection.app.state.web
    person: Person | None = connection.state.person
    return web if person is None else web.of(person)


def person_of(request: Request) -> Person:
    person: Person = request.state.person
    return person


def session_of(request: Request) -> Session:
    session: Session = request.state.session
    return session


async def read_form(request: Request) -> Fields:
    """A small urlencoded form, in memory. Multipart is not taken: its parser writes files to disk in clear."""
    body = await _body(request, FORM_TYPE, MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
    except ValueError as broken:
        raise InvalidInput(problem=BAD_FORM) from broken
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidInput(problem=BAD_FORM)  # two answers to one question are no answer
    return Fields(pairs)


async def read_json(request: Request, most: int) -> Any:
    """The body of a request by a script of ours, of at most so many bytes."""
    body = await _body(request, "application/json", most)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise InvalidInput(problem=BAD_FORM) from broken


async def _body(request: Request, kind: str, most: int) -> bytes:
    """Of this type and at most so many bytes: a longer one is not read to its end."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != kind:
        raise HTTPException(415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413)
    return body


async def checked(request: Request) -> Fields:
    """On every route with a session: whoever it is must have the right (``rights.py``), a consult must be open to them,
    and an unsafe request must carry the session's token. Gives the form's fields.
    """
    check_right(request)
    await check_open(request)
    if request.method in SAFE:
        return Fields()
    given = request.headers.get("x-csrf-token")
    fields = Fields()
    if request.headers.get("content-type", "").startswith(FORM_TYPE) or given is None:
        fields = await read_form(request)
        given = fields.pop("token", "") if given is None else given
    check_token(session_of(request), given)
    return fields


async def check_open(connection: HTTPConnection) -> None:
    """Raises ``ClosedConsult`` when the address names a consult that is closed to whoever asks, and ``NotInEmergency``
    when that does not open this route.
    """
    given, rule = connection.path_params.get("consult_id"), rule_of(connection)
    if given is None or rule.closed:
        return
    try:
        consult_id = UUID(str(given))
    except ValueError:
        return  # the route itself says that there is no such page
    web = web_of(connection)
    await run_in_threadpool(web.workflow.check_open, web.actor, consult_id, urgent=rule.urgent)


def check_token(session: Session, given: str) -> None:
    if not hmac.compare_digest(given.encode(), session.token.encode()):
        raise ForgedRequest


def form_page(
    request: Request, web: Web, template: str, problem: TranscribeError | None = None, **context: object
) -> Response:
    """The page of a form, with what is wrong with what was filled in above it."""
    text = web.pages.explain(request, problem) if problem else ""
    status_code = (status_of(problem) or 200) if problem else 200
    headers = {"Retry-After": str(problem.params["seconds"])} if isinstance(problem, TooManyTries) else {}
    return web.pages.render(request, template, status_code=status_code, headers=headers, problem=text, **context)


def session_cookie(request: Request) -> str:
    return request.cookies.get(cookie_name(request), "")


def set_session(request: Request, response: Response, session_id: str) -> None:
    response.set_cookie(
        cookie_name(request), session_id, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )


def go(request: Request, page: str) -> Response:
    """To another page after an action."""
    if is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": page})
    return RedirectResponse(page, status_code=303)


WebDep = Annotated[Web, Depends(web_of)]
FieldsDep = Annotated[Fields, Depends(checked)]
PersonDep = Annotated[Person, Depends(person_of)]
SessionDep = Annotated[Session, Depends(session_of)]
FormDep = Annotated[Fields, Depends(read_form)]
