"""The review page, sign-off and copying: parse, one use case, render or redirect."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from transcribe.consult import Status
from transcribe.errors import InvalidInput, NotFound, WrongStatus
from transcribe.soep.note import Concern, Section
from transcribe.web.closing import closing_of
from transcribe.web.consenting import consent_view
from transcribe.web.errors import BAD_FORM, is_htmx, wants_json
from transcribe.web.pages import hour
from transcribe.web.requests import FieldsDep, Web, WebDep, checked, go
from transcribe.web.views import CONTACT_TEXT, NAMED_TEXT, TARIFF_TEXT, certificate_views, review_view

router = APIRouter(dependencies=[Depends(checked)])

#: Words of the page for a place up or down.
SHIFTS = {"op": -1, "neer": 1}


def review_page(
    request: Request,
    web: Web,
    consult_id: UUID,
    *,
    changing: bool = False,
    first: bool = True,
    asked: Mapping[str, str] | None = None,
) -> Response:
    """The note with its source, to check or, after approval, to copy.

    ``changing``: an approved note, to edit. ``first``: a look that is logged, not the page after its own edit.
    ``asked``: what was filled in to pass it on, to somebody whose name is new here.
    """
    review = web.workflow.review(web.actor, consult_id, first=first)
    view = review_view(
        review, web.actor, presets=web.workflow.video_presets(), erased_at=web.erased_soon(review.consult)
    )
    open_note = view.consult.status is Status.DRAFTED or changing
    if is_htmx(request) and not open_note:
        # signed meanwhile: its lines would stand there to be edited, and nothing says that this undoes the signature
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    signed = "exercise.html" if view.exercise else "approved.html"
    template = "_review.html" if is_htmx(request) else "review.html" if open_note else signed
    return web.pages.render(
        request,
        template,
        view=view,
        head=view.head,
        consult=view.consult,
        closing=closing_of(web, view.consult),
        rights=view.rights,
        certificates=certificate_views(web.workflow.certificates(consult_id)),
        record=consent_view(web.workflow.consent(consult_id)),
        changing=changing,
        partial=is_htmx(request),
        asked=asked,
        coding=review.codes is not None and open_note,
        kinds=CONTACT_TEXT,
        tariffs=TARIFF_TEXT,
        speakers=NAMED_TEXT,
        colleagues=web.workflow.colleagues(web.actor) if template == "review.html" else (),
        now=web.now(),
    )


@router.get("/consult/{consult_id}/wijzigen")
def change_page(request: Request, web: WebDep, consult_id: UUID) -> Response:
    """An approved note opened for editing. The gate closes at the first change, not at the look."""
    consult = web.workflow.consult(consult_id)
    if consult.exercise or consult.status not in {Status.APPROVED, Status.DELIVERED}:
        return RedirectResponse(f"/consult/{consult_id}", status_code=303)
    return review_page(request, web, consult_id, changing=True)


# --- lines ---------------------------------------------------------------------------------------------------------


@router.post("/consult/{consult_id}/regel/{line_id}/wijzig")
def edit(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID, line_id: str) -> Response:
    """Another text; with a ``rest`` the line is split, and that becomes the next one."""
    line = (web.actor, consult_id, fields.number("versie"), line_id, fields.text("tekst"))
    if "rest" in fields:
        web.workflow.split_line(*line, fields["rest"])
    else:
        web.workflow.edit_line(*line)
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/getypt")
def typed(web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """What stands in an editor and is not saved; nothing: it was saved or dropped."""
    web.workflow.keep_typing(
        web.actor,
        consult_id,
        fields.text("regel"),
        fields.text("tekst"),
        tab=fields.get("tabblad", ""),
        began=fields.get("begin"),
        beside=fields.get("naast", ""),
    )
    return Response(status_code=204)


@router.post("/consult/{consult_id}/regel/{line_id}/bevestig")
def confirm(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID, line_id: str) -> Response:
    web.workflow.confirm_line(web.actor, consult_id, fields.number("versie"), line_id, shown=fields.text("gezien"))
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/regel/{line_id}/verwijder")
def remove(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID, line_id: str) -> Response:
    web.workflow.remove_line(web.actor, consult_id, fields.number("versie"), line_id)
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/regel/{line_id}/terug")
def restore(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID, line_id: str) -> Response:
    web.workflow.restore_line(web.actor, consult_id, fields.number("versie"), line_id)
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/regel")
def add(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.add_line(
        web.actor,
        consult_id,
        fields.number("versie"),
        _section(fields.text("onderdeel")),
        fields.text("tekst"),
        report_id=fields.get("verslag") or None,
    )
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/uiting")
def take(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """A line from what was said ("12-S"). The words come from our transcript, never from the browser."""
    number, _, letter = fields.text("neem").partition("-")
    section = _section(letter)
    transcript = web.workflow.review(web.actor, consult_id, first=False).transcript
    if transcript is None or not number.isdecimal() or len(number) > 6 or int(number) >= len(transcript.utterances):
        raise NotFound
    index = int(number)
    web.workflow.add_line(
        web.actor,
        consult_id,
        fields.number("versie"),
        section,
        transcript.utterances[index].text,
        evidence=(index,),
    )
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/hoeft-niet")
def dismiss(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """What may be missed, and need not be in the note."""
    web.workflow.dismiss(web.actor, consult_id, fields.number("versie"), fields.number("uiting"))
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/gezien/{concern}")
def see(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID, concern: Concern) -> Response:
    web.workflow.see(web.actor, consult_id, fields.number("versie"), concern)
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/verplaats")
def move(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """A line to another report ("L3-R2") or a new one ("L3-nieuw"), to another section ("L3-P"), up, down, or
    together with the next one ("L3-op", "L3-neer", "L3-samen").
    """
    line_id, _, where = fields.text("naar").partition("-")
    line = (web.actor, consult_id, fields.number("versie"), line_id)
    if where in set(Section):
        web.workflow.place_line(*line, Section(where))
    elif where in SHIFTS:
        web.workflow.shift_line(*line, SHIFTS[where])
    elif where == "samen":
        web.workflow.join_line(*line)
    else:
        web.workflow.move_line(*line, None if where == "nieuw" else where)
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/ongedaan")
def undo(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.undo(web.actor, consult_id, fields.number("versie"))
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/opnieuw-doen")
def redo(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.redo(web.actor, consult_id, fields.number("versie"))
    return changed(request, web, consult_id)


@router.post("/consult/{consult_id}/verslag/{report_id}/samen")
def merge(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID, report_id: str) -> Response:
    web.workflow.merge_report(web.actor, consult_id, fields.number("versie"), report_id)
    return changed(request, web, consult_id)


@router.get("/icpc")
def codes(web: WebDep) -> Response:
    """The table under the field for a code. Apart from the page: it is as large as all else, and seldom asked for."""
    return JSONResponse([[entry.code, entry.title] for entry in web.workflow.code_table()])


@router.post("/consult/{consult_id}/icpc")
def code(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """A code from the list ("R1-E-R78"), none ("R1-E-"), or one that was typed beside "R1-E"."""
    report_id, _, rest = fields.text("keuze").partition("-")
    letter, _, listed = rest.partition("-")
    chosen = fields.get("code", listed).strip().upper()
    web.workflow.code_report(web.actor, consult_id, fields.number("versie"), report_id, _section(letter), chosen)
    return changed(request, web, consult_id)


def _section(value: str) -> Section:
    try:
        return Section(value)
    except ValueError as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown


def changed(request: Request, web: Web, consult_id: UUID) -> Response:
    """The page after a change: what is new of it, or all of it anew."""
    page = f"/consult/{consult_id}"
    return review_page(request, web, consult_id, first=False) if is_htmx(request) else go(request, page)


# --- sign-off and copying ------------------------------------------------------------------------------------------


@router.post("/consult/{consult_id}/akkoord")
def approve(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    shown = fields.text("sha256")
    try:
        web.workflow.approve(web.actor, consult_id, shown)
    except WrongStatus:
        # the answer to an earlier press was lost: exactly this text is signed
        review = web.workflow.review(web.actor, consult_id, first=False)
        if review.approval is None or review.sha256 != shown:
            raise
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/kopie/{part}/tekst")
def copy_text(web: WebDep, fields: FieldsDep, consult_id: UUID, part: str) -> Response:
    """For the clipboard; the page tells when it is there."""
    return JSONResponse({"text": web.workflow.copy_text(web.actor, consult_id, part, shown=fields.text("sha256"))})


@router.post("/consult/{consult_id}/kopie/{part}")
def deliver(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID, part: str) -> Response:
    """The text for the HIS. The copy is on record when this answers."""
    text = web.workflow.deliver(web.actor, consult_id, part, shown=fields.text("sha256"))
    at = hour(web.now())
    if wants_json(request):
        version = web.workflow.consult(consult_id).version
        return JSONResponse({"text": text, "part": part, "at": at, "version": version})
    return web.pages.render(request, "copy.html", text=text, part=part, at=at, page=f"/consult/{consult_id}")
