"""The door: around every request, before any route. Plain ASGI, so that uploads stream through it untouched."""

from __future__ import annotations

import logging
import re
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transcribe.web.access import Access, ForgedRequest, Session, UnknownHost
from transcribe.web.errors import answer, place

log = logging.getLogger(__name__)

#: Open to everybody on this machine; everything else needs a session.
OPEN = frozenset({"/start", "/login", "/health/live"})
STATIC = "/static/"
#: Pages that refresh themselves: they must not keep an unattended screen awake.
PASSIVE = re.compile(r"/werklijst|/consult/[^/]+/(voortgang|stand/\d+)")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: browsers then send "Origin: null" with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": (
        "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), payment=(), clipboard-read=(), "
        "clipboard-write=(self)"
    ),
    "Cache-Control": "no-store",
}


def cookie_name(request: Request) -> str:
    """With the port: cookies are shared by all ports of a host, and a demo may run beside the real service."""
    return f"transcribe-{request.url.port or (443 if request.url.scheme == 'https' else 80)}"


def host_name(request: Request) -> str:
    """Without the port."""
    host = request.headers.get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


class Guard:
    """Host, origin, session, headers, and the last word on exceptions."""

    def __init__(self, app: ASGIApp, *, access: Access, idle_minutes: int, hosts: frozenset[str]) -> None:
        self._app = app
        self._access = access
        self._idle = timedelta(minutes=idle_minutes)
        self._hosts = LOOPBACK | {name.lower() for name in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # there are none yet
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope, receive)
        try:
            self._check(request)
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            log.info("a client went away")
        except Exception as error:  # noqa: BLE001  (the outermost place: every error becomes an answer)
            if started:
                # too late for an answer: break the connection, and tell the log no more than type and place
                number = secrets.token_hex(4)
                log.error("error %s while answering: %s at %s", number, type(error).__name__, place(error))
                raise RuntimeError(f"answer broken off, error {number}") from None
            await answer(request, error)(scope, receive, send_with_headers)

    def _check(self, request: Request) -> None:
        """Raises unless the request may go on to the routes."""
        if host_name(request) not in self._hosts:
            raise UnknownHost  # DNS rebinding: another name that points at this machine
        if request.method not in SAFE:
            check_origin(request)
        path = request.url.path
        session: Session | None = None
        if path not in OPEN and not path.startswith(STATIC):
            session = self._access.session(
                request.cookies.get(cookie_name(request), ""),
                idle=self._idle,
                passive=PASSIVE.fullmatch(path) is not None,
            )
        request.state.session = session


def check_origin(request: Request) -> None:
    """Raises ``ForgedRequest`` when a browser says that another site sent this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise ForgedRequest
    origin = request.headers.get("origin")
    # host and port only: behind a proxy with TLS the scheme is another than the one we see
    if origin is not None and urlsplit(origin.lower()).netloc != request.headers.get("host", "").lower():
        raise ForgedRequest
