"""Templates, languages and hashed static files: from values to HTML."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import babel.dates
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import HTTPConnection

from consent import Withdrawer
from transcribe import policy
from transcribe.consult import Space
from transcribe.errors import N_, TranscribeError
from transcribe.i18n import LANGUAGES, translations
from transcribe.i18n import PRACTICE_ZONE as PRACTICE_ZONE
from transcribe.web import bundles
from transcribe.web.access import local_page
from transcribe.web.rights import LOGS, permitted

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "taal"
TODAY = N_("vandaag")
JAVASCRIPT = "text/javascript"
JUST_NOW = N_("zojuist")
#: Level of gzip: 160 kB becomes a seventh of it in some milliseconds.
PACKING = 5


@dataclass(frozen=True, kw_only=True)
class DemoInfo:
    """What a demonstration says of itself on every page."""

    model: str
    wer_demo: str  # measured word error rate on the demo consults, as text: "9 %"
    wer_open: str  # and on texts the model has never seen


@dataclass(frozen=True, kw_only=True)
class StaticFile:
    body: bytes
    media_type: str
    packed: bytes  # gzip


def _static(body: bytes, media_type: str) -> StaticFile:
    return StaticFile(body=body, media_type=media_type, packed=gzip.compress(body, mtime=0))


class StaticFiles:
    """All static files in memory, under one prefix made of their content.

    One prefix for all, so that what a script or a style names beside it is of the same version.
    """

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, StaticFile] = {}
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            media_type = JAVASCRIPT if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
            self._files[path.relative_to(folder).as_posix()] = _static(path.read_bytes(), media_type or "text/plain")
        for page in bundles.PAGES:
            text = bundles.bundle(page, lambda name: self._files[name].body.decode())
            self._files[bundles.file_of(page)] = _static(text.encode(), JAVASCRIPT)
        digest = hashlib.sha256()
        for name, file in sorted(self._files.items()):
            digest.update(name.encode() + b"\0" + file.body)
        self.tag = digest.hexdigest()[:16]

    def get(self, name: str) -> StaticFile | None:
        return self._files.get(name)

    def names(self) -> list[str]:
        return sorted(self._files)

    def scripts(self, page: str) -> Markup:
        """The tag of all scripts of a page (``bundles.PAGES``). Nothing is shown before they are there: what somebody
        clicked on a page without them would be done otherwise than she expects.
        """
        return Markup(f'<script src="{self.url(bundles.file_of(page))}" type="module" blocking="render"></script>')  # noqa: S704  (ours)

    def url(self, name: str) -> str:
        assert name in self._files, f"no static file {name}"
        return f"/static/{self.tag}/{name}"


class Pages:
    """Renders templates in the reader's language."""

    def __init__(
        self,
        *,
        ui_language: str,
        demo: DemoInfo | None,
        idle_minutes: float,
        version: str,
        space: Callable[[], Space],
        min_free_percent: float,
        styled: bool,
        accounts: bool = False,
    ) -> None:
        self._ui_language = ui_language
        self._space = space
        self._min_free_percent = min_free_percent
        self.static = StaticFiles(HERE / "static")
        self._environments = {language: self._environment(language) for language in LANGUAGES}
        for environment in self._environments.values():
            environment.globals.update(
                static=self.static.url,
                scripts=self.static.scripts,
                withdrawers=tuple(Withdrawer),
                demo=demo,
                idle_seconds=f"{idle_minutes * 60:g}",
                version=version,
                styled=styled,
                accounts=accounts,
            )

    def _environment(self, language: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_translations(  # type: ignore[attr-defined]  # given by the extension
            translations(language), newstyle=True
        )
        environment.globals["language"] = language
        # for sentences that come from Python (marked N_): no %-formatting, they may hold a percent sign
        environment.filters["t"] = translations(language).gettext
        environment.filters["clock"] = clock_time
        environment.filters["at"] = partial(moment, language=language)
        environment.filters["lately"] = partial(lately, language=language)
        environment.filters["hour"] = hour
        environment.filters["day"] = partial(day, language=language)
        environment.filters["date"] = partial(whole_date, language=language)
        environment.filters["short_date"] = partial(short_date, language=language)
        environment.filters["second"] = partial(second, language=language)
        environment.filters["month"] = partial(month, language=language)
        environment.filters["ago"] = partial(ago, language=language)
        return environment

    def language(self, request: HTTPConnection) -> str:
        chosen = request.cookies.get(LANGUAGE_COOKIE, "")
        return chosen if chosen in LANGUAGES else self._ui_language

    def render(
        self,
        request: Request,
        template: str,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> HTMLResponse:
        """A page, or a fragment (names with an underscore)."""
        state = request.scope.get("state", {})
        session = None if state.get("locked") else state.get("session")
        context.setdefault("token", session.token if session else "")
        context["logged_in"] = session is not None
        context["person"] = person = state.get("person")
        context["logs"] = person is not None and permitted(LOGS, person)
        context["clinical"] = person is not None and policy.RIGHTS[person.actor.role].record
        context["here"] = request.url.path
        context["path"] = local_page(request.url.path)
        space = self._space()
        low = session is not None and policy.low(space, self._min_free_percent)
        context["disk_percent"] = policy.percent_free(space) if low else None
        html = self._environments[self.language(request)].get_template(template).render(context)
        if not _may_pack(request):
            return HTMLResponse(html, status_code=status_code, headers=dict(headers or {}))
        packed = {"Content-Encoding": "gzip"} | dict(headers or {})
        return HTMLResponse(gzip.compress(html.encode(), PACKING), status_code=status_code, headers=packed)

    def sentence(self, request: HTTPConnection, text: str) -> str:
        """A marked Dutch sentence in the reader's language."""
        return translations(self.language(request)).gettext(text)

    def explain(self, request: HTTPConnection, error: TranscribeError) -> str:
        """The sentence of one of our errors; its parameters may be sentences or status words themselves."""
        params = {
            name: self.sentence(request, value) if isinstance(value, str) and value else value
            for name, value in error.params.items()
        }
        return self.sentence(request, error.text).format(**params)


def _may_pack(request: Request) -> bool:
    """Whether a page may be compressed: when our own pages or the person himself ask for it.

    Another site that could make the browser ask again and again, and sees how long the answers are, could guess what is
    in them (BREACH, 2013). The browser tells who asks; a script can't change that header.
    """
    asked_by = request.headers.get("sec-fetch-site", "")
    return asked_by in {"same-origin", "none"} and "gzip" in request.headers.get("accept-encoding", "")


def clock_time(seconds: float) -> str:
    """A place in a recording: 3:07."""
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(when: datetime, *, language: str) -> str:
    return babel.dates.format_datetime(when.astimezone(PRACTICE_ZONE), "d MMM yyyy HH:mm", locale=language)


def lately(when: datetime, now: datetime, *, language: str) -> str:
    """Of today the hour alone: most consults are."""
    today = when.astimezone(PRACTICE_ZONE).date() == now.astimezone(PRACTICE_ZONE).date()
    return f"{translations(language).gettext(TODAY)} {hour(when)}" if today else moment(when, language=language)


def day(when: datetime, *, language: str) -> str:
    return babel.dates.format_date(when.astimezone(PRACTICE_ZONE), "d MMMM", locale=language)


def whole_date(when: date, *, language: str) -> str:
    return babel.dates.format_date(when, "EEEE d MMMM yyyy", locale=language)


def short_date(when: date, *, language: str) -> str:
    return babel.dates.format_date(when, "d MMM yyyy", locale=language)


def second(when: datetime, *, language: str) -> str:
    return babel.dates.format_datetime(when.astimezone(PRACTICE_ZONE), "d MMM yyyy HH:mm:ss", locale=language)


def month(when: datetime, *, language: str) -> str:
    return babel.dates.format_date(when.astimezone(PRACTICE_ZONE), "LLLL yyyy", locale=language)


def hour(when: datetime) -> str:
    return when.astimezone(PRACTICE_ZONE).strftime("%H:%M")


def ago(when: datetime, now: datetime, *, language: str) -> str:
    """How long ago, in words."""
    if now - when < timedelta(minutes=1):
        return translations(language).gettext(JUST_NOW)
    return babel.dates.format_timedelta(when - now, add_direction=True, locale=language, granularity="minute")
