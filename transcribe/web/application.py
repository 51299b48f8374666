"""The web app: everything put together around one ``Workflow``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI

from transcribe.consult import Actor, Space
from transcribe.ports import Handovers, Preferences
from transcribe.recorder import Recorder
from transcribe.web import (
    contact,
    entry,
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
from transcribe.workflow import Workflow

__all__ = ["DemoInfo", "create_app"]


def create_app(
    *,
    workflow: Workflow,
    recorder: Recorder,
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
    preferences: Preferences | None = None,
    handovers: Handovers | None = None,
    his_secret: str = "",
    recordings: Sequence[Path] = (),
) -> FastAPI:
    """``hosts``: names besides loopback under which this service is reached (a reverse proxy's).

    ``space``: of the disk that recordings go to, for the warning on every page when less than ``min_free_percent`` of
    it is free. ``watched``: what ``/health/ready`` and ``/metrics`` tell of; without it they do not exist.
    ``unverified_days``: as in the settings, for the warning before. ``preferences``: without them there is no page of
    style. ``handovers``: in memory when there are none; ``his_secret``: what a HIS signs with, "" for no link with one.
    ``recordings``: of a demonstration, to practise on (huisarts left, patient right).
    """
    # no generated pages: they load scripts from elsewhere and list every route to whoever asks
    app = FastAPI(title="transcribe", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = Web(
        workflow=workflow,
        recorder=recorder,
        actor=actor,
        access=access,
        pages=Pages(
            ui_language=ui_language,
            demo=demo,
            idle_minutes=idle_minutes,
            version=version,
            space=space,
            min_free_percent=min_free_percent,
            styled=preferences is not None,
        ),
        max_upload_mb=max_upload_mb,
        unverified_days=unverified_days,
        preferences=preferences,
        handovers=handovers or his.MemoryHandovers(),
        his_secret=his_secret,
        recordings=recordings,
        now=lambda: datetime.now(UTC),
    )
    app.state.watch = watched
    app.include_router(entry.public)
    app.include_router(his.router)
    app.include_router(watch.router)
    for router in (
        entry.router, routes.router, review.router, contact.router, video.router, passing.router, exercise.router,
        style.router, media.router, ingest.router, ingest.live,
    ):  # fmt: skip
        app.include_router(router)
    errors.register(app)
    app.add_middleware(Guard, access=access, idle_minutes=idle_minutes, hosts=hosts)
    return app
