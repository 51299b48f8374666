"""Kind, times and tariff of a contact, as the doctor declares them beside the signature."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.contact import Contact, ContactType, Tariff, began_at, ended_at, noon, read_clock
from transcribe.errors import InvalidInput
from transcribe.web.errors import BAD_FORM
from transcribe.web.pages import PRACTICE_ZONE
from transcribe.web.requests import Fields, FieldsDep, WebDep, checked
from transcribe.web.review import changed

router = APIRouter(dependencies=[Depends(checked)])


@router.post("/consult/{consult_id}/contact")
def declare(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """Times as the clock in the practice shows them; on which day follows from the consult."""
    consult = web.workflow.consult(consult_id)
    was = consult.contact
    begin, end = read_clock(fields.text("begin")), read_clock(fields.text("einde"))
    about = was.began or (noon(was.day, PRACTICE_ZONE) if was.day else consult.created_at)
    began = None if begin is None else began_at(begin, PRACTICE_ZONE, about=about, was=was.began)
    ended = None if end is None else ended_at(end, PRACTICE_ZONE, began=began or about, was=was.ended)
    try:
        tariff = Tariff(fields.text("tarief")) if fields.text("tarief") else None
    except ValueError as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown
    contact = Contact(kind=read_kind(fields), began=began, ended=ended, tariff=tariff, day=was.day)
    web.workflow.change_contact(web.actor, consult_id, fields.number("versie"), contact)
    return changed(request, web, consult_id)


def read_kind(fields: Fields) -> ContactType | None:
    try:
        return ContactType(fields["soort"]) if fields.get("soort") else None
    except ValueError as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown
