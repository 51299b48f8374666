"""The web app: everything put together around the practices it serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI

from consent import Texts
from transcribe import policy
from transcribe.consult import Actor, Space
from transcribe.ports import Handovers
from transcribe.practice import Practice
from transcribe.web import (
    access_log,
    consenting,
    contact,
    entry,
    erased,
    errors,
    exercise,
    his,
    ingest,
    media,
    passing,
    review,
    routes,
    style,
    video,
    watch,
)
from transcribe.web.access import Access
from transcribe.web.guard import Guard
from transcribe.web.pages import DemoInfo, Pages
from transcribe.web.requests import Web
from transcribe.web.watch import Watch

__all__ = ["DemoInfo", "create_app"]


def create_app(
    *,
    practices: Callable[[str], Practice],
    actor: Actor,
    access: Access,
    demo: DemoInfo | None,
    ui_language: str,
    max_upload_mb: int,
    idle_minutes: int,
    version: str,
    space: Callable[[], Space],
    min_free_percent: float,
    hosts: frozenset[str] = frozenset(),
    watched: Watch | None = None,
    unverified_days: int = 14,
    practice: str = "",
    handovers: Handovers | None = None,
    his_secret: str = "",
    recordings: Sequence[Path] = (),
    texts: Texts | None = None,
) -> FastAPI:
    """``practice``: whose screens these are.

    ``hosts``: names besides loopback under which this service is reached (a reverse proxy's). ``space``: of the disk
    that recordings go to, for the warning on every page when less than ``min_free_percent`` of it is free. ``watched``:
    what ``/health/ready`` and ``/metrics`` tell of; without it they do not exist. ``unverified_days``: as in the
    settings, for the warning before. ``handovers``: in memory when there are none; ``his_secret``: what a HIS signs
    with, "" for no link with one. ``recordings``: of a demonstration, to practise on (huisarts left, patient right).
    ``texts``: for the patient; those of this program when there are none.
    """
    # no generated pages: they load scripts from elsewhere and list every route to whoever asks
    app = FastAPI(title="transcribe", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = Web(
        practices=practices,
        practice=practice,
        actor=actor,
        access=access,
        pages=Pages(
            ui_language=ui_language,
            demo=demo,
            idle_minutes=idle_minutes,
            version=version,
            space=space,
            min_free_percent=min_free_percent,
            styled=practices(practice).preferences is not None,
            logs=policy.RIGHTS[actor.role].logs,
        ),
        max_upload_mb=max_upload_mb,
        unverified_days=unverified_days,
        handovers=handovers or his.MemoryHandovers(),
        his_secret=his_secret,
        recordings=recordings,
        texts=texts or Texts(),
        now=lambda: datetime.now(UTC),
    )
    app.state.watch = watched
    app.include_router(entry.public)
    app.include_router(his.router)
    app.include_router(watch.router)
    for router in (
        entry.router, routes.router, consenting.router, review.router, contact.router, video.router, passing.router,
        exercise.router, style.router, access_log.router, erased.router, media.router, ingest.router, ingest.live,
    ):  # fmt: skip
        app.include_router(router)
    errors.register(app)
    app.add_middleware(Guard, access=access, idle_minutes=idle_minutes, hosts=hosts)
    return app
