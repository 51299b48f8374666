"""Coming in and going out: tickets, log-in, log-out, language, health, static files."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from transcribe.consult import Action
from transcribe.i18n import LANGUAGES
from transcribe.web import his
from transcribe.web.access import TooManyTries, UsedTicket, WrongKey, local_page
from transcribe.web.errors import status_of
from transcribe.web.guard import cookie_name
from transcribe.web.pages import LANGUAGE_COOKIE
from transcribe.web.requests import FieldsDep, FormDep, Web, WebDep, checked, go, session_of

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
        session_id = web.access.use_ticket(ticket)
    except (UsedTicket, TooManyTries) as failed:
        return _refused(request, web, naar, failed)
    return _opened(request, web, session_id, naar)


@public.get("/login")
def login_page(request: Request, web: WebDep, naar: str = "/") -> Response:
    return _login_page(request, web, naar)


@public.post("/login")
def login(request: Request, web: WebDep, fields: FormDep) -> Response:
    page = fields.get("naar", "/")
    try:
        session_id = web.access.use_key(fields.get("sleutel", ""))
    except (WrongKey, TooManyTries) as failed:
        return _refused(request, web, page, failed)
    return _opened(request, web, session_id, page)


@router.post("/logout")
def logout(request: Request, web: WebDep) -> Response:
    name = cookie_name(request)
    web.access.close(request.cookies.get(name, ""))
    web.workflow.log(web.actor, Action.LOGGED_OUT)
    response = go(request, "/login")
    response.delete_cookie(name)
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
    """For a page that is older than the session: somebody logged in again in another tab, and who that is."""
    return JSONResponse({"token": session_of(request).token, "name": web.actor.name})


@router.post("/taal")
def choose_language(fields: FieldsDep) -> Response:
    response = RedirectResponse(local_page(fields.get("terug", "/")), status_code=303)
    if (language := fields.get("taal", "")) in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_S, httponly=True, samesite="strict")
    return response


def _refused(request: Request, web: Web, page: str, problem: Exception) -> Response:
    if not isinstance(problem, TooManyTries):  # those are not looked at, and would fill the access log
        web.workflow.log(web.actor, Action.LOGIN_FAILED)
    return _login_page(request, web, page, problem)


def _login_page(request: Request, web: Web, page: str, problem: Exception | None = None) -> Response:
    text = web.pages.explain(request, problem) if isinstance(problem, WrongKey | TooManyTries | UsedTicket) else ""
    status_code = (status_of(problem) or 200) if problem else 200
    headers = {"Retry-After": str(problem.params["seconds"])} if isinstance(problem, TooManyTries) else {}
    return web.pages.render(
        request, "login.html", status_code=status_code, headers=headers, problem=text, page=local_page(page)
    )


def _opened(request: Request, web: Web, session_id: str, page: str) -> Response:
    web.workflow.log(web.actor, Action.LOGGED_IN)
    response = RedirectResponse(local_page(page), status_code=303)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.set_cookie(
        cookie_name(request), session_id, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response
