"""Who may look at this machine's screens: an access key or a one-time ticket opens a session, idleness closes it.

One machine, one person, until there is a real log-in. Everything is in memory: a restart asks for the key again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from transcribe.errors import N_, TranscribeError

#: Wrong keys that are taken without waiting; after that each costs twice the wait of the one before.
FREE_TRIES = 5
LONGEST_WAIT = timedelta(minutes=5)
TICKET_LIFE = timedelta(hours=1)
#: Where a person may be sent after logging in: our own pages, ids only, never a foreign address.
LOCAL_PAGE = re.compile(r"/(?:consult/(?:nieuw|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/wijzigen)?)?")


class NotLoggedIn(TranscribeError):
    text = N_("Uw sessie is afgelopen. Log opnieuw in.")


class WrongKey(TranscribeError):
    text = N_("Deze toegangssleutel klopt niet.")


class TooManyTries(TranscribeError):
    text = N_("Te veel mislukte pogingen. Wacht {seconds} seconden en probeer het opnieuw.")


class UsedTicket(TranscribeError):
    text = N_("Deze startlink is al gebruikt of verlopen. Log in met de toegangssleutel.")


class ForgedRequest(TranscribeError):
    text = N_("Deze opdracht kwam niet van een pagina van transcribe. Herlaad de pagina en probeer het opnieuw.")


class UnknownHost(TranscribeError):
    text = N_("Onbekende hostnaam. Open transcribe op het adres dat bij het starten is getoond.")


@dataclass(kw_only=True)
class Session:
    """One browser that is logged in."""

    token: str  # goes into every form: a page of another site can't know it
    last_seen: datetime
    heard: set[UUID] = field(default_factory=set)  # consults whose listening is already in the access log


def local_page(path: str) -> str:
    """``path`` when it is one of our own pages, else the worklist."""
    return path if LOCAL_PAGE.fullmatch(path) else "/"


class Access:
    """Thread-safe: tickets are asked for outside the web server's thread."""

    def __init__(self, key: str, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        if len(key) < 20:
            raise ValueError("an access key of fewer than 20 characters can be guessed")
        self._key = _digest(key)
        self._clock = clock
        self._lock = threading.Lock()
        self._tickets: dict[bytes, datetime] = {}  # digest of the ticket: when it ends
        self._sessions: dict[bytes, Session] = {}  # digest of the session id
        self._failures = 0
        self._closed_until: datetime | None = None

    def ticket(self) -> str:
        """A secret that opens one session, once: ``/start?ticket=...``."""
        ticket = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            self._tickets = {digest: end for digest, end in self._tickets.items() if end > now}
            self._tickets[_digest(ticket)] = now + TICKET_LIFE
        return ticket

    def use_ticket(self, ticket: str) -> str:
        """A session id for a ticket. Raises ``UsedTicket``, or ``TooManyTries`` for one more bad ticket."""
        now = self._clock()
        with self._lock:
            end = self._tickets.pop(_digest(ticket), None)
            if end is None or end <= now:
                self._check_open(now)
                self._failed(now)
                raise UsedTicket
            return self._open()

    def use_key(self, key: str) -> str:
        """A session id for the access key. Raises ``WrongKey``, or ``TooManyTries`` without looking at the key."""
        now = self._clock()
        with self._lock:
            self._check_open(now)
            if not hmac.compare_digest(_digest(key.strip()), self._key):
                self._failed(now)
                raise WrongKey
            self._failures = 0
            self._closed_until = None
            return self._open()

    def session(self, session_id: str, *, idle: timedelta, passive: bool) -> Session:
        """The session of a cookie. ``passive`` requests (a page that refreshes itself) don't keep it awake.

        Raises ``NotLoggedIn``; a session that was idle too long is gone for good.
        """
        now = self._clock()
        digest = _digest(session_id)
        with self._lock:
            found = self._sessions.get(digest)
            if found is None:
                raise NotLoggedIn
            if now - found.last_seen > idle:
                del self._sessions[digest]
                raise NotLoggedIn
            if not passive:
                found.last_seen = now
            return found

    def close(self, session_id: str) -> None:
        with self._lock:
            self._sessions.pop(_digest(session_id), None)

    def _check_open(self, now: datetime) -> None:
        if self._closed_until is not None and now < self._closed_until:
            raise TooManyTries(seconds=int((self._closed_until - now).total_seconds()) + 1)

    def _failed(self, now: datetime) -> None:
        self._failures += 1
        late = self._failures - FREE_TRIES
        if late >= 0:
            self._closed_until = now + min(timedelta(seconds=2 ** min(late, 20)), LONGEST_WAIT)

    def _open(self) -> str:
        session_id = secrets.token_urlsafe(32)
        self._sessions[_digest(session_id)] = Session(token=secrets.token_urlsafe(32), last_seen=self._clock())
        return session_id


def _digest(secret: str) -> bytes:
    """Secrets are compared and kept by digest: equal length, and a memory dump holds no key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
