"""Consults that are closed to colleagues, and the emergency that opens one: parse, one use case, redirect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.consult import AuditEvent, Consult, Emergency
from transcribe.errors import N_, InvalidInput
from transcribe.policy import EMERGENCY_LASTS, OVER, RIGHTS, closed_to, may_close, may_lift
from transcribe.web.requests import FieldsDep, Web, WebDep, checked, go
from transcribe.web.views import consult_view

EMERGENCY_TEXT: dict[Emergency, str] = {
    Emergency.CARE: N_("De patiënt heeft nu zorg nodig"),
    Emergency.ABSENT: N_("Wie het consult hield is er niet, en het verslag kan niet wachten"),
    Emergency.PATIENT: N_("De patiënt vraagt erom"),
    Emergency.INCIDENT: N_("Een klacht of een incident wordt onderzocht"),
}
NO_REASON = N_("Kies waarom u noodtoegang neemt.")

router = APIRouter(dependencies=[Depends(checked)])


@dataclass(frozen=True, kw_only=True)
class EmergencyView:
    consult: Consult
    name: str  # of who took it
    at: datetime
    reason: str  # to be translated


def emergency_view(consult: Consult, event: AuditEvent) -> EmergencyView:
    return EmergencyView(consult=consult, name=event.actor, at=event.at, reason=EMERGENCY_TEXT[Emergency(event.detail)])


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What stands at the top of a consult's page about who may open it."""

    readers: tuple[str, ...]
    may_close: bool
    may_lift: bool
    emergencies: list[EmergencyView]  # that others took
    until: datetime | None  # when the emergency of whoever looks ends; None: it is not closed to them


def closing_of(web: Web, consult: Consult) -> Closing:
    closed = closed_to(web.actor, consult)
    events = web.workflow.emergencies(consult.id) if consult.readers else []
    return Closing(
        readers=consult.readers,
        may_close=may_close(web.actor, consult),
        may_lift=may_lift(web.actor, consult),
        emergencies=[emergency_view(consult, event) for event in events],
        until=web.workflow.emergency_until(web.actor, consult.id) if closed else None,
    )


def told(web: Web) -> list[EmergencyView]:
    """For the worklist of who keeps consults that others opened."""
    if not RIGHTS[web.actor.role].edit:
        return []
    return [emergency_view(consult, event) for consult, event in web.workflow.emergencies_to_tell(web.actor)]


def closed_page(request: Request, web: Web, consult: Consult) -> Response:
    """Says no more than for whom it is, and what one can do: nothing of the patient."""
    rights = RIGHTS[web.actor.role]
    return web.pages.render(
        request,
        "closed.html",
        status_code=403,
        head=consult_view(consult, web.actor),
        consult=consult,
        rights=rights,
        may_break=rights.approve and consult.status not in OVER,
        reasons=EMERGENCY_TEXT,
        minutes=int(EMERGENCY_LASTS.total_seconds()) // 60,
    )


@router.post("/consult/{consult_id}/afschermen")
def close(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.close(web.actor, consult_id, fields.number("versie"))
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/openstellen")
def lift(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.lift(web.actor, consult_id, fields.number("versie"))
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/noodtoegang")
def emergency(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.consult(consult_id)  # one that nobody knows is nobody's, whatever the form says
    try:
        why = Emergency(fields.get("reden", ""))
    except ValueError as unknown:
        raise InvalidInput(problem=NO_REASON) from unknown
    web.workflow.open_in_emergency(web.actor, consult_id, why)
    return go(request, f"/consult/{consult_id}")
