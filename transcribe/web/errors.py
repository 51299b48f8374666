"""Errors become answers here, in one table and one place.

A person gets a Dutch sentence: as a page, as a fragment for htmx, or as JSON for a script. Nothing a person typed and
no message of an unexpected exception reaches a log: those get a number, a type and a place.
"""

from __future__ import annotations

import errno
import logging
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from consent import ConsentMissing, ConsentProblem
from transcribe import errors
from transcribe.accounts import (
    NotManager,
    OtherRole,
    OwnRole,
    UnknownHere,
    UsedInvitation,
    WrongCode,
    WrongLogin,
    WrongPassword,
)
from transcribe.batch.intake import NotRemoved
from transcribe.batch.matching import OtherKind
from transcribe.errors import N_
from transcribe.logs import place
from transcribe.oidc import NotProven, OtherPractice, ProviderAway, TooLow
from transcribe.web import access
from transcribe.web.pages import Pages

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)


class TooLarge(errors.AudioProblem):
    text = N_("Het bestand is groter dan {maximum} MB. Knip de opname, of laat de beheerder de grens verhogen.")


#: The nearest class of an exception decides.
STATUS: dict[type[Exception], int] = {
    errors.TranscribeError: 500,
    errors.Refused: 409,
    errors.NotAllowed: 403,
    errors.ClosedConsult: 403,
    errors.InvalidInput: 422,
    errors.Conflict: 409,
    NotRemoved: 409,
    OtherKind: 422,
    errors.NotFound: 404,
    errors.Erased: 410,
    errors.LeaseLost: 409,
    errors.DiskFull: 507,
    errors.DiskLow: 507,
    errors.StoreUnavailable: 503,
    errors.BackupProblem: 500,
    errors.Unreadable: 500,
    errors.AudioProblem: 422,
    errors.NotAudio: 415,
    errors.TooLong: 413,
    TooLarge: 413,
    errors.SetupProblem: 503,
    errors.NotLoggedIn: 401,
    errors.TooManyTries: 429,
    NotManager: 403,
    OwnRole: 403,
    WrongLogin: 403,
    WrongCode: 403,
    WrongPassword: 403,
    UsedInvitation: 403,
    UnknownHere: 403,
    OtherRole: 403,
    NotProven: 403,
    TooLow: 403,
    OtherPractice: 403,
    ProviderAway: 503,
    access.WrongKey: 403,
    access.UsedTicket: 403,
    access.KeyClosed: 403,
    access.ForgedRequest: 403,
    access.UnknownHost: 400,
    ConsentMissing: 403,
    ConsentProblem: 422,
}

#: What a person reads for an error that is HTTP's own.
HTTP_TEXT = {
    404: N_("Deze pagina bestaat niet."),
    405: N_("Dit adres kan niet zo worden gebruikt. Ga terug en probeer het opnieuw."),
    413: N_("Het bestand is te groot."),
    415: N_("Dit soort gegevens wordt hier niet aangenomen."),
}
UNKNOWN = N_(
    "Er ging iets mis in het programma. Wat eerder is bewaard, blijft bewaard; kijk na of dit nog is gelukt. Meld de "
    "beheerder dit nummer:"
)
#: The disk itself: none of these is a mistake of the program or of whoever sits before the screen.
BAD_DISK = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTCONN, errno.ESTALE, errno.ENODEV})
DISK = N_(
    "De schijf waarop het geluid wordt bewaard werkt niet goed: dit is niet bewaard. Waarschuw de beheerder, met dit "
    "nummer:"
)
BAD_FORM = N_("Het formulier is niet compleet. Herlaad de pagina en probeer het opnieuw.")


def status_of(error: Exception) -> int | None:
    """None: not one of ours."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return None


def answer(request: Request, error: Exception) -> Response:
    """The answer for any exception at all."""
    if request.headers.get("x-glance"):
        # asked by a page that records: what is wrong its recorder says, and nothing may take that page away
        return Response(status_code=204)
    pages: Pages = request.app.state.web.pages
    number = ""
    headers: dict[str, str] = {}
    locked = isinstance(error, access.Locked)
    if isinstance(error, errors.NotLoggedIn) and (away := _to_login(request, "/slot" if locked else "/login")):
        return away
    status = status_of(error)
    if status is not None:
        text = (
            pages.explain(request, error)
            if isinstance(error, errors.TranscribeError)
            else pages.sentence(request, str(error))
        )
        if isinstance(error, errors.TooManyTries):
            headers["Retry-After"] = str(error.params["seconds"])
    elif isinstance(error, HTTPException):
        status = error.status_code
        text = pages.sentence(request, HTTP_TEXT.get(status, errors.TranscribeError.text))
        headers.update(error.headers or {})
    elif isinstance(error, RequestValidationError):
        # what came in is not repeated: it may be anything a person typed. A wrong id is a page that does not exist.
        in_path = all(problem["loc"][:1] == ("path",) for problem in error.errors())
        status = 404 if in_path else 422
        text = pages.sentence(request, HTTP_TEXT[404] if in_path else BAD_FORM)
    else:
        disk = isinstance(error, OSError) and error.errno in BAD_DISK
        status, number = 503 if disk else 500, secrets.token_hex(4)
        log.error("error %s: %s at %s", number, kind(error), place(error))
        text = f"{pages.sentence(request, DISK if disk else UNKNOWN)} {number}."
    if wants_json(request):
        said = {"error": text, "number": number} | ({"locked": True} if locked else {})
        return JSONResponse(said, status_code=status, headers=headers)
    if is_htmx(request):
        # the page stays as it is: the message goes to its own place above it
        headers |= {"HX-Retarget": "#melding", "HX-Reswap": "innerHTML"}
        return pages.render(request, "_error.html", status_code=status, headers=headers, text=text, status=status)
    return pages.render(
        request,
        "error.html",
        status_code=status,
        headers=headers,
        text=text,
        status=status,
        # what does not exist is nothing to go back to, nor is what was asked for
        back="/" if status == 404 or _back(request) == request.url.path else _back(request),
    )


def kind(error: BaseException) -> str:
    """For the log: its type, and of the system's what is wrong, by its own name (``OSError EROFS``)."""
    name = type(error).__name__
    number = error.errno if isinstance(error, OSError) else None
    return name if number is None else f"{name} {errno.errorcode.get(number, number)}"


def register(app: FastAPI) -> None:
    """One handler for everything the routes can raise on purpose; the guard around the app has the rest."""
    for kind in (errors.TranscribeError, ConsentMissing, ConsentProblem, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def wants_json(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def _to_login(request: Request, place: str) -> Response | None:
    """To the page where one logs in, or unlocks, and back again; None for scripts, which get to hear it."""
    if wants_json(request):
        return None
    shown = urlsplit(request.headers.get("hx-current-url", "")).path if is_htmx(request) else request.url.path
    page = access.local_page(shown) if is_htmx(request) or request.method == "GET" else _back(request)
    login = place if page == "/" else f"{place}?naar={quote(page)}"
    if is_htmx(request):
        return Response(status_code=401, headers={"HX-Redirect": login})
    return RedirectResponse(login, status_code=303)


def _back(request: Request) -> str:
    """The page of ours that an action belongs to."""
    parts = request.url.path.split("/")
    return access.local_page("/".join(parts[:3]))
