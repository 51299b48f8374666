"""One's own voice: what it is for, consent, a recording of a minute, and away with it."""

from __future__ import annotations

import io
from collections.abc import Iterator

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from transcribe import policy
from transcribe.enrolment import AGREED, AGREED_TEXT, Enrolment
from transcribe.errors import NotFound, Unreadable
from transcribe.speakers.profile import READ_ALOUD
from transcribe.web.errors import TooLarge
from transcribe.web.media import take_in
from transcribe.web.requests import Web, WebDep, checked, go

router = APIRouter(prefix="/stem", dependencies=[Depends(checked)])

#: A recording of a minute as people have it, whatever made it. It is held in memory, and nowhere else.
MOST_MB = 30


@router.get("")
def page(request: Request, web: WebDep) -> Response:
    try:
        enrolled, damaged = _enrolment(web).find(web.actor.name), False
    except Unreadable:
        enrolled, damaged = None, True  # it can be removed all the same
    return web.pages.render(
        request,
        "voice.html",
        enrolled=enrolled,
        damaged=damaged,
        doctor=policy.RIGHTS[web.actor.role].approve,
        agreed=AGREED,
        agreed_text=AGREED_TEXT,
        read_aloud=READ_ALOUD,
        max_mb=MOST_MB,
    )


@router.put("/{version}")
async def enrol(request: Request, web: WebDep, version: str) -> Response:
    """The raw bytes of a recording of whoever sends it. ``version``: of the text that they agreed to."""

    def take(pieces: Iterator[bytes]) -> None:
        sound = io.BytesIO()
        for piece in pieces:
            if sound.tell() + len(piece) > MOST_MB * 1_000_000:
                raise TooLarge(maximum=MOST_MB)
            sound.write(piece)
        sound.seek(0)
        _enrolment(web).enrol(web.actor, sound, agreed=version)

    await take_in(request, web, take)
    return JSONResponse({"page": "/stem"}, status_code=201)


@router.post("/verwijderen")
def remove(request: Request, web: WebDep) -> Response:
    _enrolment(web).remove(web.actor)
    return go(request, "/stem")


def _enrolment(web: Web) -> Enrolment:
    """Raises ``NotFound`` where nothing can be kept."""
    found = web.practices(web.practice).enrolment
    if found is None:
        raise NotFound
    return found
