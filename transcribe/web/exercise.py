"""To practise the checking: a demo consult with errors planted in its draft. In a demonstration only."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from consent import How, current_text, grant
from transcribe import policy
from transcribe.asr.transcript import Speaker
from transcribe.errors import ExerciseRefused
from transcribe.web.pages import PRACTICE_ZONE
from transcribe.web.requests import WebDep, checked, go

router = APIRouter(dependencies=[Depends(checked)])


@router.post("/oefenen")
def begin(request: Request, web: WebDep) -> Response:
    """The next of the bundled consults, in turn, by the way of every recording."""
    if not web.recordings:
        raise ExerciseRefused
    policy.check_may_edit(web.actor)
    recording = web.recordings[len(web.workflow.exercises(web.actor)) % len(web.recordings)].read_bytes()
    words = current_text(web.pages.language(request))
    consent = grant(
        how=How.SPOKEN,
        informed_by=f"{web.actor.name} ({web.actor.role.value})",
        text_id=words.id,
        text_sha256=words.sha256,
        others_informed=True,
        now=web.now(),
    )
    reference = f"OEFENING-{web.now().astimezone(PRACTICE_ZONE):%H%M%S}"
    consult = web.workflow.create(web.actor, reference, exercise=True)
    web.workflow.record_consent(web.actor, consult.id, consent)
    web.workflow.receive(web.actor, consult.id, [recording], (Speaker.HUISARTS, Speaker.PATIENT))
    return go(request, f"/consult/{consult.id}")
