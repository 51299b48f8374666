"""What was destroyed in a month: numbers, moments and reasons, nothing of a patient."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.erasure import month_of
from transcribe.i18n import PRACTICE_ZONE
from transcribe.web.requests import WebDep, checked
from transcribe.web.views import certificate_views

router = APIRouter(dependencies=[Depends(checked)])


@router.get("/vernietigd")
def destroyed(request: Request, web: WebDep, maand: str = "") -> Response:
    """``maand``: as 2026-11; "" for this one."""
    now = web.now()
    since, before = month_of(maand or f"{now.astimezone(PRACTICE_ZONE):%Y-%m}")
    proofs = certificate_views(web.workflow.destroyed(since, before))
    return web.pages.render(
        request,
        "erased.html",
        proofs=proofs,
        complete=sum(proof.certificate.cleared_at is not None for proof in proofs),
        since=since,
        earlier=f"{since - timedelta(days=1):%Y-%m}",
        later=f"{before:%Y-%m}" if before <= now else "",
    )
