"""Who said what, as a person knows it: parse, one use case, render or redirect."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from transcribe.asr.transcript import Speaker
from transcribe.consult import Status
from transcribe.errors import InvalidInput
from transcribe.web.errors import BAD_FORM
from transcribe.web.requests import Fields, FieldsDep, WebDep, checked, go
from transcribe.web.review import changed

router = APIRouter(dependencies=[Depends(checked)])

#: What happens to a note that was edited, by the words of the form.
KEEP = {"houden": True, "opnieuw": False}


@router.post("/consult/{consult_id}/sprekers")
def name(request: Request, web: WebDep, fields: FieldsDep, consult_id: UUID) -> Response:
    """Each voice ("stem-0", "stem-1", ...), or with ``wissel`` huisarts and patiënt the other way round."""
    said = None if "wissel" in fields else _said(fields)
    consult = web.naming.name(
        web.actor, consult_id, fields.number("versie"), said, keep=KEEP.get(fields.get("verslag", ""))
    )
    if consult.status is Status.DRAFTED:
        return changed(request, web, consult_id)
    return go(request, f"/consult/{consult_id}")


def _said(fields: Fields) -> list[Speaker]:
    try:
        return [Speaker(fields[f"stem-{n}"]) for n in range(sum(key.startswith("stem-") for key in fields))]
    except (KeyError, ValueError) as unknown:
        raise InvalidInput(problem=BAD_FORM) from unknown
