"""The worklist and a consult's way to its draft: parse, one use case, render or redirect."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from consent import AgeClass, Consent, ConsentText, GivenBy, How, current_text, grant, refuse, text
from transcribe.consult import Consult
from transcribe.errors import Conflict, InvalidInput
from transcribe.policy import RIGHTS, WITH_NOTE
from transcribe.web.errors import BAD_FORM
from transcribe.web.requests import Fields, FieldsDep, Web, WebDep, checked, go
from transcribe.web.review import review_page
from transcribe.web.views import (
    LAYOUT_TEXT,
    OVER,
    certificate_views,
    consult_view,
    processing,
    worklist,
)

router = APIRouter(dependencies=[Depends(checked)])


@router.get("/")
def home(request: Request, web: WebDep) -> Response:
    return web.pages.render(
        request,
        "worklist.html",
        list=worklist(web.workflow.consults(), web.erased_soon),
        now=web.now(),
        actor=web.actor,
    )


@router.get("/werklijst")
def refreshed_list(request: Request, web: WebDep) -> Response:
    """The list alone, for the page that keeps itself fresh."""
    return web.pages.render(
        request, "_worklist.html", list=worklist(web.workflow.consults(), web.erased_soon), now=web.now()
    )


# --- consent -------------------------------------------------------------------------------------------------------


@router.get("/consult/nieuw")
def new(request: Request, web: WebDep) -> Response:
    return web.pages.render(request, "new.html", words=_words(request, web), givers=list(GivenBy))


@router.post("/consult/nieuw")
def create(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    given = _consent(web, fields)
    consult = web.workflow.create(web.actor, fields.get("kenmerk", ""))
    web.workflow.record_consent(web.actor, consult.id, given)
    return go(request, f"/consult/{consult.id}")


@router.post("/consult/{consult_id}/toestemming")
def record_consent(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """For a consult that was made elsewhere, or whose making was cut off."""
    web.workflow.record_consent(web.actor, consult_id, _consent(web, fields))
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/intrekken")
def withdraw(request: Request, web: WebDep, consult_id: UUID) -> Response:
    web.workflow.withdraw(web.actor, consult_id)
    return go(request, f"/consult/{consult_id}")


def _words(request: Request, web: Web) -> ConsentText:
    """The words to speak: in the language of the screens."""
    return current_text(web.pages.language(request))


def _consent(web: Web, fields: Fields) -> Consent:
    """The consent or refusal that a form describes. Raises ``ConsentProblem`` or ``InvalidInput``."""
    informed_by = f"{web.actor.name} ({web.actor.role.value})"
    try:
        words = text(fields.text("tekst"))
        answer = fields.text("antwoord")
        if answer == "weigert":
            return refuse(informed_by=informed_by, text_id=words.id, text_sha256=words.sha256, now=web.now())
        if answer != "ja":  # nothing but an explicit yes is consent
            raise InvalidInput(problem=BAD_FORM)
        return grant(
            age=AgeClass(fields.text("leeftijd")),
            given_by=GivenBy(fields.text("gever")),
            how=How.SPOKEN,
            informed_by=informed_by,
            text_id=words.id,
            text_sha256=words.sha256,
            others_informed=not fields.ticked("anderen") or fields.ticked("anderen-akkoord"),
            now=web.now(),
        )
    except (ValueError, FileNotFoundError) as impossible:
        raise InvalidInput(problem=BAD_FORM) from impossible


# --- one consult ---------------------------------------------------------------------------------------------------


@router.get("/consult/{consult_id}")
def consult_page(request: Request, web: WebDep, consult_id: UUID) -> Response:
    consult = web.workflow.consult(consult_id)
    if consult.status in WITH_NOTE and RIGHTS[web.actor.role].edit:
        return review_page(request, web, consult_id)
    return _consult_page(request, web, consult, "consult.html")


@router.get("/consult/{consult_id}/voortgang")
def progress(request: Request, web: WebDep, consult_id: UUID) -> Response:
    """The progress alone; the page is fetched anew when there is more to see."""
    consult = web.workflow.consult(consult_id)
    if not processing(consult):
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    return _consult_page(request, web, consult, "_progress.html")


@router.get("/consult/{consult_id}/stand/{version}")
def standing(request: Request, web: WebDep, consult_id: UUID, version: int) -> Response:
    """Asked now and then by a page with content: is it still what it was?

    Ended elsewhere: the page goes, and its content with it. Changed elsewhere: it says so, and keeps what is typed.
    Version 0 asks only for the first.
    """
    consult = web.workflow.consult(consult_id)
    if consult.status in OVER:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    if version in (0, consult.version):
        return Response(status_code=204)
    text = web.pages.explain(request, Conflict())
    return web.pages.render(request, "_error.html", text=text, status=409)


@router.post("/consult/{consult_id}/opnieuw")
def retry(request: Request, web: WebDep, consult_id: UUID) -> Response:
    web.workflow.retry(web.actor, consult_id)
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/verwijderen")
def discard(request: Request, web: WebDep, consult_id: UUID) -> Response:
    web.workflow.discard(web.actor, consult_id)
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/wissen")
def erase(request: Request, web: WebDep, consult_id: UUID) -> Response:
    web.workflow.erase(web.actor, consult_id)
    return go(request, f"/consult/{consult_id}")


def _consult_page(request: Request, web: Web, consult: Consult, template: str) -> Response:
    return web.pages.render(
        request,
        template,
        head=consult_view(consult, erased_at=web.erased_soon(consult)),
        consult=consult,
        rights=RIGHTS[web.actor.role],
        layouts=LAYOUT_TEXT,
        certificates=certificate_views(web.workflow.certificates(consult.id)),
        max_upload_mb=web.max_upload_mb,
        words=_words(request, web),
        givers=list(GivenBy),
        now=web.now(),
    )
