"""The web app: everything put together around the practices it serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from fastapi import FastAPI

from consent import Texts
from transcribe import policy
from transcribe.accounts import Person
from transcribe.consult import Actor, Space
from transcribe.errors import Erased, NotFound
from transcribe.oidc import Provider
from transcribe.ports import Handovers
from transcribe.practice import Practice
from transcribe.staff import STRANGER, Staff
from transcribe.web import (
    access_log,
    account,
    batch,
    closing,
    consenting,
    contact,
    elsewhere,
    entry,
    erased,
    errors,
    exercise,
    his,
    ingest,
    locking,
    media,
    passing,
    review,
    routes,
    speakers,
    style,
    trying,
    video,
    voice,
    watch,
    welcome,
)
from transcribe.web.access import Access, Identities, OnePerson
from transcribe.web.guard import Guard
from transcribe.web.pages import DemoInfo, Pages
from transcribe.web.requests import Web
from transcribe.web.watch import Watch

__all__ = ["WITH_SESSION", "DemoInfo", "create_app"]

#: For who is logged in, each route as ``rights.RULES`` says.
WITH_SESSION = (
    entry.router, locking.router, account.router, routes.router, consenting.router, review.router, contact.router,
    video.router, passing.router, closing.router, speakers.router, exercise.router, style.router, access_log.router,
    erased.router, media.router, ingest.router, ingest.live, trying.router, batch.router, voice.router,
)  # fmt: skip


def create_app(
    *,
    practices: Callable[[str], Practice],
    access: Access,
    actor: Actor = STRANGER,
    accounts: Staff | None = None,
    provider: Provider | None = None,
    demo: DemoInfo | None,
    ui_language: str,
    max_upload_mb: int,
    idle_minutes: float,
    version: str,
    space: Callable[[], Space],
    min_free_percent: float,
    hosts: frozenset[str] = frozenset(),
    proxy: str = "",
    watched: Watch | None = None,
    unverified_days: int = 14,
    practice: str = "",
    handovers: Handovers | None = None,
    his_secret: str = "",
    recordings: Sequence[Path] = (),
    texts: Texts | None = None,
) -> FastAPI:
    """``accounts``: who may log in; without them everybody is ``actor``, who has the access key (a demonstration).
    ``provider``: where people with an account may log in as well. ``practice``: whose screens these are when nobody, or
    one without an account, looks at them.

    ``hosts``: names besides loopback under which this service is reached (a reverse proxy's). ``proxy``: IP
    address of that proxy, which is believed about where a request comes from; "": one on this machine. ``space``: of
    the disk that recordings go to, for the warning on every page when less than ``min_free_percent`` of it is free.
    ``watched``: what ``/health/ready`` and ``/metrics`` tell of; without it they do not exist. ``unverified_days``: as
    in the settings, for the warning before. ``handovers``: in memory when there are none; ``his_secret``: what a HIS
    signs with, "" for no link with one. ``recordings``: of a demonstration, to practise on (huisarts left, patient
    right). ``texts``: for the patient; those of this program when there are none.
    """
    # no generated pages: they load scripts from elsewhere and list every route to whoever asks
    identities: Identities = accounts or OnePerson(actor, practice)
    app = FastAPI(title="transcribe", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = Web(
        practices=practices,
        practice=practice,
        actor=actor,
        person=None,
        identities=identities,
        accounts=accounts,
        provider=provider,
        access=access,
        pages=Pages(
            ui_language=ui_language,
            demo=demo,
            idle_minutes=idle_minutes,
            version=version,
            space=space,
            min_free_percent=min_free_percent,
            styled=practices(practice).preferences is not None,
            accounts=accounts is not None,
        ),
        max_upload_mb=max_upload_mb,
        idle=timedelta(minutes=idle_minutes),
        unverified_days=unverified_days,
        handovers=handovers or his.MemoryHandovers(),
        his_secret=his_secret,
        recordings=recordings,
        texts=texts or Texts(),
        now=lambda: datetime.now(UTC),
    )
    app.state.watch = watched
    for router in (entry.public, welcome.router, elsewhere.router, his.router, watch.router, *WITH_SESSION):
        app.include_router(router)
    errors.register(app)

    def running(person: Person, consult_id: UUID) -> bool:
        try:
            return practices(person.practice).workflow.consult(consult_id).status in policy.RUNNING
        except (NotFound, Erased):
            return False

    app.add_middleware(
        Guard,
        access=access,
        identities=identities,
        idle_minutes=idle_minutes,
        running=running,
        hosts=hosts,
        proxy=proxy,
    )
    return app
