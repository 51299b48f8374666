"""The access log on the screen, and who saw what for a patient. Every look is itself logged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.access_log import overview
from transcribe.consult import Action, LogFilter, Logged
from transcribe.errors import N_, InvalidInput
from transcribe.origin import Client
from transcribe.web.pages import PRACTICE_ZONE
from transcribe.web.requests import Fields, FieldsDep, Web, WebDep, checked

ROWS = 50
WRONG_FILTER = N_("De datum, het consultnummer of de keuze is niet te lezen. Kies het opnieuw.")
CLIENT_TEXT: dict[Client, str] = {
    Client.BROWSER: N_("browser"),
    Client.WORKSTATION: N_("werkplek"),
    Client.COMMAND: N_("opdrachtregel"),
    Client.SERVICE: N_("dienst"),
}
#: Of ``policy.Rights``.
RIGHT_TEXT: dict[str, str] = {
    "record": N_("opnemen"),
    "edit": N_("lezen en wijzigen"),
    "approve": N_("accorderen"),
    "copy": N_("kopiëren"),
    "logs": N_("toegangslog lezen"),
}

router = APIRouter(prefix="/toegangslog", dependencies=[Depends(checked)])


@router.get("")
def page(request: Request, web: WebDep) -> Response:
    return _page(request, web, LogFilter(), Fields())


@router.post("")
def filtered(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    """Posted: names of staff do not belong in an address either."""
    return _page(request, web, _wanted(fields), fields)


@router.post("/patient")
def of_patient(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    """To print, and to give to the patient."""
    wanted = replace(_wanted(fields), patient_ref=fields.get("kenmerk", "").strip())
    rows = web.log_reading.of_patient(web.actor, wanted)
    return web.pages.render(
        request,
        "patient_log.html",
        days=overview(rows, PRACTICE_ZONE),
        reference=wanted.patient_ref,
        since=wanted.since,
        until=wanted.before - timedelta(days=1) if wanted.before else None,
        now=web.now(),
        actor=web.actor,
    )


def _page(request: Request, web: Web, wanted: LogFilter, fields: Fields) -> Response:
    reading = web.log_reading
    after = fields.number("na") if fields.get("na") else None
    rows: list[Logged] = reading.page(web.actor, wanted, after=after, limit=ROWS + 1)
    return web.pages.render(
        request,
        "access_log.html",
        rows=rows[:ROWS],
        after=rows[ROWS - 1].seq if len(rows) > ROWS else None,
        begun=after is None,
        asked=fields,
        people=reading.people(web.actor),
        actions=list(Action),
        clients=CLIENT_TEXT,
        rights=RIGHT_TEXT,
    )


def _wanted(fields: Fields) -> LogFilter:
    actor = fields.get("wie", "")
    if not actor.isprintable():
        raise InvalidInput(problem=WRONG_FILTER)
    try:
        return LogFilter(
            since=fields.day("van"),
            before=fields.day("tot", days=1),
            actor=actor,
            action=Action(fields["wat"]) if fields.get("wat") else None,
            consult_id=UUID(fields["consult"].strip()) if fields.get("consult", "").strip() else None,
        )
    except (ValueError, OverflowError) as wrong:
        raise InvalidInput(problem=WRONG_FILTER) from wrong
