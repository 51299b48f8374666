"""The door: around every request, before any route. Plain ASGI, so that uploads stream through it untouched."""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

import anyio
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transcribe.accounts import Person
from transcribe.errors import NotLoggedIn, StoreUnavailable
from transcribe.logs import first, place
from transcribe.origin import Client, Origin, coming_from
from transcribe.ports import Session
from transcribe.web.access import Access, ForgedRequest, Identities, Locked, UnknownHost
from transcribe.web.errors import answer

log = logging.getLogger(__name__)

#: Open to everybody on this machine; everything else needs a session.
OPEN = frozenset({"/start", "/login", "/uitnodiging", "/health/live", "/health/ready", "/metrics", "/his"})
#: Below ``/login`` and ``/welkom``: for who is on the way in, which those pages see to themselves.
OPEN_BELOW = ("/static/", "/his/", "/login/", "/welkom/")
#: The only address that another site may post to: what it says is signed (``his.py``).
SIGNED = "/his"
#: Pages that refresh themselves: they must not keep an unattended screen awake.
PASSIVE = re.compile(r"/werklijst|/sessie|/opnamen/stand|/consult/[^/]+/(voortgang|groei|opname/stand|stand/\d+)")
#: The only address that takes a WebSocket: the sound of a recording.
LIVE = re.compile(r"/consult/[^/]+/opname")
#: What a locked session may ask, beside what its recorder needs: the way out of the lock.
UNLOCK = frozenset({"/slot", "/logout"})
#: How often the session behind a recording is asked for (seconds). Sound that came in since then keeps it from ending.
LIVE_CHECK_S = 2.0
#: Close codes of ours, as the client sees them.
FORBIDDEN, LOG_IN, BROKEN, TRY_AGAIN = 1008, 4401, 1011, 1013
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
        "camera=(), microphone=(self), geolocation=(), display-capture=(self), usb=(), payment=(), clipboard-read=(), "
        "clipboard-write=(self)"
    ),
    "Cache-Control": "no-store",
}
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
#: For names other than loopback. This name alone: others below it are the practice's.
HSTS = "max-age=31536000"


def cookie_name(request: HTTPConnection) -> str:
    """With the port: cookies are shared by all ports of a host, and a demo may run beside the real service."""
    return f"transcribe-{request.url.port or (443 if request.url.scheme in ('https', 'wss') else 80)}"


def host_name(request: HTTPConnection) -> str:
    """Without the port."""
    host = request.headers.get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


