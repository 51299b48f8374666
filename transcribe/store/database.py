"""What all that talks to PostgreSQL shares: addresses, and errors in a person's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
from procrastinate.exceptions import ConnectorException
from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoSessionFree

from transcribe.errors import DiskFull, OtherSchema, SetupProblem, StoreUnavailable, TranscribeError

_DISK_FULL = "53100"  # SQLSTATE
_TRIGGER = "P0"
#: A table or column that we ask for and that is not there.
_UNDEFINED = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
#: Of keys that are wrapped by the master key that the database has now.
_OF_MASTER_KEY = frozenset({"data_key_master_fkey", "lasting_key_master_fkey"})
#: What is wrong with these is in what we asked: asking again is no use.
_OURS = (psycopg.DataError, psycopg.IntegrityError, psycopg.NotSupportedError, psycopg.ProgrammingError)
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
    """The database's errors that a person must be told; others are ours to repair and stay as they are.

    Whoever talked to it: SQLAlchemy, the driver (COPY), the queue.
    """
    try:
        yield
    except (DBAPIError, ConnectorException, psycopg.Error) as problem:
        told = _as_told(problem)
        if told is None:
            raise
        raise told from problem
    except NoSessionFree as problem:
        raise StoreUnavailable from problem


def _as_told(problem: DBAPIError | ConnectorException | psycopg.Error) -> TranscribeError | None:
    """None for a mistake of ours."""
    lost = False
    cause: BaseException | None = problem
    if isinstance(problem, DBAPIError):
        lost, cause = problem.connection_invalidated, problem.orig
    elif isinstance(problem, ConnectorException):
        cause = problem.__cause__
    state = getattr(cause, "sqlstate", None) or ""
    if state == _DISK_FULL:
        return DiskFull()
    if isinstance(cause, _UNDEFINED):
        return OtherSchema()
    if isinstance(cause, psycopg.errors.ForeignKeyViolation) and cause.diag.constraint_name in _OF_MASTER_KEY:
        return SetupProblem(
            problem="de hoofdsleutel is vervangen terwijl dit nog liep. Herstart de dienst; er is niets verloren."
        )
    if (isinstance(cause, _OURS) or state.startswith(_TRIGGER)) and not lost:
        return None
    # no connection, a time-out, a deadlock, a server in trouble: trying again is the right advice
    return StoreUnavailable()


def driver(tx: Connection) -> psycopg.Connection[Any]:
    """Of psycopg itself, for what SQLAlchemy has no words for."""
    found = tx.connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found
