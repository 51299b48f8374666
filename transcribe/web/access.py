"""Who may look at this machine's screens: an access key or a one-time ticket opens a session, idleness closes it.

One machine, one person, until there is a real log-in. Sessions are kept where the service wants them kept, so that a
restart asks nobody for the key again; tickets and failed tries are in memory.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from transcribe.errors import N_, TranscribeError
from transcribe.ports import Session, Sessions

#: Wrong keys that are taken without waiting; after that each costs twice the wait of the one before.
FREE_TRIES = 5
LONGEST_WAIT = timedelta(minutes=5)
TICKET_LIFE = timedelta(hours=1)
#: A session's last sign of life is written down at most so often: idleness may end it that much early.
SEEN_EVERY = timedelta(seconds=10)
#: Sessions that nobody closed are cleared away after this; none is let in for so long.
KEPT = timedelta(days=7)
#: Where a person may be sent after logging in: our own pages, ids only, never a foreign address.
LOCAL_PAGE = re.compile(
    r"/(?:stijl|toegangslog|vernietigd|toestemming/teksten|"
    r"consult/(?:nieuw|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/wijzigen)?)?"
)


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


def local_page(path: str) -> str:
    """``path`` when it is one of our own pages, else the worklist."""
    return path if LOCAL_PAGE.fullmatch(path) else "/"


class MemorySessions:
    """See ``ports.Sessions``. They end with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[bytes, Session] = {}

    def add(self, session: Session) -> None:
        with self._lock:
            self._sessions[session.digest] = session

    def find(self, digest: bytes) -> Session | None:
        with self._lock:
            return self._sessions.get(digest)

    def seen(self, digest: bytes, at: datetime) -> None:
        with self._lock:
            if digest in self._sessions:
                self._sessions[digest] = replace(self._sessions[digest], last_seen=at)

    def heard(self, digest: bytes, consult_id: UUID) -> None:
        with self._lock:
            if (found := self._sessions.get(digest)) is not None:
                self._sessions[digest] = replace(found, heard=found.heard | {consult_id})

    def remove(self, digest: bytes) -> None:
        with self._lock:
            self._sessions.pop(digest, None)

    def forget(self, before: datetime) -> None:
        with self._lock:
            self._sessions = {key: kept for key, kept in self._sessions.items() if kept.last_seen >= before}


class Access:
    """Thread-safe: tickets are asked for outside the web server's thread."""

    def __init__(
        self,
        key: str,
        sessions: Sessions | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``sessions``: in memory when there are none."""
        if len(key) < 20:
            raise ValueError("an access key of fewer than 20 characters can be guessed")
        self._key = _digest(key)
        self._clock = clock
        self._lock = threading.Lock()
        self._tickets: dict[bytes, datetime] = {}  # digest of the ticket: when it ends
        self._sessions = sessions or MemorySessions()
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
            end = self._tickets.get(_digest(ticket))
            if end is None or end <= now:
                self._check_open(now)
                self._failed(now)
                raise UsedTicket
            session_id = self._open()
            del self._tickets[_digest(ticket)]  # used now, and not when there was no database to open a session in
            return session_id

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
        found = self._sessions.find(_digest(session_id))
        if found is None:
            raise NotLoggedIn
        if now - found.last_seen > idle:
            self._sessions.remove(found.digest)
            raise NotLoggedIn
        if not passive and now - found.last_seen >= SEEN_EVERY:
            self._sessions.seen(found.digest, now)
        return found

    def heard(self, session: Session, consult_id: UUID) -> None:
        """Its listening to this consult is in the access log; not once for each piece of sound that is fetched."""
        self._sessions.heard(session.digest, consult_id)

    def close(self, session_id: str) -> None:
        self._sessions.remove(_digest(session_id))

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
        now = self._clock()
        self._sessions.forget(now - KEPT)
        self._sessions.add(Session(digest=_digest(session_id), token=secrets.token_urlsafe(32), last_seen=now))
        return session_id


def _digest(secret: str) -> bytes:
    """Secrets are compared and kept by digest: equal length, and a memory dump holds no key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
