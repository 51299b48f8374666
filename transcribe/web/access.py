"""Who may look at the screens: sessions, what opens one, and what ends it.

In a demonstration an access key or a one-time ticket opens one; in a practice the same key opens the set-up, once, and
after that people log in (``staff.py``). Sessions are kept where the service wants them kept, so that a restart asks
nobody to log in again; tickets and wrong keys are in memory: a key of 192 bits is not guessed.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from transcribe.accounts import Account, Person
from transcribe.accounts import digest as _digest
from transcribe.consult import Actor
from transcribe.errors import N_, NotLoggedIn, TooManyTries, TranscribeError
from transcribe.ports import Entry, Session, Sessions

#: Wrong keys that are taken without waiting; after that each costs twice the wait of the one before.
FREE_TRIES = 5
LONGEST_WAIT = timedelta(minutes=5)
TICKET_LIFE = timedelta(hours=1)
#: A session's last sign of life is written down at most so often: idleness may end it that much early.
SEEN_EVERY = timedelta(seconds=10)
#: A recording of which no sound came for so long is over, or paused for good.
STILL_RECORDED = timedelta(minutes=30)
#: Sessions that nobody closed are cleared away after this; none is let in for so long.
KEPT = timedelta(days=7)
#: A session ends after so long, however busy it is: a working day.
LONGEST_SESSION = timedelta(hours=12)
#: For a second step, or for choosing a password.
ON_THE_WAY = timedelta(minutes=30)
#: Where a person may be sent after logging in: our own pages, ids only, never a foreign address.
LOCAL_PAGE = re.compile(
    r"/(?:opnamen|stijl|toegangslog|vernietigd|toestemming/teksten|account|medewerkers|"
    r"consult/(?:nieuw|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/wijzigen)?)?"
)


class WrongKey(TranscribeError):
    text = N_("Deze toegangssleutel klopt niet.")


class UsedTicket(TranscribeError):
    text = N_("Deze startlink is al gebruikt of verlopen. Log in met de toegangssleutel.")


class KeyClosed(TranscribeError):
    text = N_("Transcribe is hier ingericht. Log in met uw gebruikersnaam en wachtwoord.")


class ForgedRequest(TranscribeError):
    text = N_("Deze opdracht kwam niet van een pagina van transcribe. Herlaad de pagina en probeer het opnieuw.")


class Locked(NotLoggedIn):
    """Nobody touched anything for so long that the session would have ended, but a recording of it runs."""

    text = N_("Het scherm is vergrendeld. Ontgrendel het om verder te gaan.")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


class UnknownHost(TranscribeError):
    text = N_("Onbekende hostnaam. Open transcribe op het adres dat bij het starten is getoond.")


def local_page(path: str) -> str:
    """``path`` when it is one of our own pages, else the worklist."""
    return path if LOCAL_PAGE.fullmatch(path) else "/"


class Identities(Protocol):
    """Whose sessions they are. The one place that tells a demonstration from a practice."""

    def key_opens(self) -> Entry | None:
        """What the access key and a ticket open; None: nothing any more."""
        ...

    def person(self, session: Session) -> Person:
        """Raises ``NotLoggedIn``."""
        ...


class OnePerson:
    """A demonstration, or a test: whoever has the key is this person."""

    def __init__(self, actor: Actor, practice: str = "") -> None:
        self._person = Person(actor=actor, practice=practice)

    def key_opens(self) -> Entry:
        return Entry.OPEN

    def person(self, _session: Session) -> Person:
        return self._person


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

    def sounded(self, digest: bytes, consult_id: UUID, at: datetime) -> None:
        with self._lock:
            if (found := self._sessions.get(digest)) is not None:
                self._sessions[digest] = replace(found, recording=consult_id, sounded=at)

    def remove(self, digest: bytes) -> None:
        with self._lock:
            self._sessions.pop(digest, None)

    def forget(self, before: datetime) -> None:
        with self._lock:
            self._sessions = {key: kept for key, kept in self._sessions.items() if kept.last_seen >= before}

    def of(self, account_id: UUID) -> list[Session]:
        with self._lock:
            found = [kept for kept in self._sessions.values() if kept.account_id == account_id]
        return sorted(found, key=lambda kept: kept.began, reverse=True)


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

    def use_ticket(self, ticket: str, opens: Entry | None = Entry.OPEN) -> str:
        """A session id for a ticket. Raises ``KeyClosed`` when it ``opens`` nothing, ``UsedTicket``, or
        ``TooManyTries`` for one more bad ticket.
        """
        if opens is None:
            raise KeyClosed
        now = self._clock()
        with self._lock:
            end = self._tickets.get(_digest(ticket))
            if end is None or end <= now:
                self._check_open(now)
                self._failed(now)
                raise UsedTicket
            session_id = self.open(opens)
            del self._tickets[_digest(ticket)]  # used now, and not when there was no database to open a session in
            return session_id

    def use_key(self, key: str, opens: Entry | None = Entry.OPEN) -> str:
        """A session id for the access key. Raises ``KeyClosed`` or ``WrongKey``, or ``TooManyTries`` without looking at
        the key.
        """
        if opens is None:
            raise KeyClosed
        self.check_key(key)
        return self.open(opens)

    def check_key(self, key: str) -> None:
        """Raises ``WrongKey``, or ``TooManyTries`` without looking at the key."""
        now = self._clock()
        with self._lock:
            self._check_open(now)
            if not hmac.compare_digest(_digest(key.strip()), self._key):
                self._failed(now)
                raise WrongKey
            self._failures = 0
            self._closed_until = None

    def session(self, session_id: str, *, idle: timedelta, passive: bool) -> Session:
        """The session of a cookie. ``passive`` requests (a page that refreshes itself) don't keep it awake.

        Raises ``NotLoggedIn``; a session that was idle too long is gone for good. While sound of a recording came from
        it in that time it is not gone but ``Locked``, until ``unlock``: no other request opens it.
        """
        now = self._clock()
        found = self._sessions.find(_digest(session_id))
        if found is None or found.stage is not Entry.OPEN:
            raise NotLoggedIn
        if now - found.began > LONGEST_SESSION:
            self._sessions.remove(found.digest)
            raise NotLoggedIn
        if now - found.last_seen > idle:
            if found.sounded is not None and now - found.sounded <= idle:
                raise Locked(found)
            self._sessions.remove(found.digest)
            raise NotLoggedIn
        if not passive and now - found.last_seen >= SEEN_EVERY:
            self._sessions.seen(found.digest, now)
        return found

    def left(self, session: Session, idle: timedelta) -> timedelta:
        """Until it is locked or ends when nobody does anything."""
        now = self._clock()
        return min(idle - (now - session.last_seen), LONGEST_SESSION - (now - session.began))

    def sounded(self, session: Session, consult_id: UUID) -> None:
        """Sound of that consult came from it. That is no sign of a person: somebody may speak who may not look."""
        now = self._clock()
        if session.recording != consult_id or session.sounded is None or now - session.sounded >= SEEN_EVERY:
            self._sessions.sounded(session.digest, consult_id, now)

    def unlock(self, session: Session) -> None:
        """Whoever it is of proved so again."""
        self._sessions.seen(session.digest, self._clock())

    def under_way(self, session_id: str, *stages: Entry) -> Session:
        """Of somebody who is on the way in, at one of these stages. Raises ``NotLoggedIn``."""
        found = self._sessions.find(_digest(session_id))
        if found is None or found.stage not in stages or self._clock() - found.began > ON_THE_WAY:
            raise NotLoggedIn
        return found

    def heard(self, session: Session, consult_id: UUID) -> None:
        """Its listening to this consult is in the access log; not once for each piece of sound that is fetched."""
        self._sessions.heard(session.digest, consult_id)

    def of(self, account: Account) -> list[Session]:
        """Where somebody is logged in now, newest first."""
        now = self._clock()
        return [
            one
            for one in self._sessions.of(account.id)
            if one.stage is Entry.OPEN and one.epoch == account.epoch and now - one.began <= LONGEST_SESSION
        ]

    def close(self, session_id: str) -> None:
        self._sessions.remove(_digest(session_id))

    def open(self, stage: Entry, account: Account | None = None, *, instead_of: str = "") -> str:
        """A new session id. ``instead_of``: the browser's session before; an id never goes along to another stage.

        One of the same account that a recording runs in stays for the line of that recording, until its sound ends: who
        logs in because the screen was locked must not end it.
        """
        session_id = secrets.token_urlsafe(32)
        now = self._clock()
        self._sessions.forget(now - KEPT)
        before = self._sessions.find(_digest(instead_of)) if instead_of else None
        if before is not None and not self._records(before, account, now):
            self._sessions.remove(before.digest)
        self._sessions.add(
            Session(
                digest=_digest(session_id),
                token=secrets.token_urlsafe(32),
                began=now,
                last_seen=now,
                stage=stage,
                account_id=account.id if account else None,
                epoch=account.epoch if account else 0,
            )
        )
        return session_id

    def _records(self, session: Session, account: Account | None, now: datetime) -> bool:
        """Is a recording of the same person made in it?"""
        same = (session.account_id, session.epoch) == ((account.id, account.epoch) if account else (None, 0))
        return same and session.sounded is not None and now - session.sounded <= STILL_RECORDED

    def _check_open(self, now: datetime) -> None:
        if self._closed_until is not None and now < self._closed_until:
            raise TooManyTries(seconds=int((self._closed_until - now).total_seconds()) + 1)

    def _failed(self, now: datetime) -> None:
        self._failures += 1
        late = self._failures - FREE_TRIES
        if late >= 0:
            self._closed_until = now + min(timedelta(seconds=2 ** min(late, 20)), LONGEST_WAIT)
