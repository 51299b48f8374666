"""Logging in at a provider elsewhere (``oidc.py``), with what a browser carries between going and coming back."""

from __future__ import annotations

from urllib.parse import urljoin

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from transcribe.errors import NotFound, Refused
from transcribe.oidc import ON_THE_WAY, NotProven, Provider, ProviderAway
from transcribe.web.access import local_page
from transcribe.web.entry import enter, login_page_of
from transcribe.web.guard import cookie_name
from transcribe.web.requests import Web, WebDep

router = APIRouter()

BACK = "/login/terug"


@router.get("/login/elders")
def there(request: Request, web: WebDep, naar: str = "/") -> Response:
    provider = _provider(web)
    try:
        address, cookie = provider.begin(urljoin(str(request.base_url), BACK), local_page(naar))
    except (ProviderAway, NotProven) as away:
        return login_page_of(request, web, naar, away)
    response = RedirectResponse(address, status_code=303)
    response.headers["Referrer-Policy"] = "no-referrer"
    # Lax: it has to come along when the provider sends the browser back. It opens nothing by itself.
    response.set_cookie(
        _cookie(request),
        cookie,
        max_age=int(ON_THE_WAY.total_seconds()),
        path=BACK,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.get(BACK)
def back(request: Request, web: WebDep) -> Response:
    provider = _provider(web)
    page = "/"
    try:
        proof, page = provider.finish(
            request.cookies.get(_cookie(request), ""), request.query_params, urljoin(str(request.base_url), BACK)
        )
        account = web.staff.check_elsewhere(proof.person, proof.role, provider=provider.name)
    except (Refused, ProviderAway) as failed:
        return _forgotten(request, login_page_of(request, web, page, failed))
    # our own page in between: with what it asks for the browser sends the cookie of the session
    onward = web.pages.render(request, "elsewhere.html", onward=local_page(page), provider=provider.name)
    return _forgotten(request, enter(request, web, account, onward))


def _forgotten(request: Request, response: Response) -> Response:
    response.delete_cookie(_cookie(request), path=BACK)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _provider(web: Web) -> Provider:
    if web.provider is None:
        raise NotFound
    return web.provider


def _cookie(request: Request) -> str:
    return f"{cookie_name(request)}-elders"
