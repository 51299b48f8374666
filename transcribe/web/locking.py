"""A screen that nobody touched while its recording goes on: what it shows, and how one gets in again.

The lock itself is the session's (``access.Access.session``), and the guard keeps it. Nothing here names a patient.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from transcribe.consult import Action
from transcribe.errors import TranscribeError
from transcribe.web.access import WrongKey, local_page
from transcribe.web.errors import wants_json
from transcribe.web.requests import Fields, FieldsDep, SessionDep, Web, WebDep, checked, form_page

router = APIRouter(dependencies=[Depends(checked)])


@dataclass(frozen=True, kw_only=True)
class LockView:
    """How this screen is opened again."""

    name: str  # of whoever is logged in
    by_key: bool  # a demonstration
    password: bool
    provider: str  # where one can log in again; "": nowhere


def lock_view(web: Web) -> LockView:
    by_key = web.accounts is None
    password = not by_key and web.person is not None and bool(web.staff.own(web.person).password)
    provider = web.provider.name if web.provider and not by_key else ""
    return LockView(name=web.actor.name, by_key=by_key, password=password, provider=provider)


@router.get("/slot")
def page(request: Request, web: WebDep, naar: str = "/") -> Response:
    return _page(request, web, naar)


@router.post("/slot")
def unlock(request: Request, web: WebDep, session: SessionDep, fields: FieldsDep) -> Response:
    onward = fields.get("naar", "/")
    if request.state.locked:
        try:
            _prove(web, fields)
        except TranscribeError as failed:
            if wants_json(request):
                raise
            return _page(request, web, onward, failed)
        web.access.unlock(session)
    if wants_json(request):
        return Response(status_code=204)
    return RedirectResponse(local_page(onward), status_code=303)


def _prove(web: Web, fields: Fields) -> None:
    """As at a log-in: so many tries, and so long to wait."""
    if web.accounts is not None and web.person is not None:
        web.staff.unlock(web.person, fields.get("wachtwoord", ""))
        return
    try:
        web.access.check_key(fields.get("sleutel", ""))
    except WrongKey:
        web.workflow.log(web.actor, Action.LOGIN_FAILED, "niet ontgrendeld")
        raise
    web.workflow.log(web.actor, Action.LOGGED_IN, "ontgrendeld")


def _page(request: Request, web: Web, naar: str, problem: TranscribeError | None = None) -> Response:
    if not request.state.locked:
        return RedirectResponse(local_page(naar), status_code=303)
    session = request.state.session
    # on the page of the recording its recorder goes on: a reload costs no sound
    here = naar == f"/consult/{session.recording}"
    return form_page(
        request,
        web,
        "locked.html",
        problem,
        lock=lock_view(web),
        page=local_page(naar),
        consult=web.workflow.consult(session.recording) if here else None,
        token=session.token,
    )
