"""A draft goes to a colleague and back: parse, one use case, render or redirect."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.web.requests import FieldsDep, WebDep, checked
from transcribe.web.review import changed, review_page

router = APIRouter(dependencies=[Depends(checked)])


@router.post("/consult/{consult_id}/overdragen")
def pass_on(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    to, message = fields.text("naam"), fields.get("bericht", "")
    if fields.get("bevestigd") != to and web.workflow.is_new_name(web.actor, consult_id, to):
        return review_page(request, web, consult_id, first=False, asked={"naam": to, "bericht": message})
    web.workflow.pass_on(web.actor, consult_id, fields.number("versie"), to, message)
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/terugsturen")
def send_back(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.send_back(web.actor, consult_id, fields.number("versie"), fields.get("bericht", ""))
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/overnemen")
def take_over(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.take_over(web.actor, consult_id, fields.number("versie"))
    return changed(request, web, consult_id)
