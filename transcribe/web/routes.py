"""The worklist and a consult's way to its draft: parse, one use case, render or redirect."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.consult import Consult, Part, PartSize, Search, Status
from transcribe.contact import Contact, ContactType
from transcribe.errors import N_, InvalidInput, WaitsFor
from transcribe.policy import (
    BEFORE_NOTE,
    LIKE_BSN,
    OVER,
    RIGHTS,
    RUNNING,
    WITH_NOTE,
    like_bsn,
    receiver,
    waits_elsewhere,
)
from transcribe.ports import Session
from transcribe.visible import one_row
from transcribe.web import his
from transcribe.web.closing import closed_page, closing_of, told
from transcribe.web.consenting import consent_form, consent_view, read_consent, read_withdrawer
from transcribe.web.contact import read_kind
from transcribe.web.locking import lock_view
from transcribe.web.requests import Fields, FieldsDep, SessionDep, Web, WebDep, checked, go
from transcribe.web.review import review_page
from transcribe.web.video import recorded
from transcribe.web.views import (
    CONTACT_TEXT,
    LAYOUT_TEXT,
    LONG_ROWS,
    PART_TEXT,
    ROWS,
    PartView,
    certificate_views,
    consult_view,
    part_view,
    practice_view,
    processing,
)

FOUND = N_("Gevonden")
WRONG_SEARCH = N_("De datum of de status is niet te lezen. Kies het opnieuw.")
CHANGED = N_(
    "Dit consult is intussen gewijzigd, door een collega of in een ander venster. Herlaad de pagina om te zien hoe het "
    "nu is."
)
#: The fields of the form, and how long its answer can be gone back to.
SEARCHED = ("kenmerk", "van", "tot", "deel")
FOUND_FOR = timedelta(minutes=30)

router = APIRouter(dependencies=[Depends(checked)])


@router.get("/")
def home(request: Request, web: WebDep, deel: Part | None = None, na: UUID | None = None) -> Response:
    """The worklist; or more of one part of it, ``na`` a consult. It names patients: others go to their own page."""
    if not RIGHTS[web.actor.role].record:
        return go(request, "/account")
    parts = _parts(web) if deel is None else [_part(web, deel, most=LONG_ROWS, after=na)]
    return _list_page(request, web, parts, whole=deel is None)


@router.get("/werklijst")
def refreshed_list(request: Request, web: WebDep) -> Response:
    """The list alone, for the page that keeps itself fresh."""
    return web.pages.render(request, "_worklist.html", parts=_parts(web), whole=True, now=web.now())


@router.post("/zoeken")
def search(request: Request, web: WebDep, session: SessionDep, fields: FieldsDep) -> Response:
    """Posted: what is looked for is a patient's and must not be in an address. The answer has an address that says
    nothing of it, so that a browser can go back to what was found.
    """
    web.workflow.find(web.actor, _wanted(web, fields), limit=LONG_ROWS + 1)  # on record, once
    handle = secrets.token_urlsafe(16)
    asked = json.dumps({name: fields.get(name, "") for name in SEARCHED})
    now = web.now()
    web.handovers.keep(secrets.token_bytes(32), _searched(session, handle), asked, now=now, until=now + FOUND_FOR)
    return go(request, f"/zoeken/{handle}")


@router.get("/zoeken/{handle}")
def found(request: Request, web: WebDep, session: SessionDep, handle: str) -> Response:
    """What was searched for in this session, as it is now; the worklist when that was too long ago."""
    asked = web.handovers.look(_searched(session, handle), web.now())
    if asked is None:
        return go(request, "/")
    fields = Fields(json.loads(asked))
    consults = web.workflow.search(_wanted(web, fields), limit=LONG_ROWS + 1)
    part = part_view(FOUND, consults, web.actor, web.erased_soon, web.recorder.silent_since, most=LONG_ROWS)
    return _list_page(request, web, [part], asked=fields)


def _searched(session: Session, handle: str) -> str:
    """In another session the same address finds nothing."""
    return f"zoeken {session.token} {handle}"


def _wanted(web: Web, fields: Fields) -> Search:
    chosen = fields.get("deel", "")
    try:
        return Search(
            patient_ref=one_row(fields.get("kenmerk", "")),
            since=fields.day("van"),
            before=fields.day("tot", days=1),
            part=Part(chosen) if chosen else None,
            person=receiver(web.actor),
        )
    except (ValueError, OverflowError) as wrong:
        raise InvalidInput(problem=WRONG_SEARCH) from wrong


def _parts(web: Web) -> list[PartView]:
    sizes = web.workflow.sizes(receiver(web.actor))
    return [_part(web, part, most=ROWS, size=sizes[part]) for part in Part if sizes[part].count]


def _part(web: Web, part: Part, *, most: int, after: UUID | None = None, size: PartSize | None = None) -> PartView:
    found = web.workflow.search(Search(part=part, person=receiver(web.actor)), after=after, limit=most + 1)
    return part_view(
        PART_TEXT[part], found, web.actor, web.erased_soon, web.recorder.silent_since, most=most, size=size, part=part
    )


def _list_page(
    request: Request, web: Web, parts: list[PartView], *, whole: bool = False, asked: Fields | None = None
) -> Response:
    """``whole``: the worklist as it is, which keeps itself fresh. ``asked``: what was searched for."""
    practising = whole and web.recordings and RIGHTS[web.actor.role].edit
    practice = practice_view(web.workflow.exercises(web.actor)) if practising else None
    return web.pages.render(
        request, "worklist.html", parts=parts, whole=whole, asked=asked, part_text=PART_TEXT,
        now=web.now(), actor=web.actor, practice=practice, emergencies=told(web) if whole else (),
    )  # fmt: skip


# --- consent -------------------------------------------------------------------------------------------------------


@router.get("/consult/nieuw")
def new(request: Request, web: WebDep) -> Response:
    """Empty, or with the reference that the HIS handed over for it."""
    handed_over = his.handed_over(request, web)
    response = web.pages.render(
        request,
        "new.html",
        form=consent_form(request, web),
        handed_over=handed_over,
        ref_warning=LIKE_BSN if like_bsn(handed_over) else "",
        kinds=CONTACT_TEXT,
    )
    if handed_over:
        his.forget(request, response)
    return response


@router.post("/consult/nieuw")
def create(request: Request, web: WebDep, fields: FieldsDep) -> Response:
    given = read_consent(request, web, fields)
    kind = read_kind(fields)
    consult = web.workflow.create(web.actor, fields.get("kenmerk", ""), contact=Contact(kind=kind))
    web.workflow.record_consent(web.actor, consult.id, given)
    return go(request, f"/consult/{consult.id}")


@router.post("/consult/{consult_id}/toestemming")
def record_consent(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """For a consult that was made elsewhere, or whose making was cut off."""
    web.workflow.record_consent(web.actor, consult_id, read_consent(request, web, fields))
    return go(request, f"/consult/{consult_id}")


@router.post("/consult/{consult_id}/intrekken")
def withdraw(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    web.workflow.withdraw(web.actor, consult_id, read_withdrawer(fields))
    return go(request, f"/consult/{consult_id}")


# --- one consult ---------------------------------------------------------------------------------------------------


@router.get("/consult/{consult_id}")
def consult_page(request: Request, web: WebDep, consult_id: UUID) -> Response:
    consult = web.workflow.consult(consult_id)
    if not web.workflow.is_open(web.actor, consult):
        return closed_page(request, web, consult)
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

    Ended, signed or closed elsewhere: the page goes, and its content with it. Copied elsewhere: it shows that. Changed
    elsewhere: it says so, and keeps what is typed.
    """
    consult = web.workflow.consult(consult_id)
    if not web.workflow.is_open(web.actor, consult):
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    if version == consult.version:
        return Response(status_code=204)
    # a signed note that is open to be changed was signed again: what is new of it would stand there unmarked
    changing = request.headers.get("hx-current-url", "").endswith("/wijzigen")
    gone = OVER if changing else OVER | {Status.APPROVED, Status.DELIVERED}
    if consult.status in gone:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    elsewhere = waits_elsewhere(web.actor, consult)
    waits = WaitsFor(name=consult.waits_for)
    text = web.pages.explain(request, waits) if elsewhere else web.pages.sentence(request, CHANGED)
    return web.pages.render(request, "_error.html", text=text, status=409, page=f"/consult/{consult_id}")


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
    rights = RIGHTS[web.actor.role]
    recording = rights.record and consult.status in BEFORE_NOTE and consult.contact.kind is ContactType.VIDEO
    return web.pages.render(
        request,
        template,
        head=consult_view(consult, web.actor, erased_at=web.erased_soon(consult)),
        consult=consult,
        closing=closing_of(web, consult),
        rights=rights,
        video=recorded(web, consult.id) if recording else None,
        lock=lock_view(web) if rights.record and consult.status in RUNNING | {Status.CONSENTED} else None,
        layouts=LAYOUT_TEXT,
        recorded_by=web.recorder.recorded_by(consult),
        certificates=certificate_views(web.workflow.certificates(consult.id)),
        max_upload_mb=web.max_upload_mb,
        form=consent_form(request, web),
        record=consent_view(web.workflow.consent(consult.id)),
        now=web.now(),
    )
