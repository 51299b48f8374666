"""The web app: everything put together around one ``Workflow``."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI

from transcribe.consult import Actor
from transcribe.web import entry, errors, media, review, routes
from transcribe.web.access import Access
from transcribe.web.guard import Guard
from transcribe.web.pages import DemoInfo, Pages
from transcribe.web.requests import Web
from transcribe.workflow import Workflow

__all__ = ["DemoInfo", "create_app"]


def create_app(
    *,
    workflow: Workflow,
    actor: Actor,
    access: Access,
    demo: DemoInfo | None,
    ui_language: str,
    max_upload_mb: int,
    idle_minutes: int,
    version: str,
    hosts: frozenset[str] = frozenset(),
) -> FastAPI:
    """``hosts``: names besides loopback under which this service is reached (a reverse proxy's)."""
    # no generated pages: they load scripts from elsewhere and list every route to whoever asks
    app = FastAPI(title="transcribe", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = Web(
        workflow=workflow,
        actor=actor,
        access=access,
        pages=Pages(ui_language=ui_language, demo=demo, idle_minutes=idle_minutes, version=version),
        max_upload_mb=max_upload_mb,
        now=lambda: datetime.now(UTC),
    )
    app.include_router(entry.public)
    for router in (entry.router, routes.router, review.router, media.router):
        app.include_router(router)
    errors.register(app)
    app.add_middleware(Guard, access=access, idle_minutes=idle_minutes, hosts=hosts)
    return app
