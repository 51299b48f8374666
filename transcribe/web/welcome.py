"""The way in for somebody new: the set-up of an installation, and invitations.

Both end in the same two pages: a password, and the second step. Nothing here needs a session; whoever comes has a
one-time link or the access key, which opened a stage of ``ports.Entry`` and nothing else.
"""

from __future__ import annotations

import segno
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from transcribe import accounts as rules
from transcribe.accounts import Account, UsedInvitation
from transcribe.consult import Role
from transcribe.errors import InvalidInput, NotLoggedIn, Refused, TooManyTries, TranscribeError
from transcribe.ports import Entry, Session
from transcribe.web.entry import enter
from transcribe.web.requests import Fields, FormDep, Web, WebDep, check_token, form_page, session_cookie, set_session

router = APIRouter()

#: What people can be.
ROLES = tuple(role for role in Role if role is not Role.SYSTEEM)
STEPS = (Entry.SET_UP, Entry.ENROL)


@router.get("/uitnodiging")
def invitation(request: Request, web: WebDep, code: str = "") -> Response:
    """Looks and changes nothing: mail programs open links before people do."""
    try:
        account = web.staff.invited(code)
    except UsedInvitation as used:
        return form_page(request, web, "invitation.html", used, account=None, code="")
    return form_page(request, web, "invitation.html", account=account, code=code)


@router.post("/uitnodiging")
def accept(request: Request, web: WebDep, fields: FormDep) -> Response:
    """From our own page: what a link on another site opens has no cookies of ours."""
    try:
        account = web.staff.invited(fields.get("code", ""))
    except UsedInvitation as used:
        return form_page(request, web, "invitation.html", used, account=None, code="")
    return _on(request, web, Entry.ENROL, account)


@router.get("/welkom/begin")
def begin(request: Request, web: WebDep) -> Response:
    """What is still to be done: who one is, a password, the second step."""
    try:
        return _step(request, web, _under_way(request, web))
    except NotLoggedIn:
        return RedirectResponse("/login", status_code=303)


@router.post("/welkom/begin")
def password(request: Request, web: WebDep, fields: FormDep) -> Response:
    try:
        session = _under_way(request, web, fields)
        account = None if session.stage is Entry.SET_UP else web.staff.account(session)
        if account is not None:
            web.staff.choose_password(account, fields.get("wachtwoord", ""), fields.get("nogmaals", ""))
            return RedirectResponse("/welkom/begin", status_code=303)
        if web.identities.key_opens() is None:
            raise NotLoggedIn  # somebody else was first
        account = web.staff.set_up(
            title=fields.get("praktijk", ""),
            name=fields.get("naam", ""),
            role=fields.get("rol", ""),
            login=fields.get("gebruikersnaam", ""),
            password=fields.get("wachtwoord", ""),
            again=fields.get("nogmaals", ""),
        )
    except NotLoggedIn:
        return RedirectResponse("/login", status_code=303)
    except InvalidInput as wrong:
        return _step(request, web, session, wrong, fields)
    return _on(request, web, Entry.ENROL, account)


@router.post("/welkom/code")
def finish(request: Request, web: WebDep, fields: FormDep) -> Response:
    """The first code of the app; then the recovery codes, once."""
    try:
        session = _under_way(request, web, fields)
        account, codes = web.staff.finish(
            web.staff.account(session), web.staff.secret_for(session), fields.get("code", "")
        )
    except NotLoggedIn:
        return RedirectResponse("/login", status_code=303)
    except (Refused, TooManyTries) as wrong:
        return _step(request, web, session, wrong)
    return enter(request, web, account, recovery_page(request, web, codes))


def recovery_page(request: Request, web: Web, codes: list[str]) -> Response:
    return web.pages.render(request, "recovery.html", codes=codes, token="")


def second_step(web: Web, session: Session, account: Account) -> dict[str, object]:
    """What the page of a new second step shows: a picture for the app, and the same as text."""
    secret = web.staff.secret_for(session)
    uri = rules.secret_uri(secret, login=account.login, practice=web.staff.title(account.practice))
    # drawn by attributes alone: no style may stand in a page. White under it in the dark as well, for the camera.
    picture = segno.make(uri, error="l").svg_inline(
        border=4, light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return {"picture": Markup(picture), "secret": rules.secret_text(secret)}  # noqa: S704  (made here, of our own text)


def _under_way(request: Request, web: Web, fields: Fields | None = None) -> Session:
    """Raises ``NotLoggedIn``; with ``fields``, of a form, ``ForgedRequest`` too."""
    session = web.access.under_way(session_cookie(request), *STEPS)
    if fields is not None:
        check_token(session, fields.get("token", ""))
    return session


def _on(request: Request, web: Web, stage: Entry, account: Account) -> Response:
    response = RedirectResponse("/welkom/begin", status_code=303)
    set_session(request, response, web.access.open(stage, account, instead_of=session_cookie(request)))
    return response


def _step(
    request: Request, web: Web, session: Session, problem: TranscribeError | None = None, typed: Fields | None = None
) -> Response:
    if session.stage is Entry.SET_UP:
        if web.identities.key_opens() is None:
            raise NotLoggedIn
        given = typed or Fields(rol=Role.HUISARTS.value)
        return form_page(request, web, "set_up.html", problem, token=session.token, typed=given, roles=ROLES)
    account = web.staff.account(session)
    if not account.password:
        return form_page(request, web, "password.html", problem, token=session.token, account=account)
    shown = second_step(web, session, account)
    return form_page(request, web, "second_step.html", problem, token=session.token, account=account, **shown)
