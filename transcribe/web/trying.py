"""A talk to try the sound with before there is a consult: measured in the browser, and nothing of it leaves that."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.contact import ContactType
from transcribe.soep import sound
from transcribe.web.requests import WebDep, checked

router = APIRouter(dependencies=[Depends(checked)])

LIMITS = {
    "soft": sound.SOFT_DB,
    "noisy": sound.NOISY_DB,
    "clipped": sound.CLIPPED,
    "narrow": sound.NARROW_HZ,
}


@router.get("/testgesprek")
def page(request: Request, web: WebDep) -> Response:
    """Before there is a consult."""
    return web.pages.render(request, "test_call.html", limits=LIMITS, back="", call=False)


@router.get("/consult/{consult_id}/testgesprek")
def page_before(request: Request, web: WebDep, consult_id: UUID) -> Response:
    """Before the recording of this one, to which the way back leads."""
    call = web.workflow.consult(consult_id).contact.kind is ContactType.VIDEO
    return web.pages.render(request, "test_call.html", limits=LIMITS, back=f"/consult/{consult_id}", call=call)
