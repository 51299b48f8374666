"""What is recorded of a video consult: beside the recorder, and from the draft on beside the signature."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.errors import N_, InvalidInput
from transcribe.video import Connection, Device, Identity, Video, in_order
from transcribe.web.errors import BAD_FORM, is_htmx
from transcribe.web.requests import Fields, FieldsDep, Web, WebDep, checked, go
from transcribe.web.review import review_page
from transcribe.web.views import OTHER_APP, VideoView

router = APIRouter(dependencies=[Depends(checked)])

Chosen = TypeVar("Chosen", bound=StrEnum)


@router.post("/consult/{consult_id}/video")
def record(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """Before there is a note; the page is left alone but for this block, for it may be recording."""
    web.workflow.record_video(web.actor, consult_id, fields.number("versie"), _read(web, fields))
    if not is_htmx(request):
        return go(request, f"/consult/{consult_id}")
    return web.pages.render(
        request,
        "_recorded_video.html",
        consult=web.workflow.consult(consult_id),
        video=recorded(web, consult_id),
        saved=True,
    )


@router.post("/consult/{consult_id}/verslag/video")
def change(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.change_video(web.actor, consult_id, fields.number("versie"), _read(web, fields))
    page = f"/consult/{consult_id}"
    return review_page(request, web, consult_id, first=False) if is_htmx(request) else go(request, page)


def recorded(web: Web, consult_id: UUID) -> VideoView:
    """What is known before there is a note."""
    version, video = web.workflow.recorded_video(consult_id)
    return VideoView(video=video, presets=web.workflow.video_presets(), version=version)


def _read(web: Web, fields: Fields) -> Video:
    app = fields.text("app")
    if app == OTHER_APP:
        app = fields.text("andere")
        if not app.strip(" .,;"):  # nothing is left of these in the line
            raise InvalidInput(problem=N_("Vul in welke app is gebruikt, of kies er een uit de lijst."))
    video = Video(
        app=app,
        connection=_chosen(Connection, fields.text("verbinding")),
        device=_chosen(Device, fields.text("toestel")),
        identity=_chosen(Identity, fields.text("identiteit")),
        speaks_freely=fields.ticked("vrijuit"),
        limits_explained=fields.ticked("beperkingen"),
        others=fields.text("aanwezig"),
        reason=fields.text("reden"),
    )
    return in_order(video, web.workflow.video_presets()) if fields.ticked("alles") else video


def _chosen(kind: type[Chosen], value: str) -> Chosen | None:
    try:
        return kind(value) if value else None
    except ValueError as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown
