"""The way in from the HIS: a patient reference, posted and signed, that the page of a new consult shows once.

No reference ever stands in an address. The HIS's form comes from another site, so our session cookie (SameSite=Strict)
is not sent with it, and no token can be: the signature says that it was the HIS, its time and its single use that it
is now. The form is answered with a redirect, so that no browser keeps what was posted; that ends on a page of our own
which goes on to ``/consult/nieuw``, and only that request carries our cookies. Whoever must log in first does so in
between: what waits is bound to the browser by a cookie of its own. See ``docs/his-link.md``.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from transcribe.errors import N_, InvalidInput
from transcribe.policy import like_bsn
from transcribe.web.guard import cookie_name
from transcribe.web.requests import Fields, Web, WebDep, read_form
from transcribe.workflow import MAX_REF

log = logging.getLogger(__name__)

#: Without a session: a browser sends none with a form of another site.
router = APIRouter()

#: The clocks of the HIS and of this service may differ so much.
SKEW = timedelta(minutes=2)
#: Time to log in. Longer than twice the skew: by then a signature that is forgotten is also too old.
WAITS = timedelta(minutes=5)
TIME = re.compile(r"[0-9]{1,12}")
NEW_CONSULT = "/consult/nieuw"


class Refusal(StrEnum):
    """The end of the address of a page that says why."""

    OFF = "uit"
    WRONG = "onjuist"
    LATE = "verlopen"
    USED = "gebruikt"


REFUSAL_TEXT: dict[Refusal, str] = {
    Refusal.OFF: N_("De koppeling met het HIS staat niet aan. Vraag de beheerder om haar in te stellen."),
    Refusal.WRONG: N_(
        "Wat het HIS stuurde klopt niet. Begin het consult hier, en vraag de beheerder of het geheim van de koppeling "
        "in het HIS hetzelfde is."
    ),
    Refusal.LATE: N_(
        "Wat het HIS stuurde is te oud. Open het consult opnieuw vanuit het HIS. Blijft dit zo, laat de beheerder dan "
        "de klok van deze computer en die van het HIS gelijkzetten."
    ),
    Refusal.USED: N_("Deze opdracht van het HIS is al gebruikt. Open het consult opnieuw vanuit het HIS."),
}


class Refused(Exception):
    def __init__(self, why: Refusal) -> None:
        super().__init__(why.value)
        self.why = why


def signature(secret: str, time: str, patient_ref: str) -> bytes:
    """HMAC-SHA256. The reference comes last and the time has no line end, so that no two messages are one text."""
    return hmac.digest(secret.encode(), f"transcribe-his-1\n{time}\n{patient_ref}".encode(), "sha256")


def check(secret: str, fields: Mapping[str, str], now: datetime) -> tuple[bytes, str]:
    """Signature and reference of a form that was signed with this secret, now. Raises ``Refused``."""
    if not secret:
        raise Refused(Refusal.OFF)
    time, patient_ref = fields.get("tijd", ""), fields.get("kenmerk", "")
    try:
        given = bytes.fromhex(fields.get("handtekening", ""))
        right = signature(secret, time, patient_ref)
    except ValueError:  # no hexadecimal, or half a character
        raise Refused(Refusal.WRONG) from None
    if not hmac.compare_digest(given, right) or TIME.fullmatch(time) is None:
        raise Refused(Refusal.WRONG)
    # of a message that is the HIS's, more may be told
    if abs(now.timestamp() - int(time)) > SKEW.total_seconds():
        raise Refused(Refusal.LATE)
    if not patient_ref.strip() or len(patient_ref) > MAX_REF or not patient_ref.isprintable():
        raise Refused(Refusal.WRONG)
    return given, patient_ref


class MemoryHandovers:
    """See ``ports.Handovers``. They end with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[bytes, datetime] = {}
        self._waiting: dict[str, tuple[str, datetime]] = {}

    def keep(self, signature: bytes, handle: str, patient_ref: str, *, now: datetime, until: datetime) -> bool:
        with self._lock:
            self._used = {used: end for used, end in self._used.items() if end > now}
            self._waiting = {key: kept for key, kept in self._waiting.items() if kept[1] > now}
            if signature in self._used:
                return False
            self._used[signature] = until
            self._waiting[handle] = (patient_ref, until)
            return True

    def look(self, handle: str, now: datetime) -> str | None:
        with self._lock:
            patient_ref, until = self._waiting.get(handle, ("", now))
            return patient_ref if until > now else None

    def take(self, handle: str, now: datetime) -> str | None:
        with self._lock:
            patient_ref, until = self._waiting.pop(handle, ("", now))
            return patient_ref if until > now else None


async def _posted(request: Request) -> Fields:
    """Nothing of a form that can't be read: an error page here would be the answer to what was posted."""
    try:
        return await read_form(request)
    except (InvalidInput, HTTPException):
        return Fields()


@router.post("/his")
def arrive(request: Request, web: WebDep, fields: Annotated[Fields, Depends(_posted)]) -> Response:
    now = web.now()
    try:
        signed, patient_ref = check(web.his_secret, fields, now)
        handle = secrets.token_urlsafe(32)
        if not web.handovers.keep(signed, handle, patient_ref, now=now, until=now + WAITS):
            raise Refused(Refusal.USED)
    except Refused as refused:
        log.info("the HIS was refused: %s", refused.why.value)
        response = RedirectResponse(f"/his/{refused.why.value}", status_code=303)
        if refused.why is not Refusal.USED:  # a double click is still about the same patient
            forget(request, response)  # else the page of a new consult would offer the patient before this one
        return response
    log.info("the HIS handed a consult over")
    if like_bsn(patient_ref):
        log.warning("what the HIS hands over looks like a BSN")
    response = RedirectResponse("/his", status_code=303)
    response.set_cookie(
        _cookie(request),
        handle,
        max_age=int(WAITS.total_seconds()),
        path=NEW_CONSULT,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.get("/his")
def onward(request: Request, web: WebDep) -> Response:
    """Our own page in between: a browser sends our cookies with what that asks for."""
    return web.pages.render(request, "his.html", problem="", onward=NEW_CONSULT)


@router.get("/his/{why}")
def refused(request: Request, web: WebDep, why: Refusal) -> Response:
    return web.pages.render(request, "his.html", status_code=403, problem=REFUSAL_TEXT[why], onward="")


def handed_over(request: Request, web: Web) -> str:
    """The reference that waits for this browser, once; "" without one. For a page that needs a session."""
    handle = request.cookies.get(_cookie(request), "")
    return (web.handovers.take(handle, web.now()) or "") if handle else ""


def forget(request: Request, response: Response) -> None:
    """The browser lets go of what waits for it; nobody else can open that."""
    response.delete_cookie(_cookie(request), path=NEW_CONSULT)


def _cookie(request: Request) -> str:
    return f"{cookie_name(request)}-his"
