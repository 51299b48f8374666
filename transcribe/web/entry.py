"""Coming in and going out: tickets, log-in, log-out, language, health, static files."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from transcribe.accounts import Account, WrongCode, WrongLogin
from transcribe.consult import Action
from transcribe.errors import NotLoggedIn, TooManyTries, TranscribeError
from transcribe.i18n import LANGUAGES
from transcribe.oidc import ProviderAway
from transcribe.ports import Entry, Session
from transcribe.web import his
from transcribe.web.access import KeyClosed, UsedTicket, WrongKey, local_page
from transcribe.web.guard import SAFE, cookie_name
from transcribe.web.pages import LANGUAGE_COOKIE
from transcribe.web.requests import (
    FieldsDep,
    FormDep,
    Web,
    WebDep,
    check_token,
    checked,
    form_page,
    go,
    session_cookie,
    session_of,
    set_session,
)

#: Without a session.
public = APIRouter()
#: With one.
router = APIRouter(dependencies=[Depends(checked)])

YEAR_S = 365 * 24 * 3600


@public.get("/health/live")
def live() -> PlainTextResponse:
    """The process answers; says nothing of what it holds."""
    return PlainTextResponse("ok")


@public.get("/static/{tag}/{name:path}")
def static(request: Request, web: WebDep, tag: str, name: str) -> Response:
    found = web.pages.static.get(name)
    if found is None or tag != web.pages.static.tag:
        raise HTTPException(404)
    headers = {"Cache-Control": f"public, max-age={YEAR_S}, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, media_type=found.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.media_type, headers=headers)


@public.get("/start")
def start(request: Request, web: WebDep, ticket: str = "", naar: str = "/") -> Response:
    """Open the browser from the command line: a ticket that works once."""
    try:
        session_id = web.access.use_ticket(ticket, opens := web.identities.key_opens())
    except (UsedTicket, KeyClosed, TooManyTries) as failed:
        return _refused(request, web, naar, failed)
    return _opened(request, web, session_id, opens, naar)


@public.get("/login")
def login_page(request: Request, web: WebDep, naar: str = "/") -> Response:
    return login_page_of(request, web, naar)


@public.post("/login")
def login(request: Request, web: WebDep, fields: FormDep) -> Response:
    """The first step, or the access key as long as it opens something."""
    page = fields.get("naar", "/")
    try:
        if (opens := web.identities.key_opens()) is not None:
            session_id = web.access.use_key(fields.get("sleutel", ""), opens)
            return _opened(request, web, session_id, opens, page)
        browser = request.cookies.get(_browser_cookie(request), "")
        account = web.staff.check_password(fields.get("naam", ""), fields.get("wachtwoord", ""), browser=browser)
    except (WrongKey, WrongLogin, TooManyTries) as failed:
        return _refused(request, web, page, failed)
    response = RedirectResponse(f"/login/code?{urlencode({'naar': local_page(page)})}", status_code=303)
    set_session(request, response, web.access.open(Entry.CODE, account, instead_of=session_cookie(request)))
    return response


@public.get("/login/code")
def code_page(request: Request, web: WebDep, naar: str = "/") -> Response:
    try:
        session = web.access.under_way(session_cookie(request), Entry.CODE)
    except NotLoggedIn:
        return login_page_of(request, web, naar)
    return _code_page(request, web, session, naar)


@public.post("/login/code")
def second_step(request: Request, web: WebDep, fields: FormDep) -> Response:
    page = fields.get("naar", "/")
    try:
        session = web.access.under_way(session_cookie(request), Entry.CODE)
        check_token(session, fields.get("token", ""))
        web.staff.person(session)
        account = web.staff.check_code(web.staff.account(session), fields.get("code", ""))
    except NotLoggedIn as late:
        return login_page_of(request, web, page, late)
    except (WrongCode, TooManyTries) as failed:
        return _code_page(request, web, session, page, failed)
    return enter(request, web, account, RedirectResponse(local_page(page), status_code=303))


def enter(request: Request, web: Web, account: Account, response: Response) -> Response:
    """A session of somebody who proved who it is, in whatever way."""
    web.practices(account.practice).workflow.log(account.actor, Action.LOGGED_IN)
    set_session(request, response, web.access.open(Entry.OPEN, account, instead_of=session_cookie(request)))
    secure = request.url.scheme == "https"
    response.set_cookie(
        _browser_cookie(request), web.staff.remembered(account), max_age=YEAR_S, path="/login", httponly=True,
        samesite="strict", secure=secure,
    )  # fmt: skip
    return response


@router.post("/logout")
def logout(request: Request, web: WebDep) -> Response:
    web.access.close(session_cookie(request))
    web.workflow.log(web.actor, Action.LOGGED_OUT)
    response = go(request, "/login")
    response.delete_cookie(cookie_name(request))
    his.forget(request, response)
    # whatever a browser kept of the pages goes too
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.post("/actief")
def active() -> Response:
    """Somebody is typing or listening: the guard has already noted it."""
    return Response(status_code=204)


@router.get("/sessie")
def session(request: Request, web: WebDep) -> Response:
    """For a page that is older than the session: somebody logged in again in another tab, and who that is. ``left``: in
    how many seconds the session is locked or ends when nobody does anything, in any tab.
    """
    found = session_of(request)
    left = web.access.left(found, web.idle).total_seconds()
    return JSONResponse({"token": found.token, "name": web.actor.name, "left": max(left, 0.0)})


@router.post("/taal")
def choose_language(request: Request, fields: FieldsDep) -> Response:
    response = RedirectResponse(local_page(fields.get("terug", "/")), status_code=303)
    if (language := fields.get("taal", "")) in LANGUAGES:
        secure = request.url.scheme == "https"
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_S, httponly=True, samesite="strict", secure=secure)
    return response


def _refused(request: Request, web: Web, page: str, problem: TranscribeError) -> Response:
    if isinstance(problem, WrongKey | UsedTicket):  # passwords are logged by name where they are looked at
        web.workflow.log(web.actor, Action.LOGIN_FAILED)
    return login_page_of(request, web, page, problem)


def login_page_of(request: Request, web: Web, page: str, problem: TranscribeError | None = None) -> Response:
    by_key = web.identities.key_opens() is not None
    provider = web.provider.name if web.provider and not by_key else ""
    # where there is a provider its button is the way that most people go; who typed here, or finds it away, types on
    typing = not provider or request.method not in SAFE or isinstance(problem, ProviderAway)
    return form_page(
        request,
        web,
        "login.html",
        problem,
        page=local_page(page),
        by_key=by_key,
        provider=provider,
        typing=typing,
    )


def _code_page(
    request: Request, web: Web, session: Session, page: str, problem: TranscribeError | None = None
) -> Response:
    return form_page(request, web, "login_code.html", problem, page=local_page(page), token=session.token)


def _opened(request: Request, web: Web, session_id: str, stage: Entry | None, page: str) -> Response:
    """By the key or a ticket: to the pages of a demonstration, or to the set-up."""
    if stage is Entry.OPEN:
        web.workflow.log(web.actor, Action.LOGGED_IN)
    response = RedirectResponse(local_page(page) if stage is Entry.OPEN else "/welkom/begin", status_code=303)
    response.headers["Referrer-Policy"] = "no-referrer"
    set_session(request, response, session_id)
    return response


def _browser_cookie(request: Request) -> str:
    return f"{cookie_name(request)}-bekend"
