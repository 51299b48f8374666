"""What all that talks to PostgreSQL shares: addresses, and errors in a person's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from transcribe.errors import DiskFull, SetupProblem, StoreUnavailable

_DISK_FULL = "53100"  # SQLSTATE
#: This process, in the name of each of its sessions: when it is taken for dead all of them are ended together, so that
#: it keeps no lock in a transaction that it froze in.
PROCESS = uuid4()


def session_name(process: UUID) -> str:
    return f"transcribe {process}"


SESSION_NAME = session_name(PROCESS)


def database_url(given: str) -> URL:
    """What an administrator writes (``postgres://...``) as SQLAlchemy wants it. Raises ``SetupProblem``."""
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        # not chained: the message would show the password
        raise SetupProblem(
            problem="TRANSCRIBE_DATABASE_URL is geen adres van een database (postgresql://gebruiker@server/database)."
        ) from None
    if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise SetupProblem(problem="transcribe werkt alleen met PostgreSQL (postgresql://gebruiker@server/database).")
    return url.set(drivername="postgresql+psycopg")


@contextmanager
def translated() -> Iterator[None]:
    """The database's errors that a person must be told; others are ours to repair and stay as they are."""
    try:
        yield
    except DBAPIError as problem:
        if getattr(problem.orig, "sqlstate", None) == _DISK_FULL:
            raise DiskFull from problem
        # no connection, a time-out, a deadlock: trying again is the right advice
        if isinstance(problem, OperationalError) or problem.connection_invalidated:
            raise StoreUnavailable from problem
        raise