class Guard:
    """Host, origin, session, headers, and the last word on exceptions."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        identities: Identities,
        idle_minutes: float,
        running: Callable[[Person, UUID], bool],
        hosts: frozenset[str],
        proxy: str = "",
    ) -> None:
        """``hosts``, ``proxy``: see ``create_app``. ``running``: is that consult of that person's practice still being
        recorded?
        """
        self._app = app
        self._access = access
        self._identities = identities
        self._idle = timedelta(minutes=idle_minutes)
        self._running = running
        self._hosts = LOOPBACK | {name.lower() for name in hosts}
        self._proxy = _ip(proxy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        if host_name(connection) not in LOOPBACK:
            # links, redirects and cookies go by it: our proxy speaks TLS with the browser, and none with us
            scope = {**scope, "scheme": "https" if scope["type"] == "http" else "wss"}
        # a number of our own: one that comes from outside could be anybody's
        request_id = secrets.token_hex(8)
        here = Origin(client=Client.BROWSER, address=self._address(connection), request=request_id)
        with coming_from(here):
            if scope["type"] == "websocket":
                await self._live(scope, receive, send)
            else:
                await self._answer(scope, receive, send, request_id)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
                if host_name(request) in self._hosts - LOOPBACK:
                    headers["Strict-Transport-Security"] = HSTS
            await send(message)

        request = Request(scope, receive)
        try:
            await run_in_threadpool(self._check, request)  # it asks the database
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

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket: host, origin and session as for a page, and the session again for as long as it lasts."""
        connection = HTTPConnection(scope)
        accepted = closed = gone = heard = logged_out = False

        async def noting(message: Message) -> None:
            nonlocal accepted, closed, gone
            accepted = accepted or message["type"] == "websocket.accept"
            closed = closed or message["type"] == "websocket.close"
            try:
                await send(message)
            except OSError:  # so says ASGI that nobody is there any more
                closed = gone = True
                raise

        async def hearing() -> Message:
            nonlocal heard
            message = await receive()
            heard = heard or message.get("bytes") is not None
            return message

        def session(*, sound: bool = False) -> tuple[Session, Person]:
            # who hears is no person who looks: neither sound nor a connection that comes back keeps the screen open
            found = self._session(connection, passive=True)
            if sound:
                self._access.sounded(found[0], _consult_of(connection))
            return found

        async def watch() -> None:
            """Beside the sound, which does not wait for the database."""
            nonlocal heard, logged_out
            while True:
                await anyio.sleep(LIVE_CHECK_S)
                sound, heard = heard, False
                try:
                    await run_in_threadpool(partial(session, sound=sound))
                except StoreUnavailable:
                    continue  # the recording goes on
                except NotLoggedIn:
                    logged_out = True
                    tasks.cancel_scope.cancel()

        try:
            if host_name(connection) not in self._hosts:
                raise UnknownHost
            # a browser always names the origin of a WebSocket, and asks nobody before it connects
            if "origin" not in connection.headers or LIVE.fullmatch(connection.url.path) is None:
                raise ForgedRequest
            check_origin(connection)
            connection.state.session, connection.state.person = await run_in_threadpool(session)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch)
                await self._app(scope, hearing, noting)
                tasks.cancel_scope.cancel()
            if logged_out and not closed:
                await noting({"type": "websocket.close", "code": LOG_IN})
        except (UnknownHost, ForgedRequest):
            await receive()
            await send({"type": "websocket.close", "code": FORBIDDEN})
        except (NotLoggedIn, StoreUnavailable) as refused:
            # accepted first: a browser does not tell a page why it was refused
            await receive()
            await send({"type": "websocket.accept"})
            code = LOG_IN if isinstance(refused, NotLoggedIn) else TRY_AGAIN
            await send({"type": "websocket.close", "code": code})
        except Exception as error:  # noqa: BLE001  (the outermost place: nothing a person said reaches the log)
            if gone:
                log.info("a recording client went away")
                return
            log.error("error in a recording: %s at %s", type(first(error)).__name__, place(error))
            if accepted and not closed:
                await send({"type": "websocket.close", "code": BROKEN})

    def _address(self, connection: HTTPConnection) -> str:
        """IP address of the client; "" on this machine. Behind our proxy: what that says, and not what it was told."""
        peer = _ip(connection.client.host if connection.client else "")
        if not self._is_proxy(peer):
            return _far(peer)
        # some proxies add to the line that was there, others put a line of their own below it
        said = ",".join(connection.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
        return _far(_ip(said) or peer)

    def _is_proxy(self, peer: IpAddress | None) -> bool:
        """The one that the settings name; without that one on this machine, if we have another name than loopback."""
        if self._proxy is not None:
            return peer == self._proxy
        return self._hosts != LOOPBACK and not _far(peer)

    def _session(self, request: HTTPConnection, *, passive: bool) -> tuple[Session, Person]:
        """Asked for anew with every request: who was disabled or got another role is out at once."""
        cookie = request.cookies.get(cookie_name(request), "")
        request.state.locked = False
        try:
            session = self._access.session(cookie, idle=self._idle, passive=passive)
        except Locked as locked:
            person = self._identities.person(locked.session)
            if _is_sound(request, locked.session):
                return locked.session, person
            if locked.session.recording is None or not self._running(person, locked.session.recording):
                self._access.close(cookie)  # nothing is recorded any more: as any session that nobody used
                raise NotLoggedIn from None
            if not _works_locked(request, locked.session):
                raise
            request.state.locked = True
            return locked.session, person
        return session, self._identities.person(session)

    def _check(self, request: Request) -> None:
        """Raises unless the request may go on to the routes."""
        if host_name(request) not in self._hosts:
            raise UnknownHost  # DNS rebinding: another name that points at this machine
        path = request.url.path
        if request.method not in SAFE and path != SIGNED:
            check_origin(request)
        request.state.session = request.state.person = None
        request.state.locked = False
        if path not in OPEN and not path.startswith(OPEN_BELOW):
            found = self._session(request, passive=PASSIVE.fullmatch(path) is not None)
            request.state.session, request.state.person = found


def _consult_of(connection: HTTPConnection) -> UUID:
    """Of an address as ``LIVE``. Raises ``NotLoggedIn`` when that names none: the session has no part in it."""
    try:
        return UUID(connection.url.path.split("/")[2])
    except ValueError:
        raise NotLoggedIn from None


def _is_sound(connection: HTTPConnection, session: Session) -> bool:
    """The connection of the recording that keeps a locked session from ending."""
    return connection.scope["type"] == "websocket" and connection.url.path == f"/consult/{session.recording}/opname"


def _works_locked(request: HTTPConnection, session: Session) -> bool:
    """Unlocking, and the key with which its recorder reads what it kept: without that a reload would end the recording.
    It opens nothing but sound of that consult that is still in this very browser.
    """
    if request.scope["type"] != "http":
        return False
    key = f"/consult/{session.recording}/opname/sleutel"
    return request.url.path in UNLOCK or (request.scope["method"] == "GET" and request.url.path == key)


def _ip(text: str) -> IpAddress | None:
    """None: it is no address. One of IPv4 is that, also where the socket writes it as IPv6 (::ffff:192.0.2.7)."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _far(address: IpAddress | None) -> str:
    """The address when there is one, and not of this machine."""
    return "" if address is None or address.is_loopback else str(address)


def check_origin(request: HTTPConnection) -> None:
    """Raises ``ForgedRequest`` when a browser says that another site sent this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise ForgedRequest
    origin = request.headers.get("origin")
    # host and port only: behind a proxy with TLS the scheme is another than the one we see
    if origin is not None and urlsplit(origin.lower()).netloc != request.headers.get("host", "").lower():
        raise ForgedRequest
