"""A talk to try the sound with before there is a consult: measured in the browser, and nothing of it leaves that."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

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
def page(request: Request, web: WebDep, consult: UUID | None = None, video: bool = False) -> Response:
    """``consult``: where the way back leads; ``video``: a video call is what it will be."""
    return web.pages.render(request, "test_call.html", limits=LIMITS, consult=consult, call=video)
